/*
 * A guest that sends policyd anything but what it should: for
 * test-cli-guest.sh, which gives the socket of the guest's channeld.  Each
 * round has a channel of its own, and must end by losing it, or by being
 * answered.  What becomes of policyd the script looks at.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "chan/broker.h"
#include "chan/chan.h"
#include "chan/port.h"

#define WAIT_S 20
#define ROUNDS 40 /* of each kind */

struct guest {
    struct event_base *base;
    struct broker *broker;
    struct broker_channel *channel;
    struct port *port;
    struct chan *chan;
    uint8_t *memory; /* of the ring */
    size_t size;
    bool settled, closed;
    unsigned n_answers;
    struct vdc_error err;
};

static uint32_t seed = 1;

static uint32_t draw(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* ---- the channel ---- */

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    ((struct guest *)arg)->n_answers++;
}

static void on_close(void *arg, const struct vdc_error *err)
{
    ((struct guest *)arg)->closed = true;
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close };

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    const struct wire_channel *info = channel->info;
    uint32_t up = (uint32_t)info->to_server.kib * 1024;
    uint32_t down = (uint32_t)info->to_client.kib * 1024;
    bool maker = channel->memory->maker;
    struct link_end end = { .kind = LINK_MEMORY,
                            .n_pages = (uint32_t)(ring_memory(up, down) /
                                                  LINK_PAGE),
                            .fds = { channel->fds[0], channel->fds[1] } };
    struct guest *guest = arg;
    struct link *link;

    channel->fds[0] = channel->fds[1] = -1;
    int rc = link_import(&end, &link, err);
    if (rc)
        return rc;
    guest->memory = link->memory;
    guest->size = link->size;
    return port_new(link, maker ? RING_MAKER : RING_TAKER, maker ? up : down,
                    maker ? down : up, NULL, &guest->port, err);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    const struct chan_peer host = { 0 };
    struct guest *guest = arg;

    guest->settled = true;
    guest->channel = channel;
    if (err) {
        guest->err = *err;
        return;
    }
    guest->chan = chan_of_port(guest->base, guest->port, &host);
    guest->port = NULL;
    chan_set_ops(guest->chan, &chan_ops, guest);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct guest *guest = arg;

    guest->closed = true;
    if (guest->channel == channel)
        guest->channel = NULL;
}

static const struct broker_ops broker_ops = { .on_closed = on_closed };

static void late(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

/* Turns the loop until the flag, or so long; whether it was the flag. */
static bool until(struct guest *guest, const bool *flag, unsigned ms)
{
    const struct timeval limit = { ms / 1000, ms % 1000 * 1000 };
    bool over = false;
    struct event *timer = evtimer_new(guest->base, late, &over);

    evtimer_add(timer, &limit);
    while (!*flag && !over)
        event_base_loop(guest->base, EVLOOP_ONCE);
    event_free(timer);
    return *flag;
}

static void forget(struct guest *guest)
{
    chan_destroy(guest->chan);
    port_destroy(guest->port);
    guest->chan = NULL;
    guest->port = NULL;
    if (guest->channel)
        broker_end(guest->broker, guest->channel, "done");
    guest->channel = NULL;
}

/* Its number of channels may be used up for a moment by those before. */
static bool connect_to_policyd(struct guest *guest)
{
    for (unsigned i = 0; i < 100; i++) {
        struct wire_channel_connect connect;
        wire_init(&wire_struct_channel_connect, &connect);
        connect.service = "policy";
        guest->settled = guest->closed = false;
        guest->n_answers = 0;
        memset(&guest->err, 0, sizeof(guest->err));
        broker_connect(guest->broker, &connect, &connect_ops, guest);
        if (!until(guest, &guest->settled, WAIT_S * 1000))
            return false;
        if (guest->chan)
            return true;
        bool never = false;
        until(guest, &never, 100);
    }
    return false;
}

/* ---- what it sends ---- */

static void say(struct guest *guest, enum wire_message_number number,
                uint32_t id, const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    if (wire_encode(number, id, body, arena, &data, &size, NULL) == 0)
        chan_send(guest->chan, data, size);
    arena_free(arena);
}

static void greet(struct guest *guest)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "root"; /* who one is is not for oneself to say */
    hello.version = "0";
    hello.protocol = WIRE_PROTOCOL;
    say(guest, WIRE_MSG_hello, 1, &hello);
}

static void send_garbage(struct guest *guest)
{
    uint8_t bytes[512];
    size_t size = 1 + draw() % sizeof(bytes);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)draw();
    chan_send(guest->chan, bytes, size);
}

static void send_late_garbage(struct guest *guest)
{
    greet(guest);
    send_garbage(guest);
}

/* The memory itself: heads, tails, flags, sizes of messages. */
static void write_anywhere(struct guest *guest)
{
    greet(guest);
    for (unsigned i = 0; i < 20000; i++)
        guest->memory[draw() % (draw() % 2 ? 4096 : guest->size)] =
            (uint8_t)draw();
    send_garbage(guest);
}

static void send_nothing(struct guest *guest)
{
    chan_send(guest->chan, "", 1);
}

/* More requests than may be at a time, none of whose answers it reads. */
static void send_flood(struct guest *guest)
{
    struct wire_partition_query query;

    greet(guest);
    chan_pause(guest->chan);
    wire_init(&wire_struct_partition_query, &query);
    for (uint32_t i = 0; i < 5000; i++)
        say(guest, WIRE_MSG_partition_list, 2 + i, &query);
}

static const struct {
    const char *name;
    void (*send)(struct guest *guest);
    bool must_close;
} kinds[] = {
    { "garbage", send_garbage, true },
    { "garbage after a greeting", send_late_garbage, true },
    { "a message without a head", send_nothing, true },
    { "writes anywhere in its memory", write_anywhere, false },
    { "a flood that it does not read", send_flood, false },
};

static unsigned run_kind(struct guest *guest, size_t kind)
{
    unsigned n_closed = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (!connect_to_policyd(guest)) {
            printf("%s, round %u: no channel: %s\n", kinds[kind].name, i,
                   guest->err.text);
            exit(1);
        }
        kinds[kind].send(guest);
        n_closed += until(guest, &guest->closed,
                          kinds[kind].must_close ? WAIT_S * 1000 : 50);
        forget(guest);
    }
    printf("%s: %u times, %u channels were closed by policyd\n",
           kinds[kind].name, ROUNDS, n_closed);
    return kinds[kind].must_close ? ROUNDS - n_closed : 0;
}

int main(int argc, char **argv)
{
    struct guest guest = { .base = event_base_new() };
    unsigned n_failed = 0;

    if (argc != 2)
        return 2;
    guest.broker = broker_new(guest.base, argv[1], &broker_ops, &guest);
    bool never = false;
    until(&guest, &never, 200);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        n_failed += run_kind(&guest, i);
    broker_free(guest.broker);
    event_base_free(guest.base);
    return n_failed ? 1 : 0;
}
