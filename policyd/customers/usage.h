/*
 * What customers used, period by period: the sum over the times in which a
 * guest had the same and ran or not.  Pure.
 */
#ifndef POLICYD_CUSTOMERS_USAGE_H
#define POLICYD_CUSTOMERS_USAGE_H

#include "base/arena.h"
#include "wire/wire.h"

struct usage;

/* Periods of so many ms, those that have a part in from..to. */
struct usage *usage_new(uint64_t period_ms, uint64_t from_ms, uint64_t to_ms);
void usage_free(struct usage *usage); /* NULL allowed */

/* What of it is in from..to counts; texts are copied. */
void usage_count(struct usage *usage, const struct wire_stored_use *use);

/* By period and customer; those of nothing are left out.  In the arena. */
void usage_list(const struct usage *usage, struct arena *arena,
                struct wire_use **ret, uint32_t *ret_n);

#endif
