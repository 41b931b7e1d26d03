/*
 * Two rings in shared memory, one for each direction, as one end of a channel
 * sees them: doc/channel-layout.md says where each byte is.
 *
 * THE OTHER END IS HOSTILE.  It may write anything anywhere in this memory at
 * any time.  Each field it may write is read once, checked, and used from the
 * private copy; what this end has written is remembered here and never read
 * back.  The worst it can do is break its own channel: then each call returns
 * VDC_E_PROTOCOL, for ever.
 *
 * No system calls, no allocation, no locks; one thread a direction and end.
 * Nobody notifies here: calls say whether the other end wants to be notified.
 *
 * Messages: 0 to `most` bytes (half a ring less a header), a type of 16 bits,
 * and whether more pieces follow.  A message lies in one piece in the ring.
 */
#ifndef VDC_CHAN_RING_H
#define VDC_CHAN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RING_PAGE 4096u
#define RING_SIZE_MIN 4096u              /* bytes, of one direction */
#define RING_SIZE_MAX (4u * 1024 * 1024) /* powers of two between */
/* Of short messages, kept together before they are copied to the shared
 * memory. */
#define RING_STAGE 4096u

enum ring_side {
    RING_MAKER, /* who made the memory */
    RING_TAKER
};

/* Bytes of memory, a whole number of pages, for rings of these sizes; 0 when
 * a size is not a power of two from RING_SIZE_MIN to RING_SIZE_MAX. */
size_t ring_memory(uint32_t maker_to_taker, uint32_t taker_to_maker);

/* Offset of the byte that is 1 while this side's end lives: for the kernel
 * to clear when its mapping goes. */
size_t ring_life_offset(enum ring_side side);

/* Whether this side of the channel in this memory was ever arrived at, by
 * whatever process. */
bool ring_was_used(const void *memory, enum ring_side side);

/* All of it is ring.c's own. */
struct ring_out {
    uint8_t *data;
    uint32_t size;
    uint32_t head;      /* bytes written, ever (modulo 2^32); ours */
    uint32_t copied;    /* of these, in the shared memory */
    uint32_t base;      /* position of what is first in the stage */
    uint32_t claimed;   /* position of the first line not claimed yet */
    uint32_t flushed;   /* position of the first line not flushed yet */
    uint32_t told;      /* of these, published */
    uint32_t tail_seen; /* of these, taken by the other end, last read */
    uint32_t easy;      /* frames up to this position go to the stage, and need
                         * no look at anything; head: none does */
    uint32_t ready;     /* frames up to this position can be made in place at
                         * once, the first since others were published */
    uint32_t reserved;  /* bytes of the open reservation, its header too */
    uint32_t skip;      /* bytes of padding before it */
    bool direct;        /* in the shared memory, not in the stage */
    bool finished;
    bool can_flush; /* this processor can */
    uint64_t stage[RING_STAGE / 8];
};

struct ring_in {
    uint8_t *data;
    uint32_t size;
    uint32_t tail;      /* bytes taken, ever; ours */
    uint32_t told;      /* of these, given back */
    uint32_t head_seen; /* bytes written by the other end, last read */
    uint32_t easy;      /* up to this position they lie in one piece, and are
                         * no more than the largest frame */
    uint32_t frame;     /* bytes of the peeked message, its header too */
    uint64_t header;    /* of the peeked message, as it was checked */
};

struct ring_shared_side;

struct ring {
    uint8_t *memory;
    enum ring_side side;
    bool broken;
    struct ring_shared_side *ours;   /* written by us */
    struct ring_shared_side *theirs; /* by the other end */
    /* Each direction may have its thread. */
    uint8_t apart1[128];
    struct ring_out out;
    uint8_t apart2[128];
    struct ring_in in;
};

struct ring_message {
    const uint8_t *data; /* shared memory: may change while it is read */
    uint32_t size;
    uint16_t type;
    bool more; /* the next message goes on with this one */
};

/* Makes an empty channel in `size` zeroed bytes: VDC_E_BAD_VALUE for sizes
 * that ring_memory refuses. */
