/*
 * What the operations of a simulated host have in common: how one begins, on
 * which domain.
 */
#ifndef VDC_HV_SIM_SIM_OP_H
#define VDC_HV_SIM_SIM_OP_H

#include "hv/sim/sim_host.h"

typedef int sim_op_run_fn(struct sim *sim, struct sim_op *op,
                          struct vdc_error *err);

/* An asynchronous operation that takes the usual time.  The caller may fill
 * in *ret after this: it is not run before the loop.  Errors as of
 * sim_host_op_new. */
int sim_op_start(struct hv *hv, enum sim_call call, uint32_t domid,
                 sim_op_run_fn *run, hv_done_fn *done, void *arg,
                 struct sim_op **ret, struct vdc_error *err);
/* One that is run for the first time at once; the latency is for later
 * steps. */
int sim_op_start_steps(struct hv *hv, enum sim_call call, uint32_t domid,
                       uint32_t latency_ms, sim_op_run_fn *run,
                       hv_done_fn *done, void *arg, struct sim_op **ret,
                       struct vdc_error *err);

/* Within `run`: begins the effect of op on its domain.  Errors:
 * VDC_E_NOT_FOUND, and nothing is begun. */
int sim_op_begin(struct sim *sim, struct sim_op *op, struct sim_slot **ret,
                 struct vdc_error *err);

/* Within `run`: the next step is when fd is ready, for EV_READ or EV_WRITE of
 * libevent.  Returns SIM_AGAIN, for `run` to return; or VDC_E_NOMEM. */
int sim_op_wait(struct sim *sim, struct sim_op *op, int fd, short what,
                struct vdc_error *err);

/* An operation that answers at return: begins the call, and the domain must
 * be there (VDC_E_NOT_FOUND). */
int sim_op_begin_sync(struct sim *sim, enum sim_call call, uint32_t domid,
                      struct sim_slot **ret, struct vdc_error *err);

#endif
