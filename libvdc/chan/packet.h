/*
 * Packets with descriptors over a unix socket (SOCK_SEQPACKET), on libevent;
 * never blocks.  What the bytes mean is for wire/ to say.
 */
#ifndef VDC_CHAN_PACKET_H
#define VDC_CHAN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct event_base;
struct packet;
struct packet_listener;

/* Under the kernel's default of 212,992 bytes for a socket's buffer. */
#define PACKET_SIZE_MAX (128 * 1024)
#define PACKET_FDS_MAX 8
/* Queued for an other end that does not read, in bytes and packets. */
#define PACKET_QUEUE_MAX (1024 * 1024)
#define PACKET_QUEUED_MAX 4096

struct packet_ops {
    /* A whole packet; data are valid during the call.  A descriptor that the
     * callee keeps it replaces by -1; the others are closed.  The callee may
     * destroy the packet. */
    void (*on_packet)(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds);
    /* The other end closed or died (VDC_E_CLOSED), or sent what is no packet
     * (VDC_E_PROTOCOL), or did not read what it was sent (VDC_E_BUSY).  Called
     * once, last; it still has to be destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
};

/* Takes over a connected descriptor. */
struct packet *packet_new(struct event_base *base, int fd,
                          const struct packet_ops *ops, void *arg);
void packet_destroy(struct packet *packet); /* NULL allowed */

/*
 * Sends, or queues, one packet, and takes over its descriptors, also on
 * failure.  VDC_E_PROTOCOL (size, number of descriptors); VDC_E_CLOSED: it is
 * over, and on_close comes, or has come.
 */
int packet_send(struct packet *packet, const void *data, size_t size,
                const int *fds, unsigned n_fds);
/* Stop and go on reading: as long as it is stopped the kernel holds up the
 * other end. */
void packet_pause(struct packet *packet);
void packet_resume(struct packet *packet);

struct packet_peer {
    uid_t uid;
    pid_t pid;
};

/* The callee takes over the descriptor. */
typedef void packet_accept_fn(void *arg, int fd,
                              const struct packet_peer *peer);

/*
 * Listens at a path of the file system; a socket file that nobody listens at
 * is replaced.  PATH.lock is held as long as it listens.
 * Errors: VDC_E_BUSY (somebody listens there), VDC_E_BAD_VALUE (the path is
 * too long), VDC_E_EXISTS (there is another kind of file), VDC_E_IO.
 */
int packet_listen(struct event_base *base, const char *path, mode_t mode,
                  packet_accept_fn *on_accept, void *arg,
                  struct packet_listener **ret, struct vdc_error *err);
/* Closes, and removes the file.  NULL allowed. */
void packet_listener_destroy(struct packet_listener *listener);

/* Waits as long as too many others wait to be let in there.  Errors:
 * VDC_E_NO_DAEMON, VDC_E_DENIED, VDC_E_BAD_VALUE (the path is empty or too
 * long, or that of something else), VDC_E_IO. */
int packet_connect(const char *path, int *ret_fd, struct vdc_error *err);
/* The same, but then fails at once: VDC_E_BUSY.  The descriptor does not
 * block. */
int packet_connect_at_once(const char *path, int *ret_fd,
                           struct vdc_error *err);

/* ---- for programs without an event loop ---- */

/* Blocks until it is sent; the descriptors stay the caller's. */
int packet_blocking_send(int fd, const void *data, size_t size, const int *fds,
                         unsigned n_fds, struct vdc_error *err);
/* Waits up to timeout_ms (< 0: for ever).  buf has PACKET_SIZE_MAX bytes, fds
 * PACKET_FDS_MAX; they are the caller's.  Errors: VDC_E_TIMEOUT, VDC_E_CLOSED,
 * VDC_E_PROTOCOL, VDC_E_IO. */
int packet_blocking_receive(int fd, int timeout_ms, uint8_t *buf,
                            size_t *ret_size, int *fds, unsigned *ret_n_fds,
                            struct vdc_error *err);

#endif
