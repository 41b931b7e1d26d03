/*
 * The two rings of a channel.  Whoever holds one end calls this: chan/port
 * for programs, the tests with an enemy at the other end.
 *
 * Each field of the other side is read with one atomic load into a local,
 * checked against what this end knows by itself, and kept; no check is ever
 * followed by a second read.  Positions are counted in bytes, modulo 2^32,
 * and are multiples of 8.
 *
 * Sleeping: who wants to sleep stores what it waits for and then loads the
 * other's position once more; who moves a position stores it and then loads
 * what the other waits for.  Both stores and both loads are sequentially
 * consistent, so at least one of the two sees the other's store.
 */
#include "chan/ring.h"

#include <assert.h>
#include <string.h>

#include "chan/ring_copy.h"
#include "chan/ring_layout.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the layout is little-endian"
#endif

#define LOAD(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define LOAD_RELAXED(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define LOAD_ORDERED(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#define STORE_RELAXED(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
#define STORE_ORDERED(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)

#define CLAIM (8 * CACHE_LINE) /* at once, when there are few left */
#define FEW (2 * CACHE_LINE)
#define CLAIM_MOST (CLAIM + FEW)
#define FLUSH (512 * CACHE_LINE) /* at once */
/* A frame of more bytes is made in the shared memory at once. */
#define STAGED_MOST 1024u

static bool is_ring_size(uint32_t size)
{
    return size >= RING_SIZE_MIN && size <= RING_SIZE_MAX &&
           (size & (size - 1)) == 0;
}

size_t ring_memory(uint32_t maker_to_taker, uint32_t taker_to_maker)
{
    if (!is_ring_size(maker_to_taker) || !is_ring_size(taker_to_maker))
        return 0;
    return (size_t)RING_PAGE + maker_to_taker + taker_to_maker;
}

size_t ring_life_offset(enum ring_side side)
{
    return offsetof(struct ring_shared, side) +
           (size_t)side * sizeof(struct ring_shared_side) +
           offsetof(struct ring_shared_side, life);
}

bool ring_was_used(const void *memory, enum ring_side side)
{
    const struct ring_shared *shared = memory;

    return LOAD(&shared->side[side].state) != RING_STATE_ABSENT;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most_of(uint32_t ring_size)
{
    return ring_size / 2 - RING_HEADER;
}

static int break_ring(struct ring *ring)
{
    STORE_RELAXED(&ring->broken, true);
    return VDC_E_PROTOCOL;
}

/* Whether a position that went from `from` to `to` passed `asked`: that is,
 * asked is one of from, ..., to - 1. */
static bool passed(uint32_t asked, uint32_t from, uint32_t to)
{
    return to - asked - 1 < to - from;
}

/* ---- making ---- */

static int set_up(struct ring *ring, enum ring_side side, void *memory,
                  size_t size, uint32_t maker_to_taker,
                  uint32_t taker_to_maker, struct vdc_error *err)
{
    size_t needed = ring_memory(maker_to_taker, taker_to_maker);
    struct ring_shared *shared = memory;
    uint8_t *first = (uint8_t *)memory + RING_PAGE;
    uint8_t *second = first + maker_to_taker;
    bool maker = side == RING_MAKER;

    assert((uintptr_t)memory % RING_HEADER == 0);
    memset(ring, 0, sizeof(*ring));
    ring->broken = true; /* until all is well */
    if (!needed)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "rings of %u and %u bytes: a size is a power of "
                             "two from %u to %u",
                             maker_to_taker, taker_to_maker, RING_SIZE_MIN,
                             RING_SIZE_MAX);
    if (size < needed)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "rings of %u and %u bytes need %zu bytes of "
                             "memory, not %zu",
                             maker_to_taker, taker_to_maker, needed, size);
    ring->memory = memory;
    ring->side = side;
    ring->ours = &shared->side[side];
    ring->theirs = &shared->side[maker ? RING_TAKER : RING_MAKER];
    ring->out.data = maker ? first : second;
    ring->out.size = maker ? maker_to_taker : taker_to_maker;
    ring->out.can_flush = ring_can_flush();
    ring->in.data = maker ? second : first;
    ring->in.size = maker ? taker_to_maker : maker_to_taker;
    return 0;
}

