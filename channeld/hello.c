/*
 * Channels that are told of; see hello.h.
 *
 * Nobody is believed what concerns others.  An end that shows the right secret
 * was given this end of this channel once, by this host's channeld; that the
 * channel is still there only both together can say.  A number has at most
 * two right secrets, so no claim is in the way of another.
 */
#include "channeld/hello.h"

#include <string.h>

#include "base/log.h"
#include "channeld/host.h"
#include "channeld/secret.h"

/* ---- claims ---- */

struct channel *hello_find(const struct peer *peer, uint64_t id)
{
    struct channel *claim = registry_find(&peer->host->claims, id);

    return claim && (claim->peer[0] == peer || claim->peer[1] == peer) ? claim
                                                                       : NULL;
}

static enum registry_side side_of(const struct channel *claim)
{
    return claim->peer[REGISTRY_CLIENT] ? REGISTRY_CLIENT : REGISTRY_SERVER;
}

void hello_end(struct host *host, struct channel *claim,
               const struct peer *teller, const char *reason)
{
    struct peer *peer = claim->peer[side_of(claim)];

    peer->n_claims[side_of(claim)]--;
    if (peer != teller)
        peer_send_close(peer, claim->id, reason);
    registry_remove(&host->claims, claim);
}

void hello_drop_peer(struct host *host, const struct peer *peer)
{
    struct channel *claim, *next;

    for (claim = TAILQ_FIRST(&host->claims.rows); claim; claim = next) {
        next = TAILQ_NEXT(claim, link);
        if (claim->peer[side_of(claim)] == peer)
            hello_end(host, claim, peer, "");
    }
}

void hello_drop_party(struct host *host, const struct party *party)
{
    struct channel *claim, *next;

    for (claim = TAILQ_FIRST(&host->claims.rows); claim; claim = next) {
        next = TAILQ_NEXT(claim, link);
        if (party_is_same(&claim->party[0], party) ||
            party_is_same(&claim->party[1], party))
            hello_end(host, claim, NULL, "the domain has ended");
    }
}

bool hello_look(struct host *host)
{
    struct channel *claim, *next;
    uint64_t now = clock_mono().ms;

    for (claim = TAILQ_FIRST(&host->claims.rows); claim; claim = next) {
        char whose[PARTY_TEXT_SIZE];
        next = TAILQ_NEXT(claim, link);
        if (now - claim->half_since.ms < HELLO_HALF_MS)
            continue;
        log_limited(VDC_LOG_INFO,
                    party_format(&claim->party[side_of(claim)], whose),
                    "channel %llu of '%s' is closed: the other end has not "
                    "told of it",
                    (unsigned long long)claim->id, claim->service);
        hello_end(host, claim, NULL, "the other end is not there");
    }
    return !TAILQ_EMPTY(&host->claims.rows);
}

/* ---- how many ---- */

/* The least of those that are no 0; all 0: what the host may have. */
static uint64_t least(const struct limits *limits, uint64_t a, uint64_t b)
{
    uint64_t most = a && (!b || a < b) ? a : b;

    return most ? most : limits->host_channels;
}

/* Claims of this peer's customer; programs of the provider are none. */
static uint64_t count_customer(const struct peer *peer,
                               enum registry_side side)
{
    const struct peer *other;
    uint64_t n = 0;

    TAILQ_FOREACH(other, &peer->host->peers, link)
    if (!party_is_host(&other->party) &&
        strcmp(other->party.owner, peer->party.owner) == 0)
        n += other->n_claims[side];
    return n;
}

/* As many as it could have had, by the limits that are now; for all that it
 * serves there is none but the host's. */
static bool may_claim(const struct peer *peer, enum registry_side side)
{
    const struct limits *limits = &peer->host->setup->limits;
    bool is_client = side == REGISTRY_CLIENT;
    uint64_t own = is_client ? limits->partition_channels : 0;
    uint64_t all = is_client ? limits->customer_channels : 0;

    if (party_is_host(&peer->party))
        return peer->n_claims[side] < limits->host_channels;
    return peer->n_claims[side] < least(limits, own, all) &&
           count_customer(peer, side) < least(limits, all, 0);
}

/* Whether the client may have one more now that it counts for the host. */
static bool may_have(const struct host *host, const struct party *client)
{
    const struct limits *limits = &host->setup->limits;
    const struct registry_filter own = { .client = client };
    const struct registry_filter all = { .customer = client->owner };

    if (party_is_host(client))
        return true;
    return (!limits->partition_channels ||
            registry_sum(&host->registry, &own).channels <
                limits->partition_channels) &&
           (!limits->customer_channels ||
            registry_sum(&host->registry, &all).channels <
                limits->customer_channels);
}

/* ---- an end that tells ---- */

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

static void note_rule(struct host *host, struct channel *row)
{
    const struct rule_table *rules = host->rules;
    const struct party *client = &row->party[REGISTRY_CLIENT];
    const struct party *server = &row->party[REGISTRY_SERVER];
    const struct party dom0 = { .domid = 0 };
    const struct rule *rule = rule_decide(rules, row->service, client, server);
    const struct rule *moved = rule_decide(rules, row->service, client, &dom0);

    if (!rule && moved && rule_is_at(moved, server))
        rule = moved;
    if (rule && rule->allow)
        rule_place(rules, rule, row->rule);
}

