/* Tries the begin of a libxl stream (Xen's docs/specs/libxl-migration-stream):
 * its header, and the header of its first record. */
#include "hv/xen/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long is waited for the rest of a head that came in parts. */
#define PART_MS 10

/* Version 2 with little-endian records, the first of which says that the
 * guest's memory follows: all that libxl writes here. */
static const unsigned char head[SAVED_HEAD_SIZE] = {
    'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', /* ident */
    0,   0,   0,   2,   0,   0,   0,   0,   /* version, options */
    1,   0,   0,   0,   0,   0,   0,   0    /* LIBXC_CONTEXT, no body */
};

static int no_file(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "a domain is saved to and restored from a file that "
                         "can be written anywhere, and no pipe");
}

static int where(int fd, off_t *ret, struct vdc_error *err)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);

    if (offset >= 0) {
        *ret = offset;
        return 0;
    }
    if (errno == ESPIPE)
        return no_file(err);
    return vdc_error_errno(err, VDC_E_IO, errno, "the file cannot be used");
}

int saved_check_room(int fd, struct vdc_error *err)
{
    off_t offset;
    int flags = fcntl(fd, F_GETFL), rc = where(fd, &offset, err);

    if (rc)
        return rc;
    if (flags < 0 || (flags & O_APPEND))
        return no_file(err);
    errno = ENOSPC; /* for a write that writes less */
    if (pwrite(fd, head, sizeof(head), offset) == sizeof(head))
        return 0;
    return vdc_error_errno(err, VDC_E_IO, errno, "the file cannot be written");
}

int saved_check_head(int fd, struct vdc_error *err)
{
    unsigned char found[SAVED_HEAD_SIZE];
    off_t offset;
    int rc = where(fd, &offset, err);

    if (rc)
        return rc;
    ssize_t n = pread(fd, found, sizeof(found), offset);
    if (n < 0)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "the file cannot be read");
    if (n == sizeof(found) && memcmp(found, head, sizeof(head)) == 0)
        return 0;
    return vdc_error_set(
        err, VDC_E_BAD_VALUE, "the file does not hold a saved domain%s",
        n < (ssize_t)sizeof(found) ? ": it ends too early" : "");
}

static int closed(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_CLOSED,
                         "the other end of the stream was closed");
}

/* What is there of the head; taken is nothing. */
static ssize_t peek(int fd, unsigned char *found, size_t size)
{
    ssize_t n;

    do
        n = recv(fd, found, size, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

/* MSG_WAITALL does not wait when it only looks. */
int saved_await_head(int fd, struct vdc_error *err)
{
    unsigned char found[SAVED_HEAD_SIZE];

    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN | POLLRDHUP };
        poll(&ready, 1, -1);
        ssize_t n = peek(fd, found, sizeof(found));
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            continue;
        if (n < 0 && errno != ECONNRESET)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the stream cannot be read");
        if (n > 0 && memcmp(found, head, (size_t)n) != 0)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "the stream is not that of a domain");
        if (n == sizeof(found))
            return 0;
        if (n <= 0 || (ready.revents & (POLLRDHUP | POLLHUP)))
            return closed(err);
        poll(NULL, 0, PART_MS);
    }
}

bool saved_is_at_end(int fd)
{
    unsigned char byte;
    ssize_t n = peek(fd, &byte, 1);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}
