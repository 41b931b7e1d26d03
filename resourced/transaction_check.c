/* The operations of a transaction as steps: each is checked on what those
 * before it leave, and all reasons against it are collected. */
#include <assert.h>
#include <string.h>

#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/operation.h"
#include "resourced/transaction_impl.h"

static bool check_generation(const struct operation *op,
                             struct reasons *reasons)
{
    const struct partition *partition = op->partition;
    uint64_t asked = op->request.if_generation;
    uint64_t is = partition->row.generation;
    struct vdc_error err;

    if (!asked || asked == is)
        return true;
    vdc_error_set(&err, VDC_E_CONFLICT,
                  "%s has changed meanwhile: its generation is %llu, not "
                  "%llu%s%s%s", partition->row.name, (unsigned long long)is,
                  (unsigned long long)asked,
                  partition->last_change[0] ? " (last: " : "",
                  partition->last_change,
                  partition->last_change[0] ? ")" : "");
    vdc_error_hint(&err, "look at it again, then decide: xl-vdc show");
    reasons_add(reasons, &err);
    return false;
}

static bool has_failed(const struct transaction *t,
                       const struct partition *partition,
                       const bool *failed)
{
    for (size_t i = 0; i < t->n_operations; i++)
        if (failed[i] && t->operations[i].partition == partition)
            return true;
    return false;
}

/* All operations, one after the other, each on what those before it leave. */
static void plan(struct transaction *t, struct step_list *steps,
                 struct step_list *finals, struct reasons *reasons)
{
    bool failed[TRANSACTION_OPERATIONS_MAX] = { false };
    bool checks = !t->recovered;
    struct vdc_error err;

    for (size_t i = 0; i < t->n_operations; i++) {
        struct operation *op = &t->operations[i];
        size_t n_before = reasons->n_errors + reasons->n_more;
        if (operation_find(op, &err)) {
            reasons_add(reasons, &err);
            failed[i] = true;
            continue;
        }
        /* Of one that cannot be anyway, reasons would only mislead. */
        if (has_failed(t, op->partition, failed))
            continue;
        /* Whoever saw it otherwise is to look again first. */
        if (!checks || check_generation(op, reasons))
            operation_plan(op, checks, steps, finals, reasons);
        failed[i] = reasons->n_errors + reasons->n_more > n_before;
    }
}

/* What the lease keeps is free for its operations from now on. */
static void use_lease(struct transaction *t, struct reasons *reasons)
{
    const struct vdc_uuid *id = &t->request.lease;
    struct vdc_error err;

    /* After a crash it may have expired: what is done is done without it. */
    if (uuid_is_zero(id) || (t->recovered && !lease_find(t->host, id)))
        return;
    if (lease_use(t->host, id, t, &err))
        reasons_add(reasons, &err);
    else
        t->lease = lease_find(t->host, id);
}

int transaction_check(struct transaction *t)
{
    struct step_list *steps = ARENA_NEW(t->arena, struct step_list);
    struct step_list *finals = ARENA_NEW(t->arena, struct step_list);
    struct reasons reasons;

    /* Large, and rarely used. */
    reasons.n_errors = reasons.n_more = 0;
    use_lease(t, &reasons);
    plan(t, steps, finals, &reasons);
    int rc = reasons_error(&reasons, &t->err);
    if (rc)
        return rc;
    assert(steps->n_runs + finals->n_runs <= TRANSACTION_STEPS_MAX);
    memcpy(t->steps, steps->runs, steps->n_runs * sizeof(*steps->runs));
    memcpy(t->steps + steps->n_runs, finals->runs,
           finals->n_runs * sizeof(*finals->runs));
    t->n_steps = steps->n_runs + finals->n_runs;
    return 0;
}
