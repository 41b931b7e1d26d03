/*
 * What the files of bench_chan share: ways to send messages between two
 * threads, each with one end of a channel.  Ours are the ring by itself
 * (written and read in place) and the port (copied in and out, as programs use
 * it); Xen's is Debian's libxenvchan, on the stand-in of tests/unit/chan.
 */
#ifndef TESTS_BENCH_BENCH_CHAN_H
#define TESTS_BENCH_BENCH_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chan/link.h"
#include "chan/port.h"
#include "chan/ring.h"

#define BATCH 32 /* messages shown to the other end together */
#define MESSAGE_MOST 65536u

struct libxenvchan;

/* One end.  A thread works with one alone, and so no line of the cache may
 * hold parts of two. */
struct lane {
    _Alignas(256) struct libxenvchan *vchan;
    struct ring ring;
    struct link *link;
    struct port *port;
    bool sent_last; /* and taken nothing since */
    uint32_t taken; /* bytes since room was given back */
    uint32_t size;  /* of each message: 8 bytes or more */
    bool spin;      /* else it sleeps when it has to wait */
    uint8_t *buffer, *message;
    uint64_t n_notified;      /* of a ring */
    uint64_t n_sent, n_taken; /* each message begins with its number */
    uint64_t n_wrong, sum;
};

/* Each sends or takes n messages, and does not return before. */
typedef void lane_fn(struct lane *lane, uint64_t n);

struct way {
    const char *name;
    /* ends[0] sends, or asks. */
    void (*open)(struct lane *ends, uint32_t ring_size);
    void (*close)(struct lane *ends);
    /* Times either end woke the other, ever. */
    uint64_t (*notified)(const struct lane *ends);
    lane_fn *send, *receive;
    lane_fn *ask, *answer; /* each message answered by one of that size */
};

/* ---- bench_chan_vchan.c ---- */

/* A message is a length of 4 bytes and what follows; each written by one
 * call, and read by two, as there is no other way to learn its length. */
extern const struct way vchan_messages;
/* Records of one size, which both ends know: one call each. */
extern const struct way vchan_records;
/* The same, BATCH of them collected by the sender for one call; the reader
 * takes what is there, up to twice as many, in one call. */
extern const struct way vchan_batches;
/* Their `notified`, by the program, as the library does not count. */
uint64_t vchan_notified(const struct lane *ends);

/* ---- bench_chan_own.c ---- */

/* "One by one": the other end can see each before the next is made. */
extern const struct way ring_one_by_one;
extern const struct way ring_batches;
extern const struct way port_one_by_one;
extern const struct way port_batches;

/* ---- both ---- */

/* Gives up: this benchmark has no errors to live with. */
void die(const char *what) __attribute__((noreturn));

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* The next message to send, in lane->message but for its number. */
static inline void number_message(struct lane *lane, void *message)
{
    uint64_t number = lane->n_sent++;

    __builtin_memcpy(message, &number, sizeof(number));
}

/* What all ways do with what they took: look at its number, and at each of
 * its words. */
static inline void use_message(struct lane *lane, const void *data,
                               uint32_t size)
{
    const uint8_t *from = data;
    uint64_t word, sum = 0;

    __builtin_memcpy(&word, from, sizeof(word));
    lane->n_wrong += word != lane->n_taken++ || size != lane->size;
    for (uint32_t i = 0; i + 8 <= size; i += 8) {
        __builtin_memcpy(&word, from + i, sizeof(word));
        sum += word;
    }
    lane->sum += sum;
}

#endif
