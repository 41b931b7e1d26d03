/*
 * xenstore from within a guest; see xenbus.h.
 */
#include "channeld/xenbus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/xen/xenbus"
#define ANSWER_MS 10000
#define PAYLOAD_MAX 4096 /* XENSTORE_PAYLOAD_MAX */

/* Requests and answers have this head; numbers in the order of the machine.
 * struct xsd_sockmsg of Xen's public/io/xs_wire.h. */
struct head {
    uint32_t type, request, transaction, size;
};

enum { TYPE_WRITE = 11, TYPE_ERROR = 16 };

static int send_write(int fd, const char *path, const char *value)
{
    uint8_t buf[sizeof(struct head) + PAYLOAD_MAX];
    size_t path_size = strlen(path) + 1, value_len = strlen(value);
    struct head head = { .type = TYPE_WRITE, .request = 1 };

    if (path_size + value_len > PAYLOAD_MAX) {
        errno = E2BIG;
        return -1;
    }
    head.size = (uint32_t)(path_size + value_len);
    memcpy(buf, &head, sizeof(head));
    memcpy(buf + sizeof(head), path, path_size);
    memcpy(buf + sizeof(head) + path_size, value, value_len);
    size_t size = sizeof(head) + head.size;
    return write(fd, buf, size) == (ssize_t)size ? 0 : -1;
}

static int read_all(int fd, void *buf, size_t size)
{
    uint8_t *at = buf;

    while (size) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r = poll(&p, 1, ANSWER_MS);
        if (r == 0)
            errno = ETIMEDOUT;
        if (r < 0 && errno == EINTR)
            continue;
        ssize_t n = r > 0 ? read(fd, at, size) : -1;
        if (n <= 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int take_answer(int fd, const char *path, struct vdc_error *err)
{
    char text[PAYLOAD_MAX + 1];
    struct head head;

    if (read_all(fd, &head, sizeof(head)) || head.size > PAYLOAD_MAX ||
        read_all(fd, text, head.size))
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "xenstored did not answer");
    text[head.size] = '\0';
    if (head.type != TYPE_ERROR)
        return 0;
    return vdc_error_set(err,
                         strcmp(text, "EACCES") == 0   ? VDC_E_DENIED
                         : strcmp(text, "EQUOTA") == 0 ? VDC_E_QUOTA
                                                       : VDC_E_IO,
                         "xenstored does not let %s be written: %.60s", path,
                         text);
}

int xenbus_write(const char *path, const char *value, struct vdc_error *err)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC), rc;

    if (fd < 0) {
        rc = vdc_error_errno(err, VDC_E_UNSUPPORTED, errno, "cannot open %s",
                             DEVICE);
        vdc_error_hint(err, "this runs in a guest of Xen, as root");
        return rc;
    }
    if (send_write(fd, path, value))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot write to %s",
                             DEVICE);
    else
        rc = take_answer(fd, path, err);
    close(fd);
    return rc;
}
