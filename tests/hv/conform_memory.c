/* Memory: what the host has, what is claimed, what guests have. */
#include "tests/hv/conform.h"

#include <stdio.h>
#include <string.h>

/* What the tests of claims leave free. */
#define LEFT_MIB 48u

static unsigned long long ull(uint64_t n)
{
    return n;
}

static void test_accounting(void)
{
    struct hv_domain_config config = guest("conform-mem");
    uint64_t before = free_kib();
    struct mem needed = { 0 };
    uint32_t domid;

    OK(hv->domain->memory_needed(hv, &config, &needed, &err));
    CHECK(needed.kib >= config.memory.kib, "needs less than it has");
    if (!OK(make(&config, &domid)))
        return;
    uint64_t takes = before - free_kib();
    CHECK(takes >= config.memory.kib && takes <= needed.kib + SLACK_KIB,
          "takes %llu KiB, and needs %llu", ull(takes), ull(needed.kib));
    end(domid);
    uint64_t after = free_kib();
    CHECK(after == before, "%llu KiB are free after it, and %llu before",
          ull(after), ull(before));
    struct hv_host_info info = host();
    CHECK(info.free_memory.kib + info.dom0_memory.kib <= info.total_memory.kib,
          "more is free than there is");
}

static void test_reserve(void)
{
    uint64_t before = free_kib();
    struct hv_host_info info;

    CHECK(host().reserved_memory.kib == 0, "something is claimed");
    OK(hv->domain->reserve(hv, MEM_MIB(64), &err));
    info = host();
    CHECK(info.reserved_memory.kib == MEM_MIB(64).kib, "%llu KiB claimed",
          ull(info.reserved_memory.kib));
    CHECK(about(info.free_memory.kib, before - MEM_MIB(64).kib),
          "%llu KiB free of %llu", ull(info.free_memory.kib), ull(before));
    uint64_t sum = info.free_memory.kib + MEM_MIB(64).kib;
    OK(hv->domain->reserve(hv, MEM_MIB(32), &err));
    info = host();
    CHECK(info.reserved_memory.kib == MEM_MIB(32).kib, "%llu KiB claimed",
          ull(info.reserved_memory.kib));
    ENDS(VDC_E_NO_MEMORY,
         hv->domain->reserve(hv, MEM_KIB(before + 1024), &err));
    info = host();
    CHECK(info.reserved_memory.kib == MEM_MIB(32).kib &&
              info.free_memory.kib == sum - MEM_MIB(32).kib,
          "a refused claim has changed what is claimed");
    /* Nearly all of it, what is claimed already included. */
    OK(hv->domain->reserve(hv, MEM_KIB(before - SLACK_KIB), &err));
    CHECK(host().free_memory.kib <= SLACK_KIB, "nearly all is claimed");
    OK(hv->domain->reserve(hv, MEM_KIB(0), &err));
    CHECK(host().reserved_memory.kib == 0, "all is given back");
    check_free(before);
}

static void test_reserve_keeps_others_out(void)
{
    struct hv_domain_config config = guest("conform-out");
    uint64_t before = free_kib();
    const char *store = store_dump();
    uint32_t domid;

    OK(hv->domain->reserve(hv, MEM_KIB(before - MEM_MIB(LEFT_MIB).kib), &err));
    int rc = make(&config, &domid);
    CHECK(rc == VDC_E_NO_MEMORY || rc == VDC_E_HYPERVISOR, "create: %s",
          vdc_error_name(rc));
    if (rc == 0)
        end(domid);
    if (!CHECK(foreign_create("conform-foreign", 128, &domid) != 0,
               "another toolstack takes what is claimed"))
        foreign_destroy(domid);
    struct hv_host_info info = host();
    CHECK(info.reserved_memory.kib == before - MEM_MIB(LEFT_MIB).kib,
          "%llu KiB are left of the claim", ull(info.reserved_memory.kib));
    OK(hv->domain->reserve(hv, MEM_KIB(0), &err));
    check_free(before);
    CHECK(store_dump() && strcmp(store, store_dump()) == 0,
          "xenstore is as it was");
    if (OK(make(&config, &domid)))
        end(domid);
}

static void test_reserve_is_given_back(void)
{
    uint64_t before = free_kib();

    OK(hv->domain->reserve(hv, MEM_MIB(64), &err));
    if (!reopen())
        return;
    CHECK(host().reserved_memory.kib == 0, "claimed after open");
    CHECK(about(free_kib(), before), "%llu KiB are free, and %llu before",
          ull(free_kib()), ull(before));
}

