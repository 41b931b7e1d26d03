/* The step that sees to it that the host has the memory for a domain, if need
 * be by taking it from dom0. */
#include <stdio.h>

#include "base/clock.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/memory.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

#define ROOM_POLL_MS 100

/* A guest that is to have another amount: what it has not yet.  Of several
 * such operations on it each needs what goes beyond the one before. */
static int find_growth(struct operation *op, struct vdc_error *err)
{
    uint64_t asked = op->request.memory.kib;
    struct hv_domain_info info;

    op->need = MEM_KIB(0);
    if (op->row->domid == HV_DOMID_NONE)
        return 0;
    uint64_t has = op->row->live.memory.kib;
    if (op->row->domid != DOMID_TO_COME) {
        int rc = step_info(op, op->row->domid, &info, err);
        if (rc)
            return rc;
        if (has == step_before(op)->memory.kib ||
            has < info.current_memory.kib)
            has = info.current_memory.kib;
    }
    op->had = MEM_KIB(has);
    if (asked > has)
        op->need = MEM_KIB(asked - has);
    return 0;
}

static int find_need(struct operation *op, struct vdc_error *err)
{
    struct hv_domain_config config;
    struct hv *hv = op->host->hv;

    if (op->kind == WIRE_OP_MEMORY_SET)
        return find_growth(op, err);
    domain_config_fill(op->host, op->row, op->t->arena, &config);
    step_save_size(op, &config);
    return hv->domain->memory_needed(hv, &config, &op->need, err);
}

static void room_check(struct operation *op, struct reasons *reasons)
{
    struct mem from_dom0 = { 0 };
    struct vdc_error err;
    int rc = find_need(op, &err);

    if (!rc && !op->need.kib)
        return; /* it gives */
    /* What is built anew gets the memory of the domain that is ended. */
    if (!rc && op->kind != WIRE_OP_RESTART)
        rc = memory_check(op, &from_dom0, &err);
    if (rc)
        reasons_add(reasons, &err);
    else
        op->promised = true;
}

static bool room_plan(const struct operation *op, char *buf, size_t size)
{
    struct mem from_dom0 = { 0 };
    char amount[32], need[32];

    if (!op->need.kib)
        return false;
    memory_check((struct operation *)op, &from_dom0, NULL);
    units_mem_format(op->need, need, sizeof(need));
    if (from_dom0.kib)
        snprintf(buf, size, "take %s from dom0; %s are needed",
                 units_mem_format(from_dom0, amount, sizeof(amount)), need);
    else
        snprintf(buf, size, "take %s of the host's free memory", need);
    return true;
}

static bool has_room(struct operation *op)
{
    struct mem keep = op->request.dom0_keep;
    struct mem from_dom0;

    /* Without dom0's help. */
    op->request.dom0_keep = MEM_KIB(0);
    int rc = memory_check(op, &from_dom0, NULL);
    op->request.dom0_keep = keep;
    return rc == 0;
}

static void room_poll(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct vdc_error err;
    struct mem from_dom0;

    if (op->t->stop) {
        vdc_error_set(&err, op->t->stop, "%s", vdc_error_text(op->t->stop));
        transaction_step_ended(op->t, err.code, &err);
        return;
    }
    if (has_room(op)) {
        transaction_step_ended(op->t, 0, NULL);
        return;
    }
    if (clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, ROOM_POLL_MS, room_poll);
        return;
    }
    op->request.dom0_keep = MEM_KIB(0);
    int rc = memory_check(op, &from_dom0, &err);
    if (rc == VDC_E_NO_MEMORY && op->from_dom0.kib)
        vdc_error_prefix(&err, "dom0 did not give its memory in time");
    transaction_step_ended(op->t, rc, &err);
}

static void room_cancel(struct operation *op)
{
    transaction_wait(op, 0, room_poll);
}

static int room_apply(struct operation *op, struct vdc_error *err)
{
    struct mem from_dom0 = { 0 };
    int rc = 0;

    if (!op->need.kib) /* after a crash, nothing was checked */
        rc = find_need(op, err);
    if (!rc && (!op->need.kib || has_room(op)))
        return STEP_DONE;
    if (!rc && op->kind != WIRE_OP_RESTART)
        rc = memory_check(op, &from_dom0, err);
    if (!rc && from_dom0.kib)
        rc = memory_take(op, from_dom0, err);
    if (rc)
        return rc;
    op->waits_until_ms = clock_mono().ms + op->host->settings->memory_wait_ms;
    transaction_wait(op, ROOM_POLL_MS, room_poll);
    return STEP_LATER;
}

/* What was taken from dom0 goes back with the end of the transaction. */
const struct step step_find_room = {
    .name = "find-room",
    .doing = "finding memory",
    .check = room_check,
    .plan = room_plan,
    .apply = room_apply,
    .cancel = room_cancel,
};
