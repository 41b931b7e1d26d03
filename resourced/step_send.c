/*
 * Steps of a guest that goes to another host.  step_send has its memory sent,
 * and ends when the other host has built it and keeps it standing still; up to
 * there it can be undone: the guest runs on here.  Then the journal says
 * `passed`, which is the release: from there on this host never lets it run
 * again.  step_release tells the other host, which may lose that: policyd asks
 * for the answer of this transaction anyway, and tells it too.
 */
#include "resourced/step_send.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tls.h"
#include "resourced/host.h"
#include "resourced/migrate.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

const char *step_send_reason(const struct operation *op)
{
    return arena_printf(op->t->arena, "moved to %s", op->request.host);
}

/* ---- checks ---- */

static void check_order(const struct operation *op, struct reasons *reasons)
{
    const struct wire_operation *r = &op->request;

    if (!r->host[0] || !r->address[0] || !r->epoch ||
        r->n_fingerprint != TLS_FINGERPRINT_SIZE || r->n_ticket != 32)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "the order to send %s does not say where to, or by which "
                    "ticket", op->row->name);
    if (op->t->n_operations != 1)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "a guest is sent by a transaction of its own");
}

static void send_check(struct operation *op, struct reasons *reasons)
{
    struct hv_domain_info info;

    if (step_check_info(op, reasons, &info) && step_is_paused(op, &info))
        step_refuse(reasons, VDC_E_WRONG_STATE, "let it run: xl-vdc unpause",
                    "%s is paused, and cannot be asked to suspend",
                    op->row->name);
    if (op->row->live.n_pci)
        step_refuse(reasons, VDC_E_WRONG_STATE, "detach them: xl-vdc "
                                                "pci-detach",
                    "%s has PCI devices of this host", op->row->name);
    step_save_check_devices(op, reasons);
    check_order(op, reasons);
    step_check_epoch(op, reasons, "it runs on as it was", "is not sent");
    migrate_out_check(op->host, reasons);
}

static bool send_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "send the memory of %s to %s%s", op->row->name,
             op->request.host,
             op->request.live ? " while it runs" : ", while it stands still");
    return true;
}

/* ---- apply ---- */

enum { CONNECTING, SENDING, SENT };

static void drop(struct operation *op, const struct vdc_error *why)
{
    migrate_out_drop(op->goes, why);
    op->goes = NULL;
}

static void fail(struct operation *op, const struct vdc_error *err)
{
    struct vdc_error why = *err;

    drop(op, &why);
    transaction_step_ended(op->t, why.code, &why);
}

static struct vdc_error *kept_why(struct operation *op)
{
    return &op->t->err;
}

static void sent(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error why;

    close(op->fd);
    op->fd = -1;
    if (rc) {
        why = *err;
        vdc_error_prefix(&why, "%s does not go to %s", op->row->name,
                         op->request.host);
        /* The other host's reason, when it was that which ended it. */
        bool has_why = kept_why(op)->code != 0;
        if (has_why)
            why = *kept_why(op);
        *kept_why(op) = (struct vdc_error){ 0 };
        if (rc == VDC_E_TIMEOUT && !has_why) {
            vdc_error_set(&why, rc, "%s does not suspend", op->row->name);
            vdc_error_hint(&why, "is it still booting, or its kernel without "
                                 "support for suspending?");
        }
        fail(op, &why);
        return;
    }
    op->state = SENT;
    /* It may have failed when all was written here, but not there. */
    if (kept_why(op)->code) {
        why = *kept_why(op);
        *kept_why(op) = (struct vdc_error){ 0 };
        fail(op, &why);
        return;
    }
    migrate_out_whole(op->goes);
}

static void accepted(struct operation *op)
{
    struct hv *hv = op->host->hv;
    struct vdc_error err;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        vdc_error_errno(&err, VDC_E_IO, errno, "no socket");
        fail(op, &err);
        return;
    }
    op->fd = pair[0];
    op->state = SENDING;
    migrate_out_begin(op->goes, pair[1]);
    *kept_why(op) = (struct vdc_error){ 0 };
    int rc = hv->domain->send(hv, step_domid(op), op->fd, op->request.live,
                              sent, op, &err);
    if (!rc)
        return;
    close(op->fd);
    op->fd = -1;
    fail(op, &err);
}

static void ready(struct operation *op)
{
    transaction_step_ended(op->t, 0, NULL);
}

static void failed(struct operation *op, const struct vdc_error *err)
{
    if (op->state != SENDING) {
        fail(op, err);
        return;
    }
    /* The hypervisor notices that nobody reads any more. */
    *kept_why(op) = *err;
    migrate_out_stop(op->goes);
}

static const struct migrate_out_ops out_ops = {
    .accepted = accepted,
    .ready = ready,
    .failed = failed,
};

static int send_apply(struct operation *op, struct vdc_error *err)
{
    struct hv_domain_info info;
    int rc = step_info(op, step_domid(op), &info, err);

    op->state = CONNECTING;
    if (!rc)
        rc = migrate_out_new(op, info.current_memory, &out_ops, &op->goes,
                             err);
    return step_later(rc);
}

static void send_cancel(struct operation *op)
{
    struct vdc_error err;

    vdc_error_set(&err, op->t->stop, "%s", vdc_error_text(op->t->stop));
    failed(op, &err);
}

static int send_undo(struct operation *op, struct vdc_error *err)
{
    struct vdc_error why = op->t->err;

    drop(op, &why);
    return step_save_undo(op, err);
}

const struct step step_send = {
    .name = "send",
    .doing = "sending the guest",
    .check = send_check,
    .plan = send_plan,
    .apply = send_apply,
    .undo = send_undo,
    .cancel = send_cancel,
    .halves = true,
};

/* ---- the release ---- */

/* Never fails: that it was released is in the journal, and whether the other
 * host hears of it from here is no matter. */
static int release_apply(struct operation *op, struct vdc_error *err)
{
    if (op->goes)
        migrate_out_release(op->goes);
    op->goes = NULL;
    return STEP_DONE;
}

static bool release_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "let go of it for ever, and tell %s",
             op->request.host);
    return true;
}

const struct step step_release = {
    .name = "release",
    .doing = "letting the other host have it",
    .plan = release_plan,
    .apply = release_apply,
    .final = true,
};
