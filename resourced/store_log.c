/*
 * SQLite's log (the -wal file), as far as SQLite itself does not care.
 *
 * At open: SQLite takes the first frame that does not fit for the end of the
 * log, as a power cut may have torn the last batch.  But a batch is written
 * only after the one before it is durable; where frames of the same log
 * follow a whole batch that does not fit, it is not torn but damaged.  This
 * holds without the file of the number of changes, after a boot, too; only
 * damage to the very last batch looks like one that was torn.
 *
 * After a batch that could not be made durable: its frames may be in the file
 * all the same, and a crash now would bring it back, though it was said to
 * have failed.  They are cut off.
 *
 * The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resourced/store_impl.h"

#define HEAD_SIZE 32
#define FRAME_HEAD_SIZE 24
#define SALTS_AT 16 /* in the head; in a frame's head at 8 */
#define FRAME_SALTS_AT 8
#define SALTS_SIZE 8
#define PAGE_SIZE_MOST 65536

struct log_file {
    const uint8_t *data;
    size_t size;
    size_t frame_size; /* with its head */
    size_t n_frames;
    bool big_endian; /* of the words that are summed */
    uint32_t sum[2];
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 |
           (uint32_t)at[1] << 8 | at[0];
}

static void sum_words(struct log_file *log, const uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint32_t a = log->big_endian ? be32(at + i) : le32(at + i);
        uint32_t b = log->big_endian ? be32(at + i + 4) : le32(at + i + 4);
        log->sum[0] += a + log->sum[1];
        log->sum[1] += b + log->sum[0];
    }
}

static bool sum_fits(const struct log_file *log, const uint8_t *at)
{
    return be32(at) == log->sum[0] && be32(at + 4) == log->sum[1];
}

static bool head_fits(struct log_file *log)
{
    uint32_t magic = be32(log->data), page_size = be32(log->data + 8);

    if (magic != 0x377f0682 && magic != 0x377f0683)
        return false;
    if (page_size < 512 || page_size > PAGE_SIZE_MOST)
        return false;
    log->big_endian = magic & 1;
    log->frame_size = FRAME_HEAD_SIZE + page_size;
    log->n_frames = (log->size - HEAD_SIZE) / log->frame_size;
    sum_words(log, log->data, 24);
    return sum_fits(log, log->data + 24);
}

static const uint8_t *frame_at(const struct log_file *log, size_t i)
{
    return log->data + HEAD_SIZE + i * log->frame_size;
}

static bool is_of_log(const struct log_file *log, const uint8_t *frame)
{
    return memcmp(frame + FRAME_SALTS_AT, log->data + SALTS_AT, SALTS_SIZE) ==
           0;
}

/* A frame that ends a batch says how large the database is then. */
static bool ends_batch(const uint8_t *frame)
{
    return be32(frame + 4) != 0;
}

/* The frame after the last batch that fits. */
static size_t find_end(struct log_file *log)
{
    size_t end = 0;

    for (size_t i = 0; i < log->n_frames; i++) {
        const uint8_t *frame = frame_at(log, i);
        if (!is_of_log(log, frame))
            break;
        sum_words(log, frame, 8);
        sum_words(log, frame + FRAME_HEAD_SIZE,
                  log->frame_size - FRAME_HEAD_SIZE);
        if (!sum_fits(log, frame + 16))
            break;
        if (ends_batch(frame))
            end = i + 1;
    }
    return end;
}

/* Whether a batch that does not fit is followed by frames of another. */
static bool goes_on(const struct log_file *log, size_t end)
{
    bool ended = false;

    for (size_t i = end; i < log->n_frames; i++) {
        const uint8_t *frame = frame_at(log, i);
        if (!is_of_log(log, frame))
            continue;
        if (ended)
            return true;
        ended = ends_batch(frame);
    }
    return false;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 ||
           (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static int check(const struct store *store, const uint8_t *data, size_t size,
                 struct vdc_error *err)
{
    struct log_file log = { .data = data, .size = size };

    if (is_zero(data, size)) /* it was just made, or emptied */
        return 0;
    if (size < HEAD_SIZE || !head_fits(&log))
        return store_fail_corrupt(store, err, "the head of its -wal file does "
                                  "not agree with its checksum");
    size_t end = find_end(&log);
    if (goes_on(&log, end))
        return store_fail_corrupt(store, err, "frame %zu of its -wal file, or "
                                  "one soon after it, does not agree with its "
                                  "checksum", end + 1);
    return 0;
}

int store_log_check(const struct store *store, struct vdc_error *err)
{
    char *path = xasprintf("%s-wal", store->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int rc = 0;

    if (fd < 0 || fstat(fd, &st)) {
        if (errno != ENOENT)
            rc = vdc_error_errno(err, VDC_E_STORE, errno, "%s cannot be read",
                                 path);
    } else {
        uint8_t *data = xzalloc((size_t)st.st_size);
        ssize_t n = pread(fd, data, (size_t)st.st_size, 0);
        rc = n < 0 ? vdc_error_errno(err, VDC_E_STORE, errno,
                                     "%s cannot be read", path)
                   : check(store, data, (size_t)n, err);
        free(data);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

/* ---- after a batch ---- */

static sqlite3_file *log_of(const struct store *store)
{
    sqlite3_file *file = NULL;

    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER,
                         &file);
    return file && file->pMethods ? file : NULL;
}

void store_log_note(struct store *store, int n_frames)
{
    sqlite3_file *file = log_of(store);

    /* The salts are others when it has begun again from the front. */
    if (store->log_frames > 0 && n_frames > store->log_frames &&
        !store->log_may_restart) {
        store->log_frames = n_frames;
        return;
    }
    store->log_may_restart = false;
    store->log_frames = -1;
    if (file && n_frames >= 0 &&
        (n_frames == 0 || file->pMethods->xRead(file, store->log_salts,
                                                SALTS_SIZE, SALTS_AT) ==
                              SQLITE_OK))
        store->log_frames = n_frames;
}

void store_log_cut(struct store *store)
{
    sqlite3_file *file = log_of(store);
    uint8_t salts[SALTS_SIZE];
    sqlite3_int64 size = 0, now;

    if (!file || store->log_frames < 0 ||
        file->pMethods->xFileSize(file, &now) || now < HEAD_SIZE ||
        file->pMethods->xRead(file, salts, SALTS_SIZE, SALTS_AT))
        return;
    /* With other salts it was begun again by the batch that failed, which is
     * done only when all that it had before is in the database. */
    if (store->log_frames > 0 &&
        memcmp(salts, store->log_salts, SALTS_SIZE) == 0)
        size = HEAD_SIZE + (sqlite3_int64)store->log_frames *
                               (FRAME_HEAD_SIZE + STORE_PAGE_SIZE);
    if (now > size)
        (void)file->pMethods->xTruncate(file, size);
}
