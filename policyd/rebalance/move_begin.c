/*
 * Whether a guest can be moved, and the beginning of its move; see move.h.
 *
 *   its host shows it -> the mover and every constraint are asked -> the other
 *   host is asked whether it could -> both prove that they see the directory
 *   that it goes through -> [asked again, recorded] -> durable
 *
 * What is in brackets happens in one go, so nothing that is decided meanwhile
 * can be in its way.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/api/lookup.h"
#include "policyd/change/change.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/step.h"
#include "policyd/rebalance/move_impl.h"

struct beginning {
    struct arena *arena;
    struct wire_stored_move record;
    struct move_order order;
};

void move_free_beginning(struct beginning *beginning)
{
    if (beginning)
        arena_free(beginning->arena);
}

static void refuse(struct move *move, const struct vdc_error *why)
{
    move->why = *why;
    move_end(move, WIRE_MOVE_WAITING);
}

/* ---- what policyd knows ---- */

static int check_idle(const struct assignment *a, struct vdc_error *err)
{
    int rc = lookup_check_idle(a, err);

    if (!rc && (a->state != ASSIGNMENT_ACTIVE || a->n_changing ||
                a->n_orders || a->n_starting))
        rc = vdc_error_set(err, VDC_E_BUSY,
                           "guest '%s' is being changed just now", a->name);
    return rc;
}

static int check_kept(const struct operations *ops, const struct assignment *a,
                      bool runs, struct vdc_error *err)
{
    if (!a->move || runs)
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "a move of guest '%s' failed, and what it was doing is in a "
                  "file", a->name);
    move_hint_kept(ops, a->move, err);
    return VDC_E_WRONG_STATE;
}

static int check_hosts(const struct move *move, const struct assignment *a,
                       struct vdc_error *err)
{
    const struct operations *ops = move->moves->ops;
    const char *to = move->beginning->order.to;

    if (!hosts_find(ops->hosts, to)) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", to);
        vdc_error_hint(err, "'xl-vdc host-list' shows them");
        return VDC_E_NOT_FOUND;
    }
    if (strcmp(a->host, to) == 0)
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "guest '%s' is on host %s already", a->name, to);
    int rc = hosts_check_up(ops->hosts, a->host, err);
    return rc ? rc : hosts_check_up(ops->hosts, to, err);
}

/* The view does not say it of guests that were made before it could. */
static void complete(void *arg, uint32_t guest,
                     struct placement_request *request)
{
    const struct move *move = arg;
    const struct wire_stored_move *record = &move->beginning->record;
    struct placement_request full;

    place_request(move->moves->ops, record->owner, &record->definition,
                  record->runs, &full);
    request->pinned = full.pinned;
    request->domain = full.domain;
    request->n_wanted = full.n_wanted;
    memcpy(request->wanted, full.wanted, sizeof(full.wanted));
    request->n_forbidden = full.n_forbidden;
    memcpy(request->forbidden, full.forbidden, sizeof(full.forbidden));
}

/* Of that host alone: what others are does not help. */
static bool explain_host(const struct placement_view *view,
                         const struct placement_request *request,
                         const struct placement_policy *policy, uint32_t to,
                         struct vdc_error *err)
{
    struct placement_attempt attempt;
    char text[256];

    if (placement_attempt_init(&attempt, view, request, policy, NULL))
        return false;
    enum placement_constraint failed =
        placement_constraint_first(&attempt, to);
    if (failed == PLACEMENT_CONSTRAINTS)
        return false;
    vdc_error_set(err, VDC_E_NO_HOST, "%s",
                  placement_constraint_why(&attempt, failed, to, text,
                                           sizeof(text)));
    vdc_error_hint(err, "%s",
                   placement_constraint_change(&attempt, failed, to, text,
                                               sizeof(text)));
    return true;
}

/* Which constraint it is. */
static void explain(struct move *move, struct placement_view *view,
                    const struct placement_moving *moving, uint32_t guest,
                    uint32_t to, struct vdc_error *err)
{
    const struct placement_policy *policy =
        place_policy(move->moves->ops, move->beginning->record.owner);
    struct placement_decision decision;
    struct placement_request request;
    uint32_t name = placement_view_host(view, to)->name;

    placement_step_request(view, moving, guest, &request);
    vdc_error_set(err, VDC_E_NO_HOST,
                  "a rule of groups or a promise would not be kept");
    if (request.pinned && request.pinned != name) {
        vdc_error_set(err, VDC_E_NO_HOST, "it may be on host %s only",
                      placement_view_text(view, request.pinned));
        vdc_error_hint(err, "vdc_host of its domain file says so");
        return;
    }
    placement_view_remove_guest(view, guest);
    if (explain_host(view, &request, policy, to, err))
        return;
    request.pinned = name;
    struct vdc_error why = { 0 };
    if (placement_choose(view, &request, policy, &decision, &why))
        *err = why;
}

