/*
 * Things by what they are called; see table.h.
 *
 * Slots are searched one after the other from where the hash says; whatever
 * is removed, those behind it move up, so that none is marked.  The hashes are
 * kept, as looking at the things themselves is what takes the time.
 */
#include "policyd/store/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/uuid.h"

#define SLOTS_FIRST 16

/* ---- hashes ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const uint64_t *seed(void)
{
    static uint64_t words[2];
    struct vdc_uuid random;

    if (!words[0]) {
        uuid_random(&random);
        memcpy(words, random.bytes, sizeof(words));
        words[0] |= 1;
        words[1] |= 1;
    }
    return words;
}

uint32_t table_hash(const void *data, size_t size, uint64_t more)
{
    const uint64_t *random = seed();
    const uint8_t *at = data;
    uint64_t sum = mix(random[0] ^ more, random[1] ^ size), word;

    for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = mix(sum ^ word, random[1]);
    }
    word = 0;
    memcpy(&word, at, size);
    sum = mix(sum ^ word, random[0]);
    return (uint32_t)(sum ^ sum >> 32);
}

uint32_t table_hash_text(const char *text, uint64_t more)
{
    return table_hash(text, strlen(text), more);
}

/* ---- slots ---- */

static void put(struct table *table, uint32_t hash, void *item)
{
    uint32_t mask = table->n_slots - 1, at = hash & mask;

    while (table->items[at])
        at = (at + 1) & mask;
    table->items[at] = item;
    table->hashes[at] = hash;
}

/* When three of four are taken, twice as many. */
static void make_room(struct table *table)
{
    struct table old = *table;

    if ((uint64_t)table->n * 4 < (uint64_t)table->n_slots * 3)
        return;
    table->n_slots = old.n_slots ? old.n_slots * 2 : SLOTS_FIRST;
    table->items = xzalloc(table->n_slots * sizeof(*table->items));
    table->hashes = xzalloc(table->n_slots * sizeof(*table->hashes));
    for (uint32_t i = 0; i < old.n_slots; i++)
        if (old.items[i])
            put(table, old.hashes[i], old.items[i]);
    free(old.items);
    free(old.hashes);
}

void *table_find(const struct table *table, uint32_t hash, table_is_fn *is,
                 const void *key)
{
    uint32_t mask = table->n_slots - 1;

    if (!table->n)
        return NULL;
    for (uint32_t at = hash & mask; table->items[at]; at = (at + 1) & mask)
        if (table->hashes[at] == hash && is(table->items[at], key))
            return table->items[at];
    return NULL;
}

void table_add(struct table *table, uint32_t hash, void *item)
{
    make_room(table);
    put(table, hash, item);
    table->n++;
}

/* What is behind it moves up, unless it is where its hash says, or nearer to
 * that than the free slot is. */
static void close_gap(struct table *table, uint32_t gap)
{
    uint32_t mask = table->n_slots - 1;

    for (uint32_t at = (gap + 1) & mask; table->items[at];
         at = (at + 1) & mask) {
        uint32_t wanted = table->hashes[at] & mask;
        if (((at - wanted) & mask) < ((at - gap) & mask))
            continue;
        table->items[gap] = table->items[at];
        table->hashes[gap] = table->hashes[at];
        gap = at;
    }
    table->items[gap] = NULL;
}

void table_remove(struct table *table, uint32_t hash, const void *item)
{
    uint32_t mask = table->n_slots - 1, at = hash & mask;

    if (!table->n)
        return;
    while (table->items[at] &&
           (table->items[at] != item || table->hashes[at] != hash))
        at = (at + 1) & mask;
    if (!table->items[at])
        return;
    close_gap(table, at);
    table->n--;
}

void table_fini(struct table *table)
{
    free(table->items);
    free(table->hashes);
    *table = (struct table){ 0 };
}
