/*
 * Emptying a host: on random data centers, every step is held to a checker of
 * its own, and who cannot go is said to have nowhere to go.
 */
#include "policyd/placement/evacuate.h"

#include <string.h>

#include "policyd/placement/score.h"
#include "tests/unit/policyd/rebalance_check.h"
#include "tests/unit/unit.h"

struct totals {
    uint32_t n_hosts;
    uint32_t n_empty;
    uint32_t n_guests;
    uint32_t n_gone;
    uint32_t n_together;
    uint32_t n_rebacked;
};

static bool is_ruled(const struct placement_view *view, uint32_t guest)
{
    const struct placement_guest *g = placement_view_guest(view, guest);
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < g->n_groups; i++)
        if (placement_view_rules(view, g->groups[i], &sides))
            return true;
    return false;
}

/* Guests with rules are in one wave only when they must be together. */
static const char *check_waves(const struct mover *mover,
                               struct placement_view *view,
                               const struct placement_plan *plan,
                               struct totals *totals)
{
    const char *what = "";

    for (uint32_t i = 0, end; i < plan->n_moves && !*what; i = end) {
        uint32_t n_ruled = 0;
        for (end = i; end < plan->n_moves &&
                      plan->moves[end].wave == plan->moves[i].wave;
             end++)
            n_ruled += is_ruled(view, plan->moves[end].guest);
        bool together = n_ruled > 1;
        totals->n_together += together;
        what = together ? check_together(mover, view, &plan->moves[i], end - i)
                        : check_wave(mover, view, &plan->moves[i], end - i);
        for (uint32_t j = i; j < end && !*what; j++) {
            if (!together)
                what = check_move(mover, view, &plan->moves[j]);
            check_do(view, &plan->moves[j]);
        }
    }
    return what;
}

static uint32_t n_of(const struct placement_evacuation *evacuation,
                     uint32_t guest)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < evacuation->plan.n_moves; i++)
        n += evacuation->plan.moves[i].guest == guest;
    for (uint32_t i = 0; i < evacuation->n_stuck; i++)
        n += evacuation->stuck[i].guest == guest;
    return n;
}

/* Each guest goes once, or is said not to; nobody else does. */
static void check_who(const struct placement_view *view, uint32_t host,
                      const struct placement_evacuation *evacuation)
{
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (guest)
            CU_ASSERT_EQUAL(n_of(evacuation, i), guest->host == host);
    }
}

static void check_stuck(const struct mover *mover,
                        const struct placement_view *before,
                        const struct placement_view *after,
                        const struct placement_evacuation *evacuation)
{
    uint32_t n_promises;

    placement_view_promises(after, &n_promises);
    for (uint32_t i = 0; i < evacuation->n_stuck; i++) {
        const struct placement_stuck *stuck = &evacuation->stuck[i];
        const struct placement_guest *guest =
            placement_view_guest(after, stuck->guest);
        struct placement_request request = mover->requests[stuck->guest];
        const char *why;
        CU_ASSERT(stuck->why.code < 0);
        CU_ASSERT(strlen(stuck->why.text) > 0);
        if (stuck->why.code == VDC_E_WRONG_STATE || n_promises ||
            is_ruled(before, stuck->guest) || request.protected)
            continue;
        /* of the two makers of CPUs it must be the same */
        if (guest->runs)
            cpu_set_add(&request.cpu,
                        cpu_set_has(
                            &placement_view_host(after, guest->host)->cpu, 1));
        for (uint32_t h = 0; h < placement_view_n_hosts(after); h++)
            if (h != guest->host)
                CU_ASSERT_FALSE(world_may(after, &request, h, &why));
    }
}

static void check_rebacked(const struct placement_view *view, uint32_t host,
                           const struct placement_evacuation *evacuation)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        n += guest && guest->protected && guest->runs &&
             guest->backup == host && guest->host != host;
    }
    CU_ASSERT_EQUAL(evacuation->n_rebacked, n);
    for (uint32_t i = 0; i < evacuation->n_rebacked; i++) {
        uint32_t backup = evacuation->rebacked[i].backup;
        uint32_t guest = evacuation->rebacked[i].guest;
        if (backup == PLACEMENT_NONE)
            continue;
        CU_ASSERT(backup != host);
        CU_ASSERT(backup != placement_view_guest(view, guest)->host);
        CU_ASSERT_EQUAL(placement_view_host(view, backup)->state,
                        PLACEMENT_UP);
    }
}

