/*
 * Channels that a channeld makes; see chan_route.h.
 *
 * Who connects has a connection to channeld of its own for each channel, so
 * that nothing is shared; who offers has one for all.  Either stays for as
 * long as the channel, as it tells a channeld that was restarted of it.
 */
#include "chan/chan_route.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/log.h"
#include "chan/broker.h"
#include "chan/port.h"

#define SERVICE_MAX 63
#define PARTITION_MAX 255

struct chan_route {
    struct broker *broker;          /* NULL: the offer has ended */
    struct broker_channel *channel; /* NULL: not yet, or it is over */
    struct chan_offer *offer;       /* it came by it; NULL: it was asked for */
    LIST_ENTRY(chan_route) link;    /* of the offer's */
    char *service, *to;             /* that is asked for */
    bool asked, over;
    struct port *port; /* until the other end has agreed */
    struct event *end; /* a broker is not freed from its own callbacks */
    bool calling;      /* the owner; who may free the route then */
    bool freed;
    const struct chan_route_ops *ops;
    void *arg;
};

struct chan_offer {
    struct broker *broker;
    char *service;
    bool told; /* that channeld is not there; once */
    LIST_HEAD(, chan_route) routes;
    const struct chan_offer_ops *ops;
    void *arg;
};

/* ---- what both have ---- */

static void dispose(struct chan_route *route)
{
    if (route->offer)
        LIST_REMOVE(route, link);
    else
        broker_free(route->broker);
    if (route->end)
        event_free(route->end);
    port_destroy(route->port);
    free(route->service);
    free(route->to);
    free(route);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    dispose(arg);
}

/* After a callback of the owner, from one of the broker. */
static void called(struct chan_route *route)
{
    route->calling = false;
    if (route->freed && route->end)
        event_active(route->end, EV_TIMEOUT, 0);
    else if (route->freed)
        dispose(route);
}

void chan_route_free(struct chan_route *route)
{
    if (!route)
        return;
    if (route->channel && route->broker)
        broker_end(route->broker, route->channel, "the conversation is over");
    route->channel = NULL;
    route->freed = true;
    if (!route->calling)
        dispose(route);
}

void chan_route_set(struct chan_route *route, const struct chan_route_ops *ops,
                    void *arg)
{
    route->ops = ops;
    route->arg = arg;
}

static void over(struct chan_route *route, const struct vdc_error *err)
{
    if (route->over || route->freed)
        return;
    route->over = true;
    route->calling = true;
    route->ops->on_over(route->arg, err);
    called(route);
}

static void ended(struct chan_route *route, const char *reason)
{
    struct vdc_error err = { 0 };

    route->channel = NULL; /* the broker frees it */
    vdc_error_set(&err, VDC_E_CLOSED, "the channel was ended: %s", reason);
    over(route, &err);
}

static void tell_counts(void *arg, struct broker_counts *ret)
{
    const struct chan_route *route = arg;
    struct port_counts counts = { 0 };

    if (!route->freed)
        route->ops->on_count(route->arg, &counts);
    broker_counts_of_port(&counts, ret);
}

static void fill_peer(const struct wire_channel_end *end,
                      struct chan_peer *ret)
{
    *ret = (struct chan_peer){ .domid = end->domid,
                               .uid = end->domid ? (uid_t)-1 : end->uid,
                               .pid = (pid_t)end->pid,
                               .partition = end->partition };
    snprintf(ret->name, sizeof(ret->name), "%s", end->name);
    snprintf(ret->owner, sizeof(ret->owner), "%s", end->owner);
}

static int take_port(struct broker_channel *channel, struct port **ret,
                     struct vdc_error *err)
{
    const struct port_options options = { .message_max = CHAN_MESSAGE_MAX };

    return broker_take_port(channel, &options, ret, err);
}

static int check_service(const char *service, size_t len,
                         struct vdc_error *err)
{
    static const char characters[] =
        "abcdefghijklmnopqrstuvwxyz0123456789._-/";

    if (len > 0 && len <= SERVICE_MAX && strspn(service, characters) >= len)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "'%.*s' cannot be the name of a channel's service",
                  len > 80 ? 80 : (int)len, service);
    vdc_error_hint(err,
                   "write channel:SERVICE to offer one, "
                   "channel:SERVICE@PARTITION to connect; a service has "
                   "%d characters at most, of a-z, 0-9, '.', '_', '-'",
                   SERVICE_MAX);
    return VDC_E_BAD_VALUE;
}

/* ---- connecting ---- */

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    struct chan_route *route = arg;

    return take_port(channel, &route->port, err);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    struct chan_route *route = arg;
    struct port *port = route->port;
    struct chan_peer peer;

    if (err) {
        over(route, err);
        return;
    }
    route->channel = channel;
    route->port = NULL;
    channel->arg = route;
    fill_peer(&channel->info->server, &peer);
    broker_count_by(route->broker, channel, tell_counts, route);
    route->calling = true;
    route->ops->on_port(route->arg, port, &peer);
    called(route);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static void on_ready(void *arg)
{
    struct chan_route *route = arg;
    struct wire_channel_connect connect;

    if (route->asked || route->freed)
        return; /* channeld was restarted; the channel goes on */
    route->asked = true;
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = route->service;
    connect.to = route->to;
    broker_connect(route->broker, &connect, &connect_ops, route);
}

