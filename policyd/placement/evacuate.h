/*
 * To empty one host: where each of its guests can stay, so that each is moved
 * once.  The largest goes first, and every hard constraint holds at each
 * step, what is kept for the death of a host too.  Guests of the host that
 * must be together go together, in one wave.  When one finds no place, all is
 * tried again with that one first, a few times: no exhaustive search.
 */
#ifndef POLICYD_PLACEMENT_EVACUATE_H
#define POLICYD_PLACEMENT_EVACUATE_H

#include "policyd/placement/rebalance.h"

/* A guest that cannot go. */
struct placement_stuck {
    uint32_t guest;
    struct vdc_error why; /* the hint is what one change would help */
};

/* A guest elsewhere whose backup it was. */
struct placement_rebacked {
    uint32_t guest;
    uint32_t backup; /* the new one, or PLACEMENT_NONE: there is none */
};

struct placement_evacuation {
    struct placement_plan plan; /* scores with the host draining */
    struct placement_stuck *stuck;
    uint32_t n_stuck;
    struct placement_rebacked *rebacked;
    uint32_t n_rebacked;
};

/*
 * Of `options` all but goal, min_gain and max_moves is used; cool-down is not
 * for the host itself.  `policy` chooses among the hosts where a guest may be.
 * Errors: VDC_E_NOT_FOUND (no such host). That guests cannot go is none.
 */
int placement_evacuate(const struct placement_view *view, uint32_t host,
                       const struct placement_rebalance_options *options,
                       const struct placement_policy *policy,
                       struct placement_evacuation *ret,
                       struct vdc_error *err);
void placement_evacuation_fini(struct placement_evacuation *evacuation);

#endif
