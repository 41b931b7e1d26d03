/*
 * Making and ending domains, in the steps in which libxl does it; each step
 * is one effect, after which the process may be killed.
 *   create   domain made (no name, no memory) - its nodes - its memory (here
 *            its files are read) - its devices; then it is there, paused
 *   restore  as create, with what the guest had when it was saved
 *   receive  as restore; what comes last is waited for before the devices
 *   destroy  stopped - devices and nodes gone - domain gone
 */
#ifndef VDC_HV_SIM_SIM_CREATE_H
#define VDC_HV_SIM_SIM_CREATE_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

/* As in struct hv_domain_ops. */
int sim_create_start(struct hv *hv, const struct hv_domain_config *config,
                     hv_created_fn *done, void *arg, struct vdc_error *err);
int sim_create_restore(struct hv *hv, const struct hv_domain_config *config,
                       int fd, hv_created_fn *done, void *arg,
                       struct vdc_error *err);
int sim_create_receive(struct hv *hv, const struct hv_domain_config *config,
                       int fd, hv_created_fn *done, void *arg,
                       struct vdc_error *err);
int sim_create_memory_needed(struct hv *hv,
                             const struct hv_domain_config *config,
                             struct mem *ret, struct vdc_error *err);
int sim_create_destroy(struct hv *hv, uint32_t domid, hv_done_fn *done,
                       void *arg, struct vdc_error *err);

/* Whether dom0, if it is its backend, could open it. */
int sim_create_check_disk(const struct hv_disk *disk, struct vdc_error *err);
/* What the simulator uses of them. */
const struct hv_disk *sim_create_copy_disks(struct arena *arena,
                                            const struct hv_disk *from,
                                            size_t n);
const struct hv_nic *sim_create_copy_nics(struct arena *arena,
                                          const struct hv_nic *from, size_t n);

/* All steps at once, by another toolstack: no effects of ours, no faults. */
int sim_create_foreign(struct sim *sim, const struct hv_domain_config *config,
                       uint32_t *ret_domid, struct vdc_error *err);
int sim_create_destroy_foreign(struct sim *sim, uint32_t domid,
                               struct vdc_error *err);

#endif
