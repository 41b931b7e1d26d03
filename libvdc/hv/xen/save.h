/* Saving a domain, and letting it run on; each as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_SAVE_H
#define VDC_HV_XEN_SAVE_H

#include "hv/hv.h"

int save_domain(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                void *arg, struct vdc_error *err);
int save_resume(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                struct vdc_error *err);

#endif
