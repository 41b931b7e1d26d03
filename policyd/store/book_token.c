/* Changes of tokens and certificates, and what goes with a customer. */
#include <string.h>

#include "base/log.h"
#include "policyd/store/book_impl.h"

int book_token_put(struct book *book, const struct wire_stored_token *token,
                   const struct store_audit *audit, struct vdc_error *err)
{
    return book_commit_one(book, STORE_PUT, STORE_TOKEN, token->token.id,
                           token, audit, err);
}

int book_token_remove(struct book *book, const char *id,
                      const struct store_audit *audit, struct vdc_error *err)
{
    return book_commit_one(book, STORE_REMOVE, STORE_TOKEN, id, NULL, audit,
                           err);
}

/* ---- of customers that go ---- */

void book_commit_tokens(struct book *book, struct book_commit *commit,
                        const char *customer, size_t room)
{
    const struct wire_stored_token *t;

    for (t = book_token_after(book, ""); t && room;
         t = book_token_after(book, t->token.id)) {
        if (strcmp(t->token.customer, customer) != 0)
            continue;
        book_commit_add(book, commit, STORE_REMOVE, STORE_TOKEN, t->token.id,
                        NULL);
        room--;
    }
}

/* Nobody's, or a namesake's. */
static bool is_good_for_none(const struct book *book,
                             const struct wire_token *token)
{
    const struct customer *c = book_customer(book, token->customer);

    return !c || token->created_ms < c->created_ms;
}

void book_drop_tokens(struct book *book)
{
    const struct wire_stored_token *t, *next;
    struct vdc_error err = { 0 };
    struct book_commit commit;
    size_t n;

    do {
        n = 0;
        book_commit_begin(&commit);
        for (t = book_token_after(book, ""); t && n < STORE_CHANGES_MAX;
             t = next) {
            next = book_token_after(book, t->token.id);
            if (is_good_for_none(book, &t->token)) {
                book_commit_add(book, &commit, STORE_REMOVE, STORE_TOKEN,
                                t->token.id, NULL);
                n++;
            }
        }
        if (n == 0) {
            undo_entry_free(commit.undo);
            arena_free(commit.arena);
        } else if (book_commit_end(book, &commit, &err)) {
            log_warning("tokens of customers that are gone stay: %s",
                        err.text);
            return;
        }
    } while (n);
}
