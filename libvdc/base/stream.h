/*
 * Framed messages over a stream socket, on libevent; never blocks.
 *
 * A frame is a 4-byte little-endian size (1 to STREAM_FRAME_MAX) and that many
 * bytes; what the bytes mean is for wire/ to say.  Used on unix sockets here;
 * the same framing travels over other byte streams, as TLS (tls.h).
 */
#ifndef VDC_BASE_STREAM_H
#define VDC_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct event_base;
struct stream;
struct stream_listener;

#define STREAM_FRAME_MAX (1024 * 1024)

/* Who is at the other end of a unix socket, as the kernel says (SO_PEERCRED
 * at the time of connect). */
struct stream_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

struct stream_ops {
    /* A whole frame; the bytes are valid during the call only.  The callee
     * may destroy the stream. */
    void (*on_frame)(void *arg, const uint8_t *frame, size_t size);
    /* The other end closed (code VDC_E_CLOSED), or an I/O or framing error.
     * Called once, and no callback after it; the stream still has to be
     * destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
    /* All that was sent has been handed to the kernel; may be NULL. */
    void (*on_drained)(void *arg);
};

/* Takes over a connected, non-blocking descriptor. */
struct stream *stream_new(struct event_base *base, int fd,
                          const struct stream_ops *ops, void *arg);

/* Instead of those that it was made with; before the event loop goes on. */
void stream_set_ops(struct stream *stream, const struct stream_ops *ops,
                    void *arg);

/* No longer frames are taken from the other end than `most` bytes, up to
 * STREAM_FRAME_MAX, which is usual: as long as it is not known who it is. */
void stream_limit(struct stream *stream, size_t most);

/* Connects to a unix socket.  Connecting to a unix socket does not wait, so
 * the result is known at return.  Errors: VDC_E_NO_DAEMON (no such socket,
 * nobody listens, or too many wait there), VDC_E_DENIED, VDC_E_BAD_VALUE (the
 * path is too long for a socket), VDC_E_IO (no socket to be had). */
int stream_connect_unix(struct event_base *base, const char *path,
                        const struct stream_ops *ops, void *arg,
                        struct stream **ret, struct vdc_error *err);

/* Closes at once; unsent bytes are dropped.  NULL is allowed. */
void stream_destroy(struct stream *stream);
/* Sends what is queued, then closes by itself; no callback after this call.
 * An other end that takes nothing for 10 s is given up.  NULL is allowed. */
void stream_finish(struct stream *stream);
/* Destroys what stream_finish left on this base; before the base is freed
 * (daemon_main does it). */
void stream_finish_drop(struct event_base *base);

/* Queues a frame.  Errors: VDC_E_PROTOCOL when size is 0 or over the limit,
 * VDC_E_CLOSED after the close callback, or when a write failed and that
 * callback is still to come. */
int stream_send(struct stream *stream, const void *frame, size_t size);

/* Bytes queued and not yet taken by the kernel. */
size_t stream_pending(const struct stream *stream);

/* Stop and go on delivering frames (back-pressure).  While it is paused no
 * end is noticed either; frames that were received before the pause are
 * delivered from the loop after stream_resume, never from within it. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* On another kind of socket than unix: pid 0, and ids of all ones. */
void stream_peer(const struct stream *stream, struct stream_peer *ret);

typedef void stream_accept_fn(void *arg, int fd,
                              const struct stream_peer *peer);

/*
 * Listens on a unix socket.  A stale socket file (nobody answers) is
 * replaced; a live one is an error (VDC_E_BUSY), and so is another kind of
 * file (VDC_E_EXISTS).  mode: permission bits of the file.  PATH.lock exists
 * during the call.  The accept callback takes over the descriptor.
 * Running out of descriptors pauses accepting for 100 ms and goes on.
 */
int stream_listen_unix(struct event_base *base, const char *path, mode_t mode,
                       stream_accept_fn *on_accept, void *arg,
                       struct stream_listener **ret, struct vdc_error *err);
/* Closes and unlinks the socket file.  NULL is allowed. */
void stream_listener_destroy(struct stream_listener *listener);

/* Blocking helpers for a client without an event loop (xl-vdc). */
int stream_blocking_connect(const char *path, int *ret_fd,
                            struct vdc_error *err);
int stream_blocking_send(int fd, const void *frame, size_t size,
                         struct vdc_error *err);
/* Waits up to timeout_ms (< 0: for ever).  *ret is malloc'd, the caller's.
 * Errors: VDC_E_TIMEOUT, VDC_E_CLOSED, VDC_E_IO, VDC_E_PROTOCOL; after any of
 * them the place in the stream is lost and the descriptor is to be closed. */
int stream_blocking_receive(int fd, int timeout_ms, uint8_t **ret,
                            size_t *ret_size, struct vdc_error *err);

#endif
