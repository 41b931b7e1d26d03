/*
 * Rebalancing: every step of every plan on random data centers is held to a
 * checker of its own; and that a plan that was carried out is the end of it.
 */
#include "policyd/placement/rebalance.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "tests/unit/policyd/rebalance_check.h"
#include "tests/unit/unit.h"

#define GIB (UINT64_C(1024) * 1024)

static uint32_t n_plans(void)
{
    const char *text = getenv("VDC_REBALANCES");

    return text ? (uint32_t)atoi(text) : 10000;
}

static struct placement_rebalance_options random_options(struct mover *mover)
{
    struct world *world = &mover->world;

    return (struct placement_rebalance_options){
        .goal =
            world_below(world, 3) ? PLACEMENT_GOAL_EVEN : PLACEMENT_GOAL_PACK,
        .moving = mover_moving(mover),
        .min_gain = world_below(world, 2) ? 0.01 : 0,
        .parallel = world_below(world, 5),
        .mib_per_s = world_below(world, 2) ? 100 : 0,
    };
}

/* Some guests and hosts were changed lately. */
static void add_cool_down(struct mover *mover,
                          struct placement_rebalance_options *options)
{
    struct world *world = &mover->world;

    options->moving.cool_down_ms = 600000;
    options->moving.guest_moved_ms = mover->guest_moved_ms;
    options->moving.host_changed_ms = mover->host_changed_ms;
    options->moving.n_guest_moved = CHECK_GUESTS_MAX;
    options->moving.n_host_changed = CHECK_GUESTS_MAX;
    for (uint32_t i = 0; i < CHECK_GUESTS_MAX; i++) {
        mover->guest_moved_ms[i] =
            world_below(world, 3) ? INT64_MIN
                                  : world->now_ms - world_below(world, 900000);
        mover->host_changed_ms[i] =
            world_below(world, 6) ? INT64_MIN
                                  : world->now_ms - world_below(world, 900000);
    }
}

static bool is_hot(const int64_t *times, uint32_t at, int64_t now_ms)
{
    return times && times[at] != INT64_MIN && now_ms - times[at] < 600000;
}

static bool leaves_alone(const struct placement_rebalance_options *options,
                         const struct placement_plan *plan)
{
    const struct placement_moving *moving = &options->moving;

    for (uint32_t i = 0; i < plan->n_moves; i++) {
        const struct placement_move *move = &plan->moves[i];
        if (is_hot(moving->guest_moved_ms, move->guest, moving->now_ms) ||
            is_hot(moving->host_changed_ms, move->from, moving->now_ms) ||
            is_hot(moving->host_changed_ms, move->to, moving->now_ms))
            return false;
    }
    return true;
}

struct totals {
    uint32_t n_plans;
    uint32_t n_empty;
    uint32_t n_moves;
    uint32_t n_twice;
};

static void count_twice(const struct placement_plan *plan,
                        struct totals *totals)
{
    for (uint32_t i = 0; i < plan->n_moves; i++)
        for (uint32_t j = 0; j < i; j++)
            totals->n_twice += plan->moves[i].guest == plan->moves[j].guest;
}

static bool has_leaving(const struct placement_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_moves; i++)
        if (plan->moves[i].why == PLACEMENT_MOVE_LEAVE)
            return true;
    return false;
}

static void try_plan(struct mover *mover,
                     const struct placement_rebalance_options *options,
                     struct totals *totals)
{
    struct placement_view *view = placement_view_copy(mover->world.view);
    struct placement_plan plan, again;
    double gain = 0;

