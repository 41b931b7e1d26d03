/*
 * The channelds of guests: their control channels, one a domain.  With Xen
 * they are made of pages that the guest grants; with a simulated host they
 * are connections of programs that play guests.
 */
#ifndef CHANNELD_REMOTE_H
#define CHANNELD_REMOTE_H

#include "base/error.h"

struct domain;
struct host;
struct remotes;

/* Errors: those of packet_listen (simulated host). */
int remotes_new(struct host *host, struct remotes **ret,
                struct vdc_error *err);
void remotes_free(struct remotes *remotes); /* NULL allowed */

/* A partition is there, and may want channels; it has gone, and its control
 * channel with it. */
void remotes_come(struct remotes *remotes, const struct domain *domain);
void remotes_gone(struct remotes *remotes, const struct domain *domain);

/* ---- the two kinds ---- */

struct remote_kind {
    int (*begin)(struct host *host, void **ret, struct vdc_error *err);
    void (*end)(void *state);
    void (*come)(void *state, const struct domain *domain);
    void (*gone)(void *state, const struct domain *domain);
};

extern const struct remote_kind remote_sim_kind;
extern const struct remote_kind remote_grant_kind;

#endif
