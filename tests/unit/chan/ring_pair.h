/*
 * Both ends of a channel in one process, in memory with a guard page before
 * and behind, so that an access out of bounds ends the test.
 */
#ifndef TESTS_UNIT_CHAN_RING_PAIR_H
#define TESTS_UNIT_CHAN_RING_PAIR_H

#include "chan/ring.h"
#include "chan/ring_layout.h"

struct ring_pair {
    void *map;
    size_t map_size;
    uint8_t *memory;
    size_t size;
    uint32_t m, t; /* sizes of the rings */
    struct ring maker, taker;
};

/* Zeroed memory between guard pages; *ret_map and *ret_map_size are for
 * munmap.  Ends the program when there is none. */
void *guarded_memory(size_t size, void **ret_map, size_t *ret_map_size);

/* Both ends of rings whose positions begin at `position`, a multiple of 8. */
void pair_make(struct ring_pair *pair, uint32_t m, uint32_t t,
               uint32_t position);
/* Begins again in the same memory. */
void pair_remake(struct ring_pair *pair, uint32_t position);
void pair_free(struct ring_pair *pair);

struct ring_shared *pair_shared(struct ring_pair *pair);

/* Sends `size` bytes that follow from seed, and publishes; ring_reserve's
 * error. */
int pair_send(struct ring *ring, uint32_t size, uint32_t seed, bool more,
              bool *ret_notify);
/* Whether the next message is the one that pair_send sends with this size and
 * seed; takes it, and gives the room back. */
bool pair_receive(struct ring *ring, uint32_t size, uint32_t seed, bool more,
                  bool *ret_notify);

/* The bytes that follow from a seed. */
void seed_fill(uint8_t *to, uint32_t size, uint32_t seed);
bool seed_matches(const uint8_t *data, uint32_t size, uint32_t seed);

/* A number that follows from *state, which must not be 0. */
uint32_t next_random(uint64_t *state);

#endif
