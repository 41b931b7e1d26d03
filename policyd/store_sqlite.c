/*
 * The data center's store in SQLite: the default, for one host, with nothing
 * to install.  Opening, reading, closing; store_sqlite_change.c writes.  Only
 * these two know SQLite.  Write-ahead log with
 * synchronous=FULL: a commit survives the loss of power.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "policyd/store.h"
#include "policyd/store_sql.h"
#include "policyd/store_sqlite.h"

int store_sqlite_failed(struct sqlite_store *s, const char *what,
                        struct vdc_error *err)
{
    int code = sqlite3_extended_errcode(s->db) & 0xff;
    /* SQLite keeps the errno of some failures only; errno itself was cleared
     * before the call */
    int errnum = errno ? errno : sqlite3_system_errno(s->db);

    /* a file-size limit and a disk quota are full disks to the operator */
    if (code == SQLITE_FULL ||
        (code == SQLITE_IOERR &&
         (errnum == EFBIG || errnum == ENOSPC || errnum == EDQUOT))) {
        vdc_error_set(err, VDC_E_DISK_FULL,
                      "%s: %s: the disk is full; nothing was changed", s->path,
                      what);
        vdc_error_hint(err,
                       "make room on the file system of %s (df), then "
                       "try again",
                       s->path);
        return VDC_E_DISK_FULL;
    }
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        vdc_error_set(err, VDC_E_STORE_CORRUPT,
                      "%s: the database is damaged: %s", s->path,
                      sqlite3_errmsg(s->db));
        vdc_error_hint(err,
                       "stop policyd, move the file away (with -wal and "
                       "-shm) and put a backup in its place, or start "
                       "without: guests go on, customers must be made again "
                       "and their guests are then taken over");
        return VDC_E_STORE_CORRUPT;
    }
    if (code == SQLITE_BUSY) {
        vdc_error_set(err, VDC_E_STORE,
                      "%s: %s: another program has the "
                      "database locked",
                      s->path, what);
        vdc_error_hint(err, "find it with `fuser %s`", s->path);
        return VDC_E_STORE;
    }
    if (code == SQLITE_CANTOPEN || code == SQLITE_PERM ||
        code == SQLITE_READONLY) {
        vdc_error_set(err, VDC_E_STORE, "%s: %s: %s%s%s", s->path, what,
                      sqlite3_errmsg(s->db), errnum ? ": " : "",
                      errnum ? strerror(errnum) : "");
        vdc_error_hint(err, "its directory must exist and be writable for "
                            "policyd");
        return VDC_E_STORE;
    }
    return vdc_error_set(err, VDC_E_STORE, "%s: %s: %s", s->path, what,
                         sqlite3_errmsg(s->db));
}

int store_sqlite_run(struct sqlite_store *s, const char *sql,
                     struct vdc_error *err)
{
    errno = 0;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_sqlite_failed(s, "writing", err);
    return 0;
}

int store_sqlite_prepare(struct sqlite_store *s, sqlite3_stmt **ret,
                         struct vdc_error *err, const char *sql,
                         const char *types, ...)
{
    if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) != SQLITE_OK)
        return store_sqlite_failed(s, "preparing", err);
    va_list ap;
    va_start(ap, types);
    for (int i = 0; types[i]; i++) {
        if (types[i] == 't') {
            sqlite3_bind_text(*ret, i + 1, va_arg(ap, const char *), -1,
                              SQLITE_STATIC);
        } else if (types[i] == 'i') {
            sqlite3_bind_int64(*ret, i + 1, va_arg(ap, int64_t));
        } else {
            const void *bytes = va_arg(ap, const void *);
            sqlite3_bind_blob64(*ret, i + 1, bytes, va_arg(ap, size_t),
                                SQLITE_STATIC);
        }
    }
    va_end(ap);
    return 0;
}

int store_sqlite_finish(struct sqlite_store *s, sqlite3_stmt *stmt,
                        struct vdc_error *err)
{
    errno = 0;
    int r = sqlite3_step(stmt);
    int rc = r == SQLITE_DONE ? 0 : store_sqlite_failed(s, "writing", err);

    sqlite3_finalize(stmt);
    return rc;
}

static const char *text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *value = sqlite3_column_text(stmt, column);

    return value ? (const char *)value : "";
}

