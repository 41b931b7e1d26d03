/* A domain's memory: its balloon and its limit; each as in struct
 * hv_domain_ops. */
#ifndef VDC_HV_XEN_MEMORY_H
#define VDC_HV_XEN_MEMORY_H

#include "hv/hv.h"

int memory_set_target(struct hv *hv, uint32_t domid, struct mem target,
                      struct vdc_error *err);
int memory_target(struct hv *hv, uint32_t domid, struct mem *ret,
                  struct vdc_error *err);
int memory_set_max(struct hv *hv, uint32_t domid, struct mem max,
                   struct vdc_error *err);

#endif
