/*
 * Steps of a guest that comes from another host.  step_receive builds its
 * domain from the stream; step_await makes the transaction prepared and waits
 * for the decision: whether the other host has let go of it for ever;
 * step_take_over lets it run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "resourced/domain_config.h"
#include "resourced/epoch.h"
#include "resourced/host.h"
#include "resourced/migrate.h"
#include "resourced/publish.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

/* ---- checks ---- */

static void check_order(const struct operation *op, struct reasons *reasons)
{
    const struct wire_operation *r = &op->request;

    if (!r->host[0] || !r->epoch || r->file[0] ||
        r->n_fingerprint != TLS_FINGERPRINT_SIZE || r->n_ticket != 32)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "the order to expect %s does not say from where, or by "
                    "which ticket", op->row->name);
}

static void check_epoch(const struct operation *op, struct reasons *reasons)
{
    uint64_t known = epoch_of(op->host, &op->partition->row.uuid);

    if (op->request.epoch <= known)
        step_refuse(reasons, VDC_E_CONFLICT, "it runs on where it is",
                    "%s is not expected: the order is of move %llu, and move "
                    "%llu of it was here since", op->row->name,
                    (unsigned long long)op->request.epoch,
                    (unsigned long long)known);
}

static void receive_check(struct operation *op, struct reasons *reasons)
{
    step_build.check(op, reasons);
    check_order(op, reasons);
    check_epoch(op, reasons);
}

static bool receive_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "build the domain %s as it comes from %s",
             op->row->xen_name, op->request.host);
    return true;
}

/* ---- its domain ---- */

static void received(void *arg, int rc, const struct vdc_error *err,
                     uint32_t domid)
{
    struct operation *op = arg;
    struct vdc_error why;

    close(op->fd);
    op->fd = -1;
    if (!rc) {
        op->domid = op->row->domid = domid;
        op->built_ms = op->row->started_ms = clock_wall().ms;
        op->promised = false; /* it has its memory */
    } else if (op->comes && migrate_in_why(op->comes, &why)) {
        rc = why.code; /* the hypervisor knows no more than that it ended */
        err = &why;
    }
    transaction_step_ended(op->t, rc, err);
}

static int receive_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_config config;
    int pair[2];

    if (!op->comes)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "the connection of %s has ended",
                             op->request.host);
    domain_config_fill(op->row, op->t->arena, &config);
    step_save_size(op, &config);
    memory_unlock(op);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return vdc_error_errno(err, VDC_E_IO, errno, "no socket");
    op->fd = pair[0];
    int rc = hv->domain->receive(hv, &config, op->fd, received, op, err);
    if (rc) {
        close(pair[0]);
        close(pair[1]);
        op->fd = -1;
        return rc;
    }
    /* What fails here is noticed by the hypervisor, at its end. */
    if (migrate_in_begin(op->comes, pair[1], err))
        log_debug("%s: %s", op->row->name, err->text);
    return STEP_LATER;
}

static void receive_cancel(struct operation *op)
{
    if (op->comes)
        migrate_in_stop(op->comes);
}

static void receive_record(struct operation *op)
{
    step_build.record(op);
}

static int receive_undo(struct operation *op, struct vdc_error *err)
{
    return step_build.undo(op, err);
}

const struct step step_receive = {
    .name = "receive",
    .doing = "receiving the guest",
    .check = receive_check,
    .record = receive_record,
    .plan = receive_plan,
    .apply = receive_apply,
    .undo = receive_undo,
    .cancel = receive_cancel,
};

/* ---- the wait ---- */

enum { WHOLE_TO_COME = 1, PREPARING };

static void has_prepared(struct transaction *t, int rc,
                         const struct vdc_error *err)
{
    struct operation *op = t->steps[t->at].op;

    if (rc) {
        transaction_step_ended(t, rc, err);
        return;
    }
    log_info("%s waits for host %s to release it", op->row->name,
             op->request.host);
    if (t->ops->on_progress)
        t->ops->on_progress(t->arg, (unsigned)t->at + 1, (unsigned)t->n_steps,
                            arena_printf(t->arena, "waits for host %s to "
                                         "release it", op->request.host));
    if (op->comes && t->decision != DECISION_ABANDONED)
        migrate_in_ready(op->comes);
    transaction_await(t);
}