static int load_logins(struct sqlite_store *s, struct wire_customer *c,
                       struct arena *arena, struct vdc_error *err)
{
    enum { MOST = 64 };
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "SELECT uid, user FROM login WHERE customer = ? ORDER BY "
        "uid",
        "t", c->name);
    if (rc)
        return rc;
    c->logins = ARENA_ARRAY(arena, MOST, struct wire_login);
    while (c->n_logins < MOST && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct wire_login *login = &c->logins[c->n_logins++];
        wire_init(&wire_struct_login, login);
        login->uid = (uint32_t)sqlite3_column_int64(stmt, 0);
        login->user = arena_strdup(arena, text(stmt, 1));
    }
    if (r != SQLITE_DONE && r != SQLITE_ROW)
        rc = store_sqlite_failed(s, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

/* What the tables have no columns for. */
static int load_more(struct sqlite_store *s, struct wire_customer *c,
                     struct arena *arena, struct vdc_error *err)
{
    const char *key = arena_printf(arena, STORE_CUSTOMER_KEY "%s", c->name);
    struct wire_customer more;
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err, "SELECT body FROM record WHERE key = ?", "t", key);

    if (rc)
        return rc;
    int r = sqlite3_step(stmt);
    if (r == SQLITE_ROW) {
        rc = wire_struct_decode(&wire_struct_customer,
                                sqlite3_column_blob(stmt, 0),
                                (size_t)sqlite3_column_bytes(stmt, 0), arena,
                                &more, err);
        if (rc)
            rc = vdc_error_set(err, VDC_E_STORE_CORRUPT,
                               "%s: the database is damaged: the record of "
                               "customer '%s'",
                               s->path, c->name);
        else
            *c = more;
    } else if (r != SQLITE_DONE) {
        rc = store_sqlite_failed(s, "reading", err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int load_customers(struct sqlite_store *s,
                          const struct store_loader *loader,
                          struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE;
    int rc = store_sqlite_prepare(s, &stmt, err,
                                  "SELECT * FROM customer ORDER BY name", "");
    if (rc)
        return rc;
    while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct arena *arena = arena_new();
        struct wire_customer c;
        wire_init(&wire_struct_customer, &c);
        c.name = arena_strdup(arena, text(stmt, 0));
        c.created_ms = (uint64_t)sqlite3_column_int64(stmt, 1);
        c.quota.memory_kib = sqlite3_column_int64(stmt, 2);
        c.quota.vcpus = sqlite3_column_int64(stmt, 3);
        c.quota.disk_kib = sqlite3_column_int64(stmt, 4);
        c.quota.guests = sqlite3_column_int64(stmt, 5);
        rc = load_logins(s, &c, arena, err);
        if (!rc)
            rc = load_more(s, &c, arena, err);
        if (!rc)
            rc = loader->customer(loader->arg, &c, err);
        arena_free(arena);
    }
    if (!rc && r != SQLITE_DONE)
        rc = store_sqlite_failed(s, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

static int load_assignment(struct sqlite_store *s, sqlite3_stmt *stmt,
                           const struct store_loader *loader,
                           struct vdc_error *err)
{
    struct store_assignment a = { .counts.guests = 1 };

    if (!uuid_from_text(text(stmt, 0), &a.uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "%s: the database is damaged: '%s' is no UUID",
                             s->path, text(stmt, 0));
    a.customer = text(stmt, 1);
    a.name = text(stmt, 2);
    a.new_name = text(stmt, 3);
    a.host = text(stmt, 4);
    a.state = (enum assignment_state)sqlite3_column_int(stmt, 5);
    a.counts.memory = MEM_KIB(sqlite3_column_int64(stmt, 6));
    a.counts.vcpus = (uint64_t)sqlite3_column_int64(stmt, 7);
    a.counts.disk = MEM_KIB(sqlite3_column_int64(stmt, 8));
    a.macs = text(stmt, 9);
    a.reason = text(stmt, 10);
    a.created_ms = (uint64_t)sqlite3_column_int64(stmt, 11);
    return loader->assignment(loader->arg, &a, err);
}

static int sqlite_load(struct store *store, const struct store_loader *loader,
                       struct vdc_error *err)
{
    struct sqlite_store *s = store_sqlite_of(store);
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE;
    int rc = load_customers(s, loader, err);

    if (!rc)
        rc = store_sqlite_prepare(
            s, &stmt, err, "SELECT * FROM assignment ORDER BY customer, name",
            "");
    if (rc)
        return rc;
    while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = load_assignment(s, stmt, loader, err);
    if (!rc && r != SQLITE_DONE)
        rc = store_sqlite_failed(s, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

static int sqlite_find_answer(struct store *store, const char *owner,
                              const char *key, struct arena *arena,
                              struct store_answer *ret, struct vdc_error *err)
{
    struct sqlite_store *s = store_sqlite_of(store);
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "SELECT digest, message, time_ms, body FROM answer WHERE "
        "owner = ? AND key = ?",
        "tt", owner, key);

    if (rc)
        return rc;
    int r = sqlite3_step(stmt);
    if (r == SQLITE_ROW) {
        ret->owner = arena_strdup(arena, owner);
        ret->key = arena_strdup(arena, key);
        ret->digest = (uint64_t)sqlite3_column_int64(stmt, 0);
        ret->message = (uint32_t)sqlite3_column_int64(stmt, 1);
        ret->time_ms = (uint64_t)sqlite3_column_int64(stmt, 2);
        ret->size = (size_t)sqlite3_column_bytes(stmt, 3);
        ret->body =
            ret->size
                ? arena_memdup(arena, sqlite3_column_blob(stmt, 3), ret->size)
                : (const uint8_t *)"";
    } else if (r == SQLITE_DONE) {
        rc = vdc_error_set(err, VDC_E_NOT_FOUND, "no answer to key '%s'", key);
    } else {
        rc = store_sqlite_failed(s, "reading", err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int sqlite_read_records(struct store *store,
                               const struct store_query *query,
                               store_record_fn *fn, void *arg,
                               struct vdc_error *err)
{
    struct sqlite_store *s = store_sqlite_of(store);
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE;
    /* keys are ASCII, so all of a prefix are before the prefix and 0x7f */
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "SELECT key, body FROM record WHERE key > max(?1, ?2) AND key < ?1 "
        "|| char(127) ORDER BY key LIMIT ?3",
        "tti", query->prefix, query->after, (int64_t)query->most);

    if (rc)
        return rc;
    while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = fn(arg, text(stmt, 0), sqlite3_column_blob(stmt, 1),
                (size_t)sqlite3_column_bytes(stmt, 1), err);
    if (!rc && r != SQLITE_DONE)
        rc = store_sqlite_failed(s, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

static int sqlite_read_audits(struct store *store,
                              const struct store_audit_query *query,
                              store_audit_fn *fn, void *arg,
                              struct vdc_error *err)
{
    struct sqlite_store *s = store_sqlite_of(store);
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "SELECT number, time_ms, ifnull(uid, 4294967295), customer, message, "
        "object, result, who, origin, detail FROM audit WHERE number > ?1 "
        "AND time_ms >= ?2 AND (?3 = '' OR customer = ?3 OR "
        "substr(customer, 1, length(?3) + 1) = ?3 || '_') AND (?4 = '' OR "
        "object = ?4) ORDER BY number LIMIT ?5",
        "iitti", (int64_t)query->after, (int64_t)query->since_ms,
        query->customer, query->object, (int64_t)query->most);

    if (rc)
        return rc;
    while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct store_audit a = {
            .number = (uint64_t)sqlite3_column_int64(stmt, 0),
            .time_ms = (uint64_t)sqlite3_column_int64(stmt, 1),
            .uid = (uint32_t)sqlite3_column_int64(stmt, 2),
            .customer = text(stmt, 3),
            .message = text(stmt, 4),
            .object = text(stmt, 5),
            .result = sqlite3_column_int(stmt, 6),
            .who = text(stmt, 7),
            .origin = text(stmt, 8),
            .detail = text(stmt, 9),
        };
        rc = fn(arg, &a, err);
    }
    if (!rc && r != SQLITE_DONE)
        rc = store_sqlite_failed(s, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *s = store_sqlite_of(store);

    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->path);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .load = sqlite_load,
    .commit = store_sqlite_commit,
    .find_answer = sqlite_find_answer,
    .read_records = sqlite_read_records,
    .read_audits = sqlite_read_audits,
    .close = sqlite_close,
};

/* One value; a text is compared, not returned. */
static int pragma(struct sqlite_store *s, const char *sql, int64_t *ret,
                  bool *ret_ok, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(s, &stmt, err, sql, "");

    if (rc)
        return rc;
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = store_sqlite_failed(s, "reading", err);
    } else {
        *ret = sqlite3_column_int64(stmt, 0);
        *ret_ok = strcmp(text(stmt, 0), "ok") == 0;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int check_version(struct sqlite_store *s, int64_t *ret_version,
                         struct vdc_error *err)
{
    int64_t application = 0, n_tables = 0;
    bool ok;
    int rc = pragma(s, "PRAGMA user_version", ret_version, &ok, err);

    if (!rc)
        rc = pragma(s, "PRAGMA application_id", &application, &ok, err);
    if (!rc)
        rc = pragma(s, "SELECT count(*) FROM sqlite_master", &n_tables, &ok,
                    err);
    if (rc)
        return rc;
    if (n_tables > 0 && application != STORE_APPLICATION_ID)
        return vdc_error_set(err, VDC_E_STORE,
                             "%s is another program's database", s->path);
    if (*ret_version <= STORE_VERSION)
        return 0;
    vdc_error_set(err, VDC_E_STORE_NEWER,
                  "%s was made by a newer version (format %lld; this policyd "
                  "knows %d)",
                  s->path, (long long)*ret_version, STORE_VERSION);
    vdc_error_hint(err, "install the newer version again; or restore the "
                        "backup that was made before it");
    return VDC_E_STORE_NEWER;
}

static int set_up(struct sqlite_store *s, struct vdc_error *err)
{
    int64_t version = 0, unused;
    bool ok = false;

    sqlite3_busy_timeout(s->db, 1000);
    int rc = check_version(s, &version, err);
    if (!rc)
        rc = store_sqlite_run(
            s,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
            "PRAGMA foreign_keys = ON",
            err);
    if (!rc)
        rc = pragma(s, "PRAGMA quick_check(1)", &unused, &ok, err);
    if (rc)
        return rc;
    if (!ok) {
        vdc_error_set(err, VDC_E_STORE_CORRUPT,
                      "%s: the database is damaged: its check failed",
                      s->path);
        vdc_error_hint(err, "stop policyd, move the file away (with -wal and "
                            "-shm) and put a backup in its place");
        return VDC_E_STORE_CORRUPT;
    }
    if (version == STORE_VERSION)
        return 0;
    /* while tables are exchanged a reference may lead nowhere */
    rc =
        store_sqlite_run(s, "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE", err);
    if (!rc)
        rc = store_sqlite_run(s,
                              version == 1   ? STORE_UPGRADE_1
                              : version == 2 ? STORE_UPGRADE_2
                                             : STORE_SCHEMA,
                              err);
    if (!rc) {
        char *sql = xasprintf("PRAGMA application_id = %d; PRAGMA "
                              "user_version = %d; COMMIT; PRAGMA "
                              "foreign_keys = ON",
                              STORE_APPLICATION_ID, STORE_VERSION);
        rc = store_sqlite_run(s, sql, err);
        free(sql);
    }
    return rc;
}

/*
 * Two policyds would each compute quotas from what it alone has in memory.
 * This kind of lock is not seen by SQLite, so that a backup can be made while
 * policyd runs.
 */
static int lock(struct sqlite_store *s, struct vdc_error *err)
{
    s->lock_fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (s->lock_fd < 0)
        return vdc_error_errno(err, VDC_E_STORE, errno, "%s", s->path);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return vdc_error_errno(err, VDC_E_STORE, errno, "%s: locking",
                               s->path);
    vdc_error_set(err, VDC_E_BUSY, "%s is in use by another process", s->path);
    vdc_error_hint(err, "another policyd may be running");
    return VDC_E_BUSY;
}

int store_sqlite_open(const char *path, struct store **ret,
                      struct vdc_error *err)
{
    struct sqlite_store *s = XNEW(struct sqlite_store);

    s->store.ops = &sqlite_ops;
    s->path = xstrdup(path);
    s->lock_fd = -1;
    /* It names every customer: for its owner only, with -wal and -shm. */
    mode_t mask = umask(0077);
    int r = sqlite3_open_v2(path, &s->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    umask(mask);
    int rc =
        r == SQLITE_OK ? lock(s, err) : store_sqlite_failed(s, "opening", err);
    if (!rc)
        rc = set_up(s, err);
    if (rc) {
        sqlite_close(&s->store);
        return rc;
    }
    *ret = &s->store;
    return 0;
}
