/*
 * What stream.c, stream_listen.c and stream_blocking.c share: addresses and
 * the size at the front of a frame; and what tls.c gives to stream.c.
 */
#ifndef VDC_BASE_STREAM_IMPL_H
#define VDC_BASE_STREAM_IMPL_H

#include <stdint.h>
#include <sys/un.h>

#include "base/stream.h"

#define STREAM_HEADER_SIZE 4

static inline uint32_t stream_header_read(const uint8_t header[4])
{
    return (uint32_t)header[0] | (uint32_t)header[1] << 8 |
           (uint32_t)header[2] << 16 | (uint32_t)header[3] << 24;
}

static inline void stream_header_write(uint8_t header[4], uint32_t size)
{
    header[0] = (uint8_t)size;
    header[1] = (uint8_t)(size >> 8);
    header[2] = (uint8_t)(size >> 16);
    header[3] = (uint8_t)(size >> 24);
}

/* Errors: VDC_E_BAD_VALUE when the path is empty or too long for a socket. */
int stream_unix_address(const char *path, struct sockaddr_un *ret,
                        struct vdc_error *err);

/* Connects; returns 0 or the errno value. */
int stream_unix_try(const struct sockaddr_un *address, int flags, int *ret_fd);

/* A connected descriptor (close on exec).  flags: SOCK_NONBLOCK or 0.
 * Errors as stream_connect_unix. */
int stream_unix_connect(const char *path, int flags, int *ret_fd,
                        struct vdc_error *err);

struct bufferevent;

/* What is different where a stream is not carried by a socket alone. */
struct stream_carrier {
    /* Why a bufferevent's event (EOF or error) came. */
    void (*why_ended)(struct bufferevent *bev, short what, int errnum,
                      struct vdc_error *ret);
    /* Before it is freed, to tell the other end; must not block. */
    void (*say_end)(struct bufferevent *bev);
};

/* A stream over a bufferevent that is connected, which it takes over. */
struct stream *stream_of_bufferevent(struct bufferevent *bev,
                                     const struct stream_carrier *carrier,
                                     const struct stream_ops *ops, void *arg);

/* Whether a frame of that size may be; the error is VDC_E_PROTOCOL. */
int stream_check_size(size_t size, size_t most, struct vdc_error *err);

#endif
