/* chan/broker: a channeld that does not answer is not waited for for ever;
 * what is asked before it has greeted; channels that end others. */
#include "chan/broker.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "chan/packet.h"
#include "tests/unit/unit.h"

/* What stands for channeld. */
static struct {
    struct packet_listener *listener;
    struct packet *packet;
    bool mute;
    unsigned n_hellos, n_others;
    enum wire_message_number last;
    uint32_t last_id;
    uint64_t closed; /* channel that it was asked to close */
} fake;

static struct {
    bool ready, lost, done;
    struct vdc_error err;
    struct broker_channel *channel;
} heard;

static struct event_base *base;
static struct broker *broker;
static char dir[64], path[96];

/* ---- channeld ---- */

static void say(enum wire_message_number number, uint32_t id, const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    CU_ASSERT_EQUAL_FATAL(
        wire_encode(number, id, body, arena, &data, &size, NULL), 0);
    CU_ASSERT_EQUAL(packet_send(fake.packet, data, size, NULL, 0), 0);
    arena_free(arena);
}

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct wire_hello hello;

    CU_ASSERT_EQUAL_FATAL(wire_decode(data, size, arena, &frame, NULL), 0);
    if (frame.message->number == WIRE_MSG_hello) {
        fake.n_hellos++;
        wire_init(&wire_struct_hello, &hello);
        hello.protocol = WIRE_PROTOCOL;
        if (!fake.mute)
            say(WIRE_MSG_hello, frame.id, &hello);
    } else {
        fake.n_others++;
        fake.last = frame.message->number;
        fake.last_id = frame.id;
        if (frame.message->number == WIRE_MSG_channel_close)
            fake.closed = ((const struct wire_channel_ref *)frame.body)->id;
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    packet_destroy(fake.packet);
    fake.packet = NULL;
}

static const struct packet_ops packet_ops = { on_packet, on_close };

static void on_accept(void *arg, int fd, const struct packet_peer *peer)
{
    packet_destroy(fake.packet);
    fake.packet = packet_new(base, fd, &packet_ops, NULL);
}

/* ---- the program ---- */

static void on_ready(void *arg)
{
    heard.ready = true;
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    heard.lost = true;
    heard.err = *err;
}

#define PAIRS 3
static struct broker_channel *pair[2 * PAIRS];
static unsigned n_incoming, n_closed;

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    channel->arg = &pair[n_incoming];
    pair[n_incoming++] = channel;
    return 0;
}

/* A program that needs both of two: when one ends, so does the other. */
static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct broker_channel **place = channel->arg;
    struct broker_channel **other = &pair[(place - pair) ^ 1];

    CU_ASSERT_STRING_EQUAL(channel->info->service, "s");
    n_closed++;
    *place = NULL;
    if (*other)
        broker_end(broker, *other, "its pair is gone");
    *other = NULL;
}

static const struct broker_ops ops = { .on_ready = on_ready,
                                       .on_lost = on_lost,
                                       .on_incoming = on_incoming,
                                       .on_closed = on_closed };

static void on_answer(void *arg, const struct wire_frame *answer,
                      const struct vdc_error *err)
{
    CU_ASSERT_FALSE(heard.done);
    heard.done = true;
    heard.err = err ? *err : (struct vdc_error){ 0 };
}

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    return 0;
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    heard.channel = channel;
    on_answer(arg, NULL, err);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static void begin(bool mute)
{
    memset(&fake, 0, sizeof(fake));
    memset(&heard, 0, sizeof(heard));
    fake.mute = mute;
    strcpy(dir, "/tmp/broker-XXXXXX");
    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof(path), "%s/socket", dir);
    base = event_base_new();
    CU_ASSERT_EQUAL_FATAL(
        packet_listen(base, path, 0600, on_accept, NULL, &fake.listener, NULL),
        0);
    clock_test_set((struct mono){ 1000 }, (struct wall){ 0 });
    broker = broker_new(base, path, &ops, NULL);
}