    CU_ASSERT_EQUAL_FATAL(placement_rebalance(view, options, &plan, NULL), 0);
    double before = check_score(view);
    const char *what = check_plan(mover, view, &plan);
    if (*what)
        printf("plan %u: %s\n", totals->n_plans, what);
    CU_ASSERT_STRING_EQUAL_FATAL(what, "");
    for (uint32_t i = 0; i < plan.n_moves; i++)
        gain += plan.moves[i].gain;
    CU_ASSERT_DOUBLE_EQUAL(plan.before, before, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(plan.after, check_score(view), 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(plan.before - plan.after, gain, 1e-6);
    if (options->goal == PLACEMENT_GOAL_EVEN && plan.n_moves)
        CU_ASSERT(plan.after < plan.before);
    /* those who must leave may need another host */
    if (options->goal == PLACEMENT_GOAL_PACK && !has_leaving(&plan))
        CU_ASSERT(plan.used_after <= plan.used_before);
    CU_ASSERT(leaves_alone(options, &plan));
    if (options->max_moves)
        CU_ASSERT(plan.n_moves <= options->max_moves);
    /* a second run right after makes no move */
    CU_ASSERT_EQUAL_FATAL(placement_rebalance(view, options, &again, NULL), 0);
    if (!options->max_moves)
        CU_ASSERT_EQUAL_FATAL(again.n_moves, 0);
    totals->n_plans++;
    totals->n_empty += plan.n_moves == 0;
    totals->n_moves += plan.n_moves;
    count_twice(&plan, totals);
    placement_plan_fini(&plan);
    placement_plan_fini(&again);
    placement_view_free(view);
}

static void test_random(void)
{
    struct totals totals = { 0 };
    uint32_t n = n_plans();

    for (uint64_t seed = 1; totals.n_plans < n; seed++) {
        struct mover mover = { 0 };
        mover_init(&mover, seed, 3 + (uint32_t)seed % 5);
        for (int i = 0; i < 120; i++)
            mover_step(&mover);
        for (int i = 0; i < 25; i++) {
            struct placement_rebalance_options options =
                random_options(&mover);
            for (int j = 0; j < 8; j++)
                mover_step(&mover);
            if (world_below(&mover.world, 4) == 0)
                add_cool_down(&mover, &options);
            if (world_below(&mover.world, 4) == 0)
                options.max_moves = 1 + world_below(&mover.world, 6);
            options.moving.now_ms = mover.world.now_ms;
            try_plan(&mover, &options, &totals);
        }
        CU_ASSERT(world_is_right(mover.world.view));
        mover_fini(&mover);
    }
    printf("\n    %u plans, %u of them empty, %u moves, %u of a guest that "
           "was moved already ",
           totals.n_plans, totals.n_empty, totals.n_moves, totals.n_twice);
    CU_ASSERT(totals.n_moves > totals.n_plans);
}

/* ---- what it is for ---- */

static void do_plan(struct placement_view *view,
                    const struct placement_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_moves; i++)
        placement_step_do(view, plan->moves[i].guest, plan->moves[i].to,
                          plan->moves[i].backup, 0);
}

static void test_came_back(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .mib_per_s = 1024,
                                                   .parallel = 2 };
    struct placement_plan plan;
    char reason[PLACEMENT_MOVE_REASON_MAX + 1];
    uint32_t a = plain_host(view, "a", 64), b = plain_host(view, "b", 64);

    for (int i = 0; i < 6; i++)
        plain_guest(view, a, 4, 0), plain_guest(view, b, 4, 0);
    uint32_t back = plain_host(view, "back", 64);
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    /* four of the twelve, which makes all alike; two at a time */
    CU_ASSERT_EQUAL_FATAL(plan.n_moves, 4);
    CU_ASSERT_EQUAL(plan.n_waves, 2);
    CU_ASSERT_EQUAL(plan.moves[0].to, back);
    CU_ASSERT_EQUAL(plan.moves[0].time_ms, 4000);
    CU_ASSERT_EQUAL(plan.time_ms, 8000);
    CU_ASSERT_EQUAL(plan.memory.kib, 16 * GIB);
    CU_ASSERT_DOUBLE_EQUAL(plan.after, 0, 1e-9);
    CU_ASSERT_EQUAL(plan.used_after, 3);
    placement_move_reason(view, &plan.moves[0], reason, sizeof(reason));
    CU_ASSERT_STRING_EQUAL(reason,
                           "a has 6 guests and 62% of its memory free, "
                           "back 0 and 100%");
    placement_plan_fini(&plan);
    options.max_moves = 1;
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL(plan.n_moves, 1);
    CU_ASSERT(plan.after < plan.before);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

static void test_pack(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .goal =
                                                       PLACEMENT_GOAL_PACK };
    struct placement_plan plan;
    char name[16];

    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        uint32_t host = plain_host(view, name, 16);
        for (int j = 0; j < 2; j++)
            plain_guest(view, host, 4, 0);
    }
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL(plan.used_before, 8);
    CU_ASSERT_EQUAL(plan.used_after, 4);
    CU_ASSERT_EQUAL(plan.n_moves, 8);
    do_plan(view, &plan);
    placement_plan_fini(&plan);
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL(plan.n_moves, 0);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

