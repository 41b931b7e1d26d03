/*
 * Plans of moves: what placement/rebalance.h and placement/evacuate.h find on
 * the standing view, as it is sent.  Nothing is moved.
 *
 * A rebalance of many hosts takes long, so it is planned on a copy of the
 * view, a few milliseconds in each turn of the loop.  What happens meanwhile
 * is not in the plan: a move is looked at again when it begins.
 */
#ifndef POLICYD_REBALANCE_PLAN_H
#define POLICYD_REBALANCE_PLAN_H

#include "policyd/api/operations.h"

/* The plan, which is the callee's for the call, but for its texts; or an
 * error: VDC_E_NOT_FOUND (no such host), VDC_E_BAD_VALUE, VDC_E_CANCELLED
 * (is_unwanted), VDC_E_CLOSED (plans_stop). */
typedef void plan_fn(void *arg, struct wire_move_plan *plan,
                     const struct vdc_error *err);

struct plan_question {
    struct operations *ops;
    const struct wire_move_query *query; /* copied, but for its texts */
    bool evacuates; /* query->host; otherwise all hosts are looked at */
    /* Guests that are to stay beside those that are being moved, or NULL. */
    bool (*is_held)(void *arg, const struct assignment *a);
    /* Whether it need not be planned any more, or NULL. */
    bool (*is_unwanted)(void *arg);
    plan_fn *done; /* once, later, from the loop or from plans_stop */
    void *arg;     /* of all three */
};

/* Begins, from the loop, with the view as it is then.  The plan's texts and
 * moves are in the arena, which must live until `done`. */
void plan_begin(const struct plan_question *question, struct arena *arena);
/* What is being planned ends with an error, during this call. */
void plans_stop(struct operations *ops);

#endif
