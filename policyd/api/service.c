/*
 * The resource service of one host; see service.h.  What it does about files
 * is in service_files.c.
 */
#include "policyd/api/service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chan/chan.h"
#include "files/files.h"
#include "policyd/api/service_impl.h"
#include "policyd/hosts/dial.h"

/* ---- requests ---- */

struct call {
    struct service *service;
    service_done_fn *done;
    service_more_fn *more;
    void *arg;
};

static void call_done(void *arg, const struct wire_frame *answer,
                      const struct vdc_error *err)
{
    struct call *call = arg;

    call->done(call->arg, answer ? answer->body : NULL, err);
    free(call);
}

static void call_more(void *arg, const struct wire_frame *frame)
{
    struct call *call = arg;

    if (call->more)
        call->more(call->arg, frame);
}

static bool only_looks(enum wire_message_number number, const void *body)
{
    switch (number) {
    case WIRE_MSG_host_show:
    case WIRE_MSG_events:
    case WIRE_MSG_partition_list:
    case WIRE_MSG_partition_show:
    case WIRE_MSG_device_list:
    case WIRE_MSG_resource_list:
    case WIRE_MSG_lease_list:
    case WIRE_MSG_image_look:
        return true;
    case WIRE_MSG_transaction:
        return ((const struct wire_transaction *)body)->dry_run;
    default:
        return false;
    }
}

static int send_call(struct service *s, enum wire_message_number number,
                     const void *body, command_done_fn *finish,
                     service_done_fn *done, service_more_fn *more, void *arg,
                     struct service_call *ret_call, struct vdc_error *err)
{
    struct service_call sent = { .service = s };

    if (s->notify.check_may && !only_looks(number, body)) {
        int rc = s->notify.check_may(s->notify.arg, err);
        if (rc)
            return rc;
    }
    struct call *call = XNEW(struct call);
    *call = (struct call){ s, done, more, arg };
    int rc = command_send(s->command, number, body, finish, call_more, call,
                          &sent.number, err);
    if (rc)
        free(call);
    else if (ret_call)
        *ret_call = sent;
    return rc;
}

int service_create(struct service *s,
                   const struct wire_partition_create *order,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   struct service_call *ret_call, struct vdc_error *err)
{
    struct wire_partition_create full = *order;

    full.host_reserve = s->setup->host_memory_reserve;
    full.dom0_keep = s->setup->dom0_memory_keep;
    return send_call(s, WIRE_MSG_partition_create, &full, call_done, done,
                     more, arg, ret_call, err);
}

int service_act(struct service *s, enum wire_message_number number,
                const struct wire_partition_ref *ref, service_done_fn *done,
                service_more_fn *more, void *arg,
                struct service_call *ret_call, struct vdc_error *err)
{
    struct wire_partition_ref full = *ref;

    full.host_reserve = s->setup->host_memory_reserve;
    full.dom0_keep = s->setup->dom0_memory_keep;
    return send_call(s, number, &full, call_done, done, more, arg, ret_call,
                     err);
}

int service_transaction(struct service *s,
                        const struct wire_transaction *order,
                        service_done_fn *done, service_more_fn *more,
                        void *arg, struct service_call *ret_call,
                        struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct wire_transaction full = *order;

    full.operations =
        arena_memdup(arena, order->operations,
                     order->n_operations * sizeof(*order->operations));
    for (uint32_t i = 0; i < full.n_operations; i++) {
        full.operations[i].host_reserve = s->setup->host_memory_reserve;
        full.operations[i].dom0_keep = s->setup->dom0_memory_keep;
    }
    int rc = send_call(s, WIRE_MSG_transaction, &full, call_done, done, more,
                       arg, ret_call, err);
    arena_free(arena);
    return rc;
}

int service_lease(struct service *s, const struct wire_lease *lease,
                  service_done_fn *done, void *arg, struct vdc_error *err)
{
    struct wire_lease full = *lease;

    full.host_reserve = s->setup->host_memory_reserve;
    return send_call(s, WIRE_MSG_lease_create, &full, call_done, done, NULL,
                     arg, NULL, err);
}

int service_ask(struct service *s, enum wire_message_number number,
                const void *body, service_done_fn *done, service_more_fn *more,
                void *arg, struct service_call *ret_call,
                struct vdc_error *err)
{
    return send_call(s, number, body, call_done, done, more, arg, ret_call,
                     err);
}

void service_cancel(const struct service_call *call)
{
    if (call->service)
        command_cancel(call->service->command, call->number);
}

int service_events(struct service *s, uint64_t since, service_done_fn *done,
                   service_more_fn *more, void *arg, struct vdc_error *err)
{
    struct wire_events_query query;

    wire_init(&wire_struct_events_query, &query);
    query.since = since;
    return send_call(s, WIRE_MSG_events, &query, call_done, done, more, arg,
                     NULL, err);
}

/* What this host's policy leaves for guests. */
static struct mem available(const struct setup *setup,
                            const struct wire_host *host)
{
    uint64_t kib = host->free_memory.kib;
    uint64_t keep = setup->dom0_memory_keep.kib;
    uint64_t reserve = setup->host_memory_reserve.kib;

    if (keep && host->dom0_memory.kib > keep)
        kib += host->dom0_memory.kib - keep;
    return MEM_KIB(kib > reserve ? kib - reserve : 0);
}

