/*
 * Handing over the memory of a channel, for chan.c.
 *
 * What is sent is 16 bytes and two descriptors: "vdcl", the version 1, and
 * the bytes of both rings, little-endian.
 */
#include "chan/chan_memory.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/stream_impl.h"
#include "chan/link.h"
#include "chan/port.h"
#include "chan/ring.h"

#define RING_SIZE (64u * 1024) /* of each direction */
#define HANDOVER_SIZE 16
#define HANDOVER_TIMEOUT_S 5
#define HANDOVER_MAGIC 0x6c636476u /* "vdcl" */
#define HANDOVER_VERSION 1u

struct handover {
    struct event *event;
    int fd;
    struct stream_peer peer;
    handover_fn *done;
    void *arg;
};

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(LINK_FDS_MAX * sizeof(int))];
};

/* ---- sending ---- */

static void put_fds(struct msghdr *message, union control *control,
                    const struct link_offer *offer)
{
    size_t size = offer->n_fds * sizeof(int);

    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), offer->fds, size);
}

/* A socket just connected has room for this. */
static int send_offer(int fd, const struct link_offer *offer,
                      struct vdc_error *err)
{
    uint8_t bytes[HANDOVER_SIZE];
    struct iovec iov = { bytes, sizeof(bytes) };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control;

    stream_header_write(bytes, HANDOVER_MAGIC);
    stream_header_write(bytes + 4, HANDOVER_VERSION);
    stream_header_write(bytes + 8, RING_SIZE);
    stream_header_write(bytes + 12, RING_SIZE);
    put_fds(&message, &control, offer);
    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(bytes))
        return vdc_error_errno(err, VDC_E_NO_DAEMON, errno,
                               "the memory of the channel cannot be sent");
    return 0;
}

static int make(struct port **ret, struct link_offer *offer,
                struct vdc_error *err)
{
    uint32_t pages = (uint32_t)(ring_memory(RING_SIZE, RING_SIZE) / LINK_PAGE);
    struct link *link;
    int rc = link_give(LINK_MEMORY, 0, pages, ring_life_offset(RING_MAKER),
                       &link, offer, err);

    if (rc)
        return rc;
    rc = port_new(link, RING_MAKER, RING_SIZE, RING_SIZE, NULL, ret, err);
    if (rc)
        link_offer_clear(offer);
    return rc;
}

int chan_memory_connect(const char *path, struct port **ret,
                        struct vdc_error *err)
{
    struct link_offer offer;
    struct port *port;
    int fd;
    int rc = stream_unix_connect(path, SOCK_NONBLOCK, &fd, err);

    if (rc)
        return rc;
    rc = make(&port, &offer, err);
    if (!rc) {
        rc = send_offer(fd, &offer, err);
        link_offer_clear(&offer);
        if (rc)
            port_destroy(port);
        else
            *ret = port;
    }
    close(fd);
    return rc;
}

/* ---- receiving ---- */

void handover_destroy(struct handover *handover)
{
    event_free(handover->event);
    close(handover->fd);
    free(handover);
}

/* All descriptors that came, into the offer; more than it has room for are
 * cut off, and closed, by the kernel. */
static void take_fds(struct msghdr *message, struct link_offer *offer)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
         c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && offer->n_fds < LINK_FDS_MAX; i++)
            memcpy(&offer->fds[offer->n_fds++], CMSG_DATA(c) + i * sizeof(int),
                   sizeof(int));
    }
}

static int receive(int fd, uint8_t *bytes, struct link_offer *offer,
                   struct vdc_error *err)
{
    struct iovec iov = { bytes, HANDOVER_SIZE };
    union control control;
    struct msghdr message = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };

    *offer =
        (struct link_offer){ .kind = LINK_MEMORY, .fds = { -1, -1, -1, -1 } };
    ssize_t r = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (r <= 0)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "it left without offering memory");
    take_fds(&message, offer);
    if (r != HANDOVER_SIZE || stream_header_read(bytes) != HANDOVER_MAGIC ||
        stream_header_read(bytes + 4) != HANDOVER_VERSION)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "what it sent is no memory of a channel");
    return 0;
}

static int join(int fd, struct port **ret, struct vdc_error *err)
{
    uint8_t bytes[HANDOVER_SIZE];
    struct link_offer offer;
    struct link *link;
    int rc = receive(fd, bytes, &offer, err);

    if (rc) {
        link_offer_clear(&offer);
        return rc;
    }
    uint32_t out = stream_header_read(bytes + 8);
    uint32_t in = stream_header_read(bytes + 12);
    offer.n_pages = (uint32_t)(ring_memory(out, in) / LINK_PAGE);
    rc = link_join(&offer, ring_life_offset(RING_TAKER), &link, err);
    return rc ? rc : port_new(link, RING_TAKER, out, in, NULL, ret, err);
}

static void on_offer(evutil_socket_t fd, short what, void *arg)
{
    struct handover *handover = arg;
    struct port *port = NULL;
    struct vdc_error err = { 0 };

    if (what & EV_TIMEOUT)
        vdc_error_set(&err, VDC_E_TIMEOUT, "it offered no memory in %d s",
                      HANDOVER_TIMEOUT_S);
    else
        join(fd, &port, &err);
    handover->done(handover->arg, port, &handover->peer, &err);
    handover_destroy(handover);
}

struct handover *handover_new(struct event_base *base, int fd,
                              const struct stream_peer *peer,
                              handover_fn *done, void *arg)
{
    struct handover *handover = XNEW(struct handover);

    handover->fd = fd;
    handover->peer = *peer;
    handover->done = done;
    handover->arg = arg;
    handover->event = event_new(base, fd, EV_READ, on_offer, handover);
    struct timeval tv = { HANDOVER_TIMEOUT_S, 0 };
    if (!handover->event || event_add(handover->event, &tv))
        abort(); /* out of memory */
    return handover;
}
