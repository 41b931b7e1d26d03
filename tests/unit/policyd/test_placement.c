/* Tests of policyd/placement: each constraint, the strategies, and what is
 * said of a decision. */
#include <string.h>

#include "policyd/placement/place.h"
#include "tests/unit/unit.h"

static struct placement_names *names;
static struct placement_view *view;
static struct placement_decision decision;
static struct vdc_error error;

static void begin(void)
{
    if (names)
        return;
    names = placement_names_new();
    view = placement_view_new(names);
}

static uint32_t name(const char *text)
{
    begin(); /* what is asked may be said before where */
    return placement_names_add(names, text);
}

static void end(void)
{
    placement_view_free(view);
    placement_names_free(names);
    names = NULL;
}

static struct placement_host host_of(const char *text, uint64_t memory_mib)
{
    return (struct placement_host){ .name = name(text),
                                    .memory = MEM_MIB(memory_mib),
                                    .pcpus = 8 };
}

static uint32_t put(const struct placement_host *host)
{
    uint32_t at = PLACEMENT_NONE;

    CU_ASSERT_EQUAL(placement_view_put_host(view, host, &at, NULL), 0);
    return at;
}

static uint32_t add_host(const char *text, uint64_t memory_mib)
{
    struct placement_host host = host_of(text, memory_mib);

    return put(&host);
}

static struct placement_request ask(uint64_t memory_mib)
{
    return (struct placement_request){ .customer = name("ann"),
                                       .spec = { .memory = MEM_MIB(memory_mib),
                                                 .vcpus = 1 },
                                       .start = true };
}

static uint32_t add_guest(uint32_t host, const struct placement_request *r)
{
    struct placement_guest guest = { .customer = r->customer,
                                     .host = host,
                                     .spec = r->spec,
                                     .n_groups = r->n_groups,
                                     .cpu = r->cpu,
                                     .dedication = r->dedication,
                                     .runs = r->start,
                                     .since_ms = r->now_ms };
    uint32_t at = PLACEMENT_NONE;

    memcpy(guest.groups, r->groups, sizeof(guest.groups));
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, &at, NULL), 0);
    return at;
}

static int choose(const struct placement_request *request, const char *policy)
{
    memset(&error, 0, sizeof(error));
    return placement_choose(view, request, placement_policy_find(policy),
                            &decision, &error);
}

/* The index of the host, or -1. */
static int chosen(const struct placement_request *request)
{
    return choose(request, "spread") ? -1 : (int)decision.winner.host;
}

/* That one constraint excludes `n` hosts, `n_only` of them alone. */
static void assert_excluded(enum placement_constraint constraint, uint32_t n,
                            uint32_t n_only)
{
    CU_ASSERT_EQUAL(decision.excluded[constraint].n_hosts, n);
    CU_ASSERT_EQUAL(decision.excluded[constraint].n_only, n_only);
}

/* ---- one host ---- */

static void only_host(void)
{
    struct placement_request request = ask(128);
    char reason[PLACEMENT_REASON_MAX + 1];

    begin();
    add_host("h1", 700);
    CU_ASSERT_EQUAL(chosen(&request), 0);
    CU_ASSERT_EQUAL(decision.runner_up.host, PLACEMENT_NONE);
    CU_ASSERT_STRING_EQUAL(
        placement_reason(view, &request, placement_policy_find("spread"),
                         &decision, reason, sizeof(reason)),
        "host h1: the only host; 700 MiB available, 128 MiB asked");
    end();
}

static void memory(void)
{
    begin();
    add_host("h1", 700);
    struct placement_request request = ask(701);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "no host can take it: memory: host h1 has 700 MiB "
                           "free for guests, 701 MiB asked");
    CU_ASSERT_STRING_EQUAL(error.hint, "ask for less memory: at most 700 MiB");
    CU_ASSERT_EQUAL(decision.rc, VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(decision.winner.host, PLACEMENT_NONE);
    assert_excluded(PLACEMENT_MUST_MEMORY, 1, 1);
    CU_ASSERT_EQUAL(decision.excluded[PLACEMENT_MUST_MEMORY].lacks, 1024);
    /* what is not started needs none */
    request.start = false;
    CU_ASSERT_EQUAL(chosen(&request), 0);
    request = ask(700);
    CU_ASSERT_EQUAL(chosen(&request), 0);
    /* a guest that runs has its memory, one that is stopped has not */
    struct placement_request there = ask(200);
    there.start = false;
    add_guest(0, &there);
    CU_ASSERT_EQUAL(chosen(&request), 0);
    there.start = true;
    uint32_t guest = add_guest(0, &there);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(error.hint,
                           "ask for less memory (at most 500 MiB), or stop "
                           "guests of 200 MiB on host h1");
    placement_view_remove_guest(view, guest);
    CU_ASSERT_EQUAL(chosen(&request), 0);
    end();
}

