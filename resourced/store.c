/*
 * The database file: opening, checking, its schema, and SQLite's errors as
 * ours.  resourced is the only one that has it open (locking_mode EXCLUSIVE),
 * which also keeps SQLite's index of the log out of a shared mapping: a full
 * disk is then an error and never a signal.
 */
#include "resourced/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "resourced/store_sql.h"

/* "xvdr": says that a file is ours. */
#define STORE_APPLICATION_ID 0x78766472
/* Raised with each change of the schema, with the steps from the older. */
#define STORE_SCHEMA 1

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

static const char schema_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE partition ("
    " idx INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),"
    " owner TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " xen_name TEXT NOT NULL UNIQUE,"
    " definition BLOB NOT NULL,"
    " wanted_running INTEGER NOT NULL,"
    " preserved INTEGER NOT NULL,"
    " domid INTEGER,"
    " boot_id INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL,"
    " stopped_ms INTEGER NOT NULL,"
    " last_stop TEXT NOT NULL,"
    " restarts INTEGER NOT NULL,"
    " host_reserve_kib INTEGER NOT NULL,"
    " dom0_keep_kib INTEGER NOT NULL,"
    " UNIQUE (owner, name));"
    "CREATE TABLE journal ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " passed INTEGER NOT NULL,"
    " payload BLOB NOT NULL,"
    " begun_ms INTEGER NOT NULL);"
    "CREATE TABLE event ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time_ms INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " uuid BLOB NOT NULL,"
    " owner TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " host TEXT NOT NULL,"
    " domid INTEGER NOT NULL,"
    " text TEXT NOT NULL);"
    "PRAGMA application_id = " STRINGIFY(STORE_APPLICATION_ID) ";"
    "PRAGMA user_version = " STRINGIFY(STORE_SCHEMA) ";"
    "COMMIT;";

static const char *const statement_sql[STORE_N_STATEMENTS] = {
#define X(name, sql) [STORE_##name] = sql,
    STORE_STATEMENTS(X)
#undef X
};

static int fail_corrupt(const char *path, const char *why,
                        struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_STORE_CORRUPT,
                  "the resource database %s is damaged: %s", path, why);
    vdc_error_hint(err,
                   "keep a copy of the file, then restore it from a backup, "
                   "or move it and its -wal file away: resourced then begins "
                   "with an empty database; running guests are not touched, "
                   "and are listed as not ours");
    return VDC_E_STORE_CORRUPT;
}

static bool is_disk_full(int r, int errnum)
{
    if ((r & 0xff) == SQLITE_FULL)
        return true;
    return (r & 0xff) == SQLITE_IOERR &&
           (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG);
}

int store_fail(const struct store *store, int r, const char *what,
               struct vdc_error *err)
{
    /* For its -wal file SQLite keeps no errno; ours is what its last system
     * call left. */
    int errnum = errno;
    const char *said =
        store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(r);

    if (is_disk_full(r, errnum)) {
        vdc_error_set(err, VDC_E_DISK_FULL,
                      "no room for the resource database %s", store->path);
        vdc_error_hint(err, "free space on the file system of %s",
                       store->path);
        return VDC_E_DISK_FULL;
    }
    switch (r & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail_corrupt(store->path, said, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        vdc_error_set(err, VDC_E_BUSY,
                      "the resource database %s is in use by another process",
                      store->path);
        vdc_error_hint(err, "another resourced may be running");
        return VDC_E_BUSY;
    case SQLITE_NOMEM:
        return vdc_error_set(err, VDC_E_NOMEM,
                             "no memory for the resource database");
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return vdc_error_set(err, VDC_E_DENIED,
                             "the resource database %s cannot be written: %s",
                             store->path, said);
    default:
        return vdc_error_set(err, VDC_E_STORE, "%s the resource database %s: "
                             "%s", what, store->path, said);
    }
}

sqlite3_stmt *store_statement(struct store *store, enum store_statement which)
{
    sqlite3_stmt *stmt = store->statements[which];

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return stmt;
}

int store_run(struct store *store, enum store_statement which,
              struct vdc_error *err)
{
    sqlite3_stmt *stmt = store->statements[which];
    errno = 0;
    int r = sqlite3_step(stmt);
    int rc = r == SQLITE_DONE ? 0 : store_fail(store, r, "writing", err);

    sqlite3_reset(stmt);
    return rc;
}

void store_bind_uuid(sqlite3_stmt *stmt, int at, const void *uuid)
{
    sqlite3_bind_blob(stmt, at, uuid, 16, SQLITE_TRANSIENT);
}

void store_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    sqlite3_bind_text(stmt, at, text ? text : "", -1, SQLITE_TRANSIENT);
}

