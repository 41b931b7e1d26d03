/* A database in a folder of its own, rows to put into it, and all that it
 * holds as one text, for the tests and the benchmark of the store. */
#ifndef TESTS_UNIT_RESOURCED_STORE_FIXTURE_H
#define TESTS_UNIT_RESOURCED_STORE_FIXTURE_H

#include <event2/event.h>

#include "resourced/store.h"

struct place {
    char folder[64];
    char db[96], wal[104], sequence[96];
    struct store_options options;
    struct event_base *base;
};

/* Below /dev/shm when it is there and `fast`, else below /tmp.  Aborts when
 * there is no such folder. */
void place_make(struct place *place, bool fast);
void place_remove(struct place *place);

/* Rows that are all different; strings are in the arena or static. */
void sample_partition(struct arena *arena, uint32_t n, uint64_t generation,
                      struct partition_row *ret);
void sample_journal(struct arena *arena, uint64_t id,
                    struct journal_entry *ret);
void sample_resource(struct arena *arena, uint64_t n,
                     struct resource_row *ret);
void sample_lease(struct arena *arena, uint32_t n, struct wire_lease *ret);
void sample_answer(struct arena *arena, uint32_t n, struct stored_answer *ret);
void sample_event(struct arena *arena, uint32_t n, struct wire_event *ret);

/* Writes `n` partitions with resources and events, leases, answers and open
 * transactions; all in changes of their own. */
int sample_fill(struct store *store, uint32_t n, struct vdc_error *err);

/* Everything that can be read, in *ret in the arena.  Errors: the first that
 * reading gave. */
int store_dump(struct store *store, struct event_base *base,
               struct arena *arena, const char **ret, struct vdc_error *err);

/* Whole files; the caller frees.  NULL when there is none. */
uint8_t *file_read(const char *path, size_t *ret_size);
void file_write(const char *path, const uint8_t *data, size_t size);

#endif
