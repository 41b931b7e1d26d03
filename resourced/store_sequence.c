/*
 * The number of changes, outside of the database: "xen-vdc ID NUMBER" in a
 * small file that does not outlive the host's boot.  It is written after each
 * batch is durable and never synced: a kernel that dies takes it along, and
 * with it what it could say.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/store_impl.h"

/* "xen-vdc ", 36 characters, a space, 20 digits, a newline. */
#define SEQUENCE_SIZE 66

/* false: the file has no number that is about this database. */
static bool read_number(const struct store *store, uint64_t *ret)
{
    char text[SEQUENCE_SIZE + 1] = "", uuid[UUID_TEXT_SIZE];
    struct vdc_uuid id;
    ssize_t n = pread(store->sequence_fd, text, SEQUENCE_SIZE, 0);

    if (n == 0)
        return false; /* new */
    if (n != SEQUENCE_SIZE || text[SEQUENCE_SIZE - 1] != '\n' ||
        sscanf(text, "xen-vdc %36s %20" SCNu64, uuid, ret) != 2 ||
        !uuid_from_text(uuid, &id)) {
        log_warning("%s is not what we wrote, and is made anew",
                    store->sequence_path);
        return false;
    }
    /* Another database was put in its place. */
    return uuid_equal(&id, &store->id);
}

int store_sequence_open(struct store *store, const char *path,
                        struct vdc_error *err)
{
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
    store_sequence_write(store);
    return 0;
}

void store_sequence_write(struct store *store)
{
    char text[SEQUENCE_SIZE + 1], uuid[UUID_TEXT_SIZE];

    if (store->sequence_fd < 0)
        return;
    snprintf(text, sizeof(text), "xen-vdc %s %020" PRIu64 "\n",
             uuid_format(&store->id, uuid), store->numbers.changes);
    if (pwrite(store->sequence_fd, text, SEQUENCE_SIZE, 0) == SEQUENCE_SIZE) {
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
