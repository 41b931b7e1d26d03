/*
 * Which transactions wait for which: each has a set of keys ("partition
 * UUID", "name OWNER NAME", "xen-name NAME", "pci BDF", ...), and gets all of
 * them at once, in the order of asking: one that waits keeps those who come
 * later from the keys that it waits for, so that nobody waits for ever, and
 * as nobody has some keys while waiting for others there is no deadlock.
 * Pure: no I/O, no clock.
 */
#ifndef RESOURCED_LOCK_H
#define RESOURCED_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"

#define LOCKS_MAX 96 /* keys of one set */

/* Embedded in what locks; zero before use. */
struct locks {
    TAILQ_ENTRY(locks) link;
    const char *keys[LOCKS_MAX]; /* in an arena that lives as long */
    uint32_t hashes[LOCKS_MAX];
    size_t n_keys;
    bool everything; /* more keys than fit: it goes with nobody else */
    bool queued, granted;
    /* Called from inside lock_release of another, when it is granted late. */
    void (*granted_late)(struct locks *locks);
};

TAILQ_HEAD(lock_queue, locks);

struct lock_table {
    struct lock_queue all; /* granted and waiting, in the order of asking */
};

void lock_table_init(struct lock_table *table);
/* Adds a key, made by format; one that is there already is left out. */
void locks_add(struct locks *locks, struct arena *arena, const char *format,
               ...) __attribute__((format(printf, 3, 4)));
/* Whether who has the one set needs no more for the other. */
bool locks_cover(const struct locks *locks, const struct locks *others);
/* true: granted.  false: granted_late is called when it is. */
bool lock_request(struct lock_table *table, struct locks *locks);
/* Keys were added to a set that is in the table: it keeps its place, and has
 * all of them or none.  Answers as lock_request. */
bool lock_extend(struct lock_table *table, struct locks *locks);
/* Granted or waiting: out of the table, and those who can go on do.  One that
 * is not in the table is left alone. */
void lock_release(struct lock_table *table, struct locks *locks);
/* Whether anybody has, or waits for, this key. */
bool lock_is_wanted(const struct lock_table *table, const char *key);

#endif
