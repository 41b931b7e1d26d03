/*
 * Placement: which host a guest is assigned to, and why.  A pure function of
 * (view, request, policy): no clock, no random numbers, no I/O.
 *
 * placement_choose looks at every host; index.h gives the same answers
 * faster.
 */
#ifndef POLICYD_PLACEMENT_PLACE_H
#define POLICYD_PLACEMENT_PLACE_H

#include "policyd/placement/score.h"

/*
 * The host with the lowest score of those that meet all constraints; equal
 * ones: the one in use longest, then the first in the view.
 *
 * Errors: VDC_E_NO_HOST, or VDC_E_NO_MEMORY when there is a host where only
 * memory was found lacking before anything else; then ret->excluded says what
 * each constraint did, and err what one change would let it fit.
 * VDC_E_BAD_VALUE (placement_attempt_init): *ret is untouched.
 */
int placement_choose(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy,
                     struct placement_decision *ret, struct vdc_error *err);

/* One host by itself. */
struct placement_verdict {
    enum placement_constraint failed;     /* the first; PLACEMENT_CONSTRAINTS:
                                             none */
    uint64_t lacks;                       /* if any */
    struct placement_candidate candidate; /* if none; else PLACEMENT_NONE */
};

/* Errors: VDC_E_BAD_VALUE, as above; VDC_E_NOT_FOUND: no such host. */
int placement_explain(const struct placement_view *view,
                      const struct placement_request *request,
                      const struct placement_policy *policy, uint32_t host,
                      struct placement_verdict *ret, struct vdc_error *err);

#define PLACEMENT_REASON_MAX 511

/* Why the winner of a decision is it, in a sentence; `view` is that which it
 * was made on.  Returns buf (at least PLACEMENT_REASON_MAX + 1). */
const char *placement_reason(const struct placement_view *view,
                             const struct placement_request *request,
                             const struct placement_policy *policy,
                             const struct placement_decision *decision,
                             char *buf, size_t size);

/* For index.c: the decision, when the two best (or PLACEMENT_NONE) are known;
 * and everything that is to be said when there is none. */
int placement_decide(const struct placement_attempt *attempt,
                     const struct placement_policy *policy, uint32_t winner,
                     uint32_t runner_up, struct placement_decision *ret,
                     struct vdc_error *err);
/* The same without what is to be said; and the code of a refusal, by what was
 * excluded. */
void placement_fill(const struct placement_attempt *attempt,
                    const struct placement_policy *policy, uint32_t winner,
                    uint32_t runner_up, struct placement_decision *ret);
int placement_refusal(const struct placement_decision *decision);

#endif
