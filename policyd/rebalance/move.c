/*
 * A move from its record on; see move.h.
 *
 *   record -> durable -> the host is asked -> its answer -> record ...
 *
 * If the store refuses the record of an answer, the move is what it was
 * before, and the host is asked again: by the key it answers the same.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/change/reconcile.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/backups.h"
#include "policyd/hosts/inventory.h"
#include "policyd/metrics/metrics.h"
#include "policyd/rebalance/move_impl.h"

/* A host that does not answer is asked again; so is one that refuses the last
 * resort. */
#define RETRY_MS RECONCILE_RETRY_MS
#define REFUSED_MS 10000

struct move *move_find(const struct moves *moves, const struct vdc_uuid *uuid)
{
    struct move *move;

    LIST_FOREACH(move, &moves->all, link)
    if (uuid_equal(&move->uuid, uuid))
        break;
    return move;
}

const struct wire_stored_move *move_record(const struct move *move)
{
    const struct assignment *a =
        book_assignment(move->moves->ops->book, &move->uuid);

    return a ? a->move : NULL;
}

/* ---- the end ---- */

static void destroy(struct move *move)
{
    LIST_REMOVE(move, link);
    move_free_beginning(move->beginning);
    if (move->timer)
        event_free(move->timer);
    free(move);
}

void move_end(struct move *move, enum wire_move_state end)
{
    struct operations *ops = move->moves->ops;
    struct assignment *a = book_assignment(ops->book, &move->uuid);
    struct move ended = *move;

    /* it may be the second that is asked for a guest */
    if (move_find(move->moves, &move->uuid) == move)
        inventory_hold(ops->inventory, &move->uuid, NULL);
    backups_soon(ops->backups);
    metrics_moved(ops->metrics, end);
    if (a)
        a->touched = true; /* a list that is on its way is out of date */
    destroy(move);
    if (ended.fn)
        ended.fn(ended.arg, &ended.uuid, end, &ended.why);
}

/* ---- what is recorded ---- */

static struct store_audit audit_of(const struct move *move,
                                   const struct wire_stored_move *record)
{
    const struct assignment *a =
        book_assignment(move->moves->ops->book, &move->uuid);

    return (struct store_audit){ .time_ms = clock_wall().ms,
                                 .uid = record->uid,
                                 .customer = a ? a->customer->name : "",
                                 .message = record->message,
                                 .object = a ? a->name : "",
                                 .result = move->why.code,
                                 .who = record->who,
                                 .origin = record->origin,
                                 .detail = move->why.text };
}

static struct book_place place_of(const struct move *move,
                                  const struct wire_stored_move *record,
                                  enum wire_move_state state)
{
    const struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    const char *host = move->mover->owner(record, state);
    struct book_place place = { .host = host };

    if (state == WIRE_MOVE_DONE) {
        place.reason = record->reason;
        place.moved_ms = clock_wall().ms;
        /* by which a host is told its epoch (reconcile.c) */
        if (place.moved_ms < record->epoch)
            place.moved_ms = record->epoch;
    }
    if (a && strcmp(a->host, host) == 0)
        place.host_busy_ms = a->host_busy_ms;
    else
        place.host_busy_ms = inventory_busy_since(ops->inventory, host);
    return place;
}

static int record_end(struct move *move, const struct wire_stored_move *record,
                      enum wire_move_state end, struct vdc_error *err)
{
    const struct book_place place = place_of(move, record, end);
    struct arena *arena = arena_new();
    struct store_audit audit = audit_of(move, record);

    if (!move->why.code)
        audit.detail = arena_printf(arena, "from %s to %s", record->from,
                                    record->to);
    int rc = book_move_remove(move->moves->ops->book, &move->uuid, &place,
                              &audit, err);
    arena_free(arena);
    return rc;
}

