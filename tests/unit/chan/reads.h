/*
 * For tests that compile a source of ours with its loads in their own hands:
 * whatever it loads of shared memory is counted, and right after it an enemy,
 * as fast as any can be, changes what was read.  To be included before that
 * source, once in a program.
 */
#ifndef TESTS_UNIT_CHAN_READS_H
#define TESTS_UNIT_CHAN_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static struct {
    bool on, lies;
    uint8_t *memory;
    size_t size;
    unsigned n;
    size_t offset[64];
} reads;

static inline void reads_seen(const volatile void *at, size_t size)
{
    const volatile uint8_t *byte = at;

    if (!reads.on || byte < reads.memory || byte >= reads.memory + reads.size)
        return;
    size_t offset = (size_t)(byte - reads.memory);
    reads.offset[reads.n++ % 64] = offset;
    for (size_t i = 0; reads.lies && i < size; i++)
        reads.memory[offset + i] ^= 0xff;
}

/* From here on loads of this memory are counted, and lied to. */
static inline void reads_begin(uint8_t *memory, size_t size, bool lies)
{
    reads.memory = memory;
    reads.size = size;
    reads.n = 0;
    reads.lies = lies;
    reads.on = true;
}

static inline void reads_end(void)
{
    reads.on = false;
}

/* How often the place that was read most was. */
static inline unsigned reads_most(size_t *ret_offset)
{
    unsigned most = 0;

    for (unsigned i = 0; i < reads.n && i < 64; i++) {
        unsigned n = 0;
        for (unsigned j = 0; j < reads.n && j < 64; j++)
            n += reads.offset[j] == reads.offset[i];
        if (n > most) {
            most = n;
            *ret_offset = reads.offset[i];
        }
    }
    return most;
}

#define __atomic_load_n(at, order)                                      \
    ({                                                                  \
        __typeof__(*(at)) value_ = *(volatile __typeof__(*(at)) *)(at); \
        reads_seen(at, sizeof(value_));                                 \
        value_;                                                         \
    })

#endif
