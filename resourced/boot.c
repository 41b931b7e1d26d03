/* Guests that are started by themselves, a few at a time. */
#include "resourced/boot.h"

#include <stdlib.h>

#include "base/log.h"
#include "resourced/host.h"
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

bool boot_must_hold(const struct host *host, const struct partition *partition)
{
    return partition->row.definition.protected &&
           partition->row.boot_id != host->boot_id;
}

void boot_hold(struct host *host, struct partition *partition, const char *why)
{
    partition->boot_why = why;
    partition->held = true;
    log_info("%s: it is protected, and is started when policyd says that it "
             "is to run here", partition->row.name);
}

bool boot_is_held(const struct host *host, const struct partition *partition)
{
    /* whoever started it meanwhile has written another boot_id */
    return partition->held && !partition->transaction &&
           boot_must_hold(host, partition);
}

void boot_release(struct host *host, const struct wire_boot_release *which)
{
    for (uint32_t i = 0; i < which->n_guests; i++) {
        struct partition *partition =
            registry_by_uuid(&host->partitions, &which->guests[i].uuid);
        if (!partition || !boot_is_held(host, partition))
            continue;
        partition->held = false;
        boot_add(host, partition, partition->boot_why);
    }
    boot_go_on(host);
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
