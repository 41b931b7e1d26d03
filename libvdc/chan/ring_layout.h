/*
 * Where things are in the memory of a channel, for ring.c and its tests.
 * doc/channel-layout.md says the same in words, and what the values mean.
 */
#ifndef VDC_CHAN_RING_LAYOUT_H
#define VDC_CHAN_RING_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC 0x72636476u /* "vdcr" */
#define RING_VERSION 1u

/* Two cache lines: processors fetch them in pairs. */
#define RING_LINE 128

enum ring_state {
    RING_STATE_ABSENT = 0,
    RING_STATE_OPEN = 1,
    RING_STATE_FINISHED = 2,
    RING_STATE_CLOSED = 3
};

/* Written by one side alone.  What is written seldom is apart from what is
 * written with every message, so that looking at it costs the other side
 * nothing. */
struct ring_shared_side {
    uint8_t life;
    uint8_t state;
    uint8_t unused[2];
    uint32_t want_message;
    uint32_t want_room;
    uint8_t pad1[RING_LINE - 12];
    uint32_t head;
    uint8_t pad2[RING_LINE - 4];
    uint32_t tail;
    uint8_t pad3[RING_LINE - 4];
    uint8_t pad4[RING_LINE];
};

struct ring_shared {
    uint32_t magic;
    uint32_t version;
    uint32_t maker_to_taker;
    uint32_t taker_to_maker;
    uint8_t pad1[2 * RING_LINE - 16];
    struct ring_shared_side side[2]; /* by enum ring_side */
};

_Static_assert(offsetof(struct ring_shared, side) == 0x100, "layout");
_Static_assert(sizeof(struct ring_shared_side) == 0x200, "layout");
_Static_assert(offsetof(struct ring_shared_side, head) == 0x80, "layout");
_Static_assert(offsetof(struct ring_shared_side, tail) == 0x100, "layout");

/* Frames: ring_inline.h. */

#endif
