/*
 * The end of transactions that have touched something: what it means for rows
 * is written, be it that all was applied or that all was undone.  What cannot
 * be written and must be is tried again, for days when the disk is full so
 * long, and each try has only its own memory.
 */
#include "base/log.h"
#include "resourced/event_log.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/live.h"
#include "resourced/outcome.h"
#include "resourced/publish.h"
#include "resourced/transaction_impl.h"

/* From here to the return of what is returned to t->arena, what t->arena is
 * asked for is of this try; that of the one before is given back. */
static struct arena *begin_try(struct transaction *t)
{
    struct arena *arena = t->arena;

    arena_free(t->try_arena);
    t->arena = t->try_arena = arena_new();
    t->outcome = ARENA_NEW(t->arena, struct outcome);
    return arena;
}

/* The rows are as the outcome has them; who reads sees them. */
static void take_outcome(struct transaction *t)
{
    outcome_take(t->outcome, t->host);
    live_changed(t->host->live);
    for (size_t i = 0; i < t->outcome->n_put; i++)
        publish_changed(t->host, t->outcome->put[i]);
}

int transaction_give_back_memory(struct transaction *t,
                                 struct vdc_error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < t->n_operations; i++)
        rc = memory_give_back(&t->operations[i], err);
    return rc;
}

static bool has_part_in_move(const struct transaction *t)
{
    for (size_t i = 0; i < t->n_operations; i++)
        if (t->operations[i].request.epoch)
            return true;
    return false;
}

static void end_again(int fd, short what, void *arg);

static void failure_written(void *arg, int rc, const struct vdc_error *err,
                            uint64_t first_event)
{
    struct transaction *t = arg;

    if (rc && has_part_in_move(t)) {
        /* Recovery would make it as it was when the guest is elsewhere, or
         * wait for a decision that is heard once. */
        transaction_try_again(t, &t->operations[0], err, end_again);
        return;
    }
    if (rc)
        /* Recovery reads the journal, finds what is true, and writes it. */
        log_error("the end of %s is not in the database: %s",
                  transaction_name(t), err->text);
    else
        event_log_publish(t->host->events, &t->outcome->events, first_event);
    take_outcome(t);
    transaction_move(t, TRANSACTION_UNDONE);
    transaction_finish(t, t->err.code);
}

static void end_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    transaction_end_undone(op->t);
}

/* What was done is undone: the rows and the events say so. */
void transaction_end_undone(struct transaction *t)
{
    struct store_change change = { .journal_remove = t->id };
    struct vdc_error err;

    if (transaction_give_back_memory(t, &err)) {
        vdc_error_prefix(&err, "dom0 does not get its memory back");
        transaction_try_again(t, &t->operations[0], &err, end_again);
        return;
    }
    struct arena *arena = begin_try(t);
    outcome_failed(t, t->outcome);
    outcome_into(t->outcome, t->host, t->arena, &change);
    change.answer = transaction_answer(t, t->err.code);
    event_log_into(t->host->events, &t->outcome->events, &change);
    store_submit(t->host->store, &change, failure_written, t);
    t->arena = arena;
}

/* ---- commit ---- */

static void commit_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    transaction_commit(op->t);
}

/* Without a way back it must be written; the journal has it as long. */
static void commit_failed(struct transaction *t, const struct vdc_error *err)
{
    if (t->passed)
        transaction_try_again(t, &t->operations[0], err, commit_again);
    else
        transaction_undo(t, err);
}

static void committed(void *arg, int rc, const struct vdc_error *err,
                      uint64_t first_event)
{
    struct transaction *t = arg;

    if (rc) {
        commit_failed(t, err);
        return;
    }
    outcome_note(t->outcome);
    event_log_publish(t->host->events, &t->outcome->events, first_event);
    for (size_t i = 0; i < t->n_operations; i++)
        memory_keep(&t->operations[i]);
    take_outcome(t);
    if (t->lease)
        lease_end(t->host, t->lease);
    t->lease = NULL;
    transaction_move(t, TRANSACTION_COMMITTED);
    transaction_finish(t, 0);
}

static void give_indexes(struct transaction *t)
{
    for (size_t i = 0; i < t->outcome->n_put; i++)
        if (!t->outcome->rows[i].index)
            t->outcome->rows[i].index = store_next_partition(t->host->store);
}

void transaction_commit(struct transaction *t)
{
    struct store_change change = { .journal_remove = t->id };

    if (t->state != TRANSACTION_COMMITTING)
        transaction_move(t, TRANSACTION_COMMITTING);
    struct arena *arena = begin_try(t);
    outcome_committed(t, t->outcome);
    give_indexes(t);
    outcome_into(t->outcome, t->host, t->arena, &change);
    if (t->lease) {
        lease_used(t->host, t->lease, t->arena, &change,
                   &t->outcome->resources);
        resources_into(&t->outcome->resources, &change);
    }
    change.answer = transaction_answer(t, 0);
    event_log_into(t->host->events, &t->outcome->events, &change);
    store_submit(t->host->store, &change, committed, t);
    t->arena = arena;
}
