/* What the steps for disks, network interfaces and PCI devices have in
 * common. */
#include "resourced/step_device.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "resourced/host.h"

struct device_kind {
    enum hv_device_kind kind;
    enum wire_operation_kind attach, detach;
    const struct step *detach_step;
    const char *what;
    const char *hint; /* to whom a guest does not let it go */
};

static const struct device_kind kinds[] = {
    { HV_DEVICE_DISK, WIRE_OP_DISK_ATTACH, WIRE_OP_DISK_DETACH,
      &step_disk_detach, "disk",
      "unmount it in the guest, or take it away though it is in use: "
      "--force" },
    { HV_DEVICE_NIC, WIRE_OP_NIC_ATTACH, WIRE_OP_NIC_DETACH, &step_nic_detach,
      "network interface",
      "take it down in the guest, or take it away though it is in use: "
      "--force" },
    { HV_DEVICE_PCI, WIRE_OP_PCI_ATTACH, WIRE_OP_PCI_DETACH, &step_pci_detach,
      "PCI device", "take it away though it is in use: --force" },
};

static const struct device_kind *kind_of(const struct operation *op)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].attach == op->kind || kinds[i].detach == op->kind)
            return &kinds[i];
    assert(!"an operation on a device");
    return NULL;
}

static int detach(struct operation *op, uint32_t domid, const char *name,
                  bool force, hv_done_fn *done, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;

    switch (kind_of(op)->kind) {
    case HV_DEVICE_DISK:
        return hv->domain->disk_detach(hv, domid, name, force, done, op, err);
    case HV_DEVICE_NIC:
        return hv->domain->nic_detach(hv, domid, name, force, done, op, err);
    case HV_DEVICE_PCI:
        break;
    }
    return hv->domain->pci_detach(hv, domid, name, force, done, op, err);
}

/* The device that Xen has under this name; NULL: there is none. */
static int find_in_xen(struct operation *op, uint32_t domid, const char *name,
                       const struct hv_device **ret, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_device *devices;
    size_t n = 0;
    int rc = hv->domain->devices(hv, domid, op->t->arena, &devices, &n, err);

    if (rc)
        return rc;
    *ret = NULL;
    for (size_t i = 0; i < n; i++)
        if (devices[i].kind == kind_of(op)->kind &&
            strcasecmp(devices[i].name, name) == 0)
            *ret = &devices[i];
    return 0;
}

/* ---- detach ---- */

bool step_device_detach_plan(const struct operation *op, char *buf,
                             size_t size)
{
    snprintf(buf, size, "take the %s %s from %s%s%s", kind_of(op)->what,
             op->request.device, op->row->name,
             op->request.force ? " by force" : "", step_when(op));
    return true;
}

/* One that is not there is what was wanted: it was remembered alone, or
 * somebody else has taken it away. */
static void detached(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error why;

    if (rc != VDC_E_TIMEOUT) {
        step_undone(op, rc, err);
        return;
    }
    vdc_error_set(&why, VDC_E_TIMEOUT, "%s does not let its %s %s go",
                  op->row->name, kind_of(op)->what, op->request.device);
    vdc_error_hint(&why, "%s", kind_of(op)->hint);
    step_ended(op, rc, &why);
}

int step_device_detach_apply(struct operation *op, struct vdc_error *err)
{
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return step_later_undone(detach(op, domid, op->request.device,
                                    op->request.force, detached, err));
}

void step_device_attached_again(void *arg, int rc, const struct vdc_error *err)
{
    step_undone(arg, rc == VDC_E_EXISTS ? 0 : rc, err);
}

static void half_is_gone(void *arg, int rc, const struct vdc_error *err)
{
    struct operation *op = arg;
    struct vdc_error next_err;

    if (!rc || rc == VDC_E_NOT_FOUND) {
        rc = kind_of(op)->detach_step->undo(op, &next_err);
        err = &next_err;
    }
    if (rc != STEP_LATER)
        transaction_step_ended(op->t, rc, err);
}

/* Whoever was attaching it was killed.  Looked at once: a guest may not want
 * the device, and leave it at that. */
static bool is_half(struct operation *op, const struct hv_device *device)
{
    return op->t->recovered && !op->state++ && device &&
           device->state < HV_DEVICE_CONNECTED;
}

int step_device_detach_undo(struct operation *op, const char *name,
                            int (*attach)(struct operation *op, uint32_t domid,
                                          struct vdc_error *err),
                            struct vdc_error *err)
{
    const struct hv_device *device;
    uint32_t domid = step_old_domid(op);

    if (domid == HV_DOMID_NONE || !name)
        return STEP_DONE;
    int rc = find_in_xen(op, domid, name, &device, err);
    if (rc)
        return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
    if (is_half(op, device))
        return step_later_undone(
            detach(op, domid, name, true, half_is_gone, err));
    if (device)
        return STEP_DONE;
    rc = attach(op, domid, err);
    return rc == VDC_E_EXISTS ? STEP_DONE : step_later_undone(rc);
}

/* ---- attach ---- */

static bool is_the_new(const struct hv_device *device, const char *target,
                       const char *old_target)
{
    const char *is = device && device->target ? device->target : "";

    return device && strcmp(is, target) == 0 &&
           strcmp(old_target, target) != 0;
}

int step_device_attach_undo(struct operation *op, const char *name,
                            const char *target, const char *old_target,
                            struct vdc_error *err)
{
    const struct hv_device *device = NULL;
    uint32_t domid = step_old_domid(op);
    int rc = 0;

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    if (old_target)
        rc = find_in_xen(op, domid, name, &device, err);
    if (rc)
        return rc == VDC_E_NOT_FOUND ? STEP_DONE : rc;
    if (old_target && !is_the_new(device, target, old_target))
        return STEP_DONE;
    return step_later_undone(detach(op, domid, name, true, step_undone, err));
}