static int check_place(struct move *move, const struct assignment *a,
                       struct vdc_error *err)
{
    struct inventory *inventory = move->moves->ops->inventory;
    const struct placement_moving moving = {
        .now_ms = (int64_t)clock_wall().ms,
        .complete = complete,
        .arg = move,
    };
    const char *host = move->beginning->order.to;
    uint32_t guest = inventory_find_guest(inventory, &move->uuid);
    uint32_t to = inventory_find_host(inventory, host);
    uint32_t backup;
    int rc = 0;

    if (guest == PLACEMENT_NONE || to == PLACEMENT_NONE)
        return vdc_error_set(err, VDC_E_NO_HOST,
                             "nothing is known of host %s yet", host);
    struct placement_view *view =
        placement_view_copy(inventory_view(inventory));
    if (!placement_step_can(view, &moving, guest, to, &backup)) {
        explain(move, view, &moving, guest, to, err);
        vdc_error_prefix(err, "guest '%s' cannot go to host %s now", a->name,
                         host);
        rc = VDC_E_NO_HOST;
    }
    placement_view_free(view);
    return rc;
}

/* All of it. */
static int check(struct move *move, struct vdc_error *err)
{
    const struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    int rc = a ? check_idle(a, err)
               : vdc_error_set(err, VDC_E_NOT_FOUND, "the guest is gone");

    if (!rc)
        rc = check_hosts(move, a, err);
    return rc ? rc : check_place(move, a, err);
}

/* ---- on the way ---- */

struct pending {
    struct moves *moves;
    struct vdc_uuid uuid;
};

static void durable(void *arg, const struct vdc_error *why)
{
    struct pending *pending = arg;
    struct move *move = move_find(pending->moves, &pending->uuid);

    free(pending);
    if (!move || move->moves->stopped)
        return;
    move->under_way = false;
    if (why->code)
        refuse(move, why);
    else
        move_go_on(move);
}

static void record(struct move *move)
{
    struct operations *ops = move->moves->ops;
    struct assignment *a = book_assignment(ops->book, &move->uuid);
    struct wire_stored_move *record = &move->beginning->record;
    const struct book_place same = { 0 };
    struct vdc_error err = { 0 };

    record->begun_ms = clock_wall().ms;
    if (book_move_put(ops->book, a, record, &same, &err)) {
        refuse(move, &err);
        return;
    }
    inventory_hold(ops->inventory, &move->uuid, record->to);
    move_free_beginning(move->beginning);
    move->beginning = NULL;
    struct pending *pending = XNEW(struct pending);
    *pending = (struct pending){ move->moves, move->uuid };
    if (!book_wait(ops->book, durable, pending))
        durable(pending, &err);
}

static void proved(struct move *move, const struct vdc_error *why)
{
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    struct vdc_error err = { 0 };

    if (why) {
        err = *why;
        vdc_error_prefix(&err, "guest '%s' cannot be moved", a ? a->name : "");
        refuse(move, &err);
    } else if (move->cancelled) {
        vdc_error_set(&err, VDC_E_CANCELLED, "cancelled: nothing is changed");
        refuse(move, &err);
    } else if (check(move, &err)) {
        refuse(move, &err);
    } else if (move->beginning->order.dry_run) {
        move_end(move, WIRE_MOVE_WAITING);
    } else {
        record(move);
    }
}

static void tried(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;
    const struct wire_stored_move *record = &move->beginning->record;
    struct vdc_error err = { 0 };

    if (move->moves->stopped)
        return;
    if (why) {
        err = *why;
        vdc_error_prefix(&err, "host %s", move->beginning->order.to);
        refuse(move, &err);
    } else if (move->cancelled || !*record->file) {
        proved(move, NULL);
    } else if (move_prove(move, record, proved, &err)) {
        refuse(move, &err);
    }
}

