/* What requests do in the database: comparing, changing, listing. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "policyd/kv/kv_sqlite_impl.h"

/* Keys are printable ASCII, so that this is above all that begin with it. */
static const char *above(const char *prefix, struct arena *arena)
{
    return arena_printf(arena, "%s\x7f", prefix);
}

/* A statement, bound: t text, i number, b bytes and their size_t, all of
 * which must live until it is reset. */
static sqlite3_stmt *bind(struct kv_sqlite *s, enum kv_sqlite_statement which,
                          const char *types, ...)
{
    sqlite3_stmt *stmt = s->statements[which];
    va_list ap;

    va_start(ap, types);
    for (int i = 0; types[i]; i++) {
        if (types[i] == 't') {
            sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1,
                              SQLITE_STATIC);
        } else if (types[i] == 'i') {
            sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t));
        } else {
            const void *bytes = va_arg(ap, const void *);
            size_t size = va_arg(ap, size_t);
            sqlite3_bind_blob64(stmt, i + 1, size ? bytes : "", size,
                                SQLITE_STATIC);
        }
    }
    va_end(ap);
    errno = 0; /* see kv_sqlite_failed */
    return stmt;
}

/* Ends a statement of which no row is wanted any more. */
static int end(struct kv_sqlite *s, sqlite3_stmt *stmt, int r,
               struct vdc_error *err)
{
    const char *what = sqlite3_stmt_readonly(stmt) ? "reading" : "writing";
    int rc = r == SQLITE_ROW || r == SQLITE_DONE
                 ? 0
                 : kv_sqlite_failed(&s->kv, what, err);

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rc;
}

static void row(sqlite3_stmt *stmt, struct kv_pair *ret)
{
    ret->key = (const char *)sqlite3_column_text(stmt, 0);
    ret->size = (size_t)sqlite3_column_bytes(stmt, 1);
    ret->value =
        ret->size ? sqlite3_column_blob(stmt, 1) : (const uint8_t *)"";
    ret->created = (uint64_t)sqlite3_column_int64(stmt, 2);
    ret->modified = (uint64_t)sqlite3_column_int64(stmt, 3);
    ret->lease = (uint64_t)sqlite3_column_int64(stmt, 4);
}

/* ---- comparing ---- */

static bool holds(const struct kv_compare *c, const struct kv_pair *pair)
{
    switch (c->kind) {
    case KV_MODIFIED_IS:
        return pair->modified == c->revision;
    case KV_CREATED_IS:
        return pair->created == c->revision;
    case KV_VALUE_IS:
        return pair->key && pair->size == c->size &&
               (c->size == 0 || memcmp(pair->value, c->value, c->size) == 0);
    }
    return false;
}

static int compare(struct kv_sqlite *s, const struct kv_compare *c,
                   struct vdc_error *err)
{
    sqlite3_stmt *stmt = bind(s, KV_SQLITE_GET, "t", c->key);
    int r = sqlite3_step(stmt);
    struct kv_pair pair = { 0 };

    if (r == SQLITE_ROW)
        row(stmt, &pair);
    bool ok = holds(c, &pair);
    int rc = end(s, stmt, r, err);
    if (!rc && !ok)
        rc = vdc_error_set(err, VDC_E_CONFLICT, "%s: '%s' has changed",
                           s->path, c->key);
    return rc;
}

/* ---- changing ---- */

static void note(struct kv_sqlite_request *r, const struct kv_pair *pair)
{
    struct kv_sqlite_change *c = ARENA_NEW(r->arena, struct kv_sqlite_change);

    c->pair = *pair;
    r->n_bytes += strlen(pair->key) + pair->size;
    STAILQ_INSERT_TAIL(&r->changed, c, link);
}

static int put(struct kv_sqlite *s, struct kv_sqlite_request *r,
               const struct kv_change *c, uint64_t revision,
               struct vdc_error *err)
{
    struct kv_pair pair = { .key = c->key,
                            .value = c->value,
                            .size = c->size,
                            .modified = revision,
                            .lease = c->lease };
    sqlite3_stmt *stmt = bind(s, KV_SQLITE_PUT, "tbii", c->key, c->value,
                              c->size, (int64_t)revision, (int64_t)c->lease);
    int result = sqlite3_step(stmt);

    if (result == SQLITE_ROW) {
        pair.created = (uint64_t)sqlite3_column_int64(stmt, 0);
        /* the row is there only when the statement has ended */
        result = sqlite3_step(stmt);
    }
    note(r, &pair);
    return end(s, stmt, result, err);
}

static int delete_one(struct kv_sqlite *s, struct kv_sqlite_request *r,
                      const char *key, uint64_t revision,
                      struct vdc_error *err)
{
    const struct kv_pair gone = { .key = key, .modified = revision };
    sqlite3_stmt *stmt = bind(s, KV_SQLITE_DELETE, "t", key);
    int rc = end(s, stmt, sqlite3_step(stmt), err);

    if (!rc && sqlite3_changes(s->db) > 0)
        note(r, &gone);
    return rc;
}

