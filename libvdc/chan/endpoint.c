/*
 * Named services for programs that want ports and no more; see endpoint.h.
 * What is said to channeld is broker.c's, and needs an event loop: a program
 * without one has one of its own in here, which runs while it waits, also
 * while its ports do (port->sleep).
 *
 * News (channels, refusals, ends) is kept in the order of its coming and
 * given to the program from the loop or from endpoint_accept, never from
 * inside broker.c's callbacks, in which a channel must not be ended.
 */
#include "chan/endpoint.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "chan/broker.h"
#include "chan/port_impl.h"

#define GRACE_MS 1000 /* for channeld to say that nobody answered */

struct endpoint_channel {
    TAILQ_ENTRY(endpoint_channel) link;
    struct endpoint *endpoint;
    struct broker_channel *channel; /* NULL: channeld has ended it */
    struct port *port;
    char *service, *name, *owner;
    char partition[UUID_TEXT_SIZE];
    uint32_t domid, uid;
    char *ended;            /* why */
    struct event *readable; /* the port's descriptor, while it is waited for */
    uint64_t counted;       /* messages, when channeld was last told */
};

/* What the program is yet to be told. */
enum news_kind { NEWS_CHANNEL, NEWS_ENDED, NEWS_REFUSED };

struct news {
    TAILQ_ENTRY(news) link;
    enum news_kind kind;
    struct endpoint_channel *channel; /* that is there, or has ended */
    char *refused;                    /* service */
    struct vdc_error err;
};

struct endpoint {
    struct event_base *base;
    struct event_base *own; /* the same, if it is ours to free */
    struct broker *broker;
    const struct endpoint_ops *ops;
    void *arg;
    bool is_ready;
    struct vdc_error lost; /* the last reason for not being so */
    TAILQ_HEAD(, endpoint_channel) channels;
    TAILQ_HEAD(, news) news;
    TAILQ_HEAD(, attempt) attempts;
    struct event *tell;
    struct event *limit; /* of what is waited for */
    bool is_late;
};

/* A connect.  Stays until channeld has answered, whoever still waits. */
struct attempt {
    TAILQ_ENTRY(attempt) link;
    struct endpoint *endpoint;
    struct endpoint_channel *channel;
    char *service;
    bool is_asked; /* by endpoint_ask: the answer is news */
    bool is_given_up;
    bool is_done;
    struct vdc_error err;
};

/* ---- channels ---- */

static void channel_free(struct endpoint_channel *channel)
{
    TAILQ_REMOVE(&channel->endpoint->channels, channel, link);
    if (channel->readable)
        event_free(channel->readable);
    port_destroy(channel->port);
    free(channel->service);
    free(channel->name);
    free(channel->owner);
    free(channel->ended);
    free(channel);
}

static void know_peer(struct endpoint_channel *channel)
{
    const struct wire_channel *info = channel->channel->info;
    bool is_client = channel->channel->is_client;
    const struct wire_channel_end *end =
        is_client ? &info->server : &info->client;
    const struct wire_channel_end *own =
        is_client ? &info->client : &info->server;

    channel->service = xstrdup(info->service);
    channel->name = xstrdup(end->name);
    channel->owner = xstrdup(end->owner);
    channel->domid = end->domid;
    channel->uid = end->domid == own->domid ? end->uid : ENDPOINT_NO_UID;
    if (!uuid_is_zero(&end->partition))
        uuid_format(&end->partition, channel->partition);
}

/* For channel-top and its like; channeld is told within seconds. */
static void count(void *arg)
{
    struct endpoint_channel *channel = arg;
    struct port_counts of_port;
    struct broker_counts counts;

    port_count(channel->port, &of_port);
    broker_counts_of_port(&of_port, &counts);
    if (!channel->channel || counts.messages == channel->counted)
        return;
    channel->counted = counts.messages;
    broker_count(channel->endpoint->broker, channel->channel, &counts);
}

static int sleep_in_loop(void *arg, int timeout_ms);

static int channel_new(struct endpoint *endpoint,
                       struct broker_channel *broker_channel,
                       struct endpoint_channel **ret, struct vdc_error *err)
{
    struct port *port;
    int rc = broker_take_port(broker_channel, NULL, &port, err);

