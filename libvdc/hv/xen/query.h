/* Asking about domains and the host; each as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_QUERY_H
#define VDC_HV_XEN_QUERY_H

#include "hv/hv.h"

int query_list(struct hv *hv, struct arena *arena, struct hv_domain_info **ret,
               size_t *ret_n, struct vdc_error *err);
int query_info(struct hv *hv, uint32_t domid, struct arena *arena,
               struct hv_domain_info *ret, struct vdc_error *err);
int query_console_path(struct hv *hv, uint32_t domid, struct arena *arena,
                       const char **ret, struct vdc_error *err);
int query_host_info(struct hv *hv, struct arena *arena,
                    struct hv_host_info *ret, struct vdc_error *err);

#endif
