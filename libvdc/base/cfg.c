/*
 * Files in xl.cfg syntax, for settings and domain files: reads, refuses what
 * no implementation must see, and calls the implementation of this build.
 */
#include "base/cfg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cfg_impl.h"

#define SIZE_LIMIT (1024 * 1024)
#define DISK_LIMIT 4096 /* a path has at most so much */

#ifdef WITH_XEN
#define IMPLEMENTATION "libxlutil"
#define impl_parse cfg_xlu_parse
#define impl_disk cfg_xlu_disk
#else
#define IMPLEMENTATION "plain"
#define impl_parse cfg_plain_parse
#define impl_disk cfg_plain_disk
#endif

const char *cfg_implementation(void)
{
    return IMPLEMENTATION;
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

int cfg_parse(const char *path, const char *text, size_t len,
              const char *extra, struct arena *arena, struct cfg_file *ret,
              struct vdc_error *err)
{
    if (len > SIZE_LIMIT || (extra && strlen(extra) > SIZE_LIMIT))
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:1: larger than the limit of 1 MiB", path);
    /* libxlutil ends the process by an assertion on a 0 in a string. */
    const char *zero = len ? memchr(text, 0, len) : NULL;
    if (zero)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s:%u: the byte 0 in the text", path,
                             line_of(text, zero));
    return impl_parse(path, text, len, extra, arena, ret, err);
}

static int read_error(const char *path, int errnum, struct vdc_error *err)
{
    char words[128];
    return vdc_error_set(err, VDC_E_NO_FILE, "cannot read %s: %s", path,
                         strerror_r(errnum, words, sizeof(words)));
}

int cfg_read(const char *path, const char *extra, struct arena *arena,
             struct cfg_file *ret, struct vdc_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return read_error(path, errno, err);
    int rc;
    /* One byte over the limit tells a file that is too long. */
    char *text = xzalloc(SIZE_LIMIT + 1);
    size_t len = 0;
    while (len < SIZE_LIMIT + 1) {
        ssize_t r = read(fd, text + len, SIZE_LIMIT + 1 - len);
        if (r == 0)
            break;
        if (r > 0) {
            len += (size_t)r;
        } else if (errno != EINTR) {
            rc = read_error(path, errno, err);
            goto out;
        }
    }
    rc = cfg_parse(path, text, len, extra, arena, ret, err);
out:
    free(text);
    close(fd);
    return rc;
}

const struct cfg_entry *cfg_get(const struct cfg_file *file, const char *name)
{
    for (size_t i = file->n_entries; i > 0; i--)
        if (strcmp(file->entries[i - 1].name, name) == 0)
            return &file->entries[i - 1];
    return NULL;
}

static int bad_disk(const char *spec, const char *what, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE, "the disk '%.200s': %s", spec,
                         what);
}

/* What both implementations let pass and no disk can be. */
static int check_disk(const char *spec, const struct cfg_disk *disk,
                      struct vdc_error *err)
{
    if (!*disk->vdev)
        return bad_disk(spec, "no virtual device is given (as in vdev=xvda)",
                        err);
    if (!*disk->target && !disk->cdrom)
        return bad_disk(spec,
                        "no target is given, and only a CD-ROM drive "
                        "can be empty",
                        err);
    return 0;
}

int cfg_disk_parse(const char *spec, struct arena *arena, struct cfg_disk *ret,
                   struct vdc_error *err)
{
    for (const unsigned char *p = (const unsigned char *)spec; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a disk with the control character 0x%02x",
                                 *p);
    if (strlen(spec) > DISK_LIMIT)
        return bad_disk(spec, "longer than 4096 characters", err);
    struct cfg_disk disk;
    int rc = impl_disk(spec, arena, &disk, err);
    if (!rc)
        rc = check_disk(spec, &disk, err);
    if (!rc)
        *ret = disk;
    return rc;
}
