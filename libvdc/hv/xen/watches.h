/* Learning that a domain has shut down or died. */
#ifndef VDC_HV_XEN_WATCHES_H
#define VDC_HV_XEN_WATCHES_H

#include "hv/hv.h"

struct hv_xen;
struct watches;

/* Registers for libxl's events; before any is enabled. */
int watches_new(struct hv_xen *self, struct watches **ret,
                struct vdc_error *err);
/* Before the libxl context is closed.  NULL is allowed. */
void watches_destroy(struct watches *watches);

/* As in struct hv_domain_ops. */
int watches_add(struct hv *hv, uint32_t domid, struct vdc_error *err);
void watches_remove(struct hv *hv, uint32_t domid);

#endif
