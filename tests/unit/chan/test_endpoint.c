/* chan/endpoint: each channel is told of once when it is there and once when
 * it has ended, whatever comes in one turn. */
#include "chan/endpoint.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/packet.h"
#include "chan/ring.h"
#include "tests/unit/unit.h"
#include "wire/wire.h"

#define RING 4096u
#define OURS 0x80000000u /* in the numbers of channeld's requests */

/* What stands for channeld. */
static struct event_base *base;
static struct packet_listener *listener;
static struct packet *packet;
static bool greeted;
static uint32_t last_id;
static char dir[64], path[96];

static struct {
    unsigned n_channels, n_ended, n_refused;
    bool close_at_once, close_at_end;
    struct endpoint_channel *channel;
    char order[16], reason[64];
} heard;

static void say(enum wire_message_number number, uint32_t id, const void *body,
                const int *fds, unsigned n_fds)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    CU_ASSERT_EQUAL_FATAL(
        wire_encode(number, id, body, arena, &data, &size, NULL), 0);
    CU_ASSERT_EQUAL(packet_send(packet, data, size, fds, n_fds), 0);
    arena_free(arena);
}

static void say_incoming(uint64_t id)
{
    struct wire_channel_opened opened;
    struct link_offer offer;
    struct link_end end;

    CU_ASSERT_EQUAL_FATAL(
        link_give_end(LINK_MEMORY, 0,
                      (uint32_t)(ring_memory(RING, RING) / LINK_PAGE), 0, &end,
                      &offer, NULL),
        0);
    wire_init(&wire_struct_channel_opened, &opened);
    opened.channel.id = id;
    opened.channel.service = "s";
    opened.channel.to_server.kib = RING / 1024;
    opened.channel.to_client.kib = RING / 1024;
    opened.memory.maker = true;
    say(WIRE_MSG_channel_incoming, OURS | ++last_id, &opened, end.fds,
        LINK_FDS);
    link_offer_clear(&offer);
}

static void say_close(uint64_t id)
{
    struct wire_channel_ref ref;

    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = id;
    ref.reason = "out of hours";
    say(WIRE_MSG_channel_close, OURS | ++last_id, &ref, NULL, 0);
}

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct wire_hello hello;

    CU_ASSERT_EQUAL_FATAL(wire_decode(data, size, arena, &frame, NULL), 0);
    if (frame.message->number == WIRE_MSG_hello) {
        wire_init(&wire_struct_hello, &hello);
        hello.protocol = WIRE_PROTOCOL;
        say(WIRE_MSG_hello, frame.id, &hello, NULL, 0);
        greeted = true;
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    packet_destroy(packet);
    packet = NULL;
}

static const struct packet_ops packet_ops = { on_packet, on_close };

static void on_accept(void *arg, int fd, const struct packet_peer *peer)
{
    packet = packet_new(base, fd, &packet_ops, NULL);
}

/* ---- the program ---- */

static void on_channel(void *arg, struct endpoint_channel *channel)
{
    heard.n_channels++;
    strcat(heard.order, "c");
    heard.channel = channel;
    if (heard.close_at_once)
        endpoint_channel_close(channel);
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    heard.n_refused++;
}

static void on_ended(void *arg, struct endpoint_channel *channel,
                     const char *reason)
{
    CU_ASSERT_PTR_EQUAL(channel, heard.channel);
    heard.n_ended++;
    strcat(heard.order, "e");
    snprintf(heard.reason, sizeof(heard.reason), "%s", reason);
    if (heard.close_at_end)
        endpoint_channel_close(channel);
}

static const struct endpoint_ops ops = { on_channel, on_refused, on_ended };

static void turn(unsigned ms)
{
    const struct timeval limit = { 0, ms * 1000 };

    event_base_loopexit(base, &limit);
    event_base_dispatch(base);
}

