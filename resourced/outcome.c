/* What the end of a transaction means for its partitions. */
#include "resourced/outcome.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "resourced/epoch.h"
#include "resourced/host.h"
#include "resourced/operation.h"
#include "resourced/step_save.h"
#include "resourced/step_send.h"

void outcome_stopped(struct partition_row *row, const char *why)
{
    row->domid = HV_DOMID_NONE;
    row->preserved = false;
    row->paused = false;
    row->stopped_ms = clock_wall().ms;
    row->last_stop = why;
}

/* ---- events ---- */

static void was_created(const struct operation *op, struct event_batch *events)
{
    struct partition_row before = *op->row;

    before.domid = HV_DOMID_NONE;
    event_batch_add(events, op->host, WIRE_EVENT_CREATED, &before, "%s",
                    op->request.reason);
    if (op->domid != HV_DOMID_NONE)
        event_batch_add(events, op->host, WIRE_EVENT_STARTED, op->row, "%s",
                        op->request.paused ? "paused" : "");
}

static void was_started(const struct operation *op, struct event_batch *events)
{
    if (op->request.stream)
        event_batch_add(events, op->host, WIRE_EVENT_STARTED, op->row,
                        "came from %s", op->request.host);
    else
        event_batch_add(events, op->host, WIRE_EVENT_STARTED, op->row, "%s",
                        op->automatic        ? op->request.reason
                        : op->request.paused ? "paused"
                                             : "");
}

static void was_destroyed(const struct operation *op,
                          struct event_batch *events)
{
    struct partition_row row = *op->row;

    row.domid = op->old_domid;
    if (op->request.keep)
        event_batch_add(events, op->host, WIRE_EVENT_STOPPED, op->row,
                        "destroyed on request");
    else
        event_batch_add(events, op->host, WIRE_EVENT_DESTROYED, &row, "%s",
                        op->request.reason);
}

static void add_crash(const struct operation *op, struct event_batch *events)
{
    if (op->why == HV_SHUTDOWN_CRASH || op->why == HV_SHUTDOWN_WATCHDOG)
        event_batch_add(events, op->host, WIRE_EVENT_CRASHED,
                        &op->partition->row, "%s", op->request.reason);
}

static void has_stopped(const struct operation *op, struct event_batch *events)
{
    add_crash(op, events);
    event_batch_add(events, op->host, WIRE_EVENT_STOPPED, op->row, "%s",
                    op->request.reason);
    if (op->gave_up)
        event_batch_add(events, op->host, WIRE_EVENT_FAILED, op->row,
                        "it is not started again: %s", op->request.reason);
}

static void was_restarted(const struct operation *op,
                          struct event_batch *events)
{
    add_crash(op, events);
    if (op->why == HV_SHUTDOWN_REBOOT)
        event_batch_add(events, op->host, WIRE_EVENT_REBOOTED, op->row, "%s",
                        "");
    else
        event_batch_add(events, op->host, WIRE_EVENT_STARTED, op->row,
                        "%s, was built anew", op->request.reason);
}

static const char *amount(struct mem mem, char *buf, size_t size)
{
    return units_mem_format(mem, buf, size);
}

/* What has changed, in a few words. */
static void describe(const struct operation *op, char *buf, size_t size)
{
    const struct wire_operation *r = &op->request;
    const char *device = op->device[0] ? op->device : r->device;
    char mem[32];

    snprintf(buf, size, "%s", "");
    if (op->kind == WIRE_OP_PAUSE)
        snprintf(buf, size, "paused");
    else if (op->kind == WIRE_OP_UNPAUSE)
        snprintf(buf, size, "runs on");
    else if (op->kind == WIRE_OP_MEMORY_SET)
        snprintf(buf, size, "memory %s",
                 op->partial ? op->text
                             : amount(r->memory, mem, sizeof(mem)));
    else if (op->kind == WIRE_OP_MEMORY_MAX)
        snprintf(buf, size, "max_memory %s",
                 amount(r->memory, mem, sizeof(mem)));
    else if (op->kind == WIRE_OP_VCPUS)
        snprintf(buf, size, "vcpus %u", r->vcpus);
    else if (op->kind == WIRE_OP_PIN)
        snprintf(buf, size, "affinity %s%s%s", r->cpus,
                 r->cpus_soft[0] ? " soft " : "", r->cpus_soft);
    else if (op->kind == WIRE_OP_SCHED)
        snprintf(buf, size, "weight %u, cap %u", op->row->live.cpu_weight,
                 op->row->live.cpu_cap);
    else if (op->kind == WIRE_OP_POOL_SET)
        snprintf(buf, size, "%s %llu", r->pool, (unsigned long long)r->amount);
    else if (op->kind == WIRE_OP_SAVE)
        snprintf(buf, size, "saved to %s", r->file);
    else
        snprintf(buf, size, "%s %s", device,
                 op->kind == WIRE_OP_DISK_ATTACH ||
                         op->kind == WIRE_OP_NIC_ATTACH ||
                         op->kind == WIRE_OP_PCI_ATTACH
                     ? "attached"
                     : "detached");
}

