/* Steps that change how many vCPUs a guest uses, and on which CPUs of the
 * host they run. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "hv/cpulist.h"
#include "resourced/host.h"
#include "resourced/step_change.h"

#define POLL_MS 100
/* A guest that heeds what it is told takes some milliseconds a vCPU. */
#define FOLLOW_MS 10000

/* ---- vcpu-set ---- */

static void check_number(const struct operation *op,
                         const struct wire_definition *definition,
                         struct reasons *reasons)
{
    uint32_t most = definition ? step_max_vcpus(definition) : 0;

    if (definition && (op->request.vcpus == 0 || op->request.vcpus > most))
        step_refuse(reasons, VDC_E_BAD_VALUE,
                    "the most that a guest can have is the maxvcpus of its "
                    "definition",
                    "%s can use 1 to %u vCPUs, not %u", op->row->name, most,
                    op->request.vcpus);
}

static void vcpus_check(struct operation *op, struct reasons *reasons)
{
    if (!step_check_change(op, reasons))
        return;
    check_number(op, step_live(op), reasons);
    check_number(op, step_remembered(op), reasons);
}

static void set_vcpus(struct wire_definition *definition, uint32_t vcpus)
{
    if (!definition)
        return;
    definition->max_vcpus = step_max_vcpus(definition);
    definition->vcpus = vcpus;
}

static void vcpus_record(struct operation *op)
{
    set_vcpus(step_live(op), op->request.vcpus);
    set_vcpus(step_remembered(op), op->request.vcpus);
}

static bool vcpus_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "let %s use %u vCPUs%s", op->row->name,
             op->request.vcpus, step_when(op));
    return true;
}

static int vcpus_as_before(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = hv->domain->set_vcpus(hv, domid, step_vcpus_of(step_before(op)),
                                   err);
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

/* As with xl the request stands, for the guest may heed it later; but nobody
 * is told that it has. */
static void not_followed(struct operation *op,
                         const struct hv_domain_info *info)
{
    op->partial = true;
    snprintf(op->text, sizeof(op->text),
             "%.63s uses %u vCPU%s, and was told to use %u", op->row->name,
             info->vcpus_online, info->vcpus_online == 1 ? "" : "s",
             op->request.vcpus);
    snprintf(op->hint, sizeof(op->hint), "%s",
             info->paused
                 ? "it is paused: it follows when it runs, xl-vdc unpause"
                 : "the guest may follow later (see xl-vdc vcpu-list), or its "
                   "kernel cannot take vCPUs on and off line; its next start "
                   "is as it was asked");
    transaction_step_ended(op->t, 0, NULL);
}

static void vcpus_poll(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct hv_domain_info info;
    struct vdc_error err, back_err;
    int rc = step_info(op, step_domid(op), &info, &err);

    if (!rc && op->t->stop)
        rc = vdc_error_set(&err, op->t->stop, "%s",
                           vdc_error_text(op->t->stop));
    if (rc) {
        vcpus_as_before(op, &back_err);
        transaction_step_ended(op->t, rc, &err);
    } else if (info.vcpus_online == op->request.vcpus) {
        transaction_step_ended(op->t, 0, NULL);
    } else if (!info.paused && clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, POLL_MS, vcpus_poll);
    } else {
        not_followed(op, &info);
    }
}

static void vcpus_cancel(struct operation *op)
{
    transaction_wait(op, 0, vcpus_poll);
}

static int vcpus_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = hv->domain->set_vcpus(hv, domid, op->request.vcpus, err);
    if (rc)
        return rc;
    uint64_t most = clock_mono().ms + FOLLOW_MS;
    uint64_t until = step_wait_until(op, FOLLOW_MS);
    op->waits_until_ms = until < most ? until : most;
    transaction_wait(op, 0, vcpus_poll);
    return STEP_LATER;
}

const struct step step_vcpus = {
    .name = "vcpus",
    .doing = "waiting for the guest to use its vCPUs",
    .check = vcpus_check,
    .record = vcpus_record,
    .plan = vcpus_plan,
    .apply = vcpus_apply,
    .undo = vcpus_as_before,
    .halves = true,
    .cancel = vcpus_cancel,
};

/* ---- vcpu-pin ---- */

/* On a host of as many CPUs as this; which CPUs its nodes have, only Xen
 * knows. */
