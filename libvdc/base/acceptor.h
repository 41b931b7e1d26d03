/*
 * Accepts on a socket that listens, from libevent's loop, and pauses while
 * accepting fails (most likely for want of descriptors) instead of spinning.
 */
#ifndef VDC_BASE_ACCEPTOR_H
#define VDC_BASE_ACCEPTOR_H

#include <sys/socket.h>

struct event_base;
struct acceptor;

/* fd does not block, is closed on exec, and is the callee's.  from is who
 * connected, as accept gives it, and is only good until this returns. */
typedef void acceptor_fn(void *arg, int fd, const struct sockaddr *from,
                         socklen_t size);

/* fd listens already and is owned from here on.  name is where it listens,
 * for the log; it is copied.  Never fails. */
struct acceptor *acceptor_new(struct event_base *base, int fd,
                              const char *name, acceptor_fn *on_accept,
                              void *arg);
void acceptor_free(struct acceptor *acceptor); /* NULL allowed */

#endif
