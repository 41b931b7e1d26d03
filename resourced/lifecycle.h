/* What happens to guests by themselves, and what is done then. */
#ifndef RESOURCED_LIFECYCLE_H
#define RESOURCED_LIFECYCLE_H

#include "resourced/event_log.h"
#include "resourced/partition.h"

struct host;

/* From now on events of the hypervisor are acted on. */
void lifecycle_begin(struct host *host);
void lifecycle_end(struct host *host);

/* A transaction on this partition has ended: an event that came meanwhile is
 * acted on now. */
void lifecycle_resume(struct host *host, const struct vdc_uuid *uuid);

/* Its domain is gone, and it was not we who ended it. */
void lifecycle_vanished(struct host *host, struct partition *partition,
                        const char *why);

/* Writes a row that changed outside of a transaction; in memory it is changed
 * in any case, as it says what is true. */
void lifecycle_note(struct host *host, struct partition *partition,
                    const struct partition_row *row,
                    struct event_batch *events);

#endif
