/* The sockets over which a guest is sent and received. */
#ifndef VDC_HV_SOCKET_H
#define VDC_HV_SOCKET_H

#include "base/error.h"

/* Whether fd is an AF_UNIX stream socket.  Errors: VDC_E_UNSUPPORTED when it
 * is something else, VDC_E_IO when it is nothing. */
int socket_check(int fd, struct vdc_error *err);

#endif
