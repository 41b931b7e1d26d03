/* The head of files that `save` writes; for resourced, which writes and reads
 * them, and policyd, which looks whose they are. */
#include "base/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

#define FORMAT 1u

static const char magic[16] = "xen-vdc save";

static void put(uint8_t *p, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *p, unsigned n_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

int savefile_write(int fd, const struct savefile_head *head,
                   struct vdc_error *err)
{
    uint8_t bytes[SAVEFILE_HEAD_SIZE] = { 0 };
    size_t n_written = 0;

    memcpy(bytes, magic, sizeof(magic));
    put(bytes + 16, FORMAT, 4);
    memcpy(bytes + 24, head->uuid.bytes, 16);
    put(bytes + 40, head->saved_ms, 8);
    put(bytes + 48, head->memory_kib, 8);
    while (n_written < sizeof(bytes)) {
        ssize_t r = write(fd, bytes + n_written, sizeof(bytes) - n_written);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the file cannot be written");
        n_written += (size_t)r;
    }
    return 0;
}

int savefile_read(int fd, struct savefile_head *ret, struct vdc_error *err)
{
    uint8_t bytes[SAVEFILE_HEAD_SIZE];
    size_t n_read = 0;

    while (n_read < sizeof(bytes)) {
        ssize_t r = read(fd, bytes + n_read, sizeof(bytes) - n_read);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the file cannot be read");
        if (r == 0)
            break;
        n_read += (size_t)r;
    }
    if (n_read < sizeof(bytes) || memcmp(bytes, magic, sizeof(magic)) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "it is not a file that 'xl-vdc save' wrote");
    if (get(bytes + 16, 4) > FORMAT)
        return vdc_error_set(err, VDC_E_STORE_NEWER,
                             "it was saved by a newer version of xen-vdc");
    memcpy(ret->uuid.bytes, bytes + 24, 16);
    ret->saved_ms = get(bytes + 40, 8);
    ret->memory_kib = get(bytes + 48, 8);
    return 0;
}

/* ---- who can write to it ---- */

static bool is_safe(const struct stat *st)
{
    return (st->st_uid == 0 || st->st_uid == geteuid()) &&
           !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_folder(const char *folder, int *ret_fd, struct vdc_error *err)
{
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s", folder);
    *ret_fd = fd;
    return 0;
}

static int check_folder(int fd, const char *folder, struct vdc_error *err)
{
    struct stat st;

    if (fstat(fd, &st))
        return vdc_error_errno(err, VDC_E_IO, errno, "%s", folder);
    if (is_safe(&st))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "saved guests in folder %s are not used: others than root "
                  "can exchange them (it belongs to uid %u, mode %04o)",
                  folder, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
    vdc_error_hint(err, "use a folder that belongs to root and is writable by "
                        "root only: chown root, chmod go-w");
    return VDC_E_DENIED;
}

static int check_file(int fd, const char *path, struct vdc_error *err)
{
    struct stat st;

    if (fstat(fd, &st))
        return vdc_error_errno(err, VDC_E_IO, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE, "%s is no file", path);
    if (is_safe(&st))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "%s is not used: others than root can write to it (it "
                  "belongs to uid %u, mode %04o)", path, (unsigned)st.st_uid,
                  (unsigned)st.st_mode & 07777);
    vdc_error_hint(err, "if nobody else can have changed it: chown root, "
                        "chmod go-w");
    return VDC_E_DENIED;
}

/* O_NONBLOCK: opening what is no file must not wait. */
static int open_in(int folder_fd, const char *folder, const char *path,
                   int *ret_fd, struct vdc_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (!*name)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "%s is no file", path);
    int fd = openat(folder_fd, name,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ELOOP) {
        vdc_error_set(err, VDC_E_BAD_VALUE, "%s is a link", path);
        vdc_error_hint(err, "name the file that it leads to");
        return VDC_E_BAD_VALUE;
    }
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno,
                               "%s cannot be read", path);
    int rc = check_folder(folder_fd, folder, err);
    if (!rc)
        rc = check_file(fd, path, err);
    if (rc)
        close(fd);
    else
        *ret_fd = fd;
    return rc;
}

/* "/a/b" -> "/a", "/b" -> "/", "b" -> "." */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return xstrdup(".");
    char *folder = xstrdup(path);
    folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

int savefile_open(const char *path, int *ret_fd, struct vdc_error *err)
{
    char *folder = folder_of(path);
    int fd = -1;
    int rc = open_folder(folder, &fd, NULL);

    if (rc)
        rc = vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s cannot be read",
                             path);
    else
        rc = open_in(fd, folder, path, ret_fd, err);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

int savefile_check_folder(const char *folder, struct vdc_error *err)
{
    int fd;
    int rc = open_folder(folder, &fd, err);

    if (rc)
        return rc;
    rc = check_folder(fd, folder, err);
    close(fd);
    return rc;
}
