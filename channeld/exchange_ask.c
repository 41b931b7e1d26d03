/*
 * Whether a channel may be; see exchange_ask.h.
 *
 * Who may not know of a partition is answered as if there were none, with the
 * same words.
 */
#include "channeld/exchange_ask.h"

#include <string.h>

#include "channeld/domain.h"
#include "channeld/host.h"
#include "channeld/sequence.h"
#include "hv/hv.h"

#define SIZE_KIB 64u
#define GRANTS_A_FRAME 512u /* of version 1, which Linux uses by default */

static bool means_host(const char *word)
{
    return !*word || strcmp(word, "@host") == 0 || strcmp(word, "host") == 0;
}

static int unknown(const char *service, const char *to, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND,
                  "there is no '%s' at '%s' that you may connect to", service,
                  means_host(to) ? "host" : to);
    vdc_error_hint(err,
                   "a running partition is named by its name, its UUID "
                   "or its domid; 'xl-vdc channel-rule-check %s FROM %s' "
                   "says which rule decides",
                   service, means_host(to) ? "host" : to);
    return VDC_E_NOT_FOUND;
}

/* False: it is not there.  Whether the peer may know of it is another thing:
 * a rule may allow it to connect all the same. */
static bool find_party(const struct peer *peer, const char *word,
                       struct party *ret)
{
    const struct domain *domain;
    bool all = party_is_host(&peer->party);

    if (means_host(word)) {
        *ret = (struct party){ .domid = 0 };
        return true;
    }
    domain =
        domains_by_word(peer->host->domains, word, peer->party.owner, all);
    if (domain)
        *ret = domain->party;
    return domain;
}

/* Whether this peer may be told that `party` is there. */
static bool may_know(const struct peer *peer, const struct party *party)
{
    return (party->domid == 0 && !*party->owner) ||
           party_is_host(&peer->party) ||
           strcmp(peer->party.owner, party->owner) == 0;
}

int exchange_find_party(const struct peer *peer, const char *word,
                        struct party *ret, struct vdc_error *err)
{
    struct party party;

    if (!find_party(peer, word, &party) || !may_know(peer, &party))
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "no partition '%s' is running", word);
    *ret = party;
    return 0;
}

static int denied(const struct peer *client, const char *service,
                  const char *to, const struct party *server,
                  const struct rule *rule, struct vdc_error *err)
{
    char place[RULE_PLACE_MAX + 1], whose[PARTY_TEXT_SIZE];

    if (!may_know(client, server))
        return unknown(service, to, err);
    if (rule)
        vdc_error_set(err, VDC_E_DENIED, "'%s' of %s is denied by %s: %s",
                      service, party_format(server, whose),
                      rule_place(client->host->rules, rule, place),
                      rule->text);
    else
        vdc_error_set(err, VDC_E_DENIED, "no rule allows '%s' of %s for you",
                      service, party_format(server, whose));
    vdc_error_hint(err, "the operator decides in %s",
                   client->host->rules->path);
    return VDC_E_DENIED;
}

/* ---- the limits of Xen ---- */

/* Three quarters of the grants that the domain may have; 0: not known. */
static uint64_t xen_grants(const struct host *host, uint32_t domid)
{
    struct hv_usage usage;

    if (domid == 0 || host->hv->domain->usage(host->hv, domid, &usage, NULL))
        return 0;
    return (uint64_t)usage.max_grant_frames * GRANTS_A_FRAME / 4 * 3;
}

static enum registry_giver giver_of(const struct party *client,
                                    const struct party *server)
{
    if (client->domid == server->domid)
        return REGISTRY_GIVER_BROKER;
    return client->domid ? REGISTRY_GIVER_CLIENT : REGISTRY_GIVER_SERVER;
}

/* ---- admitting ---- */

/*
 * Who offers it where the client asks.  In dom0 each owner's programs have
 * services of their own: the client's own customer's come first, then for
 * CUSTOMER/WORD that customer's, then the provider's.  A word alone never
 * leads to the program of another customer, which anybody might have given
 * that name.
 */
static const struct offer *find_offer(const struct peer *client,
                                      const struct party *to,
                                      const char *service)
{
    char customer[PARTY_OWNER_MAX + 1];
    const struct host *host = client->host;
    uint32_t domid = to->domid;
    const struct offer *offer = NULL;

    if (domid)
        return peer_find_offerer(host, domid, to->owner, service);
    if (*client->party.owner)
        offer = peer_find_offerer(host, 0, client->party.owner, service);
    if (!offer && rule_service_customer(service, customer))
        offer = peer_find_offerer(host, 0, customer, service);
    return offer ? offer : peer_find_offerer(host, 0, "", service);
}

