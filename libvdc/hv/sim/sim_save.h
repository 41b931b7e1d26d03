/*
 * Saving simulated guests: a guest that is saved is one line of text, which
 * says what it has and what it does.
 */
#ifndef VDC_HV_SIM_SIM_SAVE_H
#define VDC_HV_SIM_SIM_SAVE_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

/* As in struct hv_domain_ops. */
int sim_save_start(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                   void *arg, struct vdc_error *err);
int sim_save_resume(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                    struct vdc_error *err);

/* Reads what sim_save_start wrote, and no byte more.  Of *ret is set what a
 * guest takes with it (see sim_save_apply).  Errors: VDC_E_BAD_VALUE when
 * it does not begin as one, VDC_E_HYPERVISOR when it is damaged,
 * VDC_E_UNSUPPORTED for a pipe, VDC_E_IO. */
int sim_save_read(int fd, struct sim_slot *ret, struct vdc_error *err);
/* Whether a domain of this config can be the guest. */
int sim_save_check(const struct sim_slot *saved,
                   const struct hv_domain_config *config,
                   struct vdc_error *err);
/* The new domain is that guest from now on; the state is locked. */
void sim_save_apply(struct sim_state *state, struct sim_slot *slot,
                    const struct sim_slot *saved);

#endif