    if (rc)
        return rc;
    struct endpoint_channel *channel = XNEW(struct endpoint_channel);
    channel->endpoint = endpoint;
    channel->channel = broker_channel;
    channel->port = port;
    broker_channel->arg = channel;
    know_peer(channel);
    port->owner = channel;
    port->count = count;
    port->sleep = endpoint->own ? sleep_in_loop : NULL;
    TAILQ_INSERT_TAIL(&endpoint->channels, channel, link);
    *ret = channel;
    return 0;
}

struct port *endpoint_port(const struct endpoint_channel *channel)
{
    return channel->port;
}

const char *endpoint_service(const struct endpoint_channel *channel)
{
    return channel->service;
}

const char *endpoint_ended(const struct endpoint_channel *channel)
{
    return channel->ended;
}

void endpoint_peer(const struct endpoint_channel *channel,
                   struct endpoint_peer *ret)
{
    *ret = (struct endpoint_peer){
        .domid = channel->domid,
        .partition = channel->partition,
        .name = channel->name,
        .owner = channel->owner,
        .uid = channel->uid,
    };
}

/* ---- news ---- */

static struct news *add_news(struct endpoint *endpoint, enum news_kind kind,
                             struct endpoint_channel *channel)
{
    struct news *news = XNEW(struct news);

    news->kind = kind;
    news->channel = channel;
    TAILQ_INSERT_TAIL(&endpoint->news, news, link);
    event_active(endpoint->tell, EV_TIMEOUT, 0);
    return news;
}

static void news_free(struct endpoint *endpoint, struct news *news)
{
    TAILQ_REMOVE(&endpoint->news, news, link);
    free(news->refused);
    free(news);
}

static void forget_news(struct endpoint *endpoint,
                        const struct endpoint_channel *channel)
{
    struct news *news, *next;

    for (news = TAILQ_FIRST(&endpoint->news); news; news = next) {
        next = TAILQ_NEXT(news, link);
        if (news->channel == channel)
            news_free(endpoint, news);
    }
}

static void refused(struct endpoint *endpoint, const char *service,
                    const struct vdc_error *err)
{
    struct news *news = add_news(endpoint, NEWS_REFUSED, NULL);

    news->refused = xstrdup(service);
    news->err = *err;
}

static void tell(struct endpoint *endpoint, const struct news *news)
{
    const struct endpoint_ops *ops = endpoint->ops;

    switch (news->kind) {
    case NEWS_CHANNEL:
        ops->on_channel(endpoint->arg, news->channel);
        break;
    case NEWS_ENDED:
        ops->on_ended(endpoint->arg, news->channel, news->channel->ended);
        break;
    case NEWS_REFUSED:
        ops->on_refused(endpoint->arg, news->refused, &news->err);
        break;
    }
}

/* The callees may close any channel, and with it its news. */
static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct endpoint *endpoint = arg;
    struct news *news;

    if (endpoint->own)
        return; /* endpoint_accept takes them */
    while ((news = TAILQ_FIRST(&endpoint->news))) {
        struct news told = *news;
        told.refused = news->refused ? xstrdup(news->refused) : NULL;
        news_free(endpoint, news);
        tell(endpoint, &told);
        free(told.refused);
    }
}

void endpoint_channel_close(struct endpoint_channel *channel)
{
    forget_news(channel->endpoint, channel);
    if (channel->channel)
        broker_end(channel->endpoint->broker, channel->channel,
                   "its program has closed it");
    channel_free(channel);
}

/* ---- what the broker tells ---- */

static void on_ready(void *arg)
{
    struct endpoint *endpoint = arg;

    endpoint->is_ready = true;
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    struct endpoint *endpoint = arg;

    endpoint->is_ready = false;
    endpoint->lost = *err;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    refused(arg, service, err);
}

static int on_incoming(void *arg, struct broker_channel *broker_channel,
                       struct vdc_error *err)
{
    struct endpoint_channel *channel;
    int rc = channel_new(arg, broker_channel, &channel, err);

    if (rc)
        return rc;
    add_news(arg, NEWS_CHANNEL, channel);
    return 0;
}

static void on_closed(void *arg, struct broker_channel *broker_channel,
                      const char *reason)
{
    struct endpoint_channel *channel = broker_channel->arg;

    channel->channel = NULL;
    channel->ended = xstrdup(reason);
    if (!channel->endpoint->own)
        add_news(arg, NEWS_ENDED, channel);
}

