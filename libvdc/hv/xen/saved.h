/*
 * The file into which libxl saves a domain: what is seen to before libxl gets
 * it.
 *
 * libxl (4.17) calls through a null pointer, which ends the process, when a
 * save or restore fails before its helper process has begun: on the first 24
 * bytes, when there is no room for them, or when they are not what they should
 * be.  So these are tried first.  To save, that can be done with files only (a
 * pipe or a socket is refused; carry.h is for those); to restore, with unix
 * sockets, too.
 */
#ifndef VDC_HV_XEN_SAVED_H
#define VDC_HV_XEN_SAVED_H

#include <stdbool.h>

#include "base/error.h"

#define SAVED_HEAD_SIZE 24

/*
 * Whether the begin of a stream can be written where fd stands.  What is there
 * is overwritten.
 * Errors: VDC_E_DISK_FULL, VDC_E_IO, VDC_E_UNSUPPORTED (no file, or one that
 * is only appended to).
 */
int saved_check_room(int fd, struct vdc_error *err);

/*
 * Whether a stream begins where fd stands.
 * Errors: VDC_E_BAD_VALUE, VDC_E_IO, VDC_E_UNSUPPORTED (no file).
 */
int saved_check_head(int fd, struct vdc_error *err);

/*
 * Whether a stream begins with what comes over this unix stream socket: waits
 * for it, and takes nothing.
 * Errors: VDC_E_BAD_VALUE, VDC_E_CLOSED (the other end), VDC_E_IO.
 */
int saved_await_head(int fd, struct vdc_error *err);

/* Whether the other end of the socket was closed, and all was taken. */
bool saved_is_at_end(int fd);

#endif
