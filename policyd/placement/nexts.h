/*
 * Hosts that may be the next best of a search (index.c): a heap, the best one
 * first.
 */
#ifndef POLICYD_PLACEMENT_NEXTS_H
#define POLICYD_PLACEMENT_NEXTS_H

#include "policyd/placement/score.h"

struct next {
    struct placement_rank rank;
    uint16_t bucket;
    uint32_t at; /* in its heap */
};

/* All zero is an empty one; `items` is to be freed. */
struct nexts {
    struct next *items;
    uint32_t n;
    uint32_t max;
};

void nexts_push(struct nexts *nexts, struct next next);
/* There must be one. */
struct next nexts_pop(struct nexts *nexts);

#endif