static const struct broker_ops broker_ops = {
    .on_ready = on_ready,
    .on_lost = on_lost,
    .on_refused = on_refused,
    .on_incoming = on_incoming,
    .on_closed = on_closed,
};

/* ---- waiting ---- */

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct endpoint *endpoint = arg;

    endpoint->is_late = true;
}

static void begin_wait(struct endpoint *endpoint, int timeout_ms)
{
    const struct timeval limit = { timeout_ms / 1000,
                                   timeout_ms % 1000 * 1000 };

    endpoint->is_late = false;
    if (timeout_ms >= 0)
        evtimer_add(endpoint->limit, &limit);
}

static void end_wait(struct endpoint *endpoint)
{
    evtimer_del(endpoint->limit);
}

static void turn(struct endpoint *endpoint)
{
    event_base_loop(endpoint->base, EVLOOP_ONCE);
}

/* For ports: until their descriptor is readable, or something else was done,
 * after which they look again. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
}

static int sleep_in_loop(void *arg, int timeout_ms)
{
    struct endpoint_channel *channel = arg;
    struct endpoint *endpoint = channel->endpoint;

    count(channel);
    if (channel->ended)
        return VDC_E_CLOSED;
    if (!channel->readable)
        channel->readable = event_new(endpoint->base, port_fd(channel->port),
                                 EV_READ, on_readable, channel);
    if (!channel->readable || event_add(channel->readable, NULL))
        return VDC_E_IO;
    begin_wait(endpoint, timeout_ms);
    turn(endpoint);
    end_wait(endpoint);
    event_del(channel->readable);
    return endpoint->is_late ? VDC_E_TIMEOUT : 0;
}

/* ---- connecting ---- */

static void attempt_free(struct attempt *attempt)
{
    TAILQ_REMOVE(&attempt->endpoint->attempts, attempt, link);
    free(attempt->service);
    free(attempt);
}

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    struct attempt *attempt = arg;

    if (attempt->is_given_up)
        return vdc_error_set(err, VDC_E_TIMEOUT, "the client waits no more");
    return channel_new(attempt->endpoint, channel, &attempt->channel, err);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    struct attempt *attempt = arg;
    struct endpoint *endpoint = attempt->endpoint;

    attempt->is_done = true;
    if (err) {
        attempt->err = *err;
        if (attempt->channel)
            channel_free(attempt->channel);
        attempt->channel = NULL;
    }
    if (attempt->is_given_up && !err)
        endpoint_channel_close(attempt->channel);
    if (attempt->is_asked && err)
        refused(endpoint, attempt->service, err);
    else if (attempt->is_asked)
        add_news(endpoint, NEWS_CHANNEL, attempt->channel);
    if (attempt->is_asked || attempt->is_given_up)
        attempt_free(attempt);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static int timeout_of(const struct endpoint_wanted *wanted)
{
    return wanted->timeout_ms > 0 ? wanted->timeout_ms : ENDPOINT_TIMEOUT_MS;
}

static struct attempt *begin(struct endpoint *endpoint,
                             const struct endpoint_wanted *wanted,
                             bool is_asked)
{
    struct attempt *attempt = XNEW(struct attempt);
    struct wire_channel_connect connect;

    attempt->endpoint = endpoint;
    attempt->service = xstrdup(wanted->service);
    attempt->is_asked = is_asked;
    TAILQ_INSERT_TAIL(&endpoint->attempts, attempt, link);
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = wanted->service;
    connect.to = wanted->to ? wanted->to : "";
    connect.to_server.kib = wanted->to_server / 1024;
    connect.to_client.kib = wanted->to_client / 1024;
    connect.timeout_ms = (uint32_t)timeout_of(wanted);
    broker_connect(endpoint->broker, &connect, &connect_ops, attempt);
    return attempt;
}

void endpoint_ask(struct endpoint *endpoint,
                  const struct endpoint_wanted *wanted)
{
    begin(endpoint, wanted, true);
}

int endpoint_connect(struct endpoint *endpoint,
                     const struct endpoint_wanted *wanted,
                     struct endpoint_channel **ret, struct vdc_error *err)
{
    begin_wait(endpoint, timeout_of(wanted) + GRACE_MS);
    while (!endpoint->is_ready && !endpoint->is_late)
        turn(endpoint);
    struct attempt *attempt = begin(endpoint, wanted, false);
    while (!attempt->is_done && !endpoint->is_late)
        turn(endpoint);
    end_wait(endpoint);
    if (!attempt->is_done) {
        attempt->is_given_up = true;
        return vdc_error_set(err, VDC_E_TIMEOUT,
                             "channeld did not answer in %d ms",
                             timeout_of(wanted) + GRACE_MS);
    }
    int rc = attempt->err.code;
    if (rc && err)
        *err = attempt->err;
    *ret = rc ? *ret : attempt->channel;
    attempt_free(attempt);
    return rc;
}

