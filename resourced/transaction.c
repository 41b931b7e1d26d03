/* Transactions: from begin to commit or undo; which steps there are is said
 * by operation.c, what their end means by outcome.c. */
#include "resourced/transaction.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "resourced/host.h"
#include "resourced/lifecycle.h"
#include "resourced/outcome.h"
#include "resourced/waiter.h"

/* An undo that fails is tried so often, a second apart. */
#define UNDO_TRIES 5
#define UNDO_AGAIN_MS 1000

static const char *const state_names[] = {
    [TRANSACTION_BEGUN] = "begun",
    [TRANSACTION_CHECKED] = "checked",
    [TRANSACTION_JOURNALLED] = "journalled",
    [TRANSACTION_APPLYING] = "applying",
    [TRANSACTION_COMMITTED] = "committed",
    [TRANSACTION_UNDOING] = "undoing",
    [TRANSACTION_UNDONE] = "undone",
    [TRANSACTION_FAILED] = "failed",
};

static const struct machine_move moves[] = {
    { TRANSACTION_BEGUN, TRANSACTION_CHECKED, "every step can be done" },
    { TRANSACTION_BEGUN, TRANSACTION_FAILED, "a check failed" },
    { TRANSACTION_CHECKED, TRANSACTION_JOURNALLED, "the journal is on disk" },
    { TRANSACTION_CHECKED, TRANSACTION_FAILED, "no journal, or a dry run" },
    { TRANSACTION_JOURNALLED, TRANSACTION_APPLYING, "the first step begins" },
    { TRANSACTION_APPLYING, TRANSACTION_COMMITTED, "the row is on disk" },
    { TRANSACTION_APPLYING, TRANSACTION_UNDOING, "a step failed" },
    { TRANSACTION_UNDOING, TRANSACTION_UNDONE, "all is as before" },
    { TRANSACTION_UNDOING, TRANSACTION_FAILED, "a step cannot be undone" },
};

const struct machine transaction_machine = {
    .name = "transaction",
    .state_names = state_names,
    .n_states = sizeof(state_names) / sizeof(state_names[0]),
    .moves = moves,
    .n_moves = sizeof(moves) / sizeof(moves[0]),
};

static void apply_next(struct transaction *t);
static void undo_next(struct transaction *t);

const char *transaction_kind_name(enum transaction_kind kind)
{
    switch (kind) {
    case TRANSACTION_CREATE:
        return "create";
    case TRANSACTION_START:
        return "start";
    case TRANSACTION_SHUTDOWN:
        return "shutdown";
    case TRANSACTION_REBOOT:
        return "reboot";
    case TRANSACTION_DESTROY:
        return "destroy";
    case TRANSACTION_RENAME:
        return "rename";
    case TRANSACTION_STOP:
        return "stop";
    case TRANSACTION_RESTART:
        return "restart";
    }
    return "?";
}

static void move(struct transaction *t, enum transaction_state to)
{
    machine_move(&transaction_machine, &t->state, to,
                 t->partition->row.name);
}

int transaction_new(struct host *host, struct partition *partition,
                    enum transaction_kind kind,
                    const struct wire_partition_ref *request,
                    const char *reason, struct transaction **ret,
                    struct vdc_error *err)
{
    if (partition->transaction)
        return vdc_error_set(
            err, VDC_E_BUSY, "another operation (%s) is under way on %s",
            transaction_kind_name(partition->transaction->kind),
            partition->row.name);

    struct arena *arena = arena_new();
    struct transaction *t = XNEW(struct transaction);
    t->host = host;
    t->arena = arena;
    t->kind = kind;
    t->partition = partition;
    t->reason = arena_strdup(arena, reason);
    t->domid = HV_DOMID_NONE;
    t->old_domid = partition->row.domid;
    wire_init(&wire_struct_partition_ref, &t->request);
    int rc = wire_struct_copy(&wire_struct_partition_ref, request, arena,
                              &t->request, err);
    if (rc) {
        arena_free(arena);
        free(t);
        return rc;
    }
    t->request.uuid = partition->row.uuid;
    t->dry_run = request->dry_run;
    partition->transaction = t;
    TAILQ_INSERT_TAIL(&host->transactions, t, link);
    *ret = t;
    return 0;
}

