/*
 * Files of guests: what operations name, and how large they are.  policyd
 * looks at them itself when it is on their host; when it is in a domain of its
 * own, resourced does, and what is found is judged here.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "files/files.h"
#include "policyd/api/service_impl.h"
#include "policyd/policies/policy.h"

/* A disk may be slow; a host that hangs is not waited for longer. */
#define LOOK_MS 30000

/* ---- what a customer has of saved guests ---- */

/* What was found last, when resourced looks; each request that may make it
 * more has it found before it is decided on. */
struct saved {
    LIST_ENTRY(saved) link;
    struct service *service;
    char *customer;
    struct mem size;
    bool asked;
};

static struct saved *saved_of(struct service *s, const char *customer)
{
    struct saved *saved;

    LIST_FOREACH(saved, &s->saved, link)
    if (strcmp(saved->customer, customer) == 0)
        return saved;
    saved = XNEW(struct saved);
    saved->service = s;
    saved->customer = xstrdup(customer);
    LIST_INSERT_HEAD(&s->saved, saved, link);
    return saved;
}

static void saved_found(void *arg, const struct wire_frame *answer,
                        const struct vdc_error *err)
{
    const struct wire_files_list *list = answer ? answer->body : NULL;
    struct saved *saved = arg;

    saved->asked = false;
    if (list && list->n_operations == 1)
        saved->size = list->operations[0].saved;
}

static void saved_ask(struct service *s, const char *customer)
{
    const struct setting_list *paths = &s->setup->customer_paths;
    struct saved *saved = saved_of(s, customer);
    struct wire_files_query query;
    struct wire_files_of of;

    if (saved->asked || !command_is_up(s->command))
        return;
    wire_init(&wire_struct_files_query, &query);
    wire_init(&wire_struct_files_of, &of);
    of.customer = customer;
    of.operation.kind = WIRE_OP_SHUTDOWN; /* which names no file */
    query.operations = &of;
    query.n_operations = 1;
    query.paths = paths->items;
    query.n_paths = (uint32_t)paths->n_items;
    saved->asked = command_send(s->command, WIRE_MSG_files_look, &query,
                                saved_found, NULL, saved, NULL, NULL) == 0;
}

static void saved_note(struct service *s, const char *customer,
                       struct mem size)
{
    saved_of(s, customer)->size = size;
}

struct mem service_measure_saved(struct service *s, const char *customer)
{
    if (s->is_away) {
        saved_ask(s, customer);
        return saved_of(s, customer)->size;
    }
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
    struct event *soon;  /* resourced looks at files: the end of patience */
    struct wire_transaction order;
    struct reasons **own; /* of each operation */
    const char *const *customers;
    uint32_t *asked; /* the operations that resourced looks at */
    uint32_t n_asked;
    struct reasons *reasons;
    bool refused[SERVICE_OPERATIONS_MAX];
    struct vdc_error err;
    service_done_fn *done; /* NULL: it was told that it takes too long */
    void *arg;
};

static void tell(struct examination *e, const struct service_examined *found)
{
    service_done_fn *done = e->done;

    e->done = NULL;
    if (done)
        done(e->arg, e->err.code ? NULL : found, e->err.code ? &e->err : NULL);
}

static void examination_end(struct examination *e)
{
    const struct service_examined examined = { &e->order, e->reasons,
                                               e->refused };

    for (uint32_t i = 0; i < e->order.n_operations; i++) {
        const struct reasons *own = e->own[i];
        for (size_t j = 0; j < own->n_errors; j++)
            reasons_add(e->reasons, &own->errors[j]);
        e->reasons->n_more += own->n_more;
        e->refused[i] = own->n_errors > 0;
    }
    TAILQ_REMOVE(&e->service->examinations, e, link);
    if (e->soon)
        event_free(e->soon);
    tell(e, &examined);
    arena_free(e->arena);
}

static void examination_done(evutil_socket_t fd, short what, void *arg)
{
    examination_end(arg);
}

static void examine(const struct setup *setup, const char *customer,
                    bool restricted, struct wire_operation *op,
                    struct reasons *reasons)
{
    const struct policy policy = { .bridges = &setup->customer_bridges };

    if (op->kind == WIRE_OP_CREATE)
        policy_check(&policy, customer, restricted, &op->definition, reasons);
    else if (op->kind == WIRE_OP_DISK_ATTACH)
        policy_check_disk(customer, restricted, &op->disk, reasons);
    else if (op->kind == WIRE_OP_NIC_ATTACH)
        policy_check_nic(&policy, customer, restricted, "vif", &op->nic,
                         reasons);
    else if (op->kind == WIRE_OP_SAVE)
        op->replace = true;
}

/* ---- files that are on this machine ---- */

static void look_here(struct examination *e, bool restricted)
{
    const struct timeval now = { 0, 0 };
    struct service *s = e->service;

    for (uint32_t i = 0; i < e->order.n_operations; i++) {
        const struct files files = { &s->setup->customer_paths,
                                     e->customers[i], restricted, e->arena };
        if (*e->customers[i])
            files_check_operation(&files, &e->order.operations[i], e->own[i]);
    }
    e->soon = evtimer_new(s->base, examination_done, e);
    if (!e->soon || evtimer_add(e->soon, &now))
        abort(); /* no memory: as everywhere */
}

