/*
 * Devices of running domains of a simulated host, in the steps in which libxl
 * does it; each step is one effect.
 *   attach  nodes made - served by the backend, and connected to by a guest
 *           that runs
 *   detach  the backend asks the guest - it has let go and the nodes are
 *           gone, or it has not in time and keeps the device; with force the
 *           nodes are taken away at once
 */
#include "hv/sim/sim_device.h"

#include <string.h>

#include "hv/sim/sim_create.h"
#include "hv/sim/sim_devnodes.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_op.h"

/* How often it is looked whether a guest has let go. */
#define LOOK_MS 100

enum { STEP_ASK, STEP_FINISH };

static enum hv_device_kind kind_of(const struct sim_op *op)
{
    if (op->call == SIM_CALL_disk_attach || op->call == SIM_CALL_disk_detach)
        return HV_DEVICE_DISK;
    if (op->call == SIM_CALL_nic_attach || op->call == SIM_CALL_nic_detach)
        return HV_DEVICE_NIC;
    return HV_DEVICE_PCI;
}

static const char *word_for(enum hv_device_kind kind)
{
    switch (kind) {
    case HV_DEVICE_DISK:
        return "disk";
    case HV_DEVICE_NIC:
        return "network";
    case HV_DEVICE_PCI:
        return "PCI device";
    }
    return "device";
}

/* ---- attach ---- */

static int add(struct sim *sim, const struct sim_op *op,
               const struct sim_slot *slot, struct vdc_error *err)
{
    if (slot->life == SIM_LIFE_BUILDING || slot->life == SIM_LIFE_DYING)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: domain %u is being made or destroyed",
                             op->domid);
    switch (kind_of(op)) {
    case HV_DEVICE_DISK:
        return sim_devnodes_add_disk(sim->state, slot, op->config.disks, err);
    case HV_DEVICE_NIC:
        return sim_devnodes_add_nic(sim->state, slot, op->config.nics, err);
    case HV_DEVICE_PCI:
        return sim_devnodes_add_pci(sim->state, slot, op->text, err);
    }
    return VDC_E_INTERNAL;
}

static int attach_begin(struct sim *sim, struct sim_op *op,
                        struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = 0;

    if (op->config.n_disks > 0 && sim->options.check_files)
        rc = sim_create_check_disk(op->config.disks, err);
    if (rc == 0)
        rc = sim_op_begin(sim, op, &slot, err);
    if (rc)
        return rc;
    rc = add(sim, op, slot, err);
    if (rc) {
        sim_host_abort(sim);
        return rc;
    }
    sim_host_effect_end(sim);
    op->step = STEP_FINISH;
    op->due_ms += op->latency_ms;
    return SIM_AGAIN;
}

static int attach_finish(struct sim *sim, struct sim_op *op,
                         struct vdc_error *err)
{
    struct sim_devnode device;
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    if (!sim_devnodes_find(sim->state, op->domid, kind_of(op), op->text,
                           &device))
        rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                           "libxl: the %s %s was taken away while it was "
                           "being attached",
                           word_for(kind_of(op)), op->text);
    if (rc == 0 && op->fault == SIM_FAULT_FAIL) {
        sim_devnodes_remove(sim->state, &device);
        rc = vdc_error_set(err, VDC_E_HYPERVISOR, "simulated fault: %s fails",
                           sim_fault_call_name(op->call));
    }
    if (rc == 0) {
        sim_devnodes_serve(sim->state, &device);
        sim_devnodes_connect(sim->state, slot);
    }
    sim_host_effect_end(sim);
    return rc;
}

static int attach_run(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    return op->step == STEP_ASK ? attach_begin(sim, op, err)
                                : attach_finish(sim, op, err);
}

static int attach(struct hv *hv, enum sim_call call, uint32_t domid,
                  const char *name, hv_done_fn *done, void *arg,
                  struct sim_op **ret, struct vdc_error *err)
{
    int rc =
        sim_op_start_steps(hv, call, domid, sim_host_of(hv)->options.attach_ms,
                           attach_run, done, arg, ret, err);

    if (rc == 0) {
        (*ret)->fails_halfway = true;
        (*ret)->text = arena_strdup((*ret)->arena, name);
    }
    return rc;
}

int sim_device_disk_attach(struct hv *hv, uint32_t domid,
                           const struct hv_disk *disk, hv_done_fn *done,
                           void *arg, struct vdc_error *err)
{
    struct sim_op *op;
    int rc = attach(hv, SIM_CALL_disk_attach, domid, disk->vdev, done, arg,
                    &op, err);

    if (rc)
        return rc;
    op->config.n_disks = 1;
    op->config.disks = sim_create_copy_disks(op->arena, disk, 1);
    return 0;
}

int sim_device_nic_attach(struct hv *hv, uint32_t domid,
                          const struct hv_nic *nic, hv_done_fn *done,
                          void *arg, struct vdc_error *err)
{
    struct sim_op *op;
    int rc =
        attach(hv, SIM_CALL_nic_attach, domid, nic->mac, done, arg, &op, err);

    if (rc)
        return rc;
    op->config.n_nics = 1;
    op->config.nics = sim_create_copy_nics(op->arena, nic, 1);
    return 0;
}

