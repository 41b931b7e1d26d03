/* Transactions that have their locks: checked, journalled, applied, and
 * committed or undone. */
#include <assert.h>
#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/step.h"
#include "resourced/transaction_impl.h"

/* What must be done and fails is tried again after a second; after so many
 * tries whoever asked is told, and it is tried less often, for as long as it
 * takes: until then nobody else can work on its partitions. */
#define TRIES 5
#define AGAIN_MS 1000
#define AGAIN_SLOWLY_MS 30000

static void undo_next(struct transaction *t);

/* ---- what must be done and fails ---- */

void transaction_try_again(struct transaction *t, struct operation *op,
                           const struct vdc_error *err,
                           void (*fn)(int fd, short what, void *arg))
{
    if (++t->n_tries < TRIES) {
        transaction_wait(op, AGAIN_MS, fn);
        return;
    }
    if (t->n_tries == TRIES) {
        log_error("%s comes to no end, and is tried again: %s",
                  transaction_name(t), err->text);
        transaction_tell_unfinished(t, err);
    }
    transaction_wait(op, AGAIN_SLOWLY_MS, fn);
}

/* ---- undo ---- */

void transaction_undo(struct transaction *t, const struct vdc_error *err)
{
    t->err = *err;
    t->n_tries = 0;
    transaction_watch_stuck(t);
    transaction_move(t, TRANSACTION_UNDOING);
    undo_next(t);
}

static void undo_for_stop(struct transaction *t)
{
    struct vdc_error err;

    transaction_say_stop(t);
    err = t->err;
    transaction_undo(t, &err);
}

/* The fields of an operation that belong to the step under way. */
static void clear_scratch(struct operation *op)
{
    op->waits_until_ms = 0;
    op->fd = -1;
    op->got = MEM_KIB(0);
    op->state = 0;
}

static void undo_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    undo_next(op->t);
}

static void undo_failed(struct transaction *t, const struct vdc_error *err)
{
    transaction_try_again(t, t->steps[t->at - 1].op, err, undo_again);
}

static void undone_one(struct transaction *t)
{
    t->at--;
    t->n_tries = 0;
}

static void undo_next(struct transaction *t)
{
    struct vdc_error err = { 0 };

    while (t->at > 0) {
        struct step_run *run = &t->steps[t->at - 1];
        clear_scratch(run->op);
        log_debug("%s: undoes %s", transaction_name(t), run->step->name);
        int rc = run->step->undo ? run->step->undo(run->op, &err) : STEP_DONE;
        t->step_is_late = rc == STEP_LATER;
        if (rc == STEP_LATER)
            return;
        if (rc) {
            undo_failed(t, &err);
            return;
        }
        undone_one(t);
    }
    transaction_end_undone(t);
}

/* ---- apply ---- */

static bool is_final_at(const struct transaction *t, size_t at)
{
    return at < t->n_steps && t->steps[at].step->final;
}

static void tell_progress(struct transaction *t)
{
    if (t->ops->on_progress && !t->told)
        t->ops->on_progress(t->arg, (unsigned)t->at + 1, (unsigned)t->n_steps,
                            t->steps[t->at].step->doing);
}

static void apply_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    transaction_apply(op->t);
}

/* Whether anything is done that cannot be undone. */
static bool has_ended_any(const struct transaction *t)
{
    for (size_t i = 0; i < t->at; i++)
        if (is_final_at(t, i))
            return true;
    return false;
}

static void back_again(void *arg, int rc, const struct vdc_error *err,
                       uint64_t first_event);

/* The journal says that there is no way back, and there is: the first of the
 * steps that cannot be undone has left nothing behind. */
static void go_back(struct transaction *t, const struct vdc_error *err)
{
    struct journal_entry entry = {
        .id = t->id,
        .request = t->request,
        .begun_ms = clock_wall().ms,
    };
    struct store_change change = { .journal_add = &entry };

    t->err = *err;
    store_submit(t->host->store, &change, back_again, t);
}

