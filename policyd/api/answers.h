/*
 * The answers to requests with keys, in memory: which there are, whose, and
 * which are the oldest.  Nothing here is about the store.
 */
#ifndef POLICYD_API_ANSWERS_H
#define POLICYD_API_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "policyd/store/record.h"

struct answers;

struct answers *answers_new(void);
void answers_free(struct answers *answers); /* NULL allowed */

/* NULL when there is none.  Valid until it is changed. */
const struct store_answer *answers_find(const struct answers *answers,
                                        const char *owner, const char *key);
/* After those that are there from the beginning were put, in any order. */
void answers_sort(struct answers *answers);
/* Added or replaced; copied. */
void answers_put(struct answers *answers, const struct store_answer *answer);
/* Nothing happens when there is none. */
void answers_remove(struct answers *answers, const char *owner,
                    const char *key);

/* The oldest of all, or of one owner; NULL when there is none. */
const struct store_answer *answers_oldest(const struct answers *answers);
const struct store_answer *answers_oldest_of(const struct answers *answers,
                                             const char *owner);
/* The next younger one, and that of the same owner. */
const struct store_answer *answers_next(const struct store_answer *answer);
const struct store_answer *answers_next_of(const struct store_answer *answer);
/* How many an owner has. */
size_t answers_count(const struct answers *answers, const char *owner);

#endif
