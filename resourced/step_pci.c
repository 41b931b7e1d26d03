/* Steps that give a guest a PCI device of the host, or take it back. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "resourced/host.h"
#include "resourced/resource.h"
#include "resourced/step_device.h"

#define PCI_MAX 16 /* of a definition, in wire.def */

static bool find(const struct wire_definition *definition, const char *bdf)
{
    for (uint32_t i = 0; definition && i < definition->n_pci; i++)
        if (strcmp(definition->pci[i], bdf) == 0)
            return true;
    return false;
}

/* "0000:03:00.0": x is a hexadecimal digit, 7 one up to that. */
static bool is_like(const char *text, const char *pattern)
{
    for (; *pattern && *text; pattern++, text++) {
        if (*pattern == 'x' ? !isxdigit((unsigned char)*text)
            : *pattern == '7' ? *text < '0' || *text > '7'
                              : *text != *pattern)
            return false;
    }
    return !*pattern && !*text;
}

/* With its PCI domain and in lower case; NULL when it is no address. */
static const char *full_address(const struct operation *op, const char *text)
{
    char *bdf;

    if (is_like(text, "xxxx:xx:xx.7"))
        bdf = arena_strdup(op->t->arena, text);
    else if (is_like(text, "xx:xx.7"))
        bdf = arena_printf(op->t->arena, "0000:%s", text);
    else
        return NULL;
    for (char *c = bdf; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return bdf;
}

static const char *check_address(const struct operation *op, const char *text,
                                 struct reasons *reasons)
{
    const char *bdf = full_address(op, text);

    if (!bdf)
        step_refuse(reasons, VDC_E_BAD_VALUE, "lspci -D shows them",
                    "\"%s\" is no PCI device: it must be like 0000:03:00.0",
                    text);
    return bdf;
}

/* By its full address from now on. */
static bool take_address(struct operation *op, struct reasons *reasons)
{
    const char *bdf = check_address(op, op->request.device, reasons);

    if (bdf)
        op->request.device = step_journalled(op)->device = bdf;
    return bdf != NULL;
}

/* ---- attach ---- */

static bool row_has(const struct partition_row *row, const char *bdf)
{
    return find(&row->definition, bdf) ||
           (row->domid != HV_DOMID_NONE && find(&row->live, bdf));
}

/* Adds a reason when another partition, as this transaction leaves it, has it.
 * *ret_given: one had it, and gives it up in this transaction. */
static bool check_partitions(const struct operation *op, const char *bdf,
                             bool *ret_given, struct reasons *reasons)
{
    const struct partition *other;

    TAILQ_FOREACH (other, &op->host->partitions.all, in_all) {
        const struct partition_row *row = step_row_of(op, other);
        const struct partition_row *to_come = step_row_to_come(op, other);
        bool has = row_has(row, bdf) || (to_come && row_has(to_come, bdf));
        if (row_has(&other->row, bdf) && !has)
            *ret_given = true;
        if (other == op->partition || !has)
            continue;
        step_refuse(reasons, VDC_E_NO_RESOURCE,
                    "detach it there first: xl-vdc pci-detach", "%s has %s",
                    strcmp(row->owner, op->row->owner) == 0 ? row->name
                                                            : "another guest",
                    bdf);
        return false;
    }
    return true;
}

static void check_lease(const struct operation *op, const char *bdf,
                        struct reasons *reasons)
{
    const struct resource_row *row = resources_find(
        op->host->resources, WIRE_RESOURCE_PCI, bdf);

    if (row && row->leased && !uuid_equal(&row->uuid, &op->t->request.lease))
        step_refuse(reasons, VDC_E_NO_RESOURCE,
                    "use that lease, or wait until it expires: xl-vdc "
                    "lease-list", "%s is kept by a lease", bdf);
}

static void check_assignable(const struct operation *op, const char *bdf,
                             struct reasons *reasons)
{
    struct hv *hv = op->host->hv;
    struct vdc_error err;
    const char **bdfs;
    size_t n = 0;

    if (hv->domain->pci_assignable(hv, op->t->arena, &bdfs, &n, &err)) {
        reasons_add(reasons, &err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(bdfs[i], bdf) == 0)
            return;
    step_refuse(reasons, VDC_E_NO_RESOURCE,
                "xl pci-assignable-list shows those that are; on the host, xl "
                "pci-assignable-add makes a device one of them",
                "the host has no PCI device %s that a guest may have", bdf);
}

/* n_before: of the reasons, without those about this device. */
static void check_free(const struct operation *op, const char *bdf,
                       size_t n_before, struct reasons *reasons)
{
    bool given = false;
    bool is_free = check_partitions(op, bdf, &given, reasons);

    check_lease(op, bdf, reasons);
    /* Of one that a guest has, Xen only says that it is not to be had. */
    if (is_free && !given && reasons->n_errors == n_before)
        check_assignable(op, bdf, reasons);
}

void step_check_pci(struct operation *op, struct reasons *reasons)
{
    struct wire_definition *definition = &op->row->definition;

    for (uint32_t i = 0; i < definition->n_pci; i++) {
        size_t n_before = reasons->n_errors;
        const char *bdf = check_address(op, definition->pci[i], reasons);
        if (!bdf)
            continue;
        definition->pci[i] = bdf;
        if (op->kind == WIRE_OP_CREATE)
            step_journalled(op)->definition.pci[i] = bdf;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(definition->pci[j], bdf) == 0)
                step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                            "%s has %s twice", op->row->name, bdf);
        check_free(op, bdf, n_before, reasons);
    }
}

