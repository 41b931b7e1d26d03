/* chan/mux: streams with credits, and an other end that breaks their rules. */
#include "chan/mux.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

#define RING 16384u

struct heard {
    struct mux_stream *stream;
    unsigned n_messages, n_room, n_finish, n_closed;
    size_t bytes;
    uint32_t next;
    bool pause, echo, reset;
};

struct side {
    struct mux *mux;
    struct heard heard[600];
    unsigned n_opened, n_closed;
    int code;
    bool pause_first;
};

static struct event_base *base;
static struct side a, b;

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct heard *h = arg;

    if (size >= 4) {
        CU_ASSERT_EQUAL(memcmp(data, &h->next, 4), 0);
        h->next++;
    }
    h->n_messages++;
    h->bytes += size;
    if (h->echo) {
        CU_ASSERT_EQUAL(mux_send(h->stream, data, size), 0);
    }
    if (h->reset)
        mux_reset(h->stream);
}
static void on_room(void *arg)
{
    ((struct heard *)arg)->n_room++;
}
static void on_finish(void *arg)
{
    ((struct heard *)arg)->n_finish++;
}
static void on_stream_close(void *arg, const struct vdc_error *err)
{
    struct heard *h = arg;
    h->n_closed++;
    h->stream = NULL;
}
static const struct mux_stream_ops stream_ops = { on_message, on_room,
                                                  on_finish, on_stream_close };

static void on_open(void *arg, struct mux_stream *stream, const uint8_t *label,
                    size_t size)
{
    struct side *s = arg;
    struct heard *h = &s->heard[s->n_opened++];

    h->stream = stream;
    if (size == 3 && memcmp(label, "rej", 3) == 0) {
        mux_reset(stream);
        return;
    }
    h->echo = size == 4 && memcmp(label, "echo", 4) == 0;
    mux_accept(stream, &stream_ops, h);
    if (s->pause_first && s->n_opened == 1)
        mux_pause(stream);
}
static void on_close(void *arg, const struct vdc_error *err)
{
    struct side *s = arg;
    s->n_closed++;
    s->code = err->code;
}
static const struct mux_ops ops = { on_open, on_close };

