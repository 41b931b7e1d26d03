/* What the end of a transaction means for its partition. */
#include "resourced/outcome.h"

#include <stdio.h>

#include "base/clock.h"
#include "resourced/host.h"

void outcome_stopped(struct partition_row *row, const char *why)
{
    row->domid = HV_DOMID_NONE;
    row->preserved = false;
    row->stopped_ms = clock_wall().ms;
    row->last_stop = why;
}

static void runs(const struct transaction *t, struct outcome *ret)
{
    ret->row.domid = t->domid;
    ret->row.boot_id = t->host->boot_id;
    ret->row.started_ms = t->built_ms;
    ret->row.wanted_running = true;
    ret->row.preserved = false;
}

static void was_created(const struct transaction *t, struct outcome *ret)
{
    ret->row.boot_id = t->host->boot_id;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_CREATED, &ret->row,
                    "%s", "");
    if (t->domid == HV_DOMID_NONE)
        return;
    runs(t, ret);
    event_batch_add(&ret->events, t->host, WIRE_EVENT_STARTED, &ret->row,
                    "%s", t->request.paused ? "paused" : "");
}

static void was_started(const struct transaction *t, struct outcome *ret)
{
    runs(t, ret);
    ret->row.restarts = 0;
    ret->row.host_reserve = t->request.host_reserve;
    ret->row.dom0_keep = t->request.dom0_keep;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_STARTED, &ret->row,
                    "%s",
                    t->automatic        ? "the host has booted"
                    : t->request.paused ? "paused"
                                        : "");
}

static void was_destroyed(const struct transaction *t, struct outcome *ret)
{
    if (t->request.keep) {
        outcome_stopped(&ret->row, "destroyed on request");
        ret->row.wanted_running = false;
        event_batch_add(&ret->events, t->host, WIRE_EVENT_STOPPED, &ret->row,
                        "destroyed on request");
        return;
    }
    ret->changes_row = false;
    ret->forgets = true;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_DESTROYED, &ret->row,
                    "%s", "");
}

static void was_renamed(const struct transaction *t, struct outcome *ret)
{
    ret->row.name = t->request.new_name;
    ret->row.definition.name = t->request.new_name;
    ret->row.xen_name = t->request.new_xen_name;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_RENAMED, &ret->row,
                    "was %s", t->partition->row.name);
}

static bool is_crash(const struct transaction *t)
{
    return t->why == HV_SHUTDOWN_CRASH || t->why == HV_SHUTDOWN_WATCHDOG;
}

static void add_crash(const struct transaction *t, struct outcome *ret)
{
    if (is_crash(t))
        event_batch_add(&ret->events, t->host, WIRE_EVENT_CRASHED,
                        &t->partition->row, "%s", t->reason);
}

static void has_stopped(const struct transaction *t, struct outcome *ret)
{
    add_crash(t, ret);
    outcome_stopped(&ret->row, t->reason);
    ret->row.wanted_running = false;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_STOPPED, &ret->row,
                    "%s", t->reason);
    if (t->gave_up)
        event_batch_add(&ret->events, t->host, WIRE_EVENT_FAILED, &ret->row,
                        "it is not started again: %s", t->reason);
}

static void was_restarted(const struct transaction *t, struct outcome *ret)
{
    add_crash(t, ret);
    runs(t, ret);
    ret->row.restarts++;
    ret->row.last_stop = t->reason;
    ret->row.stopped_ms = t->built_ms;
    if (t->why == HV_SHUTDOWN_REBOOT)
        event_batch_add(&ret->events, t->host, WIRE_EVENT_REBOOTED, &ret->row,
                        "%s", "");
    else
        event_batch_add(&ret->events, t->host, WIRE_EVENT_STARTED, &ret->row,
                        "%s, was built anew", t->reason);
}

void outcome_committed(const struct transaction *t, struct outcome *ret)
{
    ret->row = t->partition->row;
    ret->changes_row = true;
    switch (t->kind) {
    case TRANSACTION_CREATE:
        was_created(t, ret);
        return;
    case TRANSACTION_START:
        was_started(t, ret);
        return;
    case TRANSACTION_SHUTDOWN:
    case TRANSACTION_REBOOT:
        ret->changes_row = false; /* the guest's answer is an event */
        return;
    case TRANSACTION_DESTROY:
        was_destroyed(t, ret);
        return;
    case TRANSACTION_RENAME:
        was_renamed(t, ret);
        return;
    case TRANSACTION_STOP:
        has_stopped(t, ret);
        return;
    case TRANSACTION_RESTART:
        was_restarted(t, ret);
        return;
    }
}

/* The old domain was ended, and what was to follow did not. */
static void ended_only(const struct transaction *t, struct outcome *ret)
{
    ret->changes_row = true;
    add_crash(t, ret);
    outcome_stopped(&ret->row, t->kind == TRANSACTION_DESTROY
                                   ? "destroyed on request"
                                   : t->reason);
    ret->row.wanted_running = false;
    event_batch_add(&ret->events, t->host, WIRE_EVENT_STOPPED, &ret->row,
                    "%s", ret->row.last_stop);
}

void outcome_failed(const struct transaction *t, struct outcome *ret)
{
    ret->row = t->partition->row;
    if (t->ended_domain)
        ended_only(t, ret);
    if (t->kind == TRANSACTION_START && t->automatic) {
        /* It had its chance at this boot; it stays wanted. */
        ret->changes_row = true;
        ret->row.boot_id = t->host->boot_id;
        ret->row.domid = HV_DOMID_NONE;
    }
    if (t->kind == TRANSACTION_RESTART || t->automatic)
        event_batch_add(&ret->events, t->host, WIRE_EVENT_FAILED, &ret->row,
                        "it could not be started: %.200s", t->err.text);
    if (t->domid != HV_DOMID_NONE && !t->partition->pending) {
        /* What it built cannot be ended: said, so that a person can. */
        ret->changes_row = true;
        ret->row.domid = t->domid;
        ret->row.boot_id = t->host->boot_id;
    }
}
