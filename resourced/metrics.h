/*
 * What this host tells Prometheus (doc/design/014-metrics.md), and what is
 * counted for that while resourced works.
 */
#ifndef RESOURCED_METRICS_H
#define RESOURCED_METRICS_H

#include <stdint.h>

#include "base/error.h"
#include "base/metrics.h"

struct host;
struct metrics;
struct server;
struct transaction;

/* Errors are counted by their number in errors.def. */
#define METRICS_ERRORS 64

enum metrics_end { METRICS_COMMITTED, METRICS_UNDONE, METRICS_FAILED };
#define METRICS_ENDS 3

/* Of this process, counted whether anybody asks or not. */
struct metrics_counts {
    struct metrics_timing transactions[METRICS_ENDS];
    uint64_t errors[METRICS_ERRORS]; /* of those that did not succeed */
    uint64_t looks_failed;           /* at the host and its domains */
};

/* It has ended; dry runs and questions are not counted. */
void metrics_transaction_ended(const struct transaction *t, int rc);

/* Serves them at the settings' metrics_address; *ret is NULL when there is
 * none, or when somebody else listens there, which is logged: a host works
 * without metrics.  Errors: VDC_E_BAD_VALUE (the address). */
int metrics_start(struct host *host, const struct server *server,
                  struct metrics **ret, struct vdc_error *err);
void metrics_stop(struct metrics *metrics); /* NULL allowed */

#endif
