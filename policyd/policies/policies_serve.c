/*
 * Placement policies for operators: those in force, reading them again, and
 * whether a file would be taken.
 */
#include <string.h>

#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/audit.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/score.h"
#include "policyd/policies/policies.h"

int operations_reload(struct operations *ops, struct vdc_error *err)
{
    struct placement_view *view = inventory_view(ops->inventory);
    struct policies *policies;
    int rc = policies_load(ops->setup->placement, true, &policies, err);

    if (rc) {
        vdc_error_prefix(err, "the placement policies stay as they were");
        return rc;
    }
    policies_withdraw(ops->policies, view);
    policies_apply(policies, view);
    policies_drop(ops->policies);
    ops->policies = policies;
    log_info("%s: %u placement policies, %u rules, %u promises",
             policies->path, policies->n_policies, policies->n_rules,
             policies->n_promises);
    return 0;
}

/* ---- as a message ---- */

static void tell_weights(const struct placement_policy *policy,
                         struct arena *arena, struct wire_policy *ret)
{
    ret->weights =
        ARENA_ARRAY(arena, PLACEMENT_TERMS, struct wire_policy_weight);
    for (int i = 0; i < PLACEMENT_TERMS; i++) {
        if (!policy->weights[i])
            continue;
        struct wire_policy_weight *weight = &ret->weights[ret->n_weights++];
        wire_init(&wire_struct_policy_weight, weight);
        weight->term = placement_term_name((enum placement_term)i);
        weight->milli = policy->weights[i];
    }
}

static void tell_policy(const struct policies_policy *policy,
                        struct arena *arena, struct wire_policy *ret)
{
    static const enum wire_policy_strategy strategies[] = {
        [POLICIES_PACK] = WIRE_POLICY_PACK,
        [POLICIES_SPREAD] = WIRE_POLICY_SPREAD,
        [POLICIES_WEIGHTED] = WIRE_POLICY_WEIGHTED,
        [POLICIES_EXTERNAL] = WIRE_POLICY_EXTERNAL,
    };

    wire_init(&wire_struct_policy, ret);
    ret->name = policy->name;
    ret->strategy = strategies[policy->strategy];
    ret->line = policy->line;
    if (policy->strategy != POLICIES_EXTERNAL) {
        tell_weights(&policy->placement, arena, ret);
        return;
    }
    ret->program = policy->program;
    ret->n_arguments = policy->n_arguments;
    ret->arguments = (const char **)arena_memdup(arena, policy->arguments,
                                                 sizeof(policy->arguments));
    ret->timeout_ms = policy->timeout_ms;
    ret->fallback = policy->fallback ? policy->fallback->name : "";
}

static void tell_customer(const struct policies_customer *customer,
                          struct wire_policy_customer *ret)
{
    wire_init(&wire_struct_policy_customer, ret);
    ret->customer = customer->customer;
    ret->policy = customer->policy->name;
    ret->line = customer->line;
}

static void tell_rule(const struct policies_rule *rule,
                      struct wire_policy_rule *ret)
{
    wire_init(&wire_struct_policy_rule, ret);
    ret->name = rule->name;
    ret->group = rule->group;
    ret->other = rule->other;
    ret->anti = rule->anti;
    ret->hard = rule->hard;
    ret->domains = rule->scope == PLACEMENT_DOMAINS;
    ret->line = rule->line;
}

static void tell_promise(const struct policies_promise *promise,
                         struct wire_policy_promise *ret)
{
    wire_init(&wire_struct_policy_promise, ret);
    ret->name = promise->name;
    ret->customer = promise->customer;
    ret->guests = promise->n_guests;
    ret->memory = promise->memory;
    ret->vcpus = promise->vcpus;
    ret->line = promise->line;
}

static void reply(struct request *request, const struct policies *policies)
{
    struct arena *arena = request->arena;
    struct wire_policies body;

    wire_init(&wire_struct_policies, &body);
    body.path = policies->path;
    body.missing = !policies->there;
    body.default_policy = policies->fallback->name;
    body.overcommit_percent = policies->overcommit_percent;
    body.n_policies = policies->n_policies;
    body.policies = ARENA_ARRAY(arena, body.n_policies, struct wire_policy);
    for (uint32_t i = 0; i < body.n_policies; i++)
        tell_policy(&policies->policies[i], arena, &body.policies[i]);
    body.n_customers = policies->n_customers;
    body.customers =
        ARENA_ARRAY(arena, body.n_customers, struct wire_policy_customer);
    for (uint32_t i = 0; i < body.n_customers; i++)
        tell_customer(&policies->customers[i], &body.customers[i]);
    body.n_rules = policies->n_rules;
    body.rules = ARENA_ARRAY(arena, body.n_rules, struct wire_policy_rule);
    for (uint32_t i = 0; i < body.n_rules; i++)
        tell_rule(&policies->rules[i], &body.rules[i]);
    body.n_promises = policies->n_promises;
    body.promises =
        ARENA_ARRAY(arena, body.n_promises, struct wire_policy_promise);
    for (uint32_t i = 0; i < body.n_promises; i++)
        tell_promise(&policies->promises[i], &body.promises[i]);
    request_reply(request, WIRE_MSG_policy_reply, &body);
}

void policies_serve_show(struct request *request)
{
    reply(request, request->ops->policies);
}

void policies_serve_reload(struct request *request)
{
    struct vdc_error err = { 0 };

    if (operations_reload(request->ops, &err)) {
        request_fail(request, &err);
        return;
    }
    audit_done(request);
    reply(request, request->ops->policies);
}

void policies_serve_check(struct request *request)
{
    const struct wire_policy_file *file = request->body;
    struct vdc_error err = { 0 };
    struct policies *policies;

    if (policies_parse(*file->path ? file->path : "the file",
                       (const char *)file->text, file->n_text, &policies,
                       &err)) {
        request_fail(request, &err);
        return;
    }
    reply(request, policies);
    policies_drop(policies);
}