static void end(void)
{
    char lock[128];

    broker_free(broker);
    packet_destroy(fake.packet);
    packet_listener_destroy(fake.listener);
    event_base_free(base);
    clock_test_release();
    snprintf(lock, sizeof(lock), "%s.lock", path);
    unlink(lock);
    rmdir(dir);
}

/* The loop, for so long. */
static void turn(unsigned ms)
{
    const struct timeval limit = { ms / 1000, ms % 1000 * 1000 };

    event_base_loopexit(base, &limit);
    event_base_dispatch(base);
}

static bool until(const bool *flag)
{
    for (unsigned i = 0; i < 1000 && !*flag; i++)
        turn(20);
    return *flag;
}

/* ---- the tests ---- */

static void test_no_greeting(void)
{
    begin(true);
    turn(200);
    CU_ASSERT_EQUAL(fake.n_hellos, 1);
    clock_test_advance(BROKER_HELLO_S * 1000 - 1);
    turn(1500);
    CU_ASSERT_FALSE(heard.lost);
    fake.mute = false;
    clock_test_advance(1);
    CU_ASSERT_TRUE(until(&heard.lost));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard.err.text, "does not answer"));
    /* and it is tried again */
    CU_ASSERT_TRUE(until(&heard.ready));
    CU_ASSERT_EQUAL(fake.n_hellos, 2);
    end();
}

static void say_version(void)
{
    struct wire_version version;

    wire_init(&wire_struct_version, &version);
    say(WIRE_MSG_version_reply, fake.last_id, &version);
}

static void test_no_answer(void)
{
    struct wire_empty empty;

    begin(false);
    CU_ASSERT_TRUE(until(&heard.ready));
    wire_init(&wire_struct_empty, &empty);
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    clock_test_advance(BROKER_ANSWER_S * 1000 - 1);
    turn(1500);
    CU_ASSERT_FALSE(heard.done);
    clock_test_advance(1);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_TIMEOUT);
    /* what comes too late is nobody's, and what is asked next is answered */
    CU_ASSERT_EQUAL(fake.n_others, 1);
    say(WIRE_MSG_ok, fake.last_id, &empty);
    turn(100);
    heard.done = false;
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    turn(100);
    CU_ASSERT_EQUAL(fake.n_others, 2);
    say_version();
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, 0);
    /* what is an answer to something else is none */
    heard.done = false;
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    turn(100);
    say(WIRE_MSG_ok, fake.last_id, &empty);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_PROTOCOL);
    CU_ASSERT_FALSE(heard.lost);
    end();
}

/* A channel that nobody waits for any more is not left open. */
static void test_late_channel(void)
{
    struct wire_channel_connect connect;
    struct wire_channel_opened opened;

    begin(false);
    CU_ASSERT_TRUE(until(&heard.ready));
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = "s";
    broker_connect(broker, &connect, &connect_ops, NULL);
    turn(100);
    CU_ASSERT_EQUAL(fake.last, WIRE_MSG_channel_connect);
    uint32_t id = fake.last_id;
    clock_test_advance(BROKER_CONNECT_S * 1000);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NULL(heard.channel);
    wire_init(&wire_struct_channel_opened, &opened);
    opened.channel.id = 17;
    opened.channel.service = "s";
    opened.channel.state = WIRE_CHANNEL_OPEN;
    say(WIRE_MSG_channel_opened, id, &opened);
    for (unsigned i = 0; i < 500 && !fake.closed; i++)
        turn(20);
    CU_ASSERT_EQUAL(fake.closed, 17);
    end();
}

static void say_incoming(uint32_t id, uint64_t channel)
{
    struct wire_channel_opened opened;

    wire_init(&wire_struct_channel_opened, &opened);
    opened.channel.id = channel;
    opened.channel.service = "s";
    say(WIRE_MSG_channel_incoming, 0x80000000u | id, &opened);
}

static void say_close(uint32_t id, uint64_t channel)
{
    struct wire_channel_ref ref;

    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = channel;
    ref.reason = "the test wants it";
    say(WIRE_MSG_channel_close, 0x80000000u | id, &ref);
}

