/*
 * Who may ask for what; see operation.h.
 */
#include "policyd/api/operation.h"

#include <string.h>

#include "policyd/api/auth.h"

const char *operation_word(const struct wire_operation *op)
{
    return wire_enum_word(&wire_enum_operation_kind, (int)op->kind);
}

/* Why a customer may not; NULL: it may. */
static const char *why_not(enum wire_operation_kind kind)
{
    switch (kind) {
    case WIRE_OP_PIN:
        return "it takes chosen CPUs from others";
    case WIRE_OP_SCHED:
        return "it takes CPU time from others";
    case WIRE_OP_PCI_ATTACH:
    case WIRE_OP_PCI_DETACH:
        return "devices of the host are given by the provider";
    case WIRE_OP_POOL_SET:
        return "named pools are divided by the provider";
    case WIRE_OP_NONE:
    case WIRE_OP_STOP:
    case WIRE_OP_RESTART:
    case WIRE_OP_CREATE:
    case WIRE_OP_START:
    case WIRE_OP_SHUTDOWN:
    case WIRE_OP_REBOOT:
    case WIRE_OP_DESTROY:
    case WIRE_OP_RENAME:
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
    case WIRE_OP_MEMORY_SET:
    case WIRE_OP_MEMORY_MAX:
    case WIRE_OP_VCPUS:
    case WIRE_OP_DISK_ATTACH:
    case WIRE_OP_DISK_DETACH:
    case WIRE_OP_NIC_ATTACH:
    case WIRE_OP_NIC_DETACH:
    case WIRE_OP_SAVE:
    case WIRE_OP_SEND:
        break;
    }
    return NULL;
}

/* What a guest may do to itself.  What it may have at most is for its
 * customer to say, who pays for it. */
static bool is_for_guests(enum wire_operation_kind kind)
{
    return kind == WIRE_OP_SHUTDOWN || kind == WIRE_OP_REBOOT ||
           kind == WIRE_OP_MEMORY_SET || kind == WIRE_OP_VCPUS;
}

static bool check_guest(const struct wire_operation *op,
                        struct reasons *reasons)
{
    struct vdc_error err = { 0 };

    if (is_for_guests(op->kind))
        return true;
    vdc_error_set(&err, VDC_E_DENIED, "'%s' is not for guests",
                  operation_word(op));
    vdc_error_hint(&err, AUTH_GUEST_HINT);
    reasons_add(reasons, &err);
    return false;
}

/* Hosts do these by themselves, or because policyd moves a guest. */
static bool is_for_nobody(enum wire_operation_kind kind)
{
    return kind == WIRE_OP_NONE || kind == WIRE_OP_STOP ||
           kind == WIRE_OP_RESTART || kind == WIRE_OP_SEND;
}

bool operation_check(const struct wire_operation *op, unsigned role,
                     struct reasons *reasons)
{
    const char *why = role == W_CUSTOMER ? why_not(op->kind) : NULL;
    struct vdc_error err = { 0 };

    if (is_for_nobody(op->kind))
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "'%s' is not what can be asked for", operation_word(op));
    else if (op->kind == WIRE_OP_SAVE && !*op->file)
        vdc_error_set(&err, VDC_E_BAD_VALUE, "save: to which file?");
    else if (op->kind == WIRE_OP_MEMORY_MAX && op->memory.kib > MEM_MAX_KIB)
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "mem-max: more than any host can have");
    if (err.code)
        reasons_add(reasons, &err);
    bool is_for_role = role != W_GUEST || check_guest(op, reasons);
    if (!why)
        return err.code != 0 || !is_for_role;
    vdc_error_set(&err, VDC_E_DENIED, "'%s' is for operators: %s",
                  operation_word(op), why);
    vdc_error_hint(&err, "ask the provider");
    reasons_add(reasons, &err);
    return true;
}

void operation_clean(struct wire_operation *op)
{
    op->owner = op->xen_name = op->new_xen_name = op->reason = "";
    op->host_reserve = op->dom0_keep = MEM_KIB(0);
    op->forget = op->consume = op->stream = op->live = false;
    op->address = op->host = "";
    op->fingerprint = op->ticket = NULL;
    op->n_fingerprint = op->n_ticket = 0;
    op->epoch = op->kib_per_s = 0;
}
