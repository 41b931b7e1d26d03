/* Waiting for a node of xenstore to say what it should. */
#ifndef VDC_HV_XEN_AWAIT_H
#define VDC_HV_XEN_AWAIT_H

#include <stdbool.h>

#include "hv/xen/self.h"

struct await;

/* value: NULL when there is no such node. */
typedef bool await_enough_fn(const char *value);
/* reached: false when the time ran out.  The await is gone already. */
typedef void await_done_fn(void *arg, bool reached);

/*
 * `done` is called once, from the loop, never before this returns.
 * Errors: VDC_E_HYPERVISOR; then `done` does not come.
 */
int await_new(struct hv_xen *self, const char *path, unsigned timeout_ms,
              await_enough_fn *enough, await_done_fn *done, void *arg,
              struct await **ret, struct vdc_error *err);

/* Gives it up before `done` came.  NULL is allowed. */
void await_free(struct await *await);

#endif