/* In this order: who sees a state sees that the end lives. */
static void arrive(struct ring *ring)
{
    ring->broken = false;
    STORE(&ring->ours->life, 1);
    if (!ring->out.finished)
        STORE(&ring->ours->state, RING_STATE_OPEN);
}

int ring_make(struct ring *ring, void *memory, size_t size,
              uint32_t maker_to_taker, uint32_t taker_to_maker,
              struct vdc_error *err)
{
    struct ring_shared *shared = memory;
    int rc = set_up(ring, RING_MAKER, memory, size, maker_to_taker,
                    taker_to_maker, err);

    if (rc)
        return rc;
    STORE_RELAXED(&shared->version, RING_VERSION);
    STORE_RELAXED(&shared->maker_to_taker, maker_to_taker);
    STORE_RELAXED(&shared->taker_to_maker, taker_to_maker);
    STORE(&shared->magic, RING_MAGIC);
    arrive(ring);
    return 0;
}

/* Whether `used` bytes can be in a ring of this size. */
static bool can_be_used(uint32_t used, uint32_t size)
{
    return used <= size && used % RING_HEADER == 0;
}

/* Positions as this side left them; false: the four do not fit together. */
static bool resume(struct ring *ring)
{
    struct ring_out *out = &ring->out;
    struct ring_in *in = &ring->in;
    uint8_t state = LOAD(&ring->ours->state);

    out->head = out->told = LOAD_RELAXED(&ring->ours->head);
    out->copied = out->claimed = out->flushed = out->head;
    out->easy = out->ready = out->head;
    in->tail = in->told = in->easy = LOAD_RELAXED(&ring->ours->tail);
    out->tail_seen = LOAD(&ring->theirs->tail);
    in->head_seen = LOAD(&ring->theirs->head);
    out->finished = state == RING_STATE_FINISHED;
    return state <= RING_STATE_FINISHED && out->head % RING_HEADER == 0 &&
           in->tail % RING_HEADER == 0 &&
           can_be_used(out->head - out->tail_seen, out->size) &&
           can_be_used(in->head_seen - in->tail, in->size);
}

int ring_attach(struct ring *ring, enum ring_side side, void *memory,
                size_t size, uint32_t maker_to_taker, uint32_t taker_to_maker,
                struct vdc_error *err)
{
    struct ring_shared *shared = memory;
    int rc =
        set_up(ring, side, memory, size, maker_to_taker, taker_to_maker, err);

    if (rc)
        return rc;
    if (LOAD(&shared->magic) != RING_MAGIC ||
        LOAD_RELAXED(&shared->version) != RING_VERSION)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the memory holds no channel of version %u",
                             RING_VERSION);
    if (LOAD_RELAXED(&shared->maker_to_taker) != maker_to_taker ||
        LOAD_RELAXED(&shared->taker_to_maker) != taker_to_maker)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the memory holds a channel of other sizes");
    if (!resume(ring))
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the channel was closed, or its positions "
                             "contradict each other");
    arrive(ring);
    return 0;
}

int ring_take(struct ring *ring, void *memory, size_t size,
              uint32_t maker_to_taker, uint32_t taker_to_maker,
              struct vdc_error *err)
{
    return ring_attach(ring, RING_TAKER, memory, size, maker_to_taker,
                       taker_to_maker, err);
}

/* ---- the end ---- */

static inline enum ring_other look_at_other(const struct ring *ring)
{
    /* In this order, because they were written in the other. */
    uint8_t state = LOAD(&ring->theirs->state);
    uint8_t life = LOAD(&ring->theirs->life);

    if (state == RING_STATE_ABSENT)
        return RING_OTHER_ABSENT;
    if (!life || state >= RING_STATE_CLOSED)
        return RING_OTHER_GONE;
    return state == RING_STATE_FINISHED ? RING_OTHER_FINISHED
                                        : RING_OTHER_OPEN;
}

enum ring_other ring_other(const struct ring *ring)
{
    return look_at_other(ring);
}

