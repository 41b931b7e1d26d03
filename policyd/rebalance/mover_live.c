/*
 * A guest is sent from host to host; see mover.h, and doc/design/015 for what
 * the hosts say to each other.
 *
 *               ok            ok             ok
 *   PREPARING -----> LEAVING -----> ARRIVING -----> done
 *      |  |            |  | lost       | no
 *      |  | unwanted   |  |            v       ok
 *      |  v            v  |        RETURNING -----> failed (started anew)
 *      | ABANDONING <-----+            | no
 *      |  |  |  | lost, then ok        v       ok
 *      |  |  |  +-----------------> DEFINING -----> failed (stopped)
 *      |  |  | it has it               ^   | no
 *      v  v  +-----> done              +---+
 *     failed
 *
 * PREPARING, ARRIVING and ABANDONING are about the target, the others about
 * the source.  The target is told one transaction in three stages, all of the
 * same key: to expect the guest; and when it has it all, and keeps it paused
 * whatever dies, that the source has let go of it for ever, or that it never
 * will.  What the source answers to LEAVING decides which; nothing else does.
 *
 * Lost is a source that does not know the guest any more, nor whether it sent
 * it.  The target is told to give it up, as its domain might still run at the
 * source; if the target has it already, for good, then the source has said so
 * to it, and it stays there.  Otherwise nobody knows it but the record of the
 * move, and it is defined again, stopped.
 *
 * RETURNING is when the source has let go of it and the target has lost it:
 * what it was doing is nowhere any more, so it is started anew.
 */
#include <string.h>

#include "base/arena.h"
#include "policyd/hosts/dial.h"
#include "policyd/rebalance/mover.h"

#define TICKET_SIZE 32
/* What is assumed of a network when nothing is said of it: that it is gigabit
 * Ethernet. */
#define USUAL_KIB_PER_S (110 * 1024)

/* ---- the beginning ---- */

static void check(const struct mover_ask *ask, struct reasons *reasons)
{
    mover_check_guest(ask, reasons);
}

/* Two drawn UUIDs, in which few bits are fixed. */
static uint8_t *draw_ticket(struct arena *arena)
{
    uint8_t *ticket = arena_alloc(arena, TICKET_SIZE);
    struct vdc_uuid uuid;

    for (size_t at = 0; at < TICKET_SIZE; at += sizeof(uuid.bytes)) {
        uuid_random(&uuid);
        memcpy(ticket + at, uuid.bytes, sizeof(uuid.bytes));
    }
    return ticket;
}

static void plan(const struct mover_ask *ask, struct arena *arena,
                 struct wire_stored_move *move)
{
    move->state = WIRE_MOVE_PREPARING;
    move->file = "";
    move->stream = true;
    move->live = ask->shown->definition.type == WIRE_PVH;
    move->epoch = move->number;
    move->address = arena_strdup(arena, ask->to_address + strlen(DIAL_PREFIX));
    move->from_fingerprint = mover_fingerprint(ask->from_certificate, arena,
                                      &move->n_from_fingerprint);
    move->to_fingerprint = mover_fingerprint(ask->to_certificate, arena,
                                    &move->n_to_fingerprint);
    move->ticket = draw_ticket(arena);
    move->n_ticket = TICKET_SIZE;
    move->kib_per_s = ask->kib_per_s;
}

static const char *what(const struct wire_stored_move *move,
                        struct arena *arena)
{
    uint64_t kib = move->definition.memory.kib;
    uint64_t rate = USUAL_KIB_PER_S;

    if (move->kib_per_s && move->kib_per_s < rate)
        rate = move->kib_per_s;
    uint64_t seconds = (kib + rate - 1) / rate;
    const char *time = arena_printf(
        arena, "about %llu s at %llu MiB/s", (unsigned long long)seconds,
        (unsigned long long)(rate >= 1024 ? rate / 1024 : 1));
    if (move->live)
        return arena_printf(arena,
                            "runs on while its %llu MiB of memory are copied "
                            "(%s), and stands still for a moment at the end",
                            (unsigned long long)kib / 1024, time);
    return arena_printf(arena,
                        "stands still until it is there, as a PV guest does: "
                        "its %llu MiB of memory are copied (%s)",
                        (unsigned long long)kib / 1024, time);
}

/* ---- what is asked ---- */

