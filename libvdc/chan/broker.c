/*
 * A program's side of channeld: the connection, and what it says; see
 * broker.h.  What channeld says is taken in broker_hear.c.
 */
#include "chan/broker.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/broker_impl.h"

#define AGAIN_FIRST_MS 100
#define AGAIN_MOST_MS 5000
#define BUSY_MS 20
#define COUNT_S 2
#define OFFER_AGAIN_S 1
#define LATE_S 1 /* how often it is looked what is late */
#define HELLO_PAGE 64 /* channels in a message, at most what wire.def says */

/* ---- sending ---- */

int broker_say(struct broker *broker, enum wire_message_number number,
               uint32_t id, const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;
    int rc = wire_encode(number, id, body, arena, &data, &size, NULL);

    if (rc == 0)
        rc = broker->packet ? packet_send(broker->packet, data, size, NULL, 0)
                            : VDC_E_CLOSED;
    arena_free(arena);
    return rc;
}

static struct mono answer_until(enum wire_message_number number)
{
    unsigned s = number == WIRE_MSG_hello             ? BROKER_HELLO_S
                 : number == WIRE_MSG_channel_connect ? BROKER_CONNECT_S
                                                      : BROKER_ANSWER_S;

    return (struct mono){ clock_mono().ms + s * 1000 };
}

static void look_later(struct broker *broker)
{
    const struct timeval later = { LATE_S, 0 };

    if (!TAILQ_EMPTY(&broker->requests) &&
        !evtimer_pending(broker->late, NULL))
        evtimer_add(broker->late, &later);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    broker_fail_late(arg);
    look_later(arg);
}

/* Before it has been found, or lost, for the first time, and while it is to
 * greet. */
static bool is_coming(const struct broker *broker)
{
    return !broker->is_ready && (broker->packet || broker->tries == 0);
}

static void hold(struct broker_request *request, const uint8_t *data,
                 size_t size)
{
    request->held = xrealloc(NULL, size);
    request->held_size = size;
    memcpy(request->held, data, size);
}

static void not_reached(const struct broker *broker, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_CLOSED, "channeld cannot be reached at %s",
                  broker->path);
    vdc_error_hint(err, "is it running? 'systemctl status "
                        "xen-vdc-channeld'");
}

static void send_request(struct broker *broker, struct broker_request *request,
                         const void *body)
{
    struct arena *arena = arena_new();
    bool is_hello = request->number == WIRE_MSG_hello;
    uint8_t *data;
    size_t size;
    int rc = wire_encode(request->number, request->id, body, arena, &data,
                         &size, &request->unsent);

    if (rc == 0 && !is_hello && is_coming(broker))
        hold(request, data, size);
    else if (rc == 0 &&
             (!broker->packet || (!is_hello && !broker->is_ready) ||
              packet_send(broker->packet, data, size, NULL, 0)))
        not_reached(broker, &request->unsent);
    arena_free(arena);
}

static void send_held(struct broker *broker)
{
    struct broker_request *request;

    TAILQ_FOREACH(request, &broker->requests, link)
    {
        if (!request->held)
            continue;
        if (packet_send(broker->packet, request->held, request->held_size,
                        NULL, 0)) {
            not_reached(broker, &request->unsent);
            event_active(broker->failing, EV_TIMEOUT, 0);
        }
        free(request->held);
        request->held = NULL;
    }
}

struct broker_request *broker_request(struct broker *broker,
                                      enum wire_message_number number,
                                      const void *body)
{
    struct broker_request *request = XNEW(struct broker_request);

    broker->last_id = (broker->last_id + 1) & ~BROKER_THEIRS;
    request->id = broker->last_id;
    request->number = number;
    request->until = answer_until(number);
    TAILQ_INSERT_TAIL(&broker->requests, request, link);
    look_later(broker);
    send_request(broker, request, body);
    if (request->unsent.code)
        event_active(broker->failing, EV_TIMEOUT, 0);
    return request;
}

