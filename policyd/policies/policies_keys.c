/*
 * The keys in the items of the file of placement policies: a function for
 * each; see policies_keys.def.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "base/units.h"
#include "policyd/names.h"
#include "policyd/placement/score.h"
#include "policyd/policies/policies_impl.h"

#define TIMEOUT_LEAST_MS 100
#define TIMEOUT_MOST_MS 600000

static struct arena *arena_of(const struct policies_item *item)
{
    return item->policies->arena;
}

/* ---- values ---- */

int policies_read_part(const char *text, uint64_t unit, uint64_t most,
                       const char *what, uint64_t *ret, struct vdc_error *err)
{
    const char *p = text;
    uint64_t n = 0;

    for (; *p >= '0' && *p <= '9' && n <= most; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    bool any = p > text;
    n = n > most ? most + 1 : n * unit;
    if (any && *p == '.') {
        uint64_t part = unit;
        any = p[1] != '\0';
        for (p++; *p >= '0' && *p <= '9'; p++) {
            part /= 10;
            n += part * (uint64_t)(*p - '0');
        }
    }
    if (!any || *p || n > most)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s: '%s' is not a number from 0 to %" PRIu64,
                             what, text, most / unit);
    *ret = n;
    return 0;
}

/* A whole number from 1 on. */
static int read_count(const char *text, uint32_t most, const char *what,
                      uint32_t *ret, struct vdc_error *err)
{
    uint64_t n = 0;

    if (strchr(text, '.') ||
        policies_read_part(text, 1, most, what, &n, NULL) || !n)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s: '%s' is not a whole number from 1 to %u",
                             what, text, most);
    *ret = (uint32_t)n;
    return 0;
}

static int read_name(const struct policies_item *item, const char *text,
                     const char **ret)
{
    if (!policies_is_word(text, POLICIES_NAME_MAX)) {
        vdc_error_set(item->err, VDC_E_BAD_CONFIG, "'%s' cannot be a name",
                      text);
        vdc_error_hint(item->err,
                       "1 to %d characters of A-Z, a-z, 0-9, '.', '_' and "
                       "'-', a letter or digit first",
                       POLICIES_NAME_MAX);
        return VDC_E_BAD_CONFIG;
    }
    *ret = arena_strdup(arena_of(item), text);
    return 0;
}

static int read_customer(const struct policies_item *item, const char *text,
                         const char **ret)
{
    if (names_check_customer(text, item->err))
        return VDC_E_BAD_CONFIG;
    *ret = arena_strdup(arena_of(item), text);
    return 0;
}

static int no_such_word(const struct policies_item *item, const char *key,
                        const char *text, const char *const *words, size_t n)
{
    const char *near = suggest_nearest(text, words, n);

    vdc_error_set(item->err, VDC_E_BAD_CONFIG, "there is no %s '%s'", key,
                  text);
    if (near)
        vdc_error_hint(item->err, "did you mean '%s'?", near);
    return VDC_E_BAD_CONFIG;
}

static int read_word(const struct policies_item *item, const char *key,
                     const char *text, const char *const *words, size_t n,
                     unsigned *ret)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret = (unsigned)i;
            return 0;
        }
    return no_such_word(item, key, text, words, n);
}

/* ---- keys of policies ---- */

static int set_policy_name(struct policies_item *item, const char *text)
{
    struct policies_policy *policy = item->target;

    return read_name(item, text, &policy->name);
}

static int set_strategy(struct policies_item *item, const char *text)
{
    static const char *const words[] = { "pack", "spread", "weighted",
                                         "external" };
    struct policies_policy *policy = item->target;
    unsigned n = 0;
    int rc = read_word(item, "strategy", text, words, 4, &n);

    policy->strategy = (enum policies_strategy)n;
    item->has_strategy = true;
    return rc;
}

static int set_program(struct policies_item *item, const char *text)
{
    struct policies_policy *policy = item->target;

    if (*text != '/')
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "program: '%s' does not begin with a slash",
                             text);
    if (access(text, X_OK) != 0)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "program: '%s' is not there, or cannot be run",
                             text);
    policy->program = arena_strdup(arena_of(item), text);
    return 0;
}

