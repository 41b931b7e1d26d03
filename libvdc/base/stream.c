/*
 * Framed messages over a stream socket, for every daemon: libevent's
 * bufferevent does the I/O, this file cuts it into frames.
 *
 * The callbacks may destroy the stream they are called for, and may pause or
 * finish it.  So nothing is freed while a callback of ours runs: `depth`
 * counts them, and the last one out frees a stream that is dead.
 */
#include "base/stream.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/stream_impl.h"

/* A finished stream whose other end takes nothing for so long is dropped. */
#define FINISH_TIMEOUT_S 10

struct stream {
    struct bufferevent *bev;
    const struct stream_carrier *carrier; /* NULL: a socket by itself */
    const struct stream_ops *ops;
    void *arg;
    struct stream_peer peer;
    size_t most;          /* of a frame that comes */
    unsigned depth;       /* callbacks that are running */
    bool paused, closed;  /* closed: on_close was called */
    bool ended;           /* no more will be read; `end` says why */
    bool finishing, dead; /* no callbacks any more */
    struct vdc_error *end; /* NULL before that: there may be thousands */
    struct stream *next_finishing;
};

/* Streams that only wait for their last bytes to leave. */
static struct stream *finishing_streams;

int stream_unix_address(const char *path, struct sockaddr_un *ret,
                        struct vdc_error *err)
{
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(ret->sun_path))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the socket path '%s' has %zu characters; 1 to "
                             "%zu are possible",
                             path, len, sizeof(ret->sun_path) - 1);
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret->sun_path, path, len + 1);
    return 0;
}

static int connect_error(const char *path, int errnum, struct vdc_error *err)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
        return vdc_error_set(err, VDC_E_DENIED,
                             "no permission to connect to %s", path);
    case ENOENT:
        return vdc_error_set(err, VDC_E_NO_DAEMON,
                             "%s: there is no such socket", path);
    case ECONNREFUSED:
        return vdc_error_set(err, VDC_E_NO_DAEMON,
                             "%s: nobody listens on this socket", path);
    case EAGAIN:
        return vdc_error_set(err, VDC_E_NO_DAEMON,
                             "%s: too many connections are waiting there",
                             path);
    case EMFILE:
    case ENFILE:
        return vdc_error_errno(err, VDC_E_IO, errnum, "cannot connect to %s",
                               path);
    default:
        return vdc_error_errno(err, VDC_E_NO_DAEMON, errnum,
                               "cannot connect to %s", path);
    }
}

int stream_unix_try(const struct sockaddr_un *address, int flags, int *ret_fd)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return errno;
    int r;
    do
        r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        int errnum = errno;
        close(fd);
        return errnum;
    }
    *ret_fd = fd;
    return 0;
}

int stream_unix_connect(const char *path, int flags, int *ret_fd,
                        struct vdc_error *err)
{
    struct sockaddr_un address;
    int rc = stream_unix_address(path, &address, err);
    if (rc)
        return rc;
    int errnum = stream_unix_try(&address, flags, ret_fd);
    return errnum ? connect_error(path, errnum, err) : 0;
}

int stream_check_size(size_t size, size_t most, struct vdc_error *err)
{
    if (size > 0 && size <= most)
        return 0;
    return vdc_error_set(err, VDC_E_PROTOCOL,
                         "a message of %zu bytes; 1 to %zu are allowed", size,
                         most);
}

static void free_now(struct stream *stream)
{
    for (struct stream **p = &finishing_streams; *p;
         p = &(*p)->next_finishing) {
        if (*p == stream) {
            *p = stream->next_finishing;
            break;
        }
    }
    if (stream->carrier)
        stream->carrier->say_end(stream->bev);
    bufferevent_free(stream->bev);
    free(stream->end);
    free(stream);
}

static void enter(struct stream *stream)
{
    stream->depth++;
}

static void leave(struct stream *stream)
{
    if (--stream->depth == 0 && stream->dead)
        free_now(stream);
}

static bool is_silent(const struct stream *stream)
{
    return stream->dead || stream->finishing || stream->closed;
}

/* The first reason counts. */
static void end_reading(struct stream *stream, const struct vdc_error *why)
{
    if (stream->ended)
        return;
    stream->ended = true;
    if (!stream->end)
        stream->end = XNEW(struct vdc_error);
    *stream->end = *why;
    bufferevent_disable(stream->bev, EV_READ);
}