/* Of a list that gives keys; first all are read, then they go. */
static int delete_all(struct kv_sqlite *s, struct kv_sqlite_request *r,
                      sqlite3_stmt *stmt, uint64_t revision,
                      struct vdc_error *err)
{
    struct key {
        STAILQ_ENTRY(key) link;
        const char *key;
    } * key;
    STAILQ_HEAD(, key) keys = STAILQ_HEAD_INITIALIZER(keys);
    int result;

    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        key = ARENA_NEW(r->arena, struct key);
        key->key =
            arena_strdup(r->arena, (const char *)sqlite3_column_text(stmt, 0));
        STAILQ_INSERT_TAIL(&keys, key, link);
    }
    int rc = end(s, stmt, result, err);
    STAILQ_FOREACH(key, &keys, link)
    if (!rc)
        rc = delete_one(s, r, key->key, revision, err);
    return rc;
}

static int change(struct kv_sqlite *s, struct kv_sqlite_request *r,
                  const struct kv_change *c, uint64_t revision,
                  struct vdc_error *err)
{
    switch (c->kind) {
    case KV_PUT:
        return put(s, r, c, revision, err);
    case KV_DELETE:
        return delete_one(s, r, c->key, revision, err);
    case KV_DELETE_PREFIX:
        return delete_all(
            s, r,
            bind(s, KV_SQLITE_LIST, "tt", c->key, above(c->key, r->arena)),
            revision, err);
    }
    return VDC_E_INTERNAL;
}

/* ---- one commit, and a group of them ---- */

static int apply(struct kv_sqlite *s, struct kv_sqlite_request *r,
                 uint64_t revision, struct vdc_error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < r->n_compares; i++)
        rc = compare(s, &r->compares[i], err);
    for (size_t i = 0; !rc && i < r->n_changes; i++)
        rc = change(s, r, &r->changes[i], revision, err);
    if (!rc && r->kind == KV_SQLITE_LEASE_END)
        rc = delete_all(s, r,
                        bind(s, KV_SQLITE_LIST_LEASE, "i", (int64_t)r->lease),
                        revision, err);
    return rc;
}

/* VDC_E_CONFLICT is the request's own affair, anything else the database's. */
static int apply_wholly(struct kv_sqlite *s, struct kv_sqlite_request *r,
                        uint64_t *revision, struct vdc_error *err)
{
    struct vdc_error why = { 0 };

    if (r->err.code)
        return 0;
    STAILQ_INIT(&r->changed);
    r->n_bytes = 0;
    int rc = kv_sqlite_run(s, "SAVEPOINT one", err);
    if (rc)
        return rc;
    rc = apply(s, r, *revision + 1, &why);
    if (rc && rc != VDC_E_CONFLICT) {
        if (err)
            *err = why;
        return rc;
    }
    r->err = why;
    if (!rc && !STAILQ_EMPTY(&r->changed))
        ++*revision;
    r->revision = *revision;
    return kv_sqlite_run(
        s, rc ? "ROLLBACK TO one; RELEASE one" : "RELEASE one", err);
}

static int set_revision(struct kv_sqlite *s, uint64_t revision,
                        struct vdc_error *err)
{
    if (revision == s->revision)
        return 0;
    sqlite3_stmt *stmt = bind(s, KV_SQLITE_REVISION, "i", (int64_t)revision);
    return end(s, stmt, sqlite3_step(stmt), err);
}

/* From `first` to the end of the list, or it alone. */
static int commit(struct kv_sqlite *s, struct kv_sqlite_request *first,
                  bool alone, struct vdc_error *err)
{
    struct kv_sqlite_request *r = first;
    uint64_t revision = s->revision;
    int rc = kv_sqlite_run(s, "BEGIN IMMEDIATE", err);

    for (; !rc && r && (r == first || !alone); r = TAILQ_NEXT(r, link))
        rc = apply_wholly(s, r, &revision, err);
    if (!rc)
        rc = set_revision(s, revision, err);
    if (!rc)
        rc = kv_sqlite_run(s, "COMMIT", err);
    /* after some failures SQLite has rolled back by itself */
    if (rc && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    if (!rc)
        s->revision = revision;
    return rc;
}

void kv_sqlite_commit_all(struct kv_sqlite *s,
                          struct kv_sqlite_requests *group)
{
    struct kv_sqlite_request *r = TAILQ_FIRST(group), *next = r;

    if (r && !commit(s, r, false, NULL))
        return;
    /* One that is too large for the disk must not take the others along.  A
     * conflict of the failed attempt may have been with one of them. */
    while ((r = next)) {
        struct vdc_error err = { 0 };
        next = TAILQ_NEXT(r, link);
        if (r->err.code == VDC_E_CONFLICT)
            r->err = (struct vdc_error){ 0 };
        if (commit(s, r, true, &err)) {
            r->err = err;
            STAILQ_INIT(&r->changed);
        }
    }
}

/* ---- listing ---- */

int kv_sqlite_list(struct kv_sqlite *s, const struct kv_sqlite_request *r,
                   struct vdc_error *err)
{
    sqlite3_stmt *stmt =
        bind(s, KV_SQLITE_LIST, "tt", r->prefix, above(r->prefix, r->arena));
    struct kv_pair pair;
    int result;

    while ((result = sqlite3_step(stmt)) == SQLITE_ROW) {
        row(stmt, &pair);
        r->pair(r->arg, &pair);
        if (s->closed)
            break;
    }
    return end(s, stmt, result, err);
}
