/*
 * Accepts guests, and, when policyd is in a domain of its own, programs of the
 * host.  Which guest is at the other end of a channel channeld says,
 * who has it from Xen: nothing of it comes from the guest.  What a guest sends
 * is taken as from any client, and the worst that it can do is to lose its own
 * channel (chan/ring.h).
 *
 * Of a program of the host channeld says whether it is an operator's, or else
 * whose login it is: its account means nothing in another domain.
 */
#include "policyd/api/guests.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "chan/broker.h"
#include "chan/port.h"

#define SERVICE "policy"
#define CHANNELS_PER_GUEST 8
/* Of programs of the host, of one account. */
#define CHANNELS_PER_UID 64

struct entry {
    TAILQ_ENTRY(entry) link;
    struct session *session;
    struct broker_channel *channel; /* NULL: channeld has ended it */
    const struct chan *chan; /* the session's; as long as there is a channel */
};

struct guests {
    struct session_host host;
    struct broker *broker;
    bool is_away; /* from the host: its programs come here, too */
    bool told; /* that channeld is not there; once */
    TAILQ_HEAD(, entry) entries;
};

static void session_ended(void *arg, struct session *session)
{
    struct guests *guests = arg;
    struct entry *entry;

    TAILQ_FOREACH(entry, &guests->entries, link)
    if (entry->session == session)
        break;
    if (!entry)
        return;
    TAILQ_REMOVE(&guests->entries, entry, link);
    if (entry->channel)
        broker_end(guests->broker, entry->channel, "the conversation is over");
    free(entry);
}

/* A program of the host has no uuid, and a guest no uid. */
static unsigned count(const struct guests *guests,
                      const struct auth_peer *like)
{
    const struct entry *entry;
    unsigned n = 0;

    TAILQ_FOREACH(entry, &guests->entries, link)
    {
        const struct auth_peer *peer = session_peer(entry->session);
        n += uuid_equal(&peer->guest, &like->guest) && peer->uid == like->uid;
    }
    return n;
}

static int check(const struct guests *guests, const struct auth_peer *peer,
                 struct vdc_error *err)
{
    unsigned most = peer->by_channeld ? CHANNELS_PER_UID : CHANNELS_PER_GUEST;

    if (peer->by_channeld && !guests->is_away) {
        vdc_error_set(err, VDC_E_DENIED,
                      "'" SERVICE "' is for guests that ask for themselves");
        vdc_error_hint(err, "programs of the host use the socket of policyd");
        return VDC_E_DENIED;
    }
    if (count(guests, peer) >= most)
        return vdc_error_set(err, VDC_E_BUSY,
                             "this %s has %u channels to policyd already",
                             peer->by_channeld ? "user" : "guest", most);
    return 0;
}

static void fill_peer(const struct wire_channel_end *who,
                      struct auth_peer *ret)
{
    *ret = (struct auth_peer){ .uid = AUTH_NO_UID, .guest = who->partition };
    if (who->domid) {
        snprintf(ret->text, sizeof(ret->text), "guest %.80s (domain %u)",
                 who->name, (unsigned)who->domid);
        return;
    }
    ret->by_channeld = true;
    ret->uid = who->uid;
    snprintf(ret->customer, sizeof(ret->customer), "%s", who->owner);
    snprintf(ret->text, sizeof(ret->text), "uid %u of the host, %s",
             (unsigned)who->uid, *who->owner ? who->owner : "an operator");
}

static void tell_counts(void *arg, struct broker_counts *ret)
{
    const struct entry *entry = arg;
    struct port_counts counts;

    chan_count(entry->chan, &counts);
    broker_counts_of_port(&counts, ret);
}

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    struct guests *guests = arg;
    const struct port_options options = { .message_max = CHAN_MESSAGE_MAX };
    const struct wire_channel_end *who = &channel->info->client;
    const struct chan_peer end = { .domid = who->domid, .uid = AUTH_NO_UID };
    struct auth_peer peer;
    struct port *port;

    fill_peer(who, &peer);
    int rc = check(guests, &peer, err);
    if (!rc)
        rc = broker_take_port(channel, &options, &port, err);
    if (rc)
        return rc;
    struct entry *entry = XNEW(struct entry);
    struct chan *chan = chan_of_port(guests->host.base, port, &end);
    entry->channel = channel;
    entry->chan = chan;
    broker_count_by(guests->broker, channel, tell_counts, entry);
    entry->session = session_new(&guests->host, chan, &peer);
    channel->arg = entry;
    TAILQ_INSERT_TAIL(&guests->entries, entry, link);
    return 0;
}

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct entry *entry = channel->arg;

    entry->channel = NULL;
    session_destroy(entry->session);
}

static void on_ready(void *arg)
{
    struct guests *guests = arg;

    guests->told = false;
    log_info("guests are served: channeld is there");
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    struct guests *guests = arg;

    if (!guests->told)
        log_info("no guest comes until channeld is there: %s", err->text);
    guests->told = true;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    log_warning("guests are not served: channeld refuses '%s': %s", service,
                err->text);
}

static const struct broker_ops broker_ops = {
    .on_ready = on_ready,
    .on_lost = on_lost,
    .on_refused = on_refused,
    .on_incoming = on_incoming,
    .on_closed = on_closed,
};

struct guests *guests_new(struct event_base *base, const struct setup *setup,
                          struct operations *ops)
{
    if (!*setup->channel_socket)
        return NULL;
    struct guests *guests = XNEW(struct guests);
    TAILQ_INIT(&guests->entries);
    guests->is_away = chan_address_is_channel(setup->command_address);
    guests->host = (struct session_host){
        .base = base, .ops = ops, .on_end = session_ended, .arg = guests
    };
    guests->broker =
        broker_new(base, setup->channel_socket, &broker_ops, guests);
    broker_offer(guests->broker, SERVICE, 0);
    return guests;
}

void guests_free(struct guests *guests)
{
    struct entry *entry;

    if (!guests)
        return;
    while ((entry = TAILQ_FIRST(&guests->entries)))
        session_finish(entry->session);
    broker_free(guests->broker);
    free(guests);
}
