/*
 * What a host answered to the order of a move: whether that is final, and
 * what it comes to; see move.h.
 *
 *   yes                          -> the guest's file is looked at, if any
 *   no    -> made sure of        -> the host is asked for the guest
 *   else  -> the order is sent again
 */
#include <string.h>

#include "base/log.h"
#include "policyd/api/partition.h"
#include "policyd/hosts/inventory.h"
#include "policyd/rebalance/move_impl.h"

/* The order was answered for good: it is not sent again, but this is done. */
static void look_later(struct move *move, void (*look)(struct move *))
{
    move->look = look;
    move_retry(move);
}

/* ---- looking at its file ---- */

static void look_at_file(struct move *move);

static void lost(struct move *move)
{
    const struct wire_stored_move *record = move_record(move);
    struct vdc_error why = move->why;

    if (record->stream)
        vdc_error_set(&move->why, VDC_E_NOT_FOUND,
                      "host %s does not have it any more, and did not send it",
                      record->from);
    else if (record->state == WIRE_MOVE_LEAVING)
        vdc_error_set(&move->why, VDC_E_NOT_FOUND,
                      "host %s does not have it any more, and did not save it "
                      "to %s", record->from, record->file);
    else
        vdc_error_set(&move->why, why.code ? why.code : VDC_E_NO_FILE,
                      "%s; it is stopped, and what it was doing is lost: %s "
                      "is not there", why.text, record->file);
    log_error("move of guest '%s' from %s to %s: %s", record->definition.name,
              record->from, record->to, move->why.text);
    move_next(move, MOVER_LOST);
}

static void file_looked(struct move *move, const struct vdc_error *why)
{
    if (why &&
        (why->code == VDC_E_NO_FILE || why->code == VDC_E_BAD_VALUE)) {
        lost(move);
    } else if (why && why->code != VDC_E_DENIED) {
        look_later(move, look_at_file);
    } else {
        if (move_record(move)->state == WIRE_MOVE_LEAVING)
            memset(&move->why, 0, sizeof(move->why));
        move_next(move, MOVER_YES);
    }
}

static void look_there(struct move *move);

static void look_at_file(struct move *move)
{
    if (move_look_file(move, move_record(move), file_looked))
        look_later(move, look_at_file);
}

/* Nothing is said to be in a file that was never written, or is gone. */
static void take_yes(struct move *move)
{
    const struct wire_stored_move *record = move_record(move);

    if (!move->said.code && move->mover->looks(record, 0)) {
        look_there(move);
    } else if (record->state == WIRE_MOVE_DEFINING && *record->file) {
        look_at_file(move);
    } else if (record->state == WIRE_MOVE_PREPARING && move->cancelled) {
        vdc_error_set(&move->why, VDC_E_CANCELLED,
                      "cancelled before it was begun");
        move_next(move, MOVER_UNWANTED);
    } else {
        move_next(move, MOVER_YES);
    }
}

/* ---- looking whether the guest is there ---- */

static enum mover_sight sight_of(const struct wire_partition_reply *shown)
{
    if (!shown)
        return MOVER_GONE;
    return shown->partition.state == WIRE_STARTING ||
                   shown->partition.state == WIRE_STOPPING
               ? MOVER_BETWEEN
               : MOVER_THERE;
}

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
    const struct wire_stored_move *record = move_record(move);
    enum wire_move_state state = record->state;
    enum mover_answer said =
        move->mover->looked(record, move->said.code, sight_of(answer));
    if (said == MOVER_YES && state == WIRE_MOVE_LEAVING && *record->file) {
        /* saved and forgotten; or somebody else had it forgotten */
        look_at_file(move);
        return;
    }
    if (said == MOVER_HAS || (said == MOVER_YES &&
                              (state == WIRE_MOVE_LEAVING ||
                               state == WIRE_MOVE_ARRIVING)))
        memset(&move->why, 0, sizeof(move->why));
    if (said == MOVER_LATER)
        move_again(move);
    else if (said == MOVER_LOST)
        lost(move);
    else if (said == MOVER_YES && *record->file)
        take_yes(move);
    else
        move_next(move, said);
}

static void look_there(struct move *move)
{
    const struct wire_stored_move *record = move_record(move);
    struct arena *arena = arena_new();
    struct wire_transaction order;
    struct wire_partition_ref ref;
    struct service *service;
    const char *host;

    move->mover->order(record, arena, &host, &order);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = move->uuid;
    if (hosts_service(move->moves->ops->hosts, host, &service, NULL) ||
        service_act(service, WIRE_MSG_partition_show, &ref, shown, NULL, move,
                    NULL, NULL))
        look_later(move, look_there);
    arena_free(arena);
}

