/*
 * The nodes of the store that libxl makes for a domain and removes with it.
 * The state is locked.
 */
#ifndef VDC_HV_SIM_SIM_NODES_H
#define VDC_HV_SIM_SIM_NODES_H

#include "hv/sim/sim_state.h"

/* What is there after the host's boot. */
void sim_nodes_boot(struct sim_state *state);
/* Without its devices (sim_devnodes_create).  Errors: VDC_E_HYPERVISOR; what
 * was made is left. */
int sim_nodes_create(struct sim_state *state, const struct sim_slot *slot,
                     const struct hv_domain_config *config,
                     struct vdc_error *err);
void sim_nodes_destroy(struct sim_state *state, const struct sim_slot *slot);

/* "" when there is none. */
const char *sim_nodes_domain_name(const struct sim_state *state,
                                  uint32_t domid);
int sim_nodes_set_domain_name(struct sim_state *state,
                              const struct sim_slot *slot, const char *name,
                              struct vdc_error *err);
/* HV_DOMID_NONE when no domain has this name. */
uint32_t sim_nodes_find_name(struct sim_state *state, const char *name);
/* What slot says of its memory and of the vCPUs that it may use. */
void sim_nodes_set_target(struct sim_state *state,
                          const struct sim_slot *slot);
void sim_nodes_set_max(struct sim_state *state, const struct sim_slot *slot);
void sim_nodes_set_vcpus(struct sim_state *state, const struct sim_slot *slot);

#endif
