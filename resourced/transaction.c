/* Transactions: how they begin, wait for what others have, and end.  Between
 * that is transaction_run.c; which steps there are is said by operation.c,
 * what their end means by outcome.c. */
#include "resourced/transaction.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/lifecycle.h"
#include "resourced/live.h"
#include "resourced/operation.h"
#include "resourced/transaction_impl.h"
#include "resourced/waiter.h"

/* Longer than this is as good as no deadline, and fits every clock. */
#define TIMEOUT_MAX_MS UINT64_C(2592000000)

static const char *const state_names[] = {
    [TRANSACTION_BEGUN] = "begun",
    [TRANSACTION_QUEUED] = "queued",
    [TRANSACTION_CHECKED] = "checked",
    [TRANSACTION_JOURNALLING] = "journalling",
    [TRANSACTION_APPLYING] = "applying",
    [TRANSACTION_COMMITTING] = "committing",
    [TRANSACTION_COMMITTED] = "committed",
    [TRANSACTION_UNDOING] = "undoing",
    [TRANSACTION_UNDONE] = "undone",
    [TRANSACTION_FAILED] = "failed",
};

static const struct machine_move moves[] = {
    { TRANSACTION_BEGUN, TRANSACTION_QUEUED, "it asked for its locks" },
    { TRANSACTION_BEGUN, TRANSACTION_FAILED, "it cannot be" },
    { TRANSACTION_QUEUED, TRANSACTION_CHECKED, "every step can be done" },
    { TRANSACTION_QUEUED, TRANSACTION_FAILED,
      "a check failed, cancelled, or the key has an answer" },
    { TRANSACTION_CHECKED, TRANSACTION_JOURNALLING, "to the journal" },
    { TRANSACTION_CHECKED, TRANSACTION_APPLYING,
      "the journal has it, after a crash; or nothing of it touches Xen" },
    { TRANSACTION_CHECKED, TRANSACTION_UNDOING,
      "the journal has it: after a crash" },
    { TRANSACTION_CHECKED, TRANSACTION_FAILED, "a dry run" },
    { TRANSACTION_JOURNALLING, TRANSACTION_APPLYING, "the journal has it" },
    { TRANSACTION_JOURNALLING, TRANSACTION_FAILED, "no journal" },
    { TRANSACTION_APPLYING, TRANSACTION_COMMITTING, "all steps are applied" },
    { TRANSACTION_APPLYING, TRANSACTION_UNDOING,
      "a step failed, cancelled, or the deadline" },
    { TRANSACTION_COMMITTING, TRANSACTION_COMMITTED, "the rows are on disk" },
    { TRANSACTION_COMMITTING, TRANSACTION_UNDOING,
      "the rows cannot be written" },
    { TRANSACTION_UNDOING, TRANSACTION_UNDONE, "all is as before" },
};

const struct machine transaction_machine = {
    .name = "transaction",
    .state_names = state_names,
    .n_states = sizeof(state_names) / sizeof(state_names[0]),
    .moves = moves,
    .n_moves = sizeof(moves) / sizeof(moves[0]),
};

static const char *name_of(const struct operation *op)
{
    if (op->partition)
        return op->partition->row.name;
    return op->kind == WIRE_OP_CREATE ? op->request.definition.name
                                      : op->request.name;
}

const char *transaction_name(struct transaction *t)
{
    const struct operation *op = &t->operations[0];
    const char *kind =
        wire_enum_word(&wire_enum_operation_kind, (int)op->kind);
    char more[32] = "";

    if (t->n_operations == 0)
        return "a transaction of nothing";
    if (t->n_operations > 1)
        snprintf(more, sizeof(more), " and %zu more", t->n_operations - 1);
    snprintf(t->name, sizeof(t->name), "the %s of %s%s", kind, name_of(op),
             more);
    return t->name;
}

void transaction_move(struct transaction *t, enum transaction_state to)
{
    machine_move(&transaction_machine, &t->state, to,
                 t->n_operations ? name_of(&t->operations[0]) : "");
}

/* ---- what is done next, from the loop ---- */

static void do_soon(int fd, short what, void *arg)
{
    struct transaction *t = arg;

    t->soon_fn(t);
}

void transaction_soon(struct transaction *t, void (*fn)(struct transaction *))
{
    t->soon_fn = fn;
    /* Active at once and not by a timer: those of the same moment would come
     * in any order. */
    event_active(t->soon, EV_TIMEOUT, 1);
}

void transaction_wait(struct operation *op, unsigned ms,
                      void (*fn)(int fd, short what, void *arg))
{
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
    struct transaction *t = op->t;

    if (t->timer)
        event_free(t->timer);
    t->timer = event_new(t->host->base, -1, 0, fn, op);
    event_add(t->timer, &tv);
}