/* What it has now, and whether it runs. */
static void take_result(struct move *move,
                        const struct wire_transaction_reply *reply)
{
    struct operations *ops = move->moves->ops;
    enum wire_move_state state = move_record(move)->state;

    for (uint32_t i = 0; i < reply->n_results; i++) {
        const struct wire_partition *p = &reply->results[i].partition;
        if (state == WIRE_MOVE_LEAVING || state == WIRE_MOVE_PREPARING ||
            state == WIRE_MOVE_ABANDONING || reply->again)
            continue; /* as it is no more, or was; or is not yet */
        inventory_partition(ops->inventory, p);
        partition_note_state(ops, p);
    }
}

/* ---- a no ---- */

/* What was asked was not done; it may have been done before. */
static void take_refusal(struct move *move)
{
    const struct wire_stored_move *record = move_record(move);
    const struct vdc_error *said = &move->said;
    enum wire_move_state state = record->state;

    if (state == WIRE_MOVE_LEAVING || state == WIRE_MOVE_ARRIVING ||
        state == WIRE_MOVE_PREPARING)
        move->why = *said;
    log_limited(VDC_LOG_WARNING, record->definition.name,
                "move of guest '%s' from %s to %s: %s",
                record->definition.name, record->from, record->to, said->text);
    if (move->mover->looks(record, said->code))
        look_there(move);
    else
        move_next(move, MOVER_NO);
}

/* Nothing of it is under way any more. */
static void confirmed(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct move *move = arg;

    if (move->moves->stopped)
        return;
    if (!why) {
        memset(&move->said, 0, sizeof(move->said));
        take_result(move, answer);
        take_yes(move);
    } else if (why->code == VDC_E_NOT_FOUND ||
               (why->code == move->said.code &&
                strcmp(why->text, move->said.text) == 0)) {
        take_refusal(move);
    } else {
        move_again(move);
    }
}

/* A host says that it failed also when something cannot be undone yet, or is
 * going to be done: it keeps the key to itself as long.  No other host is
 * asked before that has come to its end; and the key is good for nothing
 * then, as one who does not know yet that another leads may use it. */
static int make_sure(struct move *move, enum mover_doubt doubt)
{
    struct arena *arena = arena_new();
    struct wire_transaction order, recall;
    struct service *service;
    const char *host;

    move->mover->order(move_record(move), arena, &host, &order);
    order.owner = MOVE_KEY_OWNER;
    wire_init(&wire_struct_transaction, &recall);
    recall.key = order.key;
    recall.owner = MOVE_KEY_OWNER;
    recall.recall = recall.close = true;
    int rc = hosts_service(move->moves->ops->hosts, host, &service, NULL);
    if (!rc && doubt == MOVER_REPEAT)
        rc = service_transaction(service, &order, confirmed, NULL, move, NULL,
                                 NULL);
    else if (!rc)
        rc = service_ask(service, WIRE_MSG_transaction, &recall, confirmed,
                         NULL, move, NULL, NULL);
    arena_free(arena);
    return rc;
}

/* An error may also be what a host said of a connection of its own; when
 * policyd's is lost there is none. */
static bool is_unknown(const struct move *move, const struct vdc_error *why)
{
    const struct wire_stored_move *record = move_record(move);
    struct arena *arena = arena_new();
    struct wire_transaction order;
    struct service *service;
    const char *host;

    move->mover->order(record, arena, &host, &order);
    bool is_there = !hosts_service(move->moves->ops->hosts, host, &service,
                                   NULL) &&
                    *service_version(service);
    arena_free(arena);
    /* nobody has it for having been told to expect it */
    if (record->state == WIRE_MOVE_PREPARING)
        return false;
    if (is_there &&
        (why->code == VDC_E_CLOSED || why->code == VDC_E_PROTOCOL))
        return false;
    return partition_outcome_unknown(why);
}

void move_answered(void *arg, const void *answer, const struct vdc_error *why)
{
    struct move *move = arg;

    memset(&move->call, 0, sizeof(move->call));
    if (move->moves->stopped)
        return;
    if (!why) {
        memset(&move->said, 0, sizeof(move->said));
        take_result(move, answer);
        take_yes(move);
        return;
    }
    enum mover_doubt doubt = move->mover->doubt(move_record(move));
    move->said = *why;
    if (is_unknown(move, why) ||
        (doubt != MOVER_BELIEVE && make_sure(move, doubt)))
        move_again(move);
    else if (doubt == MOVER_BELIEVE)
        take_refusal(move);
}
