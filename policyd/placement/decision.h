/*
 * What placement answers: a host, or for each constraint what it excluded.
 * All of it follows from view, request and policy, so that the same three
 * give the same decision, always and on every machine.
 */
#ifndef POLICYD_PLACEMENT_DECISION_H
#define POLICYD_PLACEMENT_DECISION_H

#include "policyd/placement/request.h"

/* The constraints: constraint.def. */
enum placement_constraint {
#define PLACEMENT_CONSTRAINT(id, function, name, kind, text) \
    PLACEMENT_MUST_##id,
#include "policyd/placement/constraint.def"
#undef PLACEMENT_CONSTRAINT
    PLACEMENT_CONSTRAINTS
};

/* Terms and score are in this part of one; integers, to be exact. */
#define PLACEMENT_ONE 65536

/* One host that could be. */
struct placement_candidate {
    uint32_t host; /* index, or PLACEMENT_NONE */
    int64_t score; /* lower is better; weights of 1.0 times PLACEMENT_ONE */
    int64_t terms[PLACEMENT_TERMS]; /* before they are weighted */
};

/* What a constraint has done to a request that no host can take. */
struct placement_exclusion {
    uint32_t n_hosts; /* for which it is the first that fails */
    uint32_t n_only;  /* for which it alone fails: what one change mends */
    uint32_t nearest; /* of the latter (if there is none, of the former) the
                         one that lacks least; or PLACEMENT_NONE */
    uint64_t lacks;   /* what that host lacks, in the constraint's unit (KiB,
                         vCPUs, devices, guests), or 0 */
};

struct placement_decision {
    uint64_t version; /* of the view */
    uint32_t n_hosts; /* that there are */
    int rc;           /* 0, VDC_E_NO_HOST or VDC_E_NO_MEMORY */
    struct placement_candidate winner;
    struct placement_candidate runner_up;
    uint32_t
        backup; /* of a protected guest: another host, or PLACEMENT_NONE */
    /* after an error */
    struct placement_exclusion excluded[PLACEMENT_CONSTRAINTS];
};

#endif
