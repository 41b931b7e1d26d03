/*
 * What placement is asked: room for one guest, and how to choose among the
 * hosts that have it.  All names are numbers of the view's table.
 */
#ifndef POLICYD_PLACEMENT_REQUEST_H
#define POLICYD_PLACEMENT_REQUEST_H

#include "policyd/placement/view.h"

/* The terms of a score: score.def. */
enum placement_term {
#define PLACEMENT_TERM(id, name, text) PLACEMENT_TERM_##id,
#include "policyd/placement/score.def"
#undef PLACEMENT_TERM
    PLACEMENT_TERMS
};

struct placement_request {
    struct vdc_uuid uuid; /* of the guest; nothing depends on it */
    uint32_t customer;
    struct placement_spec spec;
    bool start; /* it needs memory, vCPUs and devices at once; otherwise only
                   its disks must find room */
    uint32_t pinned; /* the name of the only host that may be, or 0 */
    uint32_t domain; /* the only failure domain, or 0 */
    enum placement_dedication dedication;
    bool protected; /* there is to be room for it elsewhere when its host dies:
                       not for STRICT ones, nor with devices */
    uint32_t n_wanted;
    uint32_t n_forbidden;
    uint32_t n_groups;
    uint32_t wanted[PLACEMENT_TAGS_MAX];    /* tags; its host has them all */
    uint32_t forbidden[PLACEMENT_TAGS_MAX]; /* and none of these */
    uint32_t where; /* all these names as one (where.h), for the view that it
                       is put into */
    struct cpu_set cpu; /* what its host's CPUs can do */
    uint32_t groups[PLACEMENT_GROUPS_MAX];
    int64_t now_ms; /* from any epoch; that of the view's guests */
};

/* A weight is in thousandths and at most this: sums stay in 64 bits. */
#define PLACEMENT_WEIGHT_MAX 1000000

struct placement_policy {
    const char *name;
    uint32_t weights[PLACEMENT_TERMS];
};

#endif