static void secrets(const struct wire_stored_move *move, bool sends,
                    struct wire_operation *op)
{
    op->host = sends ? move->to : move->from;
    op->fingerprint = sends ? move->to_fingerprint : move->from_fingerprint;
    op->n_fingerprint = sends ? move->n_to_fingerprint
                              : move->n_from_fingerprint;
    op->ticket = move->ticket;
    op->n_ticket = move->n_ticket;
    op->epoch = move->epoch;
}

static uint32_t send_off(const struct wire_stored_move *move,
                         struct arena *arena, struct wire_operation *ops)
{
    mover_operation(move, WIRE_OP_SEND, &ops[0]);
    secrets(move, true, &ops[0]);
    /* It is what the target is going to have, or nothing happens. */
    ops[0].if_generation = move->generation;
    ops[0].address = move->address;
    ops[0].live = move->live;
    ops[0].kib_per_s = move->kib_per_s;
    ops[0].reason = arena_printf(arena, "goes to host %s", move->to);
    return 1;
}

static uint32_t take_in(const struct wire_stored_move *move,
                        struct arena *arena, struct wire_operation *ops)
{
    mover_define(move, arena_printf(arena, "comes from host %s", move->from),
                 &ops[0]);
    mover_operation(move, WIRE_OP_START, &ops[1]);
    secrets(move, false, &ops[1]);
    ops[1].stream = true;
    return 2;
}

static uint32_t take_back(const struct wire_stored_move *move,
                          struct arena *arena, struct wire_operation *ops)
{
    mover_define(move,
                 arena_printf(arena, "could not go to host %s", move->to),
                 &ops[0]);
    if (move->state == WIRE_MOVE_DEFINING)
        return 1;
    mover_operation(move, WIRE_OP_START, &ops[1]);
    return 2;
}

static void order(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret)
{
    struct wire_operation *ops = ARENA_ARRAY(arena, 2, struct wire_operation);
    bool at_target = true;

    wire_init(&wire_struct_transaction, ret);
    ret->operations = ops;
    if (move->state == WIRE_MOVE_PREPARING)
        ret->stage = WIRE_STAGE_EXPECT;
    else if (move->state == WIRE_MOVE_ARRIVING)
        ret->stage = WIRE_STAGE_RELEASED;
    else if (move->state == WIRE_MOVE_ABANDONING)
        ret->stage = WIRE_STAGE_ABANDONED;
    else
        at_target = false;
    *ret_host = at_target ? move->to : move->from;
    if (at_target) {
        ret->n_operations = take_in(move, arena, ops);
        ret->key = mover_key(move, "t", arena);
    } else if (move->state == WIRE_MOVE_LEAVING) {
        ret->n_operations = send_off(move, arena, ops);
        ret->key = mover_key(move, "s", arena);
    } else {
        ret->n_operations = take_back(move, arena, ops);
        ret->key = mover_key(move,
                             arena_printf(arena, "%d-%u", (int)move->state,
                                          move->attempt),
                             arena);
    }
}

/* Until the source was asked nothing has begun.  After that the target may
 * have the guest, even if it never heard of it from policyd. */
static bool gives_up(const struct wire_stored_move *move)
{
    return move->state == WIRE_MOVE_PREPARING ||
           move->state == WIRE_MOVE_LEAVING;
}

/* ---- what is answered ---- */

/* To recall the target's key while it waits for the decision would be to wait
 * for oneself. */
static enum mover_doubt doubt(const struct wire_stored_move *move)
{
    switch (move->state) {
    case WIRE_MOVE_PREPARING:
    case WIRE_MOVE_ABANDONING:
        return MOVER_BELIEVE;
    case WIRE_MOVE_ARRIVING:
        return MOVER_REPEAT;
    case WIRE_MOVE_LEAVING:
    case WIRE_MOVE_RETURNING:
    case WIRE_MOVE_DEFINING:
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
        break;
    }
    return MOVER_RECALL;
}

static bool looks(const struct wire_stored_move *move, int code)
{
    switch (move->state) {
    case WIRE_MOVE_LEAVING:
    case WIRE_MOVE_ARRIVING:
        return code;
    case WIRE_MOVE_ABANDONING:
        /* so long ago that the key is forgotten, it may have come there */
        return code || move->lost;
    case WIRE_MOVE_RETURNING:
    case WIRE_MOVE_DEFINING:
        return code == VDC_E_EXISTS || code == VDC_E_CONFLICT;
    case WIRE_MOVE_PREPARING:
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
        break;
    }
    return false;
}

