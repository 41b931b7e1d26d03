/* A domain's use of Xen's tables, as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_USAGE_H
#define VDC_HV_XEN_USAGE_H

#include "hv/hv.h"

int usage_get(struct hv *hv, uint32_t domid, struct hv_usage *ret,
              struct vdc_error *err);

#endif
