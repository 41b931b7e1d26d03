/*
 * Removes records of what was done and used when they are older than the
 * settings audit_keep and usage_keep say: in small commits, one after the
 * other, while there is nothing else to do.  As all commits they are refused
 * when another policyd has taken the store over.  When the clock goes forward
 * by a day or more at once, nothing is removed for a day, as it may be wrong.
 */
#ifndef POLICYD_CUSTOMERS_PRUNE_H
#define POLICYD_CUSTOMERS_PRUNE_H

#include <stdint.h>

#include "policyd/store/book.h"

struct prune;
struct event_base;

struct prune_keep {
    uint64_t audit_ms, usage_ms; /* 0: for ever */
};

/* Begins after a while; NULL: both are kept for ever. */
struct prune *prune_new(struct event_base *base, struct book *book,
                        const struct prune_keep *keep);
/* After the book is closed, so that no answer of the store comes any more.
 * NULL allowed. */
void prune_free(struct prune *prune);

/* For tests: looks now, and not before there is nothing more to remove does
 * it wait again. */
void prune_now(struct prune *prune);
/* Nothing is left that is to be removed at the moment. */
bool prune_is_done(const struct prune *prune);

#endif