/* ---- offering ---- */

void endpoint_offer(struct endpoint *endpoint, const char *service,
                    uint32_t most)
{
    broker_offer(endpoint->broker, service, most);
}

void endpoint_withdraw(struct endpoint *endpoint, const char *service)
{
    broker_withdraw(endpoint->broker, service);
}

int endpoint_accept(struct endpoint *endpoint, int timeout_ms,
                    struct endpoint_channel **ret, struct vdc_error *err)
{
    struct news *news;
    int rc = 0;

    begin_wait(endpoint, timeout_ms);
    while (!(news = TAILQ_FIRST(&endpoint->news)) && !endpoint->is_late)
        turn(endpoint);
    end_wait(endpoint);
    if (!news)
        return vdc_error_set(err, VDC_E_TIMEOUT, "no client came in %d ms",
                             timeout_ms);
    if (news->kind == NEWS_REFUSED) {
        rc = news->err.code;
        if (err)
            *err = news->err;
    } else {
        *ret = news->channel;
    }
    news_free(endpoint, news);
    return rc;
}

/* ---- the endpoint ---- */

/* That it does not run yet is no reason to give up before the time. */
static bool may_come(const struct endpoint *endpoint)
{
    return endpoint->lost.code != VDC_E_DENIED &&
           endpoint->lost.code != VDC_E_BAD_VALUE;
}

static int wait_ready(struct endpoint *endpoint, int timeout_ms,
                      struct vdc_error *err)
{
    begin_wait(endpoint, timeout_ms);
    while (!endpoint->is_ready && !endpoint->is_late && may_come(endpoint))
        turn(endpoint);
    end_wait(endpoint);
    if (endpoint->is_ready)
        return 0;
    if (!endpoint->lost.code)
        return vdc_error_set(err, VDC_E_TIMEOUT,
                             "channeld did not answer in %d ms", timeout_ms);
    if (err)
        *err = endpoint->lost;
    return endpoint->lost.code;
}

int endpoint_open(struct event_base *base, const char *path,
                  const struct endpoint_ops *ops, void *arg, int timeout_ms,
                  struct endpoint **ret, struct vdc_error *err)
{
    struct event_base *own = base ? NULL : event_base_new();

    if (!base && !own)
        return vdc_error_set(err, VDC_E_IO,
                             "no event loop to be had: too many files are "
                             "open");
    struct endpoint *endpoint = XNEW(struct endpoint);
    endpoint->own = own;
    endpoint->base = base ? base : own;
    endpoint->ops = ops;
    endpoint->arg = arg;
    TAILQ_INIT(&endpoint->channels);
    TAILQ_INIT(&endpoint->news);
    TAILQ_INIT(&endpoint->attempts);
    endpoint->tell = evtimer_new(endpoint->base, on_tell, endpoint);
    endpoint->limit = evtimer_new(endpoint->base, on_limit, endpoint);
    if (!endpoint->tell || !endpoint->limit)
        abort(); /* out of memory */
    endpoint->broker = broker_new(endpoint->base, path, &broker_ops, endpoint);
    int rc = base ? 0 : wait_ready(endpoint, timeout_ms, err);
    if (rc)
        endpoint_close(endpoint);
    else
        *ret = endpoint;
    return rc;
}

void endpoint_close(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    while (!TAILQ_EMPTY(&endpoint->channels))
        endpoint_channel_close(TAILQ_FIRST(&endpoint->channels));
    while (!TAILQ_EMPTY(&endpoint->news))
        news_free(endpoint, TAILQ_FIRST(&endpoint->news));
    broker_free(endpoint->broker);
    while (!TAILQ_EMPTY(&endpoint->attempts))
        attempt_free(TAILQ_FIRST(&endpoint->attempts));
    event_free(endpoint->tell);
    event_free(endpoint->limit);
    if (endpoint->own)
        event_base_free(endpoint->own);
    free(endpoint);
}
