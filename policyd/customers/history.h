/*
 * Reading records whose ids begin with a time, which are not in memory: a
 * piece of time after the other, so that others on the loop have their turns.
 */
#ifndef POLICYD_CUSTOMERS_HISTORY_H
#define POLICYD_CUSTOMERS_HISTORY_H

#include <stdbool.h>

#include "policyd/api/operations.h"

/* For each record, in the order of ids; false: no more are wanted. */
typedef bool history_fn(void *arg, const char *id, const void *body);

/*
 * Those from a time on until now, for a request, in whose arena this lives.
 * What was queued before is seen.  Then `done`.  Errors: those of store_read.
 */
void history_read(struct request *request, enum store_record record,
                  uint64_t from_ms, history_fn *fn, store_wait_fn *done,
                  void *arg);

#endif
