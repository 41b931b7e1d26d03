/*
 * The file of placement policies: its settings, and what an item of a list
 * must have; see policies.h.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cfg.h"
#include "base/suggest.h"
#include "policyd/policies/policies_impl.h"

#define TIMEOUT_MS 10000
#define RATIO_MOST_PERCENT 100000 /* 1000 vCPUs for a CPU */

static int missing(const struct policies_item *item, const char *key)
{
    return vdc_error_set(item->err, VDC_E_BAD_CONFIG, "'%s' is missing", key);
}

static int finish_external(const struct policies_item *item,
                           const struct policies_policy *policy)
{
    if (policy->strategy == POLICIES_EXTERNAL)
        return policy->program ? 0 : missing(item, "program");
    if (policy->program || policy->n_arguments || policy->timeout_ms ||
        policy->fallback_name)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "program, arguments, timeout and fallback are "
                             "for strategy=external");
    return 0;
}

static int finish_policy(const struct policies_item *item)
{
    struct policies_policy *policy = item->target;
    struct policies *policies = item->policies;
    bool weight = false;

    if (!policy->name)
        return missing(item, "name");
    if (!item->has_strategy)
        return missing(item, "strategy");
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        weight |= policy->placement.weights[i] != 0;
    if (policy->strategy == POLICIES_WEIGHTED && !weight)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "policy '%s' is weighted, without a weight",
                             policy->name);
    if (policy->strategy != POLICIES_WEIGHTED && item->has_weights)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "weights are for strategy=weighted");
    int rc = finish_external(item, policy);
    if (!policy->timeout_ms)
        policy->timeout_ms = TIMEOUT_MS;
    if (policy->strategy != POLICIES_WEIGHTED)
        policy->placement =
            policies->policies[policy->strategy == POLICIES_PACK ? 0 : 1]
                .placement;
    policy->placement.name = policy->name;
    return rc;
}

static int finish_customer(const struct policies_item *item)
{
    const struct policies_customer *customer = item->target;

    if (!customer->customer)
        return missing(item, "customer");
    return customer->policy_name ? 0 : missing(item, "policy");
}

static int finish_rule(const struct policies_item *item)
{
    const struct policies_rule *rule = item->target;

    if (!rule->name)
        return missing(item, "name");
    return rule->group ? 0 : missing(item, "affinity' or 'anti_affinity");
}

static int finish_promise(const struct policies_item *item)
{
    const struct policies_promise *promise = item->target;

    if (!promise->name)
        return missing(item, "name");
    if (!promise->n_guests)
        return missing(item, "guests");
    if (!promise->memory.kib && !promise->vcpus)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "promise '%s' asks for nothing: neither memory "
                             "nor vcpus",
                             promise->name);
    return 0;
}

/* ---- settings ---- */

/* A setting on its way. */
struct source {
    struct policies *policies;
    const struct cfg_entry *entry;
    struct vdc_error *err;
};

static int put_place(const struct source *source, unsigned line)
{
    vdc_error_prefix(source->err, "%s:%u", source->policies->path, line);
    return VDC_E_BAD_CONFIG;
}

static int must_be(const struct source *source, const char *what)
{
    vdc_error_set(source->err, VDC_E_BAD_CONFIG, "'%s' must be %s",
                  source->entry->name, what);
    return put_place(source, source->entry->line);
}

static int check_list(const struct source *source)
{
    if (source->entry->type != CFG_LIST)
        return must_be(source, "a list, as [ \"name=a, ...\", "
                               "\"name=b, ...\" ]");
    if (source->entry->n_items > POLICIES_ITEMS_MAX)
        return must_be(source, "a list of at most 1024");
    return 0;
}

static int take_default(const struct source *source)
{
    if (source->entry->type == CFG_LIST)
        return must_be(source, "the name of a policy");
    source->policies->default_name =
        arena_strdup(source->policies->arena, source->entry->text);
    source->policies->default_line = source->entry->line;
    return 0;
}

static int take_vcpus_per_cpu(const struct source *source)
{
    uint64_t percent = 0;

    if (source->entry->type == CFG_LIST)
        return must_be(source, "a number");
    if (policies_read_part(source->entry->text, 100, RATIO_MOST_PERCENT,
                           "vcpus_per_cpu", &percent, source->err))
        return put_place(source, source->entry->line);
    if (!percent)
        return must_be(source, "over 0; leave it out for any number");
    source->policies->overcommit_percent = (uint32_t)percent;
    return 0;
}

/* One item of a list. */
static int take_item(const struct source *source, size_t i,
                     enum policies_list list, void *target,
                     int (*finish)(const struct policies_item *item))
{
    struct policies_item item = { .policies = source->policies,
                                  .target = target,
                                  .err = source->err };
    int rc = policies_read_item(&item, list, source->entry->items[i]);

    if (!rc)
        rc = finish(&item);
    return rc ? put_place(source, source->entry->item_lines[i]) : 0;
}

