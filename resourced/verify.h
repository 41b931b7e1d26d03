/*
 * Whether the database, Xen and xenstore agree, and mending it when they do
 * not.  Each partition is looked at with its lock, so that no transaction
 * works on it meanwhile; those under a transaction are left out.
 */
#ifndef RESOURCED_VERIFY_H
#define RESOURCED_VERIFY_H

#include "wire/wire.h"
#include "base/arena.h"
#include "base/error.h"

struct host;

/* rc 0: *reply is valid during the call. */
typedef void verify_done_fn(void *arg, int rc, const struct vdc_error *err,
                            const struct wire_verify_reply *reply);

/*
 * Compares, and with `repair` mends, one thing after the other.  What is not
 * ours is not touched.  Differences that it knows (word, what repair does):
 *   no-domain       the partition's domain is gone: it is stopped
 *   unknown-domain  a domain with the uuid of a partition that has none: it
 *                   becomes its domain when xenstore says that it is ours,
 *                   else it is reported
 *   unknown-partition  xenstore says that a domain is ours, and the database
 *                   does not know it: it is taken in from there
 *   name, paused, memory-max, vcpus, sched, affinity   Xen is set to the row
 *   memory-target   the row is set to what Xen has: the guest has it
 *   vcpus-max       reported: no running domain can be changed so
 *   disk, vif, pci  one that the row has and Xen has not is attached; one
 *                   that Xen has and the row has not (xl attached it), or
 *                   that is another, is reported
 *   not-published, stale-node   xenstore is set
 *   resource        rows that do not follow from the partitions and leases:
 *                   rewritten
 *   journal         an open transaction that nobody works on: undone, or
 *                   brought to its end
 *   lease, claim    Xen's claim is not the sum of leases: set anew
 * Errors: VDC_E_BUSY (another verify is under way), VDC_E_HYPERVISOR.
 */
void verify_begin(struct host *host, const struct wire_verify *request,
                  verify_done_fn *fn, void *arg);
/* For the end of the process: fn is not called.  Nothing is under way:
 * nothing. */
void verify_abandon(struct host *host);

#endif
