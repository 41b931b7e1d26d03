/* What the steps that change a partition have in common. */
#include "resourced/step_change.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "resourced/epoch.h"
#include "resourced/host.h"

/* So long before its deadline a step ends by itself, so that what it has got
 * can still be committed. */
#define BEFORE_DEADLINE_MS 500

void step_refuse(struct reasons *reasons, int code, const char *hint,
                 const char *format, ...)
{
    struct vdc_error err;
    char text[sizeof(err.text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    vdc_error_set(&err, code, "%s", text);
    if (hint)
        vdc_error_hint(&err, "%s", hint);
    reasons_add(reasons, &err);
}

bool step_check_change(struct operation *op, struct reasons *reasons)
{
    const struct partition_row *row = op->row;

    if (row->preserved)
        step_refuse(reasons, VDC_E_WRONG_STATE,
                    "end that domain first: xl-vdc destroy --keep",
                    "%s has stopped, and its domain is kept for inspection",
                    row->name);
    else if (op->request.live_only && row->domid == HV_DOMID_NONE)
        step_refuse(reasons, VDC_E_WRONG_STATE,
                    "start it, or leave --live-only out to change what it "
                    "gets at its next start",
                    "%s is not running, so that there is nothing to change "
                    "for the time", row->name);
    else
        return true;
    return false;
}

bool step_check_info(struct operation *op, struct reasons *reasons,
                     struct hv_domain_info *ret)
{
    uint32_t domid = op->row->domid;
    struct vdc_error err;

    if (domid == HV_DOMID_NONE || domid == DOMID_TO_COME)
        return false;
    int rc = step_info(op, domid, ret, &err);
    if (rc == VDC_E_NOT_FOUND || (!rc && (ret->shutdown || ret->dying))) {
        step_refuse(reasons, VDC_E_WRONG_STATE,
                    "look at it again: xl-vdc list",
                    "%s has stopped at this moment", op->row->name);
        return false;
    }
    if (rc)
        reasons_add(reasons, &err);
    return rc == 0;
}

void step_check_epoch(const struct operation *op, struct reasons *reasons,
                      const char *hint, const char *not_done)
{
    uint64_t known = epoch_of(op->host, &op->partition->row.uuid);

    if (op->request.epoch <= known)
        step_refuse(reasons, VDC_E_CONFLICT, hint,
                    "%s %s: the order is of move %llu, and move %llu of it "
                    "was here since",
                    op->row->name, not_done,
                    (unsigned long long)op->request.epoch,
                    (unsigned long long)known);
}

bool step_is_paused(const struct operation *op,
                    const struct hv_domain_info *info)
{
    /* One that the row calls paused, an operation before this one lets run. */
    return op->row->paused || (info->paused && !op->partition->row.paused);
}

struct wire_definition *step_live(const struct operation *op)
{
    struct partition_row *row = op->row;

    if (row->domid == HV_DOMID_NONE)
        return NULL;
    /* A domain from before there was such a record. */
    if (!row->live.name || !row->live.name[0])
        row->live = row->definition;
    return &row->live;
}

struct wire_definition *step_remembered(const struct operation *op)
{
    return op->request.live_only ? NULL : &op->row->definition;
}

const struct wire_definition *step_definition(const struct operation *op)
{
    const struct wire_definition *live = step_live(op);

    return live ? live : &op->row->definition;
}

const struct wire_definition *step_before(const struct operation *op)
{
    const struct partition_row *row = &op->partition->row;

    return row->live.name && row->live.name[0] ? &row->live
                                               : &row->definition;
}

const struct partition_row *step_row_of(const struct operation *op,
                                        const struct partition *partition)
{
    const struct operation *on = transaction_operation_on(op->t, partition);

    return on && on->row ? on->row : &partition->row;
}

const struct partition_row *
step_row_to_come(const struct operation *op,
                 const struct partition *partition)
{
    const struct operation *on =
        partition->transaction == op->t
            ? NULL
            : transaction_operation_on(partition->transaction, partition);

    return on ? on->row : NULL;
}

struct wire_operation *step_journalled(const struct operation *op)
{
    return &op->t->request.operations[op - op->t->operations];
}

const char *step_when(const struct operation *op)
{
    if (op->request.live_only)
        return ", until it stops";
    return op->row->domid == HV_DOMID_NONE ? ", from its next start on" : "";
}

struct mem step_max_memory(const struct wire_definition *definition)
{
    return definition->max_memory.kib > definition->memory.kib
               ? definition->max_memory
               : definition->memory;
}

uint32_t step_vcpus_of(const struct wire_definition *definition)
{
    return definition->vcpus ? definition->vcpus : 1;
}

uint32_t step_max_vcpus(const struct wire_definition *definition)
{
    uint32_t vcpus = step_vcpus_of(definition);

    return definition->max_vcpus > vcpus ? definition->max_vcpus : vcpus;
}

uint32_t step_domid(const struct operation *op)
{
    uint32_t domid = op->row->domid;

    /* One that comes after this step is built of what is remembered. */
    return domid == DOMID_TO_COME ? HV_DOMID_NONE : domid;
}

/* After a crash the domain may be gone, and its number another's. */
static bool is_its_own(const struct operation *op, uint32_t domid)
{
    struct hv_domain_info info;
    int rc = step_info(op, domid, &info, NULL);

    return rc ? rc != VDC_E_NOT_FOUND
              : uuid_equal(&info.uuid, &op->partition->row.uuid);
}

uint32_t step_old_domid(const struct operation *op)
{
    const struct partition_row *row = &op->partition->row;

    if (row->domid == HV_DOMID_NONE || row->boot_id != op->host->boot_id)
        return HV_DOMID_NONE;
    return is_its_own(op, row->domid) ? row->domid : HV_DOMID_NONE;
}

int step_info(const struct operation *op, uint32_t domid,
              struct hv_domain_info *ret, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct arena *arena = arena_new();
    int rc = hv->domain->info(hv, domid, arena, ret, err);

    if (!rc)
        ret->name = "";
    arena_free(arena);
    return rc;
}

uint64_t step_wait_until(const struct operation *op, uint64_t most_ms)
{
    uint64_t now = clock_mono().ms, deadline = op->t->deadline_ms;

    if (!deadline)
        return now + most_ms;
    if (deadline <= now)
        return now;
    uint64_t left = deadline - now;
    uint64_t less = left / 4;
    return deadline - (less < BEFORE_DEADLINE_MS ? less : BEFORE_DEADLINE_MS);
}

void step_ended(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;

    transaction_step_ended(op->t, rc, err);
}

void step_undone(void *arg, int rc, const struct vdc_error *err)
{
    step_ended(arg, rc == VDC_E_NOT_FOUND ? 0 : rc, err);
}

int step_later(int rc)
{
    return rc ? rc : STEP_LATER;
}

int step_later_undone(int rc)
{
    return rc == VDC_E_NOT_FOUND ? STEP_DONE : step_later(rc);
}
