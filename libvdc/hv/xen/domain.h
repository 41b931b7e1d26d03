/* The table of what is done to domains and asked about them. */
#ifndef VDC_HV_XEN_DOMAIN_H
#define VDC_HV_XEN_DOMAIN_H

#include "hv/hv.h"

struct hv_xen;

extern const struct hv_domain_ops domain_ops;

/*
 * To be asked before anything is done to a domain.  dom0 is never a target: a
 * wrong number must not stop the host.
 * Errors: VDC_E_HYPERVISOR (libxl has failed), VDC_E_BAD_VALUE (dom0, or no
 * domid), VDC_E_NOT_FOUND.
 */
int domain_check_guest(struct hv_xen *self, uint32_t domid,
                       struct vdc_error *err);
/* As above, for what is only read: dom0 is allowed. */
int domain_check(struct hv_xen *self, uint32_t domid, struct vdc_error *err);

#endif
