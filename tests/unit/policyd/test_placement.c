/* Tests of policyd/placement: what a guest needs of a host, the strategies,
 * and what is said of a decision. */
#include <string.h>

#include "tests/unit/policyd/placement_bed.h"
#include "tests/unit/unit.h"

/* ---- one host ---- */

static void only_host(void)
{
    struct placement_request request = bed_ask(128);
    char reason[PLACEMENT_REASON_MAX + 1];

    bed_begin();
    bed_add_host("h1", 700);
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    CU_ASSERT_EQUAL(bed.decision.runner_up.host, PLACEMENT_NONE);
    CU_ASSERT_STRING_EQUAL(
        placement_reason(bed.view, &request, placement_policy_find("spread"),
                         &bed.decision, reason, sizeof(reason)),
        "host h1: the only host; 700 MiB available, 128 MiB asked");
    bed_end();
}

static void memory(void)
{
    bed_begin();
    bed_add_host("h1", 700);
    struct placement_request request = bed_ask(701);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(bed.error.text,
                           "no host can take it: memory: host h1 has 700 MiB "
                           "free for guests, 701 MiB asked");
    CU_ASSERT_STRING_EQUAL(bed.error.hint,
                           "ask for less memory: at most 700 MiB");
    CU_ASSERT_EQUAL(bed.decision.rc, VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(bed.decision.winner.host, PLACEMENT_NONE);
    bed_assert_excluded(PLACEMENT_MUST_MEMORY, 1, 1);
    CU_ASSERT_EQUAL(bed.decision.excluded[PLACEMENT_MUST_MEMORY].lacks, 1024);
    /* what is not started needs none */
    request.start = false;
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    request = bed_ask(700);
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    /* a guest that runs has its memory, one that is stopped has not */
    struct placement_request there = bed_ask(200);
    there.start = false;
    bed_add_guest(0, &there);
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    there.start = true;
    uint32_t guest = bed_add_guest(0, &there);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(bed.error.hint,
                           "ask for less memory (at most 500 MiB), or stop "
                           "guests of 200 MiB on host h1");
    placement_view_remove_guest(bed.view, guest);
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    bed_end();
}

static void none_up(void)
{
    struct placement_request request = bed_ask(1);

    bed_begin();
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(bed.error.text, "there is no host");
    uint32_t host = bed_add_host("h1", 700);
    placement_view_set_state(bed.view, host, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(bed.error.text,
                           "no host can take it: state: host h1 is down");
    CU_ASSERT_STRING_EQUAL(bed.error.hint, "bring host h1 up");
    placement_view_set_state(bed.view, host, PLACEMENT_DRAINING);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    placement_view_set_state(bed.view, host, PLACEMENT_MAINTENANCE);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    placement_view_set_state(bed.view, host, PLACEMENT_UP);
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    bed_end();
}

/* ---- strategies ---- */

static void several(void)
{
    struct placement_request request = bed_ask(200), there;
    char reason[PLACEMENT_REASON_MAX + 1];

    bed_begin();
    for (int i = 1; i <= 5; i++) {
        char text[8] = { 'h', (char)('0' + i), '\0' };
        bed_add_host(text, 1000);
    }
    const uint64_t taken[] = { 900, 100, 0, 100, 500 };
    for (uint32_t i = 0; i < 5; i++) {
        there = bed_ask(taken[i]);
        if (taken[i])
            bed_add_guest(i, &there);
    }
    placement_view_set_state(bed.view, 2, PLACEMENT_DOWN);
    /* the first of the equal ones */
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.host, 1);
    CU_ASSERT_EQUAL(bed.decision.runner_up.host, 3);
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.host, 4);
    CU_ASSERT_EQUAL(bed.decision.runner_up.host, 1);
    CU_ASSERT_STRING_EQUAL(
        placement_reason(bed.view, &request, placement_policy_find("pack"),
                         &bed.decision, reason, sizeof(reason)),
        "host h5: by pack of 5 hosts (fit 0.300), before host h2 (fit 0.700); "
        "500 MiB available, 200 MiB asked");
    bed_end();
}

