/*
 * Channels over what carries them: a unix socket, with the framing of
 * base/stream, or memory, with a port, which was handed over at a unix socket
 * or came by a channeld.  This file gives all of them the channel's face, for
 * policyd and resourced.
 *
 * A socket queues what the other end does not take; a port does not, so there
 * is a queue here for it, which also has what is sent before there is a port.
 */
#include "chan/chan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/stream.h"
#include "chan/chan_memory.h"
#include "chan/chan_route.h"
#include "chan/port.h"

/* One on its way to a channel, so that it can be given up. */
struct arriving {
    LIST_ENTRY(arriving) link;
    struct chan_listener *listener;
    struct handover *handover;
};

struct queued {
    STAILQ_ENTRY(queued) link;
    size_t size;
    uint8_t bytes[];
};

struct chan {
    struct event_base *base;
    struct stream *stream; /* one of the two */
    struct port *port;     /* NULL as long as channeld is asked for it */
    struct chan_route *route; /* NULL: channeld knows nothing of it */
    bool paused;              /* before there was a port */
    struct chan_peer peer;    /* of a port */
    STAILQ_HEAD(, queued) queue;
    size_t queued; /* bytes in it */
    bool closed;
    const struct chan_ops *ops;
    void *arg;
};

struct chan_listener {
    struct event_base *base;
    struct stream_listener *stream_listener;
    struct chan_offer *offer; /* instead, at channeld */
    bool memory;
    LIST_HEAD(, arriving) arriving;
    chan_accept_fn *on_accept;
    chan_check_fn *check; /* may be NULL */
    void *arg;
};

enum carrier { CARRIER_UNIX, CARRIER_MEMORY, CARRIER_CHANNEL };

static const char *const prefixes[] = { "unix:", "memory:", "channel:" };

static bool has_prefix(const char *address, enum carrier carrier)
{
    const char *prefix = prefixes[carrier];

    return strncmp(address, prefix, strlen(prefix)) == 0;
}

bool chan_address_is_channel(const char *address)
{
    return has_prefix(address, CARRIER_CHANNEL);
}

/* What an address has after its kind. */
static const char *parse(const char *address, enum carrier *ret,
                         struct vdc_error *err)
{
    for (enum carrier c = CARRIER_UNIX; c <= CARRIER_CHANNEL; c++) {
        size_t len = strlen(prefixes[c]);
        if (has_prefix(address, c) &&
            (c == CARRIER_CHANNEL || address[len] == '/')) {
            *ret = c;
            return address + len;
        }
    }
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' is not the address of a channel",
                  address);
    vdc_error_hint(err, "write memory:/absolute/path, unix:/absolute/path or "
                        "channel:SERVICE@PARTITION");
    return NULL;
}

/* ---- what carries it ---- */

static void stream_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct chan *chan = arg;

    chan->ops->on_message(chan->arg, frame, size);
}

static void stream_closed(void *arg, const struct vdc_error *err)
{
    struct chan *chan = arg;

    chan->ops->on_close(chan->arg, err);
}

static void stream_drained(void *arg)
{
    struct chan *chan = arg;

    if (chan->ops->on_drained)
        chan->ops->on_drained(chan->arg);
}

static const struct stream_ops stream_ops = {
    .on_frame = stream_frame,
    .on_close = stream_closed,
    .on_drained = stream_drained,
};

static void drop_queue(struct chan *chan)
{
    struct queued *q;

    while ((q = STAILQ_FIRST(&chan->queue))) {
        STAILQ_REMOVE_HEAD(&chan->queue, link);
        free(q);
    }
    chan->queued = 0;
}

static void close_port(struct chan *chan, const struct vdc_error *err)
{
    chan->closed = true;
    drop_queue(chan);
    chan->ops->on_close(chan->arg, err);
}

/* An empty message is none of a channel's. */
static void port_message(void *arg, uint16_t type, const uint8_t *data,
                         size_t size)
{
    struct chan *chan = arg;
    struct vdc_error err;

    if (chan->closed)
        return;
    if (size > 0) {
        chan->ops->on_message(chan->arg, data, size);
        return;
    }
    vdc_error_set(&err, VDC_E_PROTOCOL,
                  "a message of 0 bytes; 1 to %d are allowed",
                  CHAN_MESSAGE_MAX);
    port_pause(chan->port);
    close_port(chan, &err);
}

static void port_room(void *arg)
{
    struct chan *chan = arg;
    bool waited = !STAILQ_EMPTY(&chan->queue);
    struct queued *q;

    while ((q = STAILQ_FIRST(&chan->queue)) &&
           port_queue(chan->port, 0, q->bytes, q->size) == 0) {
        STAILQ_REMOVE_HEAD(&chan->queue, link);
        chan->queued -= q->size;
        free(q);
    }
    port_flush(chan->port);
    if (waited && STAILQ_EMPTY(&chan->queue) && chan->ops->on_drained)
        chan->ops->on_drained(chan->arg);
}

