/* What a guest may be sent over, for all implementations. */
#include "hv/socket.h"

#include <errno.h>
#include <sys/socket.h>

static int option(int fd, int name, int *ret)
{
    socklen_t size = sizeof(*ret);

    return getsockopt(fd, SOL_SOCKET, name, ret, &size) == 0 ? 0 : errno;
}

int socket_check(int fd, struct vdc_error *err)
{
    int domain = -1, type = -1;
    int errnum = option(fd, SO_DOMAIN, &domain);

    if (errnum == 0)
        errnum = option(fd, SO_TYPE, &type);
    if (errnum && errnum != ENOTSOCK)
        return vdc_error_errno(err, VDC_E_IO, errnum,
                               "the socket cannot be used");
    if (domain == AF_UNIX && type == SOCK_STREAM)
        return 0;
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "a domain is sent and received over a unix stream "
                         "socket, and nothing else");
}
