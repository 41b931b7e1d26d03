/*
 * Leases as operations know them: resourced has them, and what is here is
 * what counts in quotas, who may name which, and whose end ends them.
 */
#ifndef POLICYD_HOSTS_LEASE_H
#define POLICYD_HOSTS_LEASE_H

#include "policyd/api/operations.h"

struct leases;

struct leases *leases_new(struct operations *ops);
void leases_free(struct leases *leases); /* NULL allowed */

/* A host is there: which leases has it?  And it is gone, with the leases of
 * sessions.  And it is no host of ours any more. */
void leases_up(struct leases *leases, struct host *host);
void leases_down(struct leases *leases, struct host *host);
void leases_forget_host(struct leases *leases, const char *host);
/* A client is gone: what was its session's is dropped. */
void leases_session_gone(struct leases *leases, const struct session *session);

/* Adds what a customer's leases count for. */
void leases_usage(const struct leases *leases, const char *customer,
                  struct wire_usage *usage);
/* How many it has. */
size_t leases_count(const struct leases *leases, const char *customer);

/* The host that a lease is on; NULL: no lease of this id is known. */
const char *leases_host(const struct leases *leases,
                        const struct vdc_uuid *id);

/*
 * A lease that guests of this customer may use up, and what it counts for.
 * Another's is as one that does not exist.  Errors: VDC_E_NOT_FOUND,
 * VDC_E_BUSY (another transaction is using it; or a host was not heard).
 */
int leases_find(const struct leases *leases, const struct vdc_uuid *id,
                const char *customer, struct wire_usage *ret,
                struct vdc_error *err);
/* A transaction begins to use it: this much of it does not count, because
 * what the transaction makes does. */
void leases_put_aside(struct leases *leases, const struct vdc_uuid *id,
                      const struct wire_usage *part);
/* The transaction has ended: the lease is used up, or as before. */
void leases_settle(struct leases *leases, const struct vdc_uuid *id,
                   bool used);

#endif
