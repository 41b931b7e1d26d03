/*
 * Quotas of channels: what is told of them, and the answer to it.
 */
#ifndef CHANNELD_QUOTA_SERVE_H
#define CHANNELD_QUOTA_SERVE_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/wire.h"

struct host;

/*
 * Takes the limits that are told, all or none, and says what these customers
 * have; or, when none is told, a page of all that have channels or a limit.
 * Texts of *ret are in the arena.
 * Errors: VDC_E_BAD_VALUE (what is no customer's name), those of quotas_save.
 */
int quota_serve(struct host *host, const struct wire_channel_limits *told,
                struct arena *arena, struct wire_channel_uses *ret,
                struct vdc_error *err);

#endif
