/* Shares of CPU time, and cpupools; each as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_SCHED_H
#define VDC_HV_XEN_SCHED_H

#include "hv/hv.h"

int sched_set(struct hv *hv, uint32_t domid, const struct hv_sched *sched,
              struct vdc_error *err);
int sched_get(struct hv *hv, uint32_t domid, struct hv_sched *ret,
              struct vdc_error *err);
int sched_cpupools(struct hv *hv, struct arena *arena, struct hv_cpupool **ret,
                   size_t *ret_n, struct vdc_error *err);

#endif
