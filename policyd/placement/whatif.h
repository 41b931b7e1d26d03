/*
 * What would be if one thing were otherwise: changes of a copy of a view, and
 * what becomes of the guests of a host that goes.
 */
#ifndef POLICYD_PLACEMENT_WHATIF_H
#define POLICYD_PLACEMENT_WHATIF_H

#include "policyd/placement/place.h"

enum placement_whatif_kind {
    PLACEMENT_IF_STATE,      /* a host is up, draining, down ... */
    PLACEMENT_IF_HOST,       /* a host comes, or is another */
    PLACEMENT_IF_MEMORY,     /* a host has so much memory for guests */
    PLACEMENT_IF_OVERCOMMIT, /* vCPUs for each hundred pCPUs */
    PLACEMENT_IF_MOVED,      /* a guest is on another host */
    PLACEMENT_IF_GONE,       /* a guest is nowhere */
    PLACEMENT_IF_PROMISE,    /* a promise is made, or is another */
    PLACEMENT_IF_NO_PROMISE  /* a promise is not given */
};

struct placement_whatif {
    enum placement_whatif_kind kind;
    uint32_t host; /* index: STATE, MEMORY, MOVED (to it) */
    uint32_t guest; /* index: MOVED, GONE */
    enum placement_state state;
    struct mem memory;
    uint32_t percent;
    uint32_t name;                           /* NO_PROMISE */
    const struct placement_host *new_host;   /* HOST */
    const struct placement_promise *promise; /* PROMISE */
    int64_t now_ms;
};

/* Changes the view, which is a copy that belongs to whoever asks.  Errors:
 * VDC_E_NOT_FOUND (no such host or guest), VDC_E_BAD_VALUE (as the view's
 * own functions). */
int placement_whatif_apply(struct placement_view *view,
                           const struct placement_whatif *change,
                           struct vdc_error *err);

/* What becomes of a guest whose host is no more for it. */
struct placement_fate {
    uint32_t guest;
    uint32_t host;    /* where it goes; PLACEMENT_NONE: nowhere */
    bool by_backup;   /* where room was kept for it */
    struct placement_decision decision; /* otherwise: of rc, excluded */
    struct vdc_error why;               /* nowhere: why */
};

/*
 * Where the running guests of a host go, and puts them there in the view (a
 * copy), which should say that the host is not up.  `dies`: the protected ones
 * go to their backups, where these still hold; whoever has none is placed
 * anew, the protected ones first, then the largest.  Not `dies`: all of them
 * are placed anew.  Returns how many there are; *ret is freed with free().
 */
uint32_t placement_whatif_leave(struct placement_view *view, uint32_t host,
                                bool dies,
                                const struct placement_policy *policy,
                                int64_t now_ms, struct placement_fate **ret);

/* What would be asked for a guest if it were placed anew. */
void placement_whatif_request(const struct placement_view *view,
                              uint32_t guest, int64_t now_ms,
                              struct placement_request *ret);

#endif