void transaction_add(struct transaction *t, const struct step *step)
{
    assert(t->n_steps < TRANSACTION_STEPS_MAX);
    t->steps[t->n_steps++] = step;
}

static void transaction_free(struct transaction *t)
{
    TAILQ_REMOVE(&t->host->transactions, t, link);
    if (t->timer)
        event_free(t->timer);
    arena_free(t->arena);
    free(t);
}

/* Those who wait for a guest to shut down or reboot need not any longer. */
static void tell_waiters(const struct transaction *t)
{
    const struct partition *partition = t->partition;
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_CANCELLED, "%s was destroyed meanwhile",
                  partition->row.name);
    waiters_tell(t->host->waiters, &partition->row.uuid, err.code, &err);
}

/* Nothing of it is under way any more: says so, and goes on with what waited
 * for its end. */
static void finish(struct transaction *t, int rc)
{
    struct host *host = t->host;
    struct partition *partition = t->partition;
    struct vdc_uuid uuid = partition->row.uuid;

    t->promised = false;
    partition->transaction = NULL;
    if (rc && !t->dry_run)
        log_warning("%s of %s failed: %s", transaction_kind_name(t->kind),
                    partition->row.name, t->err.text);
    t->ops->on_done(t->arg, t, rc, rc ? &t->err : NULL);
    if (!rc && t->kind == TRANSACTION_DESTROY && !t->dry_run)
        tell_waiters(t);
    transaction_free(t);
    if (partition->pending)
        registry_remove(&host->partitions, partition);
    else
        lifecycle_resume(host, &uuid);
}

/* The outcome in memory, after it was written or when it must be true though
 * it could not be. */
static void take_outcome(struct transaction *t, struct outcome *outcome,
                         uint32_t index)
{
    struct partition *partition = t->partition;

    if (outcome->forgets)
        partition->pending = true;
    if (!outcome->changes_row)
        return;
    if (index)
        outcome->row.index = index;
    partition->pending = false;
    int rc = partition_set_row(partition, &outcome->row, NULL);
    assert(rc == 0); /* its parts were encoded before */
    (void)rc;
}

static int write_outcome(struct transaction *t, struct outcome *outcome,
                         bool keep_journal, struct vdc_error *err)
{
    struct host *host = t->host;
    struct store_change change = { 0 };
    uint32_t index = 0;

    if (!keep_journal)
        change.journal_remove = &t->request.uuid;
    if (outcome->changes_row)
        change.put = &outcome->row;
    if (outcome->forgets)
        change.forget = &t->partition->row.uuid;
    event_log_number(host->events, &outcome->events, &change);
    int rc = store_apply(host->store, &change, &index, err);
    if (rc)
        return rc;
    /* Published before the rows that its texts point into are freed. */
    event_log_publish(host->events, &outcome->events);
    take_outcome(t, outcome, index);
    return 0;
}

/* What was done is undone, or (state failed) could not be: the row and the
 * events say so.  In the second case the journal keeps its row. */
static void end_failed(struct transaction *t, enum transaction_state state)
{
    struct outcome outcome = { 0 };
    struct vdc_error err = { 0 };

    move(t, state);
    memory_give_back(t);
    outcome_failed(t, &outcome);
    if (write_outcome(t, &outcome, state == TRANSACTION_FAILED, &err)) {
        /* Recovery reads the journal, finds what is true, and writes it. */
        log_error("the end of the %s of %s is not in the database: %s",
                  transaction_kind_name(t->kind), t->partition->row.name,
                  err.text);
        take_outcome(t, &outcome, 0);
    }
    finish(t, t->err.code);
}

static void start_undo(struct transaction *t, const struct vdc_error *err)
{
    t->err = *err;
    move(t, TRANSACTION_UNDOING);
    undo_next(t);
}

static void commit(struct transaction *t)
{
    struct outcome outcome = { 0 };
    struct vdc_error err = { 0 };

    outcome_committed(t, &outcome);
    if (write_outcome(t, &outcome, false, &err)) {
        start_undo(t, &err);
        return;
    }
    memory_keep(t);
    move(t, TRANSACTION_COMMITTED);
    finish(t, 0);
}

static void tell_progress(struct transaction *t)
{
    if (t->ops->on_progress)
        t->ops->on_progress(t->arg, (unsigned)t->at + 1, (unsigned)t->n_steps,
                            t->steps[t->at]->doing);
}

