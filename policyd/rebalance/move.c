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
#include "policyd/api/partition.h"
#include "policyd/change/reconcile.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/backups.h"
#include "policyd/hosts/inventory.h"
#include "policyd/metrics/metrics.h"
#include "policyd/rebalance/move_impl.h"

/* Whose the keys are; no customer can be called so. */
#define KEY_OWNER "-moves"
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

static const struct wire_stored_move *record_of(const struct move *move)
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
                        enum wire_move_state state, struct vdc_error *err)
{
    struct book *book = move->moves->ops->book;
    struct assignment *a = book_assignment(book, &move->uuid);
    const struct book_place place = place_of(move, record, state);
    struct arena *arena = arena_new();
    struct wire_stored_move to = *record;

    to.attempt = state == record->state ? record->attempt + 1 : 0;
    to.state = state;
    if (move->why.code)
        explain_error(&move->why, arena, &to.error);
    int rc = book_move_put(book, a, &to, &place, err);
    if (!rc && state == WIRE_MOVE_KEPT) {
        const struct store_audit audit = audit_of(move, record_of(move));
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
        if (again)
            retry(move, REFUSED_MS);
        else
            move_go_on(move);
    }
}

/* The guest's room: where it is, in the book; and where it may be, too. */
static void hold_room(struct move *move)
{
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    const struct wire_stored_move *record = record_of(move);

    if (a && record && book_moves(a))
        inventory_hold(ops->inventory, &move->uuid,
                       strcmp(a->host, record->from) == 0 ? record->to
                                                          : record->from);
}