/* Both ends have told. */
static void complete(struct host *host, struct channel *row)
{
    for (int side = 0; side < 2; side++)
        row->party[side] = row->peer[side]->party;
    row->state = WIRE_CHANNEL_OPEN;
    note_rule(host, row);
}

static enum registry_giver giver_of(const struct channel *row)
{
    const struct party *client = &row->party[REGISTRY_CLIENT];

    if (client->domid == row->party[REGISTRY_SERVER].domid)
        return REGISTRY_GIVER_BROKER;
    return client->domid ? REGISTRY_GIVER_CLIENT : REGISTRY_GIVER_SERVER;
}

/* The row as it must have been, were the peer this end of it; of the other
 * end only where it is. */
static void fill(struct channel *row, const struct peer *peer,
                 enum registry_side side, const struct wire_channel *told)
{
    const struct wire_channel_end *other =
        side == REGISTRY_CLIENT ? &told->server : &told->client;

    PARTY_COPY(row->service, told->service);
    row->state = WIRE_CHANNEL_HALF;
    row->layout = told->layout;
    row->to_server = told->to_server;
    row->to_client = told->to_client;
    row->opened_ms = told->opened_ms;
    row->pages = registry_pages(told->to_server, told->to_client);
    row->party[side] = peer->party;
    row->party[!side] =
        (struct party){ .domid = other->domid, .partition = other->partition };
    row->giver = giver_of(row);
}

/* Which end its secret says that it is. */
static bool find_side(const struct peer *peer,
                      const struct wire_channel_claim *told,
                      enum registry_side *ret)
{
    for (int side = 0; side < 2; side++) {
        struct channel row = { .id = told->channel.id };
        fill(&row, peer, side, &told->channel);
        *ret = side;
        if (secret_of(&peer->host->key, &row, side) == told->secret)
            return row.pages != 0;
    }
    return false;
}

/* The first end of it that tells. */
static const char *claim_new(struct peer *peer, enum registry_side side,
                             const struct wire_channel_claim *told)
{
    struct host *host = peer->host;

    if (!may_claim(peer, side))
        return "you have as many channels as you may";
    struct channel *claim = registry_add(&host->claims, told->channel.id);
    fill(claim, peer, side, &told->channel);
    claim->is_claim = true;
    claim->peer[side] = peer;
    claim->secret[side] = told->secret;
    claim->half_since = clock_mono();
    take_counts(claim, side, &told->channel);
    peer->n_claims[side]++;
    host_watch_halves(host);
    return NULL;
}

/* The second. */
static const char *claim_join(struct channel *claim, struct peer *peer,
                              enum registry_side side,
                              const struct wire_channel_claim *told)
{
    struct host *host = peer->host;
    struct peer *other = claim->peer[!side];
    const struct peer *client = side == REGISTRY_CLIENT ? peer : other;

    if (!may_have(host, &client->party)) {
        hello_end(host, claim, NULL, "its client has as many as it may");
        return "its client has as many as it may";
    }
    other->n_claims[!side]--;
    claim->is_claim = false;
    claim->peer[side] = peer;
    claim->secret[side] = told->secret;
    take_counts(claim, side, &told->channel);
    complete(host, claim);
    registry_move(&host->claims, &host->registry, claim);
    return NULL;
}

/* ---- a row that is there ---- */

/* Whether its teller is an end; one that had gone is back. */
static bool take_known(struct channel *row, struct peer *peer,
                       const struct wire_channel_claim *told)
{
    for (int side = 0; side < 2; side++) {
        if (row->secret[side] != told->secret)
            continue;
        if (!row->peer[side] &&
            party_is_same(&row->party[side], &peer->party)) {
            row->peer[side] = peer;
            row->half_since = clock_mono();
            if (row->peer[!side])
                complete(peer->host, row);
        }
        if (row->peer[side] != peer)
            return false;
        take_counts(row, side, &told->channel);
        return true;
    }
    /* it has this channel: whatever else it says of it does not matter */
    return row->peer[0] == peer || row->peer[1] == peer;
}

/* NULL, or why it cannot be. */
static const char *take_one(struct peer *peer,
                            const struct wire_channel_claim *told)
{
    static const char *const unknown = "there is no such channel of yours";
    struct host *host = peer->host;
    struct channel *row = registry_find(&host->registry, told->channel.id);
    enum registry_side side;

    if (row)
        return take_known(row, peer, told) ? NULL : unknown;
    if (told->channel.id == 0 || !find_side(peer, told, &side))
        return unknown;
    row = registry_find(&host->claims, told->channel.id);
    if (!row)
        return claim_new(peer, side, told);
    if (!row->peer[side])
        return claim_join(row, peer, side, told);
    if (row->peer[side] != peer)
        return unknown;
    take_counts(row, side, &told->channel);
    return NULL;
}

void hello_take(struct peer *peer, const struct wire_channel_hello *hello)
{
    for (uint32_t i = 0; i < hello->n_claims; i++) {
        uint64_t id = hello->claims[i].channel.id;
        const char *why = take_one(peer, &hello->claims[i]);
        if (why) {
            log_debug("channel %llu is told of: %s", (unsigned long long)id,
                      why);
            peer_send_close(peer, id, why);
        }
    }
}
