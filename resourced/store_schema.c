/*
 * Making the database, and finding out at open whether it is ours, whole and
 * of this version.  A new one is made under another name and renamed, so that
 * a file under its own name is always complete, and one that is not was
 * damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/store_impl.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

/* A larger file (64 MiB) is not checked against its indexes at open: each
 * row still is, by its checksum, when it is read. */
#define CHECK_ALL_PAGES 16384
/* In the file's head. */
#define VERSION_AT 60

static const char create_sql[] =
#define X(sql) sql ";"
    STORE_CREATE(X) STORE_CREATE_EPOCH ";";
static const char create_before_4_sql[] = STORE_CREATE(X);
#undef X

static const char mark_sql[] =
    "PRAGMA application_id = " STRINGIFY(STORE_APPLICATION_ID) ";"
    "PRAGMA user_version = " STRINGIFY(STORE_SCHEMA) ";";

/* ---- making ---- */

static int sync_path(const char *path, int flags, struct vdc_error *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);
    int errnum = errno;

    if (fd >= 0)
        close(fd);
    return r ? vdc_error_errno(err, VDC_E_STORE, errnum,
                               "%s cannot be synced", path)
             : 0;
}

static int sync_folder(const char *path, struct vdc_error *err)
{
    char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');

    if (slash)
        slash[slash == folder] = '\0';
    int rc = sync_path(slash ? folder : ".", O_RDONLY | O_DIRECTORY, err);
    free(folder);
    return rc;
}

static int open_new(struct store *store, const char *file,
                    struct vdc_error *err)
{
    char *log = xasprintf("%s-wal", file);

    /* What a crash in here has left. */
    unlink(file);
    unlink(log);
    free(log);
    mode_t mask = umask(0077);
    int r = sqlite3_open_v2(file, &store->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                SQLITE_OPEN_NOMUTEX,
                            NULL);
    umask(mask);
    if (r == SQLITE_OK)
        return store_run_sql(store,
                             "PRAGMA page_size = " STRINGIFY(STORE_PAGE_SIZE)
                             ";PRAGMA auto_vacuum = NONE;"
                             "PRAGMA encoding = 'UTF-8';"
                             "PRAGMA locking_mode = EXCLUSIVE;"
                             "PRAGMA journal_mode = WAL;"
                             "PRAGMA synchronous = FULL;"
                             "PRAGMA temp_store = MEMORY;",
                             "making", err);
    int errnum = store->db ? sqlite3_system_errno(store->db) : 0;
    if ((r & 0xff) == SQLITE_CANTOPEN && errnum)
        return vdc_error_errno(err, VDC_E_STORE, errnum,
                               "the resource database %s cannot be made",
                               store->path);
    return store_fail(store, r, "making", err);
}

/* Into the empty database: everything, of `from` when there is one. */
static int fill_new(struct store *to, struct store *from,
                    struct vdc_error *err)
{
    static const struct store_numbers none;
    int rc = store_run_sql(to, "BEGIN IMMEDIATE", "making", err);

    uuid_random(&to->id);
    if (!rc)
        rc = store_run_sql(to, create_sql, "making", err);
    if (!rc)
        rc = store_run_sql(to, mark_sql, "making", err);
    if (!rc)
        rc = store_prepare(to, err);
    if (!rc && from)
        rc = store_migrate_1(from, to, err);
    else if (!rc)
        rc = store_write_meta(to, &none, err);
    return rc ? rc : store_run_sql(to, "COMMIT", "making", err);
}

/* Makes a new database beside `path`: *ret_file is its name. */
static int make_beside(const char *path, struct store *from, char **ret_file,
                       struct vdc_error *err)
{
    struct store to = { .path = (char *)path };
    char *file = xasprintf("%s.new", path);
    int rc = open_new(&to, file, err);

    if (!rc)
        rc = fill_new(&to, from, err);
    /* Its log goes into it when it is closed. */
    store_close_file(&to);
    if (!rc)
        rc = sync_path(file, O_RDWR, err);
    if (rc) {
        unlink(file);
        free(file);
        return rc;
    }
    *ret_file = file;
    return 0;
}

static int put_in_place(const char *file, const char *path,
                        struct vdc_error *err)
{
    if (rename(file, path))
        return vdc_error_errno(err, VDC_E_STORE, errno,
                               "%s cannot be renamed to %s", file, path);
    return sync_folder(path, err);
}

int store_create(const char *path, struct vdc_error *err)
{
    char *file;
    int rc = make_beside(path, NULL, &file, err);

    if (rc)
        return rc;
    rc = put_in_place(file, path, err);
    free(file);
    return rc;
}

