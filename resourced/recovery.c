/* After a start: open transactions are ended, then Xen and the database are
 * compared partition by partition. */
#include "resourced/recovery.h"

#include <event2/event.h>
#include <string.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/boot.h"
#include "resourced/host.h"
#include "resourced/lifecycle.h"
#include "resourced/outcome.h"
#include "resourced/publish.h"

/* A domain that cannot be destroyed is tried so often, a second apart. */
#define DESTROY_TRIES 5

struct recovery {
    struct host *host;
    struct arena *arena;
    struct journal_entry *entries;
    size_t n_entries, at;
    unsigned n_tries;
    /* The domain that is being destroyed, or the last that was, for this
     * entry; domids are gone through upwards from 1. */
    uint32_t doomed;
    struct event *timer;
    void (*fn)(void *arg, int rc, const struct vdc_error *err);
    void *arg;
};

static void next_entry(struct recovery *recovery);

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

static void end(struct recovery *recovery, int rc,
                const struct vdc_error *err)
{
    recovery->fn(recovery->arg, rc, err);
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
        boot_add(host, partition);
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

    if (partition->restart_again)
        boot_add(host, partition);
    else if (info && (booted || partition_has_domain(partition)))
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

/* What a transaction's end, forward or back, means for the row. */
static void settle_row(struct host *host, const struct journal_entry *entry,
                       struct outcome *ret)
{
    struct partition_row *row = &ret->row;
    const struct wire_partition_ref *request = &entry->request;

    ret->changes_row = true;
    switch ((enum transaction_kind)entry->kind) {
    case TRANSACTION_CREATE:
    case TRANSACTION_SHUTDOWN:
    case TRANSACTION_REBOOT:
        ret->changes_row = false;
        return;
    case TRANSACTION_START:
        row->domid = HV_DOMID_NONE;
        return;
    case TRANSACTION_STOP:
        outcome_stopped(row, entry->reason);
        row->wanted_running = false;
        event_batch_add(&ret->events, host, WIRE_EVENT_STOPPED, row, "%s",
                        entry->reason);
        return;
    case TRANSACTION_RESTART:
        outcome_stopped(row, entry->reason);
        return;
    case TRANSACTION_DESTROY:
        outcome_stopped(row, "destroyed on request");
        row->wanted_running = false;
        ret->forgets = !request->keep;
        ret->changes_row = request->keep;
        event_batch_add(&ret->events, host,
                        request->keep ? WIRE_EVENT_STOPPED
                                      : WIRE_EVENT_DESTROYED,
                        row, "%s", request->keep ? row->last_stop : "");
        return;
    case TRANSACTION_RENAME:
        row->name = request->new_name;
        row->definition.name = request->new_name;
        row->xen_name = request->new_xen_name;
        event_batch_add(&ret->events, host, WIRE_EVENT_RENAMED, row, "%s", "");
        return;
    }
    ret->changes_row = false;
}

/* Xen is as it should be: the database follows. */
static int settle(struct recovery *recovery, struct vdc_error *err)
{
    struct host *host = recovery->host;
    const struct journal_entry *entry = &recovery->entries[recovery->at];
    struct partition *partition =
        registry_by_uuid(&host->partitions, &entry->uuid);
    struct store_change change = { .journal_remove = &entry->uuid };
    struct outcome outcome = { 0 };

    if (partition) {
        outcome.row = partition->row;
        settle_row(host, entry, &outcome);
    }
    if (outcome.changes_row)
        change.put = &outcome.row;
    if (outcome.forgets)
        change.forget = &entry->uuid;
    bool again = partition && entry->kind == TRANSACTION_RESTART &&
                 partition->row.boot_id == host->boot_id;
    if (again)
        change.journal_remove = NULL; /* until it is built anew */
    event_log_number(host->events, &outcome.events, &change);
    int rc = store_apply(host->store, &change, NULL, err);
    if (rc)
        return rc;
    event_log_publish(host->events, &outcome.events);
    if (outcome.forgets) {
        registry_remove(&host->partitions, partition);
    } else if (outcome.changes_row) {
        partition_set_row(partition, &outcome.row, NULL);
        partition->restart_again = again;
    }
    log_info("the %s that was under way is settled",
             transaction_kind_name((enum transaction_kind)entry->kind));
    return 0;
}

static void skip_entry(struct recovery *recovery)
{
    recovery->at++;
    recovery->n_tries = 0;
    recovery->doomed = 0;
    next_entry(recovery);
}

static void settle_and_go_on(struct recovery *recovery)
{
    struct vdc_error err;
    int rc = settle(recovery, &err);

    if (rc) {
        end(recovery, rc, &err);
        return;
    }
    skip_entry(recovery);
}

static void try_again(int fd, short what, void *arg)
{
    next_entry(arg);
}

static void destroyed(void *arg, int rc, const struct vdc_error *err)
{
    struct recovery *recovery = arg;

    if (!rc || rc == VDC_E_NOT_FOUND) {
        next_entry(recovery); /* there may be another of this uuid */
        return;
    }
    if (++recovery->n_tries < DESTROY_TRIES) {
        recovery->doomed = 0;
        struct timeval tv = { 1, 0 };
        event_add(recovery->timer, &tv);
        return;
    }
    /* The journal keeps it for the next start. */
    log_error("domain %u, left by an operation under way, cannot be "
              "destroyed: %s", recovery->doomed, err->text);
    skip_entry(recovery);
}

static bool ends_domain(uint32_t kind)
{
    return kind == TRANSACTION_CREATE || kind == TRANSACTION_START ||
           kind == TRANSACTION_DESTROY || kind == TRANSACTION_STOP ||
           kind == TRANSACTION_RESTART;
}

/* One that is dying too: whoever began to destroy it may have been killed
 * half-way, and then Xen waits to be asked again. */
static const struct hv_domain_info *
next_doomed(const struct recovery *recovery,
            const struct hv_domain_info *domains, size_t n_domains,
            const struct vdc_uuid *uuid)
{
    for (size_t i = 0; i < n_domains; i++)
        if (domains[i].domid > recovery->doomed &&
            uuid_equal(&domains[i].uuid, uuid))
            return &domains[i];
    return NULL;
}

/* Makes Xen be as the end of the transaction has it.  *ret_later: destroyed()
 * is called. */
static int settle_xen(struct recovery *recovery,
                      const struct journal_entry *entry, bool *ret_later,
                      struct vdc_error *err)
{
    struct hv *hv = recovery->host->hv;
    struct hv_domain_info *domains;
    size_t n_domains;
    int rc = hv->domain->list(hv, recovery->arena, &domains, &n_domains, err);

    *ret_later = false;
    if (rc)
        return rc;
    const struct hv_domain_info *info =
        domain_by_uuid(domains, n_domains, &entry->uuid);
    if (info && entry->kind == TRANSACTION_RENAME &&
        strcmp(info->name, entry->request.new_xen_name) != 0)
        return hv->domain->rename(hv, info->domid,
                                  entry->request.new_xen_name, err);
    if (!ends_domain(entry->kind))
        return 0;
    info = next_doomed(recovery, domains, n_domains, &entry->uuid);
    if (!info)
        return 0;
    recovery->doomed = info->domid;
    rc = hv->domain->destroy(hv, info->domid, destroyed, recovery, err);
    *ret_later = rc == 0 || rc == VDC_E_NOT_FOUND;
    if (rc == VDC_E_NOT_FOUND)
        destroyed(recovery, rc, NULL);
    return *ret_later ? 0 : rc;
}

static void finish(struct recovery *recovery)
{
    struct host *host = recovery->host;
    struct vdc_error err;
    int rc = compare_all(host, recovery->arena, &err);

    end(recovery, rc, &err);
    if (!rc)
        boot_go_on(host);
}

static void next_entry(struct recovery *recovery)
{
    struct vdc_error err;
    bool later;

    if (recovery->at == recovery->n_entries) {
        finish(recovery);
        return;
    }
    int rc = settle_xen(recovery, &recovery->entries[recovery->at], &later,
                        &err);
    if (rc)
        destroyed(recovery, rc, &err);
    else if (!later)
        settle_and_go_on(recovery);
}

static void begin(int fd, short what, void *arg)
{
    struct recovery *recovery = arg;
    struct vdc_error err;

    int rc = store_journal(recovery->host->store, recovery->arena,
                           &recovery->entries, &recovery->n_entries, &err);
    if (rc) {
        end(recovery, rc, &err);
        return;
    }
    event_free(recovery->timer);
    recovery->timer =
        event_new(recovery->host->base, -1, 0, try_again, recovery);
    next_entry(recovery);
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
    recovery->timer = event_new(host->base, -1, 0, begin, recovery);
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
