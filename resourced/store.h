/*
 * The resource database on disk (SQLite): partitions, journal of open
 * transactions, events.  What store_apply writes is wholly there or wholly
 * not, and durable when it returns.
 *
 * Errors of every function: VDC_E_DISK_FULL, VDC_E_STORE, VDC_E_STORE_CORRUPT;
 * nothing was changed then.  Calls wait for the disk (one fsync each).
 */
#ifndef RESOURCED_STORE_H
#define RESOURCED_STORE_H

#include <stdint.h>

#include "resourced/partition.h"
#include "wire/wire.h"

struct store;

/* A transaction that has begun and not ended. */
struct journal_entry {
    struct vdc_uuid uuid; /* at most one of a partition */
    uint32_t kind;        /* enum transaction_kind */
    uint32_t step;        /* so many of its steps are done */
    struct wire_partition_ref request;
    const char *reason; /* why it was begun, for a person */
    uint64_t begun_ms;
};

/* What is written together; members that are NULL or 0 write nothing. */
struct store_change {
    /* Replaces what the journal has of the same partition. */
    const struct journal_entry *journal_add;
    const struct vdc_uuid *journal_remove;
    const struct partition_row *put;
    const struct vdc_uuid *forget;
    const struct wire_event *events; /* with their numbers */
    size_t n_events;
    uint64_t events_before; /* events of lower numbers are dropped */
};

/*
 * Opens or makes the database.  Errors besides those above:
 * VDC_E_STORE_NEWER (made by a newer version), VDC_E_BUSY (another process
 * has it open), VDC_E_DENIED, VDC_E_NO_FILE.
 */
int store_open(const char *path, struct store **ret, struct vdc_error *err);
void store_close(struct store *store); /* NULL is allowed */

/* *ret_index (may be NULL): the index of the row that was put. */
int store_apply(struct store *store, const struct store_change *change,
                uint32_t *ret_index, struct vdc_error *err);
/* So many steps of this partition's transaction are done. */
int store_journal_step(struct store *store, const struct vdc_uuid *uuid,
                       uint32_t step, struct vdc_error *err);

/* Everything, in the arena; for the start. */
int store_partitions(struct store *store, struct arena *arena,
                     struct partition_row **ret, size_t *ret_n,
                     struct vdc_error *err);
int store_journal(struct store *store, struct arena *arena,
                  struct journal_entry **ret, size_t *ret_n,
                  struct vdc_error *err);

/* At most `most` events with a number above `since`, of this owner when
 * owner is not "". */
int store_events(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct arena *arena, struct wire_event **ret,
                 size_t *ret_n, struct vdc_error *err);
/* Numbers of the first event that is kept and of the last that ever was;
 * 0 when there was none. */
int store_events_range(struct store *store, uint64_t *ret_first,
                       uint64_t *ret_last, struct vdc_error *err);

#endif
