/*
 * Channels that are told of; see hello.h.
 *
 * Nobody is believed what concerns others: an end tells of itself, and the
 * other must tell the same.  A new row is made only with a number that was
 * given out before, and no end has more half rows than it may have channels.
 */
#include "channeld/hello.h"

#include <string.h>

#include "base/log.h"
#include "channeld/host.h"

#define HALF_MOST 1024 /* that one peer may tell of, as a server */

static bool is_told_as(const struct peer *peer,
                       const struct wire_channel_end *end)
{
    return end->domid == peer->party.domid &&
           uuid_equal(&end->partition, &peer->party.partition) &&
           (peer_is_remote(peer) ||
            (end->uid == peer->party.uid && end->pid == peer->party.pid));
}

/* Which end the peer says that it is; one that is both tells twice. */
static bool find_side(const struct peer *peer, const struct channel *row,
                      const struct wire_channel *told, enum registry_side *ret)
{
    bool client = is_told_as(peer, &told->client);
    bool server = is_told_as(peer, &told->server);

    if (client && server)
        client = !row || row->peer[REGISTRY_CLIENT] != peer;
    *ret = client ? REGISTRY_CLIENT : REGISTRY_SERVER;
    return client || server;
}

static unsigned count_half(const struct peer *peer)
{
    const struct channel *row;
    unsigned n = 0;

    TAILQ_FOREACH(row, &peer->host->registry.rows, link)
    n += row->state == WIRE_CHANNEL_HALF &&
         (row->peer[0] == peer || row->peer[1] == peer);
    return n;
}

static enum registry_giver giver_of(const struct wire_channel *told)
{
    if (told->client.domid == told->server.domid)
        return REGISTRY_GIVER_BROKER;
    return told->client.domid ? REGISTRY_GIVER_CLIENT : REGISTRY_GIVER_SERVER;
}

static void note_rule(struct channel *row)
{
    const struct peer *peer = row->peer[0] ? row->peer[0] : row->peer[1];
    const struct rule_table *rules = peer->host->rules;
    const struct party *client = &row->party[REGISTRY_CLIENT];
    const struct party *server = &row->party[REGISTRY_SERVER];
    const struct party host = { .domid = 0 };
    const struct rule *rule =
        rule_decide(rules, row->service, client, server);
    const struct rule *moved =
        rule_decide(rules, row->service, client, &host);

    if (!rule && moved && rule_is_at(moved, server))
        rule = moved;
    if (rule && rule->allow)
        rule_place(rules, rule, row->rule);
}

static const char *make_row(struct peer *peer, const struct wire_channel *told,
                            enum registry_side side)
{
    struct registry *registry = &peer->host->registry;
    uint32_t pages = registry_pages(told->to_server, told->to_client);

    if (told->id == 0 || told->id >= registry->next_id)
        return "no channel has this number yet";
    if (pages == 0 || rule_check_service(told->service, NULL) ||
        count_half(peer) >= HALF_MOST)
        return "such a channel cannot be";
    struct channel *row = registry_add(registry, told->id);
    PARTY_COPY(row->service, told->service);
    row->state = WIRE_CHANNEL_HALF;
    row->layout = told->layout;
    row->to_server = told->to_server;
    row->to_client = told->to_client;
    row->opened_ms = told->opened_ms;
    row->pages = pages;
    row->giver = giver_of(told);
    row->half_since = clock_mono();
    party_from_wire(&told->client, &row->party[REGISTRY_CLIENT]);
    party_from_wire(&told->server, &row->party[REGISTRY_SERVER]);
    row->party[side] = peer->party;
    row->peer[side] = peer;
    host_watch_halves(peer->host);
    return NULL;
}

static void take_counts(struct channel *row, enum registry_side side,
                        const struct wire_channel *told)
{
    bool is_client = side == REGISTRY_CLIENT;

    row->counts[side] = (struct registry_counts){
        .told = true,
        .sent = is_client ? told->sent : told->received,
        .received = is_client ? told->received : told->sent,
        .messages = told->messages,
        .notifications = told->notifications,
        .stalls = told->stalls,
    };
}

/* NULL, or why it cannot be. */
static const char *attach(struct channel *row, struct peer *peer,
                          enum registry_side side,
                          const struct wire_channel *told)
{
    struct party other;

    party_from_wire(side == REGISTRY_CLIENT ? &told->server : &told->client,
                    &other);
    other.uid = row->party[!side].uid;
    if (strcmp(row->party[side].owner, peer->party.owner) ||
        (!party_is_same(&row->party[side], &peer->party) &&
         (row->party[side].domid || peer->party.domid)))
        return "this channel is another's";
    if (strcmp(row->service, told->service) ||
        !party_is_same(&row->party[!side], &other))
        return "the other end tells otherwise";
    row->party[side] = peer->party;
    row->peer[side] = peer;
    row->half_since = clock_mono();
    if (row->peer[!side]) {
        row->state = WIRE_CHANNEL_OPEN;
        note_rule(row);
    }
    return NULL;
}

static const char *take_one(struct peer *peer, const struct wire_channel *told)
{
    struct channel *row = registry_find(&peer->host->registry, told->id);
    enum registry_side side;

    if (!find_side(peer, row, told, &side))
        return "neither end of it is yours";
    if (!row) {
        const char *why = make_row(peer, told, side);
        row = registry_find(&peer->host->registry, told->id);
        if (why)
            return why;
    } else if (row->peer[side] && row->peer[side] != peer) {
        return "this channel is another's";
    } else if (!row->peer[side]) {
        const char *why = attach(row, peer, side, told);
        if (why)
            return why;
    }
    take_counts(row, side, told);
    return NULL;
}

void hello_take(struct peer *peer, const struct wire_channel_hello *hello)
{
    for (uint32_t i = 0; i < hello->n_channels; i++) {
        const char *why = take_one(peer, &hello->channels[i]);
        if (why) {
            log_debug("channel %llu is told of: %s",
                      (unsigned long long)hello->channels[i].id, why);
            peer_send_close(peer, hello->channels[i].id, why);
        }
    }
}