static void none_up(void)
{
    struct placement_request request = ask(1);

    begin();
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(error.text, "there is no host");
    uint32_t host = add_host("h1", 700);
    placement_view_set_state(view, host, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "no host can take it: state: host h1 is down");
    CU_ASSERT_STRING_EQUAL(error.hint, "bring host h1 up");
    placement_view_set_state(view, host, PLACEMENT_DRAINING);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    placement_view_set_state(view, host, PLACEMENT_MAINTENANCE);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    placement_view_set_state(view, host, PLACEMENT_UP);
    CU_ASSERT_EQUAL(chosen(&request), 0);
    end();
}

/* ---- strategies ---- */

static void several(void)
{
    struct placement_request request = ask(200), there;
    char reason[PLACEMENT_REASON_MAX + 1];

    begin();
    for (int i = 1; i <= 5; i++) {
        char text[8] = { 'h', (char)('0' + i), '\0' };
        add_host(text, 1000);
    }
    const uint64_t taken[] = { 900, 100, 0, 100, 500 };
    for (uint32_t i = 0; i < 5; i++) {
        there = ask(taken[i]);
        if (taken[i])
            add_guest(i, &there);
    }
    placement_view_set_state(view, 2, PLACEMENT_DOWN);
    /* the first of the equal ones */
    CU_ASSERT_EQUAL(choose(&request, "spread"), 0);
    CU_ASSERT_EQUAL(decision.winner.host, 1);
    CU_ASSERT_EQUAL(decision.runner_up.host, 3);
    CU_ASSERT_EQUAL(choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(decision.winner.host, 4);
    CU_ASSERT_EQUAL(decision.runner_up.host, 1);
    CU_ASSERT_STRING_EQUAL(
        placement_reason(view, &request, placement_policy_find("pack"),
                         &decision, reason, sizeof(reason)),
        "host h5: by pack of 5 hosts (fit 0.300), before host h2 (fit 0.700); "
        "500 MiB available, 200 MiB asked");
    end();
}

/* An empty host comes last, one in use for long first. */
static void age(void)
{
    struct placement_request request = ask(100), there = ask(100);

    begin();
    add_host("h1", 1000);
    add_host("h2", 1000);
    add_host("h3", 1000);
    there.now_ms = 0;
    add_guest(2, &there);
    there.now_ms = 3600 * 1000;
    add_guest(1, &there);
    add_guest(1, &there);
    request.now_ms = 3601 * 1000;
    CU_ASSERT_EQUAL(choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(decision.winner.host, 2);
    CU_ASSERT_EQUAL(decision.runner_up.host, 1);
    /* ln(2) is more than a tenth, but not ln(1.01) */
    request.now_ms += (int64_t)3600 * 1000 * 100;
    CU_ASSERT_EQUAL(choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(decision.winner.host, 1);
    placement_view_set_state(view, 1, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(choose(&request, "pack"), 0);
    CU_ASSERT_EQUAL(decision.winner.host, 2);
    CU_ASSERT_EQUAL(decision.runner_up.host, 0);
    end();
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

    begin();
    h1 = host_of("h1", 1000);
    h1.domain = name("rack1");
    h1.n_tags = 2;
    h1.tags[0] = name("ssd");
    h1.tags[1] = name("old");
    put(&h1);
    h2 = host_of("h2", 1000);
    h2.domain = name("rack2");
    cpu_set_add_name(&h2.cpu, "avx512f", NULL);
    cpu_set_add_name(&h2.cpu, "intel", NULL);
    put(&h2);

    struct placement_request request = ask(10);
    request.domain = name("rack2");
    CU_ASSERT_EQUAL(chosen(&request), 1);
    request.domain = name("rack3");
    CU_ASSERT_EQUAL(chosen(&request), -1);
    assert_excluded(PLACEMENT_MUST_DOMAIN, 2, 2);
    request = ask(10);
    request.pinned = name("h2");
    CU_ASSERT_EQUAL(chosen(&request), 1);
    request.wanted[request.n_wanted++] = name("ssd");
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_PINNED, 1, 1);
    assert_excluded(PLACEMENT_MUST_WANTED, 1, 1);
    CU_ASSERT_STRING_EQUAL(
        error.text, "no host can take it: pinned: 1 of 2 hosts (host h1 is "
                    "not host h2); tags: 1 of 2 hosts (host h2 has not the "
                    "tag ssd)");
    CU_ASSERT_STRING_EQUAL(error.hint,
                           "do not ask for host h2 alone; or do without the "
                           "tag ssd, or give it to host h2");
    request.pinned = 0;
    CU_ASSERT_EQUAL(chosen(&request), 0);
    request.forbidden[request.n_forbidden++] = name("old");
    CU_ASSERT_EQUAL(chosen(&request), -1);
    assert_excluded(PLACEMENT_MUST_FORBIDDEN, 1, 1);
    request.n_wanted = 0;
    CU_ASSERT_EQUAL(chosen(&request), 1);
    request.n_forbidden = 0;
    cpu_set_add_name(&request.cpu, "avx512f", NULL);
    CU_ASSERT_EQUAL(chosen(&request), 1);
    cpu_set_add_name(&request.cpu, "aes", NULL);
    CU_ASSERT_EQUAL(chosen(&request), -1);
    assert_excluded(PLACEMENT_MUST_FEATURES, 2, 2);
    CU_ASSERT_EQUAL(decision.excluded[PLACEMENT_MUST_FEATURES].nearest, 1);
    CU_ASSERT_STRING_EQUAL(error.hint, "do without the CPU feature aes");
    end();
}

/* Who made them is said as what it is, and of one that does not say, that. */
static void who_made_cpus(void)
{
    struct placement_host h1, h2;

    begin();
    h1 = host_of("h1", 1000);
    put(&h1);
    h2 = host_of("h2", 1000);
    cpu_set_add_name(&h2.cpu, "avx512f", NULL);
    cpu_set_add_name(&h2.cpu, "intel", NULL);
    put(&h2);

    struct placement_request request = ask(10);
    cpu_set_add_name(&request.cpu, "amd", NULL);
    placement_view_set_state(view, 0, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(chosen(&request), -1);
    assert_excluded(PLACEMENT_MUST_FEATURES, 1, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error.text, "the CPUs of host h2 are not of amd"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.hint, "do without CPUs of amd"));
    cpu_set_add_name(&request.cpu, "aes", NULL);
    CU_ASSERT_EQUAL(chosen(&request), -1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error.text, "the CPUs of host h2 have not amd, aes"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error.hint, "do without the CPU features amd, aes"));
    placement_view_set_state(view, 0, PLACEMENT_UP);
    placement_view_set_state(view, 1, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(chosen(&request), -1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error.text, "it is not known what the CPUs of host h1 can do"));
    end();
}

static void amounts(void)
{
    struct placement_host h1, h2;

    begin();
    placement_view_set_overcommit(view, 200);
    h1 = host_of("h1", 1000);
    h1.n_pools = 2;
    h1.pools[0] = (struct placement_amount){ name("slow"), 1000 };
    h1.pools[1] = (struct placement_amount){ name("fast"), 100 };
    put(&h1);
    h2 = host_of("h2", 1000);
    h2.n_devices = 1;
    h2.devices[0] = (struct placement_amount){ name("gpu"), 2 };
    put(&h2);

    struct placement_request request = ask(10);
    request.spec.n_disks = 1;
    request.spec.disks[0] = (struct placement_amount){ name("fast"), 60 };
    CU_ASSERT_EQUAL(chosen(&request), 0);
    add_guest(0, &request);
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_DISK, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        error.hint,
        "ask for 20 KiB less of pool fast, or free that on host h1");
    /* disks are there also when the guest is stopped */
    request.start = false;
    CU_ASSERT_EQUAL(chosen(&request), -1);
    request = ask(10);
    request.spec.n_devices = 1;
    request.spec.devices[0] = (struct placement_amount){ name("gpu"), 2 };
    CU_ASSERT_EQUAL(chosen(&request), 1);
    add_guest(1, &request);
    CU_ASSERT_EQUAL(chosen(&request), -1);
    assert_excluded(PLACEMENT_MUST_DEVICES, 2, 2);
    request.start = false;
    CU_ASSERT_NOT_EQUAL(chosen(&request), -1);
    request = ask(10);
    request.spec.vcpus = 15;
    CU_ASSERT_EQUAL(chosen(&request), 0);
    request.spec.vcpus = 16;
    CU_ASSERT_EQUAL(choose(&request, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_VCPUS, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        error.text, "no host can take it: vcpus: 2 of 2 hosts (nearest: host "
                    "h1 has 15 vCPUs free, 16 asked)");
    placement_view_set_overcommit(view, 0);
    CU_ASSERT_NOT_EQUAL(chosen(&request), -1);
    end();
}

/* ---- dedication ---- */

static void explicit_hosts(void)
{
    struct placement_request ann = ask(10), bob = ask(10);

    begin();
    ann.customer = name("ann");
    bob.customer = name("bob");
    add_host("h1", 1000);
    struct placement_host h2 = host_of("h2", 2000);
    h2.dedicated = name("ann");
    put(&h2);
    CU_ASSERT_EQUAL(chosen(&bob), 0);
    /* hers are for those that ask for it */
    CU_ASSERT_EQUAL(chosen(&ann), 0);
    ann.dedication = bob.dedication = PLACEMENT_EXPLICIT;
    CU_ASSERT_EQUAL(chosen(&ann), 1);
    CU_ASSERT_EQUAL(choose(&bob, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_DEDICATED, 2, 2);
    CU_ASSERT_STRING_EQUAL(error.hint, "dedicate host h1 to bob");
    end();
}

static void alone(void)
{
    struct placement_request ann = ask(10), bob = ask(10), strict, prefers;

    begin();
    ann.customer = name("ann");
    bob.customer = name("bob");
    strict = prefers = ann;
    strict.dedication = PLACEMENT_STRICT;
    prefers.dedication = PLACEMENT_PREFERRED;
    add_host("h1", 1000);
    add_host("h2", 100);
    uint32_t shared = add_guest(0, &bob);
    CU_ASSERT_EQUAL(chosen(&strict), 1);
    CU_ASSERT_EQUAL(chosen(&prefers), 1);
    add_guest(1, &strict);
    CU_ASSERT_EQUAL(chosen(&strict), 1);
    CU_ASSERT_EQUAL(chosen(&prefers), 1);
    /* nobody else, not even of the same customer */
    CU_ASSERT_EQUAL(chosen(&bob), 0);
    CU_ASSERT_EQUAL(chosen(&ann), 0);
    strict.customer = name("bob");
    CU_ASSERT_EQUAL(chosen(&strict), -1);
    assert_excluded(PLACEMENT_MUST_STRICT, 1, 1);
    assert_excluded(PLACEMENT_MUST_ALONE, 1, 1);
    /* who prefers to be alone takes what there is */
    prefers.customer = name("eve");
    CU_ASSERT_EQUAL(chosen(&prefers), 0);
    CU_ASSERT_EQUAL(decision.winner.terms[PLACEMENT_TERM_SHARED],
                    PLACEMENT_ONE);
    placement_view_remove_guest(view, shared);
    CU_ASSERT_EQUAL(chosen(&strict), 0);
    end();
}

/* ---- groups ---- */

static void in_group(struct placement_request *request, const char *group)
{
    *request = ask(10);
    request->groups[request->n_groups++] = name(group);
}

static void groups(void)
{
    struct placement_rule rule;
    struct placement_request web, db;

    begin();
    for (uint32_t i = 0; i < 3; i++) {
        struct placement_host host =
            host_of((const char *[]){ "h1", "h2", "h3" }[i], 1000);
        host.domain = name(i < 2 ? "rack1" : "rack2");
        put(&host);
    }
    in_group(&web, "web");
    in_group(&db, "db");
    rule = (struct placement_rule){ .name = name("apart"),
                                    .group = name("web"),
                                    .other = name("web"),
                                    .anti = true,
                                    .hard = true };
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    add_guest(0, &web);
    CU_ASSERT_EQUAL(chosen(&web), 1);
    CU_ASSERT_EQUAL(chosen(&db), 1);
    rule.scope = PLACEMENT_DOMAINS;
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&web), 2);
    add_guest(2, &web);
    CU_ASSERT_EQUAL(choose(&web, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_ANTI_AFFINITY, 3, 3);
    CU_ASSERT_STRING_EQUAL(
        error.text,
        "no host can take it: anti-affinity: 3 of 3 hosts (nearest: rule "
        "apart: 1 that it must not be with is in the failure domain of host "
        "h1)");
    rule.hard = false;
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&web), 1);
    CU_ASSERT_EQUAL(decision.winner.terms[PLACEMENT_TERM_SOFT], PLACEMENT_ONE);
    placement_view_remove_rule(view, rule.name);
    /* between two groups, seen from either */
    rule = (struct placement_rule){ .name = name("together"),
                                    .group = name("web"),
                                    .other = name("db"),
                                    .hard = true };
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&web), 1); /* there is no db yet */
    placement_view_set_state(view, 0, PLACEMENT_DRAINING);
    CU_ASSERT_EQUAL(chosen(&db), 2);
    placement_view_set_state(view, 2, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(chosen(&db), -1);
    assert_excluded(PLACEMENT_MUST_AFFINITY, 1, 1);
    CU_ASSERT_STRING_EQUAL(
        error.hint, "bring host h1 up; or make the rule together a soft one");
    rule.hard = false;
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&db), 1);
    end();
}

