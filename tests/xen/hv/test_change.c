/* What is changed of a domain while it is there: memory, vCPUs, shares. */
#include <stdio.h>
#include <string.h>

#include "tests/xen/hv/bedtest.h"

static const struct hv_domain_ops *ops(void)
{
    return hv->domain;
}

static uint64_t target_kib(uint32_t domid)
{
    struct mem target = { 0 };

    CHECK(ops()->memory_target(hv, domid, &target, NULL) == 0, "no target");
    return target.kib;
}

static struct hv_domain_info info_of(uint32_t domid)
{
    struct hv_domain_info info = { 0 };

    CHECK(ops()->info(hv, domid, arena, &info, NULL) == 0, "no info");
    return info;
}

static bool make_paused(const struct hv_domain_config *config, uint32_t *domid)
{
    struct vdc_error err;

    return CHECK(make(config, domid, &err) == 0, "%s", err.text);
}

static void test_memory(void)
{
    struct hv_domain_config config = guest("memory", HV_DOMAIN_PV, "");
    struct vdc_error err;
    uint32_t domid;

    config.max_memory = MEM_MIB(192);
    if (!make_paused(&config, &domid))
        return;
    CHECK(target_kib(domid) == 128 * 1024, "target at start: %llu",
          (unsigned long long)target_kib(domid));
    CHECK(info_of(domid).max_memory.kib == 192 * 1024, "max at start");
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(100), &err) == 0, "%s",
          err.text);
    CHECK(target_kib(domid) == 100 * 1024, "target set");
    CHECK(info_of(domid).max_memory.kib == 192 * 1024, "max after a target");
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(193), &err) != 0,
          "over the limit");
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(256), &err) == 0, "%s",
          err.text);
    CHECK(info_of(domid).max_memory.kib == 256 * 1024, "max raised");
    CHECK(target_kib(domid) == 100 * 1024, "the target stays");
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(200), &err) == 0, "%s",
          err.text);
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(199), &err) ==
              VDC_E_BAD_VALUE,
          "below the target");
    printf("    %s (%s)\n", err.text, err.hint);
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(90), &err) == 0, "%s",
          err.text);
    /* It has never run: it still has what it was built with. */
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(100), &err) ==
              VDC_E_BAD_VALUE,
          "below what it has");
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(0), &err) ==
              VDC_E_BAD_VALUE,
          "none");
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(128), &err) == 0, "%s",
          err.text);
    CHECK(ops()->set_max_memory(hv, 30000, MEM_MIB(64), &err) ==
              VDC_E_NOT_FOUND,
          "no domain");
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

static const struct hv_vcpu *vcpu_of(uint32_t domid, uint32_t number,
                                     size_t *ret_n)
{
    static const struct hv_vcpu none = { .cpus = "?", .cpus_soft = "?" };
    struct hv_vcpu *list;

    *ret_n = 0;
    if (!CHECK(ops()->vcpus(hv, domid, arena, &list, ret_n, NULL) == 0 &&
                   number < *ret_n,
               "no vCPU %u", number))
        return &none;
    return &list[number];
}

static void check_cpus(uint32_t domid, uint32_t number, const char *hard,
                       const char *soft)
{
    size_t n;
    const struct hv_vcpu *vcpu = vcpu_of(domid, number, &n);

    CHECK(strcmp(vcpu->cpus, hard) == 0, "hard \"%s\", not \"%s\"", vcpu->cpus,
          hard);
    CHECK(strcmp(vcpu->cpus_soft, soft) == 0, "soft \"%s\", not \"%s\"",
          vcpu->cpus_soft, soft);
}