static void port_closed(void *arg, const struct vdc_error *err)
{
    struct chan *chan = arg;

    if (!chan->closed)
        close_port(chan, err);
}

static const struct port_ops port_ops = {
    .on_message = port_message,
    .on_room = port_room,
    .on_close = port_closed,
};

/* ---- what channeld says ---- */

static void route_over(void *arg, const struct vdc_error *err)
{
    struct chan *chan = arg;

    if (chan->closed)
        return;
    if (chan->port)
        port_pause(chan->port);
    close_port(chan, err);
}

static void route_port(void *arg, struct port *port,
                       const struct chan_peer *peer)
{
    struct chan *chan = arg;

    chan->port = port;
    chan->peer = *peer;
    port_watch(port, chan->base, &port_ops, chan);
    if (chan->paused)
        port_pause(port);
    port_room(chan);
}

static void route_count(void *arg, struct port_counts *ret)
{
    chan_count(arg, ret);
}

static const struct chan_route_ops route_ops = { .on_port = route_port,
                                                 .on_count = route_count,
                                                 .on_over = route_over };

/* ---- connecting ---- */

static struct chan *chan_new(struct event_base *base)
{
    struct chan *chan = XNEW(struct chan);

    chan->base = base;
    STAILQ_INIT(&chan->queue);
    return chan;
}

struct chan *chan_of_socket(struct event_base *base, int fd)
{
    struct chan *chan = chan_new(base);

    chan->stream = stream_new(base, fd, &stream_ops, chan);
    return chan;
}

struct chan *chan_of_stream(struct event_base *base, struct stream *stream)
{
    struct chan *chan = chan_new(base);

    chan->stream = stream;
    stream_set_ops(stream, &stream_ops, chan);
    return chan;
}

struct chan *chan_of_port(struct event_base *base, struct port *port,
                          const struct chan_peer *peer)
{
    struct chan *chan = chan_new(base);

    chan->port = port;
    chan->peer = *peer;
    port_watch(port, base, &port_ops, chan);
    return chan;
}

static int connect_by(struct chan *chan, enum carrier carrier,
                      const char *where, const char *broker,
                      struct vdc_error *err)
{
    int rc;

    switch (carrier) {
    case CARRIER_UNIX:
        return stream_connect_unix(chan->base, where, &stream_ops, chan,
                                   &chan->stream, err);
    case CARRIER_MEMORY:
        rc = chan_memory_connect(where, &chan->port, err);
        if (rc)
            return rc;
        /* Who it is was decided by the directory and mode of the socket. */
        chan->peer.uid = (uid_t)-1;
        port_watch(chan->port, chan->base, &port_ops, chan);
        return 0;
    case CARRIER_CHANNEL:
        chan->peer.uid = (uid_t)-1;
        return chan_route_connect(chan->base, where, broker, &route_ops, chan,
                                  &chan->route, err);
    }
    return VDC_E_INTERNAL;
}

int chan_connect(struct event_base *base, const char *address,
                 const char *broker, const struct chan_ops *ops, void *arg,
                 struct chan **ret, struct vdc_error *err)
{
    enum carrier carrier;
    const char *where = parse(address, &carrier, err);
    if (!where)
        return VDC_E_BAD_VALUE;

    struct chan *chan = chan_new(base);
    chan_set_ops(chan, ops, arg);
    int rc = connect_by(chan, carrier, where, broker, err);
    if (rc) {
        chan_destroy(chan);
        return rc;
    }
    *ret = chan;
    return 0;
}

/* ---- listening ---- */

static void handed_over(void *arg, struct port *port,
                        const struct stream_peer *peer,
                        const struct vdc_error *err)
{
    struct arriving *arriving = arg;
    struct chan_listener *listener = arriving->listener;

    LIST_REMOVE(arriving, link);
    free(arriving);
    if (!port) {
        /* Who only looks whether somebody listens leaves at once. */
        if (err->code != VDC_E_CLOSED)
            log_warning("uid %u, process %d, has no channel: %s",
                        (unsigned)peer->uid, (int)peer->pid, err->text);
        return;
    }
    const struct chan_peer who = { .uid = peer->uid, .pid = peer->pid };
    listener->on_accept(listener->arg,
                        chan_of_port(listener->base, port, &who));
}

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    struct chan_listener *listener = arg;

    if (listener->memory) {
        struct arriving *arriving = XNEW(struct arriving);
        arriving->listener = listener;
        LIST_INSERT_HEAD(&listener->arriving, arriving, link);
        arriving->handover =
            handover_new(listener->base, fd, peer, handed_over, arriving);
        return;
    }
    listener->on_accept(listener->arg, chan_of_socket(listener->base, fd));
}

