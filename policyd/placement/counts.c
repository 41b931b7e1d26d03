/*
 * Counters in a hash table: open addressing, and what is taken out is filled
 * from behind, so that no graves slow the search down.
 */
#include "policyd/placement/counts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct placement_counter {
    uint64_t key;
    uint64_t value;
};

static uint64_t key_of(enum placement_count kind, uint32_t a, uint32_t b)
{
    return (uint64_t)kind << 60 | (uint64_t)a << 30 | b;
}

/* The finaliser of splitmix64: <https://prng.di.unimi.it/splitmix64.c>. */
static uint32_t home_of(const struct placement_counts *counts, uint64_t key)
{
    key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(key ^ key >> 31) & (counts->n_slots - 1);
}

static uint32_t find(const struct placement_counts *counts, uint64_t key)
{
    uint32_t at = home_of(counts, key);

    while (counts->slots[at].value && counts->slots[at].key != key)
        at = (at + 1) & (counts->n_slots - 1);
    return at;
}

void placement_counts_fini(struct placement_counts *counts)
{
    free(counts->slots);
    *counts = (struct placement_counts){ 0 };
}

void placement_counts_copy(struct placement_counts *to,
                           const struct placement_counts *from)
{
    size_t size = from->n_slots * sizeof(*from->slots);

    *to = *from;
    if (!size)
        return;
    to->slots = xzalloc(size);
    memcpy(to->slots, from->slots, size);
}

uint64_t placement_counts_get(const struct placement_counts *counts,
                              enum placement_count kind, uint32_t a,
                              uint32_t b)
{
    if (!counts->n_used)
        return 0;
    return counts->slots[find(counts, key_of(kind, a, b))].value;
}

static void grow(struct placement_counts *counts)
{
    struct placement_counts old = *counts;

    counts->n_slots = old.n_slots ? old.n_slots * 2 : 64;
    counts->slots = xzalloc(counts->n_slots * sizeof(*counts->slots));
    for (uint32_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].value)
            counts->slots[find(counts, old.slots[i].key)] = old.slots[i];
    free(old.slots);
}

/* Whatever comes behind in the same run and may stand here moves up. */
static void take_out(struct placement_counts *counts, uint32_t gap)
{
    uint32_t mask = counts->n_slots - 1;
    uint32_t at = gap;

    for (;;) {
        at = (at + 1) & mask;
        if (!counts->slots[at].value)
            break;
        uint32_t home = home_of(counts, counts->slots[at].key);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        counts->slots[gap] = counts->slots[at];
        gap = at;
    }
    counts->slots[gap] = (struct placement_counter){ 0 };
    counts->n_used--;
}

void placement_counts_add(struct placement_counts *counts,
                          enum placement_count kind, uint32_t a, uint32_t b,
                          int64_t n)
{
    uint64_t key = key_of(kind, a, b);

    if (n == 0)
        return;
    if (counts->n_used * 2 >= counts->n_slots)
        grow(counts);
    uint32_t at = find(counts, key);
    struct placement_counter *slot = &counts->slots[at];
    assert(n > 0 || slot->value >= (uint64_t)-n);
    if (!slot->value)
        counts->n_used++;
    slot->key = key;
    slot->value += (uint64_t)n;
    if (!slot->value)
        take_out(counts, at);
}

size_t placement_counts_size(const struct placement_counts *counts)
{
    return counts->n_slots * sizeof(*counts->slots);
}
