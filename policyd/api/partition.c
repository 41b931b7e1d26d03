/*
 * What the files about guests share; and showing a guest, and what it has.
 */
#include "policyd/api/partition.h"

#include <string.h>

#include "base/log.h"
#include "policyd/api/lookup.h"
#include "policyd/api/operations.h"
#include "policyd/fence/keep.h"

void partition_present(const struct operations *ops, struct wire_partition *p)
{
    const struct assignment *a =
        p->managed ? book_assignment(ops->book, &p->uuid) : NULL;

    if (!a)
        return;
    p->customer = a->customer->name;
    if (a->state != ASSIGNMENT_RENAMING)
        p->name = a->name;
    p->host = a->host;
}

static void note_runs(const struct operations *ops, struct assignment *a,
                      bool runs, uint64_t at_ms)
{
    struct vdc_error err = { 0 };

    if (book_assignment_runs(ops->book, a, runs, at_ms, &err))
        log_error("that guest '%s' %s is not recorded: %s", a->name,
                  runs ? "runs" : "has stopped", err.text);
}

void partition_note_state(const struct operations *ops,
                          const struct wire_partition *p)
{
    struct assignment *a =
        p->managed ? book_assignment(ops->book, &p->uuid) : NULL;

    if (!a)
        return;
    keep_note(ops->keep, a, p);
    bool runs = p->state != WIRE_STOPPED && p->state != WIRE_PRESERVED;
    /* it is not up to its host alone whether it is started */
    if (p->held && !runs)
        return;
    /* it stopped and was started again while nobody looked */
    if (runs && a->runs && p->stopped_ms > a->since_ms &&
        p->started_ms > p->stopped_ms)
        note_runs(ops, a, false, p->stopped_ms);
    note_runs(ops, a, runs, runs ? p->started_ms : p->stopped_ms);
}

void partition_note_event(const struct operations *ops,
                          const struct wire_event *event)
{
    struct assignment *a = book_assignment(ops->book, &event->uuid);

    if (a && (event->kind == WIRE_EVENT_STARTED ||
              event->kind == WIRE_EVENT_REBOOTED))
        note_runs(ops, a, true, event->time_ms);
    if (a && (event->kind == WIRE_EVENT_CHANGED ||
              event->kind == WIRE_EVENT_RENAMED))
        keep_look(ops->keep, a);
    if (a && event->kind == WIRE_EVENT_STOPPED)
        note_runs(ops, a, false, event->time_ms);
}

void partition_more(void *arg, const struct wire_frame *frame)
{
    if (frame->message->number == WIRE_MSG_progress)
        request_more(arg, WIRE_MSG_progress, frame->body);
}

bool partition_outcome_unknown(const struct vdc_error *err)
{
    return err->code == VDC_E_CLOSED || err->code == VDC_E_PROTOCOL ||
           err->code == VDC_E_INTERNAL || err->code == VDC_E_STORE_CORRUPT;
}

int partition_missing(const char *name, const char *host,
                      struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND,
                  "guest '%s' is assigned to host %s, which does not know it "
                  "any more",
                  name, host);
    vdc_error_hint(err, "`xl-vdc destroy %s` forgets it; then create it anew",
                   name);
    return VDC_E_NOT_FOUND;
}

int partition_check_name_free(const struct operations *ops,
                              const struct customer *customer,
                              const char *name, struct vdc_error *err)
{
    char prefix[NAMES_CUSTOMER_MAX + 1];
    const char *rest;

    if (book_assignment_by_name(customer, name))
        return vdc_error_set(err, VDC_E_EXISTS,
                             "there is a guest '%s' already", name);
    if (customer->builtin && names_split(name, prefix, &rest) &&
        book_customer(ops->book, prefix))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' would look like a guest of customer %s",
                             name, prefix);
    return 0;
}

/* ---- what a guest is, and what it has ---- */

static void failed(struct request *request, const struct vdc_error *why)
{
    const struct assignment *a =
        book_assignment(request->ops->book, request->owner);
    struct vdc_error err = *why;

    if (err.code == VDC_E_NOT_FOUND && a && book_moves(a))
        lookup_check_idle(a, &err);
    else if (err.code == VDC_E_NOT_FOUND && a)
        partition_missing(a->name, a->host, &err);
    request_fail(request, &err);
}

static void shown(void *arg, const void *answer, const struct vdc_error *err)
{
    struct request *request = arg;

    if (err) {
        failed(request, err);
        return;
    }
    struct wire_partition_reply reply =
        *(const struct wire_partition_reply *)answer;
    partition_present(request->ops, &reply.partition);
    reply.definition.name = reply.partition.name;
    if (*reply.live.name)
        reply.live.name = reply.partition.name;
    request_reply(request, WIRE_MSG_partition_reply, &reply);
}

static void devices_listed(void *arg, const void *answer,
                           const struct vdc_error *err)
{
    struct request *request = arg;

    if (err) {
        failed(request, err);
        return;
    }
    struct wire_device_list list = *(const struct wire_device_list *)answer;
    partition_present(request->ops, &list.partition);
    request_reply(request, WIRE_MSG_device_list_reply, &list);
}

static void found(struct request *request, struct assignment *a)
{
    bool devices = request->message->number == WIRE_MSG_device_list;
    struct wire_partition_ref ref =
        *(const struct wire_partition_ref *)request->body;
    struct vdc_error err = { 0 };

    ref.customer = "";
    ref.name = a->name;
    ref.uuid = a->uuid;
    ref.new_xen_name = "";
    request->owner = arena_memdup(request->arena, &a->uuid, sizeof(a->uuid));
    struct service *service;
    if (hosts_service(request->ops->hosts, a->host, &service, &err) ||
        service_act(service, request->message->number, &ref,
                    devices ? devices_listed : shown, partition_more, request,
                    &request->call, &err))
        request_fail(request, &err);
}

void partition_show(struct request *request)
{
    lookup_guest(request, request->body, found);
}
