/* What resourced has of its host: the parts that everything else works on. */
#ifndef RESOURCED_HOST_H
#define RESOURCED_HOST_H

#include <stdint.h>
#include <sys/queue.h>

#include "hv/hv.h"
#include "resourced/memory.h"
#include "resourced/metrics.h"
#include "resourced/partition.h"
#include "resourced/settings.h"
#include "resourced/store.h"
#include "resourced/transaction.h"

struct channel_reads;
struct epochs;
struct event;
struct event_base;
struct event_log;
struct lease_table;
struct images;
struct live;
struct migrate;
struct mirror;
struct probe_file;
struct rebuild;
struct resource_table;
struct verify;
struct verify_pages;
struct waiters;

struct host {
    struct event_base *base;
    const struct resourced_settings *settings;
    struct hv *hv;
    struct store *store;
    struct registry partitions;
    struct transaction_list transactions; /* queued and under way */
    struct lock_table locks;
    struct resource_table *resources;
    struct lease_table *leases;
    struct epochs *epochs;
    struct migrate *migrate; /* guests that come and go: migrate.h */
    struct images *images; /* image.h */
    struct live *live;
    struct mirror *mirror; /* NULL: there is none */
    struct channel_reads *channels;
    struct memory_account memory;
    struct metrics_counts counts;
    struct verify *verify;   /* under way, or NULL */
    struct rebuild *rebuild; /* as well */
    struct verify_pages *found; /* by the last verify, or NULL */
    struct event_log *events;
    struct waiters *waiters;
    LIST_HEAD(, probe_file) probes; /* handlers_files.c */
    struct event *lifecycle_timer;
    unsigned n_boot_waiting, n_boot_starting; /* boot.h */
    char name[64];
    uint64_t boot_id; /* of this boot of the host */
    struct vdc_error damage; /* with a code: the database is damaged, store
                                and what comes of it are NULL */
};

/*
 * Opens the database and the hypervisor and loads the partitions; nothing is
 * done on Xen yet (recovery.h).  Errors: those of store_open and hv_open.
 */
/* Without host->store: the database is damaged as host->damage says, and
 * only hypervisor and live are open. */
int host_open(struct event_base *base,
              const struct resourced_settings *settings, struct host **ret,
              struct vdc_error *err);
/* NULL and half-open are allowed.  What is under way is abandoned; the
 * journal has it. */
void host_close(struct host *host);
/* Opens the database and loads what is in it; after a rebuild. */
int host_load(struct host *host, struct vdc_error *err);
void host_unload(struct host *host);

#endif
