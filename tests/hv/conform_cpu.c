/* vCPUs, affinities, scheduler, CPU pools. */
#include "tests/hv/conform.h"

#include <stdio.h>
#include <string.h>

static struct hv_vcpu vcpu_of(uint32_t domid, size_t number)
{
    struct hv_vcpu *vcpus, none = { .cpus = "(none)", .cpus_soft = "(none)" };
    size_t n = 0;

    OK(hv->domain->vcpus(hv, domid, arena, &vcpus, &n, &err));
    if (!CHECK(number < n, "%zu vCPUs", n))
        return none;
    CHECK(vcpus[number].number == number, "number %u", vcpus[number].number);
    return vcpus[number];
}

struct wanted {
    uint32_t domid;
    uint32_t n;
};

static bool uses(void *arg)
{
    const struct wanted *wanted = arg;
    struct hv_domain_info info = { 0 };

    return hv->domain->info(hv, wanted->domid, arena, &info, NULL) == 0 &&
           info.vcpus_online == wanted->n;
}

static void check_uses(uint32_t domid, uint32_t n, uint32_t max)
{
    struct wanted wanted = { domid, n };
    struct hv_vcpu *vcpus;
    size_t n_vcpus = 0;
    uint32_t n_online = 0;

    CHECK(wait_for(uses, &wanted, GUEST_MS), "%u vCPUs, and %u asked for",
          info_of(domid).vcpus_online, n);
    if (!OK(hv->domain->vcpus(hv, domid, arena, &vcpus, &n_vcpus, &err)))
        return;
    CHECK(n_vcpus == max, "%zu vCPUs listed", n_vcpus);
    for (size_t i = 0; i < n_vcpus; i++)
        n_online += vcpus[i].online;
    CHECK(n_online == n, "%u of them online", n_online);
    CHECK(n_vcpus > 0 && vcpus[0].online && vcpus[0].cpu < host().pcpus,
          "the first one");
}

static void test_vcpus(void)
{
    struct hv_domain_config config = guest("conform-vcpus");

    config.max_vcpus = 3;
    config.vcpus = 2;
    uint32_t domid = start(&config);
    if (domid == HV_DOMID_NONE)
        return;
    check_uses(domid, 2, 3);
    OK(hv->domain->set_vcpus(hv, domid, 3, &err));
    check_uses(domid, 3, 3);
    OK(hv->domain->set_vcpus(hv, domid, 1, &err));
    check_uses(domid, 1, 3);
    ENDS(VDC_E_BAD_VALUE, hv->domain->set_vcpus(hv, domid, 0, &err));
    ENDS(VDC_E_BAD_VALUE, hv->domain->set_vcpus(hv, domid, 4, &err));
    check_uses(domid, 1, 3);
    CHECK(info_of(domid).vcpus_max == 3, "maximum");
    end(domid);
}

/* Told before it has booted. */
static void test_vcpus_early(void)
{
    struct hv_domain_config config = guest("conform-early");
    uint32_t domid;

    config.max_vcpus = 2;
    if (!OK(make(&config, &domid)))
        return;
    CHECK(info_of(domid).vcpus_online == 1, "%u online before it runs",
          info_of(domid).vcpus_online);
    OK(hv->domain->set_vcpus(hv, domid, 2, &err));
    OK(WAIT(unpause, domid));
    check_uses(domid, 2, 2);
    end(domid);
}

/* What is set is what is shown, in the shortest form. */
static void round_trip(uint32_t domid, const char *list, const char *shown)
{
    OK(hv->domain->set_affinity(hv, domid, -1, list, NULL, &err));
    struct hv_vcpu vcpu = vcpu_of(domid, 1);
    CHECK(strcmp(vcpu.cpus, shown) == 0, "\"%s\" is shown as \"%s\"", list,
          vcpu.cpus);
    CHECK(strcmp(vcpu.cpus_soft, "all") == 0, "soft affinity \"%s\"",
          vcpu.cpus_soft);
}

static void test_affinity(void)
{
    struct hv_domain_config config = guest("conform-pin");
    unsigned last = host().pcpus - 1;
    uint32_t domid;

    config.vcpus = config.max_vcpus = 2;
    if (!OK(make(&config, &domid)))
        return;
    CHECK(strcmp(vcpu_of(domid, 0).cpus, "all") == 0, "\"%s\" at first",
          vcpu_of(domid, 0).cpus);
    round_trip(domid, "0", last == 0 ? "all" : "0");
    round_trip(domid, arena_printf(arena, "%u", last),
               last == 0 ? "all" : arena_printf(arena, "%u", last));
    round_trip(domid, arena_printf(arena, "0-%u", last), "all");
    round_trip(domid, "all", "all");
    if (last > 0)
        round_trip(domid, "all,^0",
                   last == 1 ? "1" : arena_printf(arena, "1-%u", last));
    round_trip(domid, "nodes:0,all", "all");
    if (last > 0) {
        OK(hv->domain->set_affinity(hv, domid, 1, "0", "1", &err));
        struct hv_vcpu first = vcpu_of(domid, 0), second = vcpu_of(domid, 1);
        CHECK(strcmp(first.cpus, "all") == 0 &&
                  strcmp(first.cpus_soft, "all") == 0,
              "the other vCPU: \"%s\" \"%s\"", first.cpus, first.cpus_soft);
        CHECK(strcmp(second.cpus, "0") == 0, "\"%s\"", second.cpus);
        CHECK(strcmp(second.cpus_soft, "1") == 0, "\"%s\"", second.cpus_soft);
        OK(hv->domain->set_affinity(hv, domid, 1, NULL, "all", &err));
        CHECK(strcmp(vcpu_of(domid, 1).cpus, "0") == 0,
              "the hard one was left, and is \"%s\"", vcpu_of(domid, 1).cpus);
    }
    end(domid);
}

