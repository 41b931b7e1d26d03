/*
 * The constraints: whether a host can take a guest, why not, and what one
 * change would let it.  constraint.def lists them; constraint.c checks,
 * constraint_text.c explains.
 */
#ifndef POLICYD_PLACEMENT_CONSTRAINT_H
#define POLICYD_PLACEMENT_CONSTRAINT_H

#include "policyd/placement/decision.h"

enum placement_kind {
    PLACEMENT_KIND_FIXED,
    PLACEMENT_KIND_ROOM,
    PLACEMENT_KIND_LIVE
};

/* A request with what need be looked up only once for all hosts. Valid until
 * the view changes. */
struct placement_attempt {
    const struct placement_view *view;
    const struct placement_request *request;
    struct placement_guest guest; /* as it would be in the view */
    uint32_t asked; /* a bit for each constraint that a host might not meet */
    struct mem memory; /* that it needs at once */
    uint32_t vcpus;
    uint32_t n_promises; /* that there are */
    const struct placement_promise *promises;
    uint32_t n_rules[PLACEMENT_GROUPS_MAX]; /* of each of its groups */
    const struct placement_rule_side *rules[PLACEMENT_GROUPS_MAX];
};

/* The guest that the request asks for, on this host. */
struct placement_guest
placement_guest_of(const struct placement_request *request, uint32_t host,
                   uint32_t backup);

/* Errors: VDC_E_BAD_VALUE when the request or the policy asks for more of
 * something than can be asked for. `request` must stay. */
int placement_attempt_init(struct placement_attempt *attempt,
                           const struct placement_view *view,
                           const struct placement_request *request,
                           const struct placement_policy *policy,
                           struct vdc_error *err);

const char *placement_constraint_name(enum placement_constraint constraint);
const char *placement_constraint_text(enum placement_constraint constraint);
enum placement_kind
placement_constraint_kind(enum placement_constraint constraint);

/* 0 when the host meets it; otherwise what it lacks, in the constraint's unit,
 * or 1 where there is nothing to count. */
uint64_t placement_constraint_lacks(const struct placement_attempt *attempt,
                                    enum placement_constraint constraint,
                                    uint32_t host);
/* The first that fails; PLACEMENT_CONSTRAINTS when none does. */
enum placement_constraint
placement_constraint_first(const struct placement_attempt *attempt,
                           uint32_t host);
/* The same of some: a bit for each. */
enum placement_constraint
placement_constraint_first_of(const struct placement_attempt *attempt,
                              uint32_t constraints, uint32_t host);
/* Of attempt->asked those of one kind; and whether a host meets such. */
uint32_t placement_constraint_asked(const struct placement_attempt *attempt,
                                    enum placement_kind kind);
bool placement_constraint_meets(const struct placement_attempt *attempt,
                                uint32_t constraints, uint32_t host);

/* The rule that a host breaks: hard or soft ones, together or apart; NULL:
 * none. *ret_n: guests in the way (of an affinity: 1). */
const struct placement_rule *
placement_constraint_broken(const struct placement_attempt *attempt, bool anti,
                            bool hard, uint32_t host, uint64_t *ret_n);
/* How many soft rules a host breaks. */
uint32_t placement_constraint_n_soft(const struct placement_attempt *attempt,
                                     uint32_t host);
/* Whether a STRICT or PREFERRED guest would be with others there. */
bool placement_constraint_shares(const struct placement_attempt *attempt,
                                 uint32_t host);
/* The promise that would be broken, also by what `backup` (if not
 * PLACEMENT_NONE) has to keep free; or NULL. *ret_lacks: for how many of its
 * guests there would be no room any more. */
const struct placement_promise *
placement_constraint_promise(const struct placement_attempt *attempt,
                             uint32_t host, uint32_t backup,
                             uint64_t *ret_lacks);

/* Texts for a constraint that this host does not meet, cut to size: why, as
 * "host h1 has 700 MiB free, 701 MiB are asked"; and the change, as "ask for
 * at most 700 MiB, or free 1 MiB on host h1". Both return buf. */
const char *placement_constraint_why(const struct placement_attempt *attempt,
                                     enum placement_constraint constraint,
                                     uint32_t host, char *buf, size_t size);
const char *
placement_constraint_change(const struct placement_attempt *attempt,
                            enum placement_constraint constraint,
                            uint32_t host, char *buf, size_t size);

/* KiB of this pool, or devices of this kind, that are free. */
uint64_t placement_constraint_free(const struct placement_amount *has,
                                   uint32_t n_has, const uint64_t *used,
                                   uint32_t name);

#endif
