/* Each operation on a partition: which steps it has in which state of the
 * partition.  An error that is returned means that nothing began, and
 * ops->on_done is not called; after 0 it is, perhaps before the return. */
#ifndef RESOURCED_OPERATION_H
#define RESOURCED_OPERATION_H

#include "resourced/transaction.h"

int operation_create(struct host *host,
                     const struct wire_partition_create *request,
                     const struct transaction_ops *ops, void *arg,
                     struct vdc_error *err);

/* start, shutdown, reboot, destroy, rename; automatic: nobody asked. */
typedef int operation_fn(struct host *host, struct partition *partition,
                         const struct wire_partition_ref *request,
                         const struct transaction_ops *ops, void *arg,
                         struct vdc_error *err);
operation_fn operation_start, operation_shutdown, operation_reboot,
    operation_destroy, operation_rename;

/* A start that nobody asked for, by on_boot or after a broken restart. */
operation_fn operation_start_automatic;

/* What follows a guest that has stopped by itself. */
struct operation_stopped {
    enum hv_shutdown_reason why;
    const char *reason; /* "powered off" */
    bool core_dump;
    bool gave_up; /* it was to be built anew, and cannot be */
};
int operation_stop(struct host *host, struct partition *partition,
                   const struct operation_stopped *stopped,
                   const struct transaction_ops *ops, void *arg,
                   struct vdc_error *err);
int operation_restart(struct host *host, struct partition *partition,
                      const struct operation_stopped *stopped,
                      const struct transaction_ops *ops, void *arg,
                      struct vdc_error *err);

#endif
