/* Tests of policyd/customers/usage.c. */
#include "policyd/customers/usage.h"

#include <string.h>

#include "tests/unit/unit.h"

#define HOUR UINT64_C(3600000)

static struct wire_stored_use use(const char *customer, uint64_t from,
                                  uint64_t to, bool runs)
{
    struct wire_stored_use u;

    wire_init(&wire_struct_stored_use, &u);
    u.customer = customer;
    u.from_ms = from;
    u.to_ms = to;
    u.runs = runs;
    u.counts.memory = MEM_MIB(512);
    u.counts.vcpus = 2;
    u.counts.disk = MEM_MIB(1024);
    u.counts.networks = 1;
    return u;
}

static void one_guest(void)
{
    struct usage *usage = usage_new(HOUR, 0, 100 * HOUR);
    struct arena *arena = arena_new();
    struct wire_stored_use u = use("acme", HOUR / 2, 2 * HOUR + 1000, true);
    struct wire_use *list;
    uint32_t n;

    usage_count(usage, &u);
    u = use("acme", 2 * HOUR + 1000, 2 * HOUR + 3000, false);
    usage_count(usage, &u);
    usage_list(usage, arena, &list, &n);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_EQUAL(list[0].start_ms, 0);
    CU_ASSERT_EQUAL(list[0].guest_ms, HOUR / 2);
    CU_ASSERT_EQUAL(list[0].running_ms, HOUR / 2);
    CU_ASSERT_EQUAL(list[1].running_memory_mib_ms, 512 * HOUR);
    CU_ASSERT_EQUAL(list[1].vcpu_ms, 2 * HOUR);
    CU_ASSERT_EQUAL(list[1].length_ms, HOUR);
    CU_ASSERT_EQUAL(list[2].guest_ms, 3000);
    CU_ASSERT_EQUAL(list[2].running_ms, 1000);
    CU_ASSERT_EQUAL(list[2].disk_mib_ms, 3000 * 1024);
    CU_ASSERT_EQUAL(list[2].running_vcpu_ms, 2000);
    CU_ASSERT_EQUAL(list[2].network_ms, 3000);
    CU_ASSERT_FALSE(list[2].open);
    usage_free(usage);
    arena_free(arena);
}

/* What is asked for is cut out, and the last period is said to go on. */
static void range(void)
{
    struct usage *usage = usage_new(HOUR, HOUR + 10, 2 * HOUR + 20);
    struct arena *arena = arena_new();
    struct wire_stored_use u = use("acme", 0, 50 * HOUR, true);
    struct wire_use *list;
    uint32_t n;

    usage_count(usage, &u);
    u = use("acme", 0, HOUR + 10, true); /* before */
    usage_count(usage, &u);
    u = use("globex", 2 * HOUR + 20, 3 * HOUR, true); /* after */
    usage_count(usage, &u);
    usage_list(usage, arena, &list, &n);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(list[0].guest_ms, HOUR - 10);
    CU_ASSERT_FALSE(list[0].open);
    CU_ASSERT_EQUAL(list[1].guest_ms, 20);
    CU_ASSERT(list[1].open);
    usage_free(usage);
    arena_free(arena);
}

/* However the time of a guest is divided, the sum is the same. */
static void any_division(void)
{
    enum { END = 200 };
    struct arena *arena = arena_new();
    unsigned seed = 1;

    for (int round = 0; round < 200; round++) {
        struct usage *usage = usage_new(7, 0, END);
        struct wire_use *list;
        uint64_t at = 0, guest = 0, running = 0, ran = 0;
        uint32_t n;
        while (at < END) {
            uint64_t to = at + 1 + (uint64_t)rand_r(&seed) % 40;
            bool runs = rand_r(&seed) % 2;
            if (to > END)
                to = END;
            struct wire_stored_use u = use("a", at, to, runs);
            usage_count(usage, &u);
            ran += runs ? to - at : 0;
            at = to;
        }
        usage_list(usage, arena, &list, &n);
        CU_ASSERT_EQUAL(n, (END + 6) / 7);
        for (uint32_t i = 0; i < n; i++) {
            CU_ASSERT_EQUAL(list[i].guest_ms, i == n - 1 ? END % 7 : 7);
            guest += list[i].guest_ms;
            running += list[i].running_ms;
        }
        CU_ASSERT_EQUAL(guest, END);
        CU_ASSERT_EQUAL(running, ran);
        usage_free(usage);
    }
    arena_free(arena);
}

static void order(void)
{
    struct usage *usage = usage_new(HOUR, 0, 10 * HOUR);
    struct arena *arena = arena_new();
    static const char *const names[] = { "b", "a", "a_x" };
    struct wire_use *list;
    uint32_t n;

    for (int i = 0; i < 3; i++) {
        struct wire_stored_use u = use(names[i], 0, 2 * HOUR, false);
        usage_count(usage, &u);
    }
    usage_list(usage, arena, &list, &n);
    CU_ASSERT_EQUAL_FATAL(n, 6);
    CU_ASSERT_STRING_EQUAL(list[0].customer, "a");
    CU_ASSERT_STRING_EQUAL(list[1].customer, "a_x");
    CU_ASSERT_STRING_EQUAL(list[2].customer, "b");
    CU_ASSERT_EQUAL(list[3].start_ms, HOUR);
    usage_free(usage);
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "one guest over periods", one_guest },
    { "what is asked for", range },
    { "any division of time has the same sum", any_division },
    { "order", order },
};

UNIT_MAIN("policyd/usage", tests)