static void back_again(void *arg, int rc, const struct vdc_error *err,
                       uint64_t first_event)
{
    struct transaction *t = arg;
    struct vdc_error why = t->err;

    if (rc) {
        transaction_try_again(t, t->steps[t->at].op, err, apply_again);
        return;
    }
    t->passed = false;
    transaction_undo(t, &why);
}

/* A step that failed has left nothing behind, or is undone as well: what was
 * before it is undone, unless that cannot be. */
static void step_failed(struct transaction *t, const struct vdc_error *err)
{
    bool restart = t->operations[0].kind == WIRE_OP_RESTART;
    bool forward = has_ended_any(t) || (t->recovered && t->passed) ||
                   t->prepared || t->decision == DECISION_RELEASED;

    if (restart || (!forward && (!t->passed || t->at == 0))) {
        t->at += t->steps[t->at].step->halves;
        transaction_undo(t, err);
    } else if (t->prepared) {
        /* after a crash: meanwhile its domain may go, or it be abandoned */
        transaction_try_again(t, t->steps[t->at].op, err,
                              transaction_wait_again);
    } else if (forward) {
        transaction_try_again(t, t->steps[t->at].op, err, apply_again);
    } else {
        go_back(t, err);
    }
}

static void take_back_again(int fd, short what, void *arg);

/* The guest may run on only when the journal says for certain that it was not
 * released: a write that failed may be found there after a power cut. */
static void taken_back(void *arg, int rc, const struct vdc_error *err,
                       uint64_t first_event)
{
    struct transaction *t = arg;
    struct vdc_error why = t->err;

    if (rc)
        transaction_try_again(t, t->steps[t->at].op, err, take_back_again);
    else
        transaction_undo(t, &why);
}

static void take_back(struct transaction *t, const struct vdc_error *err)
{
    struct journal_entry entry = {
        .id = t->id,
        .request = t->request,
        .begun_ms = clock_wall().ms,
    };
    struct store_change change = { .journal_add = &entry };

    t->err = *err;
    store_submit(t->host->store, &change, taken_back, t);
}

static void take_back_again(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct vdc_error why = op->t->err;

    take_back(op->t, &why);
}

static void passed(void *arg, int rc, const struct vdc_error *err,
                   uint64_t first_event)
{
    struct transaction *t = arg;

    if (!rc) {
        transaction_apply(t);
        return;
    }
    t->passed = false;
    if (t->decision == DECISION_RELEASED)
        transaction_try_again(t, t->steps[t->at].op, err, apply_again);
    else if (t->steps[t->at].step == &step_release)
        take_back(t, err);
    else
        transaction_undo(t, err);
}

/* From here on there is no way back, and the journal says so first. */
static void pass(struct transaction *t)
{
    struct store_change change = { .journal_pass = t->id };

    t->passed = true;
    store_submit(t->host->store, &change, passed, t);
}

static void applied_one(struct transaction *t)
{
    t->at++;
    t->n_tries = 0;
}

void transaction_apply(struct transaction *t)
{
    struct vdc_error err = { 0 };

    while (t->at < t->n_steps) {
        struct step_run *run = &t->steps[t->at];
        if (t->stop && !t->passed) {
            undo_for_stop(t);
            return;
        }
        if (is_final_at(t, t->at) && !t->passed) {
            pass(t);
            return;
        }
        tell_progress(t);
        clear_scratch(run->op);
        log_debug("%s: %s", transaction_name(t), run->step->name);
        int rc = run->step->apply ? run->step->apply(run->op, &err)
                                  : STEP_DONE;
        t->step_is_late = rc == STEP_LATER;
        if (rc == STEP_LATER)
            return;
        if (rc) {
            step_failed(t, &err);
            return;
        }
        applied_one(t);
    }
    if (t->stop && !t->passed)
        undo_for_stop(t);
    else
        transaction_commit(t);
}

