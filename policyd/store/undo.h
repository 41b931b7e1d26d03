/*
 * What changes took away: of each record that a commit changes, what it was
 * before, until the commit is durable.
 */
#ifndef POLICYD_STORE_UNDO_H
#define POLICYD_STORE_UNDO_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/store/store.h"

struct undo;
/* Of one commit. */
struct undo_entry;

struct undo *undo_new(void);
void undo_free(struct undo *undo); /* NULL allowed */

struct undo_entry *undo_entry_new(void);
/* `before` NULL: there was none.  It is copied, and must be storable. */
void undo_entry_note(struct undo_entry *entry, enum store_record record,
                     const char *id, const void *before);
void undo_entry_free(struct undo_entry *entry);

/* Takes the entry over; numbers rise. */
void undo_add(struct undo *undo, struct undo_entry *entry, uint64_t number);
/* Those up to this number are durable. */
void undo_forget(struct undo *undo, uint64_t number);

/* All that is left, the last first; returns how many commits that were.
 * `before` is valid during the call. */
typedef void undo_fn(void *arg, enum store_record record, const char *id,
                     const void *before);
size_t undo_run(struct undo *undo, undo_fn *fn, void *arg);

#endif
