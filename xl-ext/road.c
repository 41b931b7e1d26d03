/*
 * A socket, read and written directly, or a channel or TLS, with an event loop
 * that turns while somebody waits; see road.h.
 */
#include "xl-ext/road.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/stream.h"
#include "chan/broker.h"
#include "chan/chan.h"
#include "chan/port.h"
#include "xl-ext/remote.h"

#define SERVICE "policy"
/* A long answer waits in the ring no longer than it takes to read it. */
#define TO_SERVER_KIB 16u
#define TO_CLIENT_KIB 64u

struct arrived {
    STAILQ_ENTRY(arrived) link;
    uint8_t *bytes; /* malloc'd */
    size_t size;
};

struct road {
    int fd; /* of a socket; -1: a channel, or TLS */
    struct event_base *base;
    const char *to; /* partition that offers the service */
    char *service;
    struct broker *broker;
    struct port *port;
    struct chan *chan;
    bool settled; /* connected, or not: error */
    struct vdc_error error; /* code 0: it goes on */
    STAILQ_HEAD(, arrived) arrived;
};

bool road_is_channel(const char *address)
{
    return strncmp(address, ROAD_CHANNEL, strlen(ROAD_CHANNEL)) == 0;
}

bool road_is_guest(const char *address)
{
    const char *rest = address + strlen(ROAD_CHANNEL);

    return road_is_channel(address) && (!*rest || *rest == '/');
}

bool road_is_tls(const char *address)
{
    return strncmp(address, ROAD_TLS, strlen(ROAD_TLS)) == 0;
}

/* ---- what the channel says ---- */

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct road *road = arg;
    struct arrived *arrived = XNEW(struct arrived);

    arrived->bytes = xzalloc(size);
    memcpy(arrived->bytes, message, size);
    arrived->size = size;
    STAILQ_INSERT_TAIL(&road->arrived, arrived, link);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct road *road = arg;

    if (!road->error.code)
        road->error = *err;
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close };

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    struct road *road = arg;

    return broker_take_port(channel, NULL, &road->port, err);
}

static void tell_counts(void *arg, struct broker_counts *ret)
{
    const struct road *road = arg;
    struct port_counts counts;

    chan_count(road->chan, &counts);
    broker_counts_of_port(&counts, ret);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    const struct chan_peer host = { .uid = (uid_t)-1 };
    struct road *road = arg;

    road->settled = true;
    if (err) {
        road->error = *err;
        return;
    }
    road->chan = chan_of_port(road->base, road->port, &host);
    road->port = NULL;
    chan_set_ops(road->chan, &chan_ops, road);
    broker_count_by(road->broker, channel, tell_counts, road);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static void on_ready(void *arg)
{
    struct road *road = arg;
    struct wire_channel_connect connect;

    if (road->settled)
        return; /* channeld was restarted, the channel goes on */
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = road->service;
    connect.to = road->to;
    connect.to_server = MEM_KIB(TO_SERVER_KIB);
    connect.to_client = MEM_KIB(TO_CLIENT_KIB);
    broker_connect(road->broker, &connect, &connect_ops, road);
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    struct road *road = arg;

    if (road->settled)
        return;
    road->settled = true;
    road->error = *err;
}

/* By an operator, or with the other end's domain. */
static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct road *road = arg;

    if (!road->error.code)
        vdc_error_set(&road->error, VDC_E_CLOSED,
                      "the channel was ended: %s", reason);
}

static const struct broker_ops broker_ops = { .on_ready = on_ready,
                                              .on_lost = on_lost,
                                              .on_closed = on_closed };

static int open_channel(struct road *road, const char *address,
                        struct vdc_error *err)
{
    const char *rest = address + strlen(ROAD_CHANNEL);
    bool guest = road_is_guest(address);
    size_t len = strcspn(rest, "@");

    road->service =
        guest ? xstrdup(SERVICE) : xasprintf("%.*s", (int)len, rest);
    road->to = guest || !rest[len] ? "" : rest + len + 1;
    road->base = event_base_new();
    if (!road->base)
        return vdc_error_set(err, VDC_E_NOMEM, "no event loop can be made");
    road->broker = broker_new(road->base, guest && *rest ? rest : NULL,
                              &broker_ops, road);
    while (!road->settled)
        event_base_loop(road->base, EVLOOP_ONCE);
    if (road->error.code && err)
        *err = road->error;
    return road->error.code;
}

bool road_is_join(const char *address)
{
    return strncmp(address, ROAD_JOIN, strlen(ROAD_JOIN)) == 0;
}

static int open_tls(struct road *road, const char *address,
                    struct vdc_error *err)
{
    struct stream *stream;
    int rc;

    road->base = event_base_new();
    if (!road->base)
        return vdc_error_set(err, VDC_E_NOMEM, "no event loop can be made");
    if (road_is_join(address))
        rc = remote_open_join(road->base, address + strlen(ROAD_JOIN), &stream,
                              err);
    else
        rc = remote_open(road->base, address + strlen(ROAD_TLS), &stream, err);
    if (rc)
        return rc;
    road->chan = chan_of_stream(road->base, stream);
    chan_set_ops(road->chan, &chan_ops, road);
    return 0;
}