void transaction_step_ended(struct transaction *t, int rc,
                            const struct vdc_error *err)
{
    assert(t->step_is_late);
    t->step_is_late = false;
    if (t->state == TRANSACTION_UNDOING) {
        if (rc) {
            undo_failed(t, err);
            return;
        }
        undone_one(t);
        undo_next(t);
        return;
    }
    assert(t->state == TRANSACTION_APPLYING);
    if (rc && t->stop && !t->passed) {
        t->at += t->steps[t->at].step->halves;
        undo_for_stop(t);
        return;
    }
    if (rc) {
        step_failed(t, err);
        return;
    }
    applied_one(t);
    transaction_apply(t);
}

void transaction_run_stop(struct transaction *t)
{
    struct step_run *run = &t->steps[t->at];

    /* One that is not late waits for the store, and sees t->stop then. */
    if (t->step_is_late && run->step->cancel)
        run->step->cancel(run->op);
}

/* ---- the journal ---- */

static void journalled(void *arg, int rc, const struct vdc_error *err,
                       uint64_t first_event)
{
    struct transaction *t = arg;

    if (rc) {
        t->err = *err;
        transaction_end_untouched(t, rc);
        return;
    }
    transaction_move(t, TRANSACTION_APPLYING);
    if (t->lease)
        lease_yield_memory(t->lease, t->host);
    if (t->stop) {
        undo_for_stop(t);
        return;
    }
    t->passed = is_final_at(t, 0);
    transaction_apply(t);
}

/* Whether this step leaves Xen alone: the commit does it, or it is about a
 * domain that is not there and is not built either. */
static bool leaves_xen_alone(const struct step_run *run)
{
    const struct operation *op = run->op;
    bool has_domain = op->partition->row.domid != HV_DOMID_NONE ||
                      op->row->domid != HV_DOMID_NONE;

    if (!run->step->apply)
        return true;
    return !has_domain &&
           (run->step == &step_rename || run->step == &step_sched);
}

/* One that has no effect before its commit leaves nothing behind when it is
 * cut short: it needs no journal, and one write instead of two. */
static bool needs_journal(const struct transaction *t)
{
    if (t->lease)
        return true;
    for (size_t i = 0; i < t->n_steps; i++)
        if (!leaves_xen_alone(&t->steps[i]))
            return true;
    return false;
}

/* Names may mean others after this; uuids do not. */
static void fix_request(struct transaction *t)
{
    for (size_t i = 0; i < t->n_operations; i++) {
        t->request.operations[i].uuid = t->operations[i].partition->row.uuid;
        t->request.operations[i].replace = t->operations[i].request.replace;
    }
}

/* Its steps change rows alone: they are as good as applied. */
static void run_without_journal(struct transaction *t)
{
    t->id = store_next_transaction(t->host->store);
    fix_request(t);
    transaction_move(t, TRANSACTION_APPLYING);
    for (; t->at < t->n_steps; t->at++)
        tell_progress(t);
    transaction_commit(t);
}

static void write_journal(struct transaction *t)
{
    struct journal_entry entry = {
        .id = store_next_transaction(t->host->store),
        .passed = is_final_at(t, 0),
        .request = t->request,
        .begun_ms = clock_wall().ms,
    };
    struct store_change change = { .journal_add = &entry };

    t->id = entry.id;
    fix_request(t);
    transaction_move(t, TRANSACTION_JOURNALLING);
    store_submit(t->host->store, &change, journalled, t);
}

/* ---- the beginning ---- */

void transaction_run(struct transaction *t)
{
    struct store_change change = { .journal_remove = t->id };
    int rc = transaction_check(t);
    struct vdc_error err;

    /* What it was about is no more: its end was true before it was written. */
    if (rc && t->recovered) {
        if (transaction_give_back_memory(t, &err))
            log_warning("dom0 does not get its memory back: %s", err.text);
        store_submit(t->host->store, &change, NULL, NULL);
    }
    if (rc) {
        transaction_end_untouched(t, rc);
        return;
    }
    transaction_move(t, TRANSACTION_CHECKED);
    if (t->recovered)
        transaction_run_recovered(t);
    else if (t->request.dry_run)
        transaction_end_untouched(t, 0);
    else if (needs_journal(t))
        write_journal(t);
    else
        run_without_journal(t);
}
