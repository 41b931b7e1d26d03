/*
 * What others are shown: partitions and the host, as the protocol has them.
 * Strings are shared with the partition, with the snapshot of live.h (so all
 * this is valid until the loop goes on), or in the arena.
 */
#ifndef RESOURCED_VIEW_H
#define RESOURCED_VIEW_H

#include "resourced/partition.h"
#include "wire/wire.h"

struct host;

/* One partition with figures that Xen is asked for now: for the answer to
 * what changed it.  Errors: VDC_E_HYPERVISOR. */
int view_partition(struct host *host, const struct partition *partition,
                   struct arena *arena, struct wire_partition *ret,
                   struct vdc_error *err);

/* The rest is answered from memory; within live_read. */
void view_partition_read(const struct host *host,
                         const struct partition *partition,
                         struct arena *arena, struct wire_partition *ret);
/* A page of them (wire/page.h).  Errors: VDC_E_BAD_VALUE (from). */
int view_list(const struct host *host,
              const struct wire_partition_query *query, struct arena *arena,
              struct wire_partition_list *ret, struct vdc_error *err);
/* `cpu` is what ret->cpu points to. */
void view_host(const struct host *host, uint8_t cpu[CPU_SET_SIZE],
               struct wire_host *ret);

#endif
