/*
 * Moves of guests: each from its beginning to its end, by a mover (mover.h).
 *
 *   move_begin.c   whether it can be: asked, and recorded in one go
 *   move.c         on from there: an order, its answer, a record, again
 *   move_answer.c  what an answer comes to
 *   run.c          a plan of many
 *
 * While a guest moves nothing else is done to it (lookup_check_idle), lists
 * show it, and its room is kept on both hosts.  A move that was recorded
 * comes to an end whatever dies meanwhile: its record says what was asked
 * last, orders have keys, and a host that does not answer is asked again.
 */
#ifndef POLICYD_REBALANCE_MOVE_H
#define POLICYD_REBALANCE_MOVE_H

#include "policyd/api/operations.h"
#include "policyd/rebalance/mover.h"

struct moves;
struct move;

struct moves *moves_new(struct operations *ops);
/* Goes on with what the store has; after the hosts are there. */
void moves_load(struct moves *moves);
/* No more is asked and no answer counts; who asked for moves is told nothing
 * any more. */
void moves_stop(struct moves *moves);
void moves_free(struct moves *moves); /* NULL allowed */

/* Who asked for it, for the record of who did what; copied. */
struct move_origin {
    const char *message;
    uint32_t uid;
    const char *who;
    const char *origin;
};

/* Before anything is touched, without numbers: what it means for the guest.
 * Then how far its host has come, any number of times.  Valid for the call. */
struct wire_progress;
typedef void move_tell_fn(void *arg, const struct wire_progress *progress);

struct move_order {
    struct vdc_uuid uuid;
    const char *to;
    const char *reason; /* in a sentence */
    struct move_origin by;
    bool dry_run;
    bool live;          /* refused if it cannot run on meanwhile */
    uint64_t kib_per_s; /* at most; 0: as fast as it goes */
    move_tell_fn *tell; /* NULL: nobody wants to know; with the same arg */
};

/* How it ended: WIRE_MOVE_DONE, FAILED, KEPT; or WAITING, when it was not
 * begun.  `why` has no code if it went well.  Called once, from the loop; not
 * from inside the call. */
typedef void move_done_fn(void *arg, const struct vdc_uuid *uuid,
                          enum wire_move_state end,
                          const struct vdc_error *why);
/* Moves it, if every constraint allows that now, and both hosts do. */
void move_begin(struct moves *moves, const struct move_order *order,
                move_done_fn *fn, void *arg);
/* Of this guest's: it is asked to stay, if its host can still be stopped. */
void move_cancel(struct moves *moves, const struct vdc_uuid *uuid);
/*
 * Has a guest whose host is off for sure started anew on another (see
 * mover_restart): nothing is asked before, and the guest is assigned there
 * from now on.  `kept` must have an assignment that no request of ours is
 * changing; copied.  As move_begin's, `fn` is called once, unless it fails.
 * Errors: VDC_E_BUSY, those of the store.
 */
struct move_restart {
    const struct wire_stored_kept *kept;
    const char *to;
    const char *reason; /* in a sentence */
};
int move_restart(struct moves *moves, const struct move_restart *what,
                 move_done_fn *fn, void *arg, struct vdc_error *err);
/* That host is off for sure, too: those that were being started anew on it are
 * its own now, so that they can be started anew elsewhere.  Some may need
 * another call. */
void move_target_is_off(struct moves *moves, const char *host);
/* Those that are under way are told of by `fn` when they end: of a run that
 * goes on after a restart. */
void move_adopt(struct moves *moves, const struct vdc_uuid *uuid,
                move_done_fn *fn, void *arg);

/* A row of the report; texts are in the arena. */
void move_describe(const struct operations *ops,
                   const struct wire_stored_move *move, struct arena *arena,
                   struct wire_move_status *ret);
/* "acme.web", or "" when it is gone. */
const char *move_guest_name(const struct operations *ops,
                            const struct vdc_uuid *uuid, struct arena *arena);
/* What a person is told of a file that was kept. */
void move_hint_kept(const struct operations *ops,
                    const struct wire_stored_move *move,
                    struct vdc_error *err);

#endif
