/*
 * What protected guests are, and from which hosts they were taken; see book.h.
 * There are as many of these as protected guests, so they are found by a
 * table.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

struct book_kept {
    struct wire_stored_kept body; /* first: it stands for the whole */
    struct arena *arena;
};

struct book_taken {
    struct wire_stored_taken body;
    struct arena *arena;
};

struct book_fence {
    struct wire_stored_fence body;
    struct arena *arena;
};

static uint32_t hash_of(const struct vdc_uuid *uuid)
{
    return table_hash(uuid->bytes, sizeof(uuid->bytes), 0);
}

static bool is_kept(const void *item, const void *key)
{
    const struct book_kept *kept = item;

    return uuid_equal(&kept->body.uuid, key);
}

static bool is_taken(const void *item, const void *key)
{
    const struct book_taken *taken = item;

    return uuid_equal(&taken->body.uuid, key);
}

const struct wire_stored_kept *book_kept(const struct book *book,
                                         const struct vdc_uuid *uuid)
{
    return table_find(&book->kept, hash_of(uuid), is_kept, uuid);
}

const struct wire_stored_taken *book_taken(const struct book *book,
                                           const struct vdc_uuid *uuid)
{
    return table_find(&book->taken, hash_of(uuid), is_taken, uuid);
}

bool book_was_taken(const struct book *book, const struct vdc_uuid *uuid,
                    const char *host)
{
    const struct wire_stored_taken *taken = book_taken(book, uuid);

    for (uint32_t i = 0; taken && i < taken->n_hosts; i++)
        if (strcmp(taken->hosts[i], host) == 0)
            return true;
    return false;
}

/* ---- in memory ---- */

void book_set_kept(struct book *book, const struct vdc_uuid *uuid,
                   const struct wire_stored_kept *from)
{
    struct book_kept *old =
        table_find(&book->kept, hash_of(uuid), is_kept, uuid);
    struct book_kept *kept = NULL;

    if (from) {
        kept = XNEW(struct book_kept);
        /* cannot fail: it was stored */
        if (wire_struct_keep(&wire_struct_stored_kept, from, &kept->arena,
                             &kept->body, NULL))
            abort();
    }
    if (old) {
        table_remove(&book->kept, hash_of(uuid), old);
        arena_free(old->arena);
        free(old);
    }
    if (kept)
        table_add(&book->kept, hash_of(uuid), kept);
}

void book_set_taken(struct book *book, const struct vdc_uuid *uuid,
                    const struct wire_stored_taken *from)
{
    struct book_taken *old =
        table_find(&book->taken, hash_of(uuid), is_taken, uuid);
    struct book_taken *taken = NULL;

    if (from) {
        taken = XNEW(struct book_taken);
        if (wire_struct_keep(&wire_struct_stored_taken, from, &taken->arena,
                             &taken->body, NULL))
            abort();
    }
    if (old) {
        table_remove(&book->taken, hash_of(uuid), old);
        arena_free(old->arena);
        free(old);
    }
    if (taken)
        table_add(&book->taken, hash_of(uuid), taken);
}

void book_set_fence(struct book *book, const struct wire_stored_fence *from)
{
    struct book_fence *old = book->fence, *fence = NULL;

    if (from) {
        fence = XNEW(struct book_fence);
        if (wire_struct_keep(&wire_struct_stored_fence, from, &fence->arena,
                             &fence->body, NULL))
            abort();
    }
    if (old)
        arena_free(old->arena);
    free(old);
    book->fence = fence;
}

const struct wire_stored_fence *book_fence(const struct book *book)
{
    return book->fence ? &book->fence->body : NULL;
}

void book_drop_kept(struct book *book)
{
    book_set_fence(book, NULL);
    for (uint32_t i = 0; i < book->kept.n_slots; i++) {
        struct book_kept *kept = book->kept.items[i];
        if (kept)
            arena_free(kept->arena);
        free(kept);
    }
    for (uint32_t i = 0; i < book->taken.n_slots; i++) {
        struct book_taken *taken = book->taken.items[i];
        if (taken)
            arena_free(taken->arena);
        free(taken);
    }
    table_fini(&book->kept);
    table_fini(&book->taken);
}

/* ---- changes ---- */

int book_kept_put(struct book *book, const struct wire_stored_kept *kept,
                  struct vdc_error *err)
{
    char id[UUID_TEXT_SIZE];

    return book_commit_one(book, STORE_PUT, STORE_KEPT,
                           uuid_format(&kept->uuid, id), kept, NULL, err);
}

int book_fence_put(struct book *book, const struct wire_stored_fence *fence,
                   struct vdc_error *err)
{
    return book_commit_one(book, STORE_PUT, STORE_FENCE, "members", fence,
                           NULL, err);
}

static bool is_among(const struct wire_stored_taken *taken, const char *host)
{
    for (uint32_t i = 0; i < taken->n_hosts; i++)
        if (strcmp(taken->hosts[i], host) == 0)
            return true;
    return false;
}

/* A host that has it, or is to have it, needs not forget it.  Either may be
 * NULL. */
static void put_taken(struct book *book, struct book_commit *commit,
                      const struct vdc_uuid *uuid, const char *add,
                      const char *remove)
{
    const struct wire_stored_taken *old = book_taken(book, uuid);
    struct wire_stored_taken *taken =
        ARENA_NEW(commit->arena, struct wire_stored_taken);
    uint32_t n = old ? old->n_hosts : 0;
    const char **hosts = ARENA_ARRAY(commit->arena, n + 1, const char *);
    char id[UUID_TEXT_SIZE];

    wire_init(&wire_struct_stored_taken, taken);
    taken->uuid = *uuid;
    taken->hosts = hosts;
    for (uint32_t i = 0; i < n; i++)
        if (!remove || strcmp(old->hosts[i], remove) != 0)
            hosts[taken->n_hosts++] =
                arena_strdup(commit->arena, old->hosts[i]);
    if (add && !is_among(taken, add))
        hosts[taken->n_hosts++] = arena_strdup(commit->arena, add);
    uuid_format(uuid, id);
    if (taken->n_hosts)
        book_commit_add(book, commit, STORE_PUT, STORE_TAKEN, id, taken);
    else if (old)
        book_commit_add(book, commit, STORE_REMOVE, STORE_TAKEN, id, NULL);
}

void book_commit_taken(struct book *book, struct book_commit *commit,
                       const struct wire_stored_move *move, const char *owner)
{
    if (move->restart && owner && strcmp(owner, move->to) == 0)
        put_taken(book, commit, &move->uuid, move->from, move->to);
    else if (owner && book_was_taken(book, &move->uuid, owner))
        put_taken(book, commit, &move->uuid, NULL, owner);
}

int book_taken_forgotten(struct book *book, const struct vdc_uuid *uuid,
                         const char *host, struct vdc_error *err)
{
    struct book_commit commit;

    if (!book_was_taken(book, uuid, host))
        return 0;
    book_commit_begin(&commit);
    put_taken(book, &commit, uuid, NULL, host);
    return book_commit_end(book, &commit, err);
}
