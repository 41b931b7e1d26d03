/* vCPUs: how many, where they may run, how much; each as in struct
 * hv_domain_ops. */
#ifndef VDC_HV_XEN_VCPUS_H
#define VDC_HV_XEN_VCPUS_H

#include "hv/hv.h"

int vcpus_set(struct hv *hv, uint32_t domid, uint32_t n,
              struct vdc_error *err);
int vcpus_list(struct hv *hv, uint32_t domid, struct arena *arena,
               struct hv_vcpu **ret, size_t *ret_n, struct vdc_error *err);
int vcpus_set_affinity(struct hv *hv, uint32_t domid, int32_t vcpu,
                       const char *hard, const char *soft,
                       struct vdc_error *err);

#endif
