/*
 * Who takes part in fencing: one change at a time, nothing is told that is not
 * on record, and a host that leaves or booted is not relied on.
 */
#include "policyd/fence/list.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/fence.h"

#define HOSTS 5
#define W_MS 30000

static struct arena *arena;
static struct wire_stored_fence list;
static struct wire_fence_report reports[HOSTS];
static struct fence_host hosts[HOSTS];
static const char *const names[HOSTS] = { "a", "b", "c", "d", "e" };
static uint32_t n_hosts;

static void begin(uint32_t n)
{
    wire_init(&wire_struct_stored_fence, &list);
    n_hosts = n;
    for (uint32_t i = 0; i < n; i++) {
        wire_init(&wire_struct_fence_report, &reports[i]);
        reports[i].name = names[i];
        reports[i].wanted_ms = W_MS;
        hosts[i] = (struct fence_host){ names[i], true, &reports[i] };
    }
}

static bool next(void)
{
    return fence_list_next(&list, hosts, n_hosts, arena, &list);
}

/* They go by what they are told. */
static void obey(uint32_t i)
{
    const struct wire_stored_fence_member *m =
        fence_list_member(&list, names[i]);

    reports[i].version = list.version;
    reports[i].armed = m && m->watchdog_ms;
    reports[i].watchdog_ms = m ? m->watchdog_ms : 0;
}

/* Until nothing more follows; how often the list became another. */
static unsigned settle(void)
{
    uint64_t version = list.version;
    unsigned n = 0;

    for (int turn = 0; turn < 100; turn++) {
        bool is_other = next();
        /* one at a time */
        CU_ASSERT(list.version - version <= 1);
        version = list.version;
        n += is_other;
        for (uint32_t i = 0; i < n_hosts; i++)
            if (hosts[i].report)
                obey(i);
        if (!is_other && n)
            break;
    }
    return n;
}

static const struct wire_stored_fence_member *member(uint32_t i)
{
    return fence_list_member(&list, names[i]);
}

static void test_three_join(void)
{
    begin(3);
    settle();
    CU_ASSERT_EQUAL(list.n_members, 3);
    CU_ASSERT_EQUAL(list.version, 3);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT(member(i) && member(i)->armed);
        CU_ASSERT_EQUAL(member(i)->watchdog_ms, W_MS);
        CU_ASSERT_EQUAL(member(i)->sure_ms, W_MS);
    }
    CU_ASSERT_FALSE(next());
}

static void test_two_are_not_armed(void)
{
    begin(2);
    settle();
    CU_ASSERT_EQUAL(list.n_members, 2);
    CU_ASSERT_EQUAL(member(0)->watchdog_ms, 0);
    CU_ASSERT_FALSE(member(0)->armed);
}

/* The next is added when majorities of both lists go by the last. */
static void test_one_at_a_time(void)
{
    begin(5);
    n_hosts = 3;
    settle();
    n_hosts = 5;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.n_members, 4);
    CU_ASSERT_FALSE(fence_list_is_settled(&list, hosts, n_hosts));
    next();
    CU_ASSERT_EQUAL(list.n_members, 4);
    /* two of three before, but two of four are no majority */
    reports[0].version = reports[1].version = list.version;
    CU_ASSERT_FALSE(fence_list_is_settled(&list, hosts, n_hosts));
    /* the new one counts for the list after, not for the one before */
    reports[1].version = list.version - 1;
    reports[3].version = reports[2].version = list.version;
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
    reports[2].version = list.version - 1;
    CU_ASSERT_FALSE(fence_list_is_settled(&list, hosts, n_hosts));
    reports[1].version = reports[2].version = list.version;
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
    /* one that answers does not know it yet */
    reports[0].version = list.version - 1;
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
    next();
    CU_ASSERT_EQUAL(list.n_members, 4);
    reports[0].version = list.version;
    next();
    CU_ASSERT_EQUAL(list.n_members, 5);
}

/* Of two the one that stays is no majority of both; it needs none, as nobody
 * is fenced by so few.  Otherwise none could ever be added again. */
static void test_two_become_one(void)
{
    begin(4);
    n_hosts = 2;
    settle();
    hosts[1].may = false;
    hosts[1].report = NULL;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.n_members, 1);
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
    obey(0);
    hosts[1].may = true;
    hosts[1].report = &reports[1];
    n_hosts = 4;
    settle();
    CU_ASSERT_EQUAL(list.n_members, 4);
    CU_ASSERT(member(0)->armed);
}

/* From three to two the majority of the three is still needed: they may be
 * armed by that list. */
static void test_three_become_two(void)
{
    begin(3);
    settle();
    hosts[2].may = false;
    hosts[2].report = NULL;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.n_members, 2);
    reports[0].version = list.version;
    CU_ASSERT_FALSE(fence_list_is_settled(&list, hosts, n_hosts));
    reports[1].version = list.version;
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
}

/* What has once come to both majorities stays so when one of the list before
 * dies, who would be missing there. */
