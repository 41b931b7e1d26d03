/*
 * Answers whoever tells quotas of channels; see quota_serve.h.
 */
#include "channeld/quota_serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channeld/host.h"
#include "channeld/quota.h"

#define PAGE 256 /* as the wire's list has */

/* Of each channel that counts whose it is: in order, so that those of one
 * are together. */
struct owners {
    const char **names;
    size_t n;
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_owners(struct owners *owners, const struct registry *registry)
{
    const struct channel *c;

    TAILQ_FOREACH(c, &registry->rows, link)
    if (*c->party[REGISTRY_CLIENT].owner &&
        (!c->is_claim || c->peer[REGISTRY_CLIENT]))
        owners->names[owners->n++] = c->party[REGISTRY_CLIENT].owner;
}

static size_t count_rows(const struct registry *registry)
{
    const struct channel *c;
    size_t n = 0;

    TAILQ_FOREACH(c, &registry->rows, link)
    n++;
    return n;
}

static struct owners find_owners(const struct host *host, struct arena *arena)
{
    size_t n = count_rows(&host->registry) + count_rows(&host->claims);
    struct owners owners = { ARENA_ARRAY(arena, n, const char *), 0 };

    add_owners(&owners, &host->registry);
    add_owners(&owners, &host->claims);
    qsort(owners.names, owners.n, sizeof(*owners.names), compare);
    return owners;
}

/* The place of the first that is not before this name. */
static size_t place_of(const struct owners *owners, const char *name)
{
    size_t from = 0, to = owners->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(owners->names[middle], name) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* "acme_shop" and all others of acme are together, too. */
static uint64_t count_projects(const struct owners *owners,
                               const char *customer)
{
    char from[PARTY_OWNER_MAX + 2], to[PARTY_OWNER_MAX + 2];

    snprintf(from, sizeof(from), "%s_", customer);
    snprintf(to, sizeof(to), "%s%c", customer, '_' + 1);
    return place_of(owners, to) - place_of(owners, from);
}

static void describe(const struct host *host, const struct owners *owners,
                     const char *customer, struct arena *arena,
                     struct wire_channel_use *ret)
{
    const struct quota *quota = quotas_find(host->quotas, customer);
    size_t i = place_of(owners, customer);

    wire_init(&wire_struct_channel_use, ret);
    ret->customer = arena_strdup(arena, customer);
    for (; i < owners->n && strcmp(owners->names[i], customer) == 0; i++)
        ret->channels++;
    ret->within = ret->channels + count_projects(owners, customer);
    if (!quota)
        return;
    ret->limit = (int64_t)quota->limit;
    ret->wanted = quota->wanted;
}

/* The next by name of those with channels and those with a limit. */
static const char *next_of(const struct host *host,
                           const struct owners *owners, const char *after)
{
    const struct quota *quota = quotas_after(host->quotas, after);
    size_t i = place_of(owners, after);

    while (i < owners->n && strcmp(owners->names[i], after) == 0)
        i++;
    const char *owner = i < owners->n ? owners->names[i] : NULL;
    if (!quota || (owner && strcmp(owner, quota->customer) < 0))
        return owner;
    return quota->customer;
}

static void describe_page(const struct host *host, const struct owners *owners,
                          const char *after, struct arena *arena,
                          struct wire_channel_uses *ret)
{
    const char *name = next_of(host, owners, after);

    for (; name && ret->n_uses < PAGE; name = next_of(host, owners, name))
        describe(host, owners, name, arena, &ret->uses[ret->n_uses++]);
    ret->more = name != NULL;
}

static int check(const struct wire_channel_limits *told, struct vdc_error *err)
{
    for (uint32_t i = 0; i < told->n_limits; i++)
        if (!rule_is_customer(told->limits[i].customer) ||
            strcmp(told->limits[i].customer, PARTY_PROVIDER) == 0)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "'%s' is no customer with a quota of "
                                 "channels",
                                 told->limits[i].customer);
    return 0;
}

int quota_serve(struct host *host, const struct wire_channel_limits *told,
                struct arena *arena, struct wire_channel_uses *ret,
                struct vdc_error *err)
{
    int rc = check(told, err);

    if (rc)
        return rc;
    for (uint32_t i = 0; i < told->n_limits; i++)
        quotas_set(host->quotas, told->limits[i].customer,
                   told->limits[i].limit, told->limits[i].quota);
    rc = quotas_save(host->quotas, err);
    if (rc)
        return rc;
    const struct owners owners = find_owners(host, arena);
    wire_init(&wire_struct_channel_uses, ret);
    ret->uses = ARENA_ARRAY(arena, PAGE, struct wire_channel_use);
    for (uint32_t i = 0; i < told->n_limits; i++)
        describe(host, &owners, told->limits[i].customer, arena,
                 &ret->uses[ret->n_uses++]);
    if (!told->n_limits)
        describe_page(host, &owners, told->after, arena, ret);
    return 0;
}