static int set_arguments(struct policies_item *item, const char *text)
{
    struct policies_policy *policy = item->target;

    while (*text) {
        size_t len = strcspn(text, " ");
        if (policy->n_arguments == POLICIES_ARGUMENTS_MAX)
            return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                                 "arguments: more than %d",
                                 POLICIES_ARGUMENTS_MAX);
        policy->arguments[policy->n_arguments++] =
            arena_strndup(arena_of(item), text, len);
        text += len + strspn(text + len, " ");
    }
    return 0;
}

static int set_timeout(struct policies_item *item, const char *text)
{
    struct policies_policy *policy = item->target;

    if (units_duration_parse(text, &policy->timeout_ms, item->err)) {
        vdc_error_prefix(item->err, "timeout");
        return VDC_E_BAD_CONFIG;
    }
    if (policy->timeout_ms < TIMEOUT_LEAST_MS ||
        policy->timeout_ms > TIMEOUT_MOST_MS)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "timeout: '%s' is not from 100ms to 10m", text);
    return 0;
}

static int set_fallback(struct policies_item *item, const char *text)
{
    struct policies_policy *policy = item->target;

    return read_name(item, text, &policy->fallback_name);
}

static int set_weight(struct policies_item *item, enum placement_term term,
                      const char *text)
{
    struct policies_policy *policy = item->target;
    uint64_t weight = 0;
    int rc = policies_read_part(text, 1000, PLACEMENT_WEIGHT_MAX,
                                placement_term_name(term), &weight, item->err);

    policy->placement.weights[term] = (uint32_t)weight;
    item->has_weights = true;
    return rc;
}

/* ---- keys of customers, rules and promises ---- */

static int set_customer(struct policies_item *item, const char *text)
{
    struct policies_customer *customer = item->target;

    return read_customer(item, text, &customer->customer);
}

static int set_customer_policy(struct policies_item *item, const char *text)
{
    struct policies_customer *customer = item->target;

    return read_name(item, text, &customer->policy_name);
}

static int set_rule_name(struct policies_item *item, const char *text)
{
    struct policies_rule *rule = item->target;

    return read_name(item, text, &rule->name);
}

/* GROUP or GROUP:GROUP */
static int set_groups(struct policies_item *item, const char *text, bool anti)
{
    struct policies_rule *rule = item->target;
    const char *colon = strchr(text, ':');
    const char *group = text, *other = text;
    int rc;

    if (rule->group)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "a rule is either of affinity or of "
                             "anti_affinity: write two");
    if (colon) {
        group = arena_strndup(arena_of(item), text, (size_t)(colon - text));
        other = colon + 1;
    }
    rule->anti = anti;
    rc = policies_group(NAMES_PROVIDER, group, false, arena_of(item),
                        &rule->group, item->err);
    if (!rc)
        rc = policies_group(NAMES_PROVIDER, other, false, arena_of(item),
                            &rule->other, item->err);
    return rc ? VDC_E_BAD_CONFIG : 0;
}

static int set_affinity(struct policies_item *item, const char *text)
{
    return set_groups(item, text, false);
}

static int set_anti_affinity(struct policies_item *item, const char *text)
{
    return set_groups(item, text, true);
}

static int set_scope(struct policies_item *item, const char *text)
{
    static const char *const words[] = { "hosts", "domains" };
    struct policies_rule *rule = item->target;
    unsigned n = 0;
    int rc = read_word(item, "scope", text, words, 2, &n);

    rule->scope = n ? PLACEMENT_DOMAINS : PLACEMENT_HOSTS;
    return rc;
}

static int set_strength(struct policies_item *item, const char *text)
{
    static const char *const words[] = { "hard", "soft" };
    struct policies_rule *rule = item->target;
    unsigned n = 0;
    int rc = read_word(item, "strength", text, words, 2, &n);

    rule->hard = n == 0;
    return rc;
}

