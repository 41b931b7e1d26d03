/*
 * A guest is started anew on another host, as its own is off for sure; see
 * mover.h.
 *
 *                 ok
 *     ARRIVING ------> done
 *        | no
 *        v
 *      failed: it is the other host's again, and restart.c tries anew
 *
 * Nobody asks the host that it was on.  When that is back it does not start
 * the guest before policyd has said whose it is (resourced/boot.h); while this
 * is under way policyd says nothing.
 */
#include "policyd/rebalance/mover.h"

#include "base/arena.h"

static const char *what(const struct wire_stored_move *move,
                        struct arena *arena)
{
    return "is started anew there: what it was doing is lost";
}

/* restart.c knows which can be, and makes the record. */
static void check(const struct mover_ask *ask, struct reasons *reasons)
{
}

static void plan(const struct mover_ask *ask, struct arena *arena,
                 struct wire_stored_move *move)
{
}

static void order(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret)
{
    struct wire_operation *ops = ARENA_ARRAY(arena, 2, struct wire_operation);

    wire_init(&wire_struct_transaction, ret);
    mover_define(move,
                 arena_printf(arena, "started anew, as host %s is off",
                              move->from),
                 &ops[0]);
    mover_operation(move, WIRE_OP_START, &ops[1]);
    ret->operations = ops;
    ret->n_operations = 2;
    ret->key = mover_key(move, "r", arena);
    *ret_host = move->to;
}

/* Its host is off: what is defined nowhere can be tried elsewhere at once. */
static bool gives_up(const struct wire_stored_move *move)
{
    return true;
}

static enum mover_doubt doubt(const struct wire_stored_move *move)
{
    return MOVER_RECALL;
}

/* It may have been done before: so long ago that the key is forgotten; or the
 * key was closed. */
static bool looks(const struct wire_stored_move *move, int code)
{
    return code == VDC_E_EXISTS || code == VDC_E_CONFLICT;
}

static enum mover_answer looked(const struct wire_stored_move *move, int code,
                                enum mover_sight sight)
{
    return sight == MOVER_GONE ? MOVER_NO : MOVER_YES;
}

static enum wire_move_state next(const struct wire_stored_move *move,
                                 enum mover_answer answer)
{
    return answer == MOVER_NO ? WIRE_MOVE_FAILED : WIRE_MOVE_DONE;
}

static const char *owner(const struct wire_stored_move *move,
                         enum wire_move_state state)
{
    return state == WIRE_MOVE_FAILED ? move->from : move->to;
}

static const char *loss(const struct wire_stored_move *move)
{
    return NULL;
}

const struct mover mover_restart = {
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
