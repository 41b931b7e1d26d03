/*
 * What a simulated host tells its owner.
 */
#include "hv/sim/sim_tell.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "hv/sim/sim_console.h"
#include "hv/sim/sim_store.h"
#include "hv/sim/sim_watchdog.h"

/* Of the rows of changes in the state at most so much is read behind the end:
 * older entries may be those of a change that was taken back. */
#define LAG_MAX (SIM_LOG / 2)

void sim_tell_start(struct sim *sim)
{
    sim->boot_id = sim->state->boot_id;
    sim->told_event_seq = sim->state->event_seq;
    sim->told_change_seq = sim->state->change_seq;
    sim->touched_seq = sim->told_event_seq + sim->told_change_seq;
}

static bool report(struct sim *sim, const struct hv_event *event)
{
    uint8_t *watched = &sim->watched[event->domid];

    if (event->kind == HV_EVENT_SHUTDOWN) {
        if (*watched & SIM_SHUTDOWN_TOLD)
            return true;
        *watched |= SIM_SHUTDOWN_TOLD;
    } else {
        *watched = 0;
        sim_console_close(sim, event->domid);
    }
    if (!sim->hv.on_event)
        return true;
    sim_host_call_out(sim);
    sim->hv.on_event(sim->hv.on_event_arg, event);
    return sim_host_called_out(sim);
}

/* Looks at the domain itself. */
static bool look(struct sim *sim, uint32_t domid)
{
    struct hv_event event = { .domid = domid,
                              .uuid = sim->watched_uuid[domid],
                              .reason = HV_SHUTDOWN_NONE };

    if (!(sim->watched[domid] & SIM_WATCHED))
        return true;
    sim_host_begin(sim);
    const struct sim_slot *slot = sim_state_find(sim->state, domid);
    bool is_there = slot && uuid_equal(&slot->uuid, &event.uuid);
    bool is_down = is_there && slot->life == SIM_LIFE_SHUTDOWN;
    if (is_down)
        event.reason = slot->shutdown_reason;
    sim_host_end(sim);
    if (is_there && !is_down) {
        sim->watched[domid] &= ~SIM_SHUTDOWN_TOLD;
        return true;
    }
    event.kind = is_there ? HV_EVENT_SHUTDOWN : HV_EVENT_DEATH;
    return report(sim, &event);
}

static bool look_at_all(struct sim *sim)
{
    for (uint32_t domid = 0; domid <= HV_DOMID_MAX; domid++)
        if (sim->watched[domid] && !look(sim, domid))
            return false;
    return true;
}

static bool tell_late(struct sim *sim)
{
    while (sim->n_late > 0) {
        uint32_t domid = sim->late[0];
        sim->n_late--;
        for (size_t i = 0; i < sim->n_late; i++)
            sim->late[i] = sim->late[i + 1];
        if (!look(sim, domid))
            return false;
    }
    return true;
}

static bool tell_event(struct sim *sim, const struct sim_event *from)
{
    struct hv_event event = { .kind = from->kind,
                              .domid = from->domid,
                              .uuid = from->uuid,
                              .reason = from->reason };

    if (from->kind == SIM_EVENT_INTRODUCED)
        return sim_store_tell_special(sim, SIM_INTRODUCE);
    if (from->kind == SIM_EVENT_RESUMED) {
        sim->watched[from->domid] &= ~SIM_SHUTDOWN_TOLD;
        return true;
    }
    if (!sim_store_tell_special(sim, SIM_RELEASE))
        return false;
    if (event.kind == HV_EVENT_DEATH)
        event.reason = HV_SHUTDOWN_NONE;
    if (!(sim->watched[from->domid] & SIM_WATCHED) ||
        !uuid_equal(&sim->watched_uuid[from->domid], &from->uuid)) {
        if (event.kind == HV_EVENT_DEATH)
            sim_console_close(sim, from->domid);
        return true;
    }
    return report(sim, &event);
}

/* Both return false when sim is gone, and stop at the first entry that is not
 * there any more. */
static bool tell_events(struct sim *sim)
{
    while (sim->told_event_seq != sim->state->event_seq) {
        sim_host_begin(sim);
        uint64_t seq = sim->state->event_seq;
        bool lost = seq - sim->told_event_seq > LAG_MAX;
        struct sim_event event =
            sim->state->events[sim->told_event_seq % SIM_LOG];
        sim->told_event_seq = lost ? seq : sim->told_event_seq + 1;
        sim_host_end(sim);
        if (!(lost ? look_at_all(sim) && sim_store_tell(sim, NULL)
                   : tell_event(sim, &event)))
            return false;
    }
    return true;
}

static bool tell_changes(struct sim *sim)
{
    if (!sim->store_watches) {
        sim->told_change_seq = sim->state->change_seq;
        return true;
    }
    while (sim->told_change_seq != sim->state->change_seq) {
        sim_host_begin(sim);
        uint64_t seq = sim->state->change_seq;
        bool lost = seq - sim->told_change_seq > LAG_MAX;
        struct sim_change change =
            sim->state->changes[sim->told_change_seq % SIM_LOG];
        sim->told_change_seq = lost ? seq : sim->told_change_seq + 1;
        sim_host_end(sim);
        if (!sim_store_tell(sim, lost ? NULL : &change))
            return false;
    }
    return true;
}

bool sim_tell_boot(struct sim *sim)
{
    struct vdc_error err;

    if (sim->state->boot_id == sim->boot_id)
        return true;
    sim_watchdog_die_if_stopped(sim);
    sim_tell_start(sim);
    sim_console_close_all(sim);
    vdc_error_set(&err, VDC_E_HYPERVISOR, "the simulated host lost power");
    if (!sim_host_fail_all(sim, &err))
        return false;
    for (uint32_t domid = 1; domid <= HV_DOMID_MAX; domid++) {
        struct hv_event event = { .kind = HV_EVENT_DEATH,
                                  .domid = domid,
                                  .uuid = sim->watched_uuid[domid],
                                  .reason = HV_SHUTDOWN_NONE };
        if ((sim->watched[domid] & SIM_WATCHED) && !report(sim, &event))
            return false;
    }
    return sim_store_tell(sim, NULL);
}

void sim_tell_on_pump(evutil_socket_t fd, short what, void *arg)
{
    struct sim *sim = arg;

    sim->pump_active = false;
    sim_host_touch(sim);
    if (!sim_tell_boot(sim) || !tell_events(sim) || !tell_late(sim) ||
        !sim_store_tell_fresh(sim) || !tell_changes(sim))
        return;
    sim_host_wake(sim);
}

void sim_tell_on_notice(evutil_socket_t fd, short what, void *arg)
{
    struct sim *sim = arg;
    char buf[4096];

    while (read(fd, buf, sizeof(buf)) > 0)
        ;
    sim_host_remap_if_gone(sim);
    sim->armed_ms = SIM_NEVER; /* the clock may have been moved */
    sim_host_wake(sim);
}

void sim_tell_watch(struct sim *sim, uint32_t domid)
{
    const struct sim_slot *slot = sim_state_find(sim->state, domid);

    sim->watched[domid] = SIM_WATCHED;
    sim->watched_uuid[domid] =
        slot ? slot->uuid : sim->state->last_uuid[domid];
    if (slot && slot->life != SIM_LIFE_SHUTDOWN)
        return;
    sim->late = xrealloc(sim->late, (sim->n_late + 1) * sizeof(*sim->late));
    sim->late[sim->n_late++] = domid;
}
