/* What the files of the transaction engine share; only transaction*.c include
 * it. */
#ifndef RESOURCED_TRANSACTION_IMPL_H
#define RESOURCED_TRANSACTION_IMPL_H

#include "resourced/transaction.h"

/* transaction.c */
void transaction_move(struct transaction *t, enum transaction_state to);
/* fn(t) is called from the loop, in the order of these calls. */
void transaction_soon(struct transaction *t, void (*fn)(struct transaction *));
/* Nothing of it is under way any more: says so, and goes on with what waited
 * for its end.  t is freed. */
void transaction_finish(struct transaction *t, int rc);
/* The same for one that has touched nothing. */
void transaction_end_untouched(struct transaction *t, int rc);
/* t->err from t->stop, in words. */
void transaction_say_stop(struct transaction *t);
/* It goes on, and whoever asked is told that it has not succeeded. */
void transaction_tell_unfinished(struct transaction *t,
                                 const struct vdc_error *err);
/* The same for one that waits for a decision: t->err says so. */
void transaction_tell_waits(struct transaction *t);
/* From now on it is to be undone: whoever asked is told when that takes too
 * long. */
void transaction_watch_stuck(struct transaction *t);
/* For the log; until the next call. */
const char *transaction_name(struct transaction *t);

/* transaction_lock.c: adds the keys of what it is about, as far as that is
 * known now. */
void transaction_find_locks(struct transaction *t, struct locks *ret);

/* transaction_check.c: its operations as steps, each checked; t->err. */
int transaction_check(struct transaction *t);

/* transaction_run.c: it has its locks, and its key was not used before. */
void transaction_run(struct transaction *t);
void transaction_run_stop(struct transaction *t);
/* Its next step, and those after it. */
void transaction_apply(struct transaction *t);
/* Undoes the steps before t->at, from applying or checked. */
void transaction_undo(struct transaction *t, const struct vdc_error *err);
/* What must be done has failed: fn(op) is called in a while. */
void transaction_try_again(struct transaction *t, struct operation *op,
                           const struct vdc_error *err,
                           void (*fn)(int fd, short what, void *arg));

/* transaction_end.c: all its steps were applied, or undone (t->err says why):
 * rows, events and the answer are written. */
void transaction_commit(struct transaction *t);
void transaction_end_undone(struct transaction *t);
int transaction_give_back_memory(struct transaction *t,
                                 struct vdc_error *err);

/* transaction_recover.c: it has its locks, and its steps. */
void transaction_run_recovered(struct transaction *t);
/* For transaction_try_again: of one that was prepared before the crash, from
 * the search for its domain on. */
void transaction_wait_again(int fd, short what, void *arg);

/* transaction_keys.c */
uint64_t transaction_digest(const struct wire_transaction *request);
/* fn(t) is called when its key was not used before; else t ends. */
void transaction_find_answer(struct transaction *t,
                             void (*fn)(struct transaction *t));
/* What is kept of its answer, in t->arena; NULL: nothing.  rc and t->err, or
 * 0: then rows are as they will be. */
const struct stored_answer *transaction_answer(struct transaction *t, int rc);

#endif