void broker_request_free(struct broker *broker, struct broker_request *request)
{
    TAILQ_REMOVE(&broker->requests, request, link);
    free(request->service);
    free(request->held);
    free(request);
}

/* ---- channels ---- */

struct broker_entry *broker_entry_new(struct broker *broker,
                                      const struct wire_channel_opened *opened,
                                      bool is_client)
{
    struct broker_entry *entry = XNEW(struct broker_entry);

    entry->arena = arena_new();
    if (wire_struct_copy(&wire_struct_channel_opened, opened, entry->arena,
                         &entry->opened, NULL))
        wire_init(&wire_struct_channel_opened, &entry->opened);
    entry->channel.id = opened->channel.id;
    entry->channel.is_client = is_client;
    entry->channel.info = &entry->opened.channel;
    entry->channel.memory = &entry->opened.memory;
    TAILQ_INSERT_TAIL(&broker->entries, entry, link);
    return entry;
}

void broker_entry_close_fds(struct broker_entry *entry)
{
    for (unsigned i = 0; i < entry->channel.n_fds; i++)
        if (entry->channel.fds[i] >= 0)
            close(entry->channel.fds[i]);
    entry->channel.n_fds = 0;
}

void broker_entry_free(struct broker *broker, struct broker_entry *entry)
{
    TAILQ_REMOVE(&broker->entries, entry, link);
    broker_entry_close_fds(entry);
    arena_free(entry->arena);
    free(entry);
}

static struct broker_entry *entry_of(struct broker_channel *channel)
{
    return (struct broker_entry *)channel;
}

void broker_end(struct broker *broker, struct broker_channel *channel,
                const char *reason)
{
    struct wire_channel_ref ref;

    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = channel->id;
    ref.reason = reason;
    if (broker->is_ready)
        broker_request(broker, WIRE_MSG_channel_close, &ref);
    broker_entry_free(broker, entry_of(channel));
}

static void count_soon(struct broker *broker)
{
    const struct timeval soon = { COUNT_S, 0 };

    if (!evtimer_pending(broker->count, NULL))
        evtimer_add(broker->count, &soon);
}

static void take_counts(struct broker_entry *entry,
                        const struct broker_counts *counts)
{
    struct wire_channel *wire = &entry->opened.channel;
    bool is_client = entry->channel.is_client;

    wire->sent = is_client ? counts->sent : counts->received;
    wire->received = is_client ? counts->received : counts->sent;
    wire->messages = counts->messages;
    wire->notifications = counts->notifications;
    wire->stalls = counts->stalls;
    entry->is_counted = true;
}

void broker_count(struct broker *broker, struct broker_channel *channel,
                  const struct broker_counts *counts)
{
    take_counts(entry_of(channel), counts);
    count_soon(broker);
}

void broker_count_by(struct broker *broker, struct broker_channel *channel,
                     broker_counts_fn *fn, void *arg)
{
    entry_of(channel)->counts_fn = fn;
    entry_of(channel)->counts_arg = arg;
    count_soon(broker);
}

/* Those who know are asked, and again as long as there are any. */
static void ask_counts(struct broker *broker)
{
    struct broker_entry *entry;

    TAILQ_FOREACH(entry, &broker->entries, link)
    {
        struct broker_counts counts = { 0 };
        if (!entry->counts_fn)
            continue;
        count_soon(broker);
        entry->counts_fn(entry->counts_arg, &counts);
        if (memcmp(&counts, &entry->counts, sizeof(counts)) == 0)
            continue;
        entry->counts = counts;
        take_counts(entry, &counts);
    }
}

static struct wire_channel_claim claim_of(const struct broker_entry *entry)
{
    struct wire_channel_claim claim;

    wire_init(&wire_struct_channel_claim, &claim);
    claim.channel = entry->opened.channel;
    claim.secret = entry->opened.secret;
    return claim;
}

