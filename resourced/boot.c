/* Guests that are started by themselves, a few at a time. */
#include "resourced/boot.h"

#include <stdlib.h>

#include "base/log.h"
#include "resourced/epoch.h"
#include "resourced/host.h"
#include "resourced/server.h"
#include "resourced/transaction.h"

void boot_add(struct host *host, struct partition *partition, const char *why)
{
    partition->boot_why = why;
    partition->boot_waits = true;
    host->n_boot_waiting++;
}

static void started(void *arg, struct transaction *t, int rc,
                    const struct vdc_error *err)
{
    struct host *host = arg;

    /* What went wrong is an event already. */
    host->n_boot_starting--;
    boot_go_on(host);
}

static const struct transaction_ops ops = { .on_done = started };

static void start(struct host *host, struct partition *partition)
{
    struct operation like = {
        .partition = partition,
        .kind = WIRE_OP_START,
        .automatic = true,
        .why = HV_SHUTDOWN_NONE,
        .old_domid = HV_DOMID_NONE,
    };

    wire_init(&wire_struct_operation, &like.request);
    like.request.host_reserve = partition->row.host_reserve;
    like.request.dom0_keep = partition->row.dom0_keep;
    like.request.reason = partition->boot_why;
    transaction_begin_own(host, &like, &ops, host);
}

static struct partition *next_waiting(struct host *host)
{
    struct partition *partition;

    if (!host->n_boot_waiting)
        return NULL;
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (partition->boot_waits)
            return partition;
    host->n_boot_waiting = 0; /* the rest has been forgotten meanwhile */
    return NULL;
}

void boot_go_on(struct host *host)
{
    struct partition *partition;

    while (host->n_boot_starting < host->settings->start_parallel &&
           (partition = next_waiting(host))) {
        partition->boot_waits = false;
        host->n_boot_waiting--;
        /* Somebody may have been quicker. */
        if (partition->transaction || partition_has_domain(partition))
            continue;
        host->n_boot_starting++;
        start(host, partition);
    }
}

/* ---- those that are held ---- */

/* It is protected, and had its domain before the host booted.  Whoever starts
 * it writes another boot_id. */
static bool may_run_elsewhere(const struct host *host,
                              const struct partition *partition)
{
    return partition->row.definition.protected &&
           partition->row.boot_id != host->boot_id;
}

bool boot_must_hold(const struct host *host, const struct partition *partition)
{
    return may_run_elsewhere(host, partition) ||
           epoch_is_unknown(host, &partition->row.uuid);
}

void boot_hold(struct host *host, struct partition *partition, const char *why)
{
    partition->boot_why = why;
    partition->held = true;
    log_info("%s: %s, and it is started when policyd says that it is to run "
             "here", partition->row.name,
             epoch_is_unknown(host, &partition->row.uuid)
                 ? "its row was made anew"
                 : "it is protected");
}

/* Nobody else has started it, or is at it. */
static bool waits(const struct host *host, const struct partition *partition)
{
    return partition->held && !partition->transaction &&
           partition->row.boot_id != host->boot_id;
}

bool boot_is_held(const struct host *host, const struct partition *partition)
{
    return waits(host, partition) ||
           epoch_is_unknown(host, &partition->row.uuid);
}

static void release(struct host *host, const struct vdc_uuid *uuid)
{
    struct partition *partition = registry_by_uuid(&host->partitions, uuid);

    if (!partition || !waits(host, partition))
        return;
    partition->held = false;
    boot_add(host, partition, partition->boot_why);
}

struct releasing {
    struct request *request;
    struct stored_epoch *epochs;
    size_t n_epochs;
};

static void written(void *arg, int rc, const struct vdc_error *err,
                    uint64_t first_event)
{
    struct releasing *releasing = arg;
    struct request *request = releasing->request;
    const struct wire_boot_release *which = request->body;
    struct host *host = request->host;
    struct wire_empty nothing;

    if (rc) {
        request_fail(request, err);
        return;
    }
    for (size_t i = 0; i < releasing->n_epochs; i++) {
        if (!epoch_is_unknown(host, &releasing->epochs[i].uuid))
            continue; /* a move was quicker */
        epoch_take(host, &releasing->epochs[i]);
    }
    for (uint32_t i = 0; i < which->n_guests; i++)
        if (which->guests[i].epoch)
            release(host, &which->guests[i].uuid);
    boot_go_on(host);
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}

void boot_release(struct request *request)
{
    const struct wire_boot_release *which = request->body;
    struct releasing *releasing = ARENA_NEW(request->arena, struct releasing);
    struct store_change change = { 0 };

    releasing->request = request;
    releasing->epochs =
        ARENA_ARRAY(request->arena, which->n_guests, struct stored_epoch);
    for (uint32_t i = 0; i < which->n_guests; i++) {
        const struct wire_boot_guest *guest = &which->guests[i];
        if (guest->epoch && epoch_is_unknown(request->host, &guest->uuid))
            releasing->epochs[releasing->n_epochs++] = (struct stored_epoch){
                .uuid = guest->uuid,
                .epoch = guest->epoch,
            };
    }
    change.epochs = releasing->epochs;
    change.n_epochs = releasing->n_epochs;
    store_submit(request->host->store, &change, written, releasing);
}