static void prepare(struct operation *op)
{
    op->state = PREPARING;
    transaction_prepare(op->t, has_prepared);
}

void step_receive_ended(struct operation *op, const struct vdc_error *err)
{
    const struct transaction *t = op->t;

    if (t->state != TRANSACTION_APPLYING || !t->step_is_late ||
        t->steps[t->at].step != &step_await || op->state != WHOLE_TO_COME)
        return;
    if (err)
        transaction_step_ended(op->t, err->code, err);
    else
        prepare(op);
}

bool step_receive_is_lost(const struct operation *op, struct vdc_error *err)
{
    struct hv_domain_info info;
    int rc = step_info(op, op->row->domid, &info, err);

    if (rc != VDC_E_NOT_FOUND && (rc || !info.dying))
        return false; /* or it is not known: going on finds it */
    vdc_error_set(err, VDC_E_NOT_FOUND,
                  "domain %u, which waited here to take over %s, was ended",
                  op->row->domid, op->row->name);
    return true;
}

static int await_apply(struct operation *op, struct vdc_error *err)
{
    if (op->t->prepared) {
        transaction_await(op->t);
        return STEP_LATER;
    }
    if (!op->comes)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "the connection of %s has ended",
                             op->request.host);
    int rc = migrate_in_why(op->comes, err);
    if (rc)
        return rc;
    if (migrate_in_is_whole(op->comes))
        prepare(op);
    else
        op->state = WHOLE_TO_COME;
    return STEP_LATER;
}

static void await_cancel(struct operation *op)
{
    struct vdc_error err;

    vdc_error_set(&err, op->t->stop, "%s", vdc_error_text(op->t->stop));
    step_receive_ended(op, &err);
}

static bool no_plan(const struct operation *op, char *buf, size_t size)
{
    return false; /* the next says it */
}

const struct step step_await = {
    .name = "await",
    .doing = "waiting for its release",
    .plan = no_plan,
    .apply = await_apply,
    .cancel = await_cancel,
};

/* ---- it is ours ---- */

static void take_over_record(struct operation *op)
{
    if (!op->request.paused)
        op->row->paused = false;
}

static bool take_over_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "when %s has let go of it, %s", op->request.host,
             op->request.paused ? "keep it, paused" : "let it run here");
    return true;
}

static void took_over(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    transaction_step_ended(op->t, rc == VDC_E_NOT_FOUND ? 0 : rc, err);
}

/* Its domain is gone with what it was doing; it is started as after a boot of
 * the host. */
static int is_gone(struct operation *op)
{
    struct hv *hv = op->host->hv;
    struct vdc_error err;

    if (op->domid != HV_DOMID_NONE) {
        hv->domain->unwatch(hv, op->domid);
        if (unpublish_domain(op->host, op->domid, &err))
            log_warning("domain %u stays in xenstore: %s", op->domid,
                        err.text);
    }
    log_warning("%s: its domain is gone; it came from %s, and what it was "
                "doing is lost", op->row->name, op->request.host);
    op->domid = op->row->domid = HV_DOMID_NONE;
    op->row->boot_id = 0;
    return STEP_DONE;
}

static int take_over_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_info info;

    for (struct operation *o = op->t->operations; o < op; o++)
        o->domid = HV_DOMID_NONE; /* it was built by this one */
    op->domid = op->row->domid;
    int rc = op->domid == HV_DOMID_NONE ? VDC_E_NOT_FOUND
                                        : step_info(op, op->domid, &info, err);
    if (rc == VDC_E_NOT_FOUND)
        return is_gone(op);
    if (rc || op->request.paused || !info.paused)
        return rc;
    rc = hv->domain->unpause(hv, op->domid, took_over, op, err);
    return rc == VDC_E_NOT_FOUND ? is_gone(op) : step_later(rc);
}

const struct step step_take_over = {
    .name = "take-over",
    .doing = "letting it run here",
    .record = take_over_record,
    .plan = take_over_plan,
    .apply = take_over_apply,
    .final = true,
};
