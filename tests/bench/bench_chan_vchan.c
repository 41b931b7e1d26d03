/*
 * Debian's libxenvchan, used in the three ways that a program can send
 * messages by a stream.  An end that spins uses the calls that do not block,
 * one after the other: the library has nothing else for it.
 */
#include <libxenvchan.h>
#include <string.h>

#include "tests/bench/bench_chan.h"

#define PATH "data/vchan/bench"

static void open_vchan(struct lane *ends, uint32_t ring_size)
{
    ends[1].vchan =
        libxenvchan_server_init(NULL, 0, PATH, ring_size, ring_size);
    ends[0].vchan = libxenvchan_client_init(NULL, 0, PATH);
    if (!ends[0].vchan || !ends[1].vchan)
        die("libxenvchan");
    for (int i = 0; i < 2; i++)
        ends[i].vchan->blocking = !ends[i].spin;
}

static void close_vchan(struct lane *ends)
{
    libxenvchan_close(ends[0].vchan);
    libxenvchan_close(ends[1].vchan);
}

/* All of it; blocking, these calls wait themselves. */
static void put(struct lane *lane, const void *data, uint32_t size)
{
    const uint8_t *from = data;

    for (uint32_t done = 0; done < size;) {
        int n = libxenvchan_write(lane->vchan, from + done, size - done);
        if (n < 0)
            die("libxenvchan_write");
        done += (uint32_t)n;
        if (n == 0)
            relax();
    }
}

static void get(struct lane *lane, void *data, uint32_t size)
{
    uint8_t *to = data;

    for (uint32_t done = 0; done < size;) {
        int n = libxenvchan_read(lane->vchan, to + done, size - done);
        if (n < 0)
            die("libxenvchan_read");
        done += (uint32_t)n;
        if (n == 0)
            relax();
    }
}

/* ---- messages ---- */

static void send_message(struct lane *lane)
{
    memcpy(lane->buffer, &lane->size, sizeof(lane->size));
    memcpy(lane->buffer + sizeof(lane->size), lane->message, lane->size);
    number_message(lane, lane->buffer + sizeof(lane->size));
    put(lane, lane->buffer, (uint32_t)sizeof(lane->size) + lane->size);
}

static void receive_message(struct lane *lane)
{
    uint32_t size;

    get(lane, &size, sizeof(size));
    if (size > MESSAGE_MOST)
        die("a length");
    get(lane, lane->buffer, size);
    use_message(lane, lane->buffer, size);
}

static void send_messages(struct lane *lane, uint64_t n)
{
    while (n--)
        send_message(lane);
}

static void receive_messages(struct lane *lane, uint64_t n)
{
    while (n--)
        receive_message(lane);
}

static void ask_messages(struct lane *lane, uint64_t n)
{
    while (n--) {
        send_message(lane);
        receive_message(lane);
    }
}

static void answer_messages(struct lane *lane, uint64_t n)
{
    while (n--) {
        receive_message(lane);
        send_message(lane);
    }
}

/* ---- records ---- */

static void send_record(struct lane *lane)
{
    number_message(lane, lane->message);
    put(lane, lane->message, lane->size);
}

static void receive_record(struct lane *lane)
{
    get(lane, lane->buffer, lane->size);
    use_message(lane, lane->buffer, lane->size);
}

static void send_records(struct lane *lane, uint64_t n)
{
    while (n--)
        send_record(lane);
}

static void receive_records(struct lane *lane, uint64_t n)
{
    while (n--)
        receive_record(lane);
}

static void ask_records(struct lane *lane, uint64_t n)
{
    while (n--) {
        send_record(lane);
        receive_record(lane);
    }
}

static void answer_records(struct lane *lane, uint64_t n)
{
    while (n--) {
        receive_record(lane);
        send_record(lane);
    }
}

/* ---- batches ---- */

static void send_batches(struct lane *lane, uint64_t n)
{
    while (n) {
        uint32_t k = n < BATCH ? (uint32_t)n : BATCH;
        for (uint32_t i = 0; i < k; i++) {
            uint8_t *at = lane->buffer + i * lane->size;
            memcpy(at, lane->message, lane->size);
            number_message(lane, at);
        }
        put(lane, lane->buffer, k * lane->size);
        n -= k;
    }
}

static void receive_batches(struct lane *lane, uint64_t n)
{
    uint32_t most = 2 * BATCH * lane->size, used = 0;

    while (n) {
        int r =
            libxenvchan_read(lane->vchan, lane->buffer + used, most - used);
        if (r < 0)
            die("libxenvchan_read");
        if (r == 0)
            relax();
        used += (uint32_t)r;
        uint32_t at = 0;
        for (; used - at >= lane->size; at += lane->size, n--)
            use_message(lane, lane->buffer + at, lane->size);
        memmove(lane->buffer, lane->buffer + at, used - at);
        used -= at;
    }
}

const struct way vchan_messages = {
    .name = "libxenvchan, length and message",
    .open = open_vchan,
    .close = close_vchan,
    .notified = vchan_notified,
    .send = send_messages,
    .receive = receive_messages,
    .ask = ask_messages,
    .answer = answer_messages,
};

const struct way vchan_records = {
    .name = "libxenvchan, records of one size",
    .open = open_vchan,
    .close = close_vchan,
    .notified = vchan_notified,
    .send = send_records,
    .receive = receive_records,
    .ask = ask_records,
    .answer = answer_records,
};

const struct way vchan_batches = {
    .name = "libxenvchan, 32 records a call",
    .open = open_vchan,
    .close = close_vchan,
    .notified = vchan_notified,
    .send = send_batches,
    .receive = receive_batches,
};