/* All of them, or those with new counts. */
static void tell_channels(struct broker *broker, bool all)
{
    struct wire_channel_claim page[HELLO_PAGE];
    struct broker_entry *entry = TAILQ_FIRST(&broker->entries);
    struct wire_channel_hello hello;

    wire_init(&wire_struct_channel_hello, &hello);
    hello.claims = page;
    while (entry && broker->is_ready) {
        hello.n_claims = 0;
        for (; entry && hello.n_claims < HELLO_PAGE;
             entry = TAILQ_NEXT(entry, link)) {
            if (entry->is_open && (all || entry->is_counted))
                page[hello.n_claims++] = claim_of(entry);
            entry->is_counted = false;
        }
        if (hello.n_claims)
            broker_request(broker, WIRE_MSG_channel_hello, &hello);
    }
}

static void on_count(evutil_socket_t fd, short what, void *arg)
{
    ask_counts(arg);
    tell_channels(arg, false);
}

/* ---- offers ---- */

static void tell_offer(struct broker *broker, const struct broker_offer *offer)
{
    struct wire_channel_offer body;

    wire_init(&wire_struct_channel_offer, &body);
    body.service = offer->service;
    body.most = offer->most;
    broker_request(broker, WIRE_MSG_channel_offer, &body)->service =
        xstrdup(offer->service);
}

void broker_offer(struct broker *broker, const char *service, uint32_t most)
{
    struct broker_offer *offer = XNEW(struct broker_offer);

    offer->service = xstrdup(service);
    offer->most = most;
    TAILQ_INSERT_TAIL(&broker->offers, offer, link);
    if (broker->is_ready)
        tell_offer(broker, offer);
}

void broker_offer_answered(struct broker *broker, const char *service,
                           const struct vdc_error *err)
{
    const struct timeval later = { OFFER_AGAIN_S, 0 };
    struct broker_offer *offer;
    bool is_new = err != NULL;

    TAILQ_FOREACH(offer, &broker->offers, link)
    {
        if (strcmp(offer->service, service))
            continue;
        is_new = err && !offer->is_refused;
        offer->is_refused = err != NULL;
    }
    /* who offered it before may be about to end */
    if (err && !evtimer_pending(broker->offering, NULL))
        evtimer_add(broker->offering, &later);
    if (is_new && broker->ops->on_refused)
        broker->ops->on_refused(broker->arg, service, err);
}

static void on_offering(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    struct broker_offer *offer;

    TAILQ_FOREACH(offer, &broker->offers, link)
    if (offer->is_refused && broker->is_ready)
        tell_offer(broker, offer);
}

void broker_withdraw(struct broker *broker, const char *service)
{
    struct wire_channel_offer body;
    struct broker_offer *offer;

    TAILQ_FOREACH(offer, &broker->offers, link)
    if (strcmp(offer->service, service) == 0)
        break;
    if (!offer)
        return;
    wire_init(&wire_struct_channel_offer, &body);
    body.service = service;
    if (broker->is_ready)
        broker_request(broker, WIRE_MSG_channel_withdraw, &body);
    TAILQ_REMOVE(&broker->offers, offer, link);
    free(offer->service);
    free(offer);
}

/* ---- requests ---- */

void broker_connect(struct broker *broker,
                    const struct wire_channel_connect *connect,
                    const struct broker_connect_ops *ops, void *arg)
{
    struct broker_request *request =
        broker_request(broker, WIRE_MSG_channel_connect, connect);

    request->connect_ops = ops;
    request->arg = arg;
}

void broker_ask(struct broker *broker, enum wire_message_number number,
                const void *body, broker_done_fn *done, void *arg)
{
    struct broker_request *request = broker_request(broker, number, body);

    request->done = done;
    request->arg = arg;
}

/* ---- the connection ---- */

static void try_later(struct broker *broker)
{
    unsigned ms = AGAIN_FIRST_MS << (broker->tries < 6 ? broker->tries : 6);
    if (ms > AGAIN_MOST_MS)
        ms = AGAIN_MOST_MS;
    const struct timeval later = { ms / 1000, ms % 1000 * 1000 };

    broker->tries++;
    evtimer_add(broker->again, &later);
}

