/*
 * What happens to guests by themselves: they power off, reboot, crash, or
 * somebody else ends their domain.  xl keeps a process a guest for this; here
 * the daemon watches all of them.
 */
#include "resourced/lifecycle.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/boot.h"
#include "resourced/host.h"
#include "resourced/live.h"
#include "resourced/outcome.h"
#include "resourced/publish.h"
#include "resourced/resource.h"
#include "resourced/text.h"
#include "resourced/waiter.h"

/* What could not be done for a guest that has stopped is tried again. */
#define AGAIN_MS 2000

struct note {
    struct host *host;
    struct arena *arena; /* of what the events say */
    char name[64];
    struct event_batch events;
};

static void noted(void *arg, int rc, const struct vdc_error *err,
                  uint64_t first_event)
{
    struct note *note = arg;

    if (rc)
        log_error("what happened to %s is not in the database: %s",
                  note->name, err->text);
    else
        event_log_publish(note->host->events, &note->events, first_event);
    arena_free(note->arena);
    free(note);
}

/* The row that the events speak of is another before they are published. */
static void keep_events(struct note *note, const struct event_batch *events)
{
    note->events = *events;
    for (size_t i = 0; i < events->n_events; i++) {
        struct wire_event *event = &note->events.events[i];
        event->customer = arena_strdup(note->arena, event->customer);
        event->name = arena_strdup(note->arena, event->name);
        event->text = arena_strdup(note->arena, event->text);
    }
}

void lifecycle_note(struct host *host, struct partition *partition,
                    const struct partition_row *row,
                    struct event_batch *events)
{
    struct note *note = XNEW(struct note);
    const struct partition_row *rows[1] = { row };
    struct store_change change = { .put = rows, .n_put = 1 };
    struct resource_change resources = { 0 };
    struct arena *arena = arena_new();

    resources_plan(host->resources, &row->uuid, row, arena, &resources);
    resources_into(&resources, &change);
    /* True, whether it can be written or not. */
    resources_take(host->resources, &resources);
    note->host = host;
    note->arena = arena_new();
    text_tidy(note->name, sizeof(note->name), partition->row.name);
    keep_events(note, events);
    event_log_into(host->events, &note->events, &change);
    store_submit(host->store, &change, noted, note);
    partition_set_row(partition, row, NULL);
    live_changed(host->live);
    publish_changed(host, partition);
    arena_free(arena);
}

void lifecycle_vanished(struct host *host, struct partition *partition,
                        const char *why)
{
    struct partition_row row = partition->row;
    struct event_batch events = { 0 };
    struct vdc_error err;

    host->hv->domain->unwatch(host->hv, row.domid);
    if (unpublish_domain(host, row.domid, &err))
        log_warning("domain %u stays in xenstore: %s", row.domid, err.text);
    outcome_stopped(&row, why);
    row.wanted_running = false;
    event_batch_add(&events, host, WIRE_EVENT_STOPPED, &row, "%s", why);
    lifecycle_note(host, partition, &row, &events);
    waiters_tell(host->waiters, &partition->row.uuid, 0, NULL);
}

static const char *reason_text(enum hv_shutdown_reason reason)
{
    switch (reason) {
    case HV_SHUTDOWN_POWEROFF:
        return "powered off";
    case HV_SHUTDOWN_REBOOT:
    case HV_SHUTDOWN_SOFT_RESET:
        return "rebooted";
    case HV_SHUTDOWN_CRASH:
        return "crashed";
    case HV_SHUTDOWN_WATCHDOG:
        return "its watchdog fired";
    case HV_SHUTDOWN_SUSPEND:
    case HV_SHUTDOWN_NONE:
        break;
    }
    return "stopped";
}

static enum wire_action action_for(const struct wire_definition *definition,
                                   enum hv_shutdown_reason reason)
{
    switch (reason) {
    case HV_SHUTDOWN_POWEROFF:
        return definition->on_poweroff;
    case HV_SHUTDOWN_REBOOT:
    case HV_SHUTDOWN_SOFT_RESET:
        return definition->on_reboot;
    case HV_SHUTDOWN_CRASH:
        return definition->on_crash;
    case HV_SHUTDOWN_WATCHDOG:
        return definition->on_watchdog;
    case HV_SHUTDOWN_SUSPEND:
    case HV_SHUTDOWN_NONE:
        break;
    }
    return WIRE_PRESERVE;
}