/* ---- files that resourced alone can look at ---- */

static void take_found(struct examination *e, uint32_t i,
                       const struct wire_files_found *found)
{
    struct vdc_error err = { 0 };

    if (wire_struct_copy(&wire_struct_operation, &found->operation, e->arena,
                         &e->order.operations[i], &err))
        reasons_add(e->own[i], &err);
    for (uint32_t j = 0; j < found->n_reasons; j++) {
        wire_error_take(&found->reasons[j], &err);
        reasons_add(e->own[i], &err);
    }
    e->own[i]->n_more += found->more;
    saved_note(e->service, e->customers[i], found->saved);
}

static void looked(void *arg, const struct wire_frame *answer,
                   const struct vdc_error *err)
{
    struct examination *e = arg;
    const struct wire_files_list *list = answer ? answer->body : NULL;

    if (err) {
        e->err = *err;
        /* of a look, the outcome is known */
        if (err->code == VDC_E_CLOSED) {
            vdc_error_set(&e->err, VDC_E_CLOSED,
                          "resourced of host %s went away: nothing was done",
                          service_host_name(e->service));
            vdc_error_hint(&e->err, "try again");
        }
    }
    if (!e->done) { /* it was not waited for */
        examination_end(e);
        return;
    }
    if (list && list->n_operations != e->n_asked)
        vdc_error_set(&e->err, VDC_E_PROTOCOL,
                      "resourced looked at %u operations instead of %u",
                      list->n_operations, e->n_asked);
    for (uint32_t i = 0; !e->err.code && i < e->n_asked; i++)
        take_found(e, e->asked[i], &list->operations[i]);
    examination_end(e);
}

/* Nothing was begun; what it says later is nobody's. */
static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct examination *e = arg;

    vdc_error_set(&e->err, VDC_E_TIMEOUT,
                  "resourced of host %s has not looked at the files within "
                  "%d s: nothing was done", service_host_name(e->service),
                  LOOK_MS / 1000);
    vdc_error_hint(&e->err, "does it hang, or a disk of the host? try again");
    tell(e, NULL);
}

static int look_there(struct examination *e, bool restricted,
                      struct vdc_error *err)
{
    const struct timeval limit = { LOOK_MS / 1000, LOOK_MS % 1000 * 1000 };
    const struct setting_list *paths = &e->service->setup->customer_paths;
    uint32_t n = e->order.n_operations;
    struct wire_files_query query;

    wire_init(&wire_struct_files_query, &query);
    query.operations = ARENA_ARRAY(e->arena, n, struct wire_files_of);
    query.paths = paths->items;
    query.n_paths = (uint32_t)paths->n_items;
    query.restricted = restricted;
    e->asked = ARENA_ARRAY(e->arena, n, uint32_t);
    for (uint32_t i = 0; i < n; i++) {
        if (!*e->customers[i])
            continue;
        e->asked[e->n_asked++] = i;
        struct wire_files_of *of = &query.operations[query.n_operations++];
        of->customer = e->customers[i];
        of->operation = e->order.operations[i];
    }
    int rc = command_send(e->service->command, WIRE_MSG_files_look, &query,
                          looked, NULL, e, NULL, err);
    if (rc)
        return rc;
    e->soon = evtimer_new(e->service->base, on_limit, e);
    if (!e->soon || evtimer_add(e->soon, &limit))
        abort(); /* no memory: as everywhere */
    return 0;
}

int service_examine(struct service *s, const struct wire_transaction *order,
                    const char *const *customers, bool restricted,
                    service_done_fn *done, void *arg, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct examination *e = ARENA_NEW(arena, struct examination);

    *e = (struct examination){
        .service = s, .arena = arena, .done = done, .arg = arg
    };
    int rc = wire_struct_copy(&wire_struct_transaction, order, arena,
                              &e->order, err);
    if (!rc) {
        uint32_t n = e->order.n_operations;
        const char **names = ARENA_ARRAY(arena, n, const char *);
        e->customers = names;
        e->own = ARENA_ARRAY(arena, n, struct reasons *);
        e->reasons = reasons_new(arena);
        for (uint32_t i = 0; i < n; i++)
            e->own[i] = reasons_new(arena);
        for (uint32_t i = 0; i < n; i++)
            names[i] = arena_strdup(arena, customers[i]);
        for (uint32_t i = 0; i < n; i++)
            if (*customers[i])
                examine(s->setup, customers[i], restricted,
                        &e->order.operations[i], e->own[i]);
        if (s->is_away)
            rc = look_there(e, restricted, err);
        else
            look_here(e, restricted);
    }
    if (rc) {
        arena_free(arena);
        return rc;
    }
    TAILQ_INSERT_TAIL(&s->examinations, e, link);
    return 0;
}

/* ---- the end ---- */

void service_files_stop(struct service *s)
{
    struct examination *e;

    while (!s->is_away && (e = TAILQ_FIRST(&s->examinations))) {
        vdc_error_set(&e->err, VDC_E_CANCELLED, "policyd is stopping");
        examination_end(e);
    }
}

void service_files_free(struct service *s)
{
    struct saved *saved;

    while ((saved = LIST_FIRST(&s->saved))) {
        LIST_REMOVE(saved, link);
        free(saved->customer);
        free(saved);
    }
}
