/*
 * Rebalancing: the steps of a search, and what a plan says; see rebalance.h.
 * The searches are in rebalance_even.c and rebalance_pack.c, what makes a plan
 * of their steps in rebalance_plan.c.
 */
#include "policyd/placement/rebalance.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"
#include "policyd/placement/waves.h"

/* Of the search, until it finds nothing more. */
#define ROUNDS 16

bool placement_run_may(const struct placement_run *run, uint32_t guest)
{
    return placement_step_stay(run->view, &run->options->moving, guest) ==
           PLACEMENT_STAY_NOT;
}

/* In the view and in the balance. */
static void apply(struct placement_run *run, uint32_t guest, uint32_t to,
                  uint32_t backup)
{
    const struct placement_guest *g = placement_view_guest(run->view, guest);
    const uint32_t hosts[4] = { g->host, to,
                                g->protected ? g->backup : PLACEMENT_NONE,
                                backup };

    placement_balance_gained(&run->balance,
                             placement_balance_rules_gain(run->view, g, to));
    placement_step_do(run->view, guest, to, backup,
                      run->options->moving.now_ms);
    for (int i = 0; i < 4; i++)
        if (hosts[i] != PLACEMENT_NONE)
            placement_balance_update(&run->balance, hosts[i]);
}

static void push(struct placement_run *run, struct placement_raw raw)
{
    if (run->n_raws == run->raws_max) {
        run->raws_max = run->raws_max ? run->raws_max * 2 : 64;
        run->raws = xrealloc(run->raws, run->raws_max * sizeof(*run->raws));
    }
    run->raws[run->n_raws++] = raw;
}

bool placement_run_step(struct placement_run *run, uint32_t guest, uint32_t to,
                        double gain)
{
    const struct placement_guest *g = placement_view_guest(run->view, guest);
    struct placement_raw raw = { .guest = guest,
                                 .from = g->host,
                                 .to = to,
                                 .old_backup = g->protected && g->runs
                                                   ? g->backup
                                                   : PLACEMENT_NONE };
    double before = placement_balance_score(&run->balance);

    if (!placement_step_can(run->view, &run->options->moving, guest, to,
                            &raw.backup))
        return false;
    apply(run, guest, to, raw.backup);
    push(run, raw);
    if (before - placement_balance_score(&run->balance) >= gain)
        return true;
    placement_run_undo(run, run->n_raws - 1);
    return false;
}

void placement_run_undo(struct placement_run *run, uint32_t n_raws)
{
    while (run->n_raws > n_raws) {
        const struct placement_raw *raw = &run->raws[--run->n_raws];
        apply(run, raw->guest, raw->from, raw->old_backup);
    }
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

static void search(const struct placement_view *view,
                   const struct placement_rebalance_options *options,
                   bool exchanges, struct placement_run *ret)
{
    *ret = (struct placement_run){ .start = view,
                                   .options = options,
                                   .exchanges = exchanges };
    ret->view = placement_view_copy(view);
    placement_balance_init(&ret->balance, ret->view, options->wholes);
    switch (options->goal) {
    case PLACEMENT_GOAL_EVEN:
        placement_run_even(ret);
        return;
    case PLACEMENT_GOAL_PACK:
        placement_run_pack(ret);
        return;
    }
}

static void run_fini(struct placement_run *run)
{
    free(run->raws);
    placement_balance_fini(&run->balance);
    placement_view_free(run->view);
}

/* Whether there may be more to do after it. */
static bool run_once(const struct placement_view *view,
                     const struct placement_rebalance_options *options,
                     struct placement_plan *ret)
{
    struct placement_run run;

    search(view, options, true, &run);
    if (!placement_run_plan(&run, ret)) {
        /* who changes places needs room for that, and may then be moved more
         * often than it is worth */
        run_fini(&run);
        search(view, options, false, &run);
        placement_run_plan(&run, ret);
    }
    bool more = may_go_on(&run);
    run_fini(&run);
    return more;
}

static void append(const struct placement_view *view,
                   const struct placement_rebalance_options *options,
                   const struct placement_plan *more,
                   struct placement_plan *plan)
{
    uint32_t n = plan->n_moves + more->n_moves;

    if (!more->n_moves)
        return;
    plan->moves = xrealloc(plan->moves, n * sizeof(*plan->moves));
    for (uint32_t i = 0; i < more->n_moves; i++) {
        plan->moves[plan->n_moves] = more->moves[i];
        plan->moves[plan->n_moves++].wave += plan->n_waves;
    }
    placement_waves_sum_up(view, options->wholes, plan);
}

int placement_rebalance(const struct placement_view *view,
                        const struct placement_rebalance_options *options,
                        struct placement_plan *ret, struct vdc_error *err)
{
    struct placement_plan plan = { 0 };

    if (!(options->min_gain >= 0) || isinf(options->min_gain) ||
        options->moving.cool_down_ms < 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a least gain and a cool-down are not negative");
    bool go_on = run_once(view, options, &plan);
    for (int i = 0; i < ROUNDS && go_on; i++) {
        struct placement_view *then = placement_view_copy(view);
        struct placement_plan more = { 0 };
        for (uint32_t j = 0; j < plan.n_moves; j++)
            placement_step_do(then, plan.moves[j].guest, plan.moves[j].to,
                              plan.moves[j].backup, options->moving.now_ms);
        go_on = run_once(then, options, &more) && more.n_moves;
        append(view, options, &more, &plan);
        placement_plan_fini(&more);
        placement_view_free(then);
    }
    placement_run_cut(options, view, &plan);
    *ret = plan;
    return 0;
}

void placement_plan_fini(struct placement_plan *plan)
{
    free(plan->moves);
    *plan = (struct placement_plan){ 0 };
}

const char *placement_move_reason(const struct placement_view *view,
                                  const struct placement_move *move, char *buf,
                                  size_t size)
{
    const char *from =
        placement_view_text(view, placement_view_host(view, move->from)->name);
    const char *to =
        placement_view_text(view, placement_view_host(view, move->to)->name);
    const struct placement_load *a = &move->load_from, *b = &move->load_to;

    switch (move->why) {
    case PLACEMENT_MOVE_EVEN:
        snprintf(buf, size,
                 "%s has %u guests and %u%% of its memory free, %s %u and "
                 "%u%%",
                 from, a->n_guests, a->free_percent, to, b->n_guests,
                 b->free_percent);
        return buf;
    case PLACEMENT_MOVE_LEAVE:
        snprintf(buf, size, "%s is not to have guests", from);
        return buf;
    case PLACEMENT_MOVE_RULE:
        snprintf(buf, size, "on %s a rule of groups is kept better", to);
        return buf;
    case PLACEMENT_MOVE_ROOM:
        snprintf(buf, size, "lets others have a better place");
        return buf;
    case PLACEMENT_MOVE_EMPTY:
        snprintf(buf, size, "%s with %u guest%s can be emptied", from,
                 a->n_guests, a->n_guests == 1 ? "" : "s");
        return buf;
    }
    assert(false);
    return buf;
}