/* Whichever of two is closed first, and both ends of one channel. */
static void test_close_in_close(void)
{
    static const uint64_t ids[2 * PAIRS] = { 1, 2, 3, 4, 5, 5 };

    begin(false);
    n_incoming = n_closed = 0;
    CU_ASSERT_TRUE(until(&heard.ready));
    for (uint32_t i = 0; i < 2 * PAIRS; i++)
        say_incoming(i + 1, ids[i]);
    turn(200);
    CU_ASSERT_EQUAL_FATAL(n_incoming, 2 * PAIRS);
    fake.closed = 0;
    say_close(11, 1);
    turn(200);
    CU_ASSERT_EQUAL(fake.closed, 2);
    say_close(12, 4);
    turn(200);
    CU_ASSERT_EQUAL(fake.closed, 3);
    say_close(13, 5);
    turn(200);
    CU_ASSERT_EQUAL(fake.closed, 5);
    CU_ASSERT_EQUAL(n_closed, PAIRS);
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        CU_ASSERT_PTR_NULL(pair[i]);
    end();
}

/* What is wanted before channeld has greeted is asked once it has. */
static void test_early(void)
{
    struct wire_empty empty;

    begin(false);
    wire_init(&wire_struct_empty, &empty);
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    CU_ASSERT_TRUE(until(&heard.ready));
    turn(100);
    CU_ASSERT_FALSE(heard.done);
    CU_ASSERT_EQUAL(fake.n_others, 1);
    CU_ASSERT_EQUAL(fake.last, WIRE_MSG_version);
    say_version();
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, 0);
    end();
}

/* Nobody greets: the reason is that, and comes in time. */
static void test_early_for_nobody(void)
{
    struct wire_empty empty;

    begin(false);
    packet_listener_destroy(fake.listener);
    fake.listener = NULL;
    wire_init(&wire_struct_empty, &empty);
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_NO_DAEMON);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard.err.text, "nobody answers at"));
    /* and is known from then on */
    heard.done = false;
    broker_ask(broker, WIRE_MSG_version, &empty, on_answer, NULL);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_CLOSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard.err.text, "cannot be reached"));
    end();
}

/* No message: that is the reason, and not that channeld were gone. */
static void test_no_message(void)
{
    struct wire_channel_connect connect;
    char service[80];

    begin(false);
    CU_ASSERT_TRUE(until(&heard.ready));
    memset(service, 'a', sizeof(service) - 1);
    service[sizeof(service) - 1] = '\0';
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = service;
    broker_connect(broker, &connect, &connect_ops, NULL);
    CU_ASSERT_TRUE(until(&heard.done));
    CU_ASSERT_NOT_EQUAL(heard.err.code, VDC_E_CLOSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard.err.text, "service"));
    CU_ASSERT_FALSE(heard.lost);
    end();
}

/* It lets nobody in, as one that is stopped: that is said in time, too. */
static void test_full(void)
{
    int fds[300], n = 0;

    begin(false);
    packet_listener_destroy(fake.listener);
    struct event_base *stopped = event_base_new();
    CU_ASSERT_EQUAL_FATAL(packet_listen(stopped, path, 0600, on_accept, NULL,
                                        &fake.listener, NULL),
                          0);
    while (n < 300 && packet_connect_at_once(path, &fds[n], NULL) == 0)
        n++;
    CU_ASSERT(n < 300);
    turn(300);
    clock_test_advance(BROKER_HELLO_S * 1000 - 1);
    turn(300);
    CU_ASSERT_FALSE(heard.lost);
    clock_test_advance(1);
    CU_ASSERT_TRUE(until(&heard.lost));
    CU_ASSERT_EQUAL(heard.err.code, VDC_E_BUSY);
    while (n)
        close(fds[--n]);
    end();
    event_base_free(stopped);
}

static const struct unit_test tests[] = {
    { "a channeld that lets nobody in", test_full },
    { "one that ends ends another", test_close_in_close },
    { "asked before it has greeted", test_early },
    { "asked, and nobody greets", test_early_for_nobody },
    { "what is no message", test_no_message },
    { "no greeting", test_no_greeting },
    { "no answer", test_no_answer },
    { "a channel that comes too late", test_late_channel },
};

UNIT_MAIN("chan/broker", tests)
