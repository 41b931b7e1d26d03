/* What move*.c share. */
#ifndef POLICYD_REBALANCE_MOVE_IMPL_H
#define POLICYD_REBALANCE_MOVE_IMPL_H

#include "policyd/rebalance/move.h"

struct move {
    LIST_ENTRY(move) link;
    struct moves *moves;
    struct vdc_uuid uuid;
    const struct mover *mover;
    struct event *timer;
    struct service_call call;
    bool under_way;  /* an order is; or it is being found out if it can */
    bool maybe_sent; /* its host may have had the order of this state */
    bool cancelled;
    struct vdc_error said; /* by a host, of the order of this state */
    struct vdc_error why; /* why it was not moved, if so */
    move_done_fn *fn;     /* NULL: nobody asks */
    void *arg;
    struct beginning *beginning; /* move_begin.c's; NULL: it is recorded */
};

struct moves {
    struct operations *ops;
    LIST_HEAD(, move) all;
    bool stopped;
};

/* NULL: this guest is not being moved. */
struct move *move_find(const struct moves *moves, const struct vdc_uuid *uuid);
/* It is recorded and durable: on from there. */
void move_go_on(struct move *move);
/* Tells who asked, and frees it. */
void move_end(struct move *move, enum wire_move_state end);
void move_free_beginning(struct beginning *beginning); /* NULL allowed */

#endif