bool ring_finish(struct ring *ring)
{
    if (ring->out.finished)
        return false;
    ring_publish(ring);
    ring->out.finished = true;
    ring->out.reserved = 0;
    ring->out.easy = ring->out.ready = ring->out.head;
    STORE_ORDERED(&ring->ours->state, RING_STATE_FINISHED);
    return true;
}

bool ring_close(struct ring *ring)
{
    ring->out.finished = true;
    STORE_ORDERED(&ring->ours->state, RING_STATE_CLOSED);
    STORE_ORDERED(&ring->ours->life, 0);
    return true;
}

/* ---- sending ---- */

uint32_t ring_most(const struct ring *ring)
{
    return most_of(ring->out.size);
}

static uint32_t room(const struct ring_out *out)
{
    return out->size - (out->head - out->tail_seen);
}

/* Takes over a position of the other end's: it can have taken no more than it
 * was told of, and cannot go back. */
static bool accept_tail(struct ring_out *out, uint32_t tail)
{
    if (out->told - tail > out->told - out->tail_seen ||
        tail % RING_HEADER != 0)
        return false;
    out->tail_seen = tail;
    return true;
}

/* Bytes to the end of the memory that a frame here would leave unused. */
static uint32_t skip_before(const struct ring_out *out, uint32_t frame)
{
    uint32_t rest = out->size - (out->head & (out->size - 1));

    return frame > rest ? rest : 0;
}

/* In one piece, as what is staged never goes over the end of the memory. */
static void copy_staged(struct ring_out *out)
{
    uint32_t n = out->head - out->copied;
    void *at = out->data + (out->copied & (out->size - 1));

    if (!n)
        return;
    ring_copy(at, out->stage + (out->copied - out->base) / 8, n);
    out->copied = out->head;
}

/* Bytes from head on that can be staged without a look. */
static uint32_t easy_room(const struct ring_out *out)
{
    uint32_t rest = out->size - (out->head & (out->size - 1));
    uint32_t stage = RING_STAGE - (out->head - out->base);

    return least(least(rest, stage), room(out));
}

/* Where a frame is to be made that begins after `skip` bytes. */
static uint8_t *place(struct ring_out *out, uint32_t frame, uint32_t skip)
{
    uint32_t at = (out->head + skip) & (out->size - 1);

    out->direct = frame > STAGED_MOST || skip;
    if (out->direct || at == 0 || out->head - out->base + frame > RING_STAGE)
        copy_staged(out);
    if (out->direct) {
        out->easy = out->head;
        return out->data + at;
    }
    if (out->copied == out->head)
        out->base = out->head;
    out->easy = out->head + easy_room(out);
    return ring_staged(out);
}

static int reserve_anywhere(struct ring *ring, uint32_t size, uint8_t **ret)
{
    struct ring_out *out = &ring->out;

    if (size > most_of(out->size))
        return VDC_E_BAD_VALUE;
    if (out->finished || look_at_other(ring) == RING_OTHER_GONE)
        return VDC_E_CLOSED;
    uint32_t frame = ring_frame_size(size);
    uint32_t skip = skip_before(out, frame);
    if (skip + frame > room(out)) {
        if (!accept_tail(out, LOAD(&ring->theirs->tail)))
            return break_ring(ring);
        if (skip + frame > room(out))
            return VDC_E_BUSY;
    }
    out->reserved = frame;
    out->skip = skip;
    *ret = place(out, frame, skip) + RING_HEADER;
    return 0;
}

/* The first message since others were published is made in the lines that
 * were claimed for it. */
int ring_reserve_other(struct ring *ring, uint32_t size, uint8_t **ret)
{
    struct ring_out *out = &ring->out;

    if (ring_is_broken(ring))
        return VDC_E_PROTOCOL;
    if (out->head != out->told ||
        !ring_frame_fits(size, out->ready - out->head))
        return reserve_anywhere(ring, size, ret);
    if (look_at_other(ring) == RING_OTHER_GONE)
        return VDC_E_CLOSED;
    out->easy = out->head;
    out->direct = true;
    out->skip = 0;
    out->reserved = ring_frame_size(size);
    *ret = out->data + (out->head & (out->size - 1)) + RING_HEADER;
    return 0;
}