static int check_route(void *arg, const struct chan_peer *peer,
                       struct vdc_error *err)
{
    struct chan_listener *listener = arg;

    return listener->check ? listener->check(listener->arg, peer, err) : 0;
}

static void accept_route(void *arg, struct port *port,
                         const struct chan_peer *peer,
                         struct chan_route *route)
{
    struct chan_listener *listener = arg;
    struct chan *chan = chan_of_port(listener->base, port, peer);

    chan->route = route;
    chan_route_set(route, &route_ops, chan);
    listener->on_accept(listener->arg, chan);
}

static const struct chan_offer_ops offer_ops = { .on_check = check_route,
                                                 .on_port = accept_route };

int chan_listen(struct event_base *base, const char *address,
                const char *broker, chan_accept_fn *on_accept, void *arg,
                struct chan_listener **ret, struct vdc_error *err)
{
    enum carrier carrier;
    const char *where = parse(address, &carrier, err);
    if (!where)
        return VDC_E_BAD_VALUE;

    struct chan_listener *listener = XNEW(struct chan_listener);
    listener->base = base;
    listener->memory = carrier == CARRIER_MEMORY;
    listener->on_accept = on_accept;
    listener->arg = arg;
    LIST_INIT(&listener->arriving);
    int rc = carrier == CARRIER_CHANNEL
                 ? chan_offer_new(base, where, broker, &offer_ops, listener,
                                  &listener->offer, err)
                 : stream_listen_unix(base, where, 0600, accepted, listener,
                                      &listener->stream_listener, err);
    if (rc) {
        chan_listener_destroy(listener);
        return rc;
    }
    *ret = listener;
    return 0;
}

void chan_listener_check(struct chan_listener *listener, chan_check_fn *check)
{
    listener->check = check;
}

void chan_listener_destroy(struct chan_listener *listener)
{
    struct arriving *arriving;

    if (!listener)
        return;
    while ((arriving = LIST_FIRST(&listener->arriving))) {
        LIST_REMOVE(arriving, link);
        handover_destroy(arriving->handover);
        free(arriving);
    }
    stream_listener_destroy(listener->stream_listener);
    chan_offer_free(listener->offer);
    free(listener);
}

/* ---- using it ---- */

void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *arg)
{
    assert(ops->on_message && ops->on_close);
    chan->ops = ops;
    chan->arg = arg;
}

void chan_peer(const struct chan *chan, struct chan_peer *ret)
{
    struct stream_peer peer;

    *ret = chan->peer;
    if (!chan->stream)
        return;
    stream_peer(chan->stream, &peer);
    *ret = (struct chan_peer){ .domid = 0, .uid = peer.uid, .pid = peer.pid };
}

static int send_by_port(struct chan *chan, const void *message, size_t size)
{
    if (size == 0 || size > CHAN_MESSAGE_MAX)
        return VDC_E_PROTOCOL;
    if (chan->closed)
        return VDC_E_CLOSED;
    if (chan->port && STAILQ_EMPTY(&chan->queue)) {
        int rc = port_queue(chan->port, 0, message, size);
        if (!rc)
            port_flush(chan->port);
        if (rc != VDC_E_BUSY)
            return rc ? VDC_E_CLOSED : 0; /* on_close says why */
    }
    struct queued *q = xzalloc(sizeof(*q) + size);
    q->size = size;
    memcpy(q->bytes, message, size);
    STAILQ_INSERT_TAIL(&chan->queue, q, link);
    chan->queued += size;
    return 0;
}

int chan_send(struct chan *chan, const void *message, size_t size)
{
    return chan->stream ? stream_send(chan->stream, message, size)
                        : send_by_port(chan, message, size);
}

size_t chan_pending(const struct chan *chan)
{
    if (chan->stream)
        return stream_pending(chan->stream);
    return chan->queued + (chan->port ? port_unsent(chan->port) : 0);
}

void chan_count(const struct chan *chan, struct port_counts *ret)
{
    *ret = (struct port_counts){ 0 };
    if (chan->port)
        port_count(chan->port, ret);
}

void chan_pause(struct chan *chan)
{
    chan->paused = true;
    if (chan->stream)
        stream_pause(chan->stream);
    else if (chan->port)
        port_pause(chan->port);
}

void chan_resume(struct chan *chan)
{
    chan->paused = false;
    if (chan->stream)
        stream_resume(chan->stream);
    else if (chan->port && !chan->closed)
        port_resume(chan->port);
}

void chan_destroy(struct chan *chan)
{
    if (!chan)
        return;
    drop_queue(chan);
    port_destroy(chan->port);
    chan_route_free(chan->route);
    stream_destroy(chan->stream);
    free(chan);
}

void chan_finish(struct chan *chan)
{
    stream_finish(chan->stream);
    chan->stream = NULL;
    if (chan->port)
        port_flush(chan->port);
    chan_destroy(chan);
}
