/*
 * The number of changes, outside of the database: "xen-vdc ID NUMBER" in a
 * small file that does not outlive the host's boot.  It is written after each
 * batch is durable and never synced: a kernel that dies takes it along, and
 * with it what it could say.
 *
 * Where it is in memory, as in /run, it is mapped: a store for each digit
 * instead of a system call a batch.  Its page is there from the open on, so a
 * full file system is no signal; only one who cuts the file would be.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/store_impl.h"

/* "xen-vdc ", 36 characters, a space, 20 digits, a newline. */
#define NUMBER_AT 45
#define NUMBER_SIZE 20

/* false: the file has no number that is about this database. */
static bool read_number(const struct store *store, uint64_t *ret)
{
    char text[STORE_SEQUENCE_SIZE + 1] = "", uuid[UUID_TEXT_SIZE];
    struct vdc_uuid id;
    ssize_t n = pread(store->sequence_fd, text, STORE_SEQUENCE_SIZE, 0);

    if (n == 0)
        return false; /* new */
    if (n != STORE_SEQUENCE_SIZE || text[STORE_SEQUENCE_SIZE - 1] != '\n' ||
        sscanf(text, "xen-vdc %36s %20" SCNu64, uuid, ret) != 2 ||
        !uuid_from_text(uuid, &id)) {
        log_warning("%s is not what we wrote, and is made anew",
                    store->sequence_path);
        return false;
    }
    /* Another database was put in its place. */
    return uuid_equal(&id, &store->id);
}

/* Without it, it is written. */
static void map(struct store *store)
{
    struct statfs fs;

    if (store->sequence_failed || fstatfs(store->sequence_fd, &fs) ||
        fs.f_type != TMPFS_MAGIC ||
        posix_fallocate(store->sequence_fd, 0, STORE_SEQUENCE_SIZE))
        return;
    void *at = mmap(NULL, STORE_SEQUENCE_SIZE, PROT_READ | PROT_WRITE,
                    MAP_SHARED, store->sequence_fd, 0);
    if (at != MAP_FAILED)
        store->sequence_map = at;
}

int store_sequence_open(struct store *store, const char *path,
                        struct vdc_error *err)
{
    char uuid[UUID_TEXT_SIZE];
    uint64_t seen = 0;

    store->sequence_path = xstrdup(path);
    store->sequence_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->sequence_fd < 0) {
        log_warning("%s cannot be opened: %s; damage to the end of the log "
                    "of %s would not be noticed",
                    path, strerror(errno), store->path);
        return 0;
    }
    if (read_number(store, &seen) && seen > store->numbers.changes) {
        store_fail_corrupt(store, err,
                           "the log was cut short or damaged: %" PRIu64
                           " changes are missing",
                           seen - store->numbers.changes);
        vdc_error_hint(err,
                       "keep a copy of the file and of its -wal file; "
                       "`xl-vdc host-verify --rebuild` makes a new one from "
                       "what can be read of it and from Xen; if you have put "
                       "an older copy in its place yourself, delete %s",
                       path);
        return VDC_E_STORE_CORRUPT;
    }
    snprintf(store->sequence_text, sizeof(store->sequence_text),
             "xen-vdc %s %0*d\n", uuid_format(&store->id, uuid), NUMBER_SIZE,
             0);
    store_sequence_write(store);
    map(store);
    return 0;
}

/* From the last digit on: what one who is killed in between leaves is no
 * higher than n. */
static void put_digits(volatile char *at, uint64_t n)
{
    for (size_t i = NUMBER_SIZE; i > 0; i--, n /= 10)
        at[i - 1] = (char)('0' + n % 10);
}

void store_sequence_write(struct store *store)
{
    char *text = store->sequence_text;

    if (store->sequence_fd < 0)
        return;
    if (store->sequence_map) {
        put_digits(store->sequence_map + NUMBER_AT, store->numbers.changes);
        return;
    }
    put_digits(text + NUMBER_AT, store->numbers.changes);
    if (pwrite(store->sequence_fd, text, STORE_SEQUENCE_SIZE, 0) ==
        STORE_SEQUENCE_SIZE) {
        store->sequence_failed = false;
        return;
    }
    /* A lower number in it does no harm. */
    if (!store->sequence_failed)
        log_warning("%s cannot be written: %s", store->sequence_path,
                    strerror(errno));
    store->sequence_failed = true;
}

void store_sequence_close(struct store *store)
{
    if (store->sequence_map)
        munmap((void *)store->sequence_map, STORE_SEQUENCE_SIZE);
    store->sequence_map = NULL;
    if (store->sequence_fd >= 0)
        close(store->sequence_fd);
    store->sequence_fd = -1;
    free(store->sequence_path);
    store->sequence_path = NULL;
}

int store_sequence_check_gone(const struct store *store, const char *path,
                              struct vdc_error *err)
{
    char id[37];
    uint64_t seen = 0;
    struct stat st;

    if (stat(store->path, &st) == 0 || errno != ENOENT)
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    /* What cannot be read is no proof of anything. */
    int n = fscanf(f, "xen-vdc %36s %20" SCNu64, id, &seen);
    fclose(f);
    if (n != 2 || seen == 0)
        return 0;
    store_fail_corrupt(store, err,
                       "it is gone, and was here since the host booted: "
                       "%s has its number of changes, %" PRIu64, path, seen);
    vdc_error_hint(err,
                   "put the file and its -wal file back, or make a new one "
                   "of what runs: `xl-vdc host-verify --rebuild`; to begin "
                   "with an empty one on purpose, delete %s", path);
    return VDC_E_STORE_CORRUPT;
}
