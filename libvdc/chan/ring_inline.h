/*
 * What ring.h promises for each message, in the common case: no call, and no
 * look at what the other end writes but the message's own header, which is
 * read once.  Everything else is in ring.c.
 *
 * `easy` is a position up to which ring.c has checked all that depends on
 * positions; it is never behind this end's own.
 */
#ifndef VDC_CHAN_RING_INLINE_H
#define VDC_CHAN_RING_INLINE_H

#include <assert.h>

#include "chan/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A frame's header is one little-endian number of 64 bits: size in the lowest
 * 32, then 16 of type, then 16 of flags. */
#define RING_HEADER 8u
#define RING_FLAG_MORE 1u
#define RING_FLAG_PAD 2u

#define RING_WORD 16u /* copied at once */
#define RING_SHORT (4 * RING_WORD)

/* ring_copy.c's: of any size. */
void ring_fill_any(void *to, const void *from, uint32_t size);
/* ring.c's: the same when it is not easy. */
int ring_reserve_other(struct ring *ring, uint32_t size, uint8_t **ret);
void ring_commit_direct(struct ring *ring, uint32_t size, uint64_t header);
int ring_peek_other(struct ring *ring, struct ring_message *ret);
/* Behind a look at the header, which is not read again. */
int ring_peek_behind(struct ring *ring, uint64_t header,
                     struct ring_message *ret);

/* The bytes that a message of this size has in the ring. */
static inline uint32_t ring_frame_size(uint32_t size)
{
    return RING_HEADER + ((size + 7) & ~7u);
}

/* Whether it has no more than so many, a multiple of 8. */
static inline bool ring_frame_fits(uint32_t size, uint32_t room)
{
    return (uint64_t)size + RING_HEADER <= room;
}

/* Also seen by the thread of the other direction. */
static inline bool ring_is_broken(const struct ring *ring)
{
    return __atomic_load_n(&ring->broken, __ATOMIC_RELAXED);
}

/* Where the next frame is made, when it is made in the stage. */
static inline uint8_t *ring_staged(struct ring_out *out)
{
    return (uint8_t *)out->stage + (out->head - out->base);
}

/* Both halves of what is short are copied from their outer ends, and may
 * overlap. */
static inline void ring_fill(void *to, const void *from, uint32_t size)
{
    if (size - RING_WORD > RING_SHORT - RING_WORD) {
        ring_fill_any(to, from, size);
        return;
    }
    uint8_t *first = (uint8_t *)to, *last = first + size - RING_WORD;
    const uint8_t *source = (const uint8_t *)from;
    const uint8_t *source_last = source + size - RING_WORD;
    __builtin_memcpy(first, source, RING_WORD);
    if (size > 2 * RING_WORD) {
        __builtin_memcpy(first + RING_WORD, source + RING_WORD, RING_WORD);
        __builtin_memcpy(last - RING_WORD, source_last - RING_WORD, RING_WORD);
    }
    __builtin_memcpy(last, source_last, RING_WORD);
}

static inline int ring_reserve(struct ring *ring, uint32_t size, uint8_t **ret)
{
    struct ring_out *out = &ring->out;

    if (!ring_frame_fits(size, out->easy - out->head) || ring_is_broken(ring))
        return ring_reserve_other(ring, size, ret);
    out->reserved = ring_frame_size(size);
    *ret = ring_staged(out) + RING_HEADER;
    return 0;
}

static inline void ring_commit(struct ring *ring, uint32_t size, uint16_t type,
                               bool more)
{
    struct ring_out *out = &ring->out;
    uint64_t header = size | (uint64_t)type << 32 |
                      (uint64_t)(more ? RING_FLAG_MORE : 0) << 48;

    assert(ring_frame_fits(size, out->reserved));
    out->reserved = 0;
    if (out->direct) {
        ring_commit_direct(ring, size, header);
        return;
    }
    __builtin_memcpy(ring_staged(out), &header, sizeof(header));
    out->head += ring_frame_size(size);
}

static inline void ring_describe(const struct ring_in *in, uint64_t header,
                                 struct ring_message *ret)
{
    ret->data = in->data + (in->tail & (in->size - 1)) + RING_HEADER;
    ret->size = (uint32_t)header;
    ret->type = (uint16_t)(header >> 32);
    ret->more = header >> 48 & RING_FLAG_MORE;
}

static inline uint64_t ring_read_header(const struct ring_in *in)
{
    const void *at = in->data + (in->tail & (in->size - 1));

    return __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED);
}

static inline int ring_peek(struct ring *ring, struct ring_message *ret)
{
    struct ring_in *in = &ring->in;
    struct ring_message other; /* so that *ret can stay in registers */
    int rc;

    if (in->easy != in->tail && !in->frame && !ring_is_broken(ring)) {
        uint64_t header = ring_read_header(in);
        uint32_t size = (uint32_t)header;
        if (header >> 48 <= RING_FLAG_MORE &&
            ring_frame_fits(size, in->easy - in->tail)) {
            in->header = header;
            in->frame = ring_frame_size(size);
            ring_describe(in, header, ret);
            return 0;
        }
        rc = ring_peek_behind(ring, header, &other);
    } else {
        rc = ring_peek_other(ring, &other);
    }
    if (!rc)
        *ret = other;
    return rc;
}

static inline void ring_release(struct ring *ring)
{
    struct ring_in *in = &ring->in;

    assert(in->frame);
    in->tail += in->frame;
    in->frame = 0;
}

#ifdef __cplusplus
}
#endif

#endif
