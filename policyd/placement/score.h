/*
 * How good a host would be for a guest: a sum of weighted terms (score.def),
 * in integers, so that it is the same on every machine.  Lower is better.
 *
 * What of it only depends on the host's own use is a level, of few; the age
 * is by when the host was last empty.  So among hosts of one level the one in
 * use longest is the best, now and at any later time: an index need not be
 * ordered anew because time passes.
 */
#ifndef POLICYD_PLACEMENT_SCORE_H
#define POLICYD_PLACEMENT_SCORE_H

#include "policyd/placement/constraint.h"

/* Steps between nothing left (or used) and everything. */
#define PLACEMENT_LEVELS 128
/* Levels of hosts with guests, then of those without. */
#define PLACEMENT_BUCKETS (2 * PLACEMENT_LEVELS)

/* A host's place in the order: by score, then in use longest, then by its
 * index. */
struct placement_rank {
    int64_t score;
    int64_t since_ms; /* INT64_MAX: empty, or age is of no weight */
    uint32_t host;
};

/* The strategies that need no settings: "pack" (few hosts, those in use
 * longest first) and "spread".  NULL: no such. */
const struct placement_policy *placement_policy_find(const char *name);
const char *placement_term_name(enum placement_term term);
const char *placement_term_text(enum placement_term term);

/* Before the guest is there, with it counted; below PLACEMENT_BUCKETS. */
uint32_t placement_score_bucket(const struct placement_attempt *attempt,
                                const struct placement_policy *policy,
                                uint32_t host);
/* See placement_rank. */
int64_t placement_score_since(const struct placement_view *view,
                              const struct placement_policy *policy,
                              uint32_t host);
/* The score of a host of this bucket, as far as it alone decides. */
int64_t placement_score_base(const struct placement_policy *policy,
                             uint32_t bucket, int64_t since_ms,
                             int64_t now_ms);
/* What comes to it for guests that are there or elsewhere; never below 0. */
int64_t placement_score_extra(const struct placement_attempt *attempt,
                              const struct placement_policy *policy,
                              uint32_t host);
/* The three together. */
struct placement_rank
placement_score_rank(const struct placement_attempt *attempt,
                     const struct placement_policy *policy, uint32_t host);
bool placement_rank_before(const struct placement_rank *a,
                           const struct placement_rank *b);

/* A candidate, with its terms, for a decision. PLACEMENT_NONE gives none. */
struct placement_candidate
placement_score_candidate(const struct placement_attempt *attempt,
                          const struct placement_policy *policy,
                          uint32_t host);

/* ln(1 + ms / hour) in PLACEMENT_ONE, exact to 1/8000; 0 for what is not
 * positive. Never less for more. */
int64_t placement_score_age(int64_t ms);

#endif
