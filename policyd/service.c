/*
 * The resource service of this host; see service.h.
 */
#include "policyd/service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "policyd/command.h"
#include "policyd/files.h"
#include "policyd/policy.h"

struct service {
    struct event_base *base;
    const struct setup *setup;
    struct service_notify notify;
    struct command *command;
    uint64_t last_event; /* number seen last; they rise, but for `missed` */
    bool follows;        /* events come */
    TAILQ_HEAD(, examination) examinations;
};

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

static int send_call(struct service *s, enum wire_message_number number,
                     const void *body, command_done_fn *finish,
                     service_done_fn *done, service_more_fn *more, void *arg,
                     uint32_t *ret_call, struct vdc_error *err)
{
    struct call *call = XNEW(struct call);

    *call = (struct call){ s, done, more, arg };
    int rc = command_send(s->command, number, body, finish, call_more, call,
                          ret_call, err);
    if (rc)
        free(call);
    return rc;
}

int service_create(struct service *s,
                   const struct wire_partition_create *order,
                   service_done_fn *done, service_more_fn *more, void *arg,
                   uint32_t *ret_call, struct vdc_error *err)
{
    struct wire_partition_create full = *order;

    full.host_reserve = s->setup->host_memory_reserve;
    full.dom0_keep = s->setup->dom0_memory_keep;
    return send_call(s, WIRE_MSG_partition_create, &full, call_done, done,
                     more, arg, ret_call, err);
}

int service_act(struct service *s, enum wire_message_number number,
                const struct wire_partition_ref *ref, service_done_fn *done,
                service_more_fn *more, void *arg, uint32_t *ret_call,
                struct vdc_error *err)
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
                        void *arg, uint32_t *ret_call, struct vdc_error *err)
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
                void *arg, uint32_t *ret_call, struct vdc_error *err)
{
    return send_call(s, number, body, call_done, done, more, arg, ret_call,
                     err);
}

void service_cancel(struct service *s, uint32_t call)
{
    command_cancel(s->command, call);
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
        host.name = call->service->setup->host_name;
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

int service_host(struct service *s, service_done_fn *done, void *arg,
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
        measured.grown = files_measure(&shown->definition);
        measured.grown |= files_measure(&shown->live);
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
    return send_call(s, WIRE_MSG_partition_show, &ref, measure_done, done,
                     NULL, arg, NULL, err);
}

struct mem service_measure_saved(const struct service *s, const char *customer)
{
    struct arena *arena = arena_new();
    const struct files files = { &s->setup->customer_paths, customer, true,
                                 arena };
    struct mem saved = files_measure_saved(&files);

    arena_free(arena);
    return saved;
}

/* ---- looking at operations ---- */

struct examination {
    TAILQ_ENTRY(examination) link;
    struct service *service;
    struct arena *arena; /* holds this */
    struct event *soon;
    struct wire_transaction order;
    struct reasons reasons;
    bool refused[SERVICE_OPERATIONS_MAX];
    struct vdc_error err;
    service_done_fn *done;
    void *arg;
};

static void examination_end(struct examination *e)
{
    const struct service_examined examined = { &e->order, &e->reasons,
                                               e->refused };

    TAILQ_REMOVE(&e->service->examinations, e, link);
    event_free(e->soon);
    e->done(e->arg, e->err.code ? NULL : &examined,
            e->err.code ? &e->err : NULL);
    arena_free(e->arena);
}

static void examination_done(evutil_socket_t fd, short what, void *arg)
{
    examination_end(arg);
}

static void examine(const struct setup *setup, const struct files *files,
                    struct wire_operation *op, struct reasons *reasons)
{
    const struct policy policy = { .bridges = &setup->customer_bridges };

    if (op->kind == WIRE_OP_CREATE) {
        policy_check(&policy, files->customer, files->restricted,
                     &op->definition, reasons);
        files_check(files, &op->definition, reasons);
    } else if (op->kind == WIRE_OP_DISK_ATTACH) {
        policy_check_disk(files->customer, files->restricted, &op->disk,
                          reasons);
        files_check_disk(files, &op->disk, reasons);
    } else if (op->kind == WIRE_OP_NIC_ATTACH) {
        policy_check_nic(&policy, files->customer, files->restricted, "vif",
                         &op->nic, reasons);
    } else if (op->kind == WIRE_OP_SAVE) {
        files_check_save(files, &op->uuid, &op->file, reasons);
        op->replace = true;
    } else if (op->kind == WIRE_OP_START && *op->file) {
        files_check_restore(files, &op->uuid, &op->file, reasons);
    }
}

int service_examine(struct service *s, const struct wire_transaction *order,
                    const char *const *customers, bool restricted,
                    service_done_fn *done, void *arg, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct examination *e = ARENA_NEW(arena, struct examination);
    const struct timeval now = { 0, 0 };

    *e = (struct examination){
        .service = s, .arena = arena, .done = done, .arg = arg
    };
    int rc = wire_struct_copy(&wire_struct_transaction, order, arena,
                              &e->order, err);
    if (rc) {
        arena_free(arena);
        return rc;
    }
    for (uint32_t i = 0; i < e->order.n_operations; i++) {
        const struct files files = { &s->setup->customer_paths, customers[i],
                                     restricted, arena };
        struct reasons *own = ARENA_NEW(arena, struct reasons);
        if (*customers[i])
            examine(s->setup, &files, &e->order.operations[i], own);
        for (size_t j = 0; j < own->n_errors; j++)
            reasons_add(&e->reasons, &own->errors[j]);
        e->reasons.n_more += own->n_more;
        e->refused[i] = own->n_errors > 0;
    }
    e->soon = evtimer_new(s->base, examination_done, e);
    if (!e->soon || evtimer_add(e->soon, &now))
        abort(); /* no memory: as everywhere */
    TAILQ_INSERT_TAIL(&s->examinations, e, link);
    return 0;
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
        log_error("resourced sends no events: %s", err->text);
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
        log_error("asking for events: %s", err.text);
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
                            const struct service_notify *notify)
{
    struct service *s = XNEW(struct service);
    const struct command_notify command_notify = { command_up, command_down,
                                                   s };
    s->base = base;
    s->setup = setup;
    s->notify = *notify;
    TAILQ_INIT(&s->examinations);
    s->command = command_new(base, setup->command_address, &command_notify);
    return s;
}

void service_free(struct service *s)
{
    struct examination *e;

    if (!s)
        return;
    while ((e = TAILQ_FIRST(&s->examinations))) {
        vdc_error_set(&e->err, VDC_E_CANCELLED, "policyd is stopping");
        examination_end(e);
    }
    command_free(s->command);
    free(s);
}

const char *service_host_name(const struct service *s)
{
    return s->setup->host_name;
}

const char *service_version(const struct service *s)
{
    return command_version(s->command);
}

int service_down_error(const struct service *s, struct vdc_error *err)
{
    return command_down_error(s->command, err);
}
