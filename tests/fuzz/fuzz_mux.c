/*
 * Fuzz target: any frames, and any bytes anywhere in the shared memory, from
 * the other end of a channel with streams, while this end opens, sends,
 * pauses and ends streams of its own.  It must end with no more than the
 * channel lost: after on_close, each stream has been told so.
 *
 * The input is a list of commands, a byte each with what it takes after it.
 * With libFuzzer (configure --enable-fuzz CC=clang).
 */
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "chan/mux.h"

#define RING 4096u
#define STREAMS 16

struct input {
    const uint8_t *at;
    size_t left;
};

struct one {
    struct mux_stream *stream; /* NULL: none */
    bool reset_at_message;
};

struct fuzzed {
    struct mux *mux;
    struct one ones[STREAMS];
    bool over;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t next(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->at++;
}

static uint32_t next_wide(struct input *input)
{
    uint32_t value = next(input);

    for (unsigned i = 1; i < 4; i++)
        value |= (uint32_t)next(input) << 8 * i;
    return value;
}

/* ---- our end ---- */

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct one *one = arg;
    volatile uint8_t sum = 0;

    assert(one->stream && size <= MUX_MESSAGE_MAX);
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + data[i]);
    if (one->reset_at_message) {
        mux_reset(one->stream);
        one->stream = NULL;
    }
}

static void on_room(void *arg)
{
    assert(((struct one *)arg)->stream);
}

static void on_stream_close(void *arg, const struct vdc_error *err)
{
    struct one *one = arg;

    assert(one->stream && err->code);
    one->stream = NULL;
}

static const struct mux_stream_ops stream_ops = { on_message, on_room, on_room,
                                                  on_stream_close };

static struct one *free_one(struct fuzzed *f)
{
    for (unsigned i = 0; i < STREAMS; i++)
        if (!f->ones[i].stream)
            return &f->ones[i];
    return NULL;
}

static void on_open(void *arg, struct mux_stream *stream, const uint8_t *label,
                    size_t size)
{
    struct one *one = free_one(arg);

    assert(size <= MUX_LABEL_MAX);
    if (!one || (size && label[0] == 'x')) {
        mux_reset(stream);
        return;
    }
    one->stream = stream;
    one->reset_at_message = size && label[0] == 'r';
    mux_accept(stream, &stream_ops, one);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct fuzzed *f = arg;

    assert(!f->over && err->code);
    for (unsigned i = 0; i < STREAMS; i++)
        assert(!f->ones[i].stream);
    f->over = true;
}

static const struct mux_ops ops = { on_open, on_close };

static void act(struct fuzzed *f, uint8_t what, struct input *input)
{
    static const uint8_t bytes[2000];
    struct one *one = &f->ones[next(input) % STREAMS];

    if (f->over)
        return;
    if (!one->stream) {
        one->reset_at_message = false;
        if (mux_open(f->mux, bytes, what, &stream_ops, one, &one->stream))
            one->stream = NULL;
    } else if (what % 5 == 0) {
        mux_pause(one->stream);
    } else if (what % 5 == 1) {
        mux_resume(one->stream);
    } else if (what % 5 == 2) {
        mux_finish(one->stream);
    } else if (what % 5 == 3) {
        mux_reset(one->stream);
        one->stream = NULL;
    } else {
        mux_send(one->stream, bytes, next(input) * 7);
    }
}

/* ---- the other end ---- */

static void send_frame(struct port *port, uint16_t type, struct input *input)
{
    uint8_t frame[4 + 9000] = { next(input), next(input) % 2 };
    size_t size = next(input);

    /* short ones, and what comes in pieces */
    size = size < 200 ? size : size * 35;
    for (size_t i = 4; i < 12; i++)
        frame[i] = next(input);
    port_queue(port, type, frame, size);
    port_flush(port);
    for (struct port_message m; port_take(port, &m) == 0;)
        ;
}

static void lie(uint8_t *memory, size_t size, struct input *input)
{
    size_t at = next_wide(input) % (size / 4) * 4;
    uint32_t value = next_wide(input);

    memcpy(memory + at, &value, 4);
}

static void run(struct fuzzed *f, struct port *port, uint8_t *memory,
                size_t size, struct event_base *base, struct input *input)
{
    while (input->left) {
        uint8_t what = next(input);
        if (what < 128)
            send_frame(port, what % 7, input);
        else if (what < 140)
            lie(memory, size, input);
        else if (what < 220)
            act(f, what, input);
        if (what % 3 == 0)
            event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    port_destroy(port);
    for (unsigned i = 0; i < 8 && !f->over; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t pages = (uint32_t)(ring_memory(RING, RING) / RING_PAGE);
    struct event_base *base = event_base_new();
    struct input input = { data, size };
    struct fuzzed f = { 0 };
    struct link_offer offer;
    struct link *x, *y;
    struct port *own, *theirs;

    if (!base || link_give(LINK_MEMORY, 0, pages, 0, &x, &offer, NULL) ||
        link_join(&offer, 0, &y, NULL))
        abort();
    uint8_t *memory = y->memory;
    if (port_new(x, RING_MAKER, RING, RING, NULL, &own, NULL) ||
        port_new(y, RING_TAKER, RING, RING, NULL, &theirs, NULL))
        abort();
    f.mux = mux_new(own, RING_MAKER, base, &ops, &f);
    run(&f, theirs, memory, (size_t)pages * RING_PAGE, base, &input);
    mux_destroy(f.mux);
    event_base_free(base);
    return 0;
}
