/*
 * What can be read of a damaged database.  It is copied, with its log, and
 * the copy is opened in the way in which SQLite forgives most; each partition
 * is then looked up by itself, so that a damaged page takes only its own rows
 * along, and is whole when it agrees with its checksum.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "resourced/store_impl.h"

/* Numbers of partitions beyond this are not looked for. */
#define INDEX_MOST 1000000

/* ---- the copy ---- */

static int copy_bytes(int from, int to)
{
    static char buf[65536];
    ssize_t n;

    while ((n = read(from, buf, sizeof(buf))) > 0)
        if (write(to, buf, (size_t)n) != n)
            return errno ? errno : ENOSPC;
    return n < 0 ? errno : 0;
}

/* A file that is not there is no error. */
static int copy_file(const char *from, const char *to, struct vdc_error *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return 0;
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    int out = in < 0 ? -1 : open(to, flags, 0600);

    errno = out < 0 ? errno : 0;
    int errnum = out < 0 ? errno : copy_bytes(in, out);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return errnum ? vdc_error_errno(err, VDC_E_STORE, errnum,
                                    "%s cannot be copied to %s", from, to)
                  : 0;
}

static void put_bytes(int fd, off_t at, const void *data, size_t size)
{
    ssize_t r = pwrite(fd, data, size, at);
    (void)r; /* on a copy, for what it is worth */
}

/* What is always the same in the head of our files is put right, so that the
 * rest can be read although the head is damaged. */
static void mend_head(const char *copy)
{
    static const uint8_t page[] = { 0x10, 0x00, 2, 2, 0, 64, 32, 32 };
    static const uint8_t format[] = { 0, 0, 0, 4 };
    static const uint8_t zero[4], utf8[] = { 0, 0, 0, 1 };
    int fd = open(copy, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    put_bytes(fd, 0, "SQLite format 3", 16);
    put_bytes(fd, 16, page, sizeof(page));
    put_bytes(fd, 44, format, 4);
    put_bytes(fd, 52, zero, 4);
    put_bytes(fd, 56, utf8, 4);
    close(fd);
}

struct copy {
    char *file, *log;
};

static void copy_remove(struct copy *copy)
{
    unlink(copy->file);
    unlink(copy->log);
    free(copy->file);
    free(copy->log);
}

static int copy_make(const char *path, struct copy *ret, struct vdc_error *err)
{
    char *log = xasprintf("%s-wal", path);
    struct stat st;
    int rc = 0;

    ret->file = xasprintf("%s.salvage", path);
    ret->log = xasprintf("%s-wal", ret->file);
    unlink(ret->file);
    unlink(ret->log);
    if (stat(path, &st))
        rc = vdc_error_errno(err, VDC_E_STORE, errno,
                             "the resource database %s cannot be read", path);
    if (!rc)
        rc = copy_file(path, ret->file, err);
    if (!rc)
        rc = copy_file(log, ret->log, err);
    if (!rc)
        mend_head(ret->file);
    free(log);
    return rc;
}

/* ---- its rows ---- */

struct salvage {
    struct store store; /* the copy */
    struct arena *arena;
    struct store_salvaged *ret;
    bool old; /* of schema 1: no checksums */
    size_t room;
};

static struct partition_row *add_row(struct salvage *salvage)
{
    struct store_salvaged *ret = salvage->ret;

    if (ret->n_partitions == salvage->room) {
        salvage->room = salvage->room ? salvage->room * 2 : 16;
        struct partition_row *more =
            ARENA_ARRAY(salvage->arena, salvage->room, struct partition_row);
        if (ret->n_partitions)
            memcpy(more, ret->partitions, ret->n_partitions * sizeof(*more));
        ret->partitions = more;
    }
    return &ret->partitions[ret->n_partitions];
}

static void take_row(struct salvage *salvage, sqlite3_stmt *stmt)
{
    struct partition_row *to = add_row(salvage);
    struct store_row_taken taken;
    int rc;

    if (salvage->old)
        rc = store_migrate_partition_1(&salvage->store, stmt, salvage->arena,
                                       to, NULL);
    else
        rc = store_row_take(&salvage->store, stmt, STORE_TABLE_PARTITION,
                            &taken, NULL);
    if (!rc && !salvage->old)
        rc = store_read_partition(&salvage->store, &taken.row,
                                  salvage->arena, to, NULL);
    if (rc)
        salvage->ret->n_damaged++;
    else
        salvage->ret->n_partitions++;
}

/* "SELECT ..." up to its ORDER, for one row. */
static sqlite3_stmt *prepare_one(struct salvage *salvage)
{
#define X(id, name, columns, n) [STORE_TABLE_##id] = columns,
    static const char *const columns[] = { STORE_TABLES(X) };
#undef X
    sqlite3_stmt *stmt = NULL;
    char *sql = xasprintf("SELECT %s, sum FROM partition WHERE idx = ?1",
                          columns[STORE_TABLE_PARTITION]);

    int r = sqlite3_prepare_v2(salvage->store.db, sql, -1, &stmt, NULL);
    free(sql);
    if (r == SQLITE_OK)
        return stmt;
    salvage->old = true;
    sql = xasprintf("%.*s WHERE idx = ?1",
                    (int)(strstr(STORE_PARTITION_1, " ORDER") -
                          STORE_PARTITION_1),
                    STORE_PARTITION_1);
    sqlite3_prepare_v2(salvage->store.db, sql, -1, &stmt, NULL);
    free(sql);
    return stmt;
}

/* The largest number that a query finds before damage stops it. */
static int64_t highest(struct salvage *salvage, const char *sql)
{
    sqlite3_stmt *stmt;
    int64_t n = 0;

    if (sqlite3_prepare_v2(salvage->store.db, sql, -1, &stmt, NULL))
        return 0;
    while (sqlite3_step(stmt) == SQLITE_ROW)
        if (sqlite3_column_int64(stmt, 0) > n)
            n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n > INDEX_MOST ? INDEX_MOST : n;
}

/* Bit i: the index of uuids says that there was a row of number i. */
static uint8_t *numbers_by_index(struct salvage *salvage, int64_t most)
{
    uint8_t *bits = arena_alloc(salvage->arena, (size_t)most / 8 + 1);
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v2(salvage->store.db,
                           "SELECT idx FROM partition INDEXED BY"
                           " sqlite_autoindex_partition_1",
                           -1, &stmt, NULL))
        return bits;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        int64_t n = sqlite3_column_int64(stmt, 0);
        if (n >= 0 && n <= most)
            bits[n / 8] |= (uint8_t)(1 << n % 8);
    }
    sqlite3_finalize(stmt);
    return bits;
}