int ring_make(struct ring *ring, void *memory, size_t size,
              uint32_t maker_to_taker, uint32_t taker_to_maker,
              struct vdc_error *err);
/*
 * An end of a channel that was made: `side` says which.  The sizes were agreed
 * outside of the memory.  Goes on where this side was before, so that a
 * channel can be made by one process and used by another, or handed on.
 * VDC_E_PROTOCOL: what is there is no empty or used channel of these sizes, or
 * this side of it was closed; the ring is broken.
 */
int ring_attach(struct ring *ring, enum ring_side side, void *memory,
                size_t size, uint32_t maker_to_taker, uint32_t taker_to_maker,
                struct vdc_error *err);
/* The same, as RING_TAKER. */
int ring_take(struct ring *ring, void *memory, size_t size,
              uint32_t maker_to_taker, uint32_t taker_to_maker,
              struct vdc_error *err);

/* ---- sending ---- */

/* The most bytes of one message. */
uint32_t ring_most(const struct ring *ring);
/*
 * Room for a message of up to `size` bytes, to be written in place until it is
 * committed; several may be before they are published.  (A short message is
 * made in private memory, from where all go to the shared memory together:
 * many short stores to memory that the other end has in its cache are slow.)
 * VDC_E_BUSY: no room now (ask for notice with ring_want_room).
 * VDC_E_CLOSED: the other end is gone, which is looked for with the first
 * message after each ring_publish, and with others now and then.
 * VDC_E_PROTOCOL, VDC_E_BAD_VALUE (size > ring_most).
 */
static inline int ring_reserve(struct ring *ring, uint32_t size,
                               uint8_t **ret);
/* memcpy for who has a message in one piece, to where ring_reserve said: a
 * long one goes past the caches, as it is not this end that reads it. */
static inline void ring_fill(void *to, const void *from, uint32_t size);
/* The last reserved one is done, and has `size` bytes (no more than were
 * reserved).  A reservation that is not committed is given up by the next. */
static inline void ring_commit(struct ring *ring, uint32_t size, uint16_t type,
                               bool more);
/* The other end may see all that is committed.  true: notify it. */
bool ring_publish(struct ring *ring);

/* ---- receiving ---- */

/* The next message, which stays where it is until ring_release.
 * VDC_E_BUSY: none now.  VDC_E_CLOSED: none any more, the other end has
 * closed or died; VDC_E_PROTOCOL. */
static inline int ring_peek(struct ring *ring, struct ring_message *ret);
/* The peeked one is not needed any more.  Its bytes stay as they are until
 * ring_give_back, so that several can be looked at together. */
static inline void ring_release(struct ring *ring);
/* The other end may use the room.  true: notify it. */
bool ring_give_back(struct ring *ring);

/* ---- before sleeping ---- */

/*
 * Asks to be notified.  true: there is something already (a message, room for
 * `size` bytes, an end), do not sleep.
 *
 * What was committed must have been published, and what was released given
 * back: else both ends could sleep, each waiting for what the other kept.
 * The order that loses nothing: take what made the descriptor readable, do
 * all there is to do until VDC_E_BUSY, publish and give back, ask, sleep.
 */
bool ring_want_message(struct ring *ring);
bool ring_want_room(struct ring *ring, uint32_t size);

/* ---- the end ---- */

/* Publishes what is committed, and says that nothing more will be sent: what
 * was published can still be taken, and the other direction goes on.
 * true: notify. */
bool ring_finish(struct ring *ring);
/* This end is gone.  true: notify.  The ring must not be used any more; its
 * memory is the caller's to unmap. */
bool ring_close(struct ring *ring);
/* What the other end is, as far as this memory tells: a hostile one may say
 * anything. */
enum ring_other { RING_OTHER_ABSENT, RING_OTHER_OPEN, RING_OTHER_FINISHED,
                  RING_OTHER_GONE };
enum ring_other ring_other(const struct ring *ring);

#ifdef __cplusplus
}
#endif

#include "chan/ring_inline.h"

#endif
