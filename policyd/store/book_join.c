/*
 * Hosts that are let in, in the working set: a few at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

struct book_join {
    struct wire_stored_join body; /* first: it stands for the whole */
    TAILQ_ENTRY(book_join) link;
    struct arena *arena; /* holds the body */
};

static struct book_join *find(const struct book *book, const char *host)
{
    struct book_join *join;

    TAILQ_FOREACH(join, &book->joins, link)
    if (strcmp(join->body.host, host) == 0)
        return join;
    return NULL;
}

static void drop(struct book *book, struct book_join *join)
{
    TAILQ_REMOVE(&book->joins, join, link);
    arena_free(join->arena);
    free(join);
}

const struct wire_stored_join *book_join(const struct book *book,
                                         const char *host)
{
    const struct book_join *join = find(book, host);

    return join ? &join->body : NULL;
}

const struct wire_stored_join *
book_join_after(const struct book *book, const struct wire_stored_join *join)
{
    const struct book_join *next =
        join ? TAILQ_NEXT((const struct book_join *)join, link)
             : TAILQ_FIRST(&book->joins);

    return next ? &next->body : NULL;
}

int book_set_join(struct book *book, const char *host,
                  const struct wire_stored_join *body, struct vdc_error *err)
{
    struct book_join *old = find(book, host), *join = NULL;

    if (body) {
        join = XNEW(struct book_join);
        int rc = wire_struct_keep(&wire_struct_stored_join, body, &join->arena,
                                  &join->body, err);
        if (rc) {
            free(join);
            return rc;
        }
        TAILQ_INSERT_TAIL(&book->joins, join, link);
    }
    if (old)
        drop(book, old);
    return 0;
}

void book_free_joins(struct book *book)
{
    while (!TAILQ_EMPTY(&book->joins))
        drop(book, TAILQ_FIRST(&book->joins));
}

/* ---- changes ---- */

int book_join_put(struct book *book, const struct wire_stored_join *join,
                  uint64_t now_ms, const struct store_audit *audit,
                  struct vdc_error *err)
{
    const struct wire_stored_join *other = NULL;
    struct book_commit commit;

    book_commit_begin(&commit);
    while ((other = book_join_after(book, other)) &&
           commit.n < STORE_CHANGES_MAX - 2)
        if (other->expires_ms <= now_ms &&
            strcmp(other->host, join->host) != 0)
            book_commit_add(book, &commit, STORE_REMOVE, STORE_JOIN,
                            other->host, NULL);
    book_commit_add(book, &commit, STORE_PUT, STORE_JOIN, join->host, join);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}

int book_join_use(struct book *book, const struct wire_stored_join *join,
                  const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err)
{
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_PUT, STORE_HOST, record->name,
                    record);
    book_commit_add(book, &commit, STORE_PUT, STORE_JOIN, join->host, join);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}
