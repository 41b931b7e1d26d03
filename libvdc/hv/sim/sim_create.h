/*
 * Making and ending domains, in the steps in which libxl does it; each step
 * is one effect, after which the process may be killed.
 *   create   domain made (no name, no memory) - its nodes - its memory (here
 *            its files are read) - its devices; then it is there, paused
 *   destroy  stopped - devices and nodes gone - domain gone
 */
#ifndef VDC_HV_SIM_SIM_CREATE_H
#define VDC_HV_SIM_SIM_CREATE_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

/* As in struct hv_domain_ops. */
int sim_create_start(struct hv *hv, const struct hv_domain_config *config,
                     hv_created_fn *done, void *arg, struct vdc_error *err);
int sim_create_memory_needed(struct hv *hv,
                             const struct hv_domain_config *config,
                             struct mem *ret, struct vdc_error *err);
int sim_create_destroy(struct hv *hv, uint32_t domid, hv_done_fn *done,
                       void *arg, struct vdc_error *err);

/* All steps at once, by another toolstack: no effects of ours, no faults. */
int sim_create_foreign(struct sim *sim, const struct hv_domain_config *config,
                       uint32_t *ret_domid, struct vdc_error *err);
int sim_create_destroy_foreign(struct sim *sim, uint32_t domid,
                               struct vdc_error *err);

#endif