/* ---- promises ---- */

static void promises(void)
{
    struct placement_promise promise;
    struct placement_request small = ask(300), large = ask(600);

    begin();
    add_host("h1", 1000);
    add_host("h2", 1000);
    promise = (struct placement_promise){
        .name = name("spare"),
        .n_guests = 2,
        .spec = { .memory = MEM_MIB(600), .vcpus = 1 },
    };
    CU_ASSERT_EQUAL(placement_view_put_promise(view, &promise, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&small), 0);
    add_guest(0, &small);
    CU_ASSERT_EQUAL(chosen(&small), 1);
    add_guest(1, &small);
    CU_ASSERT_EQUAL(choose(&small, "spread"), VDC_E_NO_HOST);
    assert_excluded(PLACEMENT_MUST_PROMISE, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        error.text, "no host can take it: promise: 2 of 2 hosts (nearest: on "
                    "host h1 it would take room of promise spare, 1 of 2 "
                    "guests)");
    CU_ASSERT_STRING_EQUAL(error.hint,
                           "lower promise spare to 1 guests, or add a host");
    /* whom it is for may use it */
    CU_ASSERT_EQUAL(chosen(&large), 0);
    promise.customer = name("ann");
    CU_ASSERT_EQUAL(placement_view_put_promise(view, &promise, NULL), 0);
    CU_ASSERT_EQUAL(chosen(&small), 0);
    large.customer = name("bob");
    CU_ASSERT_EQUAL(chosen(&large), -1);
    placement_view_remove_promise(view, promise.name);
    CU_ASSERT_EQUAL(chosen(&large), 0);
    end();
}

static void too_much(void)
{
    struct placement_request request = ask(1);
    struct placement_policy policy = *placement_policy_find("pack");

    begin();
    add_host("h1", 1000);
    memset(&decision, 0x5a, sizeof(decision));
    request.n_wanted = PLACEMENT_TAGS_MAX + 1;
    CU_ASSERT_EQUAL(choose(&request, "pack"), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(decision.n_hosts, 0x5a5a5a5a);
    request = ask(1);
    request.spec.memory.kib = MEM_MAX_KIB + 1;
    CU_ASSERT_EQUAL(choose(&request, "pack"), VDC_E_BAD_VALUE);
    request = ask(1);
    policy.weights[0] = PLACEMENT_WEIGHT_MAX + 1;
    CU_ASSERT_EQUAL(placement_choose(view, &request, &policy, &decision, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NULL(placement_policy_find("nonsense"));
    end();
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
    { "explicit dedication", explicit_hosts },
    { "strict and preferred dedication", alone },
    { "groups", groups },
    { "promises", promises },
    { "too much", too_much },
};

UNIT_MAIN("policyd/placement", tests)
