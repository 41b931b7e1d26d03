/*
 * What a host that has booted is told of its guests, when it is compared with
 * the book (change/reconcile.h): which are still to run there, and which it is
 * to forget, as they were started elsewhere meanwhile.
 */
#ifndef POLICYD_FENCE_BACK_H
#define POLICYD_FENCE_BACK_H

#include "policyd/api/operations.h"

/* A guest that the host has, assigned as `a` says (NULL: it is gone).  If it
 * was started elsewhere while this host was off, the host forgets it, whatever
 * it has of it.  False: it is not so, or not yet. */
bool back_forget(struct host *host, const struct wire_partition *partition,
                 const struct assignment *a);

/* Room for so many, in the arena; empty. */
struct wire_boot_release *back_release_new(uint32_t n_most,
                                           struct arena *arena);
/* These are still to run there: tells the host so, when that it is back is
 * durable, as nobody may start them elsewhere then. */
void back_release(struct host *host, const struct wire_boot_release *release);

#endif