/* A step was applied.  The number of the last is not written: the commit
 * that follows says more. */
static int step_applied(struct transaction *t, struct vdc_error *err)
{
    t->at++;
    if (t->at == t->n_steps)
        return 0;
    return store_journal_step(t->host->store, &t->request.uuid,
                              (uint32_t)t->at, err);
}

static void apply_next(struct transaction *t)
{
    struct vdc_error err = { 0 };

    while (t->at < t->n_steps) {
        tell_progress(t);
        const struct step *step = t->steps[t->at];
        int rc = step->apply ? step->apply(t, &err) : STEP_DONE;
        if (rc == STEP_LATER)
            return;
        if (!rc)
            rc = step_applied(t, &err);
        if (rc) {
            start_undo(t, &err);
            return;
        }
    }
    commit(t);
}

static void undo_again(int fd, short what, void *arg)
{
    undo_next(arg);
}

/* An undo failed: tried again, then given up.  The journal keeps its row. */
static void undo_failed(struct transaction *t, const struct vdc_error *err)
{
    if (++t->n_tries < UNDO_TRIES) {
        transaction_wait(t, UNDO_AGAIN_MS, undo_again);
        return;
    }
    log_error("%s of %s cannot be undone: %s", transaction_kind_name(t->kind),
              t->partition->row.name, err->text);
    end_failed(t, TRANSACTION_FAILED);
}

static void undo_next(struct transaction *t)
{
    struct vdc_error err = { 0 };

    while (t->at > 0) {
        const struct step *step = t->steps[t->at - 1];
        int rc = step->undo ? step->undo(t, &err) : STEP_DONE;
        if (rc == STEP_LATER)
            return;
        if (rc) {
            undo_failed(t, &err);
            return;
        }
        t->at--;
    }
    end_failed(t, TRANSACTION_UNDONE);
}

void transaction_step_ended(struct transaction *t, int rc,
                            const struct vdc_error *err)
{
    struct vdc_error step_err = { 0 };

    if (t->state == TRANSACTION_UNDOING) {
        if (rc) {
            undo_failed(t, err);
            return;
        }
        t->at--;
        undo_next(t);
        return;
    }
    assert(t->state == TRANSACTION_APPLYING);
    if (rc) {
        start_undo(t, err);
        return;
    }
    if (step_applied(t, &step_err)) {
        start_undo(t, &step_err);
        return;
    }
    apply_next(t);
}

static int check_all(struct transaction *t)
{
    for (size_t i = 0; i < t->n_steps; i++) {
        int rc = t->steps[i]->check ? t->steps[i]->check(t, &t->err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int write_journal(struct transaction *t)
{
    struct journal_entry entry = {
        .uuid = t->request.uuid,
        .kind = t->kind,
        .request = t->request,
        .reason = t->reason,
        .begun_ms = clock_wall().ms,
    };
    struct store_change change = { .journal_add = &entry };

    return store_apply(t->host->store, &change, NULL, &t->err);
}

/* Nothing was touched. */
static void end_untouched(struct transaction *t, int rc)
{
    move(t, TRANSACTION_FAILED);
    finish(t, rc);
}

void transaction_run(struct transaction *t, const struct transaction_ops *ops,
                     void *arg)
{
    t->ops = ops;
    t->arg = arg;
    int rc = check_all(t);
    if (rc) {
        end_untouched(t, rc);
        return;
    }
    move(t, TRANSACTION_CHECKED);
    rc = t->dry_run ? 0 : write_journal(t);
    if (rc || t->dry_run) {
        end_untouched(t, rc);
        return;
    }
    move(t, TRANSACTION_JOURNALLED);
    move(t, TRANSACTION_APPLYING);
    apply_next(t);
}

void transaction_wait(struct transaction *t, unsigned ms,
                      void (*fn)(int fd, short what, void *arg))
{
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    if (t->timer)
        event_free(t->timer);
    t->timer = event_new(t->host->base, -1, 0, fn, t);
    event_add(t->timer, &tv);
}

void transactions_abandon(struct host *host)
{
    struct transaction *t;

    while ((t = TAILQ_FIRST(&host->transactions))) {
        if (t->partition)
            t->partition->transaction = NULL;
        transaction_free(t);
    }
}
