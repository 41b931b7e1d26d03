/*
 * A plan of moves that is carried out: at most so many at a time, wave after
 * wave, each only if every constraint still allows it.  What could not be
 * begun is planned anew when the rest of the plan has come to its end.  One
 * run at a time.
 *
 * What was asked is in the store until it has come to its end or was stopped;
 * after a crash, or by another policyd, moves that were begun are brought to
 * their end and the rest is planned anew.  Guests that were moved are not
 * moved again by the same run.
 */
#ifndef POLICYD_REBALANCE_RUN_H
#define POLICYD_REBALANCE_RUN_H

#include "policyd/rebalance/move.h"

struct runs;

struct runs *runs_new(struct operations *ops);
/* Goes on with what the store has; after moves_load. */
void runs_load(struct runs *runs);
/* Who follows is told that policyd ends; the run stays in the store. */
void runs_stop(struct runs *runs);
void runs_free(struct runs *runs); /* NULL allowed */

/* Begins one: `plan` (in any arena) is its beginning; `audit` may be NULL.
 * Errors: VDC_E_BUSY, those of the store. */
int runs_begin(struct runs *runs, const struct wire_stored_run *what,
               const struct wire_move_plan *plan,
               const struct store_audit *audit, struct vdc_error *err);
/* One that nothing came of, as there is nothing to move: it is told of as the
 * last one, and is not stored.  Not while one is under way. */
void runs_note_empty(struct runs *runs, const struct wire_stored_run *what);
/* VDC_E_BUSY while one is under way. */
int runs_check_free(const struct runs *runs, struct vdc_error *err);
/* No more moves are begun.  Errors: those of the store. */
int runs_end(struct runs *runs, struct vdc_error *err);
/* The request is answered when the run has come to its end; at once when
 * there is none. */
void runs_follow(struct runs *runs, struct request *request);
/* What is under way, or was last.  Texts are in the arena, or live as long as
 * nothing changes. */
void runs_report(const struct runs *runs, struct arena *arena,
                 struct wire_moves_report *ret);

#endif