/* Its dead domain stays, until somebody destroys it. */
static void preserve(struct host *host, struct partition *partition,
                     enum hv_shutdown_reason reason)
{
    struct partition_row row = partition->row;
    struct event_batch events = { 0 };
    bool crash =
        reason == HV_SHUTDOWN_CRASH || reason == HV_SHUTDOWN_WATCHDOG;

    if (row.preserved)
        return; /* seen before this process began */
    row.preserved = true;
    row.wanted_running = false;
    row.stopped_ms = clock_wall().ms;
    row.last_stop = reason_text(reason);
    event_batch_add(&events, host,
                    crash ? WIRE_EVENT_CRASHED : WIRE_EVENT_STOPPED, &row,
                    "%s; its domain is kept", row.last_stop);
    lifecycle_note(host, partition, &row, &events);
    waiters_tell(host->waiters, &partition->row.uuid, 0, NULL);
}

static bool too_fast(const struct host *host, const struct partition *p)
{
    uint64_t least = host->settings->restart_min_interval_ms;
    uint64_t now = clock_wall().ms;

    /* A clock that was set back says nothing. */
    return now >= p->row.started_ms && now - p->row.started_ms < least;
}

static void act_later(struct host *host, uint64_t ms)
{
    /* Never at once: a loop that only turns does nothing else. */
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000 + 1000) };

    event_add(host->lifecycle_timer, &tv);
}

/* The dead domain is still there: to be tried again, later. */
static void keep_event(struct host *host, struct partition *partition,
                       unsigned ms)
{
    partition->has_event = true;
    partition->event_not_before = clock_mono();
    partition->event_not_before.ms += ms;
    act_later(host, ms);
}

static void acted(void *arg, struct transaction *t, int rc,
                  const struct vdc_error *err)
{
    struct host *host = arg;
    struct partition *partition = t->operations[0].partition;

    if (!partition)
        return; /* gone meanwhile */
    partition->stop_asked_until.ms = 0;
    if (rc && partition_has_domain(partition))
        keep_event(host, partition, AGAIN_MS);
    waiters_tell(host->waiters, &partition->row.uuid, rc, err);
}

static const struct transaction_ops act_ops = { .on_done = acted };

/* A guest that should be built anew and cannot be is only ended. */
static void restarted(void *arg, struct transaction *t, int rc,
                      const struct vdc_error *err)
{
    struct host *host = arg;
    struct partition *partition = t->operations[0].partition;

    if (rc && partition && partition_has_domain(partition)) {
        partition->give_up = true;
        text_tidy(partition->give_up_why, sizeof(partition->give_up_why),
                  err->text);
        keep_event(host, partition, 0);
        return;
    }
    acted(host, t, rc, err);
}

static const struct transaction_ops restart_ops = { .on_done = restarted };

/* Why a guest that should be built anew is not; false: it is. */
static bool gives_up(struct host *host, struct partition *partition,
                     const char *reason, char *why, size_t size)
{
    char least[32];

    if (partition->give_up) {
        partition->give_up = false;
        snprintf(why, size, "%s; %s", reason, partition->give_up_why);
        return true;
    }
    if (!too_fast(host, partition))
        return false;
    snprintf(why, size, "%s within %s of its start", reason,
             units_duration_format(host->settings->restart_min_interval_ms,
                                   least, sizeof(least)));
    return true;
}

/* Stopped by itself: what its definition says is done. */
static void stopped(struct host *host, struct partition *partition,
                    enum hv_shutdown_reason reason)
{
    enum wire_action action = action_for(&partition->row.definition, reason);
    bool restart = action == WIRE_RESTART || action == WIRE_COREDUMP_RESTART;
    struct operation like = {
        .partition = partition,
        .why = reason,
        .core_dump = action == WIRE_COREDUMP_DESTROY ||
                     action == WIRE_COREDUMP_RESTART,
        .old_domid = partition->row.domid,
    };
    char why[128];

