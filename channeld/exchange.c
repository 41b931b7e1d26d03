/*
 * The making of a channel; exchange.h has the picture.
 */
#include "channeld/exchange.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "channeld/exchange_ask.h"
#include "channeld/host.h"

/* ---- the end of an exchange ---- */

static void exchange_free(struct exchange *exchange)
{
    TAILQ_REMOVE(&exchange->host->exchanges, exchange, link);
    exchange->client->n_exchanges--;
    memory_clear(&exchange->for_client);
    event_free(exchange->timer);
    free(exchange);
}

/* Nothing of it is left but what `except` is told by others. */
static void give_up(struct exchange *exchange, const struct vdc_error *err,
                    const struct peer *except)
{
    struct host *host = exchange->host;
    struct channel *channel = exchange->channel;

    if (exchange->step == EXCHANGE_SERVER && exchange->server != except)
        peer_send_close(exchange->server, channel->id, err->text);
    if (exchange->client != except)
        peer_fail(exchange->client, exchange->client_id, err);
    exchange_free(exchange);
    registry_remove(&host->registry, channel);
}

void exchange_fail(struct exchange *exchange, const struct vdc_error *err)
{
    give_up(exchange, err, NULL);
}

void exchange_drop_peer(struct host *host, const struct peer *peer,
                        const char *reason)
{
    struct exchange *exchange, *next;

    for (exchange = TAILQ_FIRST(&host->exchanges); exchange; exchange = next) {
        struct vdc_error err = { 0 };
        next = TAILQ_NEXT(exchange, link);
        if (exchange->client != peer && exchange->server != peer)
            continue;
        vdc_error_set(&err, VDC_E_CLOSED, "the other end of '%s' has gone: %s",
                      exchange->channel->service, reason);
        give_up(exchange, &err, peer);
    }
}

struct exchange *exchange_of_channel(const struct host *host,
                                     const struct channel *channel)
{
    struct exchange *exchange;

    TAILQ_FOREACH(exchange, &host->exchanges, link)
    if (exchange->channel == channel)
        break;
    return exchange;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *exchange = arg;
    struct channel *channel = exchange->channel;
    char whose[PARTY_TEXT_SIZE];
    struct vdc_error err = { 0 };

    if (exchange->step == EXCHANGE_GIVING)
        vdc_error_set(&err, VDC_E_TIMEOUT,
                      "the guest's channeld gave no memory for a channel to "
                      "'%s' in %u ms",
                      channel->service, exchange->timeout_ms);
    else
        vdc_error_set(&err, VDC_E_TIMEOUT,
                      "'%s' of %s did not answer in %u ms", channel->service,
                      party_format(&channel->party[REGISTRY_SERVER], whose),
                      exchange->timeout_ms);
    vdc_error_hint(&err, "whoever offers the service may be stuck, or have "
                         "too much to do");
    log_limited(VDC_LOG_INFO,
                party_format(&channel->party[REGISTRY_CLIENT], whose),
                "channel %llu: %s", (unsigned long long)channel->id, err.text);
    exchange_fail(exchange, &err);
}

/* ---- asking ---- */

static bool is_one_guest(const struct exchange *exchange)
{
    return exchange->client->party.domid &&
           exchange->client->party.domid == exchange->server->party.domid;
}

static void ask_client(struct exchange *exchange)
{
    struct memory memory;
    struct wire_channel wire;

    exchange->step = EXCHANGE_GIVING;
    memory_init(&memory);
    memory.wire.maker = true;
    memory.wire.grant = !is_one_guest(exchange);
    memory.wire.domid = exchange->server->party.domid;
    host_show_channel(exchange->channel, exchange->client, &wire);
    peer_send_opened(exchange->client, WIRE_MSG_channel_opened,
                     exchange->client_id, &wire,
                     exchange->channel->secret[REGISTRY_CLIENT], &memory);
}

static void ask_server(struct exchange *exchange, struct memory *memory)
{
    struct wire_channel wire;

    exchange->step = EXCHANGE_SERVER;
    exchange->server_id = peer_next_id(exchange->server);
    /* for a program of dom0 it says what kind of memory is beside */
    if (peer_is_remote(exchange->server))
        memory->wire.grant = !is_one_guest(exchange);
    memory->wire.domid = exchange->client->party.domid;
    host_show_channel(exchange->channel, exchange->server, &wire);
    peer_send_opened(exchange->server, WIRE_MSG_channel_incoming,
                     exchange->server_id, &wire,
                     exchange->channel->secret[REGISTRY_SERVER], memory);
}

/* The first step, by where the ends are. */
static int ask_first(struct exchange *exchange, struct vdc_error *err)
{
    struct memory memory;

    memory_init(&memory);
    if (peer_is_remote(exchange->client)) {
        ask_client(exchange);
        return 0;
    }
    memory.wire.maker = true;
    if (!peer_is_remote(exchange->server)) {
        uint32_t pages = exchange->channel->pages;
        struct memory other;
        int rc = memory_give(LINK_MEMORY, 0, pages, &memory, &other, err);
        if (rc == 0)
            rc = memory_join(&other, pages, &exchange->for_client, err);
        if (rc) {
            memory_clear(&memory);
            return rc;
        }
    }
    ask_server(exchange, &memory);
    return 0;
}

