/* Steps that let a domain stand still and go on. */
#include <stdio.h>

#include "resourced/host.h"
#include "resourced/step_change.h"

/* Xen counts how often a domain was paused (as a byte); others may have done
 * so with xl. */
#define UNPAUSE_MAX 255

static bool pause_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "pause %s", op->row->name);
    return true;
}

static void pause_record(struct operation *op)
{
    op->row->paused = true;
}

static int pause_domain(struct operation *op, uint32_t domid,
                        hv_done_fn *done, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_info info;
    int rc = step_info(op, domid, &info, err);

    /* Twice would have to be undone twice. */
    if (rc || info.paused)
        return rc;
    return step_later(hv->domain->pause(hv, domid, done, op, err));
}

static int unpause_domain(struct operation *op, uint32_t domid,
                          hv_done_fn *done, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_domain_info info;
    int rc = step_info(op, domid, &info, err);

    if (rc || !info.paused || op->state++ == UNPAUSE_MAX)
        return rc;
    return step_later(hv->domain->unpause(hv, domid, done, op, err));
}

/* Once more, until it runs. */
static void unpaused(struct operation *op, uint32_t domid, hv_done_fn *done,
                     int rc, const struct vdc_error *err)
{
    struct vdc_error again_err;

    if (!rc) {
        rc = unpause_domain(op, domid, done, &again_err);
        err = &again_err;
    }
    if (rc != STEP_LATER)
        transaction_step_ended(op->t, rc, err);
}

static void unpaused_now(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    unpaused(op, step_domid(op), unpaused_now, rc, err);
}

static void unpaused_again(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    if (rc == VDC_E_NOT_FOUND)
        step_undone(op, rc, err);
    else
        unpaused(op, step_old_domid(op), unpaused_again, rc, err);
}

static int pause_apply(struct operation *op, struct vdc_error *err)
{
    return pause_domain(op, step_domid(op), step_ended, err);
}

static int unpause_apply(struct operation *op, struct vdc_error *err)
{
    return unpause_domain(op, step_domid(op), unpaused_now, err);
}

/* Of both: it stands still, or not, as before. */
static int pause_undo(struct operation *op, struct vdc_error *err)
{
    uint32_t domid = step_old_domid(op);
    int rc;

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    if (op->partition->row.paused)
        rc = pause_domain(op, domid, step_undone, err);
    else
        rc = unpause_domain(op, domid, unpaused_again, err);
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

const struct step step_pause = {
    .name = "pause",
    .doing = "pausing it",
    .record = pause_record,
    .plan = pause_plan,
    .apply = pause_apply,
    .undo = pause_undo,
    .halves = true,
};

static bool unpause_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "let %s run on", op->row->name);
    return true;
}

static void unpause_record(struct operation *op)
{
    op->row->paused = false;
}

const struct step step_unpause = {
    .name = "unpause",
    .doing = "letting it run on",
    .record = unpause_record,
    .plan = unpause_plan,
    .apply = unpause_apply,
    .undo = pause_undo,
    .halves = true,
};