static void test_pack_vcpus(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .goal =
                                                       PLACEMENT_GOAL_PACK };
    struct placement_plan plan;
    char name[16];

    /* without a vCPU that is free, and with less memory than where it goes */
    placement_view_set_overcommit(view, 100);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "full%d", i);
        uint32_t full = plain_host(view, name, 64);
        for (int j = 0; j < 16; j++)
            plain_guest(view, full, 1, 0);
    }
    uint32_t room = plain_host(view, "room", 128);
    for (int j = 0; j < 15; j++)
        plain_guest(view, room, 1, 0);
    uint32_t alone = plain_guest(view, plain_host(view, "one", 64), 1, 0);
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(plan.n_moves, 1);
    CU_ASSERT_EQUAL(plan.moves[0].guest, alone);
    CU_ASSERT_EQUAL(plan.moves[0].to, room);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

static void test_pack_fewest(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .goal = PLACEMENT_GOAL_PACK,
                                                   .max_moves = 1 };
    struct placement_plan plan;
    uint32_t small = plain_host(view, "small", 16),
             large = plain_host(view, "large", 16),
             room = plain_host(view, "room", 16);

    for (int i = 0; i < 3; i++)
        plain_guest(view, small, 1, 0);
    uint32_t guest = plain_guest(view, large, 8, 0);
    for (int i = 0; i < 5; i++)
        plain_guest(view, room, 1, 0);
    /* three are fewer GiB, one is fewer moves */
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(plan.n_moves, 1);
    CU_ASSERT_EQUAL(plan.moves[0].guest, guest);
    CU_ASSERT_EQUAL(plan.moves[0].to, room);
    CU_ASSERT_EQUAL(plan.used_after, 2);
    placement_plan_fini(&plan);
    options.max_moves = 0;
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL(plan.n_moves, 4);
    CU_ASSERT_EQUAL(plan.used_after, 1);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

static void test_bad_options(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .min_gain = -1 };
    struct placement_plan plan;
    struct vdc_error err;

    plain_host(view, "a", 8);
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, &err),
                    VDC_E_BAD_VALUE);
    options.min_gain = NAN;
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, &err),
                    VDC_E_BAD_VALUE);
    options.min_gain = 0;
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, &err), 0);
    CU_ASSERT_EQUAL(plan.n_moves, 0);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

/* ---- large ---- */

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_thousand(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .parallel = 8 };
    struct placement_plan plan;
    uint64_t seed = 7;
    char name[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        plain_host(view, name, 256);
    }
    for (int i = 0; i < 10000; i++) {
        uint64_t x = world_random(&seed) % 1000,
                 y = world_random(&seed) % 1000;
        /* fewer on the later ones */
        uint32_t host = (uint32_t)(x < y ? x : y);
        plain_guest(view, host, UINT64_C(1) << (world_random(&seed) % 4), 0);
    }
    double begin = cpu_s();
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    double took = cpu_s() - begin;
    printf("\n    1000 hosts, 10000 guests: %.3f to %.3f by %u moves in %u "
           "waves, %.2f s of CPU ",
           plan.before, plan.after, plan.n_moves, plan.n_waves, took);
    CU_ASSERT(plan.after < plan.before / 10);
    CU_ASSERT(took < 10 * unit_time_factor());
    do_plan(view, &plan);
    placement_plan_fini(&plan);
    CU_ASSERT_EQUAL(placement_rebalance(view, &options, &plan, NULL), 0);
    CU_ASSERT_EQUAL(plan.n_moves, 0);
    placement_plan_fini(&plan);
    placement_view_free(view);
    placement_names_free(names);
}

