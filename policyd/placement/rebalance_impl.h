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

/* The search for each goal; ends where it would find nothing more. */
void placement_run_even(struct placement_run *run);
void placement_run_pack(struct placement_run *run);
/* The steps as a plan, in waves: each guest once, or, when there is no order
 * in which that can be done, as they were found, and false. */
bool placement_run_plan(struct placement_run *run, struct placement_plan *ret);
/* No more moves than are wanted. */
void placement_run_cut(const struct placement_rebalance_options *options,
                       const struct placement_view *start,
                       struct placement_plan *plan);

#endif
