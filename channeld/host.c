/*
 * The broker of a host: its parts, begun and ended in their order, and what
 * happens to channels when their ends go.
 */
#include "channeld/host.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/account.h"
#include "channeld/domain.h"
#include "channeld/hello.h"
#include "channeld/program.h"
#include "channeld/quota.h"
#include "channeld/remote.h"
#include "channeld/sequence.h"
#include "hv/hv.h"

#define TICK_S 1

/* ---- channels ---- */

bool host_may_see(const struct channel *channel, const struct peer *peer)
{
    for (int side = 0; side < 2; side++) {
        const struct party *party = &channel->party[side];
        if (peer->role == W_OPERATOR ||
            (peer->role == W_CUSTOMER &&
             party_same_customer(party, &peer->party)) ||
            (peer->role == 0 && party_is_same(party, &peer->party)))
            return true;
    }
    return false;
}

void host_show_channel(const struct channel *channel, const struct peer *peer,
                       struct wire_channel *ret)
{
    struct wire_channel_end *ends[2] = { &ret->client, &ret->server };

    registry_to_wire(channel, ret);
    for (int side = 0; side < 2; side++)
        /* what runs in another domain is not its business, unless it is the
         * provider's own */
        if (peer->role != W_OPERATOR && *peer->party.owner &&
            channel->peer[side] != peer)
            ends[side]->uid = ends[side]->pid = 0;
}

void host_end_channel(struct host *host, struct channel *channel,
                      const struct peer *teller, const char *reason)
{
    struct exchange *exchange = exchange_of_channel(host, channel);

    if (exchange) {
        struct vdc_error err = { 0 };
        vdc_error_set(&err, VDC_E_CANCELLED, "%s", reason);
        exchange_fail(exchange, &err);
        return;
    }
    /* who is both ends tells of the one, and is told of the other */
    bool both = channel->peer[0] == channel->peer[1];
    for (int side = 0; side < (both ? 1 : 2); side++) {
        struct peer *peer = channel->peer[side];
        if (peer && (both || peer != teller))
            peer_send_close(peer, channel->id, reason);
    }
    registry_remove(&host->registry, channel);
}

static void leave_half(struct channel *channel, const struct peer *peer)
{
    for (int side = 0; side < 2; side++)
        if (channel->peer[side] == peer)
            channel->peer[side] = NULL;
    channel->state = WIRE_CHANNEL_HALF;
    channel->half_since = clock_mono();
}

void host_drop_peer(struct host *host, struct peer *peer, bool died,
                    const char *reason)
{
    struct channel *channel, *next;

    hello_drop_peer(host, peer);
    for (channel = TAILQ_FIRST(&host->registry.rows); channel;
         channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (channel->peer[0] != peer && channel->peer[1] != peer)
            continue;
        if (died) {
            host_end_channel(host, channel, peer, reason);
        } else {
            leave_half(channel, peer);
            host_watch_halves(host);
        }
    }
}

/* ---- channels that are half there ---- */

void host_watch_halves(struct host *host)
{
    const struct timeval tick = { TICK_S, 0 };

    if (!evtimer_pending(host->tick, NULL))
        evtimer_add(host->tick, &tick);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct host *host = arg;
    struct channel *channel, *next;
    uint64_t now = clock_mono().ms;

    if (hello_look(host))
        host_watch_halves(host);
    for (channel = TAILQ_FIRST(&host->registry.rows); channel;
         channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (channel->state != WIRE_CHANNEL_HALF)
            continue;
        if (now - channel->half_since.ms < HELLO_HALF_MS) {
            host_watch_halves(host);
            continue;
        }
        int side = channel->peer[REGISTRY_CLIENT] ? REGISTRY_CLIENT
                                                  : REGISTRY_SERVER;
        char whose[PARTY_TEXT_SIZE];
        log_limited(VDC_LOG_INFO, party_format(&channel->party[side], whose),
                    "channel %llu of '%s' is closed: the other end has not "
                    "told of it",
                    (unsigned long long)channel->id, channel->service);
        host_end_channel(host, channel, NULL, "the other end is not there");
    }
}

/* ---- domains ---- */

