/*
 * Whether a guest can be moved, and the beginning of its move; see move.h.
 *
 *   its host shows it -> the mover and every constraint are asked -> the other
 *   host is asked whether it could -> both prove that they see the directory
 *   that it goes through, if any -> [asked again, recorded] -> durable
 *
 * What is in brackets happens in one go, so nothing that is decided meanwhile
 * can be in its way.  What is in its way is told all at once, before anything
 * is touched; what policyd knows of constraints is in move_place.c.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/api/lookup.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/renew.h"
#include "policyd/images/images.h"
#include "policyd/rebalance/move_impl.h"

struct beginning {
    struct arena *arena;
    struct wire_stored_move record;
    struct move_order order;
    struct reasons reasons; /* that are in its way */
    bool is_guest;          /* some are about the guest itself */
    bool brought;           /* the other host has its images */
    struct bringing *bringing; /* which is being seen to */
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

/* Without which there is nothing more to be asked. */
static int check(struct move *move, struct vdc_error *err)
{
    const struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    int rc = a ? check_idle(a, err)
               : vdc_error_set(err, VDC_E_NOT_FOUND, "the guest is gone");

    return rc ? rc : check_hosts(move, a, err);
}

/* All that was found, as one. */
static int give_reasons(const struct move *move, struct vdc_error *err)
{
    const struct beginning *b = move->beginning;
    int rc = reasons_error(&b->reasons, err);

    if (rc && (b->is_guest || b->reasons.n_errors > 1))
        vdc_error_prefix(err, "guest '%s' cannot be moved",
                         b->record.definition.name);
    return rc;
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

/* The other host is to know it by what it has now, until it is there. */
static int check_certificate(const struct move *move, const char *name,
                             const uint8_t *print, uint32_t n_print,
                             struct vdc_error *err)
{
    const struct operations *ops = move->moves->ops;
    const struct host *host = hosts_find(ops->hosts, name);
    uint32_t n = 0;
    const uint8_t *has = host ? mover_fingerprint(host->record.certificate,
                                                  move->beginning->arena, &n)
                              : NULL;

    if (host && !renew_is_under_way(ops->renew, host) && n == n_print &&
        memcmp(has, print, n) == 0)
        return 0;
    vdc_error_set(err, VDC_E_BUSY,
                  "host %s gets another certificate just now", name);
    vdc_error_hint(err, "try again in a moment");
    return VDC_E_BUSY;
}

static int check_certificates(const struct move *move, struct vdc_error *err)
{
    const struct wire_stored_move *record = &move->beginning->record;
    int rc = 0;

    if (record->stream)
        rc = check_certificate(move, record->from, record->from_fingerprint,
                               record->n_from_fingerprint, err);
    if (record->stream && !rc)
        rc = check_certificate(move, record->to, record->to_fingerprint,
                               record->n_to_fingerprint, err);
    return rc;
}

static void tell_what(const struct move *move)
{
    struct beginning *b = move->beginning;
    struct wire_progress progress;

    if (!move->tell)
        return;
    wire_init(&wire_struct_progress, &progress);
    progress.text = move->mover->what(&b->record, b->arena);
    move->tell(move->arg, &progress);
}

/* ---- images that it is made from ---- */

static void proved(struct move *move, const struct vdc_error *why);

static void brought(void *arg, const struct vdc_error *why)
{
    struct move *move = arg;

    if (move->moves->stopped)
        return;
    move->beginning->bringing = NULL;
    move->beginning->brought = !why;
    proved(move, why);
}

static void bringing(void *arg, const struct wire_progress *progress)
{
    const struct move *move = arg;

    if (move->tell && !move->moves->stopped)
        move->tell(move->arg, progress);
}

/* It may be built anew there one day; false: they are there, or there are
 * none. */
static bool bring(struct move *move)
{
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    struct beginning *b = move->beginning;

    if (!a || !*a->images || b->brought || b->order.dry_run)
        return false;
    b->bringing = images_bring(ops->images, a->images, b->order.to, brought,
                               bringing, move);
    return true;
}

void move_begin_cancelled(struct move *move)
{
    if (move->beginning && move->beginning->bringing)
        images_bring_cancel(move->beginning->bringing);
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
    } else if (check(move, &err) || check_certificates(move, &err) ||
               move_check_place(move, &move->beginning->record, &err)) {
        refuse(move, &err);
    } else if (!bring(move)) {
        tell_what(move);
        if (move->beginning->order.dry_run)
            move_end(move, WIRE_MOVE_WAITING);
        else
            record(move);
    }
}

static void add_reasons_of_host(struct move *move, const struct vdc_error *why)
{
    struct beginning *b = move->beginning;
    struct reasons theirs = { 0 };

    reasons_add(&theirs, why);
    for (size_t i = 0; i < theirs.n_errors; i++) {
        vdc_error_prefix(&theirs.errors[i], "host %s", b->order.to);
        reasons_add(&b->reasons, &theirs.errors[i]);
    }
}