/* ---- the end ---- */

static void transaction_free(struct transaction *t)
{
    TAILQ_REMOVE(&t->host->transactions, t, link);
    if (t->timer)
        event_free(t->timer);
    if (t->deadline)
        event_free(t->deadline);
    event_free(t->soon);
    arena_free(t->try_arena);
    arena_free(t->arena);
    free(t);
}

/* Those who wait for a guest to shut down or reboot need not any longer. */
static void tell_waiters(const struct transaction *t)
{
    struct vdc_error err;

    for (size_t i = 0; i < t->n_operations; i++) {
        const struct operation *op = &t->operations[i];
        if (op->kind != WIRE_OP_DESTROY)
            continue;
        vdc_error_set(&err, VDC_E_CANCELLED, "%s was destroyed meanwhile",
                      op->partition->row.name);
        waiters_tell(t->host->waiters, &op->partition->row.uuid, err.code,
                     &err);
    }
}

static void tell(struct transaction *t, int rc)
{
    bool is_new = !t->told;

    t->told = true;
    if (is_new)
        t->ops->on_done(t->arg, t, rc, rc ? &t->err : NULL);
}

/* What its partitions had to wait with is done now; those that came to
 * nothing, or are no more, go away. */
static void let_go(struct transaction *t)
{
    struct host *host = t->host;

    for (size_t i = 0; i < t->n_operations; i++)
        if (t->operations[i].partition)
            t->operations[i].partition->transaction = NULL;
    for (size_t i = 0; i < t->n_operations; i++) {
        struct operation *op = &t->operations[i];
        struct partition *partition = op->partition;
        if (!partition)
            continue;
        for (size_t j = i; j < t->n_operations; j++)
            if (t->operations[j].partition == partition)
                t->operations[j].partition = NULL;
        struct vdc_uuid uuid = partition->row.uuid;
        if (partition->pending)
            registry_remove(&host->partitions, partition);
        else
            lifecycle_resume(host, &uuid);
    }
}

void transaction_finish(struct transaction *t, int rc)
{
    struct host *host = t->host;
    bool dry = t->request.dry_run;

    for (size_t i = 0; i < t->n_operations; i++)
        t->operations[i].promised = false;
    if (rc && !dry && !t->request.recall)
        log_warning("%s failed: %s", transaction_name(t), t->err.text);
    if (t->lease)
        lease_stand_again(host, t->lease);
    t->lease = NULL;
    live_changed(host->live);
    metrics_transaction_ended(t, rc);
    /* on_done may look at the partitions: they are theirs again after it. */
    tell(t, rc);
    if (!rc && !dry && !t->answer)
        tell_waiters(t);
    let_go(t);
    lock_release(&host->locks, &t->locks);
    transaction_free(t);
}

void transaction_end_untouched(struct transaction *t, int rc)
{
    transaction_move(t, TRANSACTION_FAILED);
    transaction_finish(t, rc);
}

/* ---- cancel, deadline ---- */

/* In words, `outcome` last. */
static void say_stop(struct transaction *t, const char *outcome)
{
    char limit[32];

    if (t->stop == VDC_E_CANCELLED) {
        vdc_error_set(&t->err, VDC_E_CANCELLED, "cancelled%s", outcome);
        return;
    }
    vdc_error_set(&t->err, VDC_E_TIMEOUT, "%s was not done within %s%s",
                  transaction_name(t),
                  units_duration_format(t->request.timeout_ms, limit,
                                        sizeof(limit)),
                  outcome);
    if (t->state == TRANSACTION_QUEUED)
        vdc_error_hint(&t->err, "it has waited for another operation on the "
                                "same guest; try again, or give it longer");
    else
        vdc_error_hint(&t->err, "give it longer");
}

void transaction_say_stop(struct transaction *t)
{
    say_stop(t, ": nothing is changed");
}

void transaction_tell_unfinished(struct transaction *t,
                                 const struct vdc_error *err)
{
    struct vdc_error before = t->err;

    t->err = *err;
    vdc_error_prefix(&t->err, "not done, and not undone yet");
    vdc_error_hint(&t->err, "it is tried again until Xen and the database "
                            "agree; what concerns the same guest waits for "
                            "it");
    tell(t, t->err.code);
    t->err = before;
}

void transaction_tell_waits(struct transaction *t)
{
    tell(t, t->err.code);
}

static void is_stuck(int fd, short what, void *arg)
{
    struct transaction *t = arg;
    struct vdc_error before = t->err, err = before;

    if (t->told)
        return;
    if (t->state == TRANSACTION_APPLYING && t->passed) {
        vdc_error_set(&err, VDC_E_TIMEOUT, "Xen has not answered in time");
    } else if (t->state == TRANSACTION_APPLYING || before.code == t->stop) {
        /* something may be changed still */
        say_stop(t, "");
        err = t->err;
        t->err = before;
    }
    transaction_tell_unfinished(t, &err);
}

