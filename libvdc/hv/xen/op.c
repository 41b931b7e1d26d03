/*
 * Asynchronous libxl operations.  libxl may call back before the function
 * that began the operation has returned (it does so for what needs no
 * waiting); `done` is therefore always called one turn of the loop later.
 */
#include "hv/xen/op.h"

#include <event2/event.h>
#include <stdlib.h>

struct op {
    struct hv_xen *self;
    uint32_t domid;
    const char *what;
    hv_done_fn *done;
    void *arg;
    uint64_t mark;
    libxl_asyncop_how how;
    bool early; /* done when begun; how it ends is not waited for */
    bool told;
    bool ended; /* libxl is through with it */
    int rc;
    struct vdc_error err;
    struct event *fire;
    LIST_ENTRY(op) link;
};

static void op_free(struct op *op)
{
    if (op->fire)
        event_free(op->fire);
    LIST_REMOVE(op, link);
    free(op);
}

static void fire(evutil_socket_t fd, short what, void *arg)
{
    struct op *op = arg;
    hv_done_fn *done = op->done;
    void *done_arg = op->arg;
    struct vdc_error err = op->err;
    int rc = op->rc;

    op->told = true;
    if (op->ended)
        op_free(op);
    done(done_arg, rc, &err);
}

/* A domain that went away meanwhile explains a failure better than libxl's
 * words, which are about the step that met it. */
static int explain(struct op *op, int libxl_rc, struct vdc_error *err)
{
    struct xl *xl = &op->self->xl;
    uint32_t domid = op->domid;

    if (libxl_rc == ERROR_NOPARAVIRT) {
        int rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                               "cannot %s domain %u: its system does not "
                               "listen to such requests",
                               op->what, domid);
        vdc_error_hint(err, "wait until it has booted, or destroy it");
        return rc;
    }
    if (libxl_domain_info(xl->ctx, NULL, domid) == ERROR_DOMAIN_NOTFOUND)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no domain %u", domid);
    return xl_error(err, xl, libxl_rc, op->mark, domid, "cannot %s domain %u",
                    op->what, domid);
}

static void ended(libxl_ctx *ctx, int rc, void *for_callback)
{
    struct op *op = for_callback;

    op->ended = true;
    if (op->told) { /* an early one: nobody waits any more */
        op_free(op);
        return;
    }
    if (rc)
        op->rc = explain(op, rc, &op->err);
    event_active(op->fire, EV_TIMEOUT, 1);
}

struct op *op_new(struct hv_xen *self, uint32_t domid, const char *what,
                  hv_done_fn *done, void *arg)
{
    struct op *op = XNEW(struct op);

    op->self = self;
    op->domid = domid;
    op->what = what;
    op->done = done;
    op->arg = arg;
    op->mark = xtl_mark(&self->xl.log);
    op->how.callback = ended;
    op->how.u.for_callback = op;
    op->fire = event_new(self->base, -1, 0, fire, op);
    LIST_INSERT_HEAD(&self->ops, op, link);
    return op;
}

void op_done_when_begun(struct op *op)
{
    op->early = true;
}

const libxl_asyncop_how *op_how(const struct op *op)
{
    return &op->how;
}

int op_started(struct op *op, int libxl_rc, struct vdc_error *err)
{
    if (libxl_rc == 0) {
        if (op->early)
            event_active(op->fire, EV_TIMEOUT, 1);
        return 0;
    }
    int rc = explain(op, libxl_rc, err);
    op_free(op);
    return rc;
}

bool op_abandon_all(struct hv_xen *self)
{
    bool any = false;
    struct op *op, *next;

    for (op = LIST_FIRST(&self->ops); op; op = next) {
        next = LIST_NEXT(op, link);
        any = any || !op->ended;
        op_free(op);
    }
    return any;
}
