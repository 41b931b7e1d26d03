/*
 * How ring.c brings messages into memory that another processor has in its
 * cache.  An end that waits for each line of it spends most of its time so.
 */
#ifndef VDC_CHAN_RING_COPY_H
#define VDC_CHAN_RING_COPY_H

#include <stdbool.h>
#include <stdint.h>

#define CACHE_LINE 64u

/*
 * Copies `size` bytes, a multiple of 8; both places are aligned to 8.  In
 * which order and by which stores is left open: nobody is to read them before
 * they are published, and a release store after this does that.  From 1 KiB
 * on they may go past the caches.
 */
void ring_copy(void *to, const void *from, uint32_t size);

/* Whether this processor has what ring_flush needs. */
bool ring_can_flush(void);
/* Takes `n` lines out of all caches, this processor's and the other end's,
 * soon; what is in them stays. */
void ring_flush(void *lines, uint32_t n);

#endif
