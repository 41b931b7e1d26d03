/*
 * Programs that place: they are run with the name of a file as their last
 * argument and answer on standard output, as Ganeti's iallocators do.
 *
 * Nothing here waits: a program has its time-out, is killed by its number
 * (with what it started in its process group) when that is over, and at most
 * EXTERNAL_AT_ONCE run at a time; the others wait for their turn, which their
 * time-out does not count.
 */
#ifndef POLICYD_POLICIES_EXTERNAL_H
#define POLICYD_POLICIES_EXTERNAL_H

#include <event2/event.h>

#include "base/error.h"
#include "policyd/policies/iallocator.h"
#include "policyd/policies/policies.h"

#define EXTERNAL_AT_ONCE 4

struct externals;

struct externals *externals_new(struct event_base *base);
/* Kills what runs, and calls back with VDC_E_CANCELLED. */
void externals_stop(struct externals *externals);
void externals_free(struct externals *externals); /* NULL allowed */

/*
 * Called once, never from within external_ask.  `err` NULL: it answered, maybe
 * that there is no host; `answer` is valid during the call.
 * Errors: VDC_E_TIMEOUT, VDC_E_IO (cannot be run, ended with another status
 * than 0 or by a signal), VDC_E_BAD_VALUE (no such answer, or too long),
 * VDC_E_CANCELLED.
 */
typedef void external_fn(void *arg, const struct iallocator_answer *answer,
                         const struct vdc_error *err);

/* Runs the policy's program with this input, which is copied. */
void external_ask(struct externals *externals,
                  const struct policies_policy *policy, const char *input,
                  size_t len, external_fn *fn, void *arg);

#endif
