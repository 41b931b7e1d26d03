/* What the end of a transaction means for its partitions: the rows that are
 * written, and the events. */
#ifndef RESOURCED_OUTCOME_H
#define RESOURCED_OUTCOME_H

#include "resourced/resource.h"
#include "resourced/transaction.h"

struct outcome {
    struct partition *put[TRANSACTION_OPERATIONS_MAX];
    struct partition_row rows[TRANSACTION_OPERATIONS_MAX]; /* of those */
    size_t n_put;
    struct partition *forget[TRANSACTION_OPERATIONS_MAX];
    size_t n_forget;
    struct stored_epoch epochs[TRANSACTION_OPERATIONS_MAX];
    size_t n_epochs;
    struct event_batch events;
    struct resource_change resources; /* that follow from the rows */
};

/* All steps were done. */
void outcome_committed(const struct transaction *t, struct outcome *ret);
/* A step failed (t->err) and what can be undone was. */
void outcome_failed(const struct transaction *t, struct outcome *ret);
/* Into a change, in the arena, with the resources that follow. */
void outcome_into(struct outcome *outcome, struct host *host,
                  struct arena *arena, struct store_change *ret);
/* For those whose picture of a partition is too old: what has changed. */
void outcome_note(const struct outcome *outcome);
/* In memory, after it was written, or when it must be true though it could
 * not be. */
void outcome_take(struct outcome *outcome, struct host *host);

/* The row of a partition whose domain is gone. */
void outcome_stopped(struct partition_row *row, const char *why);

#endif
