/* Bytes between the hypervisor's end of a socket pair and the connection of
 * two hosts, both ways with bounded memory. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/migrate_impl.h"
#include "resourced/rate.h"
#include "resourced/zeros.h"

/* How often what a limited one may send is looked at. */
#define TICK_MS 20

struct pump {
    struct host *host;
    struct chan *chan;
    int fd;
    const struct pump_ops *ops;
    void *arg;
    struct event *event; /* fd can be read, or written */
    struct event *tick;  /* of a limited one */
    struct evbuffer *waiting; /* in: to be written */
    bool paused;         /* in: the channel is */
    bool finishing;      /* in: pump_finish */
    bool broken;         /* in: nobody reads at fd */
    bool ended;          /* out: ops->ended was called */
    uint64_t bytes;
    struct rate rate;
    uint8_t chunk[MIGRATE_CHUNK];
};

static struct pump *pump_new(struct host *host, int fd, struct chan *chan,
                             const struct pump_ops *ops, void *arg)
{
    struct pump *pump = XNEW(struct pump);

    evutil_make_socket_nonblocking(fd);
    pump->host = host;
    pump->fd = fd;
    pump->chan = chan;
    pump->ops = ops;
    pump->arg = arg;
    return pump;
}

void pump_free(struct pump *pump)
{
    if (!pump)
        return;
    if (pump->paused)
        chan_resume(pump->chan);
    if (pump->event)
        event_free(pump->event);
    if (pump->tick)
        event_free(pump->tick);
    if (pump->waiting)
        evbuffer_free(pump->waiting);
    close(pump->fd);
    free(pump);
}

uint64_t pump_bytes(const struct pump *pump)
{
    return pump ? pump->bytes : 0;
}

/* ---- out ---- */

static void send_chunk(struct pump *pump, size_t size)
{
    struct wire_migrate_chunk chunk;
    size_t literal, zeros;

    wire_init(&wire_struct_migrate_chunk, &chunk);
    for (size_t at = 0; at < size; at += literal + zeros) {
        zeros_split(pump->chunk + at, size - at, &literal, &zeros);
        chunk.bytes = pump->chunk + at;
        chunk.n_bytes = (uint32_t)literal;
        chunk.zeros = (uint32_t)zeros;
        migrate_say(pump->chan, WIRE_MSG_migrate_chunk, &chunk);
    }
    pump->bytes += size;
    rate_sent(&pump->rate, size);
}

static void can_read(int fd, short what, void *arg)
{
    const struct timeval tick = { 0, TICK_MS * 1000 };
    struct pump *pump = arg;
    uint64_t begin = pump->bytes;

    while (chan_pending(pump->chan) < MIGRATE_WINDOW) {
        if (pump->bytes - begin >= MIGRATE_WINDOW)
            return; /* others have their turn, zeros or not */
        size_t most = rate_allows(&pump->rate, clock_mono().ms,
                                  MIGRATE_CHUNK);
        if (!most) {
            event_del(pump->event);
            event_add(pump->tick, &tick);
            return;
        }
        ssize_t n = recv(pump->fd, pump->chunk, most, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            event_del(pump->event);
            event_del(pump->tick);
            pump->ended = true;
            pump->ops->ended(pump->arg);
            return;
        }
        send_chunk(pump, (size_t)n);
    }
    event_del(pump->event); /* until the channel has taken it */
}

static void on_tick(int fd, short what, void *arg)
{
    struct pump *pump = arg;

    if (!pump->ended)
        event_add(pump->event, NULL);
}

void pump_go_on(struct pump *pump)
{
    if (pump && !pump->waiting && !pump->ended)
        event_add(pump->event, NULL);
}

struct pump *pump_out(struct host *host, int fd, struct chan *chan,
                      uint64_t kib_per_s, const struct pump_ops *ops,
                      void *arg)
{
    struct pump *pump = pump_new(host, fd, chan, ops, arg);

    rate_begin(&pump->rate, kib_per_s, clock_mono().ms);
    pump->event = event_new(host->base, fd, EV_READ | EV_PERSIST, can_read,
                            pump);
    pump->tick = event_new(host->base, -1, 0, on_tick, pump);
    if (!pump->event || !pump->tick)
        abort(); /* out of memory */
    event_add(pump->event, NULL);
    return pump;
}

/* ---- in ---- */

static void write_some(struct pump *pump)
{
    while (!pump->broken && evbuffer_get_length(pump->waiting)) {
        size_t size = evbuffer_get_contiguous_space(pump->waiting);
        ssize_t n = send(pump->fd, evbuffer_pullup(pump->waiting,
                                                   (ev_ssize_t)size),
                         size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(pump->event, NULL);
            return;
        }
        if (n < 0)
            pump->broken = true; /* its reader says why, by itself */
        else
            evbuffer_drain(pump->waiting, (size_t)n);
    }
    if (pump->broken)
        evbuffer_drain(pump->waiting, evbuffer_get_length(pump->waiting));
    if (pump->finishing)
        shutdown(pump->fd, SHUT_WR);
    if (pump->paused)
        chan_resume(pump->chan);
    pump->paused = false;
}

static void can_write(int fd, short what, void *arg)
{
    write_some(arg);
}

void pump_put(struct pump *pump, const void *data, size_t size, size_t zeros)
{
    static const uint8_t nothing[MIGRATE_CHUNK];

    pump->bytes += size + zeros;
    evbuffer_add(pump->waiting, data, size);
    if (zeros)
        evbuffer_add_reference(pump->waiting, nothing, zeros, NULL, NULL);
    write_some(pump);
    if (evbuffer_get_length(pump->waiting) > MIGRATE_WINDOW &&
        !pump->paused) {
        pump->paused = true;
        chan_pause(pump->chan);
    }
}

void pump_finish(struct pump *pump)
{
    pump->finishing = true;
    write_some(pump);
}

struct pump *pump_in(struct host *host, int fd, struct chan *chan)
{
    struct pump *pump = pump_new(host, fd, chan, NULL, NULL);

    pump->waiting = evbuffer_new();
    pump->event = event_new(host->base, fd, EV_WRITE, can_write, pump);
    if (!pump->event || !pump->waiting)
        abort(); /* out of memory */
    return pump;
}
