/*
 * A guest is moved through a file; see mover.h.
 *
 *                 ok               ok
 *      LEAVING ------> ARRIVING ------> done
 *       |   | no          | no
 *       |   v             v       ok
 *       | failed      RETURNING ------> failed
 *       |                 | no
 *       | lost            v       ok
 *       +---------> DEFINING ------> kept (failed, when there is no file)
 *                       ^    | no
 *                       +----+
 *
 * Lost is a guest that somebody else had its host forget meanwhile: nobody
 * knows it any more but the record of the move, so it is defined again.
 * LEAVING and RETURNING are about the source, ARRIVING about the target.
 */
#include <string.h>

#include "base/arena.h"
#include "policyd/rebalance/mover.h"

static void check(const struct mover_ask *ask, struct reasons *reasons)
{
    struct vdc_error err;

    if (ask->shown->partition.state != WIRE_STOPPED &&
        !*ask->setup->move_directory) {
        vdc_error_set(&err, VDC_E_UNSUPPORTED,
                      "it runs, and there is no directory that all hosts see "
                      "to save it to");
        vdc_error_hint(&err, "`move_directory` in policyd.conf names one; or "
                             "move it while it is stopped");
        reasons_add(reasons, &err);
    }
    mover_check_guest(ask, reasons);
}

static void plan(const struct mover_ask *ask, struct arena *arena,
                 struct wire_stored_move *move)
{
    char uuid[UUID_TEXT_SIZE];

    move->state = WIRE_MOVE_LEAVING;
    move->file = "";
    move->epoch = move->number;
    if (move->runs)
        move->file = arena_printf(arena, "%s/%s-%llu.move",
                                  ask->setup->move_directory,
                                  uuid_format(&move->uuid, uuid),
                                  (unsigned long long)move->number);
}

/* ---- what is asked ---- */

static void leave(const struct wire_stored_move *move, struct arena *arena,
                  struct wire_operation *op)
{
    mover_operation(move, move->runs ? WIRE_OP_SAVE : WIRE_OP_DESTROY, op);
    op->file = move->file;
    op->forget = true;
    /* It is what is going to be defined, or nothing happens. */
    op->if_generation = move->generation;
    op->reason = arena_printf(arena, "goes to host %s", move->to);
}

static void order(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret)
{
    struct wire_operation *ops = ARENA_ARRAY(arena, 2, struct wire_operation);
    bool leaves = move->state == WIRE_MOVE_LEAVING;
    bool arrives = move->state == WIRE_MOVE_ARRIVING;

    wire_init(&wire_struct_transaction, ret);
    ret->operations = ops;
    ret->n_operations = 1;
    if (leaves)
        leave(move, arena, &ops[0]);
    else
        mover_define(
            move,
            arrives ? arena_printf(arena, "comes from host %s", move->from)
                    : arena_printf(arena, "could not go to host %s", move->to),
            &ops[0]);
    if (!leaves && move->runs && move->state != WIRE_MOVE_DEFINING) {
        mover_operation(move, WIRE_OP_START, &ops[1]);
        ops[1].file = move->file;
        ops[1].consume = true;
        ret->n_operations = 2;
    }
    ret->key = mover_key(move,
                         arena_printf(arena, "%d-%u", (int)move->state,
                                      move->attempt),
                         arena);
    *ret_host = arrives ? move->to : move->from;
}

/* What is defined nowhere can go back at once. */
static bool gives_up(const struct wire_stored_move *move)
{
    return move->state == WIRE_MOVE_ARRIVING;
}

/* ---- what is answered ---- */

static enum mover_doubt doubt(const struct wire_stored_move *move)
{
    return MOVER_RECALL;
}

/* It may have been done before: so long ago that the key is forgotten; or the
 * key was closed. */
static bool looks(const struct wire_stored_move *move, int code)
{
    bool leaves = move->state == WIRE_MOVE_LEAVING;

    if (!code)
        return false;
    return code == (leaves ? VDC_E_NOT_FOUND : VDC_E_EXISTS) ||
           code == VDC_E_CONFLICT;
}

static enum mover_answer looked(const struct wire_stored_move *move, int code,
                                enum mover_sight sight)
{
    return (sight == MOVER_GONE) == (move->state == WIRE_MOVE_LEAVING)
               ? MOVER_YES
               : MOVER_NO;
}

/* ---- what follows ---- */

static enum wire_move_state next(const struct wire_stored_move *move,
                                 enum mover_answer answer)
{
    bool ok = answer == MOVER_YES;

    switch (move->state) {
    case WIRE_MOVE_LEAVING:
        if (answer == MOVER_LOST)
            return WIRE_MOVE_DEFINING;
        return ok ? WIRE_MOVE_ARRIVING : WIRE_MOVE_FAILED;
    case WIRE_MOVE_ARRIVING:
        return ok ? WIRE_MOVE_DONE : WIRE_MOVE_RETURNING;
    case WIRE_MOVE_RETURNING:
        return ok ? WIRE_MOVE_FAILED : WIRE_MOVE_DEFINING;
    case WIRE_MOVE_DEFINING:
        if (answer == MOVER_NO)
            return WIRE_MOVE_DEFINING;
        return ok && move->runs ? WIRE_MOVE_KEPT : WIRE_MOVE_FAILED;
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
    case WIRE_MOVE_PREPARING:
    case WIRE_MOVE_ABANDONING:
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

static const char *what(const struct wire_stored_move *move,
                        struct arena *arena)
{
    return move->runs
               ? "stands still until it is there: its memory is written to a "
                 "file, and read from it"
               : "does not run";
}

/* The file has it. */
static const char *loss(const struct wire_stored_move *move)
{
    return NULL;
}

const struct mover mover_suspend = {
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
