/* After a start: open transactions are ended, then Xen and the database are
 * compared partition by partition. */
#include "resourced/recovery.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/boot.h"
#include "resourced/host.h"
#include "resourced/lifecycle.h"
#include "resourced/outcome.h"
#include "resourced/publish.h"

struct recovery {
    struct host *host;
    struct arena *arena;
    bool has_begun;
    size_t n_open; /* transactions of the journal, and one for the reading */
    struct event *timer;
    void (*fn)(void *arg, int rc, const struct vdc_error *err);
    void *arg;
};

/* The domain of that uuid; one that is dying is no more than pages that
 * others still map. */
static const struct hv_domain_info *
domain_by_uuid(const struct hv_domain_info *domains, size_t n_domains,
               const struct vdc_uuid *uuid)
{
    for (size_t i = 0; i < n_domains; i++)
        if (!domains[i].dying && uuid_equal(&domains[i].uuid, uuid))
            return &domains[i];
    return NULL;
}

/* ---- partition by partition ---- */

static bool starts_at_boot(const struct partition_row *row)
{
    switch (row->definition.on_boot) {
    case WIRE_BOOT_LAST:
        return row->wanted_running;
    case WIRE_BOOT_START:
        return true;
    case WIRE_BOOT_OFF:
        break;
    }
    return false;
}

/* The host has booted since: its domain is gone with the host's memory. */
static void host_went_down(struct host *host, struct partition *partition)
{
    struct partition_row row = partition->row;
    struct event_batch events = { 0 };
    bool had_domain = partition_has_domain(partition);

    if (had_domain)
        outcome_stopped(&row, "the host went down");
    if (starts_at_boot(&row)) {
        /* Its row is written when the start ends: a crash before that leaves
         * it to be started still. */
        partition_set_row(partition, &row, NULL);
        if (boot_must_hold(host, partition))
            boot_hold(host, partition, "the host has booted");
        else
            boot_add(host, partition, "the host has booted");
        return;
    }
    row.boot_id = host->boot_id;
    row.wanted_running = false;
    if (had_domain)
        event_batch_add(&events, host, WIRE_EVENT_STOPPED, &row, "%s",
                        row.last_stop);
    lifecycle_note(host, partition, &row, &events);
}

static void adopt(struct host *host, struct partition *partition,
                  const struct hv_domain_info *info)
{
    struct partition_row row = partition->row;
    struct event_batch events = { 0 };

    if (row.domid == info->domid && row.boot_id == host->boot_id)
        return;
    row.domid = info->domid;
    row.boot_id = host->boot_id;
    log_info("%s: domain %u is its domain now", row.name, row.domid);
    lifecycle_note(host, partition, &row, &events);
}

static void compare(struct host *host, struct partition *partition,
                    const struct hv_domain_info *info)
{
    bool booted = partition->row.boot_id != host->boot_id;

    if (partition->transaction)
        return; /* one that comes to no end */
    if (info && (booted || partition_has_domain(partition)))
        adopt(host, partition, info);
    else if (info)
        log_warning("%s: Xen has a domain %u of its uuid that xen-vdc did "
                    "not make", partition->row.name, info->domid);
    else if (booted)
        host_went_down(host, partition);
    else if (partition_has_domain(partition))
        lifecycle_vanished(host, partition,
                           "ended while resourced was not running");
}

static int compare_all(struct host *host, struct arena *arena,
                       struct vdc_error *err)
{
    struct hv_domain_info *domains;
    struct partition *partition;
    size_t n_domains;
    int rc = host->hv->domain->list(host->hv, arena, &domains, &n_domains,
                                    err);

    if (rc)
        return rc;
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        compare(host, partition,
                domain_by_uuid(domains, n_domains, &partition->row.uuid));
    rc = publish_all(host, err);
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (!rc && partition_has_domain(partition))
            rc = host->hv->domain->watch(host->hv, partition->row.domid, err);
    return rc;
}

/* ---- open transactions ---- */

static void finish(struct recovery *recovery)
{
    struct host *host = recovery->host;
    struct vdc_error err;
    int rc = compare_all(host, recovery->arena, &err);

    recovery->fn(recovery->arg, rc, &err);
    if (!rc)
        boot_go_on(host);
}

static void one_less(struct recovery *recovery)
{
    if (--recovery->n_open == 0)
        event_active(recovery->timer, EV_TIMEOUT, 1);
}

static void ended(void *arg, struct transaction *t, int rc,
                  const struct vdc_error *err)
{
    if (t->state == TRANSACTION_COMMITTED || t->state == TRANSACTION_UNDONE)
        log_info("transaction %llu, open since before the start, is %s",
                 (unsigned long long)t->id,
                 rc ? "undone" : "brought to its end");
    else if (t->waits)
        log_info("transaction %llu, open since before the start, waits: %s",
                 (unsigned long long)t->id, err->text);
    else
        log_error("transaction %llu, open since before the start, comes to "
                  "no end: %s", (unsigned long long)t->id,
                  err ? err->text : "");
    one_less(arg);
}

static const struct transaction_ops ops = { .on_done = ended };

static void go_on(int fd, short what, void *arg)
{
    struct recovery *recovery = arg;
    struct journal_entry *entries;
    struct vdc_error err;
    size_t n_entries;

    if (recovery->has_begun) {
        finish(recovery);
        return;
    }
    recovery->has_begun = true;
    int rc = store_journal(recovery->host->store, recovery->arena, &entries,
                           &n_entries, &err);
    if (rc) {
        recovery->fn(recovery->arg, rc, &err);
        return;
    }
    recovery->n_open = n_entries + 1;
    for (size_t i = 0; i < n_entries; i++)
        transaction_recover(recovery->host, &entries[i], &ops, recovery);
    if (memory_recover(recovery->host, &err))
        log_warning("dom0 may have to be given memory back: %s", err.text);
    one_less(recovery);
}

struct recovery *recovery_start(struct host *host,
                                void (*fn)(void *arg, int rc,
                                           const struct vdc_error *err),
                                void *arg)
{
    struct recovery *recovery = XNEW(struct recovery);
    struct timeval now = { 0, 0 };

    recovery->host = host;
    recovery->arena = arena_new();
    recovery->fn = fn;
    recovery->arg = arg;
    recovery->timer = event_new(host->base, -1, 0, go_on, recovery);
    event_add(recovery->timer, &now);
    return recovery;
}

void recovery_free(struct recovery *recovery)
{
    if (!recovery)
        return;
    event_free(recovery->timer);
    arena_free(recovery->arena);
    free(recovery);
}
