/* Those who wait until a guest has shut down or rebooted. */
#ifndef RESOURCED_WAITER_H
#define RESOURCED_WAITER_H

#include "base/error.h"
#include "base/uuid.h"

struct host;
struct waiter;
struct waiters;

typedef void waiter_fn(void *arg, int rc, const struct vdc_error *err);

struct waiters *waiters_new(struct host *host);
/* Those who still wait are forgotten, not told. */
void waiters_free(struct waiters *waiters); /* NULL is allowed */

/* fn is called once: by waiters_tell, or with the code and text of
 * `timeout_err` after so long. */
void waiter_add(struct waiters *waiters, const struct vdc_uuid *uuid,
                uint64_t timeout_ms, const struct vdc_error *timeout_err,
                waiter_fn *fn, void *arg);
/* What they waited for has happened, or (rc) cannot. */
void waiters_tell(struct waiters *waiters, const struct vdc_uuid *uuid,
                  int rc, const struct vdc_error *err);
/* The one whose fn gets this arg is told VDC_E_CANCELLED; what it waits for
 * may still happen. */
void waiter_cancel(struct waiters *waiters, const void *arg);

#endif
