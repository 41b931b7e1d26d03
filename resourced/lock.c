/* Which transactions wait for which: sets of keys in the order of asking.  A
 * set is granted when no set before it shares a key with it. */
#include "resourced/lock.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lock_table_init(struct lock_table *table)
{
    TAILQ_INIT(&table->all);
}

/* FNV-1a: most comparisons end at it. */
static uint32_t hash_of(const char *key)
{
    uint32_t hash = 2166136261u;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static bool has_key(const struct locks *locks, const char *key, uint32_t hash)
{
    for (size_t i = 0; i < locks->n_keys; i++)
        if (locks->hashes[i] == hash && strcmp(locks->keys[i], key) == 0)
            return true;
    return false;
}

void locks_add(struct locks *locks, struct arena *arena, const char *format,
               ...)
{
    char key[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(key, sizeof(key), format, ap);
    va_end(ap);
    uint32_t hash = hash_of(key);
    if (has_key(locks, key, hash))
        return;
    if (locks->n_keys == LOCKS_MAX) {
        locks->everything = true;
        return;
    }
    locks->keys[locks->n_keys] = arena_strdup(arena, key);
    locks->hashes[locks->n_keys++] = hash;
}

bool locks_cover(const struct locks *locks, const struct locks *others)
{
    if (locks->everything)
        return true;
    if (others->everything)
        return false;
    for (size_t i = 0; i < others->n_keys; i++)
        if (!has_key(locks, others->keys[i], others->hashes[i]))
            return false;
    return true;
}

static bool share(const struct locks *a, const struct locks *b)
{
    if (a->everything || b->everything)
        return true;
    for (size_t i = 0; i < a->n_keys; i++)
        if (has_key(b, a->keys[i], a->hashes[i]))
            return true;
    return false;
}

/* Those before it come first; of those after it only who was granted before
 * it asked for more. */
static bool may_go(const struct lock_table *table, const struct locks *locks)
{
    const struct locks *other;
    bool before = true;

    TAILQ_FOREACH (other, &table->all, link) {
        if (other == locks)
            before = false;
        else if ((before || other->granted) && share(other, locks))
            return false;
    }
    return true;
}

bool lock_request(struct lock_table *table, struct locks *locks)
{
    assert(!locks->queued);
    TAILQ_INSERT_TAIL(&table->all, locks, link);
    locks->queued = true;
    locks->granted = may_go(table, locks);
    return locks->granted;
}

static struct locks *next_to_grant(const struct lock_table *table)
{
    struct locks *locks;

    TAILQ_FOREACH (locks, &table->all, link)
        if (!locks->granted && may_go(table, locks))
            return locks;
    return NULL;
}

/* Looked for anew each time: granted_late may change the table. */
static void grant_all(struct lock_table *table)
{
    struct locks *next;

    while ((next = next_to_grant(table))) {
        next->granted = true;
        next->granted_late(next);
    }
}

bool lock_extend(struct lock_table *table, struct locks *locks)
{
    assert(locks->queued);
    locks->granted = false;
    if (may_go(table, locks)) {
        locks->granted = true;
        return true;
    }
    /* Those before it that waited for what it had. */
    grant_all(table);
    return false;
}

void lock_release(struct lock_table *table, struct locks *locks)
{
    if (!locks->queued)
        return;
    TAILQ_REMOVE(&table->all, locks, link);
    locks->queued = locks->granted = false;
    grant_all(table);
}

bool lock_is_wanted(const struct lock_table *table, const char *key)
{
    uint32_t hash = hash_of(key);
    const struct locks *locks;

    TAILQ_FOREACH (locks, &table->all, link)
        if (locks->everything || has_key(locks, key, hash))
            return true;
    return false;
}
