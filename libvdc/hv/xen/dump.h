/* Writing a domain's memory to a file. */
#ifndef VDC_HV_XEN_DUMP_H
#define VDC_HV_XEN_DUMP_H

#include "hv/hv.h"

/* As in struct hv_domain_ops. */
int dump_core(struct hv *hv, uint32_t domid, const char *path,
              hv_done_fn *done, void *arg, struct vdc_error *err);

#endif
