/*
 * What policyd counts while it works, for Prometheus and for dc_status
 * (doc/design/014-metrics.md).  Counting costs some nanoseconds and is always
 * done; a `metrics` of NULL is allowed everywhere, and counts nothing.
 */
#ifndef POLICYD_METRICS_METRICS_H
#define POLICYD_METRICS_METRICS_H

#include <stdint.h>

#include "base/error.h"
#include "base/metrics.h"
#include "policyd/placement/decision.h"
#include "wire/wire.h"

struct evbuffer;
struct metrics;
struct request;

/* Errors are counted by their number in errors.def. */
#define METRICS_ERRORS 64
/* So many of the last failures that are the provider's are remembered. */
#define METRICS_FAILURES 16

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* One has come; it is about to be freed, answered or not. */
void metrics_request_begun(struct request *request);
void metrics_request_ended(const struct request *request);
/* It is answered with this error.  One that is not about what was asked, but
 * about what the provider has (a store, a host, Xen, room), is remembered. */
void metrics_request_failed(struct request *request,
                            const struct vdc_error *err);
/* One was made that counts, not only tried. */
void metrics_placed(struct metrics *metrics, uint64_t begun_us, int rc,
                    const struct placement_decision *decision);
void metrics_moved(struct metrics *metrics, enum wire_move_state end);

/* Requests that came and were not answered yet. */
uint64_t metrics_under_way(const struct metrics *metrics);
/* The newest first; texts live as long as nothing is counted.  Returns how
 * many there are. */
size_t metrics_failures(const struct metrics *metrics,
                        struct wire_audit ret[METRICS_FAILURES]);

/* Everything that is counted, as families. */
void metrics_write_counts(const struct metrics *metrics, struct evbuffer *out);

#endif
