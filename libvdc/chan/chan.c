/*
 * Channels over what carries them.  Only unix sockets yet: the framing is
 * base/stream's, and this file gives it the channel's face, so that policyd
 * and resourced need not change when memory carries their messages.
 */
#include "chan/chan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/stream.h"

struct chan {
    struct stream *stream;
    const struct chan_ops *ops;
    void *arg;
};

struct chan_listener {
    struct event_base *base;
    struct stream_listener *stream_listener;
    chan_accept_fn *on_accept;
    void *arg;
};

static const char *unix_path(const char *address, struct vdc_error *err)
{
    static const char prefix[] = "unix:";

    if (strncmp(address, prefix, sizeof(prefix) - 1) == 0 &&
        address[sizeof(prefix) - 1] == '/')
        return address + sizeof(prefix) - 1;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' is not the address of a channel",
                  address);
    vdc_error_hint(err, "write unix:/absolute/path");
    return NULL;
}

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

static const struct stream_ops stream_ops = {
    .on_frame = stream_frame,
    .on_close = stream_closed,
};

int chan_connect(struct event_base *base, const char *address,
                 const struct chan_ops *ops, void *arg, struct chan **ret,
                 struct vdc_error *err)
{
    const char *path = unix_path(address, err);
    if (!path)
        return VDC_E_BAD_VALUE;

    struct chan *chan = XNEW(struct chan);
    chan_set_ops(chan, ops, arg);
    int rc =
        stream_connect_unix(base, path, &stream_ops, chan, &chan->stream, err);
    if (rc) {
        chan_destroy(chan);
        return rc;
    }
    *ret = chan;
    return 0;
}

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    struct chan_listener *listener = arg;
    struct chan *chan = XNEW(struct chan);

    chan->stream = stream_new(listener->base, fd, &stream_ops, chan);
    listener->on_accept(listener->arg, chan);
}

int chan_listen(struct event_base *base, const char *address,
                chan_accept_fn *on_accept, void *arg,
                struct chan_listener **ret, struct vdc_error *err)
{
    const char *path = unix_path(address, err);
    if (!path)
        return VDC_E_BAD_VALUE;

    struct chan_listener *listener = XNEW(struct chan_listener);
    listener->base = base;
    listener->on_accept = on_accept;
    listener->arg = arg;
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
    if (!listener)
        return;
    stream_listener_destroy(listener->stream_listener);
    free(listener);
}

void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *arg)
{
    assert(ops->on_message && ops->on_close);
    chan->ops = ops;
    chan->arg = arg;
}

void chan_peer(const struct chan *chan, struct chan_peer *ret)
{
    struct stream_peer peer;

    stream_peer(chan->stream, &peer);
    *ret = (struct chan_peer){ .domid = 0, .uid = peer.uid, .pid = peer.pid };
}

int chan_send(struct chan *chan, const void *message, size_t size)
{
    return stream_send(chan->stream, message, size);
}

size_t chan_pending(const struct chan *chan)
{
    return stream_pending(chan->stream);
}

void chan_pause(struct chan *chan)
{
    stream_pause(chan->stream);
}

void chan_resume(struct chan *chan)
{
    stream_resume(chan->stream);
}

void chan_destroy(struct chan *chan)
{
    if (!chan)
        return;
    stream_destroy(chan->stream);
    free(chan);
}
