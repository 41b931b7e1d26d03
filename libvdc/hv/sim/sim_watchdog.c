/* The watchdog of a simulated host: two times in its state. */
#include "hv/sim/sim_watchdog.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "hv/sim/sim.h"
#include "hv/sim/sim_host.h"
#include "hv/watchdog.h"

struct watchdog_sim {
    struct hv_watchdog watchdog; /* first */
    struct hv *hv;
};

uint64_t sim_watchdog_due_ms(const struct sim_state *state)
{
    uint64_t due_ms = SIM_NEVER;

    for (unsigned i = 0; i < HV_WATCHDOG_SLOTS; i++)
        if (state->watchdog_due_ms[i] && state->watchdog_due_ms[i] < due_ms)
            due_ms = state->watchdog_due_ms[i];
    return due_ms;
}

void sim_watchdog_die_if_stopped(const struct sim *sim)
{
    if (sim->base && sim->boot_id != 0 &&
        sim->boot_id != sim->state->boot_id &&
        sim->boot_id == sim->state->stopped_boot_id)
        kill(getpid(), SIGKILL);
}

static uint32_t free_slot(const struct sim_state *state)
{
    for (uint32_t i = 0; i < HV_WATCHDOG_SLOTS; i++)
        if (state->watchdog_due_ms[i] == 0)
            return i + 1;
    return 0;
}

static int set(struct hv_watchdog *self, uint32_t *slot, unsigned seconds,
               struct vdc_error *err)
{
    struct sim *sim = sim_host_of(((struct watchdog_sim *)self)->hv);
    struct sim_state *state = sim->state;
    int rc = sim_host_begin_call(sim, SIM_CALL_watchdog, err);

    if (rc)
        return rc;
    uint32_t which = *slot ? *slot : free_slot(state);
    if (which == 0)
        rc = vdc_error_set(err, VDC_E_NO_RESOURCE,
                           "both slots of the watchdog are taken");
    else if (*slot && state->watchdog_due_ms[which - 1] == 0)
        rc = vdc_error_set(err, VDC_E_NOT_FOUND,
                           "slot %u of the watchdog does not run", which);
    if (rc == 0) {
        SIM_SET(state, state->watchdog_due_ms[which - 1],
                seconds ? sim_host_now_ms(sim) + seconds * UINT64_C(1000) : 0);
        *slot = which;
    }
    sim_host_end(sim);
    return rc;
}

static int guests(struct hv_watchdog *self, uint32_t *ret_n,
                  struct vdc_error *err)
{
    struct sim *sim = sim_host_of(((struct watchdog_sim *)self)->hv);
    uint32_t n = 0;

    sim_host_begin(sim);
    for (uint32_t i = 1; i < sim->state->n_slots; i++)
        n += sim->state->slots[i].life != SIM_LIFE_NONE;
    sim_host_end(sim);
    *ret_n = n;
    return 0;
}

static void sim_close(struct hv_watchdog *self)
{
    hv_close(((struct watchdog_sim *)self)->hv);
    free(self);
}

static const struct hv_watchdog_ops ops = {
    .set = set,
    .guests = guests,
    .close = sim_close,
};

int sim_watchdog_open(const char *options, struct event_base *base,
                      struct hv_watchdog **ret, struct vdc_error *err)
{
    char *all = xasprintf("beside=yes%s%s", *options ? "," : "", options);
    struct hv *hv;
    int rc = hv_sim_open(all, base, &hv, err);

    free(all);
    if (rc)
        return rc;
    struct watchdog_sim *sim = XNEW(struct watchdog_sim);
    sim->watchdog.ops = &ops;
    sim->watchdog.simulated = 1;
    sim->watchdog.boot_id = sim_host_of(hv)->state->boot_id;
    sim->hv = hv;
    *ret = &sim->watchdog;
    return 0;
}
