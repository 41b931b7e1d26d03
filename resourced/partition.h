/*
 * The partitions of this host in memory: the working set that every request
 * reads.  The database has the same rows for the time after a restart.
 */
#ifndef RESOURCED_PARTITION_H
#define RESOURCED_PARTITION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/clock.h"
#include "hv/hv.h"
#include "wire/wire.h"

struct transaction;

/* What is remembered of a partition; a row of the database. */
struct partition_row {
    uint32_t index; /* for ever its own on this host */
    struct vdc_uuid uuid;
    const char *owner;    /* opaque */
    const char *name;     /* unique among its owner's */
    const char *xen_name; /* unique on the host */
    struct wire_definition definition; /* remembered, for the next start */
    /* What its domain has now, changes that are not remembered included;
     * means something when it has a domain. */
    struct wire_definition live;
    bool paused;         /* its domain stands still because we were asked */
    uint64_t generation; /* rises with each change of the row by a
                            transaction, from 1 */
    bool wanted_running; /* it was started, and nobody stopped it since */
    bool preserved;      /* stopped by itself, its dead domain is kept */
    uint32_t domid;      /* HV_DOMID_NONE: it has no domain */
    uint64_t boot_id;    /* of the host, when domid was right; another than
                            now: on_boot has not been looked at yet */
    uint64_t created_ms, started_ms, stopped_ms; /* since 1970; 0: never */
    const char *last_stop;
    uint32_t restarts;
    /* The host's policy as it was given with the last start; it holds for
     * the starts that happen by themselves. */
    struct mem host_reserve, dom0_keep;
};

struct partition {
    LIST_ENTRY(partition) in_bucket;
    TAILQ_ENTRY(partition) in_all;
    struct arena *arena; /* of the row */
    struct partition_row row;
    bool pending;                    /* in no database: being created, or
                                        just forgotten */
    struct transaction *transaction; /* that has its lock, or NULL */
    struct mono stop_asked_until;    /* 0: not asked to shut down */
    bool has_event; /* an event of its domain is still to be acted on */
    struct hv_event event;
    struct mono event_not_before;
    bool boot_waits;    /* to be started by itself, see boot.h */
    bool held;          /* the same, when policyd says so; boot.h */
    const char *boot_why;
    bool give_up; /* a restart could not begin: its domain is to be ended */
    char give_up_why[100];
    char last_change[128]; /* by a transaction of this process, for a person */
    uint64_t published; /* what xenstore has of it: see publish.c; 0: not
                           known */
};

TAILQ_HEAD(partition_list, partition);
LIST_HEAD(partition_bucket, partition);

#define REGISTRY_BUCKETS 1024

struct registry {
    struct partition_list all; /* in the order of their making */
    struct partition_bucket buckets[REGISTRY_BUCKETS]; /* by uuid */
    uint32_t n_partitions;
};

void registry_init(struct registry *registry);
void registry_fini(struct registry *registry);

/* A partition with a copy of the row.  Errors: VDC_E_BAD_VALUE when the
 * definition has what the protocol does not allow. */
int registry_add(struct registry *registry, const struct partition_row *row,
                 struct partition **ret, struct vdc_error *err);
/* Takes it out and frees it. */
void registry_remove(struct registry *registry, struct partition *partition);

/* NULL when there is none. */
struct partition *registry_by_uuid(const struct registry *registry,
                                   const struct vdc_uuid *uuid);
struct partition *registry_by_name(const struct registry *registry,
                                   const char *owner, const char *name);
struct partition *registry_by_xen_name(const struct registry *registry,
                                       const char *xen_name);

/* Replaces the row by a copy of another (which may point into the old). */
int partition_set_row(struct partition *partition,
                      const struct partition_row *row, struct vdc_error *err);

static inline bool partition_has_domain(const struct partition *partition)
{
    return partition->row.domid != HV_DOMID_NONE;
}

#endif
