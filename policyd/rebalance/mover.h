/*
 * What carries a guest from one host to another: which orders the hosts get,
 * in which states of the move (move_state in wire.def), and where the guest is
 * assigned in each.  Pure: move.c records states, sends orders and hears the
 * answers, and what is known of a move is its record alone, so that another
 * policyd can go on with it.
 *
 * Every order is a transaction of one host, so it happens wholly or not at
 * all.  A guest is defined on one host at most at any time: an order that
 * defines it comes after the answer to the one by which the other host forgot
 * it.
 */
#ifndef POLICYD_REBALANCE_MOVER_H
#define POLICYD_REBALANCE_MOVER_H

#include <stdbool.h>

#include "policyd/setup.h"
#include "wire/wire.h"

enum mover_answer {
    MOVER_NO,
    MOVER_YES,
    /* LEAVING: neither the guest nor its file is there; DEFINING: yes, but
     * its file is not there. */
    MOVER_LOST,
};

struct mover {
    /* What it means for the guest, for a person: "is suspended, ...". */
    const char *what;
    /* Whether the guest can be carried, as its host shows it.  Errors:
     * VDC_E_WRONG_STATE, VDC_E_UNSUPPORTED. */
    int (*check)(const struct setup *setup,
                 const struct wire_partition_reply *shown,
                 struct vdc_error *err);
    /* Fills in what the record says beside the guest and the hosts, and the
     * first state.  Both hosts must see the directory of `file`, if any. */
    void (*plan)(const struct setup *setup, struct arena *arena,
                 struct wire_stored_move *move);
    /* What is asked in the move's state, and of whom.  Texts are the move's,
     * or in the arena. */
    void (*order)(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret);
    /* The state after the answer; DONE, FAILED and KEPT are ends.  The same
     * state: it is asked again, later, with move->attempt one more. */
    enum wire_move_state (*next)(const struct wire_stored_move *move,
                                 enum mover_answer answer);
    /* The host that the guest is assigned to in a state. */
    const char *(*owner)(const struct wire_stored_move *move,
                         enum wire_move_state state);
};

/* Of guests that may stand still for a while: the source saves the guest to a
 * file that both hosts see and forgets it, in one transaction; then the target
 * defines it and starts it from the file.  If it cannot, the source does; if
 * that cannot either, the source defines it, stopped, and the file is kept,
 * if there is one.
 * One that does not run is forgotten, and defined. */
extern const struct mover mover_suspend;

#endif
