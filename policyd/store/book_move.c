/* Moves that were begun, and the plan that they are of; see book.h. */
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
    if (a)
        a->move = move ? &move->stored : NULL;
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
