/*
 * Comparing what operations recorded with what the host has: after a start,
 * after each new connection, and when something does not fit.
 */
#ifndef POLICYD_RECONCILE_H
#define POLICYD_RECONCILE_H

#include "policyd/operations.h"

/* How soon to look again when something was left open. */
#define RECONCILE_RETRY_MS 1000

struct reconcile *reconcile_new(struct operations *ops);
void reconcile_free(struct reconcile *reconcile); /* NULL allowed */

/* Compares in at most so many milliseconds. */
void reconcile_soon(struct reconcile *reconcile, unsigned ms);

/* Looks whether an event fits to what is recorded. */
void reconcile_event(struct reconcile *reconcile,
                     const struct wire_event *event);

#endif
