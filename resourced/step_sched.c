/* The step that changes a domain's share of the CPUs. */
#include <stdio.h>

#include "resourced/host.h"
#include "resourced/step_change.h"

/* xen/include/public/domctl.h and credit2: a weight is 16 bits and not 0. */
#define WEIGHT_MAX 65535
#define WEIGHT_USUAL 256

static void sched_check(struct operation *op, struct reasons *reasons)
{
    const struct wire_operation *request = &op->request;
    const char *name = op->row->name;

    if (!step_check_change(op, reasons))
        return;
    int64_t most = 100 * (int64_t)step_max_vcpus(step_definition(op));
    if (request->weight == -1 && request->cap == -1)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "neither a weight nor a cap is given for %s", name);
    if (request->weight != -1 &&
        (request->weight < 1 || request->weight > WEIGHT_MAX))
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "the weight of %s can be 1 to %d, not %lld", name,
                    WEIGHT_MAX, (long long)request->weight);
    if (request->cap != -1 && (request->cap < 0 || request->cap > most))
        step_refuse(reasons, VDC_E_BAD_VALUE,
                    "it is in per cent of one CPU; 0 is no cap",
                    "the cap of %s can be 0 to %lld, 100 for each of its "
                    "vCPUs, not %lld", name, (long long)most,
                    (long long)request->cap);
}

static void set_share(const struct operation *op,
                      struct wire_definition *definition)
{
    if (definition && op->request.weight >= 0)
        definition->cpu_weight = (uint32_t)op->request.weight;
    if (definition && op->request.cap >= 0)
        definition->cpu_cap = (uint32_t)op->request.cap;
}

static void sched_record(struct operation *op)
{
    set_share(op, step_live(op));
    set_share(op, step_remembered(op));
}

static bool sched_plan(const struct operation *op, char *buf, size_t size)
{
    char weight[40] = "", cap[40] = "";

    if (op->request.weight >= 0)
        snprintf(weight, sizeof(weight), "the weight %lld",
                 (long long)op->request.weight);
    if (op->request.cap >= 0)
        snprintf(cap, sizeof(cap), "%sthe cap %lld", weight[0] ? " and " : "",
                 (long long)op->request.cap);
    snprintf(buf, size, "give %s %s%s%s", op->row->name, weight, cap,
             step_when(op));
    return true;
}

static int sched_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);
    struct hv_sched sched;

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = hv->domain->sched(hv, domid, &sched, err);
    if (rc)
        return rc;
    if (op->request.weight >= 0)
        sched.weight = (uint32_t)op->request.weight;
    if (op->request.cap >= 0)
        sched.cap = (uint32_t)op->request.cap;
    return hv->domain->set_sched(hv, domid, &sched, err);
}

static int sched_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_definition *d = step_before(op);
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);
    struct hv_sched sched = {
        .weight = d->cpu_weight ? d->cpu_weight : WEIGHT_USUAL,
        .cap = d->cpu_cap,
    };

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = hv->domain->set_sched(hv, domid, &sched, err);
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

const struct step step_sched = {
    .name = "sched",
    .doing = "setting its share of the CPUs",
    .check = sched_check,
    .record = sched_record,
    .plan = sched_plan,
    .apply = sched_apply,
    .undo = sched_undo,
    .halves = true,
};