/* Who offers it where a rule says that it is served. */
static const struct offer *find_moved(const struct host *host,
                                      const struct rule *rule,
                                      const char *service)
{
    const struct peer *peer;

    TAILQ_FOREACH(peer, &host->peers, link)
    {
        const struct offer *offer = rule_is_at(rule, &peer->party)
                                        ? peer_find_offer(peer, service)
                                        : NULL;
        if (offer)
            return offer;
    }
    return NULL;
}

static int check_request(const struct peer *client,
                         const struct wire_channel_connect *connect,
                         struct limit_request *ret, struct vdc_error *err)
{
    int rc = rule_check_service(connect->service, err);

    if (rc)
        return rc;
    if (client->n_exchanges >= EXCHANGES_A_PEER)
        return vdc_error_set(err, VDC_E_BUSY,
                             "%d channels are being made for you already",
                             EXCHANGES_A_PEER);
    if (connect->layout != WIRE_LAYOUT_VDC)
        return vdc_error_set(err, VDC_E_UNSUPPORTED,
                             "the broker makes channels of the layout vdc "
                             "alone; libxenvchan's ends meet in xenstore");
    ret->service = connect->service;
    ret->to_server =
        MEM_KIB(connect->to_server.kib ? connect->to_server.kib : SIZE_KIB);
    ret->to_client =
        MEM_KIB(connect->to_client.kib ? connect->to_client.kib : SIZE_KIB);
    ret->pages = registry_pages(ret->to_server, ret->to_client);
    if (ret->pages)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "a ring has 4 KiB to 4 MiB, a power of two");
    return VDC_E_BAD_VALUE;
}

static struct channel *add_row(struct host *host,
                               const struct limit_request *request,
                               struct peer *client, struct peer *server)
{
    struct channel *channel = registry_add(&host->registry, 0);

    PARTY_COPY(channel->service, request->service);
    channel->state = WIRE_CHANNEL_ASKED;
    channel->to_server = request->to_server;
    channel->to_client = request->to_client;
    channel->opened_ms = clock_wall().ms; /* as both ends are told */
    channel->pages = request->pages;
    channel->giver = request->giver;
    channel->party[REGISTRY_CLIENT] = client->party;
    channel->party[REGISTRY_SERVER] = server->party;
    channel->peer[REGISTRY_CLIENT] = client;
    channel->peer[REGISTRY_SERVER] = server;
    rule_place(host->rules, request->rule, channel->rule);
    for (int side = 0; side < 2; side++)
        channel->secret[side] = secret_of(&host->key, channel, side);
    return channel;
}

static int check_limits(struct host *host, struct limit_request *request,
                        struct vdc_error *err)
{
    request->giver = giver_of(request->client, request->server);
    request->xen_grants =
        xen_grants(host, request->giver == REGISTRY_GIVER_SERVER
                             ? request->server->domid
                             : request->client->domid);
    request->claims = &host->claims;
    request->quotas = host->quotas;
    int rc = limit_check(&host->registry, &host->setup->limits, request, err);
    return rc ? rc
              : sequence_reach(host->sequence, host->registry.next_id, err);
}

static int not_offered(const struct peer *client, const char *service,
                       const char *word, const struct party *to,
                       struct vdc_error *err)
{
    char whose[PARTY_TEXT_SIZE];

    if (!may_know(client, to))
        return unknown(service, word, err);
    vdc_error_set(err, VDC_E_NOT_FOUND, "%s offers no '%s' now",
                  party_format(to, whose), service);
    vdc_error_hint(err, "the program that offers it must run there");
    return VDC_E_NOT_FOUND;
}

int exchange_admit(struct peer *client,
                   const struct wire_channel_connect *connect,
                   struct channel **ret, struct peer **ret_server,
                   struct vdc_error *err)
{
    struct host *host = client->host;
    struct limit_request request = { .client = &client->party };
    struct party to;
    int rc = check_request(client, connect, &request, err);

    if (rc)
        return rc;
    if (!find_party(client, connect->to, &to))
        return unknown(connect->service, connect->to, err);
    const struct offer *offer = find_offer(client, &to, connect->service);
    if (offer)
        to = offer->peer->party;
    request.server = &to;
    request.rule =
        rule_decide(host->rules, connect->service, &client->party, &to);
    if (!request.rule || !request.rule->allow)
        return denied(client, connect->service, connect->to, &to, request.rule,
                      err);
    if (request.rule->moved)
        offer = find_moved(host, request.rule, connect->service);
    if (!offer)
        return not_offered(client, connect->service, connect->to, &to, err);
    to = offer->peer->party;
    request.offer_most = offer->most;
    rc = check_limits(host, &request, err);
    if (rc)
        return rc;
    *ret_server = offer->peer;
    *ret = add_row(host, &request, client, offer->peer);
    return 0;
}

uint32_t exchange_timeout(const struct setup *setup,
                          const struct wire_channel_connect *connect)
{
    uint64_t most = setup->answer_timeout_ms;

    return (uint32_t)(connect->timeout_ms && connect->timeout_ms < most
                          ? connect->timeout_ms
                          : most);
}
