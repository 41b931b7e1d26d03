/* The answers to requests that had a key: a client that asks again gets the
 * same. */
#include <string.h>

#include "policyd/store/book_impl.h"

/* So many go with one that comes: a day's, which ended together, go little by
 * little. */
#define DROPPED_AT_ONCE 16

static void drop_answer(struct book *book, struct book_commit *commit,
                        const struct store_answer *answer)
{
    book_commit_add(
        book, commit, STORE_REMOVE, STORE_ANSWER,
        record_answer_id(answer->owner, answer->key, commit->arena), NULL);
}

static void drop_old_answers(struct book *book, struct book_commit *commit,
                             const struct store_answer *put)
{
    const struct store_answer *old = answers_oldest(book->answers);

    for (int i = 0; i < DROPPED_AT_ONCE && old; i++) {
        if (put->time_ms < put->keep_ms ||
            old->time_ms >= put->time_ms - put->keep_ms)
            break;
        if (strcmp(old->owner, put->owner) != 0 ||
            strcmp(old->key, put->key) != 0)
            drop_answer(book, commit, old);
        old = answers_next(old);
    }
}

int book_answer_put(struct book *book, const struct store_answer *answer,
                    struct vdc_error *err)
{
    struct wire_stored_answer body;
    struct book_commit commit;

    book_commit_begin(&commit);
    drop_old_answers(book, &commit, answer);
    if (answers_count(book->answers, answer->owner) >= STORE_ANSWERS_MAX &&
        !answers_find(book->answers, answer->owner, answer->key) && !commit.n)
        drop_answer(book, &commit,
                    answers_oldest_of(book->answers, answer->owner));
    record_of_answer(answer, &body);
    book_commit_add(book, &commit, STORE_PUT, STORE_ANSWER,
                    record_answer_id(answer->owner, answer->key, commit.arena),
                    &body);
    return book_commit_end(book, &commit, err);
}

int book_answer_find(const struct book *book, const char *owner,
                     const char *key, struct arena *arena,
                     struct store_answer *ret, struct vdc_error *err)
{
    const struct store_answer *found = answers_find(book->answers, owner, key);

    if (!found)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no answer to key '%s'",
                             key);
    *ret = *found;
    ret->owner = arena_strdup(arena, owner);
    ret->key = arena_strdup(arena, key);
    ret->body = found->size ? arena_memdup(arena, found->body, found->size)
                            : (const uint8_t *)"";
    return 0;
}
