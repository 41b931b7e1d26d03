/* The file of the store in SQLite: opening, its format, its failures. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/kv/kv_sqlite_impl.h"

#define SCHEMA                                                               \
    "CREATE TABLE pair (key TEXT PRIMARY KEY, value BLOB NOT NULL, created " \
    "INTEGER NOT NULL, modified INTEGER NOT NULL, lease INTEGER NOT NULL) "  \
    "STRICT;"                                                                \
    "CREATE INDEX pair_lease ON pair (lease) WHERE lease != 0;"              \
    "CREATE TABLE meta (revision INTEGER NOT NULL) STRICT;"                  \
    "INSERT INTO meta VALUES (1);"

static const char *const statements[KV_SQLITE_N_STATEMENTS] = {
    [KV_SQLITE_GET] = "SELECT key, value, created, modified, lease FROM pair "
                      "WHERE key = ?1",
    [KV_SQLITE_PUT] =
        "INSERT INTO pair VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (key) DO "
        "UPDATE SET value = excluded.value, modified = excluded.modified, "
        "lease = excluded.lease RETURNING created",
    [KV_SQLITE_DELETE] = "DELETE FROM pair WHERE key = ?1",
    [KV_SQLITE_LIST] = "SELECT key, value, created, modified, lease FROM pair "
                       "WHERE key >= ?1 AND key < ?2 ORDER BY key",
    [KV_SQLITE_LIST_LEASE] =
        "SELECT key FROM pair WHERE lease = ?1 AND lease != 0 ORDER BY key",
    [KV_SQLITE_REVISION] = "UPDATE meta SET revision = ?1",
};

static int failed_other(const struct kv_sqlite *s, int code, int errnum,
                        const char *what, struct vdc_error *err)
{
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

int kv_sqlite_failed(struct kv *kv, const char *what, struct vdc_error *err)
{
    const struct kv_sqlite *s = (const struct kv_sqlite *)kv;
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
    return failed_other(s, code, errnum, what, err);
}

int kv_sqlite_run(struct kv_sqlite *s, const char *sql, struct vdc_error *err)
{
    errno = 0;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return kv_sqlite_failed(&s->kv, "writing", err);
    return 0;
}

/* One value; a text is compared, not returned. */
static int ask(struct kv_sqlite *s, const char *sql, int64_t *ret,
               bool *ret_ok, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = 0;

    errno = 0;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return kv_sqlite_failed(&s->kv, "reading", err);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = kv_sqlite_failed(&s->kv, "reading", err);
    } else {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        *ret_ok = text && strcmp(text, "ok") == 0;
        *ret = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int check_version(struct kv_sqlite *s, int64_t *ret_version,
                         struct vdc_error *err)
{
    int64_t application = 0, n_tables = 0;
    bool ok;
    int rc = ask(s, "PRAGMA user_version", ret_version, &ok, err);

    if (!rc)
        rc = ask(s, "PRAGMA application_id", &application, &ok, err);
    if (!rc)
        rc = ask(s, "SELECT count(*) FROM sqlite_master", &n_tables, &ok, err);
    if (rc)
        return rc;
    if (n_tables > 0 && application != KV_SQLITE_APPLICATION_ID)
        return vdc_error_set(err, VDC_E_STORE,
                             "%s is another program's database", s->path);
    if (*ret_version <= KV_SQLITE_VERSION)
        return 0;
    vdc_error_set(err, VDC_E_STORE_NEWER,
                  "%s was made by a newer version (format %lld; this policyd "
                  "knows %d)",
                  s->path, (long long)*ret_version, KV_SQLITE_VERSION);
    vdc_error_hint(err, "install the newer version again; or restore the "
                        "backup that was made before it");
    return VDC_E_STORE_NEWER;
}

static int check_sound(struct kv_sqlite *s, struct vdc_error *err)
{
    int64_t unused;
    bool ok = false;
    int rc = ask(s, "PRAGMA quick_check(1)", &unused, &ok, err);

    if (rc || ok)
        return rc;
    vdc_error_set(err, VDC_E_STORE_CORRUPT,
                  "%s: the database is damaged: its check failed", s->path);
    vdc_error_hint(err, "stop policyd, move the file away (with -wal and "
                        "-shm) and put a backup in its place");
    return VDC_E_STORE_CORRUPT;
}

static int prepare(struct kv_sqlite *s, struct vdc_error *err)
{
    errno = 0;
    for (int i = 0; i < KV_SQLITE_N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, statements[i], -1,
                               SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK)
            return kv_sqlite_failed(&s->kv, "preparing", err);
    return 0;
}

/* Beside the file, as it was: a program of before can go on with it. */
static int keep_copy(struct kv_sqlite *s, int version, struct vdc_error *err)
{
    char *to = xasprintf("%s.version-%d", s->path, version);
    char *sql;
    int rc;

    unlink(to); /* of an attempt that came to nothing */
    sql = sqlite3_mprintf("VACUUM INTO %Q", to);
    rc = kv_sqlite_run(s, sql, err);
    sqlite3_free(sql);
    free(to);
    return rc;
}

static int make_format(struct kv_sqlite *s, int version,
                       const struct kv_sqlite_upgrade *upgrade,
                       struct vdc_error *err)
{
    int rc = 0;

    if (version > 0) {
        if (!upgrade)
            return vdc_error_set(err, VDC_E_STORE,
                                 "%s is of an earlier format (%d)", s->path,
                                 version);
        rc = keep_copy(s, version, err);
    }
    if (!rc)
        rc = kv_sqlite_run(s, "BEGIN IMMEDIATE;" SCHEMA, err);
    if (!rc)
        rc = prepare(s, err);
    if (!rc && version > 0)
        rc = upgrade->run(upgrade->arg, &s->kv, s->db, version, err);
    if (rc)
        return rc; /* closing rolls back */
    char *sql = xasprintf("PRAGMA application_id = %d; PRAGMA user_version = "
                          "%d; COMMIT",
                          KV_SQLITE_APPLICATION_ID, KV_SQLITE_VERSION);
    rc = kv_sqlite_run(s, sql, err);
    free(sql);
    return rc;
}

static int set_up(struct kv_sqlite *s, const struct kv_sqlite_upgrade *upgrade,
                  struct vdc_error *err)
{
    int64_t version = 0, revision = 0;
    bool ok;

    sqlite3_busy_timeout(s->db, 1000);
    int rc = check_version(s, &version, err);
    if (!rc)
        rc = kv_sqlite_run(
            s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
    if (!rc)
        rc = check_sound(s, err);
    if (!rc)
        rc = version == KV_SQLITE_VERSION
                 ? prepare(s, err)
                 : make_format(s, (int)version, upgrade, err);
    /* whoever put these is no more: see kv_sqlite.h */
    if (!rc)
        rc = kv_sqlite_run(
            s,
            "BEGIN IMMEDIATE; UPDATE meta SET revision = revision + 1 WHERE "
            "EXISTS (SELECT 1 FROM pair WHERE lease != 0); DELETE FROM pair "
            "WHERE lease != 0; COMMIT",
            err);
    if (!rc)
        rc = ask(s, "SELECT revision FROM meta", &revision, &ok, err);
    s->revision = s->history_after = (uint64_t)revision;
    return rc;
}

/*
 * Two policyds would each compute quotas from what it alone has in memory.
 * This kind of lock is not seen by SQLite, so that a backup can be made while
 * policyd runs.
 */
static int lock(struct kv_sqlite *s, struct vdc_error *err)
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
    vdc_error_hint(err, "another policyd may be running: stop it first; "
                        "`xl-vdc store-export` copies what it has while it "
                        "runs");
    return VDC_E_BUSY;
}

int kv_sqlite_file_open(struct kv_sqlite *s,
                        const struct kv_sqlite_upgrade *upgrade,
                        struct vdc_error *err)
{
    /* It names every customer: for its owner only, with -wal and -shm. */
    mode_t mask = umask(0077);
    int r;

    errno = 0;
    r = sqlite3_open_v2(s->path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    int rc = r == SQLITE_OK ? lock(s, err)
                            : kv_sqlite_failed(&s->kv, "opening", err);
    if (!rc)
        rc = set_up(s, upgrade, err);
    umask(mask);
    return rc;
}

void kv_sqlite_file_close(struct kv_sqlite *s)
{
    for (int i = 0; i < KV_SQLITE_N_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
}

int kv_sqlite_put(struct kv *kv, const char *key, const uint8_t *value,
                  size_t size, struct vdc_error *err)
{
    struct kv_sqlite *s = (struct kv_sqlite *)kv;
    sqlite3_stmt *stmt = s->statements[KV_SQLITE_PUT];

    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 2, size ? (const void *)value : "", size,
                        SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, 1);
    sqlite3_bind_int64(stmt, 4, 0);
    errno = 0;
    int r = sqlite3_step(stmt);
    if (r == SQLITE_ROW)
        r = sqlite3_step(stmt);
    int rc = r == SQLITE_DONE ? 0 : kv_sqlite_failed(kv, "writing", err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return rc;
}