static void test_affinity_wrong(void)
{
    static const char *const wrong[] = {
        "", "x", "0-", "4000", "^all", "0,^0"
    };
    struct hv_domain_config config = guest("conform-mispin");
    uint32_t domid;

    config.vcpus = config.max_vcpus = 2;
    if (!OK(make(&config, &domid)))
        return;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ENDS(VDC_E_BAD_VALUE,
             hv->domain->set_affinity(hv, domid, -1, wrong[i], NULL, &err));
        ENDS(VDC_E_BAD_VALUE,
             hv->domain->set_affinity(hv, domid, 0, NULL, wrong[i], &err));
    }
    ENDS(VDC_E_BAD_VALUE,
         hv->domain->set_affinity(hv, domid, 2, "0", NULL, &err));
    ENDS(VDC_E_BAD_VALUE,
         hv->domain->set_affinity(hv, domid, -2, "0", NULL, &err));
    CHECK(strcmp(vcpu_of(domid, 0).cpus, "all") == 0, "nothing is set");
    CHECK(strcmp(vcpu_of(domid, 1).cpus_soft, "all") == 0, "nothing is set");
    end(domid);
}

static void test_affinity_created(void)
{
    static const char *const both[] = { "0" };
    struct hv_domain_config config = guest("conform-born");
    uint32_t domid;

    config.vcpus = config.max_vcpus = 2;
    config.n_hard_affinity = 1;
    config.hard_affinity = both;
    config.cpu_weight = 400;
    config.cpu_cap = 60;
    if (!OK(make(&config, &domid)))
        return;
    const char *shown = host().pcpus == 1 ? "all" : "0";
    CHECK(strcmp(vcpu_of(domid, 0).cpus, shown) == 0 &&
              strcmp(vcpu_of(domid, 1).cpus, shown) == 0,
          "one list is for all vCPUs");
    struct hv_sched sched = { 0 };
    OK(hv->domain->sched(hv, domid, &sched, &err));
    CHECK(sched.weight == 400 && sched.cap == 60, "weight %u, cap %u",
          sched.weight, sched.cap);
    end(domid);
}

static void test_sched(void)
{
    static const struct hv_sched good[] = {
        { 512, 50 }, { 1, 0 }, { 65535, 100 }, { 256, 0 }
    };
    static const struct hv_sched bad[] = { { 0, 0 }, { 65536, 0 } };
    struct hv_domain_config config = guest("conform-sched");
    struct hv_sched sched = { 0 };
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    OK(hv->domain->sched(hv, domid, &sched, &err));
    CHECK(sched.weight == 256 && sched.cap == 0, "at first weight %u, cap %u",
          sched.weight, sched.cap);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        OK(hv->domain->set_sched(hv, domid, &good[i], &err));
        OK(hv->domain->sched(hv, domid, &sched, &err));
        CHECK(sched.weight == good[i].weight && sched.cap == good[i].cap,
              "weight %u, cap %u", sched.weight, sched.cap);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ENDS(VDC_E_BAD_VALUE, hv->domain->set_sched(hv, domid, &bad[i], &err));
    OK(hv->domain->sched(hv, domid, &sched, &err));
    CHECK(sched.weight == 256 && sched.cap == 0, "weight %u, cap %u",
          sched.weight, sched.cap);
    end(domid);
}

/* Xen counts a domain that ends until it has forgotten the last of it. */
static bool has_domains(void *arg)
{
    const uint32_t *n_domains = arg;
    struct hv_cpupool *pools;
    size_t n = 0;

    return hv->domain->cpupools(hv, arena, &pools, &n, NULL) == 0 && n > 0 &&
           pools[0].n_domains == *n_domains;
}

static uint32_t n_listed(void)
{
    struct hv_domain_info *infos;
    size_t n = 0;

    OK(hv->domain->list(hv, arena, &infos, &n, &err));
    return (uint32_t)n;
}

static void test_cpupools(void)
{
    struct hv_domain_config config = guest("conform-pool");
    struct hv_cpupool *pools;
    size_t n = 0;
    uint32_t domid;

    if (!OK(hv->domain->cpupools(hv, arena, &pools, &n, &err)) ||
        !CHECK(n > 0, "no CPU pool"))
        return;
    uint32_t had = n_listed(), n_cpus = 0;
    for (size_t i = 0; i < n; i++)
        n_cpus += pools[i].n_cpus;
    CHECK(strcmp(pools[0].name, "Pool-0") == 0, "\"%s\"", pools[0].name);
    CHECK(n_cpus <= host().pcpus && n_cpus > 0, "%u CPUs", n_cpus);
    CHECK(strcmp(pools[0].scheduler, host().scheduler) == 0, "\"%s\"",
          pools[0].scheduler);
    CHECK(wait_for(has_domains, &had, 10000), "%u domains are in it, not %u",
          pools[0].n_domains, had);
    if (!OK(make(&config, &domid)))
        return;
    had++;
    CHECK(wait_for(has_domains, &had, 10000), "not one domain more");
    end(domid);
}

const struct test cpu_tests[] = {
    { "cpu: vCPUs online", test_vcpus },
    { "cpu: vCPUs of a guest that does not run yet", test_vcpus_early },
    { "cpu: affinity", test_affinity },
    { "cpu: wrong affinities", test_affinity_wrong },
    { "cpu: affinity and share from the start", test_affinity_created },
    { "cpu: scheduler", test_sched },
    { "cpu: pools", test_cpupools },
    { NULL, NULL },
};
