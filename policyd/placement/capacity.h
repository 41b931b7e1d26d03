/*
 * How many more guests fit: they are placed on a copy of the view, by the same
 * code and with all constraints, until one is refused.
 *
 * Tiered, as hspace does it: when no guest of the spec fits any more, what is
 * lacking of it is made smaller, as little as lets one fit, and it goes on; so
 * the answer is a list of specs, from large to small.
 *
 * How many fit depends on who is where only for guests with rules, backups or
 * dedicated hosts, and beside promises to others: those are placed one by one,
 * by the policy.  Others fill one host after the other, which gives the same
 * numbers and takes a fraction of the time.
 *
 * It takes its time (up to some microseconds a guest), so it is done in
 * pieces.
 */
#ifndef POLICYD_PLACEMENT_CAPACITY_H
#define POLICYD_PLACEMENT_CAPACITY_H

#include "policyd/placement/place.h"

/* More are not listed, and not looked for. */
#define PLACEMENT_TIERS_MAX 32
/* Specs are made smaller in these steps. */
#define PLACEMENT_TIER_MEMORY MEM_MIB(64)
#define PLACEMENT_TIER_DISK MEM_MIB(256)

struct placement_tier {
    struct placement_spec spec;
    uint64_t n; /* guests of it that fit */
    enum placement_constraint ended; /* what excludes most hosts then */
    uint32_t n_excluded;             /* so many of them */
};

struct placement_capacity {
    uint64_t n;    /* guests in all */
    bool more;     /* it was ended by a limit: there may be room for more */
    uint32_t n_tiers;
    struct placement_tier tiers[PLACEMENT_TIERS_MAX];
    /* of the first spec, when it was refused first */
    struct placement_decision refusal;
    struct vdc_error why;
};

struct placement_filling;

/*
 * Begins with a copy of the view.  Each guest is as `request` says; at most
 * `most` are placed.  Errors: those of placement_attempt_init, and
 * VDC_E_BAD_VALUE for a spec that asks for nothing.
 */
int placement_filling_new(const struct placement_view *view,
                          const struct placement_request *request,
                          const struct placement_policy *policy, bool tiered,
                          uint64_t most, struct placement_filling **ret,
                          struct vdc_error *err);
void placement_filling_free(struct placement_filling *filling); /* or NULL */

/* Places up to `n` guests more; true: that was all, and the result is
 * there. */
bool placement_filling_step(struct placement_filling *filling, unsigned n);
const struct placement_capacity *
placement_filling_result(const struct placement_filling *filling);
/* The copy, for its hosts: whether the guests are in it is as it is. */
const struct placement_view *
placement_filling_view(const struct placement_filling *filling);

#endif