    if (action == WIRE_PRESERVE) {
        preserve(host, partition, reason);
        return;
    }
    wire_init(&wire_struct_operation, &like.request);
    like.request.reason = reason_text(reason);
    like.request.host_reserve = partition->row.host_reserve;
    like.request.dom0_keep = partition->row.dom0_keep;
    if (restart && gives_up(host, partition, like.request.reason, why,
                            sizeof(why))) {
        like.request.reason = why;
        like.gave_up = true;
        restart = false;
    }
    like.kind = restart ? WIRE_OP_RESTART : WIRE_OP_STOP;
    transaction_begin_own(host, &like, restart ? &restart_ops : &act_ops,
                          host);
}

static void act(struct host *host, struct partition *partition)
{
    struct hv_event event = partition->event;

    partition->has_event = false;
    if (event.domid != partition->row.domid)
        return; /* of a domain that is no longer its own */
    switch (event.kind) {
    case HV_EVENT_DEATH:
        lifecycle_vanished(host, partition, "destroyed outside of xen-vdc");
        return;
    case HV_EVENT_SHUTDOWN:
        /* A suspended domain belongs to whoever suspends it. */
        if (event.reason != HV_SHUTDOWN_SUSPEND)
            stopped(host, partition, event.reason);
        return;
    }
}

static bool may_act(const struct partition *partition)
{
    return partition->has_event && !partition->transaction &&
           clock_mono().ms >= partition->event_not_before.ms;
}

/* It came from another host, and its domain was ended before it could run
 * (step_receive.c): it is of no boot.  One that is held (boot.h) may run
 * elsewhere. */
static bool was_lost(const struct partition *partition)
{
    const struct partition_row *row = &partition->row;

    return !row->boot_id && row->wanted_running && !partition->boot_waits &&
           !partition->held && !partition_has_domain(partition);
}

void lifecycle_resume(struct host *host, const struct vdc_uuid *uuid)
{
    struct partition *partition = registry_by_uuid(&host->partitions, uuid);

    if (!partition)
        return;
    if (may_act(partition))
        act(host, partition);
    if (was_lost(partition)) {
        boot_add(host, partition, "its domain was ended as it came");
        boot_go_on(host);
    }
}

static void act_on_all(int fd, short what, void *arg)
{
    struct host *host = arg;
    struct partition *partition, *next;
    uint64_t now = clock_mono().ms, soonest = UINT64_MAX;

    for (partition = TAILQ_FIRST(&host->partitions.all); partition;
         partition = next) {
        /* act() takes no partition away: those it ends stay remembered. */
        next = TAILQ_NEXT(partition, in_all);
        if (may_act(partition))
            act(host, partition);
        else if (partition->has_event && !partition->transaction &&
                 partition->event_not_before.ms < soonest)
            soonest = partition->event_not_before.ms;
    }
    /* The timer is one for all, and a timer may be a little early. */
    if (soonest != UINT64_MAX)
        act_later(host, soonest > now ? soonest - now : 0);
}

static void on_event(void *arg, const struct hv_event *event)
{
    struct host *host = arg;
    struct partition *partition =
        registry_by_uuid(&host->partitions, &event->uuid);

    if (!partition)
        return;
    log_debug("%s: domain %u %s", partition->row.name, event->domid,
              event->kind == HV_EVENT_DEATH
                  ? "is gone"
                  : hv_shutdown_reason_name(event->reason));
    /* The death of its domain is news over its shutdown, not the other way
     * round; an event of an older domain is none. */
    if (partition->has_event && partition->event.kind == HV_EVENT_DEATH &&
        partition->event.domid == event->domid)
        return;
    partition->event = *event;
    partition->has_event = true;
    partition->event_not_before.ms = 0;
    if (may_act(partition))
        act(host, partition);
}

void lifecycle_begin(struct host *host)
{
    host->lifecycle_timer =
        event_new(host->base, -1, 0, act_on_all, host);
    host->hv->on_event = on_event;
    host->hv->on_event_arg = host;
}

void lifecycle_end(struct host *host)
{
    if (host->lifecycle_timer)
        event_free(host->lifecycle_timer);
    host->lifecycle_timer = NULL;
}