/* A source that says no has the guest.  If it has not, and cannot say what
 * came of the order (as its database fails just now), it is asked again. */
static enum mover_answer left(int code, enum mover_sight sight)
{
    if (sight == MOVER_THERE)
        return MOVER_NO;
    return sight == MOVER_GONE &&
                   (code == VDC_E_NOT_FOUND || code == VDC_E_CONFLICT)
               ? MOVER_LOST
               : MOVER_LATER;
}

/* What a target that says no has of it: what came long ago, as the key is not
 * known any more; or what is still being undone.  Where the key is another's,
 * or what there is agrees with nothing, it has to be seen to. */
static enum mover_answer arrived(int code, enum mover_sight sight)
{
    if (sight == MOVER_THERE)
        return code == VDC_E_NOT_FOUND || code == VDC_E_EXISTS ||
                       code == VDC_E_CONFLICT
                   ? MOVER_YES
                   : MOVER_LATER;
    return sight == MOVER_GONE && code != VDC_E_CONFLICT &&
                   code != VDC_E_WRONG_STATE
               ? MOVER_NO
               : MOVER_LATER;
}

/* A source that knows the guest is not done with it, so the target is asked
 * until it has given it up. */
static enum mover_answer abandoned(const struct wire_stored_move *move,
                                   int code, enum mover_sight sight)
{
    if (sight == MOVER_THERE && move->lost)
        return MOVER_HAS;
    return sight == MOVER_GONE && !code ? MOVER_YES : MOVER_LATER;
}

static enum mover_answer looked(const struct wire_stored_move *move, int code,
                                enum mover_sight sight)
{
    switch (move->state) {
    case WIRE_MOVE_LEAVING:
        return left(code, sight);
    case WIRE_MOVE_ARRIVING:
        return arrived(code, sight);
    case WIRE_MOVE_ABANDONING:
        return abandoned(move, code, sight);
    case WIRE_MOVE_RETURNING:
    case WIRE_MOVE_DEFINING:
        return sight == MOVER_GONE ? MOVER_NO : MOVER_YES;
    case WIRE_MOVE_PREPARING:
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
        break;
    }
    return MOVER_LATER;
}

static enum wire_move_state next(const struct wire_stored_move *move,
                                 enum mover_answer answer)
{
    bool ok = answer == MOVER_YES;

    switch (move->state) {
    case WIRE_MOVE_PREPARING:
        if (answer == MOVER_UNWANTED)
            return WIRE_MOVE_ABANDONING;
        return ok ? WIRE_MOVE_LEAVING : WIRE_MOVE_FAILED;
    case WIRE_MOVE_LEAVING:
        return ok ? WIRE_MOVE_ARRIVING : WIRE_MOVE_ABANDONING;
    case WIRE_MOVE_ARRIVING:
        return ok ? WIRE_MOVE_DONE : WIRE_MOVE_RETURNING;
    case WIRE_MOVE_ABANDONING:
        if (answer == MOVER_HAS)
            return WIRE_MOVE_DONE;
        if (!ok)
            return WIRE_MOVE_ABANDONING;
        return move->lost ? WIRE_MOVE_DEFINING : WIRE_MOVE_FAILED;
    case WIRE_MOVE_RETURNING:
        return ok ? WIRE_MOVE_FAILED : WIRE_MOVE_DEFINING;
    case WIRE_MOVE_DEFINING:
        return ok ? WIRE_MOVE_FAILED : WIRE_MOVE_DEFINING;
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
        break;
    }
    return move->state;
}

static const char *owner(const struct wire_stored_move *move,
                         enum wire_move_state state)
{
    return state == WIRE_MOVE_ARRIVING || state == WIRE_MOVE_DONE
               ? move->to
               : move->from;
}

static const char *loss(const struct wire_stored_move *move)
{
    if (move->state == WIRE_MOVE_RETURNING)
        return "what it was doing is lost, and it was started anew";
    if (move->state == WIRE_MOVE_DEFINING)
        return "what it was doing is lost, and it is stopped";
    return NULL;
}

const struct mover mover_live = {
    .what = what,
    .check = check,
    .plan = plan,
    .order = order,
    .gives_up = gives_up,
    .doubt = doubt,
    .looks = looks,
    .looked = looked,
    .next = next,
    .owner = owner,
    .loss = loss,
};
