/*
 * Comparing what operations recorded of a host with what it has: after a
 * start, after each new connection, and when something does not fit.
 */
#ifndef POLICYD_CHANGE_RECONCILE_H
#define POLICYD_CHANGE_RECONCILE_H

#include "policyd/api/operations.h"

/* How soon to look again when something was left open. */
#define RECONCILE_RETRY_MS 1000

/* Of one host, which must outlive it. */
struct host;
struct reconcile *reconcile_new(struct operations *ops, struct host *host);
void reconcile_free(struct reconcile *reconcile); /* NULL allowed */

/* Compares in at most so many milliseconds. */
void reconcile_soon(struct reconcile *reconcile, unsigned ms);

/* The same; until then it is not known what the host has. */
void reconcile_anew(struct reconcile *reconcile, unsigned ms);

/* Compares soon, and then calls `fn`: once, later, with why it could not when
 * the host cannot be reached.  A pass that is under way does not count.  What
 * was left open before the call, and is at rest on the host, is settled when
 * it is called. */
typedef void reconcile_fn(void *arg, const struct vdc_error *why);
void reconcile_then(struct reconcile *reconcile, reconcile_fn *fn, void *arg);
/* Who waits is told that nothing comes any more. */
void reconcile_stop(struct reconcile *reconcile);

/* Looks whether an event fits to what is recorded. */
void reconcile_event(struct reconcile *reconcile,
                     const struct wire_event *event);

#endif
