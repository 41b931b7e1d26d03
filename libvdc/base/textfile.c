/*
 * Files that are there wholly or not at all; see textfile.h.
 */
#include "base/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

int textfile_read(const char *path, size_t most, char **ret,
                  struct vdc_error *err)
{
    FILE *f = fopen(path, "re");
    char *text;

    if (!f)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot read %s", path);
    text = malloc(most + 2);
    if (!text)
        abort();
    size_t size = fread(text, 1, most + 1, f);
    int errnum = ferror(f) ? errno : 0;
    fclose(f);
    text[size] = '\0';
    if (!errnum && size <= most && strlen(text) == size) {
        *ret = text;
        return 0;
    }
    free(text);
    if (errnum)
        return vdc_error_errno(err, VDC_E_IO, errnum, "cannot read %s", path);
    return vdc_error_set(err, VDC_E_BAD_CONFIG,
                         "%s is no text of at most %zu bytes", path, most);
}

static int write_all(int fd, const char *text)
{
    size_t left = strlen(text);

    while (left) {
        ssize_t r = write(fd, text, left);
        if (r < 0 && errno != EINTR)
            return -1;
        if (r > 0) {
            text += r;
            left -= (size_t)r;
        }
    }
    return 0;
}

/* So that the new name is there after a crash. */
static int sync_directory_of(const char *path)
{
    char *directory = xstrdup(path), *slash = strrchr(directory, '/');
    int fd, r;

    if (slash)
        slash[slash == directory] = '\0';
    fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return -1;
    r = fsync(fd);
    close(fd);
    return r;
}

static int put(const char *path, const char *temporary, mode_t mode,
               const char *text)
{
    int fd, r;

    /* one that is there may have another mode, or be a link */
    if (unlink(temporary) && errno != ENOENT)
        return -1;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
              mode);
    if (fd < 0)
        return -1;
    r = fchmod(fd, mode) || write_all(fd, text) || fsync(fd) ? -1 : 0;
    int errnum = errno;
    if (close(fd) && !r) {
        r = -1;
        errnum = errno;
    }
    if (!r && (rename(temporary, path) || sync_directory_of(path))) {
        r = -1;
        errnum = errno;
    }
    if (r)
        unlink(temporary);
    errno = errnum;
    return r;
}

int textfile_write(const char *path, mode_t mode, const char *text,
                   struct vdc_error *err)
{
    char *temporary = xasprintf("%s.new", path);
    int r = put(path, temporary, mode, text);
    int errnum = errno;

    free(temporary);
    return r ? vdc_error_errno(err, VDC_E_IO, errnum, "cannot write %s", path)
             : 0;
}

static int check_directory(int fd, const char *path, struct vdc_error *err)
{
    struct stat st;

    if (fstat(fd, &st))
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot look at %s",
                               path);
    if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "others may write to %s: no key is put there", path);
    vdc_error_hint(err, "it must belong to who runs this, and have the mode "
                        "700");
    return VDC_E_DENIED;
}

int textfile_lock_directory(const char *path, int *ret_fd,
                            struct vdc_error *err)
{
    int fd, rc;

    if (mkdir(path, 0700) && errno != EEXIST)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot make %s", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot open %s", path);
    rc = check_directory(fd, path, err);
    if (!rc && flock(fd, LOCK_EX | LOCK_NB))
        rc = errno == EWOULDBLOCK
            ? vdc_error_set(err, VDC_E_BUSY,
                            "another is at work in %s just now", path)
            : vdc_error_errno(err, VDC_E_IO, errno, "cannot lock %s", path);
    if (rc)
        close(fd);
    else
        *ret_fd = fd;
    return rc;
}
