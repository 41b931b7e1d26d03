/*
 * Bytes between a descriptor and a channel; see chan_pipe.h.
 *
 * The end is always told from a timer, so that neither side is freed inside a
 * call of its own.
 */
#include "chan/chan_pipe.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

#define CHUNK 4096
/* Whether the other side has taken what waits is looked at so often. */
#define LOOK_MS 50
#define LOOKS (CHAN_PIPE_END_S * 1000 / LOOK_MS)

struct chan_pipe {
    int fd;
    struct chan *chan;
    struct event *readable, *writable;
    struct evbuffer *waiting; /* for the descriptor */
    bool paused;              /* the channel: too much waits */
    bool fd_over, chan_over;
    struct event *ending; /* runs when either is over */
    unsigned n_looks;
    struct vdc_error why;
    chan_pipe_end_fn *on_end;
    void *arg;
};

/* ---- the end ---- */

static void begin_end(struct chan_pipe *pipe, const struct vdc_error *why)
{
    const struct timeval now = { 0, 0 };

    if (!pipe->why.code) {
        pipe->why = *why;
        evtimer_add(pipe->ending, &now);
    }
    event_del(pipe->readable);
}

static void end_fd(struct chan_pipe *pipe, int errnum)
{
    struct vdc_error why = { 0 };

    if (errnum)
        vdc_error_errno(&why, VDC_E_CLOSED, errnum, "the descriptor");
    else
        vdc_error_set(&why, VDC_E_CLOSED, "the descriptor was closed");
    pipe->fd_over = true;
    event_del(pipe->writable);
    evbuffer_drain(pipe->waiting, evbuffer_get_length(pipe->waiting));
    /* a channel that is paused does not say when it ends */
    chan_resume(pipe->chan);
    begin_end(pipe, &why);
}

static void on_ending(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { 0, LOOK_MS * 1000 };
    struct chan_pipe *pipe = arg;
    bool waits = (!pipe->chan_over && chan_pending(pipe->chan) > 0) ||
                 (!pipe->fd_over && evbuffer_get_length(pipe->waiting) > 0);

    if (waits && ++pipe->n_looks < LOOKS)
        evtimer_add(pipe->ending, &later);
    else
        pipe->on_end(pipe->arg, &pipe->why);
}

/* ---- from the descriptor ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct chan_pipe *pipe = arg;
    uint8_t data[CHUNK];
    ssize_t n = read(fd, data, sizeof(data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* EIO: a tty of which nobody holds the other end */
        end_fd(pipe, n < 0 ? errno : 0);
        return;
    }
    /* One that is closing is told by its on_close. */
    chan_send(pipe->chan, data, (size_t)n);
    if (chan_pending(pipe->chan) > CHAN_PIPE_MAX)
        event_del(pipe->readable);
}

static void on_drained(void *arg)
{
    struct chan_pipe *pipe = arg;

    if (!pipe->why.code)
        event_add(pipe->readable, NULL);
}

/* ---- from the channel ---- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct chan_pipe *pipe = arg;
    int n = evbuffer_write(pipe->waiting, fd);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end_fd(pipe, errno);
        return;
    }
    size_t length = evbuffer_get_length(pipe->waiting);
    if (length == 0)
        event_del(pipe->writable);
    if (pipe->paused && length < CHAN_PIPE_MAX / 2) {
        pipe->paused = false;
        chan_resume(pipe->chan);
    }
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct chan_pipe *pipe = arg;

    if (pipe->fd_over)
        return;
    evbuffer_add(pipe->waiting, message, size);
    event_add(pipe->writable, NULL);
    if (evbuffer_get_length(pipe->waiting) > CHAN_PIPE_MAX) {
        pipe->paused = true;
        chan_pause(pipe->chan);
    }
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct chan_pipe *pipe = arg;

    pipe->chan_over = true;
    begin_end(pipe, err);
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close,
                                          .on_drained = on_drained };

/* ---- begin and end ---- */

struct chan_pipe *chan_pipe_new(struct event_base *base, int fd,
                                struct chan *chan, chan_pipe_end_fn *on_end,
                                void *arg)
{
    struct chan_pipe *pipe = XNEW(struct chan_pipe);

    pipe->fd = fd;
    pipe->chan = chan;
    pipe->on_end = on_end;
    pipe->arg = arg;
    pipe->waiting = evbuffer_new();
    pipe->readable =
        event_new(base, fd, EV_READ | EV_PERSIST, on_readable, pipe);
    pipe->writable =
        event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, pipe);
    pipe->ending = evtimer_new(base, on_ending, pipe);
    if (!pipe->waiting || !pipe->readable || !pipe->writable || !pipe->ending)
        abort(); /* out of memory */
    chan_set_ops(chan, &chan_ops, pipe);
    event_add(pipe->readable, NULL);
    return pipe;
}

void chan_pipe_free(struct chan_pipe *pipe)
{
    if (!pipe)
        return;
    event_free(pipe->readable);
    event_free(pipe->writable);
    event_free(pipe->ending);
    evbuffer_free(pipe->waiting);
    close(pipe->fd);
    chan_finish(pipe->chan);
    free(pipe);
}
