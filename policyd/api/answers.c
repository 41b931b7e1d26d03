/* Answers to requests with keys; see answers.h. */
#include "policyd/api/answers.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct owner {
    char *name;
    TAILQ_HEAD(owned, kept) entries; /* oldest first */
    size_t n;
};

struct kept {
    struct store_answer answer; /* first: it is what others see */
    TAILQ_ENTRY(kept) link;
    TAILQ_ENTRY(kept) link_owned;
    struct owner *owner;
};

struct answers {
    void *by_key; /* tsearch(3) trees */
    void *by_owner;
    TAILQ_HEAD(all, kept) all; /* oldest first */
    size_t n;
    bool sorted;
};

static int compare_keys(const void *a, const void *b)
{
    const struct store_answer *x = a, *y = b; /* of struct kept */
    int r = strcmp(x->owner, y->owner);

    return r ? r : strcmp(x->key, y->key);
}

static int compare_owners(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static struct kept *find(const struct answers *answers, const char *owner,
                          const char *key)
{
    const struct store_answer wanted = { .owner = owner, .key = key };
    struct kept *const *found =
        tfind(&wanted, &answers->by_key, compare_keys);

    return found ? *found : NULL;
}

static struct owner *find_owner(const struct answers *answers,
                                const char *name)
{
    const struct owner wanted = { .name = (char *)name };
    struct owner *const *found =
        tfind(&wanted, &answers->by_owner, compare_owners);

    return found ? *found : NULL;
}

static struct owner *need_owner(struct answers *answers, const char *name)
{
    struct owner *owner = find_owner(answers, name);

    if (owner)
        return owner;
    owner = XNEW(struct owner);
    owner->name = xstrdup(name);
    TAILQ_INIT(&owner->entries);
    if (!tsearch(owner, &answers->by_owner, compare_owners))
        abort(); /* no memory: as everywhere */
    return owner;
}

static void drop(struct answers *answers, struct kept *e)
{
    struct owner *owner = e->owner;

    tdelete(e, &answers->by_key, compare_keys);
    TAILQ_REMOVE(&answers->all, e, link);
    TAILQ_REMOVE(&owner->entries, e, link_owned);
    free((char *)e->answer.key);
    free((uint8_t *)e->answer.body);
    free(e);
    answers->n--;
    if (--owner->n)
        return;
    tdelete(owner, &answers->by_owner, compare_owners);
    free(owner->name);
    free(owner);
}

/* They come in the order of time, but for those that are taken back. */
static void insert(struct answers *answers, struct kept *e)
{
    struct kept *before = TAILQ_LAST(&answers->all, all);

    answers->n++;
    e->owner->n++;
    while (answers->sorted && before &&
           before->answer.time_ms > e->answer.time_ms)
        before = TAILQ_PREV(before, all, link);
    if (before)
        TAILQ_INSERT_AFTER(&answers->all, before, e, link);
    else
        TAILQ_INSERT_HEAD(&answers->all, e, link);
    before = TAILQ_LAST(&e->owner->entries, owned);
    while (answers->sorted && before &&
           before->answer.time_ms > e->answer.time_ms)
        before = TAILQ_PREV(before, owned, link_owned);
    if (before)
        TAILQ_INSERT_AFTER(&e->owner->entries, before, e, link_owned);
    else
        TAILQ_INSERT_HEAD(&e->owner->entries, e, link_owned);
}

static int compare_times(const void *a, const void *b)
{
    const struct kept *const *x = a, *const *y = b;
    uint64_t t = (*x)->answer.time_ms, u = (*y)->answer.time_ms;

    return t < u ? -1 : t > u;
}

void answers_sort(struct answers *answers)
{
    struct kept **list = xzalloc((answers->n + 1) * sizeof(struct kept *));
    struct kept *e;
    size_t n = 0;

    TAILQ_FOREACH(e, &answers->all, link)
    list[n++] = e;
    qsort(list, n, sizeof(struct kept *), compare_times);
    for (size_t i = 0; i < n; i++) {
        e = list[i];
        TAILQ_REMOVE(&answers->all, e, link);
        TAILQ_INSERT_TAIL(&answers->all, e, link);
        TAILQ_REMOVE(&e->owner->entries, e, link_owned);
        TAILQ_INSERT_TAIL(&e->owner->entries, e, link_owned);
    }
    answers->sorted = true;
    free(list);
}

struct answers *answers_new(void)
{
    struct answers *answers = XNEW(struct answers);

    TAILQ_INIT(&answers->all);
    return answers;
}

void answers_free(struct answers *answers)
{
    if (!answers)
        return;
    while (!TAILQ_EMPTY(&answers->all))
        drop(answers, TAILQ_FIRST(&answers->all));
    free(answers);
}

const struct store_answer *answers_find(const struct answers *answers,
                                        const char *owner, const char *key)
{
    const struct kept *e = find(answers, owner, key);

    return e ? &e->answer : NULL;
}

void answers_put(struct answers *answers, const struct store_answer *answer)
{
    struct kept *old = find(answers, answer->owner, answer->key);
    struct kept *e = XNEW(struct kept);

    e->answer = *answer;
    e->owner = need_owner(answers, answer->owner);
    e->answer.owner = e->owner->name;
    e->answer.key = xstrdup(answer->key);
    e->answer.body = xzalloc(answer->size + 1);
    if (answer->size)
        memcpy((uint8_t *)e->answer.body, answer->body, answer->size);
    insert(answers, e);
    if (old)
        drop(answers, old);
    if (!tsearch(e, &answers->by_key, compare_keys))
        abort(); /* no memory: as everywhere */
}

void answers_remove(struct answers *answers, const char *owner,
                    const char *key)
{
    struct kept *e = find(answers, owner, key);

    if (e)
        drop(answers, e);
}

const struct store_answer *answers_oldest(const struct answers *answers)
{
    const struct kept *e = TAILQ_FIRST(&answers->all);

    return e ? &e->answer : NULL;
}

const struct store_answer *answers_oldest_of(const struct answers *answers,
                                             const char *owner)
{
    const struct owner *o = find_owner(answers, owner);

    return o ? &TAILQ_FIRST(&o->entries)->answer : NULL;
}

const struct store_answer *answers_next(const struct store_answer *answer)
{
    const struct kept *e = (const struct kept *)(const void *)answer;
    const struct kept *next = TAILQ_NEXT(e, link);

    return next ? &next->answer : NULL;
}

const struct store_answer *answers_next_of(const struct store_answer *answer)
{
    const struct kept *e = (const struct kept *)(const void *)answer;
    const struct kept *next = TAILQ_NEXT(e, link_owned);

    return next ? &next->answer : NULL;
}

size_t answers_count(const struct answers *answers, const char *owner)
{
    const struct owner *o = find_owner(answers, owner);

    return o ? o->n : 0;
}
