/*
 * Placement: which host a guest is assigned to, and why.  A pure function of
 * (view, request, policy): no clock, no random numbers, no I/O.
 */
#ifndef POLICYD_PLACEMENT_H
#define POLICYD_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/units.h"

struct placement_host {
    const char *name;
    const char *state;    /* "up", or why not */
    struct mem available; /* for guests, after the host's policy */
};

struct placement_view {
    const struct placement_host *hosts;
    size_t n_hosts;
};

struct placement_request {
    struct mem memory;
    bool start; /* its memory is needed at once */
};

enum placement_strategy {
    PLACEMENT_SPREAD, /* where most memory is available */
    PLACEMENT_PACK    /* where least is, and enough */
};

struct placement_policy {
    enum placement_strategy strategy;
};

#define PLACEMENT_REASON_MAX 511

struct placement_choice {
    size_t host; /* index in the view */
    char reason[PLACEMENT_REASON_MAX + 1];
};

/* Errors: VDC_E_NO_MEMORY (with what each host has), VDC_E_NO_HOST (none is
 * up). Equal hosts: the first in the view. */
int placement_choose(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy,
                     struct placement_choice *ret, struct vdc_error *err);

#endif
