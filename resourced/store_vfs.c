/*
 * A VFS of SQLite that writes its log in large pieces.
 *
 * SQLite writes the frames of a commit one after the other, head and page
 * each by itself: two system calls a page.  They follow each other in the
 * file, and nothing of them counts before the sync that ends the commit.  So
 * they are gathered here, and written by one call when the log is synced,
 * read, measured or cut.  A write that fails is told then, by the sync or
 * whatever it was; for SQLite that is a commit that failed, as if it had been
 * told by the write.
 *
 * All else is the default VFS.
 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "resourced/store_impl.h"

/* So much is gathered; more is written at once. */
#define GATHER_SIZE (64 * 1024)

/* What SQLite has allocated for us is followed by the file of the default
 * VFS. */
struct log_file {
    sqlite3_file base;
    sqlite3_file *file;
    uint8_t *buf;
    size_t size;      /* gathered, at buf */
    sqlite3_int64 at; /* its place in the file */
};

static sqlite3_vfs vfs;
static sqlite3_vfs *plain;

static struct log_file *of(sqlite3_file *file)
{
    return (struct log_file *)file;
}

static int flush(struct log_file *log)
{
    size_t size = log->size;

    if (!size)
        return SQLITE_OK;
    log->size = 0;
    return log->file->pMethods->xWrite(log->file, log->buf, (int)size,
                                       log->at);
}

static int log_write(sqlite3_file *file, const void *data, int n,
                     sqlite3_int64 at)
{
    struct log_file *log = of(file);
    size_t size = (size_t)n;
    int r = SQLITE_OK;

    if (log->size && (at != log->at + (sqlite3_int64)log->size ||
                      log->size + size > GATHER_SIZE))
        r = flush(log);
    if (r != SQLITE_OK)
        return r;
    if (size > GATHER_SIZE)
        return log->file->pMethods->xWrite(log->file, data, n, at);
    if (!log->size)
        log->at = at;
    memcpy(log->buf + log->size, data, size);
    log->size += size;
    return SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = of(file);
    int r = flush(log);
    int r2 = log->file->pMethods->xClose(log->file);

    free(log->buf);
    log->buf = NULL;
    return r != SQLITE_OK ? r : r2;
}

static int log_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
    struct log_file *log = of(file);
    int r = flush(log);

    return r != SQLITE_OK ? r
                          : log->file->pMethods->xRead(log->file, data, n, at);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *log = of(file);
    int r = flush(log);

    return r != SQLITE_OK ? r
                          : log->file->pMethods->xTruncate(log->file, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *log = of(file);
    int r = flush(log);

    return r != SQLITE_OK ? r : log->file->pMethods->xSync(log->file, flags);
}

static int log_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    struct log_file *log = of(file);
    int r = flush(log);

    return r != SQLITE_OK ? r
                          : log->file->pMethods->xFileSize(log->file, ret);
}

static int log_lock(sqlite3_file *file, int how)
{
    return of(file)->file->pMethods->xLock(of(file)->file, how);
}

static int log_unlock(sqlite3_file *file, int how)
{
    return of(file)->file->pMethods->xUnlock(of(file)->file, how);
}

static int log_check_lock(sqlite3_file *file, int *ret)
{
    return of(file)->file->pMethods->xCheckReservedLock(of(file)->file, ret);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
    return of(file)->file->pMethods->xFileControl(of(file)->file, op, arg);
}

static int log_sector_size(sqlite3_file *file)
{
    return of(file)->file->pMethods->xSectorSize(of(file)->file);
}

static int log_character(sqlite3_file *file)
{
    return of(file)->file->pMethods->xDeviceCharacteristics(of(file)->file);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* no shared memory, no mapping */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_file_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_character,
};

/* Other files than the log are opened as the default VFS opens them. */
static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file,
                    int flags, int *ret_flags)
{
    struct log_file *log = of(file);

    if (!(flags & SQLITE_OPEN_WAL))
        return plain->xOpen(plain, name, file, flags, ret_flags);
    memset(log, 0, sizeof(*log));
    log->file = (sqlite3_file *)(log + 1);
    int r = plain->xOpen(plain, name, log->file, flags, ret_flags);
    if (r != SQLITE_OK)
        return r;
    log->buf = xzalloc(GATHER_SIZE);
    log->base.pMethods = &log_methods;
    return SQLITE_OK;
}

static void make_vfs(void)
{
    /* Before SQLite is used: nobody asks how much memory it has, and each
     * allocation would take a lock to count it. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    plain = sqlite3_vfs_find(NULL);
    assert(plain);
    vfs = *plain;
    vfs.pNext = NULL;
    vfs.zName = "xen-vdc";
    vfs.szOsFile += (int)sizeof(struct log_file);
    vfs.xOpen = vfs_open;
    sqlite3_vfs_register(&vfs, 0);
}

const char *store_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_vfs);
    return vfs.zName;
}