/* The bed has two processors. */
static void test_affinity(void)
{
    struct hv_domain_config config = guest("affinity", HV_DOMAIN_PV, "");
    struct vdc_error err;
    uint32_t domid;
    size_t n;

    config.max_vcpus = 2;
    if (!make_paused(&config, &domid))
        return;
    CHECK(vcpu_of(domid, 0, &n)->online && n == 2, "two vCPUs");
    check_cpus(domid, 0, "all", "all");
    CHECK(ops()->set_affinity(hv, domid, 1, "1", NULL, &err) == 0, "%s",
          err.text);
    check_cpus(domid, 0, "all", "all");
    check_cpus(domid, 1, "1", "all");
    CHECK(ops()->set_affinity(hv, domid, -1, NULL, "0", &err) == 0, "%s",
          err.text);
    check_cpus(domid, 0, "all", "0");
    check_cpus(domid, 1, "1", "0");
    CHECK(ops()->set_affinity(hv, domid, -1, "0-1", "all,^0", &err) == 0, "%s",
          err.text);
    check_cpus(domid, 1, "all", "1");
    static const struct {
        int32_t vcpu;
        const char *list;
    } wrong[] = { { 2, "0" }, { -2, "0" }, { 0, "0-99" }, { 0, "zero" } };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK(ops()->set_affinity(hv, domid, wrong[i].vcpu, wrong[i].list,
                                  NULL, &err) == VDC_E_BAD_VALUE,
              "%d \"%s\"", wrong[i].vcpu, wrong[i].list);
    check_cpus(domid, 0, "all", "1");
    CHECK(ops()->vcpus(hv, 30000, arena, &(struct hv_vcpu *){ NULL }, &n,
                       &err) == VDC_E_NOT_FOUND,
          "no domain");
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

static void test_sched(void)
{
    struct hv_domain_config config = guest("sched", HV_DOMAIN_PV, "");
    struct hv_sched sched = { 0 };
    struct vdc_error err;
    uint32_t domid;

    config.cpu_weight = 100;
    if (!make_paused(&config, &domid))
        return;
    CHECK(ops()->sched(hv, domid, &sched, &err) == 0, "%s", err.text);
    CHECK(sched.weight == 100 && sched.cap == 0, "at start: %u, %u",
          sched.weight, sched.cap);
    sched = (struct hv_sched){ 512, 50 };
    CHECK(ops()->set_sched(hv, domid, &sched, &err) == 0, "%s", err.text);
    memset(&sched, 0, sizeof(sched));
    CHECK(ops()->sched(hv, domid, &sched, &err) == 0 && sched.weight == 512 &&
              sched.cap == 50,
          "set: %u, %u", sched.weight, sched.cap);
    static const struct hv_sched wrong[] = { { 0, 0 },
                                             { 65536, 0 },
                                             { 256, 101 } };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK(ops()->set_sched(hv, domid, &wrong[i], &err) == VDC_E_BAD_VALUE,
              "%u, %u", wrong[i].weight, wrong[i].cap);
    CHECK(ops()->sched(hv, domid, &sched, &err) == 0 && sched.weight == 512,
          "unchanged");
    CHECK(ops()->sched(hv, 0, &sched, &err) == 0 && sched.weight > 0, "dom0");
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

static void test_cpupools(void)
{
    struct hv_cpupool *pools;
    struct vdc_error err;
    size_t n = 0;

    if (!CHECK(ops()->cpupools(hv, arena, &pools, &n, &err) == 0, "%s",
               err.text) ||
        !CHECK(n == 1, "%zu cpupools", n))
        return;
    CHECK(strcmp(pools[0].name, "Pool-0") == 0, "%s", pools[0].name);
    CHECK(strncmp(pools[0].scheduler, "credit", 6) == 0, "%s",
          pools[0].scheduler);
    CHECK(pools[0].n_cpus >= 1 && pools[0].n_domains >= 1,
          "%u CPUs, %u domains", pools[0].n_cpus, pools[0].n_domains);
}

struct count {
    uint32_t domid, n;
};

static bool has_online(void *arg)
{
    const struct count *count = arg;

    return info_of(count->domid).vcpus_online == count->n;
}

static const char *availability(uint32_t domid, uint32_t number)
{
    const char *value = "";
    char *path = arena_printf(arena, "/local/domain/%u/cpu/%u/availability",
                              domid, number);

    hv->store->read(hv, path, arena, &value, NULL);
    return value;
}

static bool has_memory(void *arg)
{
    const struct count *count = arg;
    uint64_t kib = info_of(count->domid).current_memory.kib;

    return kib <= count->n + 1024u && kib + 4096 >= count->n;
}

/* What a guest that runs does with what it is told.  A vCPU that comes is
 * taken by udev in the guest, which this one has not. */
static void test_obeys(void)
{
    struct hv_domain_config config = guest("obeys", HV_DOMAIN_PV, "");
    struct vdc_error err;
    uint32_t domid;
    size_t n;

    config.vcpus = config.max_vcpus = 2;
    if (!make_paused(&config, &domid))
        return;
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    CHECK(wait_up(domid), "it did not come up");
    struct count count = { domid, 2 };
    CHECK(wait_for(has_online, &count, 30000), "two vCPUs at start");
    CHECK(ops()->set_vcpus(hv, domid, 1, &err) == 0, "%s", err.text);
    count.n = 1;
    CHECK(wait_for(has_online, &count, 30000), "one vCPU");
    CHECK(!vcpu_of(domid, 1, &n)->online && n == 2, "the second is offline");
    CHECK(ops()->set_vcpus(hv, domid, 2, &err) == 0, "%s", err.text);
    CHECK(strcmp(availability(domid, 1), "online") == 0, "not told");
    CHECK(ops()->set_vcpus(hv, domid, 0, &err) == VDC_E_BAD_VALUE, "none");
    CHECK(ops()->set_vcpus(hv, domid, 3, &err) == VDC_E_BAD_VALUE, "three");
    printf("    %s\n", err.text);
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(100), &err) == 0, "%s",
          err.text);
    count.n = 100 * 1024;
    CHECK(wait_for(has_memory, &count, 30000), "100 MiB, not %llu KiB",
          (unsigned long long)info_of(domid).current_memory.kib);
    CHECK(ops()->set_max_memory(hv, domid, MEM_MIB(110), &err) == 0, "%s",
          err.text);
    CHECK(ops()->set_memory_target(hv, domid, MEM_MIB(110), &err) == 0, "%s",
          err.text);
    count.n = 110 * 1024;
    CHECK(wait_for(has_memory, &count, 30000), "110 MiB, not %llu KiB",
          (unsigned long long)info_of(domid).current_memory.kib);
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

const struct test change_tests[] = {
    { "change: memory", test_memory },
    { "change: affinity", test_affinity },
    { "change: scheduler", test_sched },
    { "change: cpupools", test_cpupools },
    { "change: a running guest obeys", test_obeys },
    { NULL, NULL },
};
