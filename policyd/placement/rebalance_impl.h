/* What rebalance*.c share of a run; for them alone. */
#ifndef POLICYD_PLACEMENT_REBALANCE_IMPL_H
#define POLICYD_PLACEMENT_REBALANCE_IMPL_H

#include "policyd/placement/rebalance.h"

/* One step of the search. */
struct placement_raw {
    uint32_t guest;
    uint32_t from;
    uint32_t to;
    uint32_t old_backup;
    uint32_t backup;
};

struct placement_run {
    const struct placement_view *start;
    const struct placement_rebalance_options *options;
    bool exchanges;              /* whether guests may change places */
    struct placement_view *view; /* as the search has it now */
    struct placement_balance balance;
    struct placement_raw *raws; /* each was possible when it was taken */
    uint32_t n_raws;
    uint32_t raws_max;
};

/* Whether the guest may be moved at all. */
bool placement_run_may(const struct placement_run *run, uint32_t guest);
/* Does a step, if it can be done and lowers the score by `gain` (-INFINITY:
 * whatever the score becomes). */
bool placement_run_step(struct placement_run *run, uint32_t guest, uint32_t to,
                        double gain);
/* Back to when there were n steps. */
void placement_run_undo(struct placement_run *run, uint32_t n_raws);

/* Nothing more is searched: what that took is freed; the steps stay. */
void placement_run_release(struct placement_run *run);

/*
 * The search for each goal, in short steps (about a guest each); a step
 * returns true when it would find nothing more.  It begins with the run as it
 * is, which must outlive it.  free takes NULL.
 */
struct placement_even *placement_even_new(struct placement_run *run);
bool placement_even_step(struct placement_even *search);
void placement_even_free(struct placement_even *search);
struct placement_pack *placement_pack_new(struct placement_run *run);
bool placement_pack_step(struct placement_pack *search);
void placement_pack_free(struct placement_pack *search);

/*
 * The steps of the search as a plan, in waves: each guest once, or, when there
 * is no order in which that can be done, as they were found.  This in short
 * steps, too (about a wave each); true: `ret` is there.  The run, of
 * which placement_run_release takes the search, and `ret` must outlive it.
 */
struct placement_planner *placement_planner_new(struct placement_run *run,
                                                struct placement_plan *ret);
bool placement_planner_step(struct placement_planner *planner);
/* Once it is there: false for one as they were found. */
bool placement_planner_in_order(const struct placement_planner *planner);
void placement_planner_free(struct placement_planner *planner);
/* No more moves than are wanted. */
void placement_run_cut(const struct placement_rebalance_options *options,
                       const struct placement_view *start,
                       struct placement_plan *plan);

#endif
