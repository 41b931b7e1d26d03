/* From a pipe to a socket. */
#include "hv/xen/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "hv/xen/saved.h"

#define BUF_SIZE (256 * 1024)
/* So that libxl's helper and we need not take turns; the most that root and
 * everybody may have. */
#define PIPE_SIZE (1024 * 1024)

/* 0, or why it could not be written. */
static int put_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t r = send(fd, bytes, size, MSG_NOSIGNAL);
        if (r >= 0) {
            bytes += r;
            size -= (size_t)r;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static void *carry_main(void *arg)
{
    struct carry *carry = arg;
    char *buf = xzalloc(BUF_SIZE);
    uint64_t taken = 0;

    while (!carry->errnum || taken <= SAVED_HEAD_SIZE) {
        ssize_t n = read(carry->from, buf, BUF_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        taken += (uint64_t)n;
        if (!carry->errnum)
            carry->errnum = put_all(carry->to, buf, (size_t)n);
    }
    close(carry->from);
    free(buf);
    return NULL;
}

int carry_begin(struct carry *carry, int fd, struct vdc_error *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "no pipe can be made");
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* only faster */
    carry->from = fds[0];
    carry->pipe = fds[1];
    carry->to = fd;
    carry->errnum = 0;
    int r = pthread_create(&carry->thread, NULL, carry_main, carry);
    if (r == 0)
        return 0;
    close(fds[0]);
    close(fds[1]);
    return vdc_error_errno(err, VDC_E_NOMEM, r, "no thread can be started");
}

int carry_end(struct carry *carry, struct vdc_error *err)
{
    close(carry->pipe);
    pthread_join(carry->thread, NULL);
    if (carry->errnum == 0)
        return 0;
    if (carry->errnum == EPIPE || carry->errnum == ECONNRESET)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "the other end of the stream was closed");
    return vdc_error_errno(err, VDC_E_IO, carry->errnum,
                           "the stream cannot be written");
}
