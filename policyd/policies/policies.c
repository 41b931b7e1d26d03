/*
 * Placement policies as they are when read; see policies.h.
 */
#include "policyd/policies/policies.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/names.h"
#include "policyd/placement/score.h"

static const char *const strategies[] = {
    [POLICIES_PACK] = "pack",
    [POLICIES_SPREAD] = "spread",
    [POLICIES_WEIGHTED] = "weighted",
    [POLICIES_EXTERNAL] = "external",
};

const char *policies_strategy_name(enum policies_strategy strategy)
{
    return strategies[strategy];
}

/* ---- begin and end ---- */

static void add_builtin(struct policies *policies,
                        enum policies_strategy strategy)
{
    const char *name = policies_strategy_name(strategy);

    policies->policies[policies->n_policies++] = (struct policies_policy){
        .name = name,
        .strategy = strategy,
        .placement = *placement_policy_find(name),
    };
}

struct policies *policies_new(const char *path)
{
    struct policies *policies = XNEW(struct policies);

    policies->n_references = 1;
    policies->arena = arena_new();
    policies->path = arena_strdup(policies->arena, path);
    policies->default_name = policies_strategy_name(POLICIES_SPREAD);
    policies->policies =
        ARENA_ARRAY(policies->arena, 2, struct policies_policy);
    add_builtin(policies, POLICIES_PACK);
    add_builtin(policies, POLICIES_SPREAD);
    return policies;
}

struct policies *policies_hold(struct policies *policies)
{
    policies->n_references++;
    return policies;
}

void policies_drop(struct policies *policies)
{
    if (!policies || --policies->n_references)
        return;
    arena_free(policies->arena);
    free(policies);
}

/* ---- whose ---- */

const struct policies_policy *policies_find(const struct policies *policies,
                                            const char *name)
{
    for (uint32_t i = 0; i < policies->n_policies; i++)
        if (strcmp(policies->policies[i].name, name) == 0)
            return &policies->policies[i];
    return NULL;
}

const struct policies_policy *policies_for(const struct policies *policies,
                                           const char *customer)
{
    for (uint32_t i = 0; i < policies->n_customers; i++)
        if (strcmp(policies->customers[i].customer, customer) == 0)
            return policies->customers[i].policy;
    return policies->fallback;
}

/* ---- groups ---- */

static int bad_group(const char *group, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' cannot be a group", group);
    vdc_error_hint(err,
                   "1 to %d characters of A-Z, a-z, 0-9, '.', '_' and '-', "
                   "a letter or digit first; before it, maybe, CUSTOMER/",
                   POLICIES_GROUP_NAME_MAX);
    return VDC_E_BAD_VALUE;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool policies_is_word(const char *text, size_t most)
{
    size_t len = strlen(text);

    return len >= 1 && len <= most && strchr(LETTERS DIGITS, text[0]) &&
           strspn(text, LETTERS DIGITS "._-") == len;
}

int policies_group(const char *customer, const char *group, bool restricted,
                   struct arena *arena, const char **ret,
                   struct vdc_error *err)
{
    const char *slash = strrchr(group, '/');
    const char *word = slash ? slash + 1 : group;
    const char *owner = customer;

    if (slash)
        owner = arena_strndup(arena, group, (size_t)(slash - group));
    if (!policies_is_word(word, POLICIES_GROUP_NAME_MAX) ||
        names_check_customer(owner, NULL))
        return bad_group(group, err);
    if (restricted && strcmp(owner, customer) != 0)
        return vdc_error_set(err, VDC_E_DENIED,
                             "group '%s' is not of customer %s", group,
                             customer);
    *ret = arena_printf(arena, "%s/%s", owner, word);
    return 0;
}

/* ---- a view ---- */

static int apply_rule(const struct policies_rule *rule,
                      struct placement_view *view)
{
    struct placement_names *names = placement_view_names(view);
    const struct placement_rule put = {
        .name = placement_names_add(names, rule->name),
        .group = placement_names_add(names, rule->group),
        .other = placement_names_add(names, rule->other),
        .anti = rule->anti,
        .hard = rule->hard,
        .scope = rule->scope,
    };

    return placement_view_put_rule(view, &put, NULL);
}

static int apply_promise(const struct policies_promise *promise,
                         struct placement_view *view)
{
    struct placement_names *names = placement_view_names(view);
    const struct placement_promise put = {
        .name = placement_names_add(names, promise->name),
        .customer = placement_names_add(names, promise->customer),
        .n_guests = promise->n_guests,
        .spec = { .memory = promise->memory, .vcpus = promise->vcpus },
    };

    return placement_view_put_promise(view, &put, NULL);
}

void policies_apply(const struct policies *policies,
                    struct placement_view *view)
{
    int rc = 0;

    placement_view_set_overcommit(view, policies->overcommit_percent);
    for (uint32_t i = 0; !rc && i < policies->n_rules; i++)
        rc = apply_rule(&policies->rules[i], view);
    for (uint32_t i = 0; !rc && i < policies->n_promises; i++)
        rc = apply_promise(&policies->promises[i], view);
    assert(!rc); /* what a view refuses is refused when loaded */
}

void policies_withdraw(const struct policies *policies,
                       struct placement_view *view)
{
    struct placement_names *names = placement_view_names(view);

    placement_view_set_overcommit(view, 0);
    for (uint32_t i = 0; i < policies->n_rules; i++)
        placement_view_remove_rule(
            view, placement_names_find(names, policies->rules[i].name));
    for (uint32_t i = 0; i < policies->n_promises; i++)
        placement_view_remove_promise(
            view, placement_names_find(names, policies->promises[i].name));
}
