/*
 * The database file: opening, statements, and SQLite's errors as ours.
 * resourced is the only one that has it open (locking_mode EXCLUSIVE), which
 * also keeps SQLite's index of the log out of a shared mapping: a full disk
 * is then an error and never a signal.
 */
#include "resourced/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "resourced/store_impl.h"

/* A statement is `text` alone, or made for a table: "INSERT INTO" with a
 * place for each column, or "SELECT" of each column, then `text`. */
static const struct statement {
    enum { STATEMENT_PLAIN, STATEMENT_ADD, STATEMENT_ALL } form;
    enum store_table table;
    const char *text;
} statements[STORE_N_STATEMENTS] = {
#define X(name, sql) [STORE_##name] = { STATEMENT_PLAIN, 0, sql },
#define ADD(name, table, verb)                                                \
    [STORE_##name] = { STATEMENT_ADD, STORE_TABLE_##table, verb },
#define ALL(name, table, rest)                                                \
    [STORE_##name] = { STATEMENT_ALL, STORE_TABLE_##table, rest },
    STORE_STATEMENTS(X, ADD, ALL)
#undef X
#undef ADD
#undef ALL
};

static const struct table {
    const char *name, *columns;
    int n;
} tables[STORE_N_TABLES] = {
#define X(id, name, columns, n) [STORE_TABLE_##id] = { name, columns, n },
    STORE_TABLES(X)
#undef X
};

int store_fail_corrupt(const struct store *store, struct vdc_error *err,
                       const char *format, ...)
{
    char why[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(why, sizeof(why), format, ap);
    va_end(ap);
    vdc_error_set(err, VDC_E_STORE_CORRUPT,
                  "the resource database %s is damaged: %s", store->path, why);
    vdc_error_hint(err,
                   "keep a copy of the file and of its -wal file; "
                   "`xl-vdc host-verify --rebuild` makes a new one from what "
                   "can be read of it and from Xen; running guests are not "
                   "touched");
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
    case SQLITE_ERROR: /* our statements are right; so the file is not ours */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return store_fail_corrupt(store, err, "%s", said);
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

sqlite3_stmt *store_statement(const struct store *store,
                              enum store_statement which)
{
    sqlite3_stmt *stmt = store->statements[which];

    sqlite3_reset(stmt);
    return stmt;
}

int store_run(const struct store *store, enum store_statement which,
              struct vdc_error *err)
{
    sqlite3_stmt *stmt = store->statements[which];
    errno = 0;
    int r = sqlite3_step(stmt);
    int rc = r == SQLITE_DONE ? 0 : store_fail(store, r, "writing", err);

    sqlite3_reset(stmt);
    return rc;
}

int store_run_sql(const struct store *store, const char *sql,
                  const char *what, struct vdc_error *err)
{
    errno = 0;
    int r = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    return r == SQLITE_OK ? 0 : store_fail(store, r, what, err);
}

static char *statement_text(const struct statement *s)
{
    const struct table *table = &tables[s->table];
    char places[STORE_COLUMNS_MAX * 5 + 8] = "", *at = places;

    switch (s->form) {
    case STATEMENT_PLAIN:
        break;
    case STATEMENT_ADD:
        for (int i = 1; i <= table->n + 1; i++)
            at += sprintf(at, "%s?%d", i > 1 ? ", " : "", i);
        return xasprintf("%s%s (%s, sum) VALUES (%s)", s->text, table->name,
                         table->columns, places);
    case STATEMENT_ALL:
        return xasprintf("SELECT %s, sum FROM %s%s", table->columns,
                         table->name, s->text);
    }
    return xstrdup(s->text);
}

int store_prepare(struct store *store, struct vdc_error *err)
{
    for (size_t i = 0; i < STORE_N_STATEMENTS; i++) {
        /* A table that is made by store_upgrade, which asks again. */
        if (store->statements[i] ||
            (store->is_old && statements[i].table == STORE_TABLE_EPOCH))
            continue;
        char *sql = statement_text(&statements[i]);
        int r = sqlite3_prepare_v3(store->db, sql, -1,
                                   SQLITE_PREPARE_PERSISTENT,
                                   &store->statements[i], NULL);
        free(sql);
        if (r != SQLITE_OK)
            return store_fail(store, r, "preparing", err);
    }
    return 0;
}

static int make_folder(const char *path, struct vdc_error *err)
{
    char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');
    int rc = 0;

    if (slash && slash != folder) {
        *slash = '\0';
        if (mkdir(folder, 0700) && errno != EEXIST)
            rc = vdc_error_errno(err, VDC_E_STORE, errno,
                                 "the folder of the resource database %s "
                                 "cannot be made", path);
    }
    free(folder);
    return rc;
}

/*
 * What is no database must not be taken for a new one: a file without bytes,
 * or a log without its file, is what is left of a damaged one.
 */
static int make_if_new(struct store *store, struct vdc_error *err)
{
    char *wal = xasprintf("%s-wal", store->path);
    struct stat st, wal_st;
    int r = stat(store->path, &st);
    int rc = 0;

    if (r && errno != ENOENT)
        rc = vdc_error_errno(err, VDC_E_STORE, errno,
                             "the resource database %s cannot be opened",
                             store->path);
    else if (!r && S_ISREG(st.st_mode) && st.st_size == 0)
        rc = store_fail_corrupt(store, err, "it is empty");
    else if (r && stat(wal, &wal_st) == 0 && wal_st.st_size > 0)
        rc = store_fail_corrupt(store, err, "it is gone, and its -wal file "
                                "is there");
    else if (r)
        rc = store_create(store->path, err);
    free(wal);
    return rc;
}

/* A close leaves the log as it is: what is damaged stays as it was found. */
static void keep_log(struct store *store, bool keep)
{
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep,
                      NULL);
}

static int open_file(struct store *store, struct vdc_error *err)
{
    /* For its owner only; SQLite gives the -wal file the same mode. */
    int r = sqlite3_open_v2(store->path, &store->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                            store_vfs());

    if (r != SQLITE_OK) {
        int errnum = store->db ? sqlite3_system_errno(store->db) : 0;
        if ((r & 0xff) == SQLITE_CANTOPEN && errnum)
            return vdc_error_errno(err, VDC_E_STORE, errnum,
                                   "the resource database %s cannot be opened",
                                   store->path);
        return store_fail(store, r, "opening", err);
    }
    sqlite3_extended_result_codes(store->db, 1);
    keep_log(store, true);
    /* The log is moved into the file by the thread (store_checkpoint). */
    return store_run_sql(store,
                         "PRAGMA locking_mode = EXCLUSIVE;"
                         "PRAGMA cell_size_check = ON;"
                         "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA wal_autocheckpoint = 0;"
                         "PRAGMA temp_store = MEMORY;"
                         "PRAGMA trusted_schema = OFF;",
                         "opening", err);
}

static int count_frames(void *arg, sqlite3 *db, const char *name, int n)
{
    struct store *store = arg;

    store->wal_frames = n;
    return SQLITE_OK;
}

static int read_first_event(struct store *store, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_FIRST);
    int r = sqlite3_step(stmt);
    int rc = 0;

    if (r == SQLITE_ROW)
        store->first_event = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        rc = store_fail(store, r, "reading", err);
    sqlite3_reset(stmt);
    return rc;
}

static int open_whole(struct store *store, struct vdc_error *err)
{
    bool remade = true;
    int rc = make_folder(store->path, err);

    if (!rc)
        rc = make_if_new(store, err);
    /* The second time, when the first has remade it for this version. */
    for (int i = 0; !rc && remade && i < 2; i++) {
        store_close_file(store);
        rc = open_file(store, err);
        if (!rc)
            rc = store_log_check(store, err);
        if (!rc)
            rc = store_check(store, &remade, err);
    }
    if (!rc)
        rc = read_first_event(store, err);
    return rc;
}

int store_open(const struct store_options *options, struct event_base *base,
               struct store **ret, struct vdc_error *err)
{
    struct store *store = XNEW(struct store);

    store->path = xstrdup(options->path);
    store->sequence_fd = -1;
    store->done_fd = -1;
    store->loop_commit_us = options->loop_commit_us;
    if (store->loop_commit_us == 0)
        store->loop_commit_us = STORE_LOOP_COMMIT_US;
    else if (store->loop_commit_us == STORE_LOOP_NEVER)
        store->loop_commit_us = 0;
    pthread_mutex_init(&store->db_lock, NULL);
    pthread_mutex_init(&store->queue_lock, NULL);
    pthread_cond_init(&store->wake, NULL);
    STAILQ_INIT(&store->queue);
    STAILQ_INIT(&store->done);
    int rc = 0;
    if (options->sequence_path && options->sequence_path[0])
        rc = store_sequence_check_gone(store, options->sequence_path, err);
    if (!rc)
        rc = open_whole(store, err);
    if (!rc && options->sequence_path && options->sequence_path[0])
        rc = store_sequence_open(store, options->sequence_path, err);
    /* Only now: one that is refused stays as it was found. */
    if (!rc && store->is_old)
        rc = store_upgrade(store, err);
    if (!rc) {
        keep_log(store, false);
        store_log_note(store, store_checkpoint(store));
        sqlite3_wal_hook(store->db, count_frames, store);
        rc = store_start(store, base, err);
    }
    if (rc) {
        store_close(store);
        return rc;
    }
    store->next_partition = (uint32_t)store->numbers.last_partition + 1;
    store->next_resource = store->numbers.last_resource + 1;
    store->next_transaction = store->numbers.last_transaction + 1;
    *ret = store;
    return 0;
}

void store_close_file(struct store *store)
{
    for (size_t i = 0; i < STORE_N_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sqlite3_close(store->db);
    store->db = NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_stop(store);
    store_close_file(store);
    store_sequence_close(store);
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->queue_lock);
    pthread_mutex_destroy(&store->db_lock);
    free(store->path);
    free(store);
}

uint32_t store_next_partition(struct store *store)
{
    return store->next_partition++;
}

uint64_t store_next_resource(struct store *store)
{
    return store->next_resource++;
}

uint64_t store_next_transaction(struct store *store)
{
    return store->next_transaction++;
}
