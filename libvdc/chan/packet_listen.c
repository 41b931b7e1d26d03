/*
 * Listening for packets at a path, and connecting to it.
 *
 * PATH.lock is held by a lock that ends with its process, so that a socket
 * file which a killed process left is known for what it is.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/packet_impl.h"

#define BACKLOG 128
#define ACCEPTS_A_TURN 16
#define NO_DESCRIPTORS_PAUSE_MS 100

struct packet_listener {
    int fd, lock_fd;
    char *path;
    struct event *accept, *again;
    packet_accept_fn *on_accept;
    void *arg;
};

int packet_address(const char *path, struct sockaddr_un *ret,
                   struct vdc_error *err)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (!*path)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the path of a socket is empty");
    if (strlen(path) >= sizeof(ret->sun_path))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is too long for a socket's path (%zu "
                             "characters at most)",
                             path, sizeof(ret->sun_path) - 1);
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return 0;
}

static int explain_connect(const char *path, int errnum, struct vdc_error *err)
{
    struct stat st;

    if (errnum == EAGAIN)
        return vdc_error_set(err, VDC_E_BUSY,
                             "too many wait to be let in at %s", path);
    /* the kernel says the same of other files as of a socket left behind */
    if (errnum == EPROTOTYPE ||
        (errnum == ECONNREFUSED && !stat(path, &st) && !S_ISSOCK(st.st_mode)))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is no socket of channeld's", path);
    if (errnum == ENOENT || errnum == ECONNREFUSED)
        return vdc_error_set(err, VDC_E_NO_DAEMON, "nobody answers at %s",
                             path);
    return vdc_error_errno(err, VDC_E_IO, errnum, "cannot connect to %s",
                           path);
}

static int connect_with(const char *path, int flags, int *ret_fd,
                        struct vdc_error *err)
{
    struct sockaddr_un address;
    int rc = packet_address(path, &address, err);

    if (rc)
        return rc;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "no socket to be had");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int errnum = errno;
    close(fd);
    return explain_connect(path, errnum, err);
}

int packet_connect(const char *path, int *ret_fd, struct vdc_error *err)
{
    return connect_with(path, 0, ret_fd, err);
}

int packet_connect_at_once(const char *path, int *ret_fd,
                           struct vdc_error *err)
{
    return connect_with(path, SOCK_NONBLOCK, ret_fd, err);
}

/* ---- accepting ---- */

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct packet_listener *listener = arg;

    event_add(listener->accept, NULL);
}

static void on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
    const struct timeval pause = { 0, NO_DESCRIPTORS_PAUSE_MS * 1000 };
    struct packet_listener *listener = arg;

    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
            event_del(listener->accept);
            event_add(listener->again, &pause);
            return;
        }
        if (fd < 0)
            return;
        struct ucred cred;
        socklen_t size = sizeof(cred);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size)) {
            close(fd);
            continue;
        }
        struct packet_peer peer = { cred.uid, cred.pid };
        listener->on_accept(listener->arg, fd, &peer);
    }
}

/* ---- the socket file ---- */

static int lock_path(struct packet_listener *listener, struct vdc_error *err)
{
    char *path = xasprintf("%s.lock", listener->path);
    int rc = 0;

    listener->lock_fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (listener->lock_fd < 0) {
        rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot open %s", path);
        vdc_error_hint(err, "its directory must exist and be writable for "
                            "the daemon; its unit makes /run/xen-vdc");
    } else if (flock(listener->lock_fd, LOCK_EX | LOCK_NB)) {
        rc = vdc_error_set(err, VDC_E_BUSY, "another channeld listens at %s",
                           listener->path);
        vdc_error_hint(err, "stop it first, or name another socket");
    }
    free(path);
    return rc;
}

static int remove_stale(const char *path, struct vdc_error *err)
{
    struct stat st;

    if (lstat(path, &st))
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return vdc_error_set(err, VDC_E_EXISTS,
                             "%s is there, and is no socket", path);
    unlink(path);
    return 0;
}

static int bind_path(struct packet_listener *listener, mode_t mode,
                     struct vdc_error *err)
{
    struct sockaddr_un address;
    int rc = packet_address(listener->path, &address, err);

    if (rc == 0)
        rc = lock_path(listener, err);
    if (rc == 0)
        rc = remove_stale(listener->path, err);
    if (rc)
        return rc;
    listener->fd =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0 ||
        bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) ||
        chmod(listener->path, mode) || listen(listener->fd, BACKLOG))
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot listen at %s",
                               listener->path);
    return 0;
}

int packet_listen(struct event_base *base, const char *path, mode_t mode,
                  packet_accept_fn *on_accept_fn, void *arg,
                  struct packet_listener **ret, struct vdc_error *err)
{
    struct packet_listener *listener = XNEW(struct packet_listener);

    listener->fd = listener->lock_fd = -1;
    listener->path = xstrdup(path);
    listener->on_accept = on_accept_fn;
    listener->arg = arg;
    int rc = bind_path(listener, mode, err);
    if (rc) {
        packet_listener_destroy(listener);
        return rc;
    }
    listener->accept = event_new(base, listener->fd, EV_READ | EV_PERSIST,
                                 on_accept, listener);
    listener->again = evtimer_new(base, on_again, listener);
    if (!listener->accept || !listener->again ||
        event_add(listener->accept, NULL))
        abort(); /* out of memory */
    *ret = listener;
    return 0;
}

void packet_listener_destroy(struct packet_listener *listener)
{
    if (!listener)
        return;
    if (listener->accept)
        event_free(listener->accept);
    if (listener->again)
        event_free(listener->again);
    if (listener->fd >= 0) {
        unlink(listener->path);
        close(listener->fd);
    }
    if (listener->lock_fd >= 0)
        close(listener->lock_fd);
    free(listener->path);
    free(listener);
}