void transaction_watch_stuck(struct transaction *t)
{
    uint64_t ms = t->host->settings->undo_wait_ms;
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };

    if (t->deadline)
        event_free(t->deadline);
    t->deadline = event_new(t->host->base, -1, 0, is_stuck, t);
    event_add(t->deadline, &tv);
}

static void locked(struct transaction *t);

/* To be undone; where it stands decides how. */
static void stop(struct transaction *t, int code)
{
    if (t->stop || t->recovered || t->prepared ||
        t->decision == DECISION_RELEASED)
        return;
    switch ((enum transaction_state)t->state) {
    case TRANSACTION_BEGUN:
        t->stop = code;
        return; /* see begun() */
    case TRANSACTION_QUEUED:
        t->stop = code;
        if (!t->asks_store)
            transaction_soon(t, locked);
        return;
    case TRANSACTION_CHECKED:
    case TRANSACTION_JOURNALLING:
        t->stop = code; /* seen before the first step */
        return;
    case TRANSACTION_APPLYING:
        transaction_watch_stuck(t);
        if (t->passed)
            return; /* it goes forward, and that may take too long as well */
        t->stop = code;
        transaction_run_stop(t);
        return;
    case TRANSACTION_COMMITTING:
    case TRANSACTION_COMMITTED:
    case TRANSACTION_UNDOING:
    case TRANSACTION_UNDONE:
    case TRANSACTION_FAILED:
        return; /* too late, or under way already */
    }
}

void transaction_cancel(struct transaction *t)
{
    stop(t, VDC_E_CANCELLED);
}

static void deadline_has_come(int fd, short what, void *arg)
{
    stop(arg, VDC_E_TIMEOUT);
}

static void set_deadline(struct transaction *t)
{
    uint64_t ms = t->request.timeout_ms;
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };

    if (!ms || ms > TIMEOUT_MAX_MS)
        return;
    t->deadline_ms = clock_mono().ms + ms;
    t->deadline = event_new(t->host->base, -1, 0, deadline_has_come, t);
    event_add(t->deadline, &tv);
}

/* ---- the locks ---- */

static void locked_late(struct locks *locks)
{
    struct transaction *t =
        (struct transaction *)((char *)locks -
                               offsetof(struct transaction, locks));

    transaction_soon(t, locked);
}

static void ask_for_locks(struct transaction *t)
{
    memset(&t->locks, 0, sizeof(t->locks));
    t->locks.granted_late = locked_late;
    transaction_find_locks(t, &t->locks);
    if (lock_request(&t->host->locks, &t->locks))
        transaction_soon(t, locked);
}

/* It has the locks that it asked for (names may mean others by now), or it
 * waits no longer. */
static void locked(struct transaction *t)
{
    struct locks *needed = ARENA_NEW(t->arena, struct locks);

    if (t->stop) {
        transaction_say_stop(t);
        transaction_end_untouched(t, t->stop);
        return;
    }
    transaction_find_locks(t, needed);
    if (!locks_cover(&t->locks, needed)) {
        transaction_find_locks(t, &t->locks);
        if (!lock_extend(&t->host->locks, &t->locks))
            return;
    }
    transaction_find_answer(t, transaction_run);
}

/* ---- the beginning ---- */

static struct transaction *transaction_new(struct host *host,
                                           const struct transaction_ops *ops,
                                           void *arg)
{
    struct transaction *t = XNEW(struct transaction);

    t->host = host;
    t->begun_us = metrics_now_us();
    t->arena = arena_new();
    t->ops = ops;
    t->arg = arg;
    t->soon = event_new(host->base, -1, 0, do_soon, t);
    wire_init(&wire_struct_transaction, &t->request);
    TAILQ_INSERT_TAIL(&host->transactions, t, link);
    return t;
}

static void cannot_begin(struct transaction *t)
{
    transaction_end_untouched(t, t->err.code);
}

static void begun(struct transaction *t)
{
    transaction_move(t, TRANSACTION_QUEUED);
    ask_for_locks(t);
}

/* What only asks for an answer has nothing that could be done. */
static int check_recall(struct transaction *t)
{
    if (t->request.n_operations || t->request.dry_run || !t->request.key[0])
        return vdc_error_set(&t->err, VDC_E_BAD_VALUE,
                             "what asks for the answer to a key has a key, "
                             "and no operations");
    return 0;
}