static void test_stays_settled(void)
{
    begin(3);
    settle();
    CU_ASSERT_STRING_EQUAL(list.changed, "");
    hosts[1].report = NULL;
    CU_ASSERT(fence_list_is_settled(&list, hosts, n_hosts));
    hosts[0].report = NULL;
    CU_ASSERT_FALSE(fence_list_is_settled(&list, hosts, n_hosts));
}

/* One that policyd alone does not hear does not know the list: two versions
 * behind it would hear nobody, and stop. */
static void test_heard_by_another(void)
{
    struct wire_fence_heard heard;

    begin(5);
    n_hosts = 4;
    settle();
    n_hosts = 5;
    wire_init(&wire_struct_fence_heard, &heard);
    heard.name = names[2];
    heard.age_ms = FENCE_HEARD_MS;
    reports[0].heard = &heard;
    reports[0].n_heard = 1;
    hosts[2].report = NULL;
    next();
    CU_ASSERT_EQUAL(list.n_members, 4);
    heard.age_ms = FENCE_HEARD_MS + 1;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.n_members, 5);
    /* nobody waits for one that is to go */
    heard.age_ms = 0;
    for (uint32_t i = 0; i < 5; i++)
        reports[i].version = list.version;
    hosts[2].may = false;
    next();
    CU_ASSERT_EQUAL(list.n_members, 4);
    CU_ASSERT_PTR_NULL(member(2));
}

/* A host that is not heard stays. */
static void test_silent(void)
{
    begin(4);
    settle();
    uint64_t version = list.version;
    hosts[2].report = NULL;
    next();
    CU_ASSERT_EQUAL(list.version, version);
    CU_ASSERT(member(2)->armed);
    CU_ASSERT_EQUAL(member(2)->sure_ms, W_MS);
}

static void test_leaves(void)
{
    begin(4);
    settle();
    reports[1].leaving = true;
    uint64_t version = list.version;
    /* it is on record first, and it goes then */
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.version, version);
    CU_ASSERT_FALSE(member(1)->armed);
    CU_ASSERT_EQUAL(member(1)->watchdog_ms, 0);
    CU_ASSERT_EQUAL(member(1)->sure_ms, 0);
    CU_ASSERT(next());
    CU_ASSERT_PTR_NULL(member(1));
    CU_ASSERT_EQUAL(list.version, version + 1);
    CU_ASSERT(member(0)->armed);
    /* three, when another goes: nobody is armed any more */
    for (uint32_t i = 0; i < 4; i++)
        reports[i].version = list.version;
    hosts[3].may = false;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(list.n_members, 2);
    for (uint32_t i = 0; i < list.n_members; i++) {
        CU_ASSERT_FALSE(list.members[i].armed);
        CU_ASSERT_EQUAL(list.members[i].watchdog_ms, 0);
    }
}

/* More is on record before it is told; less when it has left. */
static void test_other_times(void)
{
    begin(3);
    settle();
    reports[0].wanted_ms = 2 * W_MS;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(member(0)->watchdog_ms, 2 * W_MS);
    CU_ASSERT_EQUAL(member(0)->sure_ms, 2 * W_MS);
    obey(0);
    reports[0].wanted_ms = W_MS;
    CU_ASSERT_FALSE(next());
    CU_ASSERT_EQUAL(member(0)->watchdog_ms, 2 * W_MS);
    CU_ASSERT_EQUAL(member(0)->sure_ms, 2 * W_MS);
}

/* What is armed longer than was told is believed, too. */
static void test_longer_than_told(void)
{
    begin(3);
    settle();
    reports[0].watchdog_ms = 3 * W_MS;
    CU_ASSERT(next());
    CU_ASSERT_EQUAL(member(0)->sure_ms, 3 * W_MS);
}

static void test_connected(void)
{
    begin(3);
    settle();
    CU_ASSERT(fence_list_connected(&list, "b", arena, &list));
    CU_ASSERT_FALSE(member(1)->armed);
    CU_ASSERT(member(0)->armed);
    CU_ASSERT_FALSE(fence_list_connected(&list, "b", arena, &list));
    CU_ASSERT_FALSE(fence_list_connected(&list, "x", arena, &list));
    hosts[1].report = NULL;
    next();
    CU_ASSERT_FALSE(member(1)->armed);
    hosts[1].report = &reports[1];
    CU_ASSERT(next());
    CU_ASSERT(member(1)->armed);
    reports[1].armed = false;
    CU_ASSERT(next());
    CU_ASSERT_FALSE(member(1)->armed);
}

static bool would_stop(uint32_t i, bool up, bool fresh)
{
    const struct fence_going going = { names[i], up, fresh };

    return fence_list_would_stop(&list, &going, hosts, n_hosts);
}

/* A host that is to be removed: what is on record as not armed is not sure
 * when it was just connected to. */
