/* What move*.c share. */
#ifndef POLICYD_REBALANCE_MOVE_IMPL_H
#define POLICYD_REBALANCE_MOVE_IMPL_H

#include "policyd/rebalance/move.h"

/* Whose the keys are; no customer can be called so. */
#define MOVE_KEY_OWNER "-moves"

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
    void (*look)(struct move *move); /* what the timer does; NULL: go on */
    struct vdc_error said; /* by a host, of the order of this state */
    struct vdc_error why; /* why it was not moved, if so */
    uint64_t sent_kib, of_kib; /* by its host; 0: nothing was said yet */
    move_done_fn *fn;     /* NULL: nobody asks */
    move_tell_fn *tell;   /* NULL: nobody wants to know */
    void *arg;
    struct beginning *beginning; /* move_begin.c's; NULL: it is recorded */
};

struct moves {
    struct operations *ops;
    LIST_HEAD(, move) all;
    bool stopped;
};

/* move_begin.c: it is not wanted any more, and not recorded yet. */
void move_begin_cancelled(struct move *move);
/* NULL: this guest is not being moved. */
struct move *move_find(const struct moves *moves, const struct vdc_uuid *uuid);
/* What is recorded; NULL: nothing is, or the guest is gone. */
const struct wire_stored_move *move_record(const struct move *move);
/* It is recorded and durable: on from there. */
void move_go_on(struct move *move);
/* Records the state after the answer, and goes on from there. */
void move_next(struct move *move, enum mover_answer answer);
/* The order is sent again, later; or what `look` says is done. */
void move_again(struct move *move);
void move_retry(struct move *move);
/* Tells who asked, and frees it. */
void move_end(struct move *move, enum wire_move_state end);
void move_free_beginning(struct beginning *beginning); /* NULL allowed */

/* ---- move_place.c ---- */

/* Whether the guest may be on the host that it goes to: every constraint,
 * rule and promise that is not kept now, in `err`.  VDC_E_NO_HOST. */
int move_check_place(const struct move *move,
                     const struct wire_stored_move *record,
                     struct vdc_error *err);

/* ---- move_answer.c ---- */

/* A service_done_fn for an order; `arg` is the move. */
void move_answered(void *arg, const void *answer, const struct vdc_error *why);

/* ---- move_probe.c ---- */

/* `why` NULL: it is so.  From the loop; not when moves are stopped. */
typedef void move_probed_fn(struct move *move, const struct vdc_error *why);
/*
 * Whether both hosts see the directory of record->file, as the same one, and
 * use what is in it: the old host writes a file there, which the new one
 * reads; then it is removed.  `why` names both and what to change
 * (VDC_E_UNSUPPORTED), or says that one could not be asked.  An error that is
 * returned: nothing was begun.
 */
int move_prove(struct move *move, const struct wire_stored_move *record,
               move_probed_fn *fn, struct vdc_error *err);
/* Whether the host that the guest comes from, or the other, has record->file,
 * and it is this guest's.  VDC_E_NO_FILE, VDC_E_BAD_VALUE: it has not;
 * VDC_E_DENIED: it has what it does not use; any other `why`: it is not known.
 * Not 0: it cannot be asked now, and fn is not called. */
int move_look_file(struct move *move, const struct wire_stored_move *record,
                   move_probed_fn *fn);

#endif
