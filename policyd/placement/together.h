/*
 * Several guests placed together, or none of them.
 */
#ifndef POLICYD_PLACEMENT_TOGETHER_H
#define POLICYD_PLACEMENT_TOGETHER_H

#include "policyd/placement/index.h"

#define PLACEMENT_TOGETHER_MAX 1024

/*
 * Chooses a host for each request and puts the guest there, so that the next
 * finds it; all of them are in the view afterwards, or, after an error, none.
 * decisions[i] and guests[i] (the view's index) are of requests[i].
 *
 * The largest is placed first.  When one then finds no host, everything is
 * taken back and tried again with that one first, a few times: no exhaustive
 * search, so a way that exists may be missed.
 *
 * `index` may be NULL, and does not change the answer.  Errors: those of
 * placement_choose, of the first attempt; err says which request.
 * VDC_E_BAD_VALUE: more than PLACEMENT_TOGETHER_MAX.
 */
int placement_place_together(struct placement_view *view,
                             struct placement_index *index,
                             const struct placement_request *requests,
                             uint32_t n_requests,
                             const struct placement_policy *policy,
                             struct placement_decision *decisions,
                             uint32_t *guests, struct vdc_error *err);

#endif