static void host_done(void *arg, const struct wire_frame *answer,
                      const struct vdc_error *err)
{
    struct call *call = arg;
    const struct wire_host_list *list = answer ? answer->body : NULL;
    struct vdc_error none = { 0 };

    if (list && list->n_hosts == 1) {
        struct wire_host host = list->hosts[0];
        host.name = call->service->name;
        host.available_memory = available(call->service->setup, &host);
        call->done(call->arg, &host, NULL);
    } else {
        if (list)
            vdc_error_set(&none, VDC_E_PROTOCOL,
                          "resourced described %u hosts instead of one",
                          list->n_hosts);
        call->done(call->arg, NULL, list ? &none : err);
    }
    free(call);
}

int service_report(struct service *s, service_done_fn *done, void *arg,
                   struct vdc_error *err)
{
    struct wire_empty empty = { 0 };

    return send_call(s, WIRE_MSG_host_show, &empty, host_done, done, NULL, arg,
                     NULL, err);
}

/* ---- what a guest has ---- */

static void measure_done(void *arg, const struct wire_frame *answer,
                         const struct vdc_error *err)
{
    struct call *call = arg;
    struct service_measured measured = { 0 };

    if (answer) {
        /* decoded for us alone */
        struct wire_partition_reply *shown = answer->body;
        measured.shown = shown;
        measured.grown = shown->grown;
        if (!call->service->is_away) {
            measured.grown = files_measure(&shown->definition);
            measured.grown |= files_measure(&shown->live);
        }
    }
    call->done(call->arg, answer ? &measured : NULL, err);
    free(call);
}

int service_measure(struct service *s, const struct vdc_uuid *uuid,
                    service_done_fn *done, void *arg, struct vdc_error *err)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = *uuid;
    ref.measure = s->is_away;
    return send_call(s, WIRE_MSG_partition_show, &ref, measure_done, done,
                     NULL, arg, NULL, err);
}

/* ---- the connection ---- */

static void follow_event(void *arg, const struct wire_frame *frame)
{
    struct service *s = arg;
    const struct wire_event *event = frame->body;

    if (frame->message->number != WIRE_MSG_event)
        return;
    if (event->number > s->last_event || event->kind == WIRE_EVENT_MISSED)
        s->last_event = event->number;
    s->notify.event(s->notify.arg, event);
}

static void follow_done(void *arg, const struct wire_frame *answer,
                        const struct vdc_error *err)
{
    struct service *s = arg;

    s->follows = false;
    if (err && err->code != VDC_E_CLOSED)
        log_error("resourced of host %s sends no events: %s", s->name,
                  err->text);
}

static void follow(struct service *s)
{
    struct wire_events_query query;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_events_query, &query);
    query.since = s->last_event;
    query.follow = true;
    s->follows = true;
    if (command_send(s->command, WIRE_MSG_events, &query, follow_done,
                     follow_event, s, NULL, &err)) {
        s->follows = false;
        log_error("asking host %s for events: %s", s->name, err.text);
    }
}

static void command_up(void *arg)
{
    struct service *s = arg;

    follow(s);
    s->notify.up(s->notify.arg);
}

void service_resume(struct service *s)
{
    if (!s->follows && command_is_up(s->command))
        follow(s);
}

static void command_down(void *arg)
{
    struct service *s = arg;

    s->notify.down(s->notify.arg);
}

struct service *service_new(struct event_base *base, const struct setup *setup,
                            const struct service_host *host,
                            const struct service_notify *notify)
{
    struct service *s = XNEW(struct service);
    const struct command_notify command_notify = { command_up, command_down,
                                                   s };
    s->base = base;
    s->setup = setup;
    s->notify = *notify;
    s->name = xstrdup(host->name);
    s->address = xstrdup(host->address);
    s->certificate = xstrdup(host->certificate);
    s->certificate_next = xstrdup(host->certificate_next);
    s->is_away = chan_address_is_channel(s->address) ||
        dial_is_address(s->address);
    TAILQ_INIT(&s->examinations);
    LIST_INIT(&s->saved);
    char *whose = host->own ? xstrdup("") : xasprintf("host %s: ", s->name);
    const struct command_to to = { s->address, setup->channel_socket,
                                   { s->name, s->certificate,
                                     s->certificate_next, host->dc } };
    s->command = command_new(base, whose, &to, &command_notify);
    free(whose);
    return s;
}

void service_stop(struct service *s)
{
    service_files_stop(s);
    command_stop(s->command);
}

void service_free(struct service *s)
{
    if (!s)
        return;
    service_stop(s);
    command_free(s->command);
    service_files_free(s);
    free(s->name);
    free(s->address);
    free(s->certificate);
    free(s->certificate_next);
    free(s);
}

void service_set_certificates(struct service *s, const char *certificate,
                              const char *next)
{
    char *before = s->certificate, *next_before = s->certificate_next;

    s->certificate = xstrdup(certificate);
    s->certificate_next = xstrdup(next);
    command_set_certificates(s->command, s->certificate, s->certificate_next);
    free(before);
    free(next_before);
}

const char *service_host_name(const struct service *s)
{
    return s->name;
}

const char *service_address(const struct service *s)
{
    return s->address;
}

bool service_is_away(const struct service *s)
{
    return s->is_away;
}

const char *service_version(const struct service *s)
{
    return command_version(s->command);
}

const char *service_why_down(const struct service *s)
{
    return command_why_down(s->command);
}

int service_why_code(const struct service *s)
{
    return command_why_code(s->command);
}

int service_down_error(const struct service *s, struct vdc_error *err)
{
    return command_down_error(s->command, err);
}