/* One frame to the callee; false when none is complete. */
static bool deliver_one(struct stream *stream)
{
    struct evbuffer *input = bufferevent_get_input(stream->bev);
    uint8_t header[STREAM_HEADER_SIZE];
    if (evbuffer_copyout(input, header, sizeof(header)) < STREAM_HEADER_SIZE)
        return false;
    size_t size = stream_header_read(header);
    struct vdc_error err;
    if (stream_check_size(size, stream->most, &err)) {
        stream->ended = false; /* a worse reason than an end that waits */
        end_reading(stream, &err);
        evbuffer_drain(input, evbuffer_get_length(input));
        return false;
    }
    if (evbuffer_get_length(input) < sizeof(header) + size)
        return false;
    const uint8_t *bytes =
        evbuffer_pullup(input, (ev_ssize_t)(sizeof(header) + size));
    stream->ops->on_frame(stream->arg, bytes + sizeof(header), size);
    evbuffer_drain(input, sizeof(header) + size);
    return true;
}

static void report_end(struct stream *stream)
{
    size_t rest = evbuffer_get_length(bufferevent_get_input(stream->bev));
    if (rest && stream->end->code == VDC_E_CLOSED)
        vdc_error_set(stream->end, VDC_E_CLOSED,
                      "the connection was closed in the middle of a message");
    stream->closed = true;
    bufferevent_disable(stream->bev, EV_READ | EV_WRITE);
    stream->ops->on_close(stream->arg, stream->end);
}

/* Delivers what is there, and then the end if it was reached. */
static void pump(struct stream *stream)
{
    while (!is_silent(stream) && !stream->paused && deliver_one(stream))
        ;
    if (stream->ended && !is_silent(stream) && !stream->paused)
        report_end(stream);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct stream *stream = arg;
    enter(stream);
    pump(stream);
    leave(stream);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct stream *stream = arg;
    enter(stream);
    if (stream->finishing)
        stream_destroy(stream);
    else if (!is_silent(stream) && stream->ops->on_drained)
        stream->ops->on_drained(stream->arg);
    leave(stream);
}

static bool is_hangup(int errnum)
{
    return errnum == EPIPE || errnum == ECONNRESET || errnum == 0;
}

static void why_ended(int errnum, struct vdc_error *ret)
{
    if (is_hangup(errnum))
        vdc_error_set(ret, VDC_E_CLOSED, "the connection was closed");
    else
        vdc_error_errno(ret, VDC_E_IO, errnum, "the connection failed");
}

/*
 * Writing failed.  When the other end is gone there may still be something
 * to read, typically its reason: what was to be sent is dropped and reading
 * goes on to its end.
 */
