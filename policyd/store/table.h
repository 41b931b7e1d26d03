/*
 * A hash table of things that are elsewhere, by what they are called.
 *
 * Several may be called the same.  Who adds says the hash of what it goes by,
 * and who looks what it is; sums begin with a random number, so that nobody
 * outside can choose names that meet.
 */
#ifndef POLICYD_STORE_TABLE_H
#define POLICYD_STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty table. */
struct table {
    void **items;     /* NULL: free */
    uint32_t *hashes; /* of them */
    uint32_t n_slots; /* a power of 2, or 0 */
    uint32_t n;
};

/* `more`: what else it goes by, or 0. */
uint32_t table_hash(const void *data, size_t size, uint64_t more);
uint32_t table_hash_text(const char *text, uint64_t more);

/* Whether the item goes by this. */
typedef bool table_is_fn(const void *item, const void *key);
/* Any that does; NULL: none. */
void *table_find(const struct table *table, uint32_t hash, table_is_fn *is,
                 const void *key);
void table_add(struct table *table, uint32_t hash, void *item);
/* Once, if it was added more than once; nothing happens when it is not in. */
void table_remove(struct table *table, uint32_t hash, const void *item);
void table_fini(struct table *table);

#endif