int road_open(const char *address, struct road **ret, struct vdc_error *err)
{
    struct road *road = XNEW(struct road);
    int rc;

    road->fd = -1;
    STAILQ_INIT(&road->arrived);
    if (road_is_channel(address))
        rc = open_channel(road, address, err);
    else if (road_is_tls(address) || road_is_join(address))
        rc = open_tls(road, address, err);
    else
        rc = stream_blocking_connect(address, &road->fd, err);
    if (rc)
        road_close(road);
    else
        *ret = road;
    return rc;
}

void road_close(struct road *road)
{
    struct arrived *arrived;

    if (!road)
        return;
    if (road->fd >= 0)
        close(road->fd);
    chan_destroy(road->chan);
    port_destroy(road->port);
    broker_free(road->broker);
    if (road->base)
        event_base_free(road->base);
    while ((arrived = STAILQ_FIRST(&road->arrived))) {
        STAILQ_REMOVE_HEAD(&road->arrived, link);
        free(arrived->bytes);
        free(arrived);
    }
    free(road->service);
    free(road);
}

/* ---- sending ---- */

/* Until it is in the ring, so that it is not lost with this process. */
int road_send(struct road *road, const void *frame, size_t size,
              struct vdc_error *err)
{
    if (!road->chan)
        return stream_blocking_send(road->fd, frame, size, err);
    int rc = road->error.code ? road->error.code
                              : chan_send(road->chan, frame, size);
    while (rc == 0 && !road->error.code && chan_pending(road->chan))
        event_base_loop(road->base, EVLOOP_ONCE);
    if (rc == 0)
        rc = road->error.code;
    if (rc && road->error.code && err)
        *err = road->error;
    else if (rc)
        vdc_error_set(err, rc, "the message cannot be sent");
    return rc;
}

/* ---- receiving ---- */

/* Whether there is a message, or will be no more. */
static bool has_something(const struct road *road)
{
    return !STAILQ_EMPTY(&road->arrived) || road->error.code;
}

static void set_flag(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

static int take(struct road *road, uint8_t **ret, size_t *ret_size,
                struct vdc_error *err)
{
    struct arrived *arrived = STAILQ_FIRST(&road->arrived);

    if (!arrived) {
        if (err)
            *err = road->error;
        return road->error.code;
    }
    STAILQ_REMOVE_HEAD(&road->arrived, link);
    *ret = arrived->bytes;
    *ret_size = arrived->size;
    free(arrived);
    return 0;
}

int road_receive(struct road *road, int timeout_ms, uint8_t **ret,
                 size_t *ret_size, struct vdc_error *err)
{
    if (!road->chan)
        return stream_blocking_receive(road->fd, timeout_ms, ret, ret_size,
                                       err);
    const struct timeval limit = { timeout_ms / 1000,
                                   timeout_ms % 1000 * 1000 };
    bool late = false;
    struct event *timer = evtimer_new(road->base, set_flag, &late);
    if (!timer || (timeout_ms >= 0 && evtimer_add(timer, &limit)))
        abort(); /* out of memory */
    while (!has_something(road) && !late)
        event_base_loop(road->base, EVLOOP_ONCE);
    event_free(timer);
    if (!has_something(road))
        return vdc_error_set(err, VDC_E_TIMEOUT, "no answer in %d ms",
                             timeout_ms);
    return take(road, ret, ret_size, err);
}

static int wait_socket(struct road *road, int other, bool *ret_here,
                       bool *ret_other, struct vdc_error *err)
{
    struct pollfd fds[2] = { { .fd = road->fd, .events = POLLIN },
                             { .fd = other, .events = POLLIN } };

    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "waiting for the answer failed");
    *ret_here = fds[0].revents != 0;
    *ret_other = fds[1].revents != 0;
    return 0;
}

/* The loop turns until there is something, or `other` is readable. */
static bool wait_channel(struct road *road, int other)
{
    bool readable = false;
    struct event *event =
        event_new(road->base, other, EV_READ, set_flag, &readable);

    if (!event || (other >= 0 && event_add(event, NULL)))
        abort(); /* out of memory */
    while (!has_something(road) && !readable)
        event_base_loop(road->base, EVLOOP_ONCE);
    event_free(event);
    return readable;
}

int road_wait(struct road *road, int other, bool *ret_here, bool *ret_other,
              struct vdc_error *err)
{
    struct pollfd now = { .fd = other, .events = POLLIN };

    if (!road->chan)
        return wait_socket(road, other, ret_here, ret_other, err);
    /* A file is readable always, and epoll does not take one. */
    *ret_other = poll(&now, 1, 0) > 0;
    if (*ret_other)
        event_base_loop(road->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    else
        *ret_other = wait_channel(road, other);
    *ret_here = has_something(road);
    return 0;
}
