/*
 * The store in SQLite; see kv_sqlite.h.  Requests are queued by the calls and
 * done in turns of the loop: commits that follow each other as one
 * transaction, a list by itself.
 */
#include "policyd/kv/kv_sqlite.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/kv/kv_check.h"
#include "policyd/kv/kv_sqlite_impl.h"

/* So many commits share one transaction: more would not make it cheaper. */
#define GROUP_MAX 256

static struct kv_sqlite *of(const struct kv *kv)
{
    return (struct kv_sqlite *)kv;
}

void kv_sqlite_wake(struct kv_sqlite *s)
{
    event_active(s->turn, EV_TIMEOUT, 0);
}

/* ---- requests ---- */

static struct kv_sqlite_request *queue(struct kv_sqlite *s,
                                       enum kv_sqlite_kind kind,
                                       kv_done_fn *done, void *arg)
{
    struct arena *arena = arena_new();
    struct kv_sqlite_request *r = ARENA_NEW(arena, struct kv_sqlite_request);

    r->arena = arena;
    r->kind = kind;
    r->done = done;
    r->arg = arg;
    STAILQ_INIT(&r->changed);
    TAILQ_INSERT_TAIL(&s->queue, r, link);
    kv_sqlite_wake(s);
    return r;
}

static void sqlite_read(struct kv *kv, const char *prefix, kv_pair_fn *pair,
                        kv_done_fn *done, void *arg)
{
    struct kv_sqlite_request *r = queue(of(kv), KV_SQLITE_READ, done, arg);

    kv_check_prefix(prefix, &r->err);
    r->prefix = arena_strdup(r->arena, prefix);
    r->pair = pair;
}

void kv_sqlite_end_lease(struct kv_sqlite *s, uint64_t id)
{
    struct kv_sqlite_request *r = queue(s, KV_SQLITE_LEASE_END, NULL, NULL);

    r->lease = id;
}

static const uint8_t *copy_value(struct kv_sqlite_request *r,
                                 const uint8_t *value, size_t size)
{
    return size ? arena_memdup(r->arena, value, size) : (const uint8_t *)"";
}

static void copy_compares(struct kv_sqlite_request *r,
                          const struct kv_compare *compares, size_t n)
{
    r->compares = ARENA_ARRAY(r->arena, n, struct kv_compare);
    for (r->n_compares = 0; r->n_compares < n; r->n_compares++) {
        struct kv_compare *to = &r->compares[r->n_compares];
        *to = compares[r->n_compares];
        to->key = arena_strdup(r->arena, to->key);
        if (to->kind == KV_VALUE_IS)
            to->value = copy_value(r, to->value, to->size);
    }
}

static void copy_changes(struct kv_sqlite_request *r,
                         const struct kv_change *changes, size_t n)
{
    r->changes = ARENA_ARRAY(r->arena, n, struct kv_change);
    for (r->n_changes = 0; r->n_changes < n; r->n_changes++) {
        struct kv_change *to = &r->changes[r->n_changes];
        *to = changes[r->n_changes];
        to->key = arena_strdup(r->arena, to->key);
        if (to->kind == KV_PUT)
            to->value = copy_value(r, to->value, to->size);
    }
}

/* A key changed twice would be changed in no order. */
static int check_changes(const struct kv_sqlite *s,
                         const struct kv_change *changes, size_t n,
                         struct vdc_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct kv_change *c = &changes[i];
        if (c->kind == KV_PUT && c->lease &&
            !kv_sqlite_lease_is_good(s, c->lease))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "%s: its lease has ended", c->key);
        for (size_t j = 0; j < i; j++)
            if (strcmp(changes[j].key, c->key) == 0)
                return vdc_error_set(err, VDC_E_BAD_VALUE,
                                     "%s: changed twice in one commit",
                                     c->key);
    }
    return 0;
}

static void sqlite_commit(struct kv *kv, const struct kv_compare *compares,
                          size_t n_compares, const struct kv_change *changes,
                          size_t n_changes, kv_done_fn *done, void *arg)
{
    struct kv_sqlite *s = of(kv);
    struct kv_sqlite_request *r = queue(s, KV_SQLITE_COMMIT, done, arg);

    if (kv_check_commit(compares, n_compares, changes, n_changes, &r->err) ||
        check_changes(s, changes, n_changes, &r->err))
        return;
    copy_compares(r, compares, n_compares);
    copy_changes(r, changes, n_changes);
}

/* ---- a turn ---- */