static void ports(struct port **maker, struct port **taker)
{
    struct link_offer offer;
    struct link *x, *y;
    uint32_t pages = (uint32_t)(ring_memory(RING, RING) / RING_PAGE);

    a = b = (struct side){ 0 };
    base = event_base_new();
    CU_ASSERT_EQUAL_FATAL(
        link_give(LINK_MEMORY, 0, pages, 0, &x, &offer, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 0, &y, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(x, RING_MAKER, RING, RING, NULL, maker, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(y, RING_TAKER, RING, RING, NULL, taker, NULL), 0);
}

static void begin(void)
{
    struct port *x, *y;

    ports(&x, &y);
    a.mux = mux_new(x, RING_MAKER, base, &ops, &a);
    b.mux = mux_new(y, RING_TAKER, base, &ops, &b);
}

static void end(void)
{
    mux_destroy(a.mux);
    mux_destroy(b.mux);
    event_base_free(base);
}

static void turn(unsigned times)
{
    while (times--)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void test_echo(void)
{
    begin();
    struct heard *h = &a.heard[0];
    CU_ASSERT_EQUAL_FATAL(
        mux_open(a.mux, "echo", 4, &stream_ops, h, &h->stream), 0);
    for (uint32_t i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(mux_send(h->stream, &i, 4), 0);
    CU_ASSERT_EQUAL(mux_send(h->stream, NULL, 0), 0);
    turn(20);
    CU_ASSERT_EQUAL(h->n_messages, 21);
    CU_ASSERT_EQUAL(mux_send(h->stream, "", MUX_MESSAGE_MAX + 1),
                    VDC_E_BAD_VALUE);
    /* Finished by one, then by the other: both are told. */
    mux_finish(h->stream);
    turn(20);
    CU_ASSERT_EQUAL(b.heard[0].n_finish, 1);
    CU_ASSERT_EQUAL(b.heard[0].n_closed, 0);
    CU_ASSERT_EQUAL(mux_send(h->stream, "x", 1), VDC_E_CLOSED);
    mux_finish(b.heard[0].stream);
    turn(20);
    CU_ASSERT(h->n_closed == 1 && b.heard[0].n_closed == 1);
    end();
}

/* One stream is not read: it stops at its credit, the other goes on. */
static void test_slow(void)
{
    begin();
    b.pause_first = true;
    struct heard *slow = &a.heard[0], *fast = &a.heard[1];
    CU_ASSERT_EQUAL_FATAL(
        mux_open(a.mux, "", 0, &stream_ops, slow, &slow->stream), 0);
    CU_ASSERT_EQUAL_FATAL(
        mux_open(a.mux, "", 0, &stream_ops, fast, &fast->stream), 0);
    uint8_t bytes[1000] = { 0 };
    uint32_t n_slow = 0, n_fast = 0;
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(bytes, &n_slow, 4);
        n_slow += mux_send(slow->stream, bytes, sizeof(bytes)) == 0;
        memcpy(bytes, &n_fast, 4);
        n_fast += mux_send(fast->stream, bytes, sizeof(bytes)) == 0;
        turn(2);
    }
    CU_ASSERT_EQUAL(n_slow, MUX_WINDOW / (1000 + MUX_OVERHEAD));
    CU_ASSERT_EQUAL(n_fast, 3000);
    CU_ASSERT_EQUAL(b.heard[0].n_messages, 0);
    CU_ASSERT_EQUAL(b.heard[1].n_messages, 3000);
    mux_resume(b.heard[0].stream);
    turn(20);
    CU_ASSERT_EQUAL(b.heard[0].n_messages, n_slow);
    CU_ASSERT(slow->n_room > 0);
    CU_ASSERT_EQUAL(mux_send(slow->stream, &n_slow, 4), 0);
    turn(20);
    CU_ASSERT_EQUAL(b.heard[0].n_messages, n_slow + 1);
    end();
}

static void test_large(void)
{
    begin();
    struct heard *h = &a.heard[0];
    uint8_t *bytes = calloc(1, MUX_MESSAGE_MAX);
    CU_ASSERT_EQUAL_FATAL(mux_open(a.mux, "", 0, &stream_ops, h, &h->stream),
                          0);
    uint32_t n = 0;
    for (unsigned round = 0; round < 200; round++) {
        memcpy(bytes, &n, 4);
        n += mux_send(h->stream, bytes, MUX_MESSAGE_MAX) == 0;
        turn(10);
    }
    turn(100);
    CU_ASSERT(n > 20);
    CU_ASSERT_EQUAL(b.heard[0].n_messages, n);
    CU_ASSERT_EQUAL(b.heard[0].bytes, (size_t)n * MUX_MESSAGE_MAX);
    free(bytes);
    end();
}

static void test_reset(void)
{
    begin();
    struct heard *h = &a.heard[0];
    CU_ASSERT_EQUAL_FATAL(
        mux_open(a.mux, "rej", 3, &stream_ops, h, &h->stream), 0);
    turn(20);
    CU_ASSERT_EQUAL(h->n_closed, 1);
    /* In its own callback, with more on the way. */
    h = &a.heard[1];
    CU_ASSERT_EQUAL_FATAL(mux_open(a.mux, "", 0, &stream_ops, h, &h->stream),
                          0);
    turn(20);
    b.heard[1].reset = true;
    for (uint32_t i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(mux_send(h->stream, &i, 4), 0);
    turn(20);
    CU_ASSERT_EQUAL(b.heard[1].n_messages, 1);
    CU_ASSERT_EQUAL(h->n_closed, 1);
    CU_ASSERT_EQUAL(b.n_closed + a.n_closed, 0);
    /* After a finish, while the other end sends on. */
    h = &a.heard[2];
    CU_ASSERT_EQUAL_FATAL(mux_open(a.mux, "", 0, &stream_ops, h, &h->stream),
                          0);
    turn(20);
    mux_finish(h->stream);
    turn(20);
    CU_ASSERT_EQUAL(mux_send(b.heard[2].stream, NULL, 0), 0);
    mux_reset(h->stream);
    turn(20);
    CU_ASSERT_EQUAL(b.heard[2].n_closed, 1);
    CU_ASSERT_EQUAL(b.n_closed + a.n_closed, 0);
    end();
}

static void test_many(void)
{
    begin();
    unsigned n = 0;
    for (unsigned i = 0; i < 1000 && n < MUX_STREAMS_MAX; i++) {
        struct heard *h = &a.heard[n];
        n += mux_open(a.mux, "", 0, &stream_ops, h, &h->stream) == 0;
        turn(1);
    }
    CU_ASSERT_EQUAL(n, MUX_STREAMS_MAX);
    CU_ASSERT_EQUAL(
        mux_open(a.mux, "", 0, &stream_ops, &a.heard[n], &a.heard[n].stream),
        VDC_E_QUOTA);
    turn(20);
    CU_ASSERT_EQUAL(b.n_opened, MUX_STREAMS_MAX);
    for (unsigned round = 0; round < 300; round++) {
        mux_reset(a.heard[round % n].stream);
        turn(4);
        CU_ASSERT_EQUAL(mux_open(a.mux, "", 0, &stream_ops,
                                 &a.heard[round % n],
                                 &a.heard[round % n].stream),
                        0);
        turn(4);
    }
    CU_ASSERT_EQUAL(a.n_closed + b.n_closed, 0);
    /* The end of the channel is told to each stream, then to the mux. */
    mux_destroy(b.mux);
    b.mux = NULL;
    turn(20);
    CU_ASSERT_EQUAL(a.n_closed, 1);
    for (unsigned i = 0; i < n; i++)
        CU_ASSERT_EQUAL(a.heard[i].n_closed, 1);
    end();
}

/* ---- an other end that breaks the rules ---- */

static void put(struct port *port, uint16_t type, uint32_t id, size_t size)
{
    uint8_t *bytes = calloc(1, 4 + size);
    memcpy(bytes, &id, 4);
    if (type == 3) {
        uint32_t credit = 1;
        memcpy(bytes + 4, &credit, size < 4 ? size : 4);
    }
    CU_ASSERT_EQUAL(port_queue(port, type, bytes, 4 + size), 0);
    for (unsigned i = 0; i < 20; i++) {
        port_flush(port);
        turn(2);
    }
    free(bytes);
}

/* Frames one after another; the last breaks a rule, and none before. */
static void breaks(const uint32_t frames[][3], unsigned n)
{
    struct port *raw, *y;

    ports(&raw, &y);
    b.mux = mux_new(y, RING_TAKER, base, &ops, &b);
    for (unsigned i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(b.n_closed, 0);
        put(raw, (uint16_t)frames[i][0], frames[i][1], frames[i][2]);
    }
    CU_ASSERT_EQUAL(b.n_closed, 1);
    CU_ASSERT_EQUAL(b.code, VDC_E_PROTOCOL);
    port_destroy(raw);
    mux_destroy(b.mux);
    event_base_free(base);
}

#define BREAKS(...)                                          \
    do {                                                     \
        static const uint32_t frames[][3] = { __VA_ARGS__ }; \
        breaks(frames, sizeof(frames) / sizeof(frames[0]));  \
    } while (0)

static void test_rules(void)
{
    BREAKS({ 2, 1, 5 });                           /* not open */
    BREAKS({ 9, 1, 0 });                           /* no such kind */
    BREAKS({ 1, 2, 0 });                           /* not its to open */
    BREAKS({ 1, 1, 256 });                         /* label too long */
    BREAKS({ 1, 5, 0 }, { 1, 3, 0 });              /* goes back */
    BREAKS({ 1, 1, 0 }, { 1, 1, 0 });              /* twice */
    BREAKS({ 1, 1, 0 }, { 3, 1, 4 });              /* over a window */
    BREAKS({ 1, 1, 0 }, { 3, 1, 3 });              /* no number */
    BREAKS({ 1, 1, 0 }, { 4, 1, 0 }, { 2, 1, 1 }); /* after its end */
    BREAKS({ 1, 1, 0 }, { 4, 1, 0 }, { 4, 1, 0 }); /* ended twice */
    BREAKS({ 1, 1, 0 }, { 2, 1, MUX_MESSAGE_MAX + 1 });
    BREAKS({ 1, 1, 0 }, { 5, 1, 0 }, { 5, 1, 0 }, { 2, 1, 1 });
    BREAKS({ 3, 0, 4 });
}

static void test_over_credit(void)
{
    struct port *raw, *y;

    ports(&raw, &y);
    b.mux = mux_new(y, RING_TAKER, base, &ops, &b);
    b.pause_first = true;
    put(raw, 1, 1, 0);
    unsigned n = 0;
    for (; n < 10000 && !b.n_closed; n++)
        put(raw, 2, 1, 0);
    CU_ASSERT_EQUAL(n, MUX_WINDOW / MUX_OVERHEAD + 1);
    CU_ASSERT_EQUAL(b.code, VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(b.heard[0].n_closed, 1);
    port_destroy(raw);
    mux_destroy(b.mux);
    event_base_free(base);
}

static void test_too_many(void)
{
    struct port *raw, *y;

    ports(&raw, &y);
    b.mux = mux_new(y, RING_TAKER, base, &ops, &b);
    uint32_t id = 1;
    for (; id < 10000 && !b.n_closed; id += 2)
        put(raw, 1, id, 0);
    CU_ASSERT_EQUAL(id / 2, MUX_STREAMS_MAX + 1);
    CU_ASSERT_EQUAL(b.code, VDC_E_PROTOCOL);
    port_destroy(raw);
    mux_destroy(b.mux);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "back and forth", test_echo },
    { "a slow stream does not block another", test_slow },
    { "large messages", test_large },
    { "resets", test_reset },
    { "many streams", test_many },
    { "rules", test_rules },
    { "more than the credit", test_over_credit },
    { "too many streams", test_too_many },
};

UNIT_MAIN("chan/mux", tests)
