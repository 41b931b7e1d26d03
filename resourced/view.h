/* What others are shown: partitions and the host, as the protocol has them.
 * Strings are shared with the partition or in the arena. */
#ifndef RESOURCED_VIEW_H
#define RESOURCED_VIEW_H

#include "resourced/partition.h"
#include "wire/wire.h"

struct host;

/* One partition with its live figures. */
int view_partition(struct host *host, const struct partition *partition,
                   struct arena *arena, struct wire_partition *ret,
                   struct vdc_error *err);
int view_list(struct host *host, const struct wire_partition_query *query,
              struct arena *arena, struct wire_partition_list *ret,
              struct vdc_error *err);
int view_host(struct host *host, struct arena *arena, struct wire_host *ret,
              struct vdc_error *err);

#endif
