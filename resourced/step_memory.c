/* The step that sees to it that the host has the memory for a domain, if need
 * be by taking it from dom0. */
#include <stdio.h>

#include "base/clock.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/memory.h"
#include "resourced/step.h"

#define ROOM_POLL_MS 100

static int find_need(struct transaction *t, struct vdc_error *err)
{
    struct hv_domain_config config;
    struct hv *hv = t->host->hv;

    domain_config_fill(&t->partition->row, t->arena, &config);
    return hv->domain->memory_needed(hv, &config, &t->need, err);
}

static int room_check(struct transaction *t, struct vdc_error *err)
{
    struct mem from_dom0 = { 0 };
    int rc = find_need(t, err);

    /* What is built anew gets the memory of the domain that is ended. */
    if (!rc && t->kind != TRANSACTION_RESTART)
        rc = memory_check(t, &from_dom0, err);
    if (rc)
        return rc;
    t->promised = true;
    return 0;
}

static bool room_plan(const struct transaction *t, char *buf, size_t size)
{
    struct mem from_dom0 = { 0 };
    char amount[32], need[32];

    memory_check((struct transaction *)t, &from_dom0, NULL);
    units_mem_format(t->need, need, sizeof(need));
    if (from_dom0.kib)
        snprintf(buf, size, "take %s from dom0; %s are needed",
                 units_mem_format(from_dom0, amount, sizeof(amount)), need);
    else
        snprintf(buf, size, "take %s of the host's free memory", need);
    return true;
}

static bool has_room(struct transaction *t)
{
    struct mem keep = t->request.dom0_keep;
    struct mem from_dom0;

    /* Without dom0's help. */
    t->request.dom0_keep = MEM_KIB(0);
    int rc = memory_check(t, &from_dom0, NULL);
    t->request.dom0_keep = keep;
    return rc == 0;
}

static void room_poll(int fd, short what, void *arg)
{
    struct transaction *t = arg;
    struct vdc_error err;
    struct mem from_dom0;

    if (has_room(t)) {
        transaction_step_ended(t, 0, NULL);
        return;
    }
    if (clock_mono().ms < t->waits_until_ms) {
        transaction_wait(t, ROOM_POLL_MS, room_poll);
        return;
    }
    t->request.dom0_keep = MEM_KIB(0);
    int rc = memory_check(t, &from_dom0, &err);
    if (rc == VDC_E_NO_MEMORY && t->from_dom0.kib)
        vdc_error_prefix(&err, "dom0 did not give its memory in time");
    transaction_step_ended(t, rc, &err);
}

static int room_apply(struct transaction *t, struct vdc_error *err)
{
    struct mem from_dom0 = { 0 };
    int rc = 0;

    if (has_room(t))
        return STEP_DONE;
    if (t->kind != TRANSACTION_RESTART)
        rc = memory_check(t, &from_dom0, err);
    if (!rc && from_dom0.kib)
        rc = memory_take(t, from_dom0, err);
    if (rc)
        return rc;
    t->waits_until_ms = clock_mono().ms + t->host->settings->memory_wait_ms;
    transaction_wait(t, ROOM_POLL_MS, room_poll);
    return STEP_LATER;
}

/* What was taken from dom0 goes back with the end of the transaction. */
const struct step step_find_room = {
    .doing = "finding memory",
    .check = room_check,
    .plan = room_plan,
    .apply = room_apply,
};
