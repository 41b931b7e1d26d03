/* Steps that bring a domain to its end: asking the guest, saving its memory,
 * ending it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/outcome.h"
#include "resourced/publish.h"
#include "resourced/step_save.h"
#include "resourced/step_send.h"

static void asked(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    transaction_step_ended(op->t, rc, err);
}

static int ask(struct operation *op, enum hv_shutdown_reason reason,
               struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = hv->domain->shutdown(hv, op->row->domid, reason, asked, op, err);

    return rc ? rc : STEP_LATER;
}

static int ask_shutdown_apply(struct operation *op, struct vdc_error *err)
{
    return ask(op, HV_SHUTDOWN_POWEROFF, err);
}

static bool ask_shutdown_plan(const struct operation *op, char *buf,
                              size_t size)
{
    snprintf(buf, size, "ask %s to power off", op->row->name);
    return true;
}

/* A guest that was asked cannot be asked to forget it. */
const struct step step_ask_shutdown = {
    .name = "ask-shutdown",
    .doing = "asking the guest to power off",
    .plan = ask_shutdown_plan,
    .apply = ask_shutdown_apply,
};

static int ask_reboot_apply(struct operation *op, struct vdc_error *err)
{
    return ask(op, HV_SHUTDOWN_REBOOT, err);
}

static bool ask_reboot_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "ask %s to reboot", op->row->name);
    return true;
}

const struct step step_ask_reboot = {
    .name = "ask-reboot",
    .doing = "asking the guest to reboot",
    .plan = ask_reboot_plan,
    .apply = ask_reboot_apply,
};

/* A dump that fails does not keep the guest down: it is logged. */
static void dumped(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc)
        log_error("the memory of %s could not be written: %s",
                  op->row->name, err->text);
    transaction_step_ended(op->t, 0, NULL);
}

static int core_dump_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    const char *dir = op->host->settings->dump_dir;
    struct vdc_error why;
    char *file = arena_strdup(op->t->arena, op->row->xen_name);

    for (char *c = file; *c; c++)
        if (*c == '/')
            *c = '_';
    /* One file a guest: one that crashes again and again fills no disk. */
    char *path = arena_printf(op->t->arena, "%s/%s.core", dir, file);
    int rc = 0;
    if (mkdir(dir, 0700) && errno != EEXIST)
        rc = vdc_error_errno(&why, VDC_E_IO, errno, "%s cannot be made", dir);
    if (!rc)
        rc = hv->domain->core_dump(hv, op->old_domid, path, dumped, op, &why);
    if (!rc)
        return STEP_LATER;
    log_error("the memory of %s could not be written: %s",
              op->row->name, why.text);
    return STEP_DONE;
}

const struct step step_core_dump = {
    .name = "core-dump",
    .doing = "writing the guest's memory to a file",
    .apply = core_dump_apply,
};

/* ---- its end ---- */

static void end_record(struct operation *op)
{
    const char *why = op->request.reason;

    if (op->kind == WIRE_OP_DESTROY)
        why = "destroyed on request";
    else if (op->kind == WIRE_OP_SAVE)
        why = step_save_reason(op);
    else if (op->kind == WIRE_OP_SEND)
        why = step_send_reason(op);
    uint32_t domid = op->row->domid;
    outcome_stopped(op->row, why);
    op->row->domid = domid; /* until it is ended: steps before need it */
    op->row->wanted_running = false;
}

static void end_done(struct operation *op)
{
    struct hv *hv = op->host->hv;

    op->ended_domain = true;
    op->row->domid = HV_DOMID_NONE;
    hv->domain->unwatch(hv, op->old_domid);
}

/* It lives on: it is published as before. */
static void end_failed(struct operation *op)
{
    struct vdc_error err;

    if (publish_domain(op->host, op->old_domid, &op->row->uuid, &err))
        log_warning("domain %u is missing in xenstore: %s", op->old_domid,
                    err.text);
}

/* The domain of that uuid, other than `keep`, with the lowest domid above
 * `above`. */
static uint32_t next_of_uuid(struct operation *op, uint32_t above,
                             uint32_t keep, int *ret_rc,
                             struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct arena *arena = arena_new();
    struct hv_domain_info *domains;
    uint32_t found = HV_DOMID_NONE;
    size_t n = 0;

    *ret_rc = hv->domain->list(hv, arena, &domains, &n, err);
    for (size_t i = 0; !*ret_rc && i < n && found == HV_DOMID_NONE; i++)
        if (domains[i].domid > above && domains[i].domid != keep &&
            uuid_equal(&domains[i].uuid, &op->row->uuid))
            found = domains[i].domid;
    arena_free(arena);
    return found;
}

static int end_next(struct operation *op, uint32_t keep, hv_done_fn *done,
                    struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid;
    int rc;

    while ((domid = next_of_uuid(op, (uint32_t)op->state, keep, &rc, err)) !=
           HV_DOMID_NONE) {
        op->state = (int)domid;
        rc = hv->domain->destroy(hv, domid, done, op, err);
        if (!rc)
            return STEP_LATER;
        if (rc != VDC_E_NOT_FOUND)
            return rc;
    }
    return rc;
}

static void ended_others(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error next_err;

    if (rc && rc != VDC_E_NOT_FOUND) {
        transaction_step_ended(op->t, rc, err);
        return;
    }
    rc = step_end_domains(op, &next_err);
    if (rc != STEP_LATER)
        transaction_step_ended(op->t, rc, &next_err);
}

int step_end_domains(struct operation *op, struct vdc_error *err)
{
    return end_next(op, op->partition->row.domid, ended_others, err);
}

static void ended(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc == VDC_E_NOT_FOUND)
        rc = 0;
    if (rc)
        end_failed(op);
    else
        end_done(op);
    transaction_step_ended(op->t, rc, err);
}

static void ended_again(void *arg, int rc, const struct vdc_error *err);

/* After a crash: its domain, or what was built in its place, may be there,
 * half-way or not at all. */
static int end_all(struct operation *op, struct vdc_error *err)
{
    int rc = end_next(op, HV_DOMID_NONE, ended_again, err);

    if (rc == STEP_DONE)
        end_done(op);
    return rc;
}

static void ended_again(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error next_err;

    if (rc && rc != VDC_E_NOT_FOUND) {
        transaction_step_ended(op->t, rc, err);
        return;
    }
    rc = end_all(op, &next_err);
    if (rc != STEP_LATER)
        transaction_step_ended(op->t, rc, &next_err);
}

static int end_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    int rc = 0;

    /* An operation before it may have built it. */
    if (op->row->domid != HV_DOMID_NONE && op->row->domid != DOMID_TO_COME)
        op->old_domid = op->row->domid;
    if (op->old_domid != HV_DOMID_NONE)
        rc = unpublish_domain(op->host, op->old_domid, err);
    if (rc)
        return rc;
    if (op->t->recovered)
        return end_all(op, err);
    rc = hv->domain->destroy(hv, op->old_domid, ended, op, err);
    if (rc == VDC_E_NOT_FOUND) {
        end_done(op);
        return STEP_DONE;
    }
    if (rc)
        end_failed(op);
    return rc ? rc : STEP_LATER;
}

static bool end_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "end the domain %s (domid %u) at once",
             op->row->xen_name, op->old_domid);
    return true;
}

/* Cannot be undone: see outcome.c for what that means. */
const struct step step_end_domain = {
    .name = "end-domain",
    .doing = "ending the domain",
    .record = end_record,
    .plan = end_plan,
    .apply = end_apply,
    .final = true,
};