int exchange_begin(struct peer *client, uint32_t id,
                   const struct wire_channel_connect *connect,
                   struct vdc_error *err)
{
    const struct timeval *limit;
    struct host *host = client->host;
    struct channel *channel;
    struct peer *server;
    int rc = exchange_admit(client, connect, &channel, &server, err);

    if (rc)
        return rc;
    struct exchange *exchange = XNEW(struct exchange);
    exchange->host = host;
    exchange->channel = channel;
    exchange->client = client;
    exchange->server = server;
    exchange->client_id = id;
    exchange->timeout_ms = exchange_timeout(host->setup, connect);
    memory_init(&exchange->for_client);
    exchange->timer = evtimer_new(host->base, on_timer, exchange);
    limit = &(const struct timeval){ exchange->timeout_ms / 1000,
                                     exchange->timeout_ms % 1000 * 1000 };
    evtimer_add(exchange->timer, limit);
    TAILQ_INSERT_TAIL(&host->exchanges, exchange, link);
    client->n_exchanges++;
    rc = ask_first(exchange, err);
    if (rc) {
        exchange_free(exchange);
        registry_remove(&host->registry, channel);
    }
    return rc;
}

/* ---- answers ---- */

static void finish(struct exchange *exchange)
{
    struct channel *channel = exchange->channel;
    struct wire_channel wire;

    channel->state = WIRE_CHANNEL_OPEN;
    host_show_channel(channel, exchange->client, &wire);
    peer_send_opened(exchange->client, WIRE_MSG_channel_opened,
                     exchange->client_id, &wire,
                     channel->secret[REGISTRY_CLIENT], &exchange->for_client);
    exchange_free(exchange);
}

/* The memory that the client's guest gave, on to whoever serves. */
static int take_given(struct exchange *exchange,
                      const struct wire_channel_memory *wire, int *fds,
                      unsigned n_fds, struct vdc_error *err)
{
    uint32_t pages = exchange->channel->pages;
    struct memory given, own;
    int rc;

    memory_init(&own);
    if (is_one_guest(exchange)) {
        ask_server(exchange, &own);
        return 0;
    }
    rc = memory_take(wire, exchange->client->kind, pages, fds, n_fds, &given,
                     err);
    given.wire.domid = exchange->client->party.domid;
    given.wire.maker = false;
    if (rc == 0 && !peer_is_remote(exchange->server)) {
        rc = memory_join(&given, pages, &own, err);
        given = own;
    }
    if (rc == 0)
        ask_server(exchange, &given);
    return rc;
}

/* The server has agreed; if it gave memory, the client is to have it. */
static int take_accepted(struct exchange *exchange,
                         const struct wire_channel_memory *wire, int *fds,
                         unsigned n_fds, struct vdc_error *err)
{
    uint32_t pages = exchange->channel->pages;
    struct memory given;
    int rc;

    if (!peer_is_remote(exchange->client) &&
        peer_is_remote(exchange->server)) {
        rc = memory_take(wire, exchange->server->kind, pages, fds, n_fds,
                         &given, err);
        given.wire.domid = exchange->server->party.domid;
        given.wire.maker = false;
        if (rc == 0)
            rc = memory_join(&given, pages, &exchange->for_client, err);
        if (rc)
            return rc;
    }
    finish(exchange);
    return 0;
}

static struct exchange *find(const struct peer *peer, uint32_t id)
{
    struct exchange *exchange;

    TAILQ_FOREACH(exchange, &peer->host->exchanges, link)
    {
        if (exchange->step == EXCHANGE_GIVING && exchange->client == peer &&
            exchange->client_id == id)
            break;
        if (exchange->step == EXCHANGE_SERVER && exchange->server == peer &&
            exchange->server_id == id)
            break;
    }
    return exchange;
}

/* What the other end says of why, which may be anybody's words. */
static void take_failure(const struct exchange *exchange,
                         const struct wire_error *failed,
                         struct vdc_error *ret)
{
    wire_error_take(failed, ret);
    if (ret->code == 0 || !strcmp(vdc_error_name(ret->code), "UNKNOWN"))
        ret->code = VDC_E_DENIED;
    vdc_error_prefix(ret, "'%s' was refused by %s", exchange->channel->service,
                     exchange->step == EXCHANGE_SERVER ? "its offerer"
                                                       : "the guest");
}

bool exchange_answered(struct peer *peer, uint32_t id,
                       const struct wire_channel_opened *opened,
                       const struct wire_error *failed, int *fds,
                       unsigned n_fds)
{
    struct exchange *exchange = find(peer, id);
    struct vdc_error err = { 0 };
    int rc;

    if (!exchange)
        return false;
    if (failed) {
        take_failure(exchange, failed, &err);
        give_up(exchange, &err,
                exchange->step == EXCHANGE_SERVER ? exchange->server : NULL);
        return true;
    }
    if (opened->channel.id != exchange->channel->id)
        rc = vdc_error_set(&err, VDC_E_PROTOCOL,
                           "the answer is about another channel");
    else if (exchange->step == EXCHANGE_GIVING)
        rc = take_given(exchange, &opened->memory, fds, n_fds, &err);
    else
        rc = take_accepted(exchange, &opened->memory, fds, n_fds, &err);
    if (rc)
        exchange_fail(exchange, &err);
    return true;
}
