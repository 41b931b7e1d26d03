/*
 * From a view to a plan, in short steps; see rebalance.h.  Searched, put in an
 * order, and again from where that leads to, until nothing more is found.
 */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"
#include "policyd/placement/waves.h"

/* Of search and plan, until nothing more is found. */
#define ROUNDS 16

enum stage {
    BEGIN, /* a round */
    COPY,  /* the view, to search in */
    SEARCH,
    PLAN,
    APPEND, /* what the round found */
    CUT,
    DONE
};

struct placement_rebalancing {
    struct placement_rebalance_options options;
    struct placement_view *start;
    struct placement_plan plan; /* of all rounds so far */
    enum stage stage;
    int round;

    /* of the round */
    struct placement_view *then; /* where it begins; of the first `start` */
    bool exchanges;
    struct placement_run run;
    struct placement_even *even; /* the search, by the goal */
    struct placement_pack *pack;
    struct placement_planner *planner;
    struct placement_plan more;
    bool may_go_on;
};

/* ---- a round ---- */

static void end_search(struct placement_rebalancing *r)
{
    placement_planner_free(r->planner);
    placement_even_free(r->even);
    placement_pack_free(r->pack);
    r->planner = NULL;
    r->even = NULL;
    r->pack = NULL;
    placement_run_release(&r->run);
    free(r->run.raws);
    r->run = (struct placement_run){ 0 };
}

static void begin_search(struct placement_rebalancing *r)
{
    r->run = (struct placement_run){ .start = r->then,
                                     .options = &r->options,
                                     .exchanges = r->exchanges };
    r->run.view = placement_view_copy(r->then);
    placement_balance_init(&r->run.balance, r->run.view, r->options.wholes);
    switch (r->options.goal) {
    case PLACEMENT_GOAL_EVEN:
        r->even = placement_even_new(&r->run);
        return;
    case PLACEMENT_GOAL_PACK:
        r->pack = placement_pack_new(&r->run);
        return;
    }
}

static void forget_then(struct placement_rebalancing *r)
{
    if (r->then != r->start)
        placement_view_free(r->then);
    r->then = NULL;
}

/* The first begins where it all does; one after it where the plan leads
 * to. */
static void begin_round(struct placement_rebalancing *r)
{
    forget_then(r);
    r->exchanges = true;
    r->then = r->round ? placement_view_copy(r->start) : r->start;
    for (uint32_t i = 0; i < r->plan.n_moves; i++)
        placement_step_do(r->then, r->plan.moves[i].guest,
                          r->plan.moves[i].to, r->plan.moves[i].backup,
                          r->options.moving.now_ms);
}

static bool search_once(struct placement_rebalancing *r)
{
    return r->even ? placement_even_step(r->even)
                   : placement_pack_step(r->pack);
}

/* Guests get other backups on the way than in the search, because their order
 * is another; so its end may not be the end of the plan. */
static bool may_go_on(const struct placement_run *run)
{
    for (uint32_t i = 0; i < run->n_raws; i++)
        if (placement_view_guest(run->start, run->raws[i].guest)->protected)
            return true;
    return false;
}

static void append(struct placement_rebalancing *r)
{
    struct placement_plan *plan = &r->plan;
    const struct placement_plan *more = &r->more;
    uint32_t n = plan->n_moves + more->n_moves;

    if (!more->n_moves)
        return;
    plan->moves = xrealloc(plan->moves, n * sizeof(*plan->moves));
    for (uint32_t i = 0; i < more->n_moves; i++) {
        plan->moves[plan->n_moves] = more->moves[i];
        plan->moves[plan->n_moves++].wave += plan->n_waves;
    }
    placement_waves_sum_up(r->start, r->options.wholes, plan);
}

/* Whether there may be more to find after it. */
static bool end_round(struct placement_rebalancing *r)
{
    bool go_on = r->may_go_on && (r->round == 0 || r->more.n_moves);

    if (r->round == 0) {
        r->plan = r->more;
        r->more = (struct placement_plan){ 0 };
    } else {
        append(r);
        placement_plan_fini(&r->more);
    }
    return go_on && r->round++ < ROUNDS;
}

/* ---- all of it ---- */

/* Who changes places needs room for that, and may then be moved more often
 * than it is worth: then it is searched again, and nobody does. */
static enum stage planned(struct placement_rebalancing *r)
{
    bool again = !placement_planner_in_order(r->planner) && r->exchanges;

    r->may_go_on = may_go_on(&r->run);
    end_search(r);
    r->exchanges = false;
    return again ? COPY : APPEND;
}

bool placement_rebalancing_step(struct placement_rebalancing *r)
{
    switch (r->stage) {
    case BEGIN:
        begin_round(r);
        r->stage = COPY;
        return false;
    case COPY:
        begin_search(r);
        r->stage = SEARCH;
        return false;
    case SEARCH:
        if (search_once(r)) {
            r->planner = placement_planner_new(&r->run, &r->more);
            r->stage = PLAN;
        }
        return false;
    case PLAN:
        if (placement_planner_step(r->planner))
            r->stage = planned(r);
        return false;
    case APPEND:
        r->stage = end_round(r) ? BEGIN : CUT;
        return false;
    case CUT:
        placement_run_cut(&r->options, r->start, &r->plan);
        r->stage = DONE;
        return true;
    case DONE:
        return true;
    }
    return true;
}

const struct placement_plan *
placement_rebalancing_plan(const struct placement_rebalancing *r)
{
    return &r->plan;
}

const struct placement_view *
placement_rebalancing_view(const struct placement_rebalancing *r)
{
    return r->start;
}

int placement_rebalancing_new(
    const struct placement_view *view,
    const struct placement_rebalance_options *options,
    struct placement_rebalancing **ret, struct vdc_error *err)
{
    struct placement_rebalancing *r;

    if (!(options->min_gain >= 0) || isinf(options->min_gain) ||
        options->moving.cool_down_ms < 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a least gain and a cool-down are not negative");
    r = XNEW(struct placement_rebalancing);
    r->options = *options;
    r->start = placement_view_copy(view);
    *ret = r;
    return 0;
}

void placement_rebalancing_free(struct placement_rebalancing *r)
{
    if (!r)
        return;
    end_search(r);
    placement_plan_fini(&r->plan);
    placement_plan_fini(&r->more);
    forget_then(r);
    placement_view_free(r->start);
    free(r);
}

int placement_rebalance(const struct placement_view *view,
                        const struct placement_rebalance_options *options,
                        struct placement_plan *ret, struct vdc_error *err)
{
    struct placement_rebalancing *r;
    int rc = placement_rebalancing_new(view, options, &r, err);

    if (rc)
        return rc;
    while (!placement_rebalancing_step(r))
        continue;
    *ret = r->plan;
    r->plan = (struct placement_plan){ 0 };
    placement_rebalancing_free(r);
    return 0;
}
