/* Guests that are started by themselves, a few at a time. */
#include "resourced/boot.h"

#include <stdlib.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/operation.h"

void boot_add(struct host *host, struct partition *partition)
{
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

static int start(struct host *host, struct partition *partition,
                 struct vdc_error *err)
{
    struct wire_partition_ref ref;
    struct operation_stopped how = {
        .why = HV_SHUTDOWN_NONE,
        .reason = partition->row.last_stop,
    };

    if (partition->restart_again) {
        partition->restart_again = false;
        return operation_restart(host, partition, &how, &ops, host, err);
    }
    wire_init(&wire_struct_partition_ref, &ref);
    ref.host_reserve = partition->row.host_reserve;
    ref.dom0_keep = partition->row.dom0_keep;
    return operation_start_automatic(host, partition, &ref, &ops, host, err);
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
    struct vdc_error err;

    while (host->n_boot_starting < host->settings->start_parallel &&
           (partition = next_waiting(host))) {
        partition->boot_waits = false;
        host->n_boot_waiting--;
        /* Somebody may have been quicker. */
        if (partition->transaction || partition_has_domain(partition))
            continue;
        host->n_boot_starting++;
        if (start(host, partition, &err)) {
            host->n_boot_starting--;
            log_error("%s cannot be started: %s", partition->row.name,
                      err.text);
        }
    }
}
