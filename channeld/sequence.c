/*
 * The file of the next number; see sequence.h.  It is replaced, not changed,
 * so that a power cut leaves the old one or the new one.
 */
#include "channeld/sequence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

#define AHEAD 1000
#define NEXT_MAX (UINT64_C(1) << 53) /* what a reader of JSON can hold */

struct sequence {
    char *path;
    uint64_t written; /* all below may have been used */
};

static int failed(const struct sequence *sequence, struct vdc_error *err)
{
    int rc = vdc_error_errno(err, VDC_E_IO, errno,
                             "the number of the next channel cannot be "
                             "written to %s",
                             sequence->path);
    vdc_error_hint(err, "its directory must exist and be writable for "
                        "channeld");
    return rc;
}

static int write_file(const struct sequence *sequence, uint64_t next,
                      struct vdc_error *err)
{
    char *path = xasprintf("%s.new", sequence->path), text[32];
    int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", next), rc = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, text, (size_t)len) != len || fsync(fd) ||
        rename(path, sequence->path))
        rc = failed(sequence, err);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static int read_file(struct sequence *sequence, struct vdc_error *err)
{
    char text[32] = "", *end;
    int fd = open(sequence->path, O_RDONLY | O_CLOEXEC);

    sequence->written = 1;
    if (fd < 0)
        return errno == ENOENT ? 0 : failed(sequence, err);
    ssize_t r = read(fd, text, sizeof(text) - 1);
    close(fd);
    sequence->written = strtoull(text, &end, 10);
    if (r > 1 && *text >= '1' && *text <= '9' && *end == '\n' &&
        sequence->written <= NEXT_MAX)
        return 0;
    vdc_error_set(err, VDC_E_BAD_CONFIG,
                  "%s does not have the number of the "
                  "next channel",
                  sequence->path);
    vdc_error_hint(err, "remove it when no channels are open; the numbers "
                        "begin at 1 then");
    return VDC_E_BAD_CONFIG;
}

int sequence_open(const char *path, struct sequence **ret, uint64_t *ret_next,
                  struct vdc_error *err)
{
    struct sequence *sequence = XNEW(struct sequence);

    sequence->path = xstrdup(path);
    int rc = read_file(sequence, err);
    if (rc) {
        sequence_close(sequence);
        return rc;
    }
    *ret_next = sequence->written;
    *ret = sequence;
    return 0;
}

int sequence_reach(struct sequence *sequence, uint64_t id,
                   struct vdc_error *err)
{
    if (id < sequence->written)
        return 0;
    int rc = write_file(sequence, id + AHEAD, err);
    if (rc == 0)
        sequence->written = id + AHEAD;
    return rc;
}

void sequence_close(struct sequence *sequence)
{
    if (!sequence)
        return;
    free(sequence->path);
    free(sequence);
}