static int run_sql(struct store *store, const char *sql, const char *what,
                   struct vdc_error *err)
{
    errno = 0;
    int r = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    if (r == SQLITE_OK)
        return 0;
    int rc = store_fail(store, r, what, err);
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* The first column of the first row. */
static int query_int(struct store *store, const char *sql, int64_t *ret,
                     struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(stmt);
    int rc = 0;
    if (r == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    else
        rc = store_fail(store, r, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

/* A database that breaks its own rules must not be worked on. */
static int check_whole(struct store *store, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt,
                               NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(stmt);
    int rc = 0;
    if (r != SQLITE_ROW) {
        rc = store_fail(store, r, "checking", err);
    } else {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        if (!said || strcmp(said, "ok") != 0)
            rc = fail_corrupt(store->path, said ? said : "no answer", err);
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int check_version(struct store *store, struct vdc_error *err)
{
    int64_t version, id, n_tables;
    int rc = query_int(store, "PRAGMA user_version", &version, err);

    if (!rc)
        rc = query_int(store, "PRAGMA application_id", &id, err);
    if (!rc)
        rc = query_int(store, "SELECT count(*) FROM sqlite_master",
                       &n_tables, err);
    if (rc)
        return rc;
    if (version == 0 && id == 0 && n_tables == 0)
        return run_sql(store, schema_sql, "making", err);
    if (id != STORE_APPLICATION_ID)
        return fail_corrupt(store->path,
                            "it is not a database of resourced", err);
    if (version > STORE_SCHEMA) {
        vdc_error_set(err, VDC_E_STORE_NEWER,
                      "the resource database %s was made by a newer version "
                      "of xen-vdc: its schema is %lld, this resourced (%s) "
                      "knows %d",
                      store->path, (long long)version, PACKAGE_VERSION,
                      STORE_SCHEMA);
        vdc_error_hint(err, "install that version again; an older one must "
                            "not write to it");
        return VDC_E_STORE_NEWER;
    }
    if (version < 1)
        return fail_corrupt(store->path, "it has no schema version", err);
    return 0;
}

static int prepare(struct store *store, struct vdc_error *err)
{
    for (size_t i = 0; i < STORE_N_STATEMENTS; i++) {
        int r = sqlite3_prepare_v3(store->db, statement_sql[i], -1,
                                   SQLITE_PREPARE_PERSISTENT,
                                   &store->statements[i], NULL);
        if (r != SQLITE_OK)
            return store_fail(store, r, "preparing", err);
    }
    return 0;
}

static int open_file(struct store *store, struct vdc_error *err)
{
    char *slash = strrchr(store->path, '/');

    if (slash && slash != store->path) {
        *slash = '\0';
        int r = mkdir(store->path, 0700);
        int errnum = errno;
        *slash = '/';
        if (r && errnum != EEXIST)
            return vdc_error_errno(err, VDC_E_STORE, errnum,
                                   "the folder of the resource database %s "
                                   "cannot be made", store->path);
    }
    /* For its owner only; SQLite gives the -wal file the same mode. */
    mode_t mask = umask(0077);
    int r = sqlite3_open_v2(store->path, &store->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                SQLITE_OPEN_NOMUTEX,
                            NULL);
    umask(mask);
    if (r == SQLITE_OK)
        return 0;
    int errnum = store->db ? sqlite3_system_errno(store->db) : 0;
    if ((r & 0xff) == SQLITE_CANTOPEN && errnum)
        return vdc_error_errno(err, VDC_E_STORE, errnum,
                               "the resource database %s cannot be opened",
                               store->path);
    return store_fail(store, r, "opening", err);
}

int store_open(const struct store_options *options, struct event_base *base,
               struct store **ret, struct vdc_error *err)
{
    struct store *store = XNEW(struct store);

    store->path = xstrdup(options->path);
    store->base = base;
    TAILQ_INIT(&store->done);
    TAILQ_INIT(&store->answers);
    int rc = open_file(store, err);
    if (rc)
        goto out;
    sqlite3_extended_result_codes(store->db, 1);
    rc = run_sql(store,
                 "PRAGMA locking_mode = EXCLUSIVE;"
                 "PRAGMA journal_mode = WAL;"
                 "PRAGMA synchronous = FULL;"
                 "PRAGMA trusted_schema = OFF;",
                 "opening", err);
    if (!rc)
        rc = check_whole(store, err);
    if (!rc)
        rc = check_version(store, err);
    if (!rc)
        rc = prepare(store, err);
    if (!rc)
        rc = store_begin(store, err);
out:
    if (rc) {
        store_close(store);
        return rc;
    }
    *ret = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_end(store);
    for (size_t i = 0; i < STORE_N_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}
