/* What the files of leases share.  Only lease*.c include it. */
#ifndef POLICYD_HOSTS_LEASE_IMPL_H
#define POLICYD_HOSTS_LEASE_IMPL_H

#include "policyd/hosts/lease.h"

struct lease {
    TAILQ_ENTRY(lease) link;
    struct vdc_uuid id; /* zero: its host is being asked */
    char *host;
    char customer[NAMES_CUSTOMER_MAX + 1];
    struct wire_usage counts;
    struct wire_usage aside;       /* of it, does not count */
    bool used;                     /* a transaction is using it */
    uint64_t expires_ms;           /* monotonic */
    const struct session *session; /* whose end drops it */
    bool orphan;                   /* that session is gone */
    bool stale; /* not heard of since the connection was made */
};

struct leases {
    struct operations *ops;
    TAILQ_HEAD(, lease) all;
};

void leases_forget(struct leases *leases, struct lease *lease); /* or NULL */
bool leases_lives(const struct lease *lease);
/* NULL: it is not known. */
struct lease *leases_lookup(const struct leases *leases,
                            const struct vdc_uuid *id);
/* Those that have run out are forgotten. */
void leases_expire(struct leases *leases);
/* What its host says of it. */
void leases_describe(struct lease *lease, const struct wire_lease *wire);
struct lease *leases_add(struct leases *leases, const char *customer,
                         const char *host, const struct wire_lease *wire);
/* There is none of this id, or it is of a host that was not heard. */
int leases_none(const struct leases *leases, const struct vdc_uuid *id,
                struct vdc_error *err);
/* Its host is to drop it. */
void leases_let_go(struct leases *leases, const char *host,
                   const struct vdc_uuid *id);

#endif