static int take_policies(const struct source *source)
{
    struct policies *policies = source->policies;
    const struct cfg_entry *entry = source->entry;
    int rc = check_list(source);

    if (rc)
        return rc;
    struct policies_policy *all =
        ARENA_ARRAY(policies->arena, policies->n_policies + entry->n_items,
                    struct policies_policy);
    memcpy(all, policies->policies, policies->n_policies * sizeof(*all));
    policies->policies = all;
    for (size_t i = 0; !rc && i < entry->n_items; i++) {
        struct policies_policy *policy = &all[policies->n_policies++];
        policy->line = entry->item_lines[i];
        rc = take_item(source, i, POLICIES_LIST_policies, policy,
                       finish_policy);
    }
    return rc;
}

static int take_customers(const struct source *source)
{
    struct policies *policies = source->policies;
    const struct cfg_entry *entry = source->entry;
    int rc = check_list(source);

    if (rc)
        return rc;
    policies->customers =
        ARENA_ARRAY(policies->arena, entry->n_items, struct policies_customer);
    for (size_t i = 0; !rc && i < entry->n_items; i++) {
        struct policies_customer *customer =
            &policies->customers[policies->n_customers++];
        customer->line = entry->item_lines[i];
        rc = take_item(source, i, POLICIES_LIST_customers, customer,
                       finish_customer);
    }
    return rc;
}

static int take_rules(const struct source *source)
{
    struct policies *policies = source->policies;
    const struct cfg_entry *entry = source->entry;
    int rc = check_list(source);

    if (rc)
        return rc;
    policies->rules =
        ARENA_ARRAY(policies->arena, entry->n_items, struct policies_rule);
    for (size_t i = 0; !rc && i < entry->n_items; i++) {
        struct policies_rule *rule = &policies->rules[policies->n_rules++];
        rule->line = entry->item_lines[i];
        rule->hard = true;
        rc = take_item(source, i, POLICIES_LIST_rules, rule, finish_rule);
    }
    return rc;
}

static int take_promises(const struct source *source)
{
    struct policies *policies = source->policies;
    const struct cfg_entry *entry = source->entry;
    int rc = check_list(source);

    if (!rc && entry->n_items > PLACEMENT_PROMISES_MAX)
        rc = must_be(source, "a list of at most 64");
    if (rc)
        return rc;
    policies->promises =
        ARENA_ARRAY(policies->arena, entry->n_items, struct policies_promise);
    for (size_t i = 0; !rc && i < entry->n_items; i++) {
        struct policies_promise *promise =
            &policies->promises[policies->n_promises++];
        promise->line = entry->item_lines[i];
        promise->customer = "";
        rc = take_item(source, i, POLICIES_LIST_promises, promise,
                       finish_promise);
    }
    return rc;
}

static const struct {
    const char *name;
    int (*take)(const struct source *source);
} settings[] = {
#define POLICIES_SETTING(name, form, text) { #name, take_##name },
#include "policyd/policies/policies_keys.def"
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int take_setting(const struct source *source)
{
    const char *name = source->entry->name, *names[N_SETTINGS];

    for (size_t i = 0; i < N_SETTINGS; i++) {
        names[i] = settings[i].name;
        if (strcmp(name, names[i]) == 0)
            return settings[i].take(source);
    }
    vdc_error_set(source->err, VDC_E_BAD_CONFIG, "there is no setting '%s'",
                  name);
    const char *near = suggest_nearest(name, names, N_SETTINGS);
    if (near)
        vdc_error_hint(source->err, "did you mean '%s'?", near);
    return put_place(source, source->entry->line);
}

/* ---- the file ---- */

static int take_file(struct policies *policies, const struct cfg_file *file,
                     struct policies **ret, struct vdc_error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < file->n_entries; i++) {
        const struct source source = { policies, &file->entries[i], err };
        rc = take_setting(&source);
    }
    if (!rc)
        rc = policies_check(policies, err);
    if (!rc)
        *ret = policies_hold(policies);
    return rc;
}

int policies_parse(const char *path, const char *text, size_t len,
                   struct policies **ret, struct vdc_error *err)
{
    struct policies *policies = policies_new(path);
    struct cfg_file file;
    int rc = cfg_parse(path, text, len, NULL, policies->arena, &file, err);

    policies->there = true;
    if (!rc)
        rc = take_file(policies, &file, ret, err);
    policies_drop(policies);
    return rc;
}

/* policyd would wait for ever for who writes into a pipe. */
static int check_regular(const char *path, struct vdc_error *err)
{
    struct stat st;

    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return 0;
    return vdc_error_set(err, VDC_E_NO_FILE, "cannot read %s: not a file",
                         path);
}

int policies_load(const char *path, bool missing_too, struct policies **ret,
                  struct vdc_error *err)
{
    struct policies *policies = policies_new(path);
    struct cfg_file file = { .path = path };
    int rc = check_regular(path, err);

    policies->there = !missing_too || access(path, F_OK) == 0;
    if (!rc && policies->there)
        rc = cfg_read(path, NULL, policies->arena, &file, err);
    if (!rc)
        rc = take_file(policies, &file, ret, err);
    policies_drop(policies);
    return rc;
}
