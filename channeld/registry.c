/*
 * The rows of channels, and their sums; see registry.h.
 */
#include "channeld/registry.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define RING_MIN_KIB 4u
#define RING_MAX_KIB 4096u
#define PAGE_KIB 4u

void registry_init(struct registry *registry)
{
    *registry = (struct registry){ .next_id = 1 };
    TAILQ_INIT(&registry->rows);
}

void registry_clear(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->rows))
        registry_remove(registry, TAILQ_FIRST(&registry->rows));
}

/* ---- the tree: keys and rows begin with their id ---- */

struct probe {
    uint64_t id;
    unsigned looks;
    struct channel *after; /* the nearest seen whose id is greater */
};

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The same, and the key remembers what it met. */
static int by_probe(const void *key, const void *row)
{
    struct probe *probe = (struct probe *)(uintptr_t)key;
    int order = by_id(key, row);

    probe->looks++;
    if (order < 0)
        probe->after = (struct channel *)(uintptr_t)row;
    return order;
}

struct channel *registry_find(struct registry *registry, uint64_t id)
{
    struct probe probe = { .id = id };
    void *node = tfind(&probe, &registry->tree, by_probe);

    registry->n_looks += probe.looks;
    return node ? *(struct channel **)node : NULL;
}

struct channel *registry_after(struct registry *registry, uint64_t id)
{
    struct probe probe = { .id = id };
    void *node = tfind(&probe, &registry->tree, by_probe);

    registry->n_looks += probe.looks;
    return node ? TAILQ_NEXT(*(struct channel **)node, link) : probe.after;
}

/* `next`: before which it belongs; NULL: last. */
static void insert(struct registry *registry, struct channel *channel,
                   struct channel *next)
{
    if (!tsearch(channel, &registry->tree, by_id))
        abort(); /* out of memory */
    if (next)
        TAILQ_INSERT_BEFORE(next, channel, link);
    else
        TAILQ_INSERT_TAIL(&registry->rows, channel, link);
    if (channel->id >= registry->next_id)
        registry->next_id = channel->id + 1;
}

static void take_out(struct registry *registry, struct channel *channel)
{
    tdelete(channel, &registry->tree, by_id);
    TAILQ_REMOVE(&registry->rows, channel, link);
}

/* ---- rows ---- */

struct channel *registry_add(struct registry *registry, uint64_t id)
{
    if (id == 0)
        id = registry->next_id;
    struct channel *next = registry_after(registry, id - 1);
    if (next && next->id == id)
        return NULL;
    struct channel *channel = XNEW(struct channel);
    channel->id = id;
    insert(registry, channel, next);
    return channel;
}

void registry_remove(struct registry *registry, struct channel *channel)
{
    take_out(registry, channel);
    free(channel);
}

void registry_move(struct registry *from, struct registry *to,
                   struct channel *channel)
{
    take_out(from, channel);
    insert(to, channel, registry_after(to, channel->id));
}

/* ---- sizes ---- */

static bool is_ring(struct mem size)
{
    return size.kib >= RING_MIN_KIB && size.kib <= RING_MAX_KIB &&
           (size.kib & (size.kib - 1)) == 0;
}

uint32_t registry_pages(struct mem to_server, struct mem to_client)
{
    if (!is_ring(to_server) || !is_ring(to_client))
        return 0;
    return (uint32_t)((to_server.kib + to_client.kib) / PAGE_KIB) + 1;
}

/* ---- sums ---- */

/* What is claimed is nobody's but who claims it. */
static const struct party *end_there(const struct channel *channel,
                                     enum registry_side side)
{
    return !channel->is_claim || channel->peer[side] ? &channel->party[side]
                                                     : NULL;
}

/* NULL: of nobody, or of whom another claims it. */
static const struct party *giver_of(const struct channel *channel)
{
    switch (channel->giver) {
    case REGISTRY_GIVER_BROKER:
        return NULL;
    case REGISTRY_GIVER_CLIENT:
        return end_there(channel, REGISTRY_CLIENT);
    case REGISTRY_GIVER_SERVER:
        return end_there(channel, REGISTRY_SERVER);
    }
    return NULL;
}

bool registry_matches(const struct channel *channel,
                      const struct registry_filter *filter)
{
    const struct party *client = end_there(channel, REGISTRY_CLIENT);
    const struct party *server = end_there(channel, REGISTRY_SERVER);

    if (((filter->customer || filter->within || filter->client) && !client) ||
        (filter->server && !server))
        return false;
    return (!filter->customer || !strcmp(filter->customer, client->owner)) &&
           (!filter->within || party_is_within(client, filter->within)) &&
           (!filter->client || party_is_same(filter->client, client)) &&
           (!filter->server || party_is_same(filter->server, server)) &&
           (!filter->service || !strcmp(filter->service, channel->service));
}

struct registry_use registry_sum(const struct registry *registry,
                                 const struct registry_filter *filter)
{
    struct registry_use use = { 0 };
    const struct channel *channel;

    TAILQ_FOREACH(channel, &registry->rows, link)
    {
        if (!registry_matches(channel, filter))
            continue;
        use.channels++;
        use.pages += channel->pages;
        if (giver_of(channel))
            use.grants += channel->pages;
    }
    return use;
}

uint64_t registry_grants(const struct registry *registry,
                         const struct party *party)
{
    const struct channel *channel;
    uint64_t grants = 0;

    TAILQ_FOREACH(channel, &registry->rows, link)
    {
        const struct party *giver = giver_of(channel);
        if (giver && party_is_same(giver, party))
            grants += channel->pages;
    }
    return grants;
}

/* ---- showing ---- */

void registry_to_wire(const struct channel *channel, struct wire_channel *ret)
{
    const struct registry_counts *client = &channel->counts[REGISTRY_CLIENT];
    const struct registry_counts *server = &channel->counts[REGISTRY_SERVER];

    wire_init(&wire_struct_channel, ret);
    ret->id = channel->id;
    ret->service = channel->service;
    party_to_wire(&channel->party[REGISTRY_CLIENT], &ret->client);
    party_to_wire(&channel->party[REGISTRY_SERVER], &ret->server);
    ret->state = channel->state;
    ret->layout = channel->layout;
    ret->to_server = channel->to_server;
    ret->to_client = channel->to_client;
    ret->opened_ms = channel->opened_ms;
    ret->rule = channel->rule;
    /* each direction as its sender knows it, or else as its receiver does */
    ret->sent = client->told ? client->sent : server->received;
    ret->received = server->told ? server->sent : client->received;
    ret->messages = client->told ? client->messages : server->messages;
    ret->notifications = client->notifications + server->notifications;
    ret->stalls = client->stalls + server->stalls;
}
