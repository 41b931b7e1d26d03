/*
 * Carries what libxl writes into a pipe to a socket, in a thread of its own.
 *
 * libxl gets a pipe and not the socket itself, because it (4.17) calls through
 * a null pointer, which ends the process, when it cannot write the first 24
 * bytes; and the other end of a socket may be closed at any time.  From this
 * pipe so much is always taken.  After that a socket that is closed closes the
 * pipe.
 *
 * Used by a worker:
 *     carry_begin(&carry, fd, err), libxl writes into carry.pipe,
 *     carry_end(&carry, err)
 */
#ifndef VDC_HV_XEN_CARRY_H
#define VDC_HV_XEN_CARRY_H

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"

struct carry {
    int pipe; /* for libxl; carry_end closes it */
    /* of the thread: */
    int from, to;
    int errnum; /* why it cannot be written on; 0 */
    pthread_t thread;
};

/* Must stay where it is until carry_end.  fd is a stream socket, blocking or
 * not.  SIGPIPE must be blocked or ignored.  Errors: VDC_E_IO, VDC_E_NOMEM;
 * then there is nothing to end. */
int carry_begin(struct carry *carry, int fd, struct vdc_error *err);

/* Waits until everything in the pipe was taken; nobody else may have it open
 * to write any more.  Errors: VDC_E_CLOSED, VDC_E_IO: not all was carried. */
int carry_end(struct carry *carry, struct vdc_error *err);

#endif