static void test_maximum(void)
{
    struct hv_domain_config config = guest("conform-max");
    struct mem target = { 0 };
    uint32_t domid;

    config.max_memory = MEM_MIB(192);
    if (!OK(make(&config, &domid)))
        return;
    CHECK(about(info_of(domid).max_memory.kib, MEM_MIB(192).kib), "at first");
    OK(hv->domain->memory_target(hv, domid, &target, &err));
    CHECK(about(target.kib, MEM_MIB(128).kib), "target %llu KiB",
          ull(target.kib));
    OK(hv->domain->set_max_memory(hv, domid, MEM_MIB(160), &err));
    CHECK(about(info_of(domid).max_memory.kib, MEM_MIB(160).kib),
          "maximum %llu KiB", ull(info_of(domid).max_memory.kib));
    ENDS(VDC_E_BAD_VALUE,
         hv->domain->set_max_memory(hv, domid, MEM_MIB(64), &err));
    CHECK(about(info_of(domid).max_memory.kib, MEM_MIB(160).kib),
          "a refused maximum is set");
    CHECK(hv->domain->set_memory_target(hv, domid, MEM_MIB(184), &err) != 0,
          "a target over the maximum");
    struct mem same = { 0 };
    OK(hv->domain->memory_target(hv, domid, &same, &err));
    CHECK(same.kib == target.kib, "the target has changed to %llu KiB",
          ull(same.kib));
    end(domid);
}

struct wanted {
    uint32_t domid;
    uint64_t kib;
};

static bool has_about(void *arg)
{
    const struct wanted *wanted = arg;
    struct hv_domain_info info = { 0 };

    return hv->domain->info(hv, wanted->domid, arena, &info, NULL) == 0 &&
           about(info.current_memory.kib, wanted->kib);
}

static bool follows(uint32_t domid, uint64_t kib)
{
    struct wanted wanted = { domid, kib };

    return wait_for(has_about, &wanted, GUEST_MS);
}

static void balloon_to(uint32_t domid, unsigned mib)
{
    struct mem target = { 0 };

    OK(hv->domain->set_memory_target(hv, domid, MEM_MIB(mib), &err));
    OK(hv->domain->memory_target(hv, domid, &target, &err));
    CHECK(about(target.kib, MEM_MIB(mib).kib), "target %llu KiB",
          ull(target.kib));
    CHECK(follows(domid, MEM_MIB(mib).kib), "%llu KiB, and %u MiB asked for",
          ull(info_of(domid).current_memory.kib), mib);
}

static void test_balloon(void)
{
    struct hv_domain_config config = guest("conform-balloon");
    uint64_t before = free_kib();

    config.memory = config.max_memory = MEM_MIB(192);
    uint32_t domid = start(&config);
    if (domid == HV_DOMID_NONE)
        return;
    uint64_t with_all = free_kib();
    balloon_to(domid, 144);
    CHECK(about(free_kib(), with_all + MEM_MIB(48).kib),
          "%llu KiB free, and %llu before", ull(free_kib()), ull(with_all));
    balloon_to(domid, 192);
    CHECK(about(free_kib(), with_all), "%llu KiB free, and %llu before",
          ull(free_kib()), ull(with_all));
    end(domid);
    check_free(before);
}

/* One that does not run has what it had, whatever it is asked for. */
static void test_balloon_stands(void)
{
    struct hv_domain_config config = guest("conform-stands");
    struct mem target = { 0 };
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    uint64_t had = info_of(domid).current_memory.kib;
    OK(hv->domain->set_memory_target(hv, domid, MEM_MIB(96), &err));
    spin(1000);
    OK(hv->domain->memory_target(hv, domid, &target, &err));
    CHECK(about(target.kib, MEM_MIB(96).kib), "target %llu KiB",
          ull(target.kib));
    CHECK(info_of(domid).current_memory.kib == had, "it gave %llu of %llu KiB",
          ull(info_of(domid).current_memory.kib), ull(had));
    end(domid);
}

static void test_reserve_stops_balloon(void)
{
    struct hv_domain_config config = guest("conform-stop");

    config.memory = config.max_memory = MEM_MIB(256);
    uint32_t domid = start(&config);
    if (domid == HV_DOMID_NONE)
        return;
    balloon_to(domid, 144);
    uint64_t spare = free_kib();
    OK(hv->domain->reserve(hv, MEM_KIB(spare - MEM_MIB(LEFT_MIB).kib), &err));
    OK(hv->domain->set_memory_target(hv, domid, MEM_MIB(256), &err));
    spin(simulated ? 1500 : 15000);
    uint64_t has = info_of(domid).current_memory.kib;
    CHECK(has <= MEM_MIB(144 + LEFT_MIB).kib + SLACK_KIB,
          "it has got %llu KiB, past the claim", ull(has));
    CHECK(host().reserved_memory.kib == spare - MEM_MIB(LEFT_MIB).kib,
          "it has taken of the claim");
    OK(hv->domain->reserve(hv, MEM_KIB(0), &err));
    /* Linux gives up after some trials, and tries again only for another
     * target than that which it could not reach. */
    balloon_to(domid, 160);
    OK(hv->domain->set_memory_target(hv, domid, MEM_MIB(256), &err));
    CHECK(follows(domid, MEM_MIB(256).kib), "%llu KiB after the claim",
          ull(info_of(domid).current_memory.kib));
    end(domid);
}

const struct test memory_tests[] = {
    { "memory: accounting", test_accounting },
    { "memory: reserve", test_reserve },
    { "memory: a reservation keeps others out",
      test_reserve_keeps_others_out },
    { "memory: a reservation is given back by open",
      test_reserve_is_given_back },
    { "memory: maximum", test_maximum },
    { "memory: balloon", test_balloon },
    { "memory: a guest that does not run keeps its memory",
      test_balloon_stands },
    { "memory: a reservation stops a balloon", test_reserve_stops_balloon },
    { NULL, NULL },
};