static void on_come(void *arg, const struct domain *domain)
{
    struct host *host = arg;

    remotes_come(host->remotes, domain);
}

static void on_gone(void *arg, const struct domain *domain)
{
    struct host *host = arg;
    struct registry_rows *rows = &host->registry.rows;
    struct channel *channel, *next;

    remotes_gone(host->remotes, domain);
    hello_drop_party(host, &domain->party);
    /* those that it had told of to a channeld before this one */
    for (channel = TAILQ_FIRST(rows); channel; channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (party_is_same(&channel->party[0], &domain->party) ||
            party_is_same(&channel->party[1], &domain->party))
            host_end_channel(host, channel, NULL, "the domain has ended");
    }
}

static void on_renamed(void *arg, const struct domain *domain)
{
    struct host *host = arg;
    struct channel *channel;
    struct peer *peer;

    TAILQ_FOREACH(peer, &host->peers, link)
    if (party_is_same(&peer->party, &domain->party))
        peer->party = domain->party;
    TAILQ_FOREACH(channel, &host->registry.rows, link)
    for (int side = 0; side < 2; side++)
        if (party_is_same(&channel->party[side], &domain->party))
            channel->party[side] = domain->party;
}

static const struct domain_ops domain_ops = { .on_come = on_come,
                                              .on_gone = on_gone,
                                              .on_renamed = on_renamed };

/* ---- begin and end ---- */

int host_reload(struct host *host, struct vdc_error *err)
{
    struct rule_table *rules;
    int rc = rule_table_read(host->setup->rules, &rules, err);

    if (rc) {
        vdc_error_prefix(err, "the rules stay as they were");
        return rc;
    }
    rule_table_free(host->rules);
    host->rules = rules;
    log_info("%s: %zu rules", rules->path, rules->n_rules);
    return 0;
}

static int begin(struct host *host, struct vdc_error *err)
{
    const struct setup *setup = host->setup;
    char *key = xasprintf("%s.key", setup->sequence);
    char *quotas = xasprintf("%s.quotas", setup->sequence);
    int rc = rule_table_read(setup->rules, &host->rules, err);

    if (rc == 0)
        rc = secret_key_open(key, &host->key, err);
    free(key);
    host->quotas = quotas_open(quotas, setup->limits.customer_channels);
    free(quotas);
    if (rc == 0)
        rc = sequence_open(setup->sequence, &host->sequence,
                           &host->registry.next_id, err);
    if (rc == 0)
        rc = hv_open(setup->hypervisor, host->base, &host->hv, err);
    if (rc == 0)
        rc = remotes_new(host, &host->remotes, err);
    if (rc == 0)
        rc = domains_new(host->base, host->hv, &domain_ops, host,
                         &host->domains, err);
    if (rc == 0)
        domains_look(host->domains);
    if (rc == 0)
        rc = programs_new(host, &host->programs, err);
    return rc;
}

int host_new(struct event_base *base, const struct setup *setup,
             struct host **ret, struct vdc_error *err)
{
    struct host *host = XNEW(struct host);

    host->base = base;
    host->setup = setup;
    registry_init(&host->registry);
    registry_init(&host->claims);
    TAILQ_INIT(&host->peers);
    TAILQ_INIT(&host->exchanges);
    host->tick = evtimer_new(base, on_tick, host);
    host->accounts = accounts_new(base, setup->policyd_socket, setup->socket);
    int rc = begin(host, err);
    if (rc) {
        host_free(host);
        return rc;
    }
    *ret = host;
    return 0;
}

void host_free(struct host *host)
{
    if (!host)
        return;
    programs_free(host->programs);
    /* ends go on without us: nobody is told anything */
    while (!TAILQ_EMPTY(&host->peers)) {
        struct peer *peer = TAILQ_FIRST(&host->peers);
        peer_gone(peer, false, "channeld ends");
    }
    accounts_free(host->accounts);
    remotes_free(host->remotes);
    domains_free(host->domains);
    registry_clear(&host->registry);
    registry_clear(&host->claims);
    hv_close(host->hv);
    sequence_close(host->sequence);
    quotas_close(host->quotas);
    rule_table_free(host->rules);
    event_free(host->tick);
    free(host);
}