int sim_device_pci_attach(struct hv *hv, uint32_t domid, const char *bdf,
                          hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct sim_op *op;

    return attach(hv, SIM_CALL_pci_attach, domid, bdf, done, arg, &op, err);
}

/* ---- detach ---- */

static int no_device(const struct sim_op *op, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND, "domain %u has no %s %s",
                         op->domid, word_for(kind_of(op)), op->text);
}

static int detach_begin(struct sim *sim, struct sim_op *op,
                        struct vdc_error *err)
{
    struct sim_devnode device;
    struct sim_slot *slot;
    bool force = op->value;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    if (!sim_devnodes_find(sim->state, op->domid, kind_of(op), op->text,
                           &device)) {
        sim_host_abort(sim);
        return no_device(op, err);
    }
    bool at_once = force || sim_devnodes_is_untouched(sim->state, &device);
    if (at_once)
        sim_devnodes_remove(sim->state, &device);
    else
        sim_devnodes_close(sim->state, &device);
    sim_host_effect_end(sim);
    if (at_once)
        return 0;
    op->step = STEP_FINISH;
    op->until_ms = op->due_ms + sim->options.detach_ms;
    op->due_ms += op->latency_ms;
    return SIM_AGAIN;
}

/* The guest has let go, or there is time left for it, or not. */
static int detach_finish(struct sim *sim, struct sim_op *op,
                         struct vdc_error *err)
{
    struct sim_devnode device;

    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, op->domid);
    bool is_there = slot && sim_devnodes_find(sim->state, op->domid,
                                              kind_of(op), op->text, &device);
    bool lets_go =
        is_there && sim_guest_listens(slot) && !slot->ignores_detach;
    if (lets_go) {
        sim_host_effect_locked(sim, op->call);
        sim_devnodes_remove(sim->state, &device);
        sim_host_effect_end(sim);
        return 0;
    }
    if (is_there && op->due_ms >= op->until_ms) {
        sim_host_effect_locked(sim, op->call);
        sim_devnodes_keep(sim->state, &device);
        sim_host_effect_end(sim);
        return vdc_error_set(err, VDC_E_TIMEOUT,
                             "domain %u does not let its %s %s go", op->domid,
                             word_for(kind_of(op)), op->text);
    }
    sim_host_end(sim);
    if (!slot)
        return sim_host_no_domain(op->domid, err);
    if (!is_there)
        return no_device(op, err);
    op->due_ms += LOOK_MS;
    if (op->due_ms > op->until_ms)
        op->due_ms = op->until_ms;
    return SIM_AGAIN;
}

static int detach_run(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    return op->step == STEP_ASK ? detach_begin(sim, op, err)
                                : detach_finish(sim, op, err);
}

static int detach(struct hv *hv, enum sim_call call, uint32_t domid,
                  const char *name, bool force, hv_done_fn *done, void *arg,
                  struct vdc_error *err)
{
    struct sim_op *op;
    int rc =
        sim_op_start_steps(hv, call, domid, sim_host_of(hv)->options.op_ms,
                           detach_run, done, arg, &op, err);

    if (rc)
        return rc;
    op->text = arena_strdup(op->arena, name);
    op->value = force;
    return 0;
}

int sim_device_disk_detach(struct hv *hv, uint32_t domid, const char *vdev,
                           bool force, hv_done_fn *done, void *arg,
                           struct vdc_error *err)
{
    return detach(hv, SIM_CALL_disk_detach, domid, vdev, force, done, arg,
                  err);
}

int sim_device_nic_detach(struct hv *hv, uint32_t domid, const char *mac,
                          bool force, hv_done_fn *done, void *arg,
                          struct vdc_error *err)
{
    return detach(hv, SIM_CALL_nic_detach, domid, mac, force, done, arg, err);
}

int sim_device_pci_detach(struct hv *hv, uint32_t domid, const char *bdf,
                          bool force, hv_done_fn *done, void *arg,
                          struct vdc_error *err)
{
    return detach(hv, SIM_CALL_pci_detach, domid, bdf, force, done, arg, err);
}

/* ---- lists ---- */

int sim_device_list(struct hv *hv, uint32_t domid, struct arena *arena,
                    struct hv_device **ret, size_t *ret_n,
                    struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_devices, domid, &slot, err);

    if (rc)
        return rc;
    sim_devnodes_list(sim->state, domid, arena, ret, ret_n);
    sim_host_end(sim);
    return 0;
}

int sim_device_pci_assignable(struct hv *hv, struct arena *arena,
                              const char ***ret, size_t *ret_n,
                              struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_pci_assignable, err);

    if (rc)
        return rc;
    const struct sim_state *state = sim->state;
    const char **bdfs = ARENA_ARRAY(arena, SIM_PCI, const char *);
    size_t n = 0;
    for (uint32_t i = 0; i < state->machine.n_pci; i++)
        if (state->pci_owner[i] == HV_DOMID_NONE)
            bdfs[n++] = arena_strdup(arena, state->machine.pci[i]);
    sim_host_end(sim);
    *ret = bdfs;
    *ret_n = n;
    return 0;
}
