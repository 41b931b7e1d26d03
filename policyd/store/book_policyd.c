/*
 * Policyds that have the authority's key, in the working set: a few.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

struct book_policyd {
    struct wire_dc_policyd body; /* first: it stands for the whole */
    TAILQ_ENTRY(book_policyd) link;
    struct arena *arena; /* holds the body */
};

static struct book_policyd *find(const struct book *book, const char *name)
{
    struct book_policyd *policyd;

    TAILQ_FOREACH(policyd, &book->policyds, link)
    if (strcmp(policyd->body.name, name) == 0)
        return policyd;
    return NULL;
}

static void drop(struct book *book, struct book_policyd *policyd)
{
    TAILQ_REMOVE(&book->policyds, policyd, link);
    arena_free(policyd->arena);
    free(policyd);
}

static void insert(struct book *book, struct book_policyd *policyd)
{
    struct book_policyd *next;

    TAILQ_FOREACH(next, &book->policyds, link)
    if (strcmp(next->body.name, policyd->body.name) > 0)
        break;
    if (next)
        TAILQ_INSERT_BEFORE(next, policyd, link);
    else
        TAILQ_INSERT_TAIL(&book->policyds, policyd, link);
}

const struct wire_dc_policyd *book_policyd(const struct book *book,
                                           const char *name)
{
    const struct book_policyd *policyd = find(book, name);

    return policyd ? &policyd->body : NULL;
}

const struct wire_dc_policyd *
book_policyd_after(const struct book *book,
                   const struct wire_dc_policyd *policyd)
{
    const struct book_policyd *next = policyd
        ? TAILQ_NEXT((const struct book_policyd *)policyd, link)
        : TAILQ_FIRST(&book->policyds);

    return next ? &next->body : NULL;
}

int book_set_policyd(struct book *book, const char *name,
                     const struct wire_dc_policyd *body,
                     struct vdc_error *err)
{
    struct book_policyd *old = find(book, name), *policyd = NULL;

    if (body) {
        policyd = XNEW(struct book_policyd);
        int rc = wire_struct_keep(&wire_struct_dc_policyd, body,
                                  &policyd->arena, &policyd->body, err);
        if (rc) {
            free(policyd);
            return rc;
        }
    }
    if (old)
        drop(book, old);
    if (policyd)
        insert(book, policyd);
    return 0;
}

void book_free_policyds(struct book *book)
{
    while (!TAILQ_EMPTY(&book->policyds))
        drop(book, TAILQ_FIRST(&book->policyds));
}

/* ---- changes ---- */

int book_policyd_put(struct book *book, const struct wire_dc_policyd *policyd,
                     const struct wire_stored_join *join,
                     const struct store_audit *audit, struct vdc_error *err)
{
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_PUT, STORE_POLICYD, policyd->name,
                    policyd);
    if (join)
        book_commit_add(book, &commit, STORE_PUT, STORE_JOIN, join->host,
                        join);
    if (policyd->removed_ms) {
        const char *token =
            arena_printf(commit.arena, BOOK_JOIN_POLICYD "%s", policyd->name);
        if (book_join(book, token))
            book_commit_add(book, &commit, STORE_REMOVE, STORE_JOIN, token,
                            NULL);
    }
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}