static void check_list(const struct operation *op, const char *list,
                       struct reasons *reasons)
{
    struct hv *hv = op->host->hv;
    struct arena *arena = arena_new();
    struct hv_host_info info;
    struct vdc_error err;
    int rc = hv->domain->host_info(hv, arena, &info, &err);

    if (!rc && list[0] && !strstr(list, "node")) {
        struct cpulist_host host = {
            info.pcpus, ARENA_ARRAY(arena, info.pcpus, uint32_t)
        };
        rc = cpulist_parse(list, &host, ARENA_ARRAY(arena, info.pcpus, bool),
                           &err);
    }
    if (rc)
        reasons_add(reasons, &err);
    arena_free(arena);
}

static void pin_check(struct operation *op, struct reasons *reasons)
{
    const struct wire_operation *request = &op->request;

    if (!step_check_change(op, reasons))
        return;
    uint32_t n = step_max_vcpus(step_definition(op));
    if (request->vcpu < -1 || request->vcpu >= (int64_t)n)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s has no vCPU %lld: they are 0 to %u", op->row->name,
                    (long long)request->vcpu, n - 1);
    if (!request->cpus[0] && !request->cpus_soft[0])
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "it is not said on which CPUs %s may run", op->row->name);
    check_list(op, request->cpus, reasons);
    check_list(op, request->cpus_soft, reasons);
}

/* What a vCPU has of the lists of a definition: none, one for all, or one
 * each. */
static const char *list_of(const char *const *lists, uint32_t n, uint32_t vcpu)
{
    if (n == 1)
        return lists[0];
    return vcpu < n && lists[vcpu][0] ? lists[vcpu] : "all";
}

/* The lists with this one for one vCPU, or (-1) for all. */
static void set_list(const struct operation *op, uint32_t n_vcpus,
                     const char *list, const char ***lists, uint32_t *n_lists)
{
    int64_t vcpu = op->request.vcpu;

    if (!list[0])
        return;
    uint32_t n = vcpu < 0 ? 1 : n_vcpus;
    const char **to = ARENA_ARRAY(op->t->arena, n, const char *);
    for (uint32_t i = 0; i < n; i++)
        to[i] = vcpu < 0 || i == (uint32_t)vcpu
                    ? list
                    : list_of(*lists, *n_lists, i);
    *lists = to;
    *n_lists = n;
}

static void set_lists(const struct operation *op, struct wire_definition *d)
{
    if (!d)
        return;
    uint32_t n = step_max_vcpus(d);
    set_list(op, n, op->request.cpus, &d->cpus, &d->n_cpus);
    set_list(op, n, op->request.cpus_soft, &d->cpus_soft, &d->n_cpus_soft);
}

static void pin_record(struct operation *op)
{
    set_lists(op, step_live(op));
    set_lists(op, step_remembered(op));
}

static bool pin_plan(const struct operation *op, char *buf, size_t size)
{
    const struct wire_operation *r = &op->request;
    char which[32] = "all vCPUs";

    if (r->vcpu >= 0)
        snprintf(which, sizeof(which), "vCPU %lld", (long long)r->vcpu);
    snprintf(buf, size, "let %s of %s run on CPUs %.60s%s%.60s%s", which,
             op->row->name, r->cpus[0] ? r->cpus : "as now",
             r->cpus_soft[0] ? ", best on " : "", r->cpus_soft, step_when(op));
    return true;
}

static int pin_apply(struct operation *op, struct vdc_error *err)
{
    const struct wire_operation *r = &op->request;
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return hv->domain->set_affinity(hv, domid, (int32_t)r->vcpu,
                                    r->cpus[0] ? r->cpus : NULL,
                                    r->cpus_soft[0] ? r->cpus_soft : NULL,
                                    err);
}

static int pin_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_definition *d = step_before(op);
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);
    bool as_one = d->n_cpus <= 1 && d->n_cpus_soft <= 1;
    uint32_t n = as_one ? 1 : step_max_vcpus(d);
    int rc = 0;

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    for (uint32_t i = 0; !rc && i < n; i++)
        rc = hv->domain->set_affinity(hv, domid, as_one ? -1 : (int32_t)i,
                                      list_of(d->cpus, d->n_cpus, i),
                                      list_of(d->cpus_soft, d->n_cpus_soft, i),
                                      err);
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
}

const struct step step_pin = {
    .name = "pin",
    .doing = "pinning its vCPUs",
    .check = pin_check,
    .record = pin_record,
    .plan = pin_plan,
    .apply = pin_apply,
    .undo = pin_undo,
    .halves = true,
};
