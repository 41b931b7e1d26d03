/*
 * What a guest counts for, as its host has it.
 */
#ifndef POLICYD_CHANGE_RECOUNT_H
#define POLICYD_CHANGE_RECOUNT_H

#include "policyd/api/operations.h"

typedef void recount_fn(void *arg);

/*
 * Asks the guest's host what it has and records that; a guest that no request
 * of ours is changing any more is ACTIVE then.  When the host cannot say, it
 * stays CHANGING, with the most that it may be, until the next comparison.
 * `fn` is called in any case, maybe during this call.
 */
void recount_guest(struct operations *ops, const struct vdc_uuid *uuid,
                   recount_fn *fn, void *arg);

#endif
