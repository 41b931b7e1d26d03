/* Guests that are started by themselves, a few at a time. */
#include "resourced/boot.h"

#include <stdlib.h>

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