static int record_state(struct move *move,
                        const struct wire_stored_move *record,
                        enum wire_move_state state, bool lost,
                        struct vdc_error *err)
{
    struct book *book = move->moves->ops->book;
    struct assignment *a = book_assignment(book, &move->uuid);
    const struct book_place place = place_of(move, record, state);
    struct arena *arena = arena_new();
    struct wire_stored_move to = *record;

    to.attempt = state == record->state ? record->attempt + 1 : 0;
    to.state = state;
    to.lost = record->stream && (record->lost || lost);
    if (move->why.code)
        explain_error(&move->why, arena, &to.error);
    int rc = book_move_put(book, a, &to, &place, err);
    if (!rc && state == WIRE_MOVE_KEPT) {
        const struct store_audit audit = audit_of(move, move_record(move));
        rc = book_audits(book, &audit, 1, err);
    }
    arena_free(arena);
    return rc;
}

/* ---- again, later ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct move *move = arg;
    void (*look)(struct move *) = move->look;

    move->look = NULL;
    if (!look)
        move_go_on(move);
    else if (!move->moves->stopped)
        look(move);
}

static void retry(struct move *move, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

    if (!move->timer)
        move->timer = evtimer_new(move->moves->ops->base, on_timer, move);
    evtimer_add(move->timer, &tv);
}

void move_retry(struct move *move)
{
    retry(move, RETRY_MS);
}

/* ---- on ---- */

struct waiting {
    struct moves *moves;
    struct vdc_uuid uuid;
    enum wire_move_state state;
    bool again; /* it is the same as before */
};

static void recorded(void *arg, const struct vdc_error *why)
{
    struct waiting *waiting = arg;
    struct move *move = move_find(waiting->moves, &waiting->uuid);
    enum wire_move_state state = waiting->state;
    bool again = waiting->again;

    free(waiting);
    if (!move || move->moves->stopped)
        return;
    if (why->code) {
        log_error("a move is not recorded: %s", why->text);
        move->under_way = false;
        retry(move, RETRY_MS);
    } else if (state == WIRE_MOVE_DONE || state == WIRE_MOVE_FAILED ||
               state == WIRE_MOVE_KEPT) {
        move_end(move, state);
    } else {
        move->under_way = false;
        move->maybe_sent = false;
        if (again) {
            retry(move, REFUSED_MS);
        } else {
            memset(&move->said, 0, sizeof(move->said));
            move_go_on(move);
        }
    }
}

/* The guest's room: where it is, in the book; and where it may be, too. */
static void hold_room(struct move *move)
{
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    const struct wire_stored_move *record = move_record(move);

    if (a && record && book_moves(a))
        inventory_hold(ops->inventory, &move->uuid,
                       strcmp(a->host, record->from) == 0 ? record->to
                                                          : record->from);
}

static void say_loss(struct move *move, const struct wire_stored_move *record)
{
    const char *loss = move->mover->loss(record);
    struct vdc_error why = move->why;

    if (!loss || strstr(why.text, loss))
        return;
    vdc_error_set(&move->why, why.code ? why.code : VDC_E_INTERNAL,
                  "%.800s; %s", why.text, loss);
    log_error("move of guest '%s' from %s to %s: %s", record->definition.name,
              record->from, record->to, move->why.text);
}

void move_next(struct move *move, enum mover_answer answer)
{
    const struct wire_stored_move *record = move_record(move);
    enum wire_move_state next = move->mover->next(record, answer);
    struct book *book = move->moves->ops->book;
    struct waiting *waiting;
    struct vdc_error err = { 0 };
    int rc;

    bool again = next == record->state;
    if (next == WIRE_MOVE_FAILED && answer == MOVER_YES)
        say_loss(move, record);
    if (next == WIRE_MOVE_DONE || next == WIRE_MOVE_FAILED)
        rc = record_end(move, record, next, &err);
    else
        rc = record_state(move, record, next, answer == MOVER_LOST, &err);
    if (rc) {
        log_error("a move is not recorded: %s", err.text);
        move->under_way = false;
        retry(move, RETRY_MS);
        return;
    }
    hold_room(move);
    waiting = XNEW(struct waiting);
    *waiting = (struct waiting){ move->moves, move->uuid, next, again };
    if (!book_wait(book, recorded, waiting))
        recorded(waiting, &err);
}