/* The open one is of an older version; it is kept beside the new one. */
static int remake(struct store *store, int version, struct vdc_error *err)
{
    char *file, *kept = xasprintf("%s.schema-%d", store->path, version);
    int rc = make_beside(store->path, store, &file, err);

    if (rc) {
        free(kept);
        return rc;
    }
    /* Its log must be empty when another file gets its name. */
    rc = store_run_sql(store, "PRAGMA wal_checkpoint(TRUNCATE)", "closing",
                       err);
    if (!rc) {
        unlink(kept);
        if (link(store->path, kept))
            log_warning("%s is not kept as %s: %s", store->path, kept,
                        strerror(errno));
        rc = put_in_place(file, store->path, err);
    }
    if (!rc)
        log_info("the resource database %s was made anew for this version; "
                 "the old one is kept as %s", store->path, kept);
    free(file);
    free(kept);
    return rc;
}

/* ---- the numbers ---- */

/* In `request` of their row; `passed` is `changes`, and `begun_ms`
 * `last_partition`, so that one who salvages finds it. */
#define N_NUMBERS 3

static void put_numbers(const struct store_numbers *numbers,
                        uint8_t ret[8 * N_NUMBERS])
{
    const uint64_t all[N_NUMBERS] = {
        numbers->last_resource,
        numbers->last_transaction,
        numbers->last_event,
    };

    for (size_t i = 0; i < N_NUMBERS; i++)
        for (size_t j = 0; j < 8; j++)
            *ret++ = (uint8_t)(all[i] >> (8 * j));
}

static uint64_t get_number(const uint8_t *at, size_t which)
{
    uint64_t n = 0;

    for (size_t j = 0; j < 8; j++)
        n |= (uint64_t)at[8 * which + j] << (8 * j);
    return n;
}

int store_write_numbers(const struct store *store,
                        const struct store_numbers *numbers,
                        struct vdc_error *err)
{
    struct store_value values[STORE_COLUMNS_MAX];
    struct store_row row;
    uint8_t bytes[8 * N_NUMBERS];

    put_numbers(numbers, bytes);
    store_row_init(&row, STORE_TABLE_JOURNAL, values);
    store_row_number(&row, STORE_NUMBERS_ID);
    store_row_number(&row, numbers->changes);
    store_row_blob(&row, bytes, sizeof(bytes));
    store_row_number(&row, numbers->last_partition);
    store_row_seal(&row);
    store_row_bind(store_statement(store, STORE_JOURNAL_ADD), &row);
    return store_run(store, STORE_JOURNAL_ADD, err);
}

int store_write_meta(const struct store *store,
                     const struct store_numbers *numbers,
                     struct vdc_error *err)
{
    struct store_value values[STORE_COLUMNS_MAX];
    struct store_row row;

    store_row_init(&row, STORE_TABLE_META, values);
    store_row_number(&row, 1);
    store_row_uuid(&row, &store->id);
    store_row_number(&row, STORE_SCHEMA);
    store_row_number(&row, numbers->changes);
    store_row_number(&row, numbers->last_partition);
    store_row_number(&row, numbers->last_resource);
    store_row_number(&row, numbers->last_transaction);
    store_row_number(&row, numbers->last_event);
    store_row_seal(&row);
    store_row_bind(store_statement(store, STORE_META_PUT), &row);
    int rc = store_run(store, STORE_META_PUT, err);
    return rc ? rc : store_write_numbers(store, numbers, err);
}

int store_upgrade(struct store *store, struct vdc_error *err)
{
    int rc = store_run_sql(store, "BEGIN IMMEDIATE", "upgrading", err);

    if (!rc)
        rc = store_run_sql(store, STORE_CREATE_EPOCH, "upgrading", err);
    if (!rc)
        rc = store_write_meta(store, &store->numbers, err);
    if (!rc)
        rc = store_run_sql(store, mark_sql, "upgrading", err);
    if (!rc)
        rc = store_run_sql(store, "COMMIT", "upgrading", err);
    if (!rc) {
        store->is_old = false;
        rc = store_prepare(store, err);
    }
    if (!rc)
        log_info("the resource database %s has schema %d now", store->path,
                 STORE_SCHEMA);
    return rc;
}

/* ---- checking ---- */