static int set_promise_name(struct policies_item *item, const char *text)
{
    struct policies_promise *promise = item->target;

    return read_name(item, text, &promise->name);
}

static int set_guests(struct policies_item *item, const char *text)
{
    struct policies_promise *promise = item->target;

    return read_count(text, 1000000, "guests", &promise->n_guests, item->err);
}

static int set_promise_memory(struct policies_item *item, const char *text)
{
    struct policies_promise *promise = item->target;
    struct mem *memory = &promise->memory;

    if (units_mem_parse(text, 1024, memory, item->err)) {
        vdc_error_prefix(item->err, "memory");
        return VDC_E_BAD_CONFIG;
    }
    if (memory->kib > MEM_MAX_KIB)
        return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                             "memory: '%s' is more than a host can have",
                             text);
    return 0;
}

static int set_promise_vcpus(struct policies_item *item, const char *text)
{
    struct policies_promise *promise = item->target;

    return read_count(text, PLACEMENT_VCPUS_MAX, "vcpus", &promise->vcpus,
                      item->err);
}

static int set_promise_customer(struct policies_item *item, const char *text)
{
    struct policies_promise *promise = item->target;

    return read_customer(item, text, &promise->customer);
}

/* ---- items ---- */

static const struct key {
    enum policies_list list;
    const char *name;
    int (*set)(struct policies_item *item, const char *text);
} keys[] = {
#define POLICIES_KEY(list, key, member, form, text) \
    { POLICIES_LIST_##list, #key, set_##member },
#include "policyd/policies/policies_keys.def"
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static int no_such_key(const struct policies_item *item,
                       enum policies_list list, const char *name)
{
    const char *names[N_KEYS + PLACEMENT_TERMS];
    size_t n = 0;

    for (size_t i = 0; i < N_KEYS; i++)
        if (keys[i].list == list)
            names[n++] = keys[i].name;
    for (int i = 0; list == POLICIES_LIST_policies && i < PLACEMENT_TERMS; i++)
        names[n++] = placement_term_name((enum placement_term)i);
    return no_such_word(item, "key", name, names, n);
}

static int set_key(struct policies_item *item, enum policies_list list,
                   const char *name, const char *text, uint64_t *given)
{
    for (size_t i = 0; i < N_KEYS + PLACEMENT_TERMS; i++) {
        bool is_term = i >= N_KEYS;
        enum placement_term term = (enum placement_term)(i - N_KEYS);
        if (is_term ? list != POLICIES_LIST_policies : list != keys[i].list)
            continue;
        if (strcmp(name, is_term ? placement_term_name(term) : keys[i].name))
            continue;
        if (*given & UINT64_C(1) << i)
            return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                                 "'%s' is there twice", name);
        *given |= UINT64_C(1) << i;
        return is_term ? set_weight(item, term, text)
                       : keys[i].set(item, text);
    }
    return no_such_key(item, list, name);
}

/* Without the blanks around it. */
static char *trimmed(struct arena *arena, const char *text, size_t len)
{
    for (; len && *text == ' '; text++)
        len--;
    while (len && text[len - 1] == ' ')
        len--;
    return arena_strndup(arena, text, len);
}

int policies_read_item(struct policies_item *item, enum policies_list list,
                       const char *text)
{
    uint64_t given = 0;
    int rc = 0;

    while (!rc && *text) {
        size_t len = strcspn(text, ",");
        char *pair = trimmed(arena_of(item), text, len);
        char *equals = strchr(pair, '=');
        if (!equals)
            return vdc_error_set(item->err, VDC_E_BAD_CONFIG,
                                 "'%s' is not key=value", pair);
        const char *name =
            trimmed(arena_of(item), pair, (size_t)(equals - pair));
        const char *value =
            trimmed(arena_of(item), equals + 1, strlen(equals + 1));
        rc = set_key(item, list, name, value, &given);
        text += len + (text[len] == ',');
    }
    return rc;
}
