/* Saving a domain, and letting it run on; each as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_SAVE_H
#define VDC_HV_XEN_SAVE_H

#include "hv/hv.h"

struct hv_xen;
struct job;
struct xl;

int save_domain(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                void *arg, struct vdc_error *err);
int save_resume(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                struct vdc_error *err);

/* Whether it runs, and can be asked to suspend.  Errors: VDC_E_WRONG_STATE,
 * VDC_E_NOT_FOUND, VDC_E_HYPERVISOR. */
int save_check_runs(struct hv_xen *self, uint32_t domid,
                    struct vdc_error *err);
/* Whether the domain of the job had suspended, and now runs on. */
bool save_run_on(const struct job *job, struct xl *xl);

#endif