static void listen_at(void)
{
    memset(&heard, 0, sizeof(heard));
    greeted = false;
    last_id = 0;
    strcpy(dir, "/tmp/endpoint-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    base = event_base_new();
    CU_ASSERT_EQUAL_FATAL(
        packet_listen(base, path, 0600, on_accept, NULL, &listener, NULL), 0);
}

static void stop(void)
{
    char lock[128];

    packet_destroy(packet);
    packet = NULL;
    packet_listener_destroy(listener);
    event_base_free(base);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(lock);
    rmdir(dir);
}

static struct endpoint *begin(void)
{
    struct endpoint *endpoint;

    listen_at();
    CU_ASSERT_EQUAL_FATAL(
        endpoint_open(base, path, &ops, NULL, 0, &endpoint, NULL), 0);
    for (unsigned i = 0; i < 500 && !greeted; i++)
        turn(10);
    CU_ASSERT_TRUE_FATAL(greeted);
    return endpoint;
}

/* ---- the tests ---- */

static void test_in_one_turn(void)
{
    struct endpoint *endpoint = begin();

    heard.close_at_end = true;
    say_incoming(7);
    say_close(7);
    turn(300);
    CU_ASSERT_STRING_EQUAL(heard.order, "ce");
    CU_ASSERT_STRING_EQUAL(heard.reason, "out of hours");
    endpoint_close(endpoint);
    stop();
}

static void test_in_two_turns(void)
{
    struct endpoint *endpoint = begin();

    say_incoming(7);
    turn(300);
    CU_ASSERT_STRING_EQUAL(heard.order, "c");
    CU_ASSERT_PTR_NULL(endpoint_ended(heard.channel));
    say_close(7);
    turn(300);
    CU_ASSERT_STRING_EQUAL(heard.order, "ce");
    CU_ASSERT_STRING_EQUAL(endpoint_ended(heard.channel), "out of hours");
    /* closed by endpoint_close */
    endpoint_close(endpoint);
    stop();
}

/* The program is done with it before it hears of its end. */
static void test_closed_before(void)
{
    struct endpoint *endpoint = begin();

    heard.close_at_once = true;
    say_incoming(7);
    say_close(7);
    turn(300);
    CU_ASSERT_STRING_EQUAL(heard.order, "c");
    endpoint_close(endpoint);
    stop();
}

/* A program that waits, in a process of its own: 0 when it is given a channel
 * that has ended. */
static int accept_one(void)
{
    struct endpoint_channel *channel;
    struct endpoint *endpoint;

    if (endpoint_open(NULL, path, NULL, NULL, 10000, &endpoint, NULL))
        return 1;
    /* both messages have come by then */
    struct endpoint_channel *other = NULL;
    if (endpoint_accept(endpoint, 10000, &channel, NULL) ||
        endpoint_accept(endpoint, 10000, &other, NULL))
        return 2;
    if (!endpoint_ended(channel) ||
        strcmp(endpoint_ended(channel), "out of hours"))
        return 3;
    if (endpoint_ended(other))
        return 4;
    endpoint_channel_close(channel);
    endpoint_channel_close(other);
    endpoint_close(endpoint);
    return 0;
}

static void test_accept(void)
{
    int status = -1;

    listen_at();
    pid_t child = fork();
    if (child == 0)
        _exit(accept_one());
    for (unsigned i = 0; i < 1000 && !greeted; i++)
        turn(10);
    CU_ASSERT_TRUE(greeted);
    say_incoming(7);
    say_close(7);
    turn(200);
    say_incoming(8);
    for (unsigned i = 0; i < 1000 && !waitpid(child, &status, WNOHANG); i++)
        turn(10);
    CU_ASSERT_EQUAL(status, 0);
    stop();
}

static const struct unit_test tests[] = {
    { "it comes and ends in one turn", test_in_one_turn },
    { "in two", test_in_two_turns },
    { "it is closed before its end is told", test_closed_before },
    { "it is waited for", test_accept },
};

UNIT_MAIN("chan/endpoint", tests)