static void has_changed(const struct operation *op, struct event_batch *events)
{
    char text[400];

    describe(op, text, sizeof(text));
    event_batch_add(events, op->host, WIRE_EVENT_CHANGED, op->row, "%s%s",
                    text, op->request.live_only ? ", for the time" : "");
}

static void add_events(const struct operation *op, struct event_batch *events)
{
    switch (op->kind) {
    case WIRE_OP_NONE:
    case WIRE_OP_SHUTDOWN:
    case WIRE_OP_REBOOT:
        return;
    case WIRE_OP_CREATE:
        was_created(op, events);
        return;
    case WIRE_OP_START:
        was_started(op, events);
        return;
    case WIRE_OP_DESTROY:
        was_destroyed(op, events);
        return;
    case WIRE_OP_RENAME:
        event_batch_add(events, op->host, WIRE_EVENT_RENAMED, op->row,
                        "was %s", op->partition->row.name);
        return;
    case WIRE_OP_STOP:
        has_stopped(op, events);
        return;
    case WIRE_OP_RESTART:
        was_restarted(op, events);
        return;
    case WIRE_OP_SEND:
        event_batch_add(events, op->host, WIRE_EVENT_STOPPED, op->row, "%s",
                        op->row->last_stop);
        was_destroyed(op, events);
        return;
    case WIRE_OP_SAVE:
        if (!op->request.resume)
            event_batch_add(events, op->host, WIRE_EVENT_STOPPED, op->row,
                            "%s", op->row->last_stop);
        if (op->forgets)
            was_destroyed(op, events);
        else
            has_changed(op, events);
        return;
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
    case WIRE_OP_MEMORY_SET:
    case WIRE_OP_MEMORY_MAX:
    case WIRE_OP_VCPUS:
    case WIRE_OP_PIN:
    case WIRE_OP_SCHED:
    case WIRE_OP_DISK_ATTACH:
    case WIRE_OP_DISK_DETACH:
    case WIRE_OP_NIC_ATTACH:
    case WIRE_OP_NIC_DETACH:
    case WIRE_OP_PCI_ATTACH:
    case WIRE_OP_PCI_DETACH:
    case WIRE_OP_POOL_SET:
        has_changed(op, events);
        return;
    }
}

/* ---- rows ---- */

/* The place of the partition's row, made when there is none. */
static struct partition_row *put_row(struct outcome *outcome,
                                     struct partition *partition,
                                     const struct partition_row *from)
{
    for (size_t i = 0; i < outcome->n_put; i++)
        if (outcome->put[i] == partition)
            return &outcome->rows[i];
    size_t at = outcome->n_put++;
    outcome->put[at] = partition;
    outcome->rows[at] = *from;
    outcome->rows[at].generation = partition->row.generation + 1;
    return &outcome->rows[at];
}

static bool is_forgotten(const struct transaction *t,
                         const struct partition *partition)
{
    for (size_t i = 0; i < t->n_operations; i++)
        if (t->operations[i].partition == partition &&
            t->operations[i].forgets)
            return true;
    return false;
}

/* Of what had a part in a move. */
static void put_epoch(const struct operation *op, bool gone,
                      struct outcome *ret)
{
    const struct vdc_uuid *uuid = &op->partition->row.uuid;
    uint64_t known = epoch_of(op->host, uuid);
    size_t at = 0;

    if (!op->request.epoch)
        return;
    while (at < ret->n_epochs && !uuid_equal(&ret->epochs[at].uuid, uuid))
        at++;
    if (at == ret->n_epochs)
        ret->n_epochs++;
    ret->epochs[at] = (struct stored_epoch){
        .uuid = *uuid,
        .epoch = op->request.epoch > known ? op->request.epoch : known,
        .gone = gone,
    };
}

void outcome_committed(const struct transaction *t, struct outcome *ret)
{
    for (size_t i = 0; i < t->n_operations; i++) {
        const struct operation *op = &t->operations[i];
        put_epoch(op, op->kind == WIRE_OP_SEND, ret);
        add_events(op, &ret->events);
        if (op->forgets)
            ret->forget[ret->n_forget++] = op->partition;
        else if (operation_changes_row(op) && !is_forgotten(t, op->partition))
            put_row(ret, op->partition, op->row);
    }
}