static void write_failed(struct stream *stream, int errnum)
{
    struct evbuffer *output = bufferevent_get_output(stream->bev);
    bufferevent_disable(stream->bev, EV_WRITE);
    evbuffer_unfreeze(output, 1); /* a bufferevent keeps its front frozen */
    evbuffer_drain(output, evbuffer_get_length(output));
    evbuffer_freeze(output, 1);
    if (!is_hangup(errnum)) {
        struct vdc_error why;
        why_ended(errnum, &why);
        end_reading(stream, &why);
        pump(stream);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct stream *stream = arg;
    int errnum = what & BEV_EVENT_ERROR ? EVUTIL_SOCKET_ERROR() : 0;
    enter(stream);
    if (stream->finishing) {
        stream_destroy(stream);
    } else if (stream->carrier) {
        /* whichever half failed, neither goes on */
        struct vdc_error why;
        stream->carrier->why_ended(bev, what, errnum, &why);
        bufferevent_disable(bev, EV_WRITE);
        end_reading(stream, &why);
        pump(stream);
    } else if (what & BEV_EVENT_WRITING) {
        write_failed(stream, errnum);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        struct vdc_error why;
        why_ended(errnum, &why);
        end_reading(stream, &why);
        pump(stream);
    }
    leave(stream);
}

struct stream *stream_of_bufferevent(struct bufferevent *bev,
                                     const struct stream_carrier *carrier,
                                     const struct stream_ops *ops, void *arg)
{
    struct stream *stream = XNEW(struct stream);
    stream->bev = bev;
    stream->carrier = carrier;
    stream->ops = ops;
    stream->arg = arg;
    stream->most = STREAM_FRAME_MAX;
    stream->peer = (struct stream_peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
    bufferevent_setcb(bev, on_readable, on_written, on_event, stream);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return stream;
}

struct stream *stream_new(struct event_base *base, int fd,
                          const struct stream_ops *ops, void *arg)
{
    struct ucred cred = { .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    socklen_t size = sizeof(cred);
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size);
    struct bufferevent *bev =
        bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev)
        abort(); /* out of memory, or a descriptor that cannot be polled */
    /* One whole frame must fit; more is left in the kernel, where it slows
     * the sender. */
    bufferevent_setwatermark(bev, EV_READ, 0,
                             STREAM_HEADER_SIZE + STREAM_FRAME_MAX);
    struct stream *stream = stream_of_bufferevent(bev, NULL, ops, arg);
    stream->peer = (struct stream_peer){ cred.uid, cred.gid, cred.pid };
    return stream;
}

void stream_set_ops(struct stream *stream, const struct stream_ops *ops,
                    void *arg)
{
    stream->ops = ops;
    stream->arg = arg;
}

void stream_limit(struct stream *stream, size_t most)
{
    assert(most > 0 && most <= STREAM_FRAME_MAX);
    stream->most = most;
}

int stream_connect_unix(struct event_base *base, const char *path,
                        const struct stream_ops *ops, void *arg,
                        struct stream **ret, struct vdc_error *err)
{
    int fd;
    int rc = stream_unix_connect(path, SOCK_NONBLOCK, &fd, err);
    if (rc)
        return rc;
    *ret = stream_new(base, fd, ops, arg);
    return 0;
}

void stream_destroy(struct stream *stream)
{
    if (!stream)
        return;
    stream->dead = true;
    if (stream->depth == 0)
        free_now(stream);
    else
        bufferevent_disable(stream->bev, EV_READ | EV_WRITE);
}

void stream_finish(struct stream *stream)
{
    if (!stream)
        return;
    assert(!stream->finishing && !stream->dead);
    if (stream->closed || stream_pending(stream) == 0) {
        stream_destroy(stream);
        return;
    }
    stream->finishing = true;
    stream->next_finishing = finishing_streams;
    finishing_streams = stream;
    bufferevent_disable(stream->bev, EV_READ);
    bufferevent_set_timeouts(stream->bev, NULL,
                             &(struct timeval){ .tv_sec = FINISH_TIMEOUT_S });
}

void stream_finish_drop(struct event_base *base)
{
    struct stream *stream = finishing_streams;
    while (stream) {
        struct stream *next = stream->next_finishing;
        if (bufferevent_get_base(stream->bev) == base)
            stream_destroy(stream);
        stream = next;
    }
}

int stream_send(struct stream *stream, const void *frame, size_t size)
{
    int rc = stream_check_size(size, STREAM_FRAME_MAX, NULL);
    if (rc)
        return rc;
    if (is_silent(stream))
        return VDC_E_CLOSED;
    /* After a failed write: the close callback comes when reading ends. */
    if (!(bufferevent_get_enabled(stream->bev) & EV_WRITE))
        return VDC_E_CLOSED;
    uint8_t header[STREAM_HEADER_SIZE];
    stream_header_write(header, (uint32_t)size);
    struct evbuffer *output = bufferevent_get_output(stream->bev);
    if (evbuffer_expand(output, sizeof(header) + size) ||
        evbuffer_add(output, header, sizeof(header)) ||
        evbuffer_add(output, frame, size))
        abort(); /* half a frame must never leave */
    return 0;
}

size_t stream_pending(const struct stream *stream)
{
    return evbuffer_get_length(bufferevent_get_output(stream->bev));
}

void stream_pause(struct stream *stream)
{
    stream->paused = true;
    bufferevent_disable(stream->bev, EV_READ);
}

void stream_resume(struct stream *stream)
{
    if (!stream->paused)
        return;
    stream->paused = false;
    if (is_silent(stream))
        return;
    if (!stream->ended)
        bufferevent_enable(stream->bev, EV_READ);
    /* Frames that came before the pause are delivered from the loop: the
     * caller may be in the middle of something. */
    bufferevent_trigger(stream->bev, EV_READ,
                        BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void stream_peer(const struct stream *stream, struct stream_peer *ret)
{
    *ret = stream->peer;
}
