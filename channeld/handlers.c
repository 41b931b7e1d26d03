/*
 * What programs and guests say to the broker: one function a message.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/exchange_ask.h"
#include "channeld/hello.h"
#include "channeld/host.h"
#include "channeld/quota_serve.h"

#define LIST_PAGE 64 /* of the largest rows still a packet */

struct request {
    struct peer *peer;
    uint32_t id;
    const void *body;
    struct arena *arena;
    int *fds;
    unsigned n_fds;
};

/* Returns an error to be answered; 0: answered, or to be answered later. */
typedef int handler_fn(const struct request *request, struct vdc_error *err);

/* ---- logins that are read-only ---- */

/* Whoever only looks asks policyd, of which it gets no more than that. */
#define POLICYD_SERVICE "policy"

static int check_acts(const struct peer *peer, struct vdc_error *err)
{
    if (!peer->looks)
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "channels are not for the role read-only");
    vdc_error_hint(err, "who is a customer-admin gives roles");
    return VDC_E_DENIED;
}

/* ---- offers ---- */

static int check_offer(const struct peer *peer, const char *service,
                       struct vdc_error *err)
{
    char customer[PARTY_OWNER_MAX + 1], whose[PARTY_TEXT_SIZE];
    int rc = rule_check_service(service, err);

    if (rc)
        return rc;
    if ((rule_service_customer(service, customer) && *peer->party.owner &&
         strcmp(customer, peer->party.owner)) ||
        !rule_for_offer(peer->host->rules, service, &peer->party)) {
        vdc_error_set(err, VDC_E_DENIED, "no rule allows %s to offer '%s'",
                      party_format(&peer->party, whose), service);
        vdc_error_hint(err,
                       "the operator decides in %s; what begins with a "
                       "customer's name is that customer's to offer",
                       peer->host->rules->path);
        return VDC_E_DENIED;
    }
    if (peer_find_offerer(peer->host, peer->party.domid, peer->party.owner,
                          service)) {
        vdc_error_set(err, VDC_E_EXISTS, "'%s' is offered by %s already",
                      service, party_format(&peer->party, whose));
        vdc_error_hint(err, "one program of a domain offers a service, in "
                            "dom0 one of each owner");
        return VDC_E_EXISTS;
    }
    if (peer->n_offers == PEER_OFFERS_MAX)
        return vdc_error_set(err, VDC_E_QUOTA,
                             "%d services are offered on one connection at "
                             "most",
                             PEER_OFFERS_MAX);
    return 0;
}

static int take_offer(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_offer *body = request->body;
    struct peer *peer = request->peer;
    int rc = check_acts(peer, err);

    if (!rc)
        rc = check_offer(peer, body->service, err);
    if (rc)
        return rc;
    struct offer *offer = XNEW(struct offer);
    offer->peer = peer;
    PARTY_COPY(offer->service, body->service);
    offer->most = body->most;
    TAILQ_INSERT_TAIL(&peer->offers, offer, link);
    peer->n_offers++;
    peer_ok(peer, request->id);
    return 0;
}

static int take_withdraw(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_offer *body = request->body;
    struct peer *peer = request->peer;
    struct offer *offer = peer_find_offer(peer, body->service);

    if (!offer)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "you do not offer '%s'",
                             body->service);
    TAILQ_REMOVE(&peer->offers, offer, link);
    peer->n_offers--;
    free(offer);
    peer_ok(peer, request->id);
    return 0;
}

/* ---- channels ---- */

static int take_connect(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_connect *body = request->body;
    int rc = strcmp(body->service, POLICYD_SERVICE) == 0
                 ? 0
                 : check_acts(request->peer, err);

    return rc ? rc
              : exchange_begin(request->peer, request->id, request->body,
                               err);
}

static int take_opened(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_opened *opened = request->body;

    /* too late: the exchange has ended, and so has the channel */
    if (!exchange_answered(request->peer, request->id, opened, NULL,
                           request->fds, request->n_fds))
        peer_send_close(request->peer, opened->channel.id,
                        "it was not waited for any more");
    return 0;
}

static int take_error(const struct request *request, struct vdc_error *err)
{
    exchange_answered(request->peer, request->id, NULL, request->body, NULL,
                      0);
    return 0;
}

static int take_ok(const struct request *request, struct vdc_error *err)
{
    return 0; /* to a channel_close of ours */
}

static int no_channel(uint64_t id, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND, "there is no channel %llu",
                  (unsigned long long)id);
    vdc_error_hint(err, "'xl-vdc channel-list' shows those there are");
    return VDC_E_NOT_FOUND;
}

