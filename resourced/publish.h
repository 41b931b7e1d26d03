/*
 * What resourced writes to xenstore, for programs in dom0 (guests cannot read
 * it), below /tool/xen-vdc:
 *
 *   partition/DOMID             uuid of the partition, as long as the domain
 *                               is there
 *   partition/DOMID/owner,name  whose it is, and what it is called
 *   partition/DOMID/record      head and pieces of all that the database has
 *   partition/DOMID/record/N    of it (published.h), for the day when that
 *                               is lost
 *   dom0-memory                 what dom0 is to get back (memory.c)
 *   resourced/version,pid       while it runs
 *
 * A domain has 5 nodes, and one more for each 1,440 bytes of its definition
 * over the first; at most 36.  A start writes 5 of them, a change of the
 * partition 2.
 */
#ifndef RESOURCED_PUBLISH_H
#define RESOURCED_PUBLISH_H

#include "resourced/partition.h"

struct host;

/* Says whose domain it is; before it runs. */
int publish_domain(struct host *host, uint32_t domid,
                   const struct vdc_uuid *uuid, struct vdc_error *err);
int unpublish_domain(struct host *host, uint32_t domid,
                     struct vdc_error *err);
/* The row is another, and durable: writes what differs from what was written
 * last.  A failure is logged: verify finds it. */
void publish_changed(struct host *host, struct partition *partition);
/* Makes what is published be what is true: for the start. */
int publish_all(struct host *host, struct vdc_error *err);
void unpublish_daemon(struct host *host);

/* Writes all of it again. */
int publish_again(struct host *host, struct partition *partition,
                  struct vdc_error *err);
/* Whether xenstore has what it should have of a partition with a domain; only
 * reads.  Errors: VDC_E_HYPERVISOR. */
int publish_check(struct host *host, const struct partition *partition,
                  bool *ret_right, struct vdc_error *err);
/* The domids that have a node; in the arena. */
int publish_list(struct host *host, struct arena *arena, uint32_t **ret,
                 size_t *ret_n, struct vdc_error *err);

/* Whether what is published of it is of a domain that is gone.  Errors:
 * VDC_E_HYPERVISOR. */
int publish_is_stale(struct host *host, uint32_t domid, bool *ret,
                     struct vdc_error *err);

/* What is published of a domain. */
struct publish_found {
    struct vdc_uuid uuid;
    const char *owner, *name; /* "" when they are missing */
    bool whole;               /* row is there, without domid and boot_id */
    struct partition_row row;
};

/* Errors: VDC_E_NOT_FOUND (nothing, or no uuid), VDC_E_HYPERVISOR. */
int publish_find(struct host *host, uint32_t domid, struct arena *arena,
                 struct publish_found *ret, struct vdc_error *err);

#endif
