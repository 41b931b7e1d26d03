/*
 * Who has which resource of this host: a row for each assignment, in memory
 * and in the database.  Rows follow from the rows of partitions (what the
 * domain has, or will get) and from leases; they are compared with what there
 * is at every commit, so that they cannot drift.  What is used is the sum of
 * rows, never a counter.
 */
#ifndef RESOURCED_RESOURCE_H
#define RESOURCED_RESOURCE_H

#include "resourced/store.h"

struct channel_rows;
struct host;
struct resource_table;
struct transaction;

/* What the host has of named pools, from the setting `pools`. */
struct resource_pool {
    const char *name;
    const char *unit; /* "KiB", or "" for things that are counted */
    uint64_t total;
};

/* Loads the rows.  Errors: those of the store; VDC_E_BAD_CONFIG (pools). */
int resources_open(struct host *host, struct resource_table **ret,
                   struct vdc_error *err);
void resources_close(struct resource_table *table); /* NULL is allowed */

/* What a change makes of the rows; in the arena of the change. */
struct resource_change {
    struct resource_row *put;
    size_t n_put;
    uint64_t *remove;             /* indexes ... */
    struct vdc_uuid *remove_from; /* ... and whose they are */
    size_t n_remove;
};

/*
 * Compares what the partition of `row` will have (uuid alone when it is
 * forgotten: row NULL) with its rows, and adds the differences to *change.
 * A row that stays the same keeps index, generation and time.  Once for each
 * partition of a change.
 */
void resources_plan(struct resource_table *table, const struct vdc_uuid *uuid,
                    const struct partition_row *row, struct arena *arena,
                    struct resource_change *change);
/* The same for a lease; lease NULL: it is gone. */
void resources_plan_lease(struct resource_table *table,
                          const struct vdc_uuid *id,
                          const struct wire_lease *lease, struct arena *arena,
                          struct resource_change *change);
void resources_into(const struct resource_change *change,
                    struct store_change *ret);
/* The change is durable (or must be true in any case): the table has it. */
void resources_take(struct resource_table *table,
                    const struct resource_change *change);

/* Every row, ordered by holder; fn must change nothing. */
typedef void resource_row_fn(void *arg, const struct resource_row *row);
void resources_each(const struct resource_table *table, resource_row_fn *fn,
                    void *arg);

/* Sum of the rows of a kind (and name, unless NULL); leased ones alone, or
 * those of partitions alone. */
uint64_t resources_sum(const struct resource_table *table,
                       enum wire_resource_kind kind, const char *name,
                       bool leased);
/* NULL when nobody has it. */
const struct resource_row *
resources_find(const struct resource_table *table,
               enum wire_resource_kind kind, const char *name);
const struct resource_pool *
resources_pools(const struct resource_table *table, size_t *ret_n);
/* NULL when there is no such pool. */
const struct resource_pool *
resources_pool(const struct resource_table *table, const char *name);

/*
 * Rows and totals as a query asks; figures of use come from the snapshot
 * (live.h), with query->live also from Xen.  Totals are there when all of the
 * host is asked for.  Of memory:
 *   total = (assigned - ballooned) + foreign + claimed + free,
 * where `ballooned` counts all that is assigned and not taken: by balloons,
 * and by guests that do not run.
 * Those of channels are `channels`; NULL: not asked for, or not known, and
 * then they have no total.
 * A page of them (wire/page.h): a place is the index of a row.
 * Errors: VDC_E_NOT_FOUND (index), VDC_E_BAD_VALUE (from), VDC_E_HYPERVISOR.
 */
int resources_list(struct host *host, const struct wire_resource_query *query,
                   const struct channel_rows *channels, struct arena *arena,
                   struct wire_resource_list *ret,
                   struct vdc_error *err);

/* Those of a report, for placement: pools; PCI devices together, and each that
 * is free by its name.  When Xen does not say which devices there are, none of
 * devices; when there are too many, not all; when the database is damaged,
 * nothing. */
void resources_report(struct host *host, struct arena *arena,
                      struct wire_host *ret);

#endif
