/*
 * TCP for what carries TLS (tls.h): addresses, listening, connecting.
 *
 * An address is "127.0.0.1:8443" or "[::1]:8443"; of who connects, the host
 * may also have a name.
 */
#ifndef VDC_BASE_TCP_H
#define VDC_BASE_TCP_H

#include <stdbool.h>

#include "base/error.h"

struct event_base;
struct tcp_listener;

#define TCP_HOST_MAX 253
#define TCP_FROM_SIZE 64

/* Takes an address apart; host: TCP_HOST_MAX + 1 characters, without brackets;
 * port: 6.  Errors: VDC_E_BAD_VALUE. */
int tcp_split(const char *address, char *ret_host, char *ret_port,
              struct vdc_error *err);

/* Whether a host is a number, of IPv4 or IPv6, without brackets. */
bool tcp_is_number(const char *host);

/* A connection, which does not block; the callee's to close.  `from`: the
 * number of its other end, of at most TCP_FROM_SIZE with the NUL. */
typedef void tcp_accept_fn(void *arg, int fd, const char *from);

/* The host is a number.  Running out of descriptors pauses accepting for 100
 * ms.  Errors: VDC_E_BAD_VALUE (address), VDC_E_BUSY (somebody listens there),
 * VDC_E_DENIED, VDC_E_IO. */
int tcp_listen(struct event_base *base, const char *address,
               tcp_accept_fn *on_accept, void *arg, struct tcp_listener **ret,
               struct vdc_error *err);
void tcp_listener_destroy(struct tcp_listener *listener); /* NULL allowed */

/* Begins to connect; the host is a number.  The descriptor does not block, and
 * may still be connecting: whether that succeeds is found out by using it.
 * Errors: VDC_E_BAD_VALUE, VDC_E_NO_DAEMON (no route, as far as that is known
 * at once), VDC_E_IO. */
int tcp_connect_begin(const char *address, int *ret_fd, struct vdc_error *err);

/* For a program without an event loop: looks up the name, and tries each of
 * its addresses for up to timeout_ms.  The descriptor does not block.  Errors:
 * VDC_E_BAD_VALUE, VDC_E_NO_DAEMON, VDC_E_IO. */
int tcp_connect_blocking(const char *address, int timeout_ms, int *ret_fd,
                         struct vdc_error *err);

#endif