static int take_close(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_ref *body = request->body;
    struct peer *peer = request->peer;
    struct channel *channel = registry_find(&peer->host->registry, body->id);
    bool is_end = channel && (channel->peer[REGISTRY_CLIENT] == peer ||
                              channel->peer[REGISTRY_SERVER] == peer);
    struct channel *claim = channel ? NULL : hello_find(peer, body->id);

    if (claim) {
        hello_end(peer->host, claim, peer, "");
        peer_ok(peer, request->id);
        return 0;
    }
    if (!channel ||
        (!is_end && (!host_may_see(channel, peer) || peer_is_remote(peer))))
        return no_channel(body->id, err);
    if (!is_end && check_acts(peer, err))
        return err->code;
    host_end_channel(peer->host, channel, is_end ? peer : NULL,
                     *body->reason ? body->reason : "closed");
    peer_ok(peer, request->id);
    return 0;
}

/* ---- looking ---- */

/* Nothing asked for: anything goes. */
static bool is_asked_for(const struct channel *channel,
                         const struct wire_channel_query *query,
                         const struct party *partition)
{
    const struct party *a = &channel->party[REGISTRY_CLIENT];
    const struct party *b = &channel->party[REGISTRY_SERVER];
    const char *owner = query->customer;

    if (strcmp(owner, PARTY_PROVIDER) == 0)
        owner = "";
    return (!query->id || query->id == channel->id) &&
           (!*query->service || !strcmp(query->service, channel->service)) &&
           (!*query->customer || !strcmp(a->owner, owner) ||
            !strcmp(b->owner, owner)) &&
           (!partition || party_is_same(a, partition) ||
            party_is_same(b, partition));
}

static int take_list(const struct request *request, struct vdc_error *err)
{
    const struct wire_channel_query *query = request->body;
    struct registry *registry = &request->peer->host->registry;
    struct wire_channel_list reply;
    struct party partition;
    struct channel *channel;

    if (*query->service && rule_check_service(query->service, err))
        return err->code;
    if (*query->partition &&
        exchange_find_party(request->peer, query->partition, &partition, err))
        return err->code;
    wire_init(&wire_struct_channel_list, &reply);
    if (request->peer->role == W_OPERATOR)
        reply.limit =
            request->peer->host->setup->limits.host_channels;
    reply.channels =
        ARENA_ARRAY(request->arena, LIST_PAGE, struct wire_channel);
    for (channel = registry_after(registry, query->after); channel;
         channel = TAILQ_NEXT(channel, link)) {
        if (!host_may_see(channel, request->peer) ||
            !is_asked_for(channel, query,
                          *query->partition ? &partition : NULL))
            continue;
        reply.more = reply.n_channels == LIST_PAGE;
        if (reply.more)
            break;
        host_show_channel(channel, request->peer,
                          &reply.channels[reply.n_channels++]);
    }
    if (query->id && !reply.n_channels)
        return no_channel(query->id, err);
    peer_answer(request->peer, WIRE_MSG_channel_list_reply, request->id,
                &reply);
    return 0;
}

/* "@CUSTOMER": its programs of dom0, as @host are the provider's. */
static int find_programs(const struct peer *peer, const char *word,
                         struct party *ret, struct vdc_error *err)
{
    const char *owner = word + 1;
    bool is_own = party_is_host(&peer->party) ||
                  strcmp(owner, peer->party.owner) == 0;

    if (!strcmp(word, "@any") || !strcmp(word, "@customer") ||
        !strcmp(word, "@same-customer")) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "'%s' is many, of whom a rule may decide differently",
                      word);
        vdc_error_hint(err, "name one of them: a partition, @host, or "
                            "@CUSTOMER for its programs of dom0");
        return VDC_E_BAD_VALUE;
    }
    if (!is_own || !rule_is_customer(owner))
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "no programs of '%s' are known", word);
    *ret = (struct party){ .domid = 0 };
    PARTY_COPY(ret->owner, strcmp(owner, PARTY_PROVIDER) ? owner : "");
    return 0;
}

/* A partition that runs, or for the provider one that does not. */
static int find_end(const struct peer *peer, const char *word,
                    struct party *ret, struct vdc_error *err)
{
    const char *dot = strchr(word, '.');
    bool may_guess =
        party_is_host(&peer->party) && dot && dot - word <= PARTY_OWNER_MAX;
    int rc = exchange_find_party(peer, word, ret, err);

    if (rc && word[0] == '@')
        return find_programs(peer, word, ret, err);
    if (rc && rule_is_customer(word))
        vdc_error_hint(err, "'@%s' means the programs of a customer %s in "
                            "dom0",
                       word, word);
    if (rc == 0 || !may_guess)
        return rc;
    *ret = (struct party){ .domid = UINT32_MAX };
    memcpy(ret->owner, word, (size_t)(dot - word));
    if (strcmp(ret->owner, PARTY_PROVIDER) == 0)
        ret->owner[0] = '\0';
    PARTY_COPY(ret->name, dot + 1);
    return 0;
}

