/*
 * Whether the database, Xen and xenstore agree, and mending it when they do
 * not.  Partitions that a transaction is working on are left out.
 */
#ifndef RESOURCED_VERIFY_H
#define RESOURCED_VERIFY_H

#include "wire/wire.h"
#include "base/arena.h"
#include "base/error.h"

struct host;
struct resourced_settings;

/* rc 0: *reply is valid during the call. */
typedef void verify_done_fn(void *arg, int rc, const struct vdc_error *err,
                            const struct wire_verify_reply *reply);

/*
 * Compares, and with `repair` mends, one thing after the other.  What is not
 * ours is not touched.  Differences that it knows (word, what repair does):
 *   no-domain       the partition's domain is gone: it is stopped
 *   unknown-domain  a domain with a partition's uuid that it does not have:
 *                   it is destroyed when we were building it, else reported
 *   name, memory-max, vcpus-max, sched, affinity   Xen is set to the row
 *   memory-target   the row is set to what Xen has: the guest has it
 *   disk, vif, pci  one that the row has and Xen has not is attached; one
 *                   that Xen has and the row has not (xl attached it) is
 *                   reported
 *   not-published, stale-node   xenstore is set
 *   resource        rows that do not follow from the partitions: rewritten
 *   journal         an open transaction that nobody works on: recovery
 *   lease, claim    Xen's claim is not the sum of leases: set anew
 */
void verify_begin(struct host *host, const struct wire_verify *request,
                  verify_done_fn *fn, void *arg);

#endif