/* An empty host comes last, one in use for long first. */
static void age(void)
{
    struct placement_request request = bed_ask(100), there = bed_ask(100);

    bed_begin();
    bed_add_host("h1", 1000);
    bed_add_host("h2", 1000);
    bed_add_host("h3", 1000);
    there.now_ms = 0;
    bed_add_guest(2, &there);
    there.now_ms = 3600 * 1000;
    bed_add_guest(1, &there);
    bed_add_guest(1, &there);
    request.now_ms = 3601 * 1000;
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.host, 2);
    CU_ASSERT_EQUAL(bed.decision.runner_up.host, 1);
    /* ln(2) is more than a tenth, but not ln(1.01) */
    request.now_ms += (int64_t)3600 * 1000 * 100;
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.host, 1);
    placement_view_set_state(bed.view, 1, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.host, 2);
    CU_ASSERT_EQUAL(bed.decision.runner_up.host, 0);
    bed_end();
}

/* The fixed-point logarithm against one by repeated squaring. */
static void logarithm(void)
{
    int64_t last = 0;

    for (int64_t ms = 1; ms < (int64_t)1 << 40; ms += 1 + ms / 7) {
        double x = 1 + (double)ms / 3600000, ln = 0;
        for (; x >= 2; x /= 2)
            ln += 0.69314718055994531;
        for (double part = 0.34657359027997265; part > 1e-9; part /= 2) {
            x *= x;
            if (x >= 2) {
                ln += part;
                x /= 2;
            }
        }
        int64_t age = placement_score_age(ms);
        double off = (double)age / PLACEMENT_ONE - ln;
        CU_ASSERT(off < 0.000125 && off > -0.000125);
        CU_ASSERT(age >= last);
        last = age;
    }
    CU_ASSERT_EQUAL(placement_score_age(0), 0);
    CU_ASSERT_EQUAL(placement_score_age(-5), 0);
    CU_ASSERT(placement_score_age(INT64_MAX / 2) > last);
}

/* ---- what a host is ---- */

static void what_hosts_are(void)
{
    struct placement_host h1, h2;

    bed_begin();
    h1 = bed_host_of("h1", 1000);
    h1.domain = bed_name("rack1");
    h1.n_tags = 2;
    h1.tags[0] = bed_name("ssd");
    h1.tags[1] = bed_name("old");
    bed_put(&h1);
    h2 = bed_host_of("h2", 1000);
    h2.domain = bed_name("rack2");
    cpu_set_add_name(&h2.cpu, "avx512f", NULL);
    cpu_set_add_name(&h2.cpu, "intel", NULL);
    bed_put(&h2);

    struct placement_request request = bed_ask(10);
    request.domain = bed_name("rack2");
    CU_ASSERT_EQUAL(bed_chosen(&request), 1);
    request.domain = bed_name("rack3");
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    bed_assert_excluded(PLACEMENT_MUST_DOMAIN, 2, 2);
    request = bed_ask(10);
    request.pinned = bed_name("h2");
    CU_ASSERT_EQUAL(bed_chosen(&request), 1);
    request.wanted[request.n_wanted++] = bed_name("ssd");
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_PINNED, 1, 1);
    bed_assert_excluded(PLACEMENT_MUST_WANTED, 1, 1);
    CU_ASSERT_STRING_EQUAL(
        bed.error.text,
        "no host can take it: pinned: 1 of 2 hosts (host h1 is "
        "not host h2); tags: 1 of 2 hosts (host h2 has not the "
        "tag ssd)");
    CU_ASSERT_STRING_EQUAL(bed.error.hint,
                           "do not ask for host h2 alone; or do without the "
                           "tag ssd, or give it to host h2");
    request.pinned = 0;
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    request.forbidden[request.n_forbidden++] = bed_name("old");
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    bed_assert_excluded(PLACEMENT_MUST_FORBIDDEN, 1, 1);
    request.n_wanted = 0;
    CU_ASSERT_EQUAL(bed_chosen(&request), 1);
    request.n_forbidden = 0;
    cpu_set_add_name(&request.cpu, "avx512f", NULL);
    CU_ASSERT_EQUAL(bed_chosen(&request), 1);
    cpu_set_add_name(&request.cpu, "aes", NULL);
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    bed_assert_excluded(PLACEMENT_MUST_FEATURES, 2, 2);
    CU_ASSERT_EQUAL(bed.decision.excluded[PLACEMENT_MUST_FEATURES].nearest, 1);
    CU_ASSERT_STRING_EQUAL(bed.error.hint, "do without the CPU feature aes");
    bed_end();
}