/* The first column of the first row. */
static int query_int(const struct store *store, const char *sql, int64_t *ret,
                     struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    int rc = 0;

    if (r == SQLITE_OK)
        r = sqlite3_step(stmt);
    if (r == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    else
        rc = store_fail(store, r, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

/* SQLite says "ok", or "*** in database main ***" and lines: the first tells
 * enough. */
static int check_said(const struct store *store, const char *said,
                      struct vdc_error *err)
{
    if (said && strcmp(said, "ok") == 0)
        return 0;
    if (said && strncmp(said, "*** ", 4) == 0 && strchr(said, '\n'))
        said = strchr(said, '\n') + 1;
    return store_fail_corrupt(store, err, "%.*s",
                              said ? (int)strcspn(said, "\n") : 9,
                              said ? said : "no answer");
}

/* A database that breaks its own rules must not be worked on. */
static int check_pages(const struct store *store, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int64_t n_pages;
    int rc = query_int(store, "PRAGMA page_count", &n_pages, err);
    if (rc)
        return rc;
    int r = sqlite3_prepare_v2(store->db,
                               n_pages > CHECK_ALL_PAGES
                                   ? "PRAGMA quick_check(1)"
                                   : "PRAGMA integrity_check(1)",
                               -1, &stmt, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(stmt);
    if (r != SQLITE_ROW)
        rc = store_fail(store, r, "checking", err);
    else
        rc = check_said(store, (const char *)sqlite3_column_text(stmt, 0),
                        err);
    sqlite3_finalize(stmt);
    return rc;
}

/* The parts of the file's head that never change (the format of SQLite's
 * files, section 1.3); most of the others are checked with the pages. */
static int check_head(const struct store *store, struct vdc_error *err)
{
    static const struct {
        uint8_t at, size;
        uint32_t value;
    } fixed[] = {
        { 16, 2, STORE_PAGE_SIZE },
        { 18, 2, 0x0202 },     /* WAL, to write and to read */
        { 20, 4, 0x00402020 }, /* nothing reserved; fractions */
        { 44, 4, 4 },          /* schema format */
        { 52, 4, 0 },          /* no vacuum by itself */
        { 56, 4, 1 },          /* UTF-8 */
        { VERSION_AT, 4, STORE_SCHEMA },
        { 64, 4, 0 },
        { 68, 4, STORE_APPLICATION_ID },
        { 72, 4, 0 },
        { 76, 4, 0 },
        { 80, 4, 0 },
        { 84, 4, 0 },
        { 88, 4, 0 },
    };
    uint8_t head[100];
    sqlite3_file *file = NULL;

    /* Not by a descriptor of our own: its close would drop SQLite's lock. */
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (!file || file->pMethods->xRead(file, head, sizeof(head), 0))
        return store_fail_corrupt(store, err, "its head cannot be read");
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        uint32_t value = 0;
        for (size_t j = 0; j < fixed[i].size; j++)
            value = value << 8 | head[fixed[i].at + j];
        /* An upgrade may be in the log only. */
        if (fixed[i].at == VERSION_AT && (value == 2 || value == 3))
            continue;
        if (value != fixed[i].value)
            return store_fail_corrupt(store, err,
                                      "byte %u of its head is not as it must "
                                      "be", fixed[i].at);
    }
    return 0;
}

/* All that sqlite_master says, but for the pages, as one text. */
static int read_master(const struct store *store, char **ret,
                       struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    size_t size;
    char *text = NULL;
    FILE *f = open_memstream(&text, &size);
    int r = sqlite3_prepare_v2(store->db,
                               "SELECT type, name, tbl_name, sql"
                               " FROM sqlite_master ORDER BY rowid",
                               -1, &stmt, NULL);

    if (r == SQLITE_OK)
        while ((r = sqlite3_step(stmt)) == SQLITE_ROW)
            for (int i = 0; i < 4; i++) {
                const char *part = (const char *)sqlite3_column_text(stmt, i);
                fprintf(f, "%s\n", part ? part : "");
            }
    fclose(f);
    int rc = r == SQLITE_DONE ? 0 : store_fail(store, r, "reading", err);
    sqlite3_finalize(stmt);
    if (rc)
        free(text);
    else
        *ret = text;
    return rc;
}

static int check_master(const struct store *store, struct vdc_error *err)
{
    struct store model = { .path = store->path };
    char *is = NULL, *must = NULL;
    int r = sqlite3_open(":memory:", &model.db);
    int rc = r == SQLITE_OK
                 ? store_run_sql(&model, store->is_old ? create_before_4_sql
                                                       : create_sql,
                                 "making", err)
                 : store_fail(&model, r, "making", err);

    if (!rc)
        rc = read_master(&model, &must, err);
    if (!rc)
        rc = read_master(store, &is, err);
    if (!rc && strcmp(is, must) != 0)
        rc = store_fail_corrupt(store, err, "its tables are not as they must "
                                "be");
    free(is);
    free(must);
    sqlite3_close(model.db);
    return rc;
}

static int read_numbers(struct store *store, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_JOURNAL_ONE);
    struct store_row_taken taken;
    const struct store_value *bytes = &taken.values[2];

    sqlite3_bind_int64(stmt, 1, STORE_NUMBERS_ID);
    int r = sqlite3_step(stmt);
    int rc = 0;
    if (r == SQLITE_ROW)
        rc = store_row_take(store, stmt, STORE_TABLE_JOURNAL, &taken, err);
    else if (r == SQLITE_DONE)
        rc = store_fail_corrupt(store, err, "the table \"journal\" is "
                                "without the numbers");
    else
        rc = store_fail(store, r, "reading", err);
    if (!rc && (bytes->type != SQLITE_BLOB || bytes->size != 8 * N_NUMBERS))
        rc = store_fail_corrupt(store, err, "the numbers in the table "
                                "\"journal\" are none");
    if (!rc)
        store->numbers = (struct store_numbers){
            .changes = store_row_get(&taken.row, 1),
            .last_partition = store_row_get(&taken.row, 3),
            .last_resource = get_number(bytes->data, 0),
            .last_transaction = get_number(bytes->data, 1),
            .last_event = get_number(bytes->data, 2),
        };
    sqlite3_reset(stmt);
    return rc;
}

static int read_meta(struct store *store, int64_t version,
                     struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_META_ALL);
    struct store_row_taken taken;
    const struct store_row *row = &taken.row;
    int r = sqlite3_step(stmt);
    int rc = 0;

    if (r == SQLITE_ROW)
        rc = store_row_take(store, stmt, STORE_TABLE_META, &taken, err);
    else if (r == SQLITE_DONE)
        rc = store_fail_corrupt(store, err, "the table \"meta\" is empty");
    else
        rc = store_fail(store, r, "reading", err);
    if (!rc)
        rc = store_row_get_uuid(store, row, 1, &store->id, err);
    if (!rc && store_row_get(row, 2) != (uint64_t)version)
        rc = store_fail_corrupt(store, err, "it says two versions of itself");
    if (!rc)
        store->numbers = (struct store_numbers){
            .changes = store_row_get(row, 3),
            .last_partition = store_row_get(row, 4),
            .last_resource = store_row_get(row, 5),
            .last_transaction = store_row_get(row, 6),
            .last_event = store_row_get(row, 7),
        };
    sqlite3_reset(stmt);
    return rc;
}

/* From schema 2 on the version is in two places; where they do not agree it
 * is damage. */
static int fail_newer(const struct store *store, int64_t version,
                      struct vdc_error *err)
{
    int64_t schema = 0;

    if (query_int(store, "SELECT schema FROM meta", &schema, NULL) ||
        schema != version)
        return store_fail_corrupt(store, err,
                                  "it says two versions of itself");
    vdc_error_set(err, VDC_E_STORE_NEWER,
                  "the resource database %s was made by a newer version of "
                  "xen-vdc: its schema is %lld, this resourced (%s) knows %d",
                  store->path, (long long)version, PACKAGE_VERSION,
                  STORE_SCHEMA);
    vdc_error_hint(err, "install that version again; an older one must not "
                        "write to it");
    return VDC_E_STORE_NEWER;
}

static int check_version(struct store *store, int64_t *ret,
                         struct vdc_error *err)
{
    int64_t version, id, n_meta, schema;
    int rc = query_int(store, "PRAGMA user_version", &version, err);

    if (!rc)
        rc = query_int(store, "PRAGMA application_id", &id, err);
    if (!rc)
        rc = query_int(store,
                       "SELECT count(*) FROM sqlite_master"
                       " WHERE name = 'meta'",
                       &n_meta, err);
    if (rc)
        return rc;
    if (id != STORE_APPLICATION_ID)
        return store_fail_corrupt(store, err,
                                  "it is not a database of resourced");
    if (version > STORE_SCHEMA)
        return fail_newer(store, version, err);
    if (version < 1 || (version > 1) != (n_meta > 0))
        return store_fail_corrupt(store, err,
                                  "it has no schema version that fits");
    /* Which tables there must be follows from it. */
    if (version > 1 &&
        query_int(store, "SELECT schema FROM meta", &schema, NULL) == 0 &&
        schema != version)
        return store_fail_corrupt(store, err,
                                  "it says two versions of itself");
    *ret = version;
    return 0;
}

int store_check(struct store *store, bool *ret_remade, struct vdc_error *err)
{
    int64_t version;
    int rc = check_pages(store, err);

    *ret_remade = false;
    if (!rc)
        rc = check_version(store, &version, err);
    if (!rc && version == 1) {
        rc = remake(store, 1, err);
        *ret_remade = !rc;
        return rc;
    }
    store->is_old = !rc && version < STORE_SCHEMA;
    if (!rc)
        rc = check_head(store, err);
    if (!rc)
        rc = check_master(store, err);
    if (!rc)
        rc = store_prepare(store, err);
    if (!rc)
        rc = read_meta(store, version, err);
    if (!rc && version > 2)
        rc = read_numbers(store, err);
    return rc;
}
