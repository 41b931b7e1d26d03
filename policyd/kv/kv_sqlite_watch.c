/* Watches of the store in SQLite, and the history they are told from. */
#include <stdlib.h>
#include <string.h>

#include "policyd/kv/kv_sqlite_impl.h"

/* ---- history ---- */

static void drop_oldest(struct kv_sqlite *s)
{
    struct kv_sqlite_request *r = TAILQ_FIRST(&s->history);

    TAILQ_REMOVE(&s->history, r, link);
    s->history_after = r->revision;
    s->n_history--;
    s->n_history_bytes -= r->n_bytes;
    arena_free(r->arena);
}

void kv_sqlite_history_add(struct kv_sqlite *s, struct kv_sqlite_request *r)
{
    TAILQ_INSERT_TAIL(&s->history, r, link);
    s->n_history++;
    s->n_history_bytes += r->n_bytes;
    while (s->n_history > KV_SQLITE_HISTORY ||
           s->n_history_bytes > KV_SQLITE_HISTORY_BYTES)
        drop_oldest(s);
}

void kv_sqlite_history_free(struct kv_sqlite *s)
{
    while (!TAILQ_EMPTY(&s->history))
        drop_oldest(s);
}

/* ---- telling ---- */

static bool goes_on(const struct kv_sqlite_watch *w)
{
    return !((const struct kv_sqlite *)w->head.kv)->closed && !w->dead;
}

static void tell_one(struct kv_sqlite_watch *w,
                     const struct kv_sqlite_request *r)
{
    size_t len = strlen(w->prefix);
    const struct kv_sqlite_change *c;
    bool any = false;

    STAILQ_FOREACH(c, &r->changed, link)
    {
        if (strncmp(c->pair.key, w->prefix, len) != 0)
            continue;
        any = true;
        w->watcher.pair(w->watcher.arg, &c->pair);
        if (!goes_on(w))
            return;
    }
    if (any && w->watcher.done)
        w->watcher.done(w->watcher.arg, r->revision);
}

static void tell(struct kv_sqlite *s, struct kv_sqlite_watch *w)
{
    const struct kv_sqlite_request *r;

    if (w->over || w->dead || w->seen >= s->revision)
        return;
    if (w->seen < s->history_after) {
        w->over = true;
        w->watcher.lost(w->watcher.arg);
        return;
    }
    TAILQ_FOREACH(r, &s->history, link)
    {
        if (r->revision <= w->seen)
            continue;
        w->seen = r->revision;
        tell_one(w, r);
        if (!goes_on(w))
            return;
    }
}

static void destroy(struct kv_sqlite *s, struct kv_sqlite_watch *w)
{
    TAILQ_REMOVE(&s->watches, w, link);
    free(w->prefix);
    free(w);
}

void kv_sqlite_tell(struct kv_sqlite *s)
{
    struct kv_sqlite_watch *w, *next;

    TAILQ_FOREACH(w, &s->watches, link)
    {
        tell(s, w);
        if (s->closed)
            break;
    }
    for (w = TAILQ_FIRST(&s->watches); w; w = next) {
        next = TAILQ_NEXT(w, link);
        if (w->dead)
            destroy(s, w);
    }
}

struct kv_watch *kv_sqlite_watch_new(struct kv *kv, const char *prefix,
                                     uint64_t after,
                                     const struct kv_watcher *watcher)
{
    struct kv_sqlite *s = (struct kv_sqlite *)kv;
    struct kv_sqlite_watch *w = XNEW(struct kv_sqlite_watch);

    w->head.kv = kv;
    w->watcher = *watcher;
    w->prefix = xstrdup(prefix);
    w->seen = after;
    TAILQ_INSERT_TAIL(&s->watches, w, link);
    kv_sqlite_wake(s);
    return &w->head;
}

void kv_sqlite_watch_free(struct kv_watch *watch)
{
    struct kv_sqlite_watch *w = (struct kv_sqlite_watch *)watch;
    struct kv_sqlite *s = (struct kv_sqlite *)watch->kv;

    w->dead = true;
    if (!s->in_turn)
        destroy(s, w);
}