static void try_host(struct mover *mover, uint32_t host, struct totals *totals)
{
    struct placement_view *view = placement_view_copy(mover->world.view);
    struct placement_rebalance_options options = {
        .moving = mover_moving(mover),
        .parallel = 1 + world_below(&mover->world, 3),
    };
    struct placement_evacuation evacuation;
    uint32_t n = placement_view_use(view, host)->n_guests;

    CU_ASSERT_EQUAL_FATAL(
        placement_evacuate(view, host, &options,
                           placement_policy_find(world_below(&mover->world, 2)
                                                     ? "pack"
                                                     : "spread"),
                           &evacuation, NULL),
        0);
    if (placement_view_host(view, host)->state == PLACEMENT_UP)
        placement_view_set_state(view, host, PLACEMENT_DRAINING);
    const char *what = check_waves(mover, view, &evacuation.plan, totals);
    if (*what)
        printf("host %u: %s\n", totals->n_hosts, what);
    CU_ASSERT_STRING_EQUAL_FATAL(what, "");
    check_who(mover->world.view, host, &evacuation);
    check_stuck(mover, mover->world.view, view, &evacuation);
    check_rebacked(view, host, &evacuation);
    CU_ASSERT_EQUAL(placement_view_use(view, host)->n_guests,
                    evacuation.n_stuck);
    totals->n_hosts++;
    totals->n_empty += evacuation.n_stuck == 0;
    totals->n_guests += n;
    totals->n_gone += evacuation.plan.n_moves;
    totals->n_rebacked += evacuation.n_rebacked;
    placement_evacuation_fini(&evacuation);
    placement_view_free(view);
}

static void test_random(void)
{
    struct totals totals = { 0 };
    const char *text = getenv("VDC_REBALANCES");
    uint32_t most = text ? (uint32_t)atoi(text) : 10000;

    for (uint64_t seed = 1; totals.n_hosts < most; seed++) {
        struct mover mover = { 0 };
        mover_init(&mover, seed * 7919, 3 + (uint32_t)seed % 5);
        for (int i = 0; i < 100; i++)
            mover_step(&mover);
        for (int i = 0; i < 10; i++) {
            uint32_t n = placement_view_n_hosts(mover.world.view);
            for (int j = 0; j < 10; j++)
                mover_step(&mover);
            for (uint32_t host = 0; host < n; host++)
                if (placement_view_host(mover.world.view, host)->name)
                    try_host(&mover, host, &totals);
        }
        mover_fini(&mover);
    }
    printf("\n    %u hosts, %u of them emptied; %u of %u guests went, %u "
           "times several together; %u got another backup ",
           totals.n_hosts, totals.n_empty, totals.n_gone, totals.n_guests,
           totals.n_together, totals.n_rebacked);
    CU_ASSERT(totals.n_empty > 0 && totals.n_gone > 0);
    CU_ASSERT(totals.n_together > 0 && totals.n_rebacked > 0);
}

/* ---- what it says ---- */

static void test_says(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .parallel = 2 };
    struct placement_evacuation evacuation;
    const struct placement_policy *policy = placement_policy_find("spread");
    struct vdc_error err;
    uint32_t a = plain_host(view, "a", 64), b = plain_host(view, "b", 16);
    uint32_t small = plain_guest(view, a, 4, 0);
    uint32_t large = plain_guest(view, a, 20, 0);

    plain_guest(view, b, 4, 0);
    CU_ASSERT_EQUAL(
        placement_evacuate(view, 7, &options, policy, &evacuation, &err),
        VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(
        placement_evacuate(view, a, &options, policy, &evacuation, &err), 0);
    CU_ASSERT_EQUAL_FATAL(evacuation.plan.n_moves, 1);
    CU_ASSERT_EQUAL(evacuation.plan.moves[0].guest, small);
    CU_ASSERT_EQUAL(evacuation.plan.moves[0].why, PLACEMENT_MOVE_LEAVE);
    CU_ASSERT_EQUAL_FATAL(evacuation.n_stuck, 1);
    CU_ASSERT_EQUAL(evacuation.stuck[0].guest, large);
    CU_ASSERT_EQUAL(evacuation.stuck[0].why.code, VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(evacuation.stuck[0].why.hint, "memory"));
    placement_evacuation_fini(&evacuation);
    placement_view_set_state(view, a, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(
        placement_evacuate(view, a, &options, policy, &evacuation, &err), 0);
    CU_ASSERT_EQUAL(evacuation.n_stuck, 2);
    CU_ASSERT_STRING_EQUAL(evacuation.stuck[0].why.text, "its host is down");
    placement_evacuation_fini(&evacuation);
    placement_view_free(view);
    placement_names_free(names);
}

/* Three that must be together go in one wave to where all of them fit. */
static void test_together(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_rebalance_options options = { .parallel = 1 };
    struct placement_evacuation evacuation;
    uint32_t a = plain_host(view, "a", 64), group;

    plain_host(view, "b", 10);
    uint32_t c = plain_host(view, "c", 16);
    group = placement_names_add(names, "web");
    struct placement_rule rule = {
        .name = group, .group = group, .other = group, .hard = true
    };
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL), 0);
    for (int i = 0; i < 3; i++)
        plain_guest(view, a, 4, group);
    CU_ASSERT_EQUAL(placement_evacuate(view, a, &options,
                                       placement_policy_find("pack"),
                                       &evacuation, NULL),
                    0);
    CU_ASSERT_EQUAL_FATAL(evacuation.plan.n_moves, 3);
    CU_ASSERT_EQUAL(evacuation.plan.n_waves, 1);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(evacuation.plan.moves[i].to, c);
    placement_evacuation_fini(&evacuation);
    placement_view_free(view);
    placement_names_free(names);
}

static const struct unit_test tests[] = {
    { "random hosts", test_random },
    { "who cannot go, and why", test_says },
    { "those that must be together", test_together },
};

UNIT_MAIN("evacuate", tests)
