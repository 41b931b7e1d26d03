/*
 * Rebalancing: the steps of a search, and what a plan says; see rebalance.h.
 * The searches are in rebalance_even.c and rebalance_pack.c, what makes a plan
 * of their steps in rebalance_plan.c, and all of it, from the view to the
 * plan, in rebalance_whole.c.
 */
#include "policyd/placement/rebalance.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"

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

void placement_run_release(struct placement_run *run)
{
    placement_balance_fini(&run->balance);
    placement_view_free(run->view);
    memset(&run->balance, 0, sizeof(run->balance));
    run->view = NULL;
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