static const char *why_ended(const struct operation *op)
{
    if (op->kind == WIRE_OP_STOP || op->kind == WIRE_OP_RESTART)
        return op->request.reason;
    if (op->kind == WIRE_OP_SEND)
        return step_send_reason(op);
    return op->kind == WIRE_OP_SAVE ? step_save_reason(op)
                                    : "destroyed on request";
}

/* The old domain was ended, and what was to follow did not. */
static void ended_only(const struct operation *op, struct outcome *ret)
{
    struct partition_row *row =
        put_row(ret, op->partition, &op->partition->row);

    add_crash(op, &ret->events);
    outcome_stopped(row, why_ended(op));
    row->wanted_running = false;
    event_batch_add(&ret->events, op->host, WIRE_EVENT_STOPPED, row, "%s",
                    row->last_stop);
}

static void failed_one(const struct operation *op, struct outcome *ret)
{
    const struct partition_row *before = &op->partition->row;
    struct partition_row *row;

    if (op->kind == WIRE_OP_SEND)
        put_epoch(op, false, ret); /* an order of that move is old now */
    if (op->ended_domain)
        ended_only(op, ret);
    if (op->kind == WIRE_OP_START && op->automatic) {
        /* It had its chance at this boot; it stays wanted. */
        row = put_row(ret, op->partition, before);
        row->boot_id = op->host->boot_id;
        row->domid = HV_DOMID_NONE;
    }
    if (op->kind == WIRE_OP_RESTART || op->automatic)
        event_batch_add(&ret->events, op->host, WIRE_EVENT_FAILED, before,
                        "it could not be started: %.200s", op->t->err.text);
    if (op->domid != HV_DOMID_NONE && !op->partition->pending) {
        /* What it built cannot be ended: said, so that a person can. */
        row = put_row(ret, op->partition, before);
        row->domid = op->domid;
        row->boot_id = op->host->boot_id;
    }
}

void outcome_failed(const struct transaction *t, struct outcome *ret)
{
    for (size_t i = 0; i < t->n_operations; i++)
        if (t->operations[i].partition && t->operations[i].row)
            failed_one(&t->operations[i], ret);
}

void outcome_into(struct outcome *outcome, struct host *host,
                  struct arena *arena, struct store_change *ret)
{
    const struct partition_row **rows =
        ARENA_ARRAY(arena, outcome->n_put, const struct partition_row *);
    struct vdc_uuid *forget =
        ARENA_ARRAY(arena, outcome->n_forget, struct vdc_uuid);

    for (size_t i = 0; i < outcome->n_put; i++) {
        rows[i] = &outcome->rows[i];
        resources_plan(host->resources, &rows[i]->uuid, rows[i], arena,
                       &outcome->resources);
    }
    for (size_t i = 0; i < outcome->n_forget; i++) {
        forget[i] = outcome->forget[i]->row.uuid;
        resources_plan(host->resources, &forget[i], NULL, arena,
                       &outcome->resources);
    }
    resources_into(&outcome->resources, ret);
    ret->put = rows;
    ret->n_put = outcome->n_put;
    ret->forget = forget;
    ret->n_forget = outcome->n_forget;
    ret->epochs = outcome->epochs;
    ret->n_epochs = outcome->n_epochs;
}

void outcome_note(const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->events.n_events; i++) {
        const struct wire_event *event = &outcome->events.events[i];
        for (size_t j = 0; j < outcome->n_put; j++) {
            struct partition *partition = outcome->put[j];
            if (!uuid_equal(&partition->row.uuid, &event->uuid))
                continue;
            snprintf(partition->last_change, sizeof(partition->last_change),
                     "%s%s%.80s",
                     wire_enum_word(&wire_enum_event_kind, (int)event->kind),
                     event->text[0] ? ": " : "", event->text);
        }
    }
}

void outcome_take(struct outcome *outcome, struct host *host)
{
    resources_take(host->resources, &outcome->resources);
    for (size_t i = 0; i < outcome->n_epochs; i++)
        epoch_take(host, &outcome->epochs[i]);
    for (size_t i = 0; i < outcome->n_forget; i++)
        outcome->forget[i]->pending = true;
    for (size_t i = 0; i < outcome->n_put; i++) {
        outcome->put[i]->pending = false;
        int rc = partition_set_row(outcome->put[i], &outcome->rows[i], NULL);
        assert(rc == 0); /* its parts were encoded before */
        (void)rc;
    }
}