void ring_commit_direct(struct ring *ring, uint32_t size, uint64_t header)
{
    struct ring_out *out = &ring->out;
    void *pad = out->data + (out->head & (out->size - 1));

    if (out->skip) {
        STORE_RELAXED((uint64_t *)pad, (uint64_t)RING_FLAG_PAD << 48 |
                                           (out->skip - RING_HEADER));
        out->head += out->skip;
    }
    void *frame = out->data + (out->head & (out->size - 1));
    STORE_RELAXED((uint64_t *)frame, header);
    out->head += ring_frame_size(size);
    out->copied = out->easy = out->head;
}

/*
 * A line that both ends have in their caches has to be taken from the other
 * end before it can be written, which is slow when that is far; one that no
 * cache has comes from memory, and processors fetch it ahead.  So what the
 * other end has read is flushed long before it is claimed, and much at once,
 * as the next publish waits for it.
 */
static void flush_lines(struct ring_out *out)
{
    uint32_t end = out->tail_seen + out->size;

    if (!out->can_flush)
        return;
    if (out->flushed - out->claimed > FLUSH + CLAIM)
        out->flushed = out->claimed;
    if (out->flushed - out->claimed > CLAIM)
        return;
    uint32_t at = out->flushed & (out->size - 1);
    uint32_t n = least(least(end - out->flushed, FLUSH), out->size - at);
    ring_flush(out->data + at, n / CACHE_LINE);
    out->flushed += n & ~(CACHE_LINE - 1);
}

/*
 * Stores something to the lines that come next, which the other end has in its
 * cache since it read them, so that this end's cache has them when they are
 * needed.  Several at once take hardly longer than one, for which the next
 * publish would have to wait.  (A prefetch for writing does not do it on all
 * processors.)  Not into a message that is being made.
 */
static void claim_lines(struct ring_out *out)
{
    uint32_t ahead = out->claimed - out->head;
    bool some = ahead <= CLAIM_MOST;

    if (out->reserved || room(out) < CLAIM_MOST || (some && ahead >= FEW))
        return;
    uint32_t rest = out->size - (out->head & (out->size - 1));
    if (!some)
        out->claimed = (out->head + CACHE_LINE) & ~(CACHE_LINE - 1);
    flush_lines(out);
    for (unsigned i = 0; i < CLAIM / CACHE_LINE; i++) {
        void *line = out->data + (out->claimed & (out->size - 1));
        STORE_RELAXED((uint64_t *)line, 0);
        out->claimed += CACHE_LINE;
    }
    out->ready = out->head + least(rest, out->claimed - out->head);
}

bool ring_publish(struct ring *ring)
{
    struct ring_out *out = &ring->out;
    uint32_t from = out->told;

    if (out->head == from || ring_is_broken(ring))
        return false;
    if (out->copied != out->head)
        copy_staged(out);
    out->told = out->head;
    if (out->ready - out->head > CLAIM_MOST)
        out->ready = out->head;
    if (!out->reserved)
        out->easy = out->head; /* the next looks whether anybody is there */
    STORE_ORDERED(&ring->ours->head, out->head);
    bool wanted =
        passed(LOAD_ORDERED(&ring->theirs->want_message), from, out->head);
    if (out->head - from <= CLAIM / 2)
        claim_lines(out);
    return wanted;
}

/* ---- receiving ---- */

/* Takes over a position of the other end's, when all before it was taken. */
static bool accept_head(struct ring_in *in, uint32_t head)
{
    if (!can_be_used(head - in->tail, in->size))
        return false;
    in->head_seen = head;
    return true;
}

static int look_for_more(struct ring *ring)
{
    struct ring_in *in = &ring->in;

    if (!accept_head(in, LOAD(&ring->theirs->head)))
        return break_ring(ring);
    if (in->head_seen != in->tail)
        return 0;
    enum ring_other other = ring_other(ring);
    if (other != RING_OTHER_FINISHED && other != RING_OTHER_GONE)
        return VDC_E_BUSY;
    /* It may have written between the first look and its end. */
    if (!accept_head(in, LOAD(&ring->theirs->head)))
        return break_ring(ring);
    return in->head_seen != in->tail ? 0 : VDC_E_CLOSED;
}

