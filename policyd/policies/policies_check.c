/*
 * What in placement policies contradicts itself; see policies.h.
 *
 * Hard rules of affinity over hosts make groups that share hosts: each of
 * their guests has one of each group beside it, as far as there are any.
 * With those over failure domains they make groups that share domains.  A
 * rule that keeps two groups of such a set apart, in that scope, cannot hold
 * together with the others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "policyd/policies/policies.h"

static int refuse(const struct policies *policies, unsigned line,
                  struct vdc_error *err)
{
    vdc_error_prefix(err, "%s:%u", policies->path, line);
    return VDC_E_BAD_CONFIG;
}

/* ---- names ---- */

static int twice(const struct policies *policies, const char *what,
                 const char *name, unsigned line, unsigned first,
                 struct vdc_error *err)
{
    if (first)
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "%s '%s' is there twice, first in line %u", what, name,
                      first);
    else
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "%s '%s' is built in: choose another name", what, name);
    return refuse(policies, line, err);
}

/* How each row of a list begins. */
struct named {
    const char *name;
    unsigned line;
};

/* Each name once; a row has `size` bytes. */
static int check_list(const struct policies *policies, const char *what,
                      const void *rows, size_t size, uint32_t n,
                      struct vdc_error *err)
{
    const char *bytes = rows;
    struct named a, b;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < i; j++) {
            memcpy(&a, bytes + i * size, sizeof(a));
            memcpy(&b, bytes + j * size, sizeof(b));
            if (strcmp(a.name, b.name) == 0)
                return twice(policies, what, a.name, a.line, b.line, err);
        }
    return 0;
}

#define CHECK_LIST(what, rows)                                          \
    check_list(policies, what, policies->rows, sizeof(*policies->rows), \
               policies->n_##rows, err)

static int check_names(const struct policies *policies, struct vdc_error *err)
{
    int rc = CHECK_LIST("policy", policies);

    if (!rc)
        rc = CHECK_LIST("customer", customers);
    if (!rc)
        rc = CHECK_LIST("rule", rules);
    return rc ? rc : CHECK_LIST("promise", promises);
}

/* ---- what names stand for ---- */

static int find(const struct policies *policies, const char *what,
                const char *name, unsigned line,
                const struct policies_policy **ret, struct vdc_error *err)
{
    const char **names =
        ARENA_ARRAY(policies->arena, policies->n_policies, const char *);

    *ret = policies_find(policies, name);
    if (*ret)
        return 0;
    for (uint32_t i = 0; i < policies->n_policies; i++)
        names[i] = policies->policies[i].name;
    vdc_error_set(err, VDC_E_BAD_CONFIG, "%s: there is no policy '%s'", what,
                  name);
    const char *near = suggest_nearest(name, names, policies->n_policies);
    if (near)
        vdc_error_hint(err, "did you mean '%s'?", near);
    return refuse(policies, line, err);
}

/* A fallback decides at once, or there would be one of it in turn. */
static int find_fallback(const struct policies *policies,
                         struct policies_policy *policy, struct vdc_error *err)
{
    int rc = find(policies, "fallback", policy->fallback_name, policy->line,
                  &policy->fallback, err);

    if (rc)
        return rc;
    if (policy->fallback == policy)
        vdc_error_set(err, VDC_E_BAD_CONFIG, "policy '%s' is its own fallback",
                      policy->name);
    else if (policy->fallback->strategy == POLICIES_EXTERNAL)
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "policy '%s' falls back to '%s' (line %u), which is "
                      "external, too",
                      policy->name, policy->fallback->name,
                      policy->fallback->line);
    else
        return 0;
    vdc_error_hint(err, "name a policy of strategy pack, spread or weighted");
    return refuse(policies, policy->line, err);
}

static int find_all(struct policies *policies, struct vdc_error *err)
{
    int rc = find(policies, "default", policies->default_name,
                  policies->default_line, &policies->fallback, err);

    for (uint32_t i = 0; !rc && i < policies->n_policies; i++)
        if (policies->policies[i].fallback_name)
            rc = find_fallback(policies, &policies->policies[i], err);
    for (uint32_t i = 0; !rc && i < policies->n_customers; i++) {
        struct policies_customer *customer = &policies->customers[i];
        rc = find(policies, customer->customer, customer->policy_name,
                  customer->line, &customer->policy, err);
    }
    return rc;
}

/* ---- rules ---- */

static bool is_pair(const struct policies_rule *a,
                    const struct policies_rule *b)
{
    return (strcmp(a->group, b->group) == 0 &&
            strcmp(a->other, b->other) == 0) ||
           (strcmp(a->group, b->other) == 0 &&
            strcmp(a->other, b->group) == 0);
}

