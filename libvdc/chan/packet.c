/*
 * Packets with descriptors: sending, queueing and receiving.
 *
 * A packet is read whole or is an error; how many are read before others of
 * the loop have their turn is bounded.  Descriptors that come with a packet
 * which nobody wants are closed at once, so that an other end cannot fill our
 * table.
 */
#include "chan/packet.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

#define PACKETS_A_TURN 16

struct queued {
    STAILQ_ENTRY(queued) link;
    size_t size;
    unsigned n_fds;
    int fds[PACKET_FDS_MAX];
    uint8_t data[];
};

struct packet {
    int fd;
    const struct packet_ops *ops;
    void *arg;
    struct event *read, *write, *closing;
    STAILQ_HEAD(, queued) queue;
    size_t queued_bytes;
    unsigned n_queued;
    struct vdc_error over; /* code 0: it is not */
    bool paused, in_callback, destroyed, told;
    bool mute; /* nothing can be sent any more */
};

static void close_all(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* ---- system calls ---- */

union control {
    char buf[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

static ssize_t send_one(int fd, const void *data, size_t size, const int *fds,
                        unsigned n_fds, int flags)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
                         .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control;

    if (n_fds) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
    }
    return sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
}

static unsigned take_fds(struct msghdr *msg, int *fds)
{
    unsigned n = 0;

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
         cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
            if (n < PACKET_FDS_MAX)
                fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}

/* > 0: a packet of that size; 0 the other end closed; -1 with errno, EPROTO
 * for what is no packet of ours. */
static ssize_t receive_one(int fd, uint8_t *buf, int *fds, unsigned *ret_n)
{
    struct iovec iov = { .iov_base = buf, .iov_len = PACKET_SIZE_MAX };
    union control control;
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.buf,
                          .msg_controllen = sizeof(control.buf) };
    bool reset = false;
    ssize_t r;

    for (;;) {
        r = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (r >= 0 || (errno != EINTR && errno != ECONNRESET) || reset)
            break;
        /* an other end that closed without reading has still said what it
         * said: that comes after the error */
        reset = errno == ECONNRESET;
    }
    if (r < 0)
        return r;
    *ret_n = take_fds(&msg, fds);
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        close_all(fds, *ret_n);
        *ret_n = 0;
        errno = EPROTO;
        return -1;
    }
    return r;
}

/* ---- the end ---- */

static void drop_queue(struct packet *packet)
{
    struct queued *queued;

    while ((queued = STAILQ_FIRST(&packet->queue))) {
        STAILQ_REMOVE_HEAD(&packet->queue, link);
        close_all(queued->fds, queued->n_fds);
        free(queued);
    }
    packet->queued_bytes = packet->n_queued = 0;
}

static void finally_free(struct packet *packet)
{
    event_free(packet->read);
    event_free(packet->write);
    event_free(packet->closing);
    drop_queue(packet);
    close(packet->fd);
    free(packet);
}

void packet_destroy(struct packet *packet)
{
    if (!packet)
        return;
    packet->destroyed = true;
    if (!packet->in_callback)
        finally_free(packet);
}

/* on_close comes from the loop, never from within a call. */
static void end(struct packet *packet, int code, const char *text)
{
    if (packet->over.code)
        return;
    vdc_error_set(&packet->over, code, "%s", text);
    event_del(packet->read);
    event_del(packet->write);
    drop_queue(packet);
    event_active(packet->closing, EV_TIMEOUT, 0);
}

static void on_closing(evutil_socket_t fd, short what, void *arg)
{
    struct packet *packet = arg;

    if (packet->told)
        return;
    packet->told = true;
    packet->in_callback = true;
    packet->ops->on_close(packet->arg, &packet->over);
    packet->in_callback = false;
    if (packet->destroyed)
        finally_free(packet);
}

/* ---- receiving ---- */

static void deliver(struct packet *packet, const uint8_t *data, size_t size,
                    int *fds, unsigned n_fds)
{
    packet->in_callback = true;
    packet->ops->on_packet(packet->arg, data, size, fds, n_fds);
    packet->in_callback = false;
    close_all(fds, n_fds);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    static uint8_t buf[PACKET_SIZE_MAX]; /* one loop, one thread */
    struct packet *packet = arg;

    for (int i = 0; i < PACKETS_A_TURN && !packet->paused; i++) {
        int fds[PACKET_FDS_MAX];
        unsigned n_fds = 0;
        ssize_t r = receive_one(packet->fd, buf, fds, &n_fds);
        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (r <= 0) {
            close_all(fds, n_fds);
            end(packet,
                r < 0 && errno == EPROTO ? VDC_E_PROTOCOL : VDC_E_CLOSED,
                r == 0            ? "the other end closed the connection"
                : errno == EPROTO ? "a packet is too long"
                                  : strerror(errno));
            return;
        }
        deliver(packet, buf, (size_t)r, fds, n_fds);
        if (packet->destroyed) {
            finally_free(packet);
            return;
        }
        if (packet->over.code)
            return;
    }
}

void packet_pause(struct packet *packet)
{
    packet->paused = true;
    event_del(packet->read);
}

void packet_resume(struct packet *packet)
{
    packet->paused = false;
    if (!packet->over.code)
        event_add(packet->read, NULL);
}