/* What holds a thread that has other things to do: one step. */
struct longest {
    double s;
    double all_s;
    unsigned n;
};

static struct longest step_through(struct placement_rebalancing *r)
{
    struct longest longest = { 0, 0, 0 };
    bool all = false;

    while (!all) {
        double begin = cpu_s();
        all = placement_rebalancing_step(r);
        double took = cpu_s() - begin;
        longest.s = took > longest.s ? took : longest.s;
        longest.all_s += took;
        longest.n++;
    }
    return longest;
}

#define N_HOSTS 10000
#define N_GUESTS 150000

static void fill_many(struct placement_view *view)
{
    uint64_t seed = 11;
    char name[16];

    for (int i = 0; i < N_HOSTS; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        plain_host(view, name, 256);
    }
    for (uint32_t i = 0; i < N_GUESTS; i++) {
        /* none on the last of them */
        uint32_t host = (uint32_t)(world_random(&seed) % (N_HOSTS - 100));
        plain_guest(view, host, UINT64_C(1) << (world_random(&seed) % 4), 0);
    }
}

static bool is_one_of_most(void *arg, uint32_t guest)
{
    return guest % 16 != 0;
}

static bool is_elsewhere(void *arg, uint32_t guest)
{
    return placement_view_guest(arg, guest)->host >= 40;
}

static void step_goal(struct placement_view *view, enum placement_goal goal)
{
    const struct placement_rebalance_options options = {
        .goal = goal,
        .parallel = 8,
        .min_gain = 0.0001,
        .max_moves = 100,
        .moving.is_held =
            goal == PLACEMENT_GOAL_PACK ? is_elsewhere : is_one_of_most,
        .moving.arg = view,
    };
    struct placement_rebalancing *r;

    CU_ASSERT_EQUAL_FATAL(placement_rebalancing_new(view, &options, &r, NULL),
                          0);
    struct longest longest = step_through(r);
    printf("\n    %d hosts, %d guests: %u moves, %.0f ms of CPU in %u steps, "
           "the longest %.1f ms ",
           N_HOSTS, N_GUESTS, placement_rebalancing_plan(r)->n_moves,
           longest.all_s * 1e3, longest.n, longest.s * 1e3);
    CU_ASSERT(placement_rebalancing_plan(r)->n_moves > 0);
    CU_ASSERT(longest.s < 0.05 * unit_time_factor());
    CU_ASSERT(longest.s < longest.all_s / 4);
    placement_rebalancing_free(r);
}

static void test_steps(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);

    fill_many(view);
    step_goal(view, PLACEMENT_GOAL_EVEN);
    step_goal(view, PLACEMENT_GOAL_PACK);
    placement_view_free(view);
    placement_names_free(names);
}

/* Whoever asked has gone: at any step. */
static void test_given_up(void)
{
    struct mover mover = { 0 };
    bool all = false;

    mover_init(&mover, 3, 6);
    for (int i = 0; i < 200; i++)
        mover_step(&mover);
    struct placement_rebalance_options options = {
        .moving = mover_moving(&mover),
        .parallel = 2,
    };
    for (unsigned n = 0; !all; n++) {
        struct placement_rebalancing *r;
        CU_ASSERT_EQUAL_FATAL(placement_rebalancing_new(mover.world.view,
                                                        &options, &r, NULL),
                              0);
        for (unsigned i = 0; i < n && !all; i++)
            all = placement_rebalancing_step(r);
        placement_rebalancing_free(r);
    }
    mover_fini(&mover);
}

static const struct unit_test tests[] = {
    { "every step of random plans, and none after", test_random },
    { "a host that came back gets guests", test_came_back },
    { "half empty hosts are packed", test_pack },
    { "vCPUs are looked for, too", test_pack_vcpus },
    { "the host with the fewest guests is emptied first", test_pack_fewest },
    { "bad options are refused", test_bad_options },
    { "a thousand hosts", test_thousand },
    { "ten thousand hosts in steps that are short", test_steps },
    { "given up at any step", test_given_up },
};

UNIT_MAIN("rebalance", tests)