static void test_would_stop(void)
{
    struct wire_fence_heard heard = { .name = "b", .age_ms = 1000 };

    begin(3);
    settle();
    CU_ASSERT(would_stop(1, true, false));
    CU_ASSERT(would_stop(1, false, false)); /* its watchdogd tells */
    CU_ASSERT(fence_list_connected(&list, "b", arena, &list));
    hosts[1].report = NULL;
    CU_ASSERT(would_stop(1, true, true));
    CU_ASSERT_FALSE(would_stop(1, true, false)); /* it has no watchdogd */
    CU_ASSERT_FALSE(would_stop(1, false, true)); /* it is off */
    reports[0].heard = &heard;
    reports[0].n_heard = 1;
    CU_ASSERT(would_stop(1, true, false));
    CU_ASSERT(would_stop(1, false, false));
    heard.age_ms = FENCE_HEARD_MS + 1;
    CU_ASSERT_FALSE(would_stop(1, true, false));
    hosts[1].report = &reports[1];
    reports[1].armed = false; /* but may be when it hears the others */
    CU_ASSERT(would_stop(1, true, false));
    /* let go */
    reports[1].leaving = true;
    CU_ASSERT(would_stop(1, true, false));
    next();
    CU_ASSERT_FALSE(would_stop(1, true, false));
    reports[1].armed = true; /* it has not done it yet */
    CU_ASSERT(would_stop(1, true, false));
    CU_ASSERT_FALSE(would_stop(3, true, true)); /* nobody */
}

/* Two are left: who has not heard that is armed still. */
static void test_would_stop_few(void)
{
    begin(3);
    settle();
    hosts[2].may = false;
    hosts[2].report = NULL;
    while (list.n_members > 2)
        CU_ASSERT_FATAL(next());
    CU_ASSERT_FALSE(member(0)->armed || member(0)->watchdog_ms);
    CU_ASSERT(would_stop(0, true, false));
    reports[0].armed = false;
    CU_ASSERT(would_stop(0, true, false));
    obey(0);
    CU_ASSERT_FALSE(would_stop(0, true, false));
}

/* What policyd does each beat; all tell of all, and some are silent. */
static uint64_t work_of_a_beat(uint32_t n)
{
    struct arena *own = arena_new();
    struct wire_stored_fence many, next_list;
    struct fence_host *all = ARENA_ARRAY(own, n, struct fence_host);
    struct wire_fence_report *told =
        ARENA_ARRAY(own, n, struct wire_fence_report);
    struct wire_fence_heard *heard =
        ARENA_ARRAY(own, n, struct wire_fence_heard);
    bool *row = ARENA_ARRAY(own, n, bool);

    wire_init(&wire_struct_stored_fence, &many);
    many.version = 1;
    many.n_members = n;
    many.members = ARENA_ARRAY(own, n, struct wire_stored_fence_member);
    for (uint32_t i = 0; i < n; i++)
        wire_init(&wire_struct_stored_fence_member, &many.members[i]);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = arena_printf(own, "host-%04u", i);
        wire_init(&wire_struct_fence_report, &told[i]);
        many.members[i * 7 % n].name = name;
        all[i] = (struct fence_host){ name, true, i % 3 ? &told[i] : NULL };
        heard[i] = (struct wire_fence_heard){ .name = name,
                                              .age_ms = i % 3 ? 0 : 60000 };
        told[i].version = 1;
        told[i].heard = heard;
        told[i].n_heard = n;
    }
    uint64_t before = fence_list_n_compared;
    fence_list_is_settled(&many, all, n);
    fence_list_next(&many, all, n, own, &next_list);
    const uint32_t *order = fence_list_order(&many, own);
    for (uint32_t i = 0; i < n; i++)
        if (all[i].report)
            fence_list_heard(&many, order, all[i].report, row);
    for (uint32_t i = 0; i < n; i++) /* host i is the member 7 * i */
        CU_ASSERT_EQUAL(row[i * 7 % n], i % 3 != 0);
    before = fence_list_n_compared - before;
    arena_free(own);
    return before;
}

static void test_many(void)
{
    uint64_t few = work_of_a_beat(100), most = work_of_a_beat(1000);

    /* each tells of each: 100 times as much; 1,000 would be all with that */
    CU_ASSERT(most < 200 * few);
    CU_ASSERT(most < 20 * 1000 * 1000);
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "three join", test_three_join },
        { "two are not armed", test_two_are_not_armed },
        { "one at a time", test_one_at_a_time },
        { "two become one", test_two_become_one },
        { "three become two", test_three_become_two },
        { "stays settled", test_stays_settled },
        { "heard by another", test_heard_by_another },
        { "silent", test_silent },
        { "leaves", test_leaves },
        { "other times", test_other_times },
        { "longer than told", test_longer_than_told },
        { "connected", test_connected },
        { "1,000 members", test_many },
        { "would stop", test_would_stop },
        { "would stop, of few", test_would_stop_few },
    };
    arena = arena_new();
    int status =
        unit_main("fence_list", tests, sizeof(tests) / sizeof(tests[0]));
    arena_free(arena);
    return status;
}