void broker_lost(struct broker *broker, const struct vdc_error *err)
{
    packet_destroy(broker->packet);
    broker->packet = NULL;
    broker->is_ready = false;
    broker_fail_all(broker, err);
    try_later(broker);
    if (broker->ops->on_lost)
        broker->ops->on_lost(broker->arg, err);
}

void broker_found(struct broker *broker)
{
    struct broker_offer *offer;

    broker->is_ready = true;
    broker->tries = 0;
    TAILQ_FOREACH(offer, &broker->offers, link)
    tell_offer(broker, offer);
    tell_channels(broker, true);
    send_held(broker);
    if (broker->ops->on_ready)
        broker->ops->on_ready(broker->arg);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct vdc_error lost = *err;

    vdc_error_prefix(&lost, "channeld has gone");
    broker_lost(arg, &lost);
}

static const struct packet_ops packet_ops = { .on_packet = broker_heard,
                                              .on_close = on_close };

/* As long as it may take to greet. */
static bool is_busy_for_long(struct broker *broker)
{
    struct mono now = clock_mono();

    if (!broker->busy_until.ms)
        broker->busy_until.ms = now.ms + BROKER_HELLO_S * 1000;
    return now.ms >= broker->busy_until.ms;
}

static void on_again(evutil_socket_t unused, short what, void *arg)
{
    struct broker *broker = arg;
    struct vdc_error err = { 0 };
    struct wire_hello hello;
    int fd;

    /* channeld itself may be who connects to it here: never wait for it */
    int rc = packet_connect_at_once(broker->path, &fd, &err);
    if (rc == VDC_E_BUSY && !is_busy_for_long(broker)) {
        const struct timeval soon = { 0, BUSY_MS * 1000 };
        evtimer_add(broker->again, &soon);
        return;
    }
    broker->busy_until.ms = 0;
    if (rc) {
        broker_lost(broker, &err);
        return;
    }
    broker->packet = packet_new(broker->base, fd, &packet_ops, broker);
    wire_init(&wire_struct_hello, &hello);
    hello.program = "broker";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    broker_request(broker, WIRE_MSG_hello, &hello);
}

static void on_failing(evutil_socket_t fd, short what, void *arg)
{
    broker_fail_unsent(arg);
}

struct broker *broker_new(struct event_base *base, const char *path,
                          const struct broker_ops *ops, void *arg)
{
    struct broker *broker = XNEW(struct broker);
    const char *named = getenv(BROKER_SOCKET_ENV);

    broker->base = base;
    broker->path = xstrdup(path ? path : named ? named : BROKER_SOCKET);
    broker->ops = ops;
    broker->arg = arg;
    TAILQ_INIT(&broker->requests);
    TAILQ_INIT(&broker->entries);
    TAILQ_INIT(&broker->offers);
    broker->again = evtimer_new(base, on_again, broker);
    broker->failing = evtimer_new(base, on_failing, broker);
    broker->count = evtimer_new(base, on_count, broker);
    broker->offering = evtimer_new(base, on_offering, broker);
    broker->late = evtimer_new(base, on_late, broker);
    if (!broker->again || !broker->failing || !broker->count ||
        !broker->offering || !broker->late)
        abort(); /* out of memory */
    event_active(broker->again, EV_TIMEOUT, 0);
    return broker;
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    packet_destroy(broker->packet);
    while (!TAILQ_EMPTY(&broker->requests))
        broker_request_free(broker, TAILQ_FIRST(&broker->requests));
    while (!TAILQ_EMPTY(&broker->entries))
        broker_entry_free(broker, TAILQ_FIRST(&broker->entries));
    while (!TAILQ_EMPTY(&broker->offers)) {
        struct broker_offer *offer = TAILQ_FIRST(&broker->offers);
        TAILQ_REMOVE(&broker->offers, offer, link);
        free(offer->service);
        free(offer);
    }
    event_free(broker->again);
    event_free(broker->failing);
    event_free(broker->count);
    event_free(broker->offering);
    event_free(broker->late);
    free(broker->path);
    free(broker);
}
