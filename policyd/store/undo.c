/* Taking changes back that did not become durable; see undo.h. */
#include "policyd/store/undo.h"

#include <stdlib.h>
#include <sys/queue.h>

struct note {
    TAILQ_ENTRY(note) link;
    enum store_record record;
    const char *id;
    uint8_t *before; /* encoded; NULL: there was none */
    size_t size;
};

struct undo_entry {
    TAILQ_ENTRY(undo_entry) link;
    struct arena *arena; /* holds it */
    uint64_t number;
    TAILQ_HEAD(notes, note) notes;
};

struct undo {
    TAILQ_HEAD(entries, undo_entry) entries;
};

struct undo *undo_new(void)
{
    struct undo *undo = XNEW(struct undo);

    TAILQ_INIT(&undo->entries);
    return undo;
}

void undo_free(struct undo *undo)
{
    if (!undo)
        return;
    undo_forget(undo, UINT64_MAX);
    free(undo);
}

struct undo_entry *undo_entry_new(void)
{
    struct arena *arena = arena_new();
    struct undo_entry *entry = ARENA_NEW(arena, struct undo_entry);

    entry->arena = arena;
    TAILQ_INIT(&entry->notes);
    return entry;
}

void undo_entry_note(struct undo_entry *entry, enum store_record record,
                     const char *id, const void *before)
{
    struct note *note = ARENA_NEW(entry->arena, struct note);

    note->record = record;
    note->id = arena_strdup(entry->arena, id);
    /* what was stored, or read from there, can be encoded */
    if (before &&
        wire_struct_encode(store_kinds[record].body, before, entry->arena,
                           &note->before, &note->size, NULL))
        abort();
    TAILQ_INSERT_TAIL(&entry->notes, note, link);
}

void undo_entry_free(struct undo_entry *entry)
{
    arena_free(entry->arena);
}

void undo_add(struct undo *undo, struct undo_entry *entry, uint64_t number)
{
    entry->number = number;
    TAILQ_INSERT_TAIL(&undo->entries, entry, link);
}

void undo_forget(struct undo *undo, uint64_t number)
{
    struct undo_entry *entry;

    while ((entry = TAILQ_FIRST(&undo->entries)) && entry->number <= number) {
        TAILQ_REMOVE(&undo->entries, entry, link);
        undo_entry_free(entry);
    }
}

static void run_note(const struct note *note, undo_fn *fn, void *arg)
{
    const struct wire_struct *s = store_kinds[note->record].body;
    struct arena *arena = arena_new();
    void *body = NULL;

    if (note->before) {
        body = arena_alloc(arena, s->size);
        if (wire_struct_decode(s, note->before, note->size, arena, body, NULL))
            abort(); /* as it was encoded by us */
    }
    fn(arg, note->record, note->id, body);
    arena_free(arena);
}

size_t undo_run(struct undo *undo, undo_fn *fn, void *arg)
{
    struct undo_entry *entry;
    const struct note *note;
    size_t n = 0;

    while ((entry = TAILQ_LAST(&undo->entries, entries))) {
        TAILQ_FOREACH_REVERSE(note, &entry->notes, notes, link)
        run_note(note, fn, arg);
        TAILQ_REMOVE(&undo->entries, entry, link);
        undo_entry_free(entry);
        n++;
    }
    return n;
}