static int take_rule_check(const struct request *request,
                           struct vdc_error *err)
{
    const struct wire_channel_rule_query *query = request->body;
    struct peer *peer = request->peer;
    const struct rule_table *rules = peer->host->rules;
    struct wire_channel_rule_reply reply;
    char place[RULE_PLACE_MAX + 1];
    struct party from, to;
    int rc = rule_check_service(query->service, err);

    if (rc == 0)
        rc = find_end(peer, query->from, &from, err);
    if (rc == 0)
        rc = find_end(peer, query->to, &to, err);
    if (rc)
        return rc;
    const struct rule *rule = rule_decide(rules, query->service, &from, &to);
    wire_init(&wire_struct_channel_rule_reply, &reply);
    if (rule) {
        reply.allowed = rule->allow;
        reply.rule = rule_place(rules, rule, place);
        reply.text = rule->text;
    }
    peer_answer(peer, WIRE_MSG_channel_rule_reply, request->id, &reply);
    return 0;
}

static int take_reload(const struct request *request, struct vdc_error *err)
{
    if (request->peer->role != W_OPERATOR)
        return vdc_error_set(err, VDC_E_DENIED,
                             "operators read the rules again");
    int rc = host_reload(request->peer->host, err);
    if (rc == 0)
        peer_ok(request->peer, request->id);
    return rc;
}

/* From resourced, which has it from policyd.  Who is no operator's could give
 * itself what it likes. */
static int take_limits(const struct request *request, struct vdc_error *err)
{
    struct wire_channel_uses reply;

    if (request->peer->role != W_OPERATOR || peer_is_remote(request->peer))
        return vdc_error_set(err, VDC_E_DENIED,
                             "policyd sets the quotas of channels");
    int rc = quota_serve(request->peer->host, request->body, request->arena,
                         &reply, err);
    if (rc == 0)
        peer_answer(request->peer, WIRE_MSG_channel_uses, request->id, &reply);
    return rc;
}

/* ---- greetings ---- */

static int take_hello(const struct request *request, struct vdc_error *err)
{
    const struct wire_hello *theirs = request->body;
    struct wire_hello hello;

    if (theirs->protocol != WIRE_PROTOCOL)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld speaks protocol %d", WIRE_PROTOCOL);
    request->peer->greeted = true;
    wire_init(&wire_struct_hello, &hello);
    hello.program = "channeld";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    peer_answer(request->peer, WIRE_MSG_hello, request->id, &hello);
    return 0;
}

static int take_version(const struct request *request, struct vdc_error *err)
{
    struct wire_version version;

    wire_init(&wire_struct_version, &version);
    version.protocol = WIRE_PROTOCOL;
    peer_answer(request->peer, WIRE_MSG_version_reply, request->id, &version);
    return 0;
}

static int take_channels(const struct request *request, struct vdc_error *err)
{
    hello_take(request->peer, request->body);
    peer_ok(request->peer, request->id);
    return 0;
}

static const struct handler {
    enum wire_message_number number;
    handler_fn *run;
} handlers[] = {
    { WIRE_MSG_hello, take_hello },
    { WIRE_MSG_version, take_version },
    { WIRE_MSG_ok, take_ok },
    { WIRE_MSG_error, take_error },
    { WIRE_MSG_channel_offer, take_offer },
    { WIRE_MSG_channel_withdraw, take_withdraw },
    { WIRE_MSG_channel_connect, take_connect },
    { WIRE_MSG_channel_opened, take_opened },
    { WIRE_MSG_channel_close, take_close },
    { WIRE_MSG_channel_hello, take_channels },
    { WIRE_MSG_channel_list, take_list },
    { WIRE_MSG_channel_rule_check, take_rule_check },
    { WIRE_MSG_channel_reload, take_reload },
    { WIRE_MSG_channel_limits, take_limits },
};

static const struct handler *find(unsigned number)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if ((unsigned)handlers[i].number == number)
            return &handlers[i];
    return NULL;
}

static int run(const struct request *request,
               const struct wire_message *message, struct vdc_error *err)
{
    const struct handler *handler = find(message->number);

    if (!request->peer->greeted && message->number != WIRE_MSG_hello)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld speaks protocol %d, and expects hello "
                             "first",
                             WIRE_PROTOCOL);
    if (!handler)
        return vdc_error_set(err, VDC_E_UNSUPPORTED,
                             "channeld does not serve '%s'", message->name);
    return handler->run(request, err);
}

void peer_received(struct peer *peer, const uint8_t *data, size_t size,
                   int *fds, unsigned n_fds)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    struct request request = {
        .peer = peer, .arena = arena, .fds = fds, .n_fds = n_fds
    };
    int rc = wire_decode(data, size, arena, &frame, &err);

    if (rc == 0) {
        request.id = frame.id;
        request.body = frame.body;
        rc = run(&request, frame.message, &err);
    }
    /* an answer to an answer would never end */
    if (rc && !(request.id & PEER_OURS))
        peer_fail(peer, request.id, &err);
    arena_free(arena);
}
