/*
 * Plans of moves: what placement/rebalance.h and placement/evacuate.h find on
 * the standing view, as it is sent.  Nothing is moved.
 */
#ifndef POLICYD_REBALANCE_PLAN_H
#define POLICYD_REBALANCE_PLAN_H

#include "policyd/api/operations.h"

struct plan_question {
    const struct operations *ops;
    const struct wire_move_query *query;
    bool evacuates; /* query->host; otherwise all hosts are looked at */
    /* Guests that are to stay beside those that are being moved, or NULL. */
    bool (*is_held)(void *arg, const struct assignment *a);
    void *arg;
};

/* Texts are in the arena.  Errors: VDC_E_NOT_FOUND (no such host),
 * VDC_E_BAD_VALUE. */
int plan_make(const struct plan_question *question, struct arena *arena,
              struct wire_move_plan *ret, struct vdc_error *err);

#endif
