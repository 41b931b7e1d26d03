/*
 * Asking the programs of external placement policies about the guests of a
 * change, before it is decided; and choosing by what they said.  See change.h.
 *
 * What a program names is one more constraint of the decision: the guest is
 * pinned to that host.  So the decision is as any other, made on the view as
 * it is then, and can be explained and made again.
 */
#include <string.h>

#include "base/log.h"
#include "policyd/change.h"
#include "policyd/external.h"
#include "policyd/inventory.h"
#include "policyd/placement/record.h"
#include "policyd/policies.h"

/* Times that a program is asked when what it was told is not so any more. */
#define ASK_MOST 3

struct change_advice {
    const struct policies_policy *policy;
    const char *host; /* NULL: none */
    const char *info; /* in its words */
    bool refused;     /* it says that there is none */
    struct vdc_error why; /* it has not decided; code 0: it has */
    unsigned n_asked;
    char *input; /* that it was told */
};

static void consult_next(struct change *change);

/* ---- what is asked ---- */

/* Guests of the same change for which a host was named are there already, for
 * the time that `fn` looks. */
static int with_others(struct change *change, uint32_t i,
                       int (*fn)(struct change *change, uint32_t i,
                                 struct vdc_error *err),
                       struct vdc_error *err)
{
    struct operations *ops = change->request->ops;
    struct placement_view *view = inventory_view(ops->inventory);
    uint32_t put[CHANGE_OPERATIONS_MAX], n = 0;

    for (uint32_t j = 0; j < i; j++) {
        const struct wire_operation *op = &change->order.operations[j];
        struct placement_request asked;
        if (!change->advice[j] || !change->advice[j]->host)
            continue;
        place_request(ops, change->guest_of[j]->customer, &op->definition,
                      op->start, &asked);
        const struct placement_guest guest = {
            .customer = asked.customer,
            .host = inventory_find_host(ops->inventory,
                                        change->advice[j]->host),
            .spec = asked.spec,
            .runs = asked.start,
            .backup = PLACEMENT_NONE,
        };
        if (guest.host != PLACEMENT_NONE &&
            !placement_view_add_guest(view, &guest, &put[n], NULL))
            n++;
    }
    int rc = fn(change, i, err);
    while (n)
        placement_view_remove_guest(view, put[--n]);
    return rc;
}

static void request_of(struct change *change, uint32_t i,
                       struct placement_request *ret)
{
    const struct wire_operation *op = &change->order.operations[i];

    place_request(change->request->ops, change->guest_of[i]->customer,
                  &op->definition, op->start, ret);
    ret->uuid = change->guest_of[i]->uuid;
}

/* Errors: there is no host to choose from. */
static int write_input(struct change *change, uint32_t i,
                       struct vdc_error *err)
{
    struct change_advice *advice = change->advice[i];
    struct placement_view *view =
        inventory_view(change->request->ops->inventory);
    struct json_out *out = json_out_new(false);
    struct placement_request request;
    size_t len;

    request_of(change, i, &request);
    int rc = iallocator_write(view, &request, &advice->policy->placement,
                              change->guest_of[i]->name, out, err);
    if (!rc)
        advice->input = arena_strdup(change->request->arena,
                                     json_out_text(out, &len));
    json_out_free(out);
    return rc;
}

/* ---- what it says ---- */

static int check_host(struct change *change, uint32_t i,
                      struct vdc_error *err)
{
    const struct change_advice *advice = change->advice[i];
    const struct inventory *inventory = change->request->ops->inventory;
    uint32_t host = inventory_find_host(inventory, advice->host);
    struct placement_request request;
    struct placement_verdict verdict;

    if (host == PLACEMENT_NONE)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "it named host '%s', which is not there",
                             advice->host);
    request_of(change, i, &request);
    int rc = placement_explain(
        inventory_view(change->request->ops->inventory), &request,
        &advice->policy->placement, host, &verdict, err);
    if (!rc && verdict.failed != PLACEMENT_CONSTRAINTS)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "it named host '%s', which cannot take the guest "
                           "(%s)",
                           advice->host,
                           placement_constraint_name(verdict.failed));
    return rc;
}

/* Whether what it was told is still so. */
static bool is_as_told(struct change *change, uint32_t i)
{
    struct change_advice *advice = change->advice[i];
    const char *told = advice->input;

    return !with_others(change, i, write_input, NULL) &&
           strcmp(told, advice->input) == 0;
}

static void take_answer(struct change *change, uint32_t i,
                        const struct iallocator_answer *answer)
{
    struct change_advice *advice = change->advice[i];
    struct arena *arena = change->request->arena;

    advice->info = arena_strdup(arena, answer->info);
    advice->refused = !answer->success;
    if (answer->success)
        advice->host = arena_strdup(arena, answer->host);
    if (answer->success && with_others(change, i, check_host, &advice->why))
        advice->host = NULL;
}

static void complain(const struct change_advice *advice)
{
    const struct policies_policy *policy = advice->policy;

    if (policy->fallback)
        log_limited(VDC_LOG_WARNING, policy->name,
                    "%s has not placed a guest: %s; policy '%s' does",
                    policy->program, advice->why.text, policy->fallback->name);
    else
        log_limited(VDC_LOG_WARNING, policy->name,
                    "%s has not placed a guest: %s", policy->program,
                    advice->why.text);
}