static void tried(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;
    const struct wire_stored_move *record = &move->beginning->record;
    struct vdc_error err = { 0 };

    if (move->moves->stopped)
        return;
    if (why)
        add_reasons_of_host(move, why);
    if (give_reasons(move, &err)) {
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

/* What was asked for, and cannot be. */
static void check_wishes(struct move *move, const struct mover_ask *ask)
{
    struct beginning *b = move->beginning;
    struct vdc_error err;

    if (b->order.live && mover_check_live(ask, &err))
        reasons_add(&b->reasons, &err);
    if (b->order.kib_per_s && !b->record.stream) {
        vdc_error_set(&err, VDC_E_UNSUPPORTED,
                      "its memory does not go from host to host");
        vdc_error_hint(&err, "a bandwidth is of guests that run, between "
                             "hosts that have joined over TLS");
        reasons_add(&b->reasons, &err);
    }
}

static void check_bandwidth(struct move *move)
{
    struct beginning *b = move->beginning;
    struct vdc_error err;

    if (!b->order.kib_per_s || b->order.kib_per_s >= MOVER_LEAST_KIB_PER_S)
        return;
    vdc_error_set(&err, VDC_E_BAD_VALUE,
                  "a bandwidth of %llu KiB/s is too little: it would stand "
                  "still for too long at the end",
                  (unsigned long long)b->order.kib_per_s);
    vdc_error_hint(&err, "give it at least 1 MiB/s");
    reasons_add(&b->reasons, &err);
}

/* What a guest that is not stopped has found in its CPUs it goes on to use. */
static void check_cpu(struct move *move)
{
    const struct hosts *hosts = move->moves->ops->hosts;
    struct beginning *b = move->beginning;
    const struct host *from = hosts_find(hosts, b->record.from);
    const struct host *to = hosts_find(hosts, b->record.to);
    char names[256];
    struct vdc_error err;

    if (!b->record.stream || !from || !to)
        return;
    const struct cpu_set has = cpu_set_read(to->report.cpu, to->report.n_cpu);
    const struct cpu_set seen =
        cpu_set_read(from->report.cpu, from->report.n_cpu);
    const struct cpu_set lacks = cpu_set_lacks(&has, &seen);
    if (cpu_set_is_empty(&lacks))
        return;
    vdc_error_set(&err, VDC_E_NO_HOST,
                  "host %s lacks what it has found in the CPUs of host %s: %s",
                  b->record.to, b->record.from,
                  cpu_set_names(&lacks, ", ", names, sizeof(names)));
    vdc_error_hint(&err, "stop it before: it looks at its CPUs when it boots");
    reasons_add(&b->reasons, &err);
}

static void take_hosts(const struct move *move, struct mover_ask *ask)
{
    const struct hosts *hosts = move->moves->ops->hosts;
    const struct host *from = hosts_find(hosts, move->beginning->record.from);
    const struct host *to = hosts_find(hosts, move->beginning->record.to);

    ask->from_address = from ? service_address(from->service) : "";
    ask->from_certificate = from ? from->record.certificate : "";
    ask->to_address = to ? service_address(to->service) : "";
    ask->to_certificate = to ? to->record.certificate : "";
}

static int keep_guest(struct move *move,
                      const struct wire_partition_reply *shown,
                      struct vdc_error *err)
{
    struct beginning *b = move->beginning;
    struct wire_stored_move *record = &b->record;
    const struct assignment *a =
        book_assignment(move->moves->ops->book, &move->uuid);

    if (!a)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "the guest is gone");
    int rc = wire_struct_copy(&wire_struct_definition, &shown->definition,
                              b->arena, &record->definition, err);
    if (rc)
        return rc;
    record->definition.uuid = move->uuid;
    record->definition.name = arena_strdup(b->arena, a->name);
    record->owner = arena_strdup(b->arena, shown->partition.customer);
    record->xen_name = arena_strdup(b->arena, shown->partition.xen_name);
    record->generation = shown->partition.generation;
    record->runs = shown->partition.state != WIRE_STOPPED;
    record->from = arena_strdup(b->arena, a->host);
    /* it rises, whatever clocks do */
    if (record->number <= a->moved_ms)
        record->number = a->moved_ms + 1;
    return check_kept(move->moves->ops, a, record->runs, err);
}

static int take_guest(struct move *move,
                      const struct wire_partition_reply *shown,
                      struct vdc_error *err)
{
    struct beginning *b = move->beginning;
    struct mover_ask ask = { .setup = move->moves->ops->setup,
                             .shown = shown,
                             .kib_per_s = b->order.kib_per_s };
    int rc = keep_guest(move, shown, err);

    if (rc)
        return rc;
    take_hosts(move, &ask);
    move->mover = mover_choose(&ask);
    move->mover->plan(&ask, b->arena, &b->record);
    move->mover->check(&ask, &b->reasons);
    check_wishes(move, &ask);
    check_bandwidth(move);
    b->is_guest = b->reasons.n_errors > 0;
    check_cpu(move);
    return 0;
}

static void shown(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;
    struct vdc_error err = { 0 };

    if (move->moves->stopped)
        return;
    if (why) {
        refuse(move, why);
        return;
    }
    int rc = take_guest(move, answer, &err);
    if (!rc)
        rc = check(move, &err);
    if (!rc && move_check_place(move, &move->beginning->record, &err))
        reasons_add(&move->beginning->reasons, &err);
    if (!rc)
        rc = try_there(move, &err);
    if (rc)
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
                           .tell = order->tell,
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