static uint16_t header_flags(uint64_t header)
{
    return (uint16_t)(header >> 48);
}

/* The bytes to pass over when the header is of padding: it fills the memory
 * to its end, was needed, and has a message after it.  0: it is wrong. */
static uint32_t padding(const struct ring_in *in, uint64_t header)
{
    uint32_t rest = in->size - (in->tail & (in->size - 1));

    if (header != ((uint64_t)RING_FLAG_PAD << 48 | (rest - RING_HEADER)) ||
        rest >= in->size / 2 || rest >= in->head_seen - in->tail)
        return 0;
    return rest;
}

/* Takes over a header, after which there is its frame; false: it is wrong. */
static bool open_frame(struct ring_in *in, uint64_t header)
{
    if (header_flags(header) & RING_FLAG_PAD) {
        uint32_t skip = padding(in, header);
        if (!skip)
            return false;
        in->tail += skip;
        header = ring_read_header(in);
    }
    uint32_t rest = in->size - (in->tail & (in->size - 1));
    uint32_t most = least(in->head_seen - in->tail, least(rest, in->size / 2));
    if ((header_flags(header) & ~RING_FLAG_MORE) ||
        !ring_frame_fits((uint32_t)header, most))
        return false;
    in->easy = in->tail + most;
    in->header = header;
    in->frame = ring_frame_size((uint32_t)header);
    return true;
}

int ring_peek_behind(struct ring *ring, uint64_t header,
                     struct ring_message *ret)
{
    if (!open_frame(&ring->in, header))
        return break_ring(ring);
    ring_describe(&ring->in, ring->in.header, ret);
    return 0;
}

int ring_peek_other(struct ring *ring, struct ring_message *ret)
{
    struct ring_in *in = &ring->in;

    if (ring_is_broken(ring))
        return VDC_E_PROTOCOL;
    if (in->frame) {
        ring_describe(in, in->header, ret);
        return 0;
    }
    int rc = in->tail == in->head_seen ? look_for_more(ring) : 0;
    if (rc)
        return rc;
    return ring_peek_behind(ring, ring_read_header(in), ret);
}

bool ring_give_back(struct ring *ring)
{
    struct ring_in *in = &ring->in;
    uint32_t from = in->told;

    if (in->tail == from || ring_is_broken(ring))
        return false;
    in->told = in->tail;
    STORE_ORDERED(&ring->ours->tail, in->tail);
    return passed(LOAD_ORDERED(&ring->theirs->want_room), from, in->tail);
}

/* ---- before sleeping ---- */

bool ring_want_message(struct ring *ring)
{
    struct ring_in *in = &ring->in;

    if (ring_is_broken(ring) || in->frame || in->tail != in->head_seen)
        return true;
    assert(in->told == in->tail);
    STORE_ORDERED(&ring->ours->want_message, in->tail);
    if (!accept_head(in, LOAD_ORDERED(&ring->theirs->head))) {
        break_ring(ring);
        return true;
    }
    enum ring_other other = ring_other(ring);
    return in->head_seen != in->tail || other == RING_OTHER_FINISHED ||
           other == RING_OTHER_GONE;
}

bool ring_want_room(struct ring *ring, uint32_t size)
{
    struct ring_out *out = &ring->out;

    if (ring_is_broken(ring) || out->finished || size > most_of(out->size))
        return true;
    assert(out->told == out->head);
    uint32_t frame = ring_frame_size(size);
    uint32_t needed = skip_before(out, frame) + frame;
    if (needed <= room(out))
        return true;
    /* There is room from this position of the other end's on. */
    uint32_t enough = out->head + needed - out->size;
    STORE_ORDERED(&ring->ours->want_room, enough - 1);
    if (!accept_tail(out, LOAD_ORDERED(&ring->theirs->tail))) {
        break_ring(ring);
        return true;
    }
    return needed <= room(out) || ring_other(ring) == RING_OTHER_GONE;
}