static void check_place(const struct operation *op,
                        const struct wire_definition *definition,
                        struct reasons *reasons)
{
    if (find(definition, op->request.device))
        step_refuse(reasons, VDC_E_EXISTS, NULL, "%s has %s already",
                    op->row->name, op->request.device);
    if (definition && definition->n_pci >= PCI_MAX)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s has %u PCI devices, and cannot have more",
                    op->row->name, definition->n_pci);
}

static void attach_check(struct operation *op, struct reasons *reasons)
{
    if (!step_check_change(op, reasons) || !take_address(op, reasons))
        return;
    size_t n_before = reasons->n_errors;
    check_place(op, step_live(op), reasons);
    check_place(op, step_remembered(op), reasons);
    check_free(op, op->request.device, n_before, reasons);
}

static void add(const struct operation *op, struct wire_definition *definition)
{
    if (!definition)
        return;
    uint32_t n = definition->n_pci;
    const char **pci = ARENA_ARRAY(op->t->arena, n + 1, const char *);
    for (uint32_t i = 0; i < n; i++)
        pci[i] = definition->pci[i];
    pci[n] = op->request.device;
    definition->pci = pci;
    definition->n_pci = n + 1;
}

static void take_away(const struct operation *op,
                      struct wire_definition *definition)
{
    uint32_t n = 0;

    if (!find(definition, op->request.device))
        return;
    const char **pci =
        ARENA_ARRAY(op->t->arena, definition->n_pci, const char *);
    for (uint32_t i = 0; i < definition->n_pci; i++)
        if (strcmp(definition->pci[i], op->request.device) != 0)
            pci[n++] = definition->pci[i];
    definition->pci = pci;
    definition->n_pci = n;
}

static void attach_record(struct operation *op)
{
    add(op, step_live(op));
    add(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.device);
}

static bool attach_plan(const struct operation *op, char *buf, size_t size)
{
    snprintf(buf, size, "give the PCI device %s to %s%s", op->request.device,
             op->row->name, step_when(op));
    return true;
}

static int attach_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return step_later(hv->domain->pci_attach(hv, domid, op->request.device,
                                             step_ended, op, err));
}

static int attach_undo(struct operation *op, struct vdc_error *err)
{
    const char *bdf = op->request.device;

    return step_device_attach_undo(
        op, bdf, "", find(step_before(op), bdf) ? "" : NULL, err);
}

const struct step step_pci_attach = {
    .name = "pci-attach",
    .doing = "attaching the PCI device",
    .check = attach_check,
    .record = attach_record,
    .plan = attach_plan,
    .apply = attach_apply,
    .undo = attach_undo,
};

/* ---- detach ---- */

static void detach_check(struct operation *op, struct reasons *reasons)
{
    if (!step_check_change(op, reasons) || !take_address(op, reasons))
        return;
    if (!find(step_live(op), op->request.device) &&
        !find(step_remembered(op), op->request.device))
        step_refuse(reasons, VDC_E_NOT_FOUND,
                    "its devices are shown by xl-vdc resource-list",
                    "%s has no PCI device %s", op->row->name,
                    op->request.device);
}

static void detach_record(struct operation *op)
{
    take_away(op, step_live(op));
    take_away(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.device);
}

static int attach_old(struct operation *op, uint32_t domid,
                      struct vdc_error *err)
{
    struct hv *hv = op->host->hv;

    return hv->domain->pci_attach(hv, domid, op->request.device,
                                  step_device_attached_again, op, err);
}

static int detach_undo(struct operation *op, struct vdc_error *err)
{
    const char *bdf = op->request.device;

    return step_device_detach_undo(
        op, find(step_before(op), bdf) ? bdf : NULL, attach_old, err);
}

const struct step step_pci_detach = {
    .name = "pci-detach",
    .doing = "detaching the PCI device",
    .check = detach_check,
    .record = detach_record,
    .plan = step_device_detach_plan,
    .apply = step_device_detach_apply,
    .undo = detach_undo,
};
