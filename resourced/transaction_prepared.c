/* Transactions that wait, prepared, for a decision that others take: whether
 * a guest that comes from another host is gone there. */
#include <assert.h>
#include <event2/event.h>
#include <string.h>

#include "resourced/host.h"
#include "resourced/migrate.h"
#include "resourced/transaction_impl.h"

struct preparing {
    struct transaction *t;
    void (*fn)(struct transaction *t, int rc, const struct vdc_error *err);
};

static void has_prepared(void *arg, int rc, const struct vdc_error *err,
                         uint64_t first_event)
{
    struct preparing *preparing = arg;
    struct transaction *t = preparing->t;

    if (rc)
        t->prepared = false;
    preparing->fn(t, rc, err);
}

void transaction_prepare(struct transaction *t,
                         void (*fn)(struct transaction *t, int rc,
                                    const struct vdc_error *err))
{
    struct preparing *preparing = ARENA_NEW(t->arena, struct preparing);
    struct store_change change = { .journal_prepare = t->id };

    assert(!t->stop && !t->passed);
    t->prepared = true;
    preparing->t = t;
    preparing->fn = fn;
    store_submit(t->host->store, &change, has_prepared, preparing);
}

static void act(struct transaction *t)
{
    struct vdc_error err;

    if (!t->waits || t->decision == DECISION_NONE)
        return;
    t->waits = false;
    t->prepared = false;
    if (t->decision == DECISION_RELEASED) {
        if (step_receive_is_lost(t->steps[t->at].op, &err)) {
            /* as when its host has lost power: it is nowhere any more */
            t->step_is_late = false;
            transaction_undo(t, &err);
        } else {
            transaction_step_ended(t, 0, NULL);
        }
        return;
    }
    vdc_error_set(&err, VDC_E_CANCELLED,
                  "it stays on the host that it was on");
    transaction_step_ended(t, err.code, &err);
}

void transaction_decide(struct transaction *t,
                        enum transaction_decision decision)
{
    if (decision == DECISION_RELEASED && !t->prepared)
        return; /* nobody can have let go of it for this one */
    if (t->decision == DECISION_NONE)
        t->decision = decision;
    if (t->waits)
        transaction_soon(t, act);
    else if (t->prepared && t->timer &&
             event_pending(t->timer, EV_TIMEOUT, NULL))
        event_active(t->timer, EV_TIMEOUT, 1); /* what failed, at once */
    else if (decision == DECISION_ABANDONED)
        transaction_cancel(t);
}

void transaction_await(struct transaction *t)
{
    struct vdc_error before = t->err;

    t->waits = true;
    if (t->recovered) {
        vdc_error_set(&t->err, VDC_E_BUSY,
                      "the guest that it starts comes from another host, and "
                      "whether it is gone there is to be said by policyd");
        transaction_tell_waits(t);
        t->err = before;
    }
    transaction_soon(t, act);
}

struct transaction *transaction_of_key(const struct host *host,
                                       const char *owner, const char *key)
{
    struct transaction *t;

    TAILQ_FOREACH (t, &host->transactions, link)
        if (t->n_operations && !t->request.dry_run &&
            strcmp(t->request.key, key) == 0 &&
            strcmp(t->request.owner, owner) == 0)
            return t;
    return NULL;
}
