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

/* How a guest's line begins; the most that it takes, with its end. */
#define SIM_SAVE_HEAD "xen-vdc simulated guest 1"
#define SIM_SAVE_LINE_SIZE 512u

/* Its length, with the newline. */
size_t sim_save_format(const struct sim_slot *slot, char *line);
/* Of a line without its newline, which is changed.  Errors as of
 * sim_save_read. */
int sim_save_parse(char *line, size_t len, struct sim_slot *ret,
                   struct vdc_error *err);

/*
 * Steps of saving and of sending, as `run` of an operation: each returns what
 * that does, and raises op->step when it is done.
 *   ask      the guest is asked to suspend
 *   suspend  it does, or has time left for that; VDC_E_TIMEOUT when it has not
 */
int sim_save_ask(struct sim *sim, struct sim_op *op, struct vdc_error *err);
int sim_save_suspend(struct sim *sim, struct sim_op *op,
                     struct vdc_error *err);
bool sim_save_is_suspended(const struct sim_slot *slot);
/* A copy of the guest as it is to be restored; it must be suspended, or run.
 * Errors: VDC_E_NOT_FOUND, VDC_E_HYPERVISOR. */
int sim_save_copy(struct sim *sim, const struct sim_op *op, bool suspended,
                  struct sim_slot *ret, struct vdc_error *err);
/* If it is suspended it runs on. */
void sim_save_run_on(struct sim *sim, const struct sim_op *op);

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
