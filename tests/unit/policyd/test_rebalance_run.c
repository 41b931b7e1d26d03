/*
 * Plans carried out on a simulated cluster: moves fail, hosts die and come
 * back in the middle of it, and what is left is planned anew; no step may
 * break anything, and it must come to an end.
 */
#include <string.h>

#include "policyd/placement/evacuate.h"
#include "policyd/placement/rebalance.h"
#include "policyd/placement/score.h"
#include "policyd/placement/spare.h"
#include "tests/unit/policyd/rebalance_check.h"
#include "tests/unit/unit.h"

struct totals {
    uint32_t n_runs;
    uint32_t n_plans;
    uint32_t n_moves;
    uint32_t n_failed;
    uint32_t n_died;
    uint32_t n_back;
    uint32_t n_lost;
};

static bool one_in(struct world *world, uint32_t n)
{
    return world_below(world, n) == 0;
}

/* Its protected guests go to their backups, as was promised, and the others
 * are gone. */
static void kill_host(struct mover *mover, uint32_t host,
                      struct totals *totals)
{
    struct placement_view *view = mover->world.view;
    uint32_t next;

    placement_view_set_state(view, host, PLACEMENT_DOWN);
    for (uint32_t g = placement_view_use(view, host)->first_guest;
         g != PLACEMENT_NONE; g = next) {
        const struct placement_guest *guest = placement_view_guest(view, g);
        uint32_t backup = guest->backup;
        next = guest->next;
        if (guest->protected && guest->runs &&
            placement_spare_holds(view, g)) {
            placement_view_set_backup(view, g, PLACEMENT_NONE);
            placement_view_move_guest(view, g, backup, mover->world.now_ms);
        } else {
            placement_view_remove_guest(view, g);
            totals->n_lost++;
        }
    }
    totals->n_died++;
}

static void disturb(struct mover *mover, struct totals *totals)
{
    struct world *world = &mover->world;
    uint32_t host = world_below(world, placement_view_n_hosts(world->view));
    const struct placement_host *h = placement_view_host(world->view, host);

    if (!h->name)
        return;
    if (h->state == PLACEMENT_UP && one_in(world, 2)) {
        kill_host(mover, host, totals);
    } else if (h->state != PLACEMENT_UP) {
        placement_view_set_state(world->view, host, PLACEMENT_UP);
        totals->n_back++;
    }
}

/* Up to the first that fails, or until something happens; false then. */
static bool carry_out(struct mover *mover, const struct placement_plan *plan,
                      uint32_t trouble, struct totals *totals)
{
    struct world *world = &mover->world;

    for (uint32_t i = 0, end; i < plan->n_moves; i = end) {
        bool all = true;
        for (end = i; end < plan->n_moves &&
                      plan->moves[end].wave == plan->moves[i].wave;
             end++)
            continue;
        CU_ASSERT_STRING_EQUAL_FATAL(
            check_wave(mover, world->view, &plan->moves[i], end - i), "");
        struct placement_view *start = placement_view_copy(world->view);
        for (uint32_t j = i; j < end; j++) {
            if (trouble && one_in(world, trouble)) {
                totals->n_failed++;
                all = false;
                continue;
            }
            CU_ASSERT_STRING_EQUAL_FATAL(
                check_one_of(mover, start, world->view, &plan->moves[j]), "");
            check_do(world->view, &plan->moves[j]);
            totals->n_moves++;
        }
        placement_view_free(start);
        if (trouble && one_in(world, trouble)) {
            disturb(mover, totals);
            return false;
        }
        if (!all)
            return false;
    }
    return true;
}

static void run_to_the_end(struct mover *mover, enum placement_goal goal,
                           struct totals *totals)
{
    struct placement_rebalance_options options = {
        .goal = goal,
        .moving = mover_moving(mover),
        .min_gain = 0.001,
        .parallel = 1 + world_below(&mover->world, 3),
    };

    for (int n = 0; n < 200; n++) {
        struct placement_plan plan;
        /* the trouble ends at some time */
        uint32_t trouble = n < 20 ? 6 : 0;
        options.moving.now_ms = mover->world.now_ms += 1000;
        CU_ASSERT_EQUAL_FATAL(
            placement_rebalance(mover->world.view, &options, &plan, NULL), 0);
        uint32_t n_moves = plan.n_moves;
        bool done = carry_out(mover, &plan, trouble, totals);
        double after = plan.after;
        placement_plan_fini(&plan);
        totals->n_plans++;
        if (done)
            CU_ASSERT_DOUBLE_EQUAL(check_score(mover->world.view), after,
                                   1e-6);
        if (!n_moves)
            return;
    }
    CU_FAIL_FATAL("it does not come to an end");
}

