/*
 * A plan of many hosts, made in pieces: how long it holds the loop, and what
 * happens to what it is about meanwhile.
 */
#include <event2/event.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "policyd/rebalance/plan.h"
#include "tests/unit/policyd/inventory_bed.h"
#include "tests/unit/unit.h"

#define N_HOSTS 1000
#define N_GUESTS 6000
/* Of CPU, in one turn: a piece is 4 ms or so, and a copy of the view. */
#define TURN_S 0.04

static struct inventory_bed bed;
static struct operations ops;
static struct vdc_uuid uuids[N_GUESTS];

struct made {
    bool done;
    int code;
    uint32_t n_moves;
    uint32_t n_gone; /* of them, of guests that are not there any more */
    bool unwanted;
};

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* None on the last of the hosts. */
static void add_guest(unsigned i)
{
    char name[16], host[16];
    const struct store_assignment row = {
        .uuid = uuids[i],
        .customer = NAMES_PROVIDER,
        .name = name,
        .new_name = "",
        .host = host,
        .state = ASSIGNMENT_CREATING,
        .counts = { .memory = MEM_KIB(GIB), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .created_ms = 5,
        .runs = true,
    };
    struct assignment *a = NULL;

    snprintf(name, sizeof(name), "g%u", i);
    snprintf(host, sizeof(host), "h%u", i * 7 % (N_HOSTS * 3 / 4));
    CU_ASSERT_EQUAL_FATAL(book_assignment_add(bed.book, &row, NULL, &a, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(book_assignment_move(bed.book, a, ASSIGNMENT_ACTIVE,
                                               NULL, NULL, NULL, NULL),
                          0);
}

static void kept(void *arg, const struct vdc_error *why)
{
    CU_ASSERT_EQUAL(why->code, 0);
    *(bool *)arg = true;
}

/* The store's work is not to be counted. */
static void settle(void)
{
    bool done = false;

    done = !book_wait(bed.book, kept, &done);

    while (!done)
        event_base_loop(bed.base, EVLOOP_ONCE);
}

static void begin_bed(void)
{
    memset(&bed, 0, sizeof(bed));
    memset(&ops, 0, sizeof(ops));
    inventory_bed_open_book(&bed);
    for (unsigned i = 0; i < N_GUESTS; i++) {
        uuid_random(&uuids[i]);
        add_guest(i);
    }
    settle();
    bed.inventory = inventory_new(bed.book);
    for (unsigned i = 0; i < N_HOSTS; i++) {
        char name[16];
        const struct inventory_host host = {
            .name = name,
            .state = PLACEMENT_UP,
            .why = "",
            .domain = "",
            .dedicated = "",
            .reported = true,
            .pcpus = 64,
            .available = MEM_KIB(64 * GIB),
            .asked_ms = UINT64_MAX,
        };
        snprintf(name, sizeof(name), "h%u", i);
        inventory_put_host(bed.inventory, &host);
    }
    ops.base = bed.base;
    ops.book = bed.book;
    ops.inventory = bed.inventory;
}

static void made(void *arg, struct wire_move_plan *plan,
                 const struct vdc_error *err)
{
    struct made *m = arg;

    CU_ASSERT(!m->done);
    m->done = true;
    m->code = err ? err->code : 0;
    if (err)
        return;
    CU_ASSERT_EQUAL(plan->n_moves, plan->of_moves);
    m->n_moves = plan->n_moves;
    for (uint32_t i = 0; i < plan->n_moves; i++)
        m->n_gone += !book_assignment(bed.book, &plan->moves[i].uuid);
}

static bool is_unwanted(void *arg)
{
    const struct made *m = arg;

    return m->unwanted;
}

static struct arena *ask(struct made *m)
{
    struct arena *arena = arena_new();
    struct wire_move_query query;
    const struct plan_question question = {
        .ops = &ops,
        .query = &query,
        .is_unwanted = is_unwanted,
        .done = made,
        .arg = m,
    };

    wire_init(&wire_struct_move_query, &query);
    query.goal = WIRE_MOVE_EVEN;
    query.min_gain = 1000;
    query.parallel = 8;
    plan_begin(&question, arena);
    CU_ASSERT(!m->done);
    return arena;
}

static void remove_half(void)
{
    for (unsigned i = 0; i < N_GUESTS; i += 2)
        CU_ASSERT_EQUAL(
            book_assignment_remove(bed.book,
                                   book_assignment(bed.book, &uuids[i]), NULL,
                                   NULL),
            0);
}

static void test_turns(void)
{
    struct made m = { 0 };
    double longest = 0, all = 0;
    unsigned n = 0;

    begin_bed();
    struct arena *arena = ask(&m);
    while (!m.done) {
        double begin = cpu_s();
        event_base_loop(bed.base, EVLOOP_ONCE);
        double took = cpu_s() - begin;
        longest = took > longest ? took : longest;
        all += took;
        n++;
    }
    printf("\n    %d hosts, %d guests: %u moves, %.0f ms of CPU in %u turns "
           "of the loop, the longest %.1f ms ",
           N_HOSTS, N_GUESTS, m.n_moves, all * 1e3, n, longest * 1e3);
    CU_ASSERT_EQUAL(m.code, 0);
    CU_ASSERT(m.n_moves > 100);
    CU_ASSERT(longest < TURN_S * unit_time_factor());
    CU_ASSERT(longest < all / 4);
    arena_free(arena);
    inventory_bed_fini(&bed);
}

/* Guests go while it is planned. */
static void test_gone(void)
{
    struct made m = { 0 };

    begin_bed();
    struct arena *arena = ask(&m);
    for (int i = 0; i < 3; i++)
        event_base_loop(bed.base, EVLOOP_ONCE);
    CU_ASSERT_FATAL(!m.done);
    remove_half();
    while (!m.done)
        event_base_loop(bed.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(m.code, 0);
    CU_ASSERT(m.n_moves > 10);
    CU_ASSERT_EQUAL(m.n_gone, 0);
    arena_free(arena);
    inventory_bed_fini(&bed);
}

/* Whoever asked has gone, or policyd is stopped. */
static void test_ended(void)
{
    struct made m = { 0 }, other = { 0 };

    begin_bed();
    struct arena *arena = ask(&m), *arena_of_other = ask(&other);
    for (int i = 0; i < 3; i++)
        event_base_loop(bed.base, EVLOOP_ONCE);
    CU_ASSERT(!m.done && !other.done);
    m.unwanted = true;
    for (int i = 0; i < 3; i++)
        event_base_loop(bed.base, EVLOOP_ONCE);
    CU_ASSERT(m.done && !other.done);
    CU_ASSERT_EQUAL(m.code, VDC_E_CANCELLED);
    plans_stop(&ops);
    CU_ASSERT(other.done);
    CU_ASSERT_EQUAL(other.code, VDC_E_CLOSED);
    arena_free(arena);
    arena_free(arena_of_other);
    inventory_bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "others have their turn", test_turns },
    { "guests that go meanwhile", test_gone },
    { "nobody wants it any more", test_ended },
};

UNIT_MAIN("plan", tests)
