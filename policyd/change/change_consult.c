/*
 * Asking the program of an external placement policy about what a change
 * creates, before it is decided; and choosing by what it said.  See change.h.
 *
 * What a program names is one more constraint of the decision: the guest is
 * pinned to that host.  So the decision is as any other, made on the view as
 * it is then, and can be explained and made again.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "policyd/change/change.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/record.h"
#include "policyd/policies/external.h"
#include "policyd/policies/policies.h"

/* Times that a program is asked when what it was told is not so any more. */
#define ASK_MOST 3

struct change_advice {
    struct policies *policies; /* held */
    const struct policies_policy *policy;
    const char *host;     /* NULL: none */
    const char *info;     /* in its words */
    bool refused;         /* it says that there is none */
    struct vdc_error why; /* it has not decided; code 0: it has */
    unsigned n_asked;
    const char *input; /* that it was told */
};

static void ask(struct change *change);

/* ---- what is asked ---- */

/* Errors: there is no host to choose from. */
static int write_input(struct change *change, const char **ret)
{
    const struct change_advice *advice = change->advice;
    struct json_out *out = json_out_new(false);
    struct placement_request request;
    size_t len;

    if (!change_sum(change, &request)) {
        json_out_free(out);
        return VDC_E_NOT_FOUND;
    }
    int rc = iallocator_write(inventory_view(change->request->ops->inventory),
                              &request, &advice->policy->placement,
                              change->guests[0].name, out, NULL);
    if (!rc)
        *ret = arena_strdup(change->request->arena, json_out_text(out, &len));
    json_out_free(out);
    return rc;
}

/* ---- what it says ---- */

static int check_host(struct change *change, struct vdc_error *err)
{
    const struct change_advice *advice = change->advice;
    struct inventory *inventory = change->request->ops->inventory;
    uint32_t host = inventory_find_host(inventory, advice->host);
    struct placement_request request;
    struct placement_verdict verdict;

    if (host == PLACEMENT_NONE)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "it named host '%s', which is not there",
                             advice->host);
    change_sum(change, &request);
    int rc =
        placement_explain(inventory_view(inventory), &request,
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
static bool is_as_told(struct change *change)
{
    const char *now = "";

    return !write_input(change, &now) &&
           strcmp(now, change->advice->input) == 0;
}

static void take_answer(struct change *change,
                        const struct iallocator_answer *answer)
{
    struct change_advice *advice = change->advice;
    struct arena *arena = change->request->arena;

    advice->info = arena_strdup(arena, answer->info);
    advice->refused = !answer->success;
    if (!answer->success)
        return;
    advice->host = arena_strdup(arena, answer->host);
    if (check_host(change, &advice->why))
        advice->host = NULL;
}

static void complain(const struct change_advice *advice)
{
    const struct policies_policy *policy = advice->policy;

    if (policy->fallback)
        log_limited(VDC_LOG_WARNING, policy->program,
                    "has not placed a guest: %s; policy '%s' does",
                    advice->why.text, policy->fallback->name);
    else
        log_limited(VDC_LOG_WARNING, policy->program,
                    "has not placed a guest: %s", advice->why.text);
}

static void answered(void *arg, const struct iallocator_answer *answer,
                     const struct vdc_error *err)
{
    struct change *change = arg;
    struct change_advice *advice = change->advice;

    if (err && err->code == VDC_E_CANCELLED) {
        change_consulted(change);
        change_fail(change, err);
        return;
    }
    memset(&advice->why, 0, sizeof(advice->why));
    if (err)
        advice->why = *err;
    else
        take_answer(change, answer);
    if (!err && advice->why.code && advice->n_asked < ASK_MOST &&
        !is_as_told(change)) {
        ask(change);
        return;
    }
    if (advice->why.code)
        complain(advice);
    change->asked(change);
}

/* Without a host that could be there is nothing to ask: that is found, and
 * explained, when it is decided. */
static void ask(struct change *change)
{
    struct change_advice *advice = change->advice;

    if (request_is_cancelled(change->request, NULL) ||
        write_input(change, &advice->input)) {
        change_consulted(change);
        change->asked(change);
        return;
    }
    advice->n_asked++;
    external_ask(change->request->ops->externals, advice->policy,
                 advice->input, strlen(advice->input), answered, change);
}

void change_consult(struct change *change, void (*fn)(struct change *change))
{
    struct operations *ops = change->request->ops;
    const struct policies_policy *policy =
        change->n_guests
            ? policies_for(ops->policies, change->guests[0].customer)
            : NULL;

    change->asked = fn;
    /* with a reason against it nothing will be done */
    if (!change_creates(change) || change->reasons->n_errors || !policy ||
        policy->strategy != POLICIES_EXTERNAL) {
        fn(change);
        return;
    }
    change->advice = ARENA_NEW(change->request->arena, struct change_advice);
    change->advice->policies = policies_hold(ops->policies);
    change->advice->policy = policy;
    ask(change);
}

void change_consulted(struct change *change)
{
    if (change->advice)
        policies_drop(change->advice->policies);
    change->advice = NULL;
}

/* ---- choosing ---- */

static int choose(struct operations *ops, struct placement_record *record,
                  struct vdc_error *err)
{
    return placement_index_choose(
        inventory_index(ops->inventory), inventory_view(ops->inventory),
        &record->request, &record->policy, &record->decision, err);
}

static void tell(const struct change *change,
                 const struct placement_record *record, const char *more,
                 char *reason)
{
    placement_reason(inventory_view(change->request->ops->inventory),
                     &record->request, &record->policy, &record->decision,
                     reason, PLACEMENT_REASON_MAX + 1);
    size_t len = strlen(reason);
    if (*more && len < PLACEMENT_REASON_MAX)
        snprintf(reason + len, PLACEMENT_REASON_MAX + 1 - len, "; %s", more);
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

/* By what the program named, if that still holds. */
static bool choose_named(struct change *change,
                         struct placement_record *record, char *reason)
{
    struct operations *ops = change->request->ops;
    struct change_advice *advice = change->advice;
    uint32_t pinned = record->request.pinned;

    if (!advice->host)
        return false;
    record->request.pinned = inventory_name(ops->inventory, advice->host);
    if (!choose(ops, record, &advice->why)) {
        tell(change, record,
             arena_printf(change->request->arena, "named by %s: %s",
                          advice->policy->program, advice->info),
             reason);
        return true;
    }
    record->request.pinned = pinned;
    return false;
}

int change_choose(struct change *change, struct placement_record *record,
                  bool *ret_decided, char *reason, struct vdc_error *err)
{
    struct operations *ops = change->request->ops;
    struct change_advice *advice = change->advice;
    const struct policies_policy *policy =
        policies_for(ops->policies, change->guests[0].customer);
    const char *more = "";

    *ret_decided = true;
    if (advice && choose_named(change, record, reason))
        return 0;
    if (advice && (advice->refused || !advice->policy->fallback)) {
        *ret_decided = false;
        return refuse(advice, err);
    }
    if (advice) {
        record->policy = advice->policy->fallback->placement;
        more = arena_printf(change->request->arena, "%s did not decide: %s",
                            advice->policy->program, advice->why.text);
    } else if (policy->fallback) {
        record->policy = policy->fallback->placement;
    }
    int rc = choose(ops, record, err);
    if (!rc)
        tell(change, record, more, reason);
    return rc;
}
