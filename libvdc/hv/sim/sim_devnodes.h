/*
 * Devices of simulated domains: the nodes of the store that libxl, the
 * backends and the guests leave for each, which are all that there is of a
 * device (as for libxl), and who has which PCI device.  The state is locked.
 *
 * A device comes in these steps: its nodes are made (both ends
 * "initialising"), the backend serves it (waits for the guest), and a guest
 * that runs connects.
 */
#ifndef VDC_HV_SIM_SIM_DEVNODES_H
#define VDC_HV_SIM_SIM_DEVNODES_H

#include "base/arena.h"
#include "hv/sim/sim_state.h"

/* A device in the store. */
struct sim_devnode {
    enum hv_device_kind kind;
    uint32_t devid;
    uint32_t pci; /* its place in state->pci_owner */
    char note[96], front[128], back[128];
};

/*
 * Makes the nodes of a device; what was made is left on failure.
 * Errors: VDC_E_EXISTS; VDC_E_NO_RESOURCE for a PCI device that is not there
 * to be given; VDC_E_HYPERVISOR.
 */
int sim_devnodes_add_disk(struct sim_state *state, const struct sim_slot *slot,
                          const struct hv_disk *disk, struct vdc_error *err);
int sim_devnodes_add_nic(struct sim_state *state, const struct sim_slot *slot,
                         const struct hv_nic *nic, struct vdc_error *err);
int sim_devnodes_add_pci(struct sim_state *state, const struct sim_slot *slot,
                         const char *bdf, struct vdc_error *err);
/* All that a new domain has, served. */
int sim_devnodes_create(struct sim_state *state, const struct sim_slot *slot,
                        const struct hv_domain_config *config,
                        struct vdc_error *err);

/* By vdev, MAC or BDF; false when the domain has none of it. */
bool sim_devnodes_find(const struct sim_state *state, uint32_t domid,
                       enum hv_device_kind kind, const char *name,
                       struct sim_devnode *ret);
/* The backend is ready. */
void sim_devnodes_serve(struct sim_state *state,
                        const struct sim_devnode *device);
/* The guest connects to what is served, if it runs. */
void sim_devnodes_connect(struct sim_state *state, struct sim_slot *slot);
/* The backend asks the guest to let it go. */
void sim_devnodes_close(struct sim_state *state,
                        const struct sim_devnode *device);
/* The backend takes that back: the guest keeps what it is connected to. */
void sim_devnodes_keep(struct sim_state *state,
                       const struct sim_devnode *device);
/* A disk or network that the guest has not looked at yet. */
bool sim_devnodes_is_untouched(const struct sim_state *state,
                               const struct sim_devnode *device);
void sim_devnodes_remove(struct sim_state *state,
                         const struct sim_devnode *device);
/* The ends in other domains of all that a domain has. */
void sim_devnodes_remove_backends(struct sim_state *state, uint32_t domid);

/* As hv_domain_ops.devices. */
void sim_devnodes_list(const struct sim_state *state, uint32_t domid,
                       struct arena *arena, struct hv_device **ret,
                       size_t *ret_n);
/* Devices to which the guest has connected, its console included. */
uint32_t sim_devnodes_count_connected(const struct sim_state *state,
                                      uint32_t domid);

#endif