/* ---- sending ---- */

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct packet *packet = arg;
    struct queued *queued;

    while ((queued = STAILQ_FIRST(&packet->queue))) {
        ssize_t r = send_one(packet->fd, queued->data, queued->size,
                             queued->fds, queued->n_fds, MSG_DONTWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 &&
            (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)) {
            event_add(packet->write, NULL);
            return;
        }
        if (r < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            /* what the other end said before it closed is still to be read,
             * and then on_close comes */
            packet->mute = true;
            drop_queue(packet);
            return;
        }
        if (r < 0) {
            end(packet, VDC_E_CLOSED, strerror(errno));
            return;
        }
        STAILQ_REMOVE_HEAD(&packet->queue, link);
        packet->queued_bytes -= queued->size;
        packet->n_queued--;
        close_all(queued->fds, queued->n_fds);
        free(queued);
    }
}

static void enqueue(struct packet *packet, const void *data, size_t size,
                    const int *fds, unsigned n_fds)
{
    struct queued *queued = xzalloc(sizeof(*queued) + size);

    queued->size = size;
    queued->n_fds = n_fds;
    memcpy(queued->data, data, size);
    if (n_fds)
        memcpy(queued->fds, fds, n_fds * sizeof(*fds));
    STAILQ_INSERT_TAIL(&packet->queue, queued, link);
    packet->queued_bytes += size;
    packet->n_queued++;
}

int packet_send(struct packet *packet, const void *data, size_t size,
                const int *fds, unsigned n_fds)
{
    if (size == 0 || size > PACKET_SIZE_MAX || n_fds > PACKET_FDS_MAX) {
        close_all(fds, n_fds);
        return VDC_E_PROTOCOL;
    }
    if (packet->over.code || packet->destroyed || packet->mute) {
        close_all(fds, n_fds);
        return VDC_E_CLOSED;
    }
    enqueue(packet, data, size, fds, n_fds);
    if (packet->n_queued == 1)
        on_write(packet->fd, 0, packet);
    if (packet->queued_bytes > PACKET_QUEUE_MAX ||
        packet->n_queued > PACKET_QUEUED_MAX)
        end(packet, VDC_E_BUSY, "the other end does not read");
    return packet->over.code || packet->mute ? VDC_E_CLOSED : 0;
}

struct packet *packet_new(struct event_base *base, int fd,
                          const struct packet_ops *ops, void *arg)
{
    struct packet *packet = XNEW(struct packet);

    packet->fd = fd;
    packet->ops = ops;
    packet->arg = arg;
    STAILQ_INIT(&packet->queue);
    packet->read = event_new(base, fd, EV_READ | EV_PERSIST, on_read, packet);
    packet->write = event_new(base, fd, EV_WRITE, on_write, packet);
    packet->closing = evtimer_new(base, on_closing, packet);
    if (!packet->read || !packet->write || !packet->closing ||
        event_add(packet->read, NULL))
        abort(); /* out of memory */
    return packet;
}

/* ---- blocking ---- */

int packet_blocking_send(int fd, const void *data, size_t size, const int *fds,
                         unsigned n_fds, struct vdc_error *err)
{
    ssize_t r;

    if (size == 0 || size > PACKET_SIZE_MAX || n_fds > PACKET_FDS_MAX)
        return vdc_error_set(err, VDC_E_PROTOCOL, "a packet is too long");
    do
        r = send_one(fd, data, size, fds, n_fds, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0 && (errno == EPIPE || errno == ECONNRESET))
        return vdc_error_set(err, VDC_E_CLOSED,
                             "the other end closed the connection");
    return r < 0 ? vdc_error_errno(err, VDC_E_IO, errno, "cannot send") : 0;
}

/* Until there is something to read, or an end. */
static int wait_readable(int fd, int timeout_ms, struct vdc_error *err)
{
    uint64_t until =
        clock_mono().ms + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int left = -1;
        if (timeout_ms >= 0) {
            uint64_t now = clock_mono().ms;
            left = now < until ? (int)(until - now) : 0;
        }
        int r = poll(&p, 1, left);
        if (r > 0)
            return 0;
        if (r == 0)
            return vdc_error_set(err, VDC_E_TIMEOUT, "no answer for %d ms",
                                 timeout_ms);
        if (errno != EINTR)
            return vdc_error_errno(err, VDC_E_IO, errno, "cannot wait");
    }
}

int packet_blocking_receive(int fd, int timeout_ms, uint8_t *buf,
                            size_t *ret_size, int *fds, unsigned *ret_n_fds,
                            struct vdc_error *err)
{
    for (;;) {
        int rc = wait_readable(fd, timeout_ms, err);
        if (rc)
            return rc;
        unsigned n_fds = 0;
        ssize_t r = receive_one(fd, buf, fds, &n_fds);
        if (r > 0) {
            *ret_size = (size_t)r;
            *ret_n_fds = n_fds;
            return 0;
        }
        if (r == 0 || errno == ECONNRESET) {
            close_all(fds, n_fds);
            return vdc_error_set(err, VDC_E_CLOSED,
                                 "the other end closed the connection");
        }
        if (errno == EPROTO)
            return vdc_error_set(err, VDC_E_PROTOCOL, "a packet is too long");
        if (errno != EAGAIN)
            return vdc_error_errno(err, VDC_E_IO, errno, "cannot receive");
    }
}
