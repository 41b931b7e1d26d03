/* One commit of the working set; see book_impl.h. */
#include <stdlib.h>

#include "policyd/store/book_impl.h"

void book_commit_begin(struct book_commit *commit)
{
    commit->arena = arena_new();
    commit->n = 0;
    commit->undo = undo_entry_new();
}

void book_commit_add(struct book *book, struct book_commit *commit,
                     enum store_change_kind kind, enum store_record record,
                     const char *id, const void *body)
{
    id = arena_strdup(commit->arena, id);
    commit->changes[commit->n++] =
        (struct store_change){ kind, record, id, body };
    if (book_kinds[record].describe && kind != STORE_REMOVE_ALL)
        undo_entry_note(commit->undo, record, id,
                        book_kinds[record].describe(book, id, commit->arena));
}

void book_commit_audit(struct book *book, struct book_commit *commit,
                       const struct store_audit *audit)
{
    struct wire_stored_audit *body =
        ARENA_NEW(commit->arena, struct wire_stored_audit);

    if (!audit)
        return;
    record_of_audit(audit, body);
    book_commit_add(
        book, commit, STORE_PUT, STORE_AUDIT,
        record_audit_id(audit->time_ms, ++book->n_audits, commit->arena),
        body);
}

int book_commit_end(struct book *book, struct book_commit *commit,
                    struct vdc_error *err)
{
    uint64_t number;
    int rc =
        store_commit(book->store, commit->changes, commit->n, &number, err);

    if (rc)
        undo_entry_free(commit->undo);
    else
        undo_add(book->undo, commit->undo, number);
    for (size_t i = 0; !rc && i < commit->n; i++) {
        const struct store_change *c = &commit->changes[i];
        if (book_kinds[c->record].apply && c->kind != STORE_REMOVE_ALL &&
            book_kinds[c->record].apply(
                book, c->id, c->kind == STORE_PUT ? c->body : NULL, NULL))
            abort(); /* whoever calls has looked before */
    }
    arena_free(commit->arena);
    return rc;
}

int book_commit_one(struct book *book, enum store_change_kind kind,
                    enum store_record record, const char *id, const void *body,
                    const struct store_audit *audit, struct vdc_error *err)
{
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, kind, record, id, body);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}