/* Who made them is said as what it is, and of one that does not say, that. */
static void who_made_cpus(void)
{
    struct placement_host h1, h2;

    bed_begin();
    h1 = bed_host_of("h1", 1000);
    bed_put(&h1);
    h2 = bed_host_of("h2", 1000);
    cpu_set_add_name(&h2.cpu, "avx512f", NULL);
    cpu_set_add_name(&h2.cpu, "intel", NULL);
    bed_put(&h2);

    struct placement_request request = bed_ask(10);
    cpu_set_add_name(&request.cpu, "amd", NULL);
    placement_view_set_state(bed.view, 0, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    bed_assert_excluded(PLACEMENT_MUST_FEATURES, 1, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(bed.error.text, "the CPUs of host h2 are not of amd"));
    CU_ASSERT_PTR_NOT_NULL(strstr(bed.error.hint, "do without CPUs of amd"));
    cpu_set_add_name(&request.cpu, "aes", NULL);
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(bed.error.text, "the CPUs of host h2 have not amd, aes"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(bed.error.hint, "do without the CPU features amd, aes"));
    placement_view_set_state(bed.view, 0, PLACEMENT_UP);
    placement_view_set_state(bed.view, 1, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        bed.error.text, "it is not known what the CPUs of host h1 can do"));
    bed_end();
}

static void amounts(void)
{
    struct placement_host h1, h2;

    bed_begin();
    placement_view_set_overcommit(bed.view, 200);
    h1 = bed_host_of("h1", 1000);
    h1.n_pools = 2;
    h1.pools[0] = (struct placement_amount){ bed_name("slow"), 1000 };
    h1.pools[1] = (struct placement_amount){ bed_name("fast"), 100 };
    bed_put(&h1);
    h2 = bed_host_of("h2", 1000);
    h2.n_devices = 1;
    h2.devices[0] = (struct placement_amount){ bed_name("gpu"), 2 };
    bed_put(&h2);

    struct placement_request request = bed_ask(10);
    request.spec.n_disks = 1;
    request.spec.disks[0] = (struct placement_amount){ bed_name("fast"), 60 };
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    bed_add_guest(0, &request);
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_DISK, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        bed.error.hint,
        "ask for 20 KiB less of pool fast, or free that on host h1");
    /* disks are there also when the guest is stopped */
    request.start = false;
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    request = bed_ask(10);
    request.spec.n_devices = 1;
    request.spec.devices[0] = (struct placement_amount){ bed_name("gpu"), 2 };
    CU_ASSERT_EQUAL(bed_chosen(&request), 1);
    bed_add_guest(1, &request);
    CU_ASSERT_EQUAL(bed_chosen(&request), -1);
    bed_assert_excluded(PLACEMENT_MUST_DEVICES, 2, 2);
    request.start = false;
    CU_ASSERT_NOT_EQUAL(bed_chosen(&request), -1);
    request = bed_ask(10);
    request.spec.vcpus = 15;
    CU_ASSERT_EQUAL(bed_chosen(&request), 0);
    request.spec.vcpus = 16;
    CU_ASSERT_EQUAL(bed_choose(&request, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_VCPUS, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        bed.error.text,
        "no host can take it: vcpus: 2 of 2 hosts (nearest: host "
        "h1 has 15 vCPUs free, 16 asked)");
    placement_view_set_overcommit(bed.view, 0);
    CU_ASSERT_NOT_EQUAL(bed_chosen(&request), -1);
    bed_end();
}

static void too_much(void)
{
    struct placement_request request = bed_ask(1);
    struct placement_policy policy = *placement_policy_find("pack");

    bed_begin();
    bed_add_host("h1", 1000);
    memset(&bed.decision, 0x5a, sizeof(bed.decision));
    request.n_wanted = PLACEMENT_TAGS_MAX + 1;
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(bed.decision.n_hosts, 0x5a5a5a5a);
    request = bed_ask(1);
    request.spec.memory.kib = MEM_MAX_KIB + 1;
    CU_ASSERT_EQUAL(bed_choose(&request, "pack"), VDC_E_BAD_VALUE);
    request = bed_ask(1);
    policy.weights[0] = PLACEMENT_WEIGHT_MAX + 1;
    CU_ASSERT_EQUAL(
        placement_choose(bed.view, &request, &policy, &bed.decision, NULL),
        VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NULL(placement_policy_find("nonsense"));
    bed_end();
}

static const struct unit_test tests[] = {
    { "the only host", only_host },
    { "memory", memory },
    { "no host is up", none_up },
    { "several hosts", several },
    { "age", age },
    { "logarithm", logarithm },
    { "what hosts are", what_hosts_are },
    { "who made CPUs", who_made_cpus },
    { "amounts", amounts },
    { "too much", too_much },
};

UNIT_MAIN("policyd/placement", tests)