static void take_rows(struct salvage *salvage)
{
    sqlite3_stmt *stmt = prepare_one(salvage);
    int64_t most = 0;
    static const char *const where[] = {
        "SELECT idx FROM partition ORDER BY idx DESC LIMIT 1",
        "SELECT idx FROM partition INDEXED BY sqlite_autoindex_partition_1",
        "SELECT last_partition FROM meta", /* before schema 3 */
        ("SELECT begun_ms FROM journal WHERE id = " STORE_NUMBERS_ID_SQL),
        "SELECT seq FROM sqlite_sequence WHERE name = 'partition'",
    };

    if (!stmt)
        return;
    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        int64_t n = highest(salvage, where[i]);
        most = n > most ? n : most;
    }
    uint8_t *was = numbers_by_index(salvage, most);
    for (int64_t i = 1; i <= most; i++) {
        sqlite3_bind_int64(stmt, 1, i);
        int r = sqlite3_step(stmt);
        if (r == SQLITE_ROW)
            take_row(salvage, stmt);
        else if (was[i / 8] & 1 << i % 8)
            salvage->ret->n_damaged++;
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
}

int store_salvage(const char *path, struct arena *arena,
                  struct store_salvaged *ret, struct vdc_error *err)
{
    struct store_salvaged found = { 0 };
    struct salvage salvage = { .arena = arena, .ret = &found };
    struct copy copy;
    int rc = copy_make(path, &copy, err);

    salvage.store.path = (char *)path;
    if (!rc && sqlite3_open_v2(copy.file, &salvage.store.db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                               NULL) == SQLITE_OK) {
        /* What fails here fails again with the first row. */
        sqlite3_exec(salvage.store.db,
                     "PRAGMA locking_mode = EXCLUSIVE;"
                     "PRAGMA cell_size_check = ON;"
                     "PRAGMA trusted_schema = OFF;"
                     "PRAGMA writable_schema = ON",
                     NULL, NULL, NULL);
        take_rows(&salvage);
    }
    sqlite3_close(salvage.store.db);
    copy_remove(&copy);
    if (!rc)
        *ret = found;
    return rc;
}

int store_set_aside(const struct store_options *options, struct arena *arena,
                    const char **ret_kept, struct vdc_error *err)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;

    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    const char *kept =
        arena_printf(arena, "%s.damaged-%s", options->path, stamp);
    struct stat st;
    for (int i = 2; stat(kept, &st) == 0; i++)
        kept = arena_printf(arena, "%s.damaged-%s-%d", options->path, stamp,
                            i);
    /* The file first: a log that is left alone is seen to be damage. */
    const char *log = arena_printf(arena, "%s-wal", options->path);
    const char *kept_log = arena_printf(arena, "%s-wal", kept);
    int r = rename(options->path, kept);
    if (r && errno != ENOENT)
        return vdc_error_errno(err, VDC_E_STORE, errno,
                               "%s cannot be renamed to %s", options->path,
                               kept);
    if (rename(log, kept_log) && errno != ENOENT)
        return vdc_error_errno(err, VDC_E_STORE, errno,
                               "%s cannot be renamed to %s", log, kept_log);
    if (options->sequence_path && options->sequence_path[0])
        unlink(options->sequence_path);
    *ret_kept = r ? kept_log : kept;
    return 0;
}
