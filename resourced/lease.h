/*
 * Leases: resources that are kept for somebody for a time, made in
 * microseconds.  A lease is made in memory and answered at once; its row goes
 * to the database behind that, so that one that outlives its session also
 * outlives a restart of the daemon (one made in the last milliseconds before
 * a crash may be gone; whoever has it is told "no such lease").
 *
 * The memory of all leases is claimed in Xen (hv reserve), so that neither a
 * balloon nor another toolstack gets it; lease.claimed says whether Xen did.
 */
#ifndef RESOURCED_LEASE_H
#define RESOURCED_LEASE_H

#include <sys/queue.h>

#include "base/clock.h"
#include "resourced/store.h"

struct event;
struct host;
struct resource_change;
struct transaction;

struct lease {
    TAILQ_ENTRY(lease) link; /* by time of making */
    struct wire_lease wire;  /* strings and lists are its own */
    struct arena *arena;
    uint64_t expires_at_ms;  /* monotonic */
    const void *session;     /* whose end drops it; NULL: none */
    struct transaction *user; /* that is turning it into an allocation */
    bool yielded;             /* its memory is not claimed, but taken */
    bool doomed;              /* dropped while it has a user */
};

struct lease_table;

/* Loads those that have not expired; those of sessions are gone.  Errors:
 * those of the store. */
int leases_open(struct host *host, struct lease_table **ret,
                struct vdc_error *err);
void leases_close(struct lease_table *table); /* NULL is allowed */

/*
 * Errors, all reasons at once: VDC_E_BAD_VALUE (expires_ms, nothing asked
 * for, an unknown pool), VDC_E_NO_MEMORY, VDC_E_NO_RESOURCE (pool, device:
 * says who has it, unless that is another owner's), VDC_E_HYPERVISOR.
 */
int lease_create(struct host *host, const struct wire_lease *asked,
                 const void *session, struct lease **ret,
                 struct vdc_error *err);
/* From now.  Errors: VDC_E_BAD_VALUE. */
int lease_renew(struct host *host, struct lease *lease, uint64_t expires_ms,
                struct vdc_error *err);
/* One that a transaction is using is dropped when that is undone. */
void lease_drop(struct host *host, struct lease *lease);
void leases_drop_session(struct host *host, const void *session);
struct lease *lease_find(const struct host *host, const struct vdc_uuid *id);
/* In the arena, expires_ms from now; owner "": all. */
void leases_list(const struct host *host, const char *owner,
                 struct arena *arena, struct wire_lease_list *ret);
/* The page of it (wire/page.h) from a place on.  Errors: VDC_E_BAD_VALUE. */
int leases_page(const struct host *host, const char *owner, const char *from,
                struct arena *arena, struct wire_lease_list *ret,
                struct vdc_error *err);

/*
 * A transaction turns it into an allocation: from now on what it keeps counts
 * as free for that transaction, and it does not expire.  Errors:
 * VDC_E_NOT_FOUND (also one of another owner than t's, when both are named),
 * VDC_E_BUSY (another transaction is doing so).
 */
int lease_use(struct host *host, const struct vdc_uuid *id,
              struct transaction *t, struct vdc_error *err);
/* Before memory that it keeps is taken: Xen's claim is lowered by it. */
void lease_yield_memory(struct lease *lease, struct host *host);
/* The transaction was undone: it is kept as before (its memory is claimed
 * again as far as it is there). */
void lease_stand_again(struct host *host, struct lease *lease);
/* It has been allocated: adds its removal to the change ... */
void lease_used(struct host *host, struct lease *lease, struct arena *arena,
                struct store_change *change,
                struct resource_change *resources);
/* ... and frees it, when that is durable. */
void lease_end(struct host *host, struct lease *lease);

/* Memory that leases keep and that is not t's (NULL: of all). */
struct mem leases_memory(const struct host *host, const struct transaction *t);
/* Of those that no transaction is using. */
struct mem leases_memory_idle(const struct host *host);
/* Of those whose memory Xen keeps for us. */
struct mem leases_memory_claimed(const struct host *host);
/* Sets Xen's claim anew; for when it is not what it should be. */
void leases_claim_again(struct host *host);

#endif