static void finish(struct kv_sqlite *s, struct kv_sqlite_request *r)
{
    if (r->done && !s->closed)
        r->done(r->arg, r->err.code ? 0 : r->revision, &r->err);
    if (!r->err.code && !STAILQ_EMPTY(&r->changed))
        kv_sqlite_history_add(s, r);
    else
        arena_free(r->arena);
}

/* The commits at the head of the queue, as one transaction. */
static void do_commits(struct kv_sqlite *s)
{
    struct kv_sqlite_requests group = TAILQ_HEAD_INITIALIZER(group);
    struct kv_sqlite_request *r;

    for (int n = 0; n < GROUP_MAX && (r = TAILQ_FIRST(&s->queue)) &&
                    r->kind != KV_SQLITE_READ;
         n++) {
        TAILQ_REMOVE(&s->queue, r, link);
        TAILQ_INSERT_TAIL(&group, r, link);
    }
    kv_sqlite_commit_all(s, &group);
    while ((r = TAILQ_FIRST(&group))) {
        TAILQ_REMOVE(&group, r, link);
        finish(s, r);
    }
}

static void do_read(struct kv_sqlite *s)
{
    struct kv_sqlite_request *r = TAILQ_FIRST(&s->queue);

    TAILQ_REMOVE(&s->queue, r, link);
    r->revision = s->revision;
    if (!r->err.code)
        kv_sqlite_list(s, r, &r->err);
    finish(s, r);
}

static void destroy(struct kv_sqlite *s)
{
    struct kv_sqlite_request *r;

    while ((r = TAILQ_FIRST(&s->queue))) {
        TAILQ_REMOVE(&s->queue, r, link);
        arena_free(r->arena);
    }
    kv_sqlite_history_free(s);
    kv_sqlite_file_close(s);
    if (s->turn)
        event_free(s->turn);
    free(s->path);
    free(s->name);
    free(s);
}

/* One group of commits or one list; what is left waits for the next turn, so
 * that others on the loop have theirs between.  False: it was closed. */
static bool do_turn(struct kv_sqlite *s)
{
    const struct kv_sqlite_request *first = TAILQ_FIRST(&s->queue);

    s->in_turn = true;
    if (first && first->kind == KV_SQLITE_READ)
        do_read(s);
    else if (first)
        do_commits(s);
    if (!s->closed)
        kv_sqlite_tell(s);
    s->in_turn = false;
    if (!s->closed)
        return true;
    destroy(s);
    return false;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct kv_sqlite *s = arg;

    if (do_turn(s) && !TAILQ_EMPTY(&s->queue))
        kv_sqlite_wake(s);
}

/* ---- the table ---- */

static bool sqlite_up(const struct kv *kv, struct vdc_error *why)
{
    return true;
}

/* What callbacks ask for meanwhile is done, too. */
static void sqlite_drain(struct kv *kv)
{
    struct kv_sqlite *s = of(kv);

    while (!s->in_turn && !TAILQ_EMPTY(&s->queue))
        if (!do_turn(s))
            return;
}

static const char *sqlite_name(const struct kv *kv)
{
    return of(kv)->name;
}

static void sqlite_close(struct kv *kv)
{
    struct kv_sqlite *s = of(kv);

    s->closed = true;
    if (!s->in_turn)
        destroy(s);
}

static const struct kv_ops ops = {
    .read = sqlite_read,
    .commit = sqlite_commit,
    .watch_new = kv_sqlite_watch_new,
    .watch_free = kv_sqlite_watch_free,
    .lease_new = kv_sqlite_lease_new,
    .lease_free = kv_sqlite_lease_free,
    .up = sqlite_up,
    .name = sqlite_name,
    .drain = sqlite_drain,
    .close = sqlite_close,
};

int kv_sqlite_open(struct event_base *base, const char *path,
                   const struct kv_sqlite_upgrade *upgrade, struct kv **ret,
                   struct vdc_error *err)
{
    struct kv_sqlite *s = XNEW(struct kv_sqlite);

    s->kv.ops = &ops;
    s->base = base;
    s->path = xstrdup(path);
    s->name = xasprintf("SQLite %s", path);
    s->lock_fd = -1;
    s->turn = event_new(base, -1, 0, on_turn, s);
    TAILQ_INIT(&s->queue);
    TAILQ_INIT(&s->history);
    TAILQ_INIT(&s->watches);
    TAILQ_INIT(&s->leases);
    int rc = kv_sqlite_file_open(s, upgrade, err);
    if (rc) {
        destroy(s);
        return rc;
    }
    *ret = &s->kv;
    return 0;
}