static void test_trouble(void)
{
    struct totals totals = { 0 };

    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct mover mover = { 0 };
        mover_init(&mover, seed * 104729, 4 + (uint32_t)seed % 5);
        for (int i = 0; i < 150; i++)
            mover_step(&mover);
        run_to_the_end(&mover,
                       seed % 4 ? PLACEMENT_GOAL_EVEN : PLACEMENT_GOAL_PACK,
                       &totals);
        CU_ASSERT(world_is_right(mover.world.view));
        totals.n_runs++;
        mover_fini(&mover);
    }
    printf("\n    %u runs, %u plans, %u moves; %u moves failed, %u hosts "
           "died and %u came back, %u guests lost with them ",
           totals.n_runs, totals.n_plans, totals.n_moves, totals.n_failed,
           totals.n_died, totals.n_back, totals.n_lost);
    CU_ASSERT(totals.n_failed > 100 && totals.n_died > 20 &&
              totals.n_back > 20);
}

/* ---- maintenance of a whole cluster ---- */

#define N_HOSTS 12
#define GIB (UINT64_C(1024) * 1024)

static void put_guests(struct mover *mover)
{
    struct world *world = &mover->world;

    for (uint32_t i = 0; i < 8 * N_HOSTS; i++) {
        struct placement_guest guest = {
            .customer = 1 + world_below(world, 3),
            .host = world_below(world, N_HOSTS),
            .spec = { .memory = MEM_KIB(GIB << world_below(world, 3)),
                      .vcpus = 1 },
            .runs = true,
            .backup = PLACEMENT_NONE,
        };
        CU_ASSERT_EQUAL(
            placement_view_add_guest(world->view, &guest, NULL, NULL), 0);
    }
}

/* Each host in turn is emptied, is away, and comes back to its share. */
static void test_rolling(void)
{
    struct mover mover = { 0 };
    struct totals totals = { 0 };
    struct placement_view *view;
    char name[16];

    mover_init(&mover, 5, 0);
    view = mover.world.view;
    placement_view_set_overcommit(view, 0);
    for (uint32_t i = 0; i < N_HOSTS; i++) {
        snprintf(name, sizeof(name), "host%u", i);
        struct placement_host host = {
            .name = placement_names_add(mover.world.names, name),
            .memory = MEM_GIB(64),
            .pcpus = 16,
        };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    put_guests(&mover);
    for (uint32_t i = 0; i < N_HOSTS; i++) {
        struct placement_rebalance_options options = {
            .moving = mover_moving(&mover), .parallel = 4
        };
        struct placement_evacuation evacuation;
        CU_ASSERT_EQUAL(placement_evacuate(view, i, &options,
                                           placement_policy_find("spread"),
                                           &evacuation, NULL),
                        0);
        placement_view_set_state(view, i, PLACEMENT_MAINTENANCE);
        CU_ASSERT_EQUAL(evacuation.n_stuck, 0);
        CU_ASSERT(carry_out(&mover, &evacuation.plan, 0, &totals));
        CU_ASSERT_EQUAL(placement_view_use(view, i)->n_guests, 0);
        placement_evacuation_fini(&evacuation);
        placement_view_set_state(view, i, PLACEMENT_UP);
        run_to_the_end(&mover, PLACEMENT_GOAL_EVEN, &totals);
    }
    for (uint32_t i = 0; i < N_HOSTS; i++) {
        uint32_t n = placement_view_use(view, i)->n_guests;
        CU_ASSERT(totals.n_died || (n >= 7 && n <= 9));
    }
    CU_ASSERT_EQUAL(placement_view_n_guests(view) + totals.n_lost,
                    8 * N_HOSTS);
    mover_fini(&mover);
}

static const struct unit_test tests[] = {
    { "moves fail and hosts die on the way", test_trouble },
    { "a cluster is maintained host by host", test_rolling },
};

UNIT_MAIN("rebalance_run", tests)
