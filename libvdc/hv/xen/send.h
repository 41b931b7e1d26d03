/* Sending a domain to another host, as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_SEND_H
#define VDC_HV_XEN_SEND_H

#include "hv/hv.h"

int send_domain(struct hv *hv, uint32_t domid, int fd, bool live,
                hv_done_fn *done, void *arg, struct vdc_error *err);

#endif