/* Whether the other host could have it, as far as it can say before. */
static int try_there(struct move *move, struct vdc_error *err)
{
    const struct wire_stored_move *record = &move->beginning->record;
    struct wire_transaction order;
    struct wire_operation op;
    struct service *service;

    wire_init(&wire_struct_transaction, &order);
    wire_init(&wire_struct_operation, &op);
    op.kind = WIRE_OP_CREATE;
    op.definition = record->definition;
    op.definition.uuid = op.uuid = record->uuid;
    op.owner = record->owner;
    op.xen_name = record->xen_name;
    op.start = record->runs;
    order.operations = &op;
    order.n_operations = 1;
    order.dry_run = true;
    int rc = hosts_service(move->moves->ops->hosts, record->to, &service, err);
    return rc ? rc
              : service_transaction(service, &order, tried, NULL, move, NULL,
                                    err);
}

static int take_guest(struct move *move,
                      const struct wire_partition_reply *shown,
                      struct vdc_error *err)
{
    struct operations *ops = move->moves->ops;
    struct beginning *b = move->beginning;
    struct wire_stored_move *record = &b->record;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    int rc = a ? move->mover->check(ops->setup, shown, err)
               : vdc_error_set(err, VDC_E_NOT_FOUND, "the guest is gone");

    if (a && rc)
        vdc_error_prefix(err, "guest '%s' cannot be moved", a->name);
    if (!rc)
        rc = wire_struct_copy(&wire_struct_definition, &shown->definition,
                              b->arena, &record->definition, err);
    if (rc)
        return rc;
    record->definition.uuid = move->uuid;
    record->owner = arena_strdup(b->arena, shown->partition.customer);
    record->xen_name = arena_strdup(b->arena, shown->partition.xen_name);
    record->generation = shown->partition.generation;
    record->runs = shown->partition.state != WIRE_STOPPED;
    record->from = arena_strdup(b->arena, a->host);
    move->mover->plan(ops->setup, b->arena, record);
    return check_kept(ops, a, record->runs, err);
}

static void shown(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;
    struct vdc_error err = { 0 };

    if (move->moves->stopped)
        return;
    if (why)
        refuse(move, why);
    else if (take_guest(move, answer, &err) || check(move, &err) ||
             try_there(move, &err))
        refuse(move, &err);
}

static void begin(evutil_socket_t fd, short what, void *arg)
{
    struct move *move = arg;
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    struct wire_partition_ref ref;
    struct service *service;
    struct vdc_error err = { 0 };

    event_free(move->timer);
    move->timer = NULL;
    if (move->moves->stopped)
        return;
    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = move->uuid;
    int rc = move->why.code;
    if (rc)
        err = move->why;
    if (!rc && !a)
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "the guest is gone");
    if (!rc)
        rc = check_idle(a, &err);
    if (!rc)
        rc = check_hosts(move, a, &err);
    if (!rc)
        rc = hosts_service(ops->hosts, a->host, &service, &err);
    if (!rc)
        rc = service_act(service, WIRE_MSG_partition_show, &ref, shown, NULL,
                         move, NULL, &err);
    if (rc)
        refuse(move, &err);
}

/* ---- the order ---- */

static struct beginning *keep(const struct move_order *order)
{
    struct arena *arena = arena_new();
    struct beginning *b = ARENA_NEW(arena, struct beginning);
    struct wire_stored_move *record = &b->record;

    b->arena = arena;
    b->order = *order;
    b->order.to = arena_strdup(arena, order->to);
    wire_init(&wire_struct_stored_move, record);
    record->uuid = order->uuid;
    record->number = clock_wall().ms;
    record->to = b->order.to;
    record->reason = arena_strdup(arena, order->reason);
    record->message = arena_strdup(arena, order->by.message);
    record->uid = order->by.uid;
    record->who = arena_strdup(arena, order->by.who);
    record->origin = arena_strdup(arena, order->by.origin);
    return b;
}

void move_begin(struct moves *moves, const struct move_order *order,
                move_done_fn *fn, void *arg)
{
    const struct timeval now = { 0, 0 };
    struct move *move = XNEW(struct move);

    *move = (struct move){ .moves = moves,
                           .uuid = order->uuid,
                           .mover = &mover_suspend,
                           .under_way = true,
                           .fn = fn,
                           .arg = arg,
                           .beginning = keep(order) };
    if (move_find(moves, &order->uuid))
        vdc_error_set(&move->why, VDC_E_BUSY,
                      "the guest is being moved already");
    /* behind the one that is there */
    if (move->why.code && !LIST_EMPTY(&moves->all)) {
        struct move *last = LIST_FIRST(&moves->all);
        while (LIST_NEXT(last, link))
            last = LIST_NEXT(last, link);
        LIST_INSERT_AFTER(last, move, link);
    } else {
        LIST_INSERT_HEAD(&moves->all, move, link);
    }
    move->timer = evtimer_new(moves->ops->base, begin, move);
    evtimer_add(move->timer, &now);
}
