/*
 * Sending simulated guests, and receiving them: over the socket goes the
 * guest's line (sim_save.h) as it is when that begins, then points for its
 * memory, then its line as it is when it has suspended.
 */
#ifndef VDC_HV_SIM_SIM_STREAM_H
#define VDC_HV_SIM_SIM_STREAM_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

/* As in struct hv_domain_ops. */
int sim_stream_send(struct hv *hv, uint32_t domid, int fd, bool live,
                    hv_done_fn *done, void *arg, struct vdc_error *err);

/*
 * Within `run` of an operation with op->fd: reads the first line, or all of
 * it, into op->saved, and no byte more.  Returns SIM_AGAIN while that has not
 * all come.  Errors: VDC_E_CLOSED, VDC_E_BAD_VALUE, VDC_E_HYPERVISOR when it
 * is damaged.
 */
int sim_stream_receive(struct sim *sim, struct sim_op *op, bool all,
                       struct vdc_error *err);

#endif