static void record_next(struct move *move, enum mover_answer answer)
{
    const struct wire_stored_move *record = record_of(move);
    enum wire_move_state next = move->mover->next(record, answer);
    struct book *book = move->moves->ops->book;
    struct waiting *waiting;
    struct vdc_error err = { 0 };
    int rc;

    bool again = next == record->state;
    if (next == WIRE_MOVE_DONE || next == WIRE_MOVE_FAILED)
        rc = record_end(move, record, next, &err);
    else
        rc = record_state(move, record, next, &err);
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

static void again(struct move *move)
{
    move->under_way = false;
    retry(move, RETRY_MS);
}

/* The order was answered for good: it is not sent again, but this is done. */
static void look_later(struct move *move, void (*look)(struct move *))
{
    move->look = look;
    retry(move, RETRY_MS);
}

/* ---- looking at its file ---- */

static void look_at_file(struct move *move);

static void lost(struct move *move)
{
    const struct wire_stored_move *record = record_of(move);
    struct vdc_error why = move->why;

    if (record->state == WIRE_MOVE_LEAVING)
        vdc_error_set(&move->why, VDC_E_NOT_FOUND,
                      "host %s does not have it any more, and did not save it "
                      "to %s", record->from, record->file);
    else
        vdc_error_set(&move->why, why.code ? why.code : VDC_E_NO_FILE,
                      "%s; it is stopped, and what it was doing is lost: %s "
                      "is not there", why.text, record->file);
    log_error("move of guest '%s' from %s to %s: %s", record->definition.name,
              record->from, record->to, move->why.text);
    record_next(move, MOVER_LOST);
}

static void file_looked(struct move *move, const struct vdc_error *why)
{
    if (why &&
        (why->code == VDC_E_NO_FILE || why->code == VDC_E_BAD_VALUE)) {
        lost(move);
    } else if (why && why->code != VDC_E_DENIED) {
        look_later(move, look_at_file);
    } else {
        if (record_of(move)->state == WIRE_MOVE_LEAVING)
            memset(&move->why, 0, sizeof(move->why));
        record_next(move, MOVER_YES);
    }
}

static void look_at_file(struct move *move)
{
    if (move_look_file(move, record_of(move), file_looked))
        look_later(move, look_at_file);
}

/* Nothing is said to be in a file that was never written, or is gone. */
static void take_next(struct move *move, bool ok)
{
    const struct wire_stored_move *record = record_of(move);

    if (ok && record->state == WIRE_MOVE_DEFINING && *record->file)
        look_at_file(move);
    else
        record_next(move, ok ? MOVER_YES : MOVER_NO);
}

/* ---- looking whether the guest is there ---- */

static void look_there(struct move *move);

/* The guest is on the host that is asked, or is not. */
static void shown(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;

    if (move->moves->stopped)
        return;
    if (why && why->code != VDC_E_NOT_FOUND) {
        look_later(move, look_there);
        return;
    }
    const struct wire_stored_move *record = record_of(move);
    enum wire_move_state state = record->state;
    bool ok = (answer != NULL) == (state != WIRE_MOVE_LEAVING);
    if (ok && state == WIRE_MOVE_LEAVING && *record->file) {
        /* saved and forgotten; or somebody else had it forgotten */
        look_at_file(move);
        return;
    }
    if (ok && (state == WIRE_MOVE_LEAVING || state == WIRE_MOVE_ARRIVING))
        memset(&move->why, 0, sizeof(move->why));
    take_next(move, ok);
}

static void look_there(struct move *move)
{
    const struct wire_stored_move *record = record_of(move);
    struct wire_partition_ref ref;
    struct service *service;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = move->uuid;
    if (hosts_service(move->moves->ops->hosts,
                      move->mover->owner(record, record->state), &service,
                      NULL) ||
        service_act(service, WIRE_MSG_partition_show, &ref, shown, NULL, move,
                    NULL, NULL))
        look_later(move, look_there);
}

/* What it has now, and whether it runs. */
static void take_result(struct move *move,
                        const struct wire_transaction_reply *reply)
{
    struct operations *ops = move->moves->ops;

    for (uint32_t i = 0; i < reply->n_results; i++) {
        const struct wire_partition *p = &reply->results[i].partition;
        if (record_of(move)->state == WIRE_MOVE_LEAVING || reply->again)
            continue; /* as it is no more, or was */
        inventory_partition(ops->inventory, p);
        partition_note_state(ops, p);
    }
}

/* What was asked was not done; it may have been done before. */
static void take_refusal(struct move *move)
{
    const struct wire_stored_move *record = record_of(move);
    const struct vdc_error *said = &move->said;
    bool leaves = record->state == WIRE_MOVE_LEAVING;

    if (leaves || record->state == WIRE_MOVE_ARRIVING)
        move->why = *said;
    log_warning("move of guest '%s' from %s to %s: %s",
                record->definition.name, record->from, record->to, said->text);
    /* so long ago that the key is forgotten; or the key was closed */
    if (said->code == (leaves ? VDC_E_NOT_FOUND : VDC_E_EXISTS) ||
        said->code == VDC_E_CONFLICT)
        look_there(move);
    else
        take_next(move, false);
}

/* Nothing of it is under way any more. */
static void confirmed(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct move *move = arg;

    if (move->moves->stopped)
        return;
    if (!why) {
        take_result(move, answer);
        take_next(move, true);
    } else if (why->code == VDC_E_NOT_FOUND ||
               (why->code == move->said.code &&
                strcmp(why->text, move->said.text) == 0)) {
        take_refusal(move);
    } else {
        again(move);
    }
}

/* A host says that it failed also when something cannot be undone yet, or is
 * going to be done: it keeps the key to itself as long.  No other host is
 * asked before that has come to its end; and the key is good for nothing
 * then, as one who does not know yet that another leads may use it. */
static int confirm(struct move *move)
{
    const struct wire_stored_move *record = record_of(move);
    struct arena *arena = arena_new();
    struct wire_transaction order, recall;
    struct service *service;
    const char *host;

    move->mover->order(record, arena, &host, &order);
    wire_init(&wire_struct_transaction, &recall);
    recall.key = order.key;
    recall.owner = KEY_OWNER;
    recall.recall = recall.close = true;
    int rc = hosts_service(move->moves->ops->hosts, host, &service, NULL);
    if (!rc)
        rc = service_ask(service, WIRE_MSG_transaction, &recall, confirmed,
                         NULL, move, NULL, NULL);
    arena_free(arena);
    return rc;
}

static void answered(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct move *move = arg;

    memset(&move->call, 0, sizeof(move->call));
    if (move->moves->stopped)
        return;
    if (!why) {
        take_result(move, answer);
        take_next(move, true);
        return;
    }
    move->said = *why;
    if (partition_outcome_unknown(why) || confirm(move))
        again(move);
}

void move_go_on(struct move *move)
{
    const struct wire_stored_move *record = record_of(move);
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
    order.owner = KEY_OWNER;
    int rc = hosts_service(move->moves->ops->hosts, host, &service, &err);
    if (!rc)
        rc = service_transaction(service, &order, answered, NULL, move,
                                 &move->call, &err);
    if (!rc) {
        move->under_way = move->maybe_sent = true;
        if (move->cancelled && record->state == WIRE_MOVE_LEAVING)
            service_cancel(&move->call);
    } else if (record->state == WIRE_MOVE_ARRIVING && !move->maybe_sent) {
        /* It cannot have begun there: back. */
        move->why = err;
        move->under_way = true;
        take_next(move, false);
    } else {
        retry(move, RETRY_MS);
    }
    arena_free(arena);
}

void move_cancel(struct moves *moves, const struct vdc_uuid *uuid)
{
    struct move *move = move_find(moves, uuid);
    const struct wire_stored_move *record = move ? record_of(move) : NULL;

    if (!move)
        return;
    move->cancelled = true;
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
        move->mover = &mover_suspend;
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
