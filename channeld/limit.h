/*
 * How much of channels anybody may have.  Limits come from the settings, from
 * the rule that allows a channel, and from the quotas that policyd tells; use
 * is summed up from the registry.
 */
#ifndef CHANNELD_LIMIT_H
#define CHANNELD_LIMIT_H

#include "channeld/quota.h"
#include "channeld/registry.h"

struct limits {
    uint64_t host_channels;
    uint64_t customer_channels, customer_pages, customer_grants;
    uint64_t partition_channels, partition_pages, partition_grants;
    uint64_t service_channels; /* that one offerer serves of one service */
};

/* A channel that somebody wants. */
struct limit_request {
    const char *service;
    const struct party *client, *server;
    const struct rule *rule; /* that allows it */
    struct mem to_server, to_client;
    uint32_t pages;
    enum registry_giver giver;
    uint32_t offer_most; /* what the offerer serves; 0: as we allow */
    uint64_t xen_grants; /* that Xen lets the giver have; 0: not known */
    /* what single ends tell of counts for them, not for the host; may be
     * NULL */
    const struct registry *claims;
    /* that policyd told; a quota that refuses is noted as wanted.  May be
     * NULL */
    const struct quotas *quotas;
};

/*
 * Errors: VDC_E_QUOTA, the text naming the limit, its value and who holds how
 * much of it, as far as the client may know; the hint, what to change.
 */
int limit_check(const struct registry *registry, const struct limits *limits,
                const struct limit_request *request, struct vdc_error *err);

#endif
