/*
 * Links between processes of one domain: a memfd that cannot change its size,
 * and a pair of sockets, which carries notifications and whose closing by the
 * kernel is the death of an end.
 *
 * What an end keeps open after its channel it keeps at its own cost: as no
 * page is taken before an end touches it, whoever makes memory for others
 * pays for none of it.
 *
 * Sockets and not eventfds: the two ends of an eventfd share one open file,
 * and a hostile end can take O_NONBLOCK from it and fill it, so that a
 * notification would block.  Each end of a pair is a file of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chan/link_impl.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
/* Notifications taken at once; more than a few never wait, unless somebody
 * floods. */
#define TAKEN_MAX 256

static int make_memory(uint32_t n_pages, int *ret, struct vdc_error *err)
{
    int fd = memfd_create("vdc-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t size = (off_t)n_pages * LINK_PAGE;

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "no memory for a channel to be had");
    /* No page is taken here: the kernel charges each to whoever touches it
     * first, which is an end and not the broker that makes it for others. */
    if (ftruncate(fd, size) || fcntl(fd, F_ADD_SEALS, SEALS)) {
        int errnum = errno;
        close(fd);
        return vdc_error_errno(err, VDC_E_IO, errnum,
                               "no memory of %u pages for a channel", n_pages);
    }
    *ret = fd;
    return 0;
}

int link_memory_give(uint32_t n_pages, struct link_end *ret,
                     struct link_offer *offer, struct vdc_error *err)
{
    int pair[2];
    int rc = make_memory(n_pages, &ret->fds[0], err);

    if (rc)
        return rc;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair))
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "no sockets for a channel to be had");
    ret->fds[1] = pair[0];
    offer->fds[1] = pair[1];
    offer->fds[0] = fcntl(ret->fds[0], F_DUPFD_CLOEXEC, 0);
    offer->n_fds = LINK_FDS;
    if (offer->fds[0] < 0)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "no descriptor for a channel to be had");
    return 0;
}

static int check_memory(int fd, uint32_t n_pages, struct vdc_error *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "what was offered as the memory of a channel is "
                             "no memfd of fixed size");
    if (fstat(fd, &st) || st.st_size != (off_t)n_pages * LINK_PAGE)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the memory of a channel has not the %u pages "
                             "that were said",
                             n_pages);
    return 0;
}

/* SIGPIPE, blocking and file offsets are not for the other end to decide. */
static int check_socket(int fd, struct vdc_error *err)
{
    int domain = 0, type = 0;
    socklen_t size = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) ||
        domain != AF_UNIX || type != SOCK_STREAM)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "what was offered to wake the other end of a "
                             "channel is no socket for it");
    return 0;
}

int link_memory_check(const struct link_end *end, struct vdc_error *err)
{
    int rc = check_memory(end->fds[0], end->n_pages, err);

    return rc ? rc : check_socket(end->fds[1], err);
}

int link_memory_join(struct link_offer *offer, struct link_end *ret,
                     struct vdc_error *err)
{
    char byte;

    if (offer->n_fds != LINK_FDS)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "a channel was offered with %u descriptors, not "
                             "%d",
                             offer->n_fds, LINK_FDS);
    for (unsigned i = 0; i < LINK_FDS; i++) {
        ret->fds[i] = offer->fds[i];
        offer->fds[i] = -1;
    }
    int rc = link_memory_check(ret, err);
    if (rc)
        return rc;
    if (recv(ret->fds[1], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        return vdc_error_set(err, VDC_E_CLOSED,
                             "who offered the channel is gone");
    return 0;
}

void link_memory_notify(struct link *link)
{
    /* When there is no room it has not read those before. */
    send(link->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void link_memory_acknowledge(struct link *link)
{
    char taken[TAKEN_MAX];
    ssize_t r = recv(link->wake_fd, taken, sizeof(taken), MSG_DONTWAIT);

    if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR))
        link->other_gone = true;
}