/* Where guests are together on a host they are in one domain, too. */
static bool implies(enum placement_scope together, enum placement_scope apart)
{
    return together == PLACEMENT_HOSTS || apart == PLACEMENT_DOMAINS;
}

static const char *scope_text(enum placement_scope scope)
{
    return scope == PLACEMENT_HOSTS ? "hosts" : "domains";
}

static int contradict(const struct policies *policies,
                      const struct policies_rule *a,
                      const struct policies_rule *b, struct vdc_error *err)
{
    const struct policies_rule *late = a->line >= b->line ? a : b;
    const struct policies_rule *early = late == a ? b : a;

    vdc_error_set(err, VDC_E_BAD_CONFIG,
                  "rule '%s' (%saffinity of %s and %s over %s) contradicts "
                  "rule '%s' in line %u (%saffinity over %s)",
                  late->name, late->anti ? "anti-" : "", late->group,
                  late->other, scope_text(late->scope), early->name,
                  early->line, early->anti ? "anti-" : "",
                  scope_text(early->scope));
    vdc_error_hint(err, "make one of them soft, or leave it out");
    return refuse(policies, late->line, err);
}

/* Which set of groups one is in: the place of a rule's side that stands for
 * it, after joining what rules of affinity join. */
struct sets {
    const struct policies *policies;
    uint32_t *parent; /* of 2 * n_rules sides */
};

static uint32_t set_of(struct sets *sets, uint32_t side)
{
    while (sets->parent[side] != side)
        side = sets->parent[side] = sets->parent[sets->parent[side]];
    return side;
}

static const char *group_of(const struct sets *sets, uint32_t side)
{
    const struct policies_rule *rule = &sets->policies->rules[side / 2];

    return side % 2 ? rule->other : rule->group;
}

static int by_group(const void *a, const void *b, void *arg)
{
    const struct sets *sets = arg;

    return strcmp(group_of(sets, *(const uint32_t *)a),
                  group_of(sets, *(const uint32_t *)b));
}

/* Sides of the same group are in one set, and those of an affinity. */
static void join_all(struct sets *sets, enum placement_scope scope)
{
    const struct policies *policies = sets->policies;
    uint32_t n = 2 * policies->n_rules;
    uint32_t *order = ARENA_ARRAY(policies->arena, n, uint32_t);

    sets->parent = ARENA_ARRAY(policies->arena, n, uint32_t);
    for (uint32_t i = 0; i < n; i++)
        sets->parent[i] = order[i] = i;
    qsort_r(order, n, sizeof(*order), by_group, sets);
    for (uint32_t i = 1; i < n; i++)
        if (by_group(&order[i - 1], &order[i], sets) == 0)
            sets->parent[set_of(sets, order[i])] = set_of(sets, order[i - 1]);
    for (uint32_t i = 0; i < policies->n_rules; i++) {
        const struct policies_rule *rule = &policies->rules[i];
        if (rule->hard && !rule->anti && implies(rule->scope, scope))
            sets->parent[set_of(sets, 2 * i)] = set_of(sets, 2 * i + 1);
    }
}

/* Through other groups: a with b, b with c, a not with c. */
static int check_through(const struct policies *policies,
                         enum placement_scope scope, struct vdc_error *err)
{
    struct sets sets = { .policies = policies };

    join_all(&sets, scope);
    for (uint32_t i = 0; i < policies->n_rules; i++) {
        const struct policies_rule *rule = &policies->rules[i];
        if (!rule->hard || !rule->anti || rule->scope != scope ||
            strcmp(rule->group, rule->other) == 0 ||
            set_of(&sets, 2 * i) != set_of(&sets, 2 * i + 1))
            continue;
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "rule '%s' keeps %s and %s apart over %s, which other "
                      "rules of affinity bring together",
                      rule->name, rule->group, rule->other, scope_text(scope));
        vdc_error_hint(err, "make one of them soft, or leave it out");
        return refuse(policies, rule->line, err);
    }
    return 0;
}

static int check_rules(const struct policies *policies, struct vdc_error *err)
{
    for (uint32_t i = 0; i < policies->n_rules; i++)
        for (uint32_t j = 0; j < policies->n_rules; j++) {
            const struct policies_rule *together = &policies->rules[i];
            const struct policies_rule *apart = &policies->rules[j];
            if (together->anti || !apart->anti || !together->hard ||
                !apart->hard || !is_pair(together, apart) ||
                !implies(together->scope, apart->scope))
                continue;
            return contradict(policies, together, apart, err);
        }
    int rc = check_through(policies, PLACEMENT_HOSTS, err);
    return rc ? rc : check_through(policies, PLACEMENT_DOMAINS, err);
}

int policies_check(struct policies *policies, struct vdc_error *err)
{
    int rc = check_names(policies, err);

    if (!rc)
        rc = find_all(policies, err);
    return rc ? rc : check_rules(policies, err);
}
