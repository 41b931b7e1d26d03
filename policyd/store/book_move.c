/* Moves that were begun, and the plan that they are of; see book.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

struct book_move {
    TAILQ_ENTRY(book_move) link;
    struct arena *arena;
    struct wire_stored_move stored;
};

struct book_run {
    struct arena *arena;
    struct wire_stored_run stored;
};

bool book_moves(const struct assignment *a)
{
    return a->move && a->move->state != WIRE_MOVE_KEPT;
}

/* ---- moves ---- */

static struct book_move *find(const struct book *book,
                              const struct vdc_uuid *uuid)
{
    struct book_move *move;

    TAILQ_FOREACH(move, &book->moves, link)
    if (uuid_equal(&move->stored.uuid, uuid))
        break;
    return move;
}

static void drop(struct book *book, struct book_move *move)
{
    TAILQ_REMOVE(&book->moves, move, link);
    arena_free(move->arena);
    free(move);
}

void book_set_move(struct book *book, const struct vdc_uuid *uuid,
                   const struct wire_stored_move *from)
{
    struct book_move *old = find(book, uuid), *move = NULL;
    struct assignment *a = book_assignment(book, uuid);

    if (a)
        book_uncount(a);
    if (from) {
        move = XNEW(struct book_move);
        /* cannot fail: it was stored */
        if (wire_struct_keep(&wire_struct_stored_move, from, &move->arena,
                             &move->stored, NULL))
            abort();
        if (old)
            TAILQ_INSERT_BEFORE(old, move, link);
        else
            TAILQ_INSERT_TAIL(&book->moves, move, link);
    }
    if (old)
        drop(book, old);
    if (a) {
        a->move = move ? &move->stored : NULL;
        book_count(a);
    }
}

const struct wire_stored_move *book_find_move(const struct book *book,
                                              const struct vdc_uuid *uuid)
{
    const struct book_move *move = find(book, uuid);

    return move ? &move->stored : NULL;
}

const struct wire_stored_move *
book_move_after(const struct book *book, const struct wire_stored_move *move)
{
    const struct book_move *next = TAILQ_FIRST(&book->moves);

    if (move)
        next = TAILQ_NEXT(find(book, &move->uuid), link);
    return next ? &next->stored : NULL;
}

/* ---- the plan ---- */

static void drop_run(struct book *book)
{
    if (book->run)
        arena_free(book->run->arena);
    free(book->run);
    book->run = NULL;
}

void book_set_run(struct book *book, uint64_t number,
                  const struct wire_stored_run *from)
{
    struct book_run *run = NULL;

    if (from) {
        run = XNEW(struct book_run);
        if (wire_struct_keep(&wire_struct_stored_run, from, &run->arena,
                             &run->stored, NULL))
            abort();
    } else if (book->run && book->run->stored.number != number) {
        return; /* another has begun */
    }
    drop_run(book);
    book->run = run;
}

const struct wire_stored_run *book_run(const struct book *book)
{
    return book->run ? &book->run->stored : NULL;
}

void book_drop_moves(struct book *book)
{
    struct book_move *move;

    while ((move = TAILQ_FIRST(&book->moves)))
        drop(book, move);
    drop_run(book);
}

/* ---- changes ---- */

static void set_place(struct book *book, struct book_commit *commit,
                      const struct assignment *a,
                      const struct book_place *place)
{
    struct store_assignment row = book_row(a);
    struct wire_stored_partition *body =
        ARENA_NEW(commit->arena, struct wire_stored_partition);
    char id[UUID_TEXT_SIZE];

    /* they may be of the move, which goes first */
    row.host = arena_strdup(commit->arena, place->host);
    row.host_busy_ms = place->host_busy_ms;
    if (place->reason)
        row.reason = arena_strdup(commit->arena, place->reason);
    if (place->moved_ms)
        row.moved_ms = place->moved_ms;
    record_of_assignment(&row, body);
    book_commit_add(book, commit, STORE_PUT, STORE_PARTITION,
                    uuid_format(&row.uuid, id), body);
}

int book_move_put(struct book *book, struct assignment *a,
                  const struct wire_stored_move *move,
                  const struct book_place *place, struct vdc_error *err)
{
    char id[UUID_TEXT_SIZE];
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_PUT, STORE_MOVE,
                    uuid_format(&move->uuid, id), move);
    if (a && place->host)
        set_place(book, &commit, a, place);
    book_commit_taken(book, &commit, move, place->host);
    return book_commit_end(book, &commit, err);
}

int book_move_remove(struct book *book, const struct vdc_uuid *uuid,
                     const struct book_place *place,
                     const struct store_audit *audit, struct vdc_error *err)
{
    const struct assignment *a = book_assignment(book, uuid);
    char id[UUID_TEXT_SIZE];
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_REMOVE, STORE_MOVE,
                    uuid_format(uuid, id), NULL);
    if (a && place->host)
        set_place(book, &commit, a, place);
    if (book_find_move(book, uuid))
        book_commit_taken(book, &commit, book_find_move(book, uuid),
                          place->host);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}

int book_run_put(struct book *book, const struct wire_stored_run *run,
                 const struct store_audit *audit, struct vdc_error *err)
{
    char id[32];

    snprintf(id, sizeof(id), "%llu", (unsigned long long)run->number);
    return book_commit_one(book, STORE_PUT, STORE_RUN, id, run, audit, err);
}

int book_run_remove(struct book *book, struct vdc_error *err)
{
    const struct wire_stored_run *run = book_run(book);
    char id[32];

    snprintf(id, sizeof(id), "%llu",
             run ? (unsigned long long)run->number : 0ull);
    return book_commit_one(book, STORE_REMOVE, STORE_RUN, id, NULL, NULL, err);
}