void move_again(struct move *move)
{
    move->under_way = false;
    move_retry(move);
}

/* How far its host has come with it. */
static void more(void *arg, const struct wire_frame *frame)
{
    struct move *move = arg;
    const struct wire_progress *progress = frame->body;

    if (frame->message->number != WIRE_MSG_progress || move->moves->stopped)
        return;
    if (progress->of_kib) {
        move->sent_kib = progress->sent_kib;
        move->of_kib = progress->of_kib;
    }
    if (move->tell)
        move->tell(move->arg, progress);
}

void move_go_on(struct move *move)
{
    const struct wire_stored_move *record = move_record(move);
    struct arena *arena = arena_new();
    struct wire_transaction order;
    struct service *service = NULL;
    struct vdc_error err = { 0 };
    const char *host;

    if (!record || move->under_way || move->moves->stopped) {
        arena_free(arena);
        return;
    }
    move->mover->order(record, arena, &host, &order);
    order.owner = MOVE_KEY_OWNER;
    int rc = hosts_service(move->moves->ops->hosts, host, &service, &err);
    if (!rc)
        rc = service_transaction(service, &order, move_answered, more, move,
                                 &move->call, &err);
    if (!rc) {
        move->under_way = move->maybe_sent = true;
        if (move->cancelled && record->state == WIRE_MOVE_LEAVING)
            service_cancel(&move->call);
    } else if (move->mover->gives_up(record) && !move->maybe_sent) {
        /* It cannot have begun there. */
        move->why = err;
        move->under_way = true;
        move_next(move, MOVER_NO);
    } else {
        retry(move, RETRY_MS);
    }
    arena_free(arena);
}

void move_cancel(struct moves *moves, const struct vdc_uuid *uuid)
{
    struct move *move = move_find(moves, uuid);
    const struct wire_stored_move *record = move ? move_record(move) : NULL;

    if (!move)
        return;
    move->cancelled = true;
    move_begin_cancelled(move);
    if (record && record->state == WIRE_MOVE_LEAVING)
        service_cancel(&move->call);
}

void move_adopt(struct moves *moves, const struct vdc_uuid *uuid,
                move_done_fn *fn, void *arg)
{
    struct move *move = move_find(moves, uuid);

    if (move && !move->fn) {
        move->fn = fn;
        move->arg = arg;
    }
}

/* ---- the whole ---- */

struct moves *moves_new(struct operations *ops)
{
    struct moves *moves = XNEW(struct moves);

    moves->ops = ops;
    LIST_INIT(&moves->all);
    return moves;
}

void moves_load(struct moves *moves)
{
    const struct wire_stored_move *record = NULL;

    while ((record = book_move_after(moves->ops->book, record))) {
        const struct assignment *a =
            book_assignment(moves->ops->book, &record->uuid);
        if (!a || !book_moves(a))
            continue; /* a file that was kept */
        struct move *move = XNEW(struct move);
        move->moves = moves;
        move->uuid = record->uuid;
        move->mover = mover_of(record);
        move->maybe_sent = true;
        if (record->error.code)
            vdc_error_set(&move->why, -(int)record->error.code, "%s",
                          record->error.text);
        LIST_INSERT_HEAD(&moves->all, move, link);
        log_info("guest '%s' was being moved from %s to %s: going on",
                 record->definition.name, record->from, record->to);
        hold_room(move);
        retry(move, 0);
    }
}

void moves_stop(struct moves *moves)
{
    if (moves)
        moves->stopped = true;
}

void moves_free(struct moves *moves)
{
    if (!moves)
        return;
    while (!LIST_EMPTY(&moves->all))
        destroy(LIST_FIRST(&moves->all));
    free(moves);
}