static void ask(struct change *change);

static void answered(void *arg, const struct iallocator_answer *answer,
                     const struct vdc_error *err)
{
    struct change *change = arg;
    struct change_advice *advice = change->advice[change->at];

    if (err && err->code == VDC_E_CANCELLED) {
        change_consulted(change);
        change_fail(change, err);
        return;
    }
    memset(&advice->why, 0, sizeof(advice->why));
    if (err)
        advice->why = *err;
    else
        take_answer(change, change->at, answer);
    if (!err && advice->why.code && advice->n_asked < ASK_MOST &&
        !is_as_told(change, change->at)) {
        ask(change);
        return;
    }
    if (advice->why.code)
        complain(advice);
    change->at++;
    consult_next(change);
}

/* Without a host that could be there is nothing to ask: that is found, and
 * explained, when it is decided. */
static void ask(struct change *change)
{
    struct change_advice *advice = change->advice[change->at];

    if (with_others(change, change->at, write_input, NULL)) {
        change->advice[change->at++] = NULL;
        consult_next(change);
        return;
    }
    advice->n_asked++;
    external_ask(change->request->ops->externals, advice->policy,
                 advice->input, strlen(advice->input), answered, change);
}

static void consult_next(struct change *change)
{
    for (; change->at < change->order.n_operations; change->at++) {
        const struct policies_policy *policy;
        if (!change_is_to_place(change, change->at))
            continue;
        policy = policies_for(change->policies,
                              change->guest_of[change->at]->customer);
        if (policy->strategy != POLICIES_EXTERNAL)
            continue;
        struct change_advice *advice =
            ARENA_NEW(change->request->arena, struct change_advice);
        advice->policy = policy;
        change->advice[change->at] = advice;
        ask(change);
        return;
    }
    change->asked(change);
}

void change_consult(struct change *change, void (*fn)(struct change *change))
{
    change->policies = policies_hold(change->request->ops->policies);
    change->asked = fn;
    change->at = 0;
    /* nothing will be done, so nobody need be asked */
    if (change->reasons.n_errors)
        change->at = change->order.n_operations;
    consult_next(change);
}

void change_consulted(struct change *change)
{
    policies_drop(change->policies);
    change->policies = NULL;
    memset(change->advice, 0, sizeof(change->advice));
}

/* ---- choosing ---- */

static int choose(struct operations *ops, struct placement_record *record,
                  struct vdc_error *err)
{
    return placement_index_choose(inventory_index(ops->inventory),
                                  inventory_view(ops->inventory),
                                  &record->request, &record->policy,
                                  &record->decision, err);
}

static void tell(struct change *change, const struct placement_record *record,
                 const char *format, const char *a, const char *b)
{
    struct arena *arena = change->request->arena;
    char *reason = change->place_reason;
    size_t size = sizeof(change->place_reason);
    const char *more = arena_printf(arena, format, a, b);

    placement_reason(inventory_view(change->request->ops->inventory),
                     &record->request, &record->policy, &record->decision,
                     reason, size);
    size_t len = strlen(reason);
    if (len < size - 1)
        snprintf(reason + len, size - len, "; %s", more);
}

/* Nobody decides: not a decision that could be made again. */
static int refuse(const struct change_advice *advice, struct vdc_error *err)
{
    const struct policies_policy *policy = advice->policy;

    if (advice->refused)
        return vdc_error_set(err, VDC_E_NO_HOST,
                             "%s, which decides by policy '%s', names no "
                             "host: %s",
                             policy->program, policy->name, advice->info);
    vdc_error_set(err, VDC_E_NO_HOST,
                  "%s, which decides by policy '%s', did not: %s",
                  policy->program, policy->name, advice->why.text);
    vdc_error_hint(err, "give the policy a fallback in placement.conf");
    return VDC_E_NO_HOST;
}

int change_choose(struct change *change, uint32_t i,
                  struct placement_record *record, bool *ret_decided,
                  struct vdc_error *err)
{
    struct operations *ops = change->request->ops;
    struct change_advice *advice = change->advice[i];
    int rc;

    *ret_decided = true;
    if (advice && advice->host) {
        record->request.pinned = inventory_name(ops->inventory, advice->host);
        rc = choose(ops, record, &advice->why);
        if (!rc) {
            tell(change, record, "named by %s: %s", advice->policy->program,
                 advice->info);
            return 0;
        }
        record->request.pinned = 0;
    }
    if (advice && (advice->refused || !advice->policy->fallback)) {
        *ret_decided = false;
        return refuse(advice, err);
    }
    if (advice)
        record->policy = advice->policy->fallback->placement;
    rc = choose(ops, record, err);
    if (!rc && advice)
        tell(change, record, "%s did not decide: %s", advice->policy->program,
             advice->why.text);
    else if (!rc)
        placement_reason(inventory_view(ops->inventory), &record->request,
                         &record->policy, &record->decision,
                         change->place_reason, sizeof(change->place_reason));
    return rc;
}
