/*
 * An operation that libxl does asynchronously on the loop's context.
 *
 *     struct op *op = op_new(self, domid, "destroy", done, arg);
 *     return op_started(op, libxl_domain_destroy(ctx, domid, op_how(op)),
 * err);
 */
#ifndef VDC_HV_XEN_OP_H
#define VDC_HV_XEN_OP_H

#include "hv/xen/self.h"

struct op;

/* `what` is static: "destroy", for "cannot destroy domain 3: ...". */
struct op *op_new(struct hv_xen *self, uint32_t domid, const char *what,
                  hv_done_fn *done, void *arg);

/* `done` shall come as soon as libxl has taken the operation on, and not wait
 * for how it ends. */
void op_done_when_begun(struct op *op);

const libxl_asyncop_how *op_how(const struct op *op);

/* Given what the libxl function returned: 0 when the operation was taken on,
 * and `done` will come from the loop; otherwise the error, and op is gone. */
int op_started(struct op *op, int libxl_rc, struct vdc_error *err);

/* Forgets all of them: no `done` comes. Returns whether there were any that
 * libxl has not ended. */
bool op_abandon_all(struct hv_xen *self);

#endif
