/*
 * The frames of stream.c for a program without an event loop: xl-vdc sends a
 * request and waits for the answer.
 *
 * Deadlines use the real clock, never the stopped clock of a test, as the
 * wait is real.
 */
#include "base/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/arena.h"
#include "base/stream_impl.h"

/* A receive in progress: until when, and what was asked for (for the text of
 * a timeout). */
struct deadline {
    int timeout_ms; /* < 0: none */
    int64_t end_ms;
};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, const struct deadline *deadline,
                    struct vdc_error *err)
{
    for (;;) {
        int left = -1;
        if (deadline->timeout_ms >= 0) {
            int64_t ms = deadline->end_ms - now_ms();
            left = ms > 0 ? (int)ms : 0;
        }
        struct pollfd p = { .fd = fd, .events = events };
        int r = poll(&p, 1, left);
        if (r > 0)
            return 0;
        if (r == 0)
            return vdc_error_set(err, VDC_E_TIMEOUT, "no answer within %d ms",
                                 deadline->timeout_ms);
        if (errno != EINTR)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "waiting for the connection failed");
    }
}

static int io_error(int errnum, struct vdc_error *err)
{
    if (errnum == EPIPE || errnum == ECONNRESET)
        return vdc_error_set(err, VDC_E_CLOSED, "the connection was closed");
    return vdc_error_errno(err, VDC_E_IO, errnum, "the connection failed");
}

int stream_blocking_connect(const char *path, int *ret_fd,
                            struct vdc_error *err)
{
    return stream_unix_connect(path, 0, ret_fd, err);
}

static int send_all(int fd, const uint8_t *bytes, size_t size, int flags,
                    struct vdc_error *err)
{
    const struct deadline never = { .timeout_ms = -1 };
    while (size > 0) {
        ssize_t r = send(fd, bytes, size, MSG_NOSIGNAL | flags);
        if (r >= 0) {
            bytes += r;
            size -= (size_t)r;
        } else if (errno == EAGAIN) {
            int rc = wait_for(fd, POLLOUT, &never, err);
            if (rc)
                return rc;
        } else if (errno != EINTR) {
            return io_error(errno, err);
        }
    }
    return 0;
}

int stream_blocking_send(int fd, const void *frame, size_t size,
                         struct vdc_error *err)
{
    int rc = stream_check_size(size, STREAM_FRAME_MAX, err);
    if (rc)
        return rc;
    uint8_t header[STREAM_HEADER_SIZE];
    stream_header_write(header, (uint32_t)size);
    rc = send_all(fd, header, sizeof(header), MSG_MORE, err);
    return rc ? rc : send_all(fd, frame, size, 0, err);
}

/* `begun`: bytes of this frame were received already, so that an end here is
 * an end in the middle. */
static int receive_all(int fd, uint8_t *bytes, size_t size, bool begun,
                       const struct deadline *deadline, struct vdc_error *err)
{
    size_t done = 0;
    while (done < size) {
        int rc = wait_for(fd, POLLIN, deadline, err);
        if (rc)
            return rc;
        ssize_t r = recv(fd, bytes + done, size - done, MSG_DONTWAIT);
        if (r > 0)
            done += (size_t)r;
        else if (r == 0)
            return vdc_error_set(err, VDC_E_CLOSED, "%s",
                                 begun || done
                                     ? "the connection was closed in the "
                                       "middle of a message"
                                     : "the connection was closed");
        else if (errno != EINTR && errno != EAGAIN)
            return io_error(errno, err);
    }
    return 0;
}

int stream_blocking_receive(int fd, int timeout_ms, uint8_t **ret,
                            size_t *ret_size, struct vdc_error *err)
{
    struct deadline deadline = { .timeout_ms = timeout_ms };
    if (timeout_ms >= 0)
        deadline.end_ms = now_ms() + timeout_ms;
    uint8_t header[STREAM_HEADER_SIZE];
    int rc = receive_all(fd, header, sizeof(header), false, &deadline, err);
    if (rc)
        return rc;
    size_t size = stream_header_read(header);
    rc = stream_check_size(size, STREAM_FRAME_MAX, err);
    if (rc)
        return rc;
    uint8_t *frame = xzalloc(size);
    rc = receive_all(fd, frame, size, true, &deadline, err);
    if (rc) {
        free(frame);
        return rc;
    }
    *ret = frame;
    *ret_size = size;
    return 0;
}
