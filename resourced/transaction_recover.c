/* Transactions that a crash left in the journal: forward, back, or where they
 * were. */
#include "base/clock.h"
#include "resourced/boot.h"
#include "resourced/host.h"
#include "resourced/step.h"
#include "resourced/transaction_impl.h"

/* The domains that its steps had built before the crash. */
static int find_built(struct transaction *t, struct vdc_error *err)
{
    struct hv *hv = t->host->hv;
    struct hv_domain_info *domains;
    struct arena *arena = arena_new(); /* it may be tried for days */
    size_t n = 0;
    int rc = hv->domain->list(hv, arena, &domains, &n, err);

    for (size_t i = 0; !rc && i < t->n_operations; i++) {
        struct operation *op = &t->operations[i];
        if (op->row->domid != DOMID_TO_COME || op->kind == WIRE_OP_RESTART)
            continue;
        /* One that has ended since is found missing when all is settled. */
        op->row->started_ms = clock_wall().ms;
        for (size_t j = 0; j < n; j++)
            if (!domains[j].dying &&
                uuid_equal(&domains[j].uuid, &op->row->uuid))
                op->domid = op->row->domid = domains[j].domid;
        if (op->row->domid == DOMID_TO_COME)
            op->row->domid = HV_DOMID_NONE;
    }
    arena_free(arena);
    return rc;
}

static void forward_again(int fd, short what, void *arg);

/* All that can be undone had been applied when it passed. */
static void go_forward(struct transaction *t)
{
    struct vdc_error err;

    while (t->at < t->n_steps && !t->steps[t->at].step->final)
        t->at++;
    if (find_built(t, &err))
        transaction_try_again(t, &t->operations[0], &err, forward_again);
    else
        transaction_apply(t);
}

static void forward_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    go_forward(op->t);
}

/* The domain that stood still is looked for. */
static int find_prepared(struct transaction *t, bool *ret_is_there,
                         struct vdc_error *err)
{
    bool is_there = true;

    for (size_t i = 0; i < t->n_operations; i++)
        t->operations[i].row->domid = DOMID_TO_COME;
    int rc = find_built(t, err);
    for (size_t i = 0; !rc && i < t->n_operations; i++) {
        struct operation *op = &t->operations[i];
        op->domid = op->kind == WIRE_OP_START ? op->row->domid
                                              : HV_DOMID_NONE;
        is_there = is_there && op->row->domid != HV_DOMID_NONE;
    }
    *ret_is_there = is_there;
    return rc;
}

static void give_up(struct transaction *t, const struct vdc_error *why)
{
    t->prepared = false;
    t->at = t->n_steps;
    transaction_undo(t, why);
}

/* Of one that was prepared before the crash the domain stands still, or is
 * gone, with the host's memory or since: then nothing is left to decide.  Nor
 * is there when it was abandoned while it could not be published. */
static void go_on_waiting(struct transaction *t)
{
    struct vdc_error err;
    bool is_there;

    if (find_prepared(t, &is_there, &err)) {
        transaction_try_again(t, &t->operations[0], &err,
                              transaction_wait_again);
        return;
    }
    if (!is_there) {
        vdc_error_set(&err, VDC_E_NOT_FOUND,
                      "the domain that waited here is gone");
        give_up(t, &err);
        return;
    }
    if (t->decision == DECISION_ABANDONED) {
        vdc_error_set(&err, VDC_E_CANCELLED,
                      "it stays on the host that it was on");
        give_up(t, &err);
        return;
    }
    t->at = 0;
    while (t->steps[t->at].step != &step_publish)
        t->at++;
    transaction_apply(t);
}

void transaction_wait_again(int fd, short what, void *arg)
{
    struct operation *op = arg;

    go_on_waiting(op->t);
}

/* One that was to be built anew when the host lost power, and may run on
 * another since: what it was is left to boot.h. */
static bool is_held(const struct transaction *t)
{
    const struct operation *op = &t->operations[0];

    return op->kind == WIRE_OP_RESTART && op->partition &&
           op->partition->row.boot_id != t->host->boot_id &&
           boot_must_hold(t->host, op->partition);
}

/* After a crash: forward, or all of it back. */
void transaction_run_recovered(struct transaction *t)
{
    struct vdc_error err;

    if (t->prepared) {
        transaction_move(t, TRANSACTION_APPLYING);
        go_on_waiting(t);
        return;
    }
    if (t->passed && is_held(t))
        t->passed = false;
    if (t->passed) {
        transaction_watch_stuck(t);
        transaction_move(t, TRANSACTION_APPLYING);
        go_forward(t);
        return;
    }
    t->at = t->n_steps;
    vdc_error_set(&err, VDC_E_CANCELLED,
                  "resourced ended in the middle of it");
    transaction_undo(t, &err);
}