static int check_request(struct transaction *t)
{
    if (t->request.recall)
        return check_recall(t);
    if (t->request.close)
        return vdc_error_set(&t->err, VDC_E_BAD_VALUE,
                             "a key is closed by what asks for its answer");
    if (t->request.n_operations == 0)
        return vdc_error_set(&t->err, VDC_E_BAD_VALUE,
                             "a transaction without operations");
    for (uint32_t i = 0; i < t->request.n_operations; i++) {
        enum wire_operation_kind kind = t->request.operations[i].kind;
        if (!t->own && t->request.stage == WIRE_STAGE_NOW &&
            t->request.operations[i].stream)
            return vdc_error_set(&t->err, VDC_E_BAD_VALUE,
                                 "what starts a guest that comes from another "
                                 "host is expected first");
        if (!t->own && !operation_is_for_clients(kind))
            return vdc_error_set(
                &t->err, VDC_E_BAD_VALUE, "%s is not a client's operation",
                wire_enum_word(&wire_enum_operation_kind, (int)kind));
    }
    return 0;
}

/* What is chosen at random is chosen now, so that the journal has it. */
static void choose(struct wire_operation *request, struct arena *arena)
{
    if (request->kind == WIRE_OP_CREATE) {
        if (uuid_is_zero(&request->definition.uuid))
            uuid_random(&request->definition.uuid);
        definition_choose_macs(&request->definition, arena);
    }
    if (request->kind == WIRE_OP_RENAME && !request->new_xen_name[0])
        request->new_xen_name = request->new_name;
}

static void take_operations(struct transaction *t)
{
    for (uint32_t i = 0; i < t->request.n_operations; i++) {
        struct operation *op = &t->operations[i];
        choose(&t->request.operations[i], t->arena);
        op->t = t;
        op->host = t->host;
        op->request = t->request.operations[i];
        op->kind = op->request.kind;
        op->domid = op->old_domid = HV_DOMID_NONE;
        op->fd = -1;
    }
    t->n_operations = t->request.n_operations;
}

static void begin(struct transaction *t,
                  const struct wire_transaction *request)
{
    int rc = wire_struct_copy(&wire_struct_transaction, request, t->arena,
                              &t->request, &t->err);

    if (rc)
        t->request.n_operations = 0;
    if (!rc && t->request.key[0])
        t->digest = transaction_digest(&t->request);
    if (!rc)
        rc = check_request(t);
    if (!rc)
        take_operations(t);
    set_deadline(t);
    if (rc) {
        transaction_soon(t, cannot_begin);
        return;
    }
    begun(t);
}

struct transaction *transaction_begin(struct host *host,
                                      const struct wire_transaction *request,
                                      const struct transaction_ops *ops,
                                      void *arg)
{
    struct transaction *t = transaction_new(host, ops, arg);

    begin(t, request);
    return t;
}

struct transaction *transaction_begin_own(struct host *host,
                                          const struct operation *like,
                                          const struct transaction_ops *ops,
                                          void *arg)
{
    struct transaction *t = transaction_new(host, ops, arg);
    struct wire_operation operation = like->request;
    struct wire_transaction request;

    wire_init(&wire_struct_transaction, &request);
    operation.kind = like->kind;
    operation.uuid = like->partition->row.uuid;
    request.operations = &operation;
    request.n_operations = 1;
    t->own = true;
    begin(t, &request);
    struct operation *op = &t->operations[0];
    op->automatic = like->automatic;
    op->why = like->why;
    op->gave_up = like->gave_up;
    op->core_dump = like->core_dump;
    op->old_domid = like->old_domid;
    return t;
}

struct transaction *transaction_recover(struct host *host,
                                        const struct journal_entry *entry,
                                        const struct transaction_ops *ops,
                                        void *arg)
{
    struct transaction *t = transaction_new(host, ops, arg);

    t->own = true;
    t->recovered = true;
    t->id = entry->id;
    t->passed = entry->passed;
    t->prepared = entry->prepared;
    begin(t, &entry->request);
    return t;
}

/* ---- for others ---- */

const struct operation *
transaction_operation_on(const struct transaction *t,
                         const struct partition *partition)
{
    for (size_t i = t && partition ? t->n_operations : 0; i > 0; i--)
        if (t->operations[i - 1].partition == partition)
            return &t->operations[i - 1];
    return NULL;
}

bool transaction_concerns(const struct host *host,
                          const struct partition *partition)
{
    char key[64], uuid[UUID_TEXT_SIZE];

    snprintf(key, sizeof(key), "partition %s",
             uuid_format(&partition->row.uuid, uuid));
    return partition->transaction || lock_is_wanted(&host->locks, key);
}

void transactions_abandon(struct host *host)
{
    struct transaction *t;

    while ((t = TAILQ_FIRST(&host->transactions))) {
        for (size_t i = 0; i < t->n_operations; i++)
            if (t->operations[i].partition)
                t->operations[i].partition->transaction = NULL;
        transaction_free(t);
    }
}
