/*
 * Channels over what carries them: a unix socket, with the framing of
 * base/stream, or memory, with a port.  This file gives both the channel's
 * face, for policyd and resourced.
 *
 * A socket queues what the other end does not take; a port does not, so there
 * is a queue here for it.
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
    struct stream *stream; /* one of the two */
    struct port *port;
    struct chan_peer peer; /* of a port */
    STAILQ_HEAD(, queued) queue;
    size_t queued; /* bytes in it */
    bool closed;
    const struct chan_ops *ops;
    void *arg;
};

struct chan_listener {
    struct event_base *base;
    struct stream_listener *stream_listener;
    bool memory;
    LIST_HEAD(, arriving) arriving;
    chan_accept_fn *on_accept;
    void *arg;
};

/* The path in an address, and whether it is of memory. */
static const char *parse(const char *address, bool *ret_memory,
                         struct vdc_error *err)
{
    static const char *const prefixes[] = { "unix:", "memory:" };

    for (unsigned i = 0; i < 2; i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(address, prefixes[i], len) == 0 && address[len] == '/') {
            *ret_memory = i == 1;
            return address + len;
        }
    }
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' is not the address of a channel",
                  address);
    vdc_error_hint(err, "write memory:/absolute/path or unix:/absolute/path");
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

/* ---- connecting ---- */

static struct chan *chan_new(void)
{
    struct chan *chan = XNEW(struct chan);

    STAILQ_INIT(&chan->queue);
    return chan;
}

struct chan *chan_of_socket(struct event_base *base, int fd)
{
    struct chan *chan = chan_new();

    chan->stream = stream_new(base, fd, &stream_ops, chan);
    return chan;
}

struct chan *chan_of_port(struct event_base *base, struct port *port,
                          const struct chan_peer *peer)
{
    struct chan *chan = chan_new();

    chan->port = port;
    chan->peer = *peer;
    port_watch(port, base, &port_ops, chan);
    return chan;
}

int chan_connect(struct event_base *base, const char *address,
                 const struct chan_ops *ops, void *arg, struct chan **ret,
                 struct vdc_error *err)
{
    bool memory;
    const char *path = parse(address, &memory, err);
    if (!path)
        return VDC_E_BAD_VALUE;

    struct chan *chan = chan_new();
    chan_set_ops(chan, ops, arg);
    int rc;
    if (memory)
        rc = chan_memory_connect(path, &chan->port, err);
    else
        rc = stream_connect_unix(base, path, &stream_ops, chan, &chan->stream,
                                 err);
    if (rc) {
        chan_destroy(chan);
        return rc;
    }
    if (memory) {
        /* Who it is was decided by the directory and mode of the socket. */
        chan->peer.uid = (uid_t)-1;
        port_watch(chan->port, base, &port_ops, chan);
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

int chan_listen(struct event_base *base, const char *address,
                chan_accept_fn *on_accept, void *arg,
                struct chan_listener **ret, struct vdc_error *err)
{
    bool memory;
    const char *path = parse(address, &memory, err);
    if (!path)
        return VDC_E_BAD_VALUE;

    struct chan_listener *listener = XNEW(struct chan_listener);
    listener->base = base;
    listener->memory = memory;
    listener->on_accept = on_accept;
    listener->arg = arg;
    LIST_INIT(&listener->arriving);
    int rc = stream_listen_unix(base, path, 0600, accepted, listener,
                                &listener->stream_listener, err);
    if (rc) {
        chan_listener_destroy(listener);
        return rc;
    }
    *ret = listener;
    return 0;
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
    if (chan->port)
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
    if (STAILQ_EMPTY(&chan->queue)) {
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
    return chan->port ? send_by_port(chan, message, size)
                      : stream_send(chan->stream, message, size);
}

size_t chan_pending(const struct chan *chan)
{
    return chan->port ? chan->queued + port_unsent(chan->port)
                      : stream_pending(chan->stream);
}

void chan_count(const struct chan *chan, struct port_counts *ret)
{
    *ret = (struct port_counts){ 0 };
    if (chan->port)
        port_count(chan->port, ret);
}

void chan_pause(struct chan *chan)
{
    if (chan->port)
        port_pause(chan->port);
    else
        stream_pause(chan->stream);
}

void chan_resume(struct chan *chan)
{
    if (!chan->port)
        stream_resume(chan->stream);
    else if (!chan->closed)
        port_resume(chan->port);
}

void chan_destroy(struct chan *chan)
{
    if (!chan)
        return;
    drop_queue(chan);
    port_destroy(chan->port);
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