/* What was asked for fails by itself. */
static void on_lost(void *arg, const struct vdc_error *err)
{
    struct chan_route *route = arg;

    if (!route->asked)
        over(route, err);
}

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    ended(arg, reason);
}

static const struct broker_ops client_ops = { .on_ready = on_ready,
                                              .on_lost = on_lost,
                                              .on_closed = on_closed };

int chan_route_connect(struct event_base *base, const char *where,
                       const char *broker, const struct chan_route_ops *ops,
                       void *arg, struct chan_route **ret,
                       struct vdc_error *err)
{
    const char *at = strchr(where, '@');
    size_t len = at ? (size_t)(at - where) : strlen(where);

    int rc = check_service(where, len, err);
    if (rc)
        return rc;
    if (at && (!at[1] || strlen(at + 1) > PARTITION_MAX)) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "'channel:%.300s' lacks a partition after the '@'",
                      where);
        vdc_error_hint(err, "write channel:%.*s@host, or the name of a "
                            "partition",
                       (int)len, where);
        return VDC_E_BAD_VALUE;
    }
    struct chan_route *route = XNEW(struct chan_route);
    route->service = xasprintf("%.*s", (int)len, where);
    route->to = xstrdup(at ? at + 1 : "");
    chan_route_set(route, ops, arg);
    route->end = evtimer_new(base, on_end, route);
    if (!route->end)
        abort(); /* out of memory */
    route->broker = broker_new(base, broker, &client_ops, route);
    *ret = route;
    return 0;
}

/* ---- offering ---- */

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    struct chan_offer *offer = arg;
    struct chan_peer peer;
    struct port *port;

    fill_peer(&channel->info->client, &peer);
    int rc = offer->ops->on_check(offer->arg, &peer, err);
    if (!rc)
        rc = take_port(channel, &port, err);
    if (rc)
        return rc;
    struct chan_route *route = XNEW(struct chan_route);
    route->broker = offer->broker;
    route->offer = offer;
    LIST_INSERT_HEAD(&offer->routes, route, link);
    route->calling = true;
    offer->ops->on_port(offer->arg, port, &peer, route);
    if (route->freed)
        rc = vdc_error_set(err, VDC_E_DENIED, "it was not let in");
    else
        route->channel = channel;
    channel->arg = route;
    if (route->channel)
        broker_count_by(offer->broker, channel, tell_counts, route);
    called(route);
    return rc;
}

static void on_offer_closed(void *arg, struct broker_channel *channel,
                            const char *reason)
{
    ended(channel->arg, reason);
}

static void on_offer_ready(void *arg)
{
    struct chan_offer *offer = arg;

    offer->told = false;
    log_info("'%s' is offered: channeld is there", offer->service);
}

static void on_offer_lost(void *arg, const struct vdc_error *err)
{
    struct chan_offer *offer = arg;

    if (!offer->told)
        log_warning("nobody can come to '%s' until channeld is there: %s",
                    offer->service, err->text);
    offer->told = true;
}

static void on_offer_refused(void *arg, const char *service,
                             const struct vdc_error *err)
{
    log_warning("channeld refuses the offer of '%s': %s", service, err->text);
}

static const struct broker_ops server_ops = {
    .on_ready = on_offer_ready,
    .on_lost = on_offer_lost,
    .on_refused = on_offer_refused,
    .on_incoming = on_incoming,
    .on_closed = on_offer_closed,
};

int chan_offer_new(struct event_base *base, const char *service,
                   const char *broker, const struct chan_offer_ops *ops,
                   void *arg, struct chan_offer **ret, struct vdc_error *err)
{
    int rc = check_service(service, strlen(service), err);

    if (rc)
        return rc;
    struct chan_offer *offer = XNEW(struct chan_offer);
    offer->service = xstrdup(service);
    offer->ops = ops;
    offer->arg = arg;
    LIST_INIT(&offer->routes);
    offer->broker = broker_new(base, broker, &server_ops, offer);
    broker_offer(offer->broker, service, 0);
    *ret = offer;
    return 0;
}

void chan_offer_free(struct chan_offer *offer)
{
    struct chan_route *route;

    if (!offer)
        return;
    LIST_FOREACH(route, &offer->routes, link)
    {
        route->broker = NULL;
        route->channel = NULL;
    }
    broker_free(offer->broker);
    /* what is left of a route removes itself from no list any more */
    while ((route = LIST_FIRST(&offer->routes))) {
        LIST_REMOVE(route, link);
        route->offer = NULL;
    }
    free(offer->service);
    free(offer);
}
