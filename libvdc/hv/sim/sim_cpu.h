/*
 * vCPUs of simulated domains: how many they use, on which CPUs they may run,
 * and their share of them.
 */
#ifndef VDC_HV_SIM_SIM_CPU_H
#define VDC_HV_SIM_SIM_CPU_H

#include "hv/hv.h"
#include "hv/sim/sim_state.h"

/* As in struct hv_domain_ops. */
int sim_cpu_set_vcpus(struct hv *hv, uint32_t domid, uint32_t n,
                      struct vdc_error *err);
int sim_cpu_vcpus(struct hv *hv, uint32_t domid, struct arena *arena,
                  struct hv_vcpu **ret, size_t *ret_n, struct vdc_error *err);
int sim_cpu_set_affinity(struct hv *hv, uint32_t domid, int32_t vcpu,
                         const char *hard, const char *soft,
                         struct vdc_error *err);
int sim_cpu_set_sched(struct hv *hv, uint32_t domid,
                      const struct hv_sched *sched, struct vdc_error *err);
int sim_cpu_sched(struct hv *hv, uint32_t domid, struct hv_sched *ret,
                  struct vdc_error *err);
int sim_cpu_cpupools(struct hv *hv, struct arena *arena,
                     struct hv_cpupool **ret, size_t *ret_n,
                     struct vdc_error *err);

/* What the config of a new domain says of its vCPUs; the state is locked.
 * Errors: VDC_E_BAD_VALUE, VDC_E_HYPERVISOR. */
int sim_cpu_create(struct sim_state *state, struct sim_slot *slot,
                   const struct hv_domain_config *config,
                   struct vdc_error *err);
/* Before a domain's slot is freed; the state is locked. */
void sim_cpu_release(struct sim_state *state, struct sim_slot *slot);

#endif
