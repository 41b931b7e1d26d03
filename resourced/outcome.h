/* What the end of a transaction means for its partition: the row that is
 * written, and the events. */
#ifndef RESOURCED_OUTCOME_H
#define RESOURCED_OUTCOME_H

#include "resourced/transaction.h"

struct outcome {
    bool changes_row; /* row is to be written */
    bool forgets;     /* the partition is no more */
    struct partition_row row;
    struct event_batch events;
};

/* All steps were done. */
void outcome_committed(const struct transaction *t, struct outcome *ret);
/* A step failed (t->err) and what can be undone was. */
void outcome_failed(const struct transaction *t, struct outcome *ret);

/* The row of a partition whose domain is gone. */
void outcome_stopped(struct partition_row *row, const char *why);

#endif
