/*
 * Memory of a simulated host and its domains, and what else Xen counts; as in
 * struct hv_domain_ops.
 */
#ifndef VDC_HV_SIM_SIM_MEMORY_H
#define VDC_HV_SIM_SIM_MEMORY_H

#include "hv/hv.h"

int sim_memory_set_target(struct hv *hv, uint32_t domid, struct mem target,
                          struct vdc_error *err);
int sim_memory_target(struct hv *hv, uint32_t domid, struct mem *ret,
                      struct vdc_error *err);
int sim_memory_set_max(struct hv *hv, uint32_t domid, struct mem max,
                       struct vdc_error *err);
int sim_memory_reserve(struct hv *hv, struct mem amount,
                       struct vdc_error *err);
int sim_memory_usage(struct hv *hv, uint32_t domid, struct hv_usage *ret,
                     struct vdc_error *err);

#endif
