/*
 * How operations of a simulated host begin.
 */
#include "hv/sim/sim_op.h"

#include <event2/event.h>

int sim_op_start(struct hv *hv, enum sim_call call, uint32_t domid,
                 sim_op_run_fn *run, hv_done_fn *done, void *arg,
                 struct sim_op **ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_op_new(sim, call, domid, sim->options.op_ms, ret, err);

    if (rc)
        return rc;
    (*ret)->run = run;
    (*ret)->done = done;
    (*ret)->arg = arg;
    sim_host_op_start(sim, *ret);
    return 0;
}

int sim_op_start_steps(struct hv *hv, enum sim_call call, uint32_t domid,
                       uint32_t latency_ms, sim_op_run_fn *run,
                       hv_done_fn *done, void *arg, struct sim_op **ret,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_op_new(sim, call, domid, latency_ms, ret, err);

    if (rc)
        return rc;
    (*ret)->due_ms -= (*ret)->latency_ms;
    (*ret)->run = run;
    (*ret)->done = done;
    (*ret)->arg = arg;
    sim_host_op_start(sim, *ret);
    return 0;
}

int sim_op_begin(struct sim *sim, struct sim_op *op, struct sim_slot **ret,
                 struct vdc_error *err)
{
    sim_host_begin(sim);
    *ret = sim_state_find(sim->state, op->domid);
    if (!*ret) {
        sim_host_end(sim);
        return sim_host_no_domain(op->domid, err);
    }
    sim_host_effect_locked(sim, op->call);
    return 0;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct sim_op *op = arg;

    sim_host_op_due(op->sim, op);
}

int sim_op_wait(struct sim *sim, struct sim_op *op, int fd, short what,
                struct vdc_error *err)
{
    op->sim = sim;
    if (!op->ready)
        op->ready = event_new(sim->base, fd, what, on_ready, op);
    if (!op->ready || event_add(op->ready, NULL) != 0)
        return vdc_error_set(err, VDC_E_NOMEM, "no memory for an event");
    op->due_ms = SIM_NEVER;
    return SIM_AGAIN;
}

int sim_op_begin_sync(struct sim *sim, enum sim_call call, uint32_t domid,
                      struct sim_slot **ret, struct vdc_error *err)
{
    int rc = sim_host_begin_call(sim, call, err);

    if (rc)
        return rc;
    *ret = sim_state_find(sim->state, domid);
    if (*ret)
        return 0;
    sim_host_end(sim);
    return sim_host_no_domain(domid, err);
}
