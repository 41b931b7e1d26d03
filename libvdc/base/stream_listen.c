/*
 * Listening on a unix socket, for the daemons.
 *
 * A socket file outlives its daemon, so at start there may be a stale one.
 * Two daemons that start together must not each take the other's new socket
 * for stale: looking, removing and binding happen under a record lock on
 * PATH.lock.  That kind of lock is not inherited by fork, so a helper process
 * that survives its daemon does not hold it.
 */
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/arena.h"
#include "base/stream_impl.h"

#define BACKLOG 128

struct stream_listener {
    struct acceptor *acceptor;
    stream_accept_fn *on_accept;
    void *arg;
    char *path;
    dev_t dev; /* of the socket file, to know it when it is removed */
    ino_t ino;
};

/* ---- the socket file ---- */

/* Takes the lock.  The holder unlinks the file, so a lock on a file that is
 * no longer at the path is worth nothing. */
static int lock_take(const char *path, int *ret_fd, struct vdc_error *err)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            int rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot open %s",
                                     path);
            vdc_error_hint(err, "its directory must exist and be writable "
                                "for the daemon; its unit makes "
                                "/run/xen-vdc");
            return rc;
        }
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        struct stat held, there;
        if (fcntl(fd, F_SETLK, &lock) < 0) {
            int errnum = errno;
            close(fd);
            if (errnum == EACCES || errnum == EAGAIN)
                return vdc_error_set(err, VDC_E_BUSY,
                                     "%s is held by another process that is "
                                     "starting",
                                     path);
            return vdc_error_errno(err, VDC_E_IO, errnum, "cannot lock %s",
                                   path);
        }
        if (fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
            held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
            *ret_fd = fd;
            return 0;
        }
        close(fd);
    }
}

static void lock_release(const char *path, int fd)
{
    unlink(path);
    close(fd);
}

/* Whether the process that listens is there.  A descriptor inherited by a
 * helper keeps a socket answering after its daemon died; the credentials are
 * those of the process that called listen(). */
static bool listener_is_alive(int fd)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 ||
        cred.pid <= 0)
        return true;
    return kill(cred.pid, 0) == 0 || errno != ESRCH;
}

/* Whether somebody answers there.  Only "connection refused" (and a listener
 * that is no more) says no; a full queue, for one, is a live listener. */
static bool somebody_listens(const struct sockaddr_un *address)
{
    int fd;
    int errnum = stream_unix_try(address, SOCK_NONBLOCK, &fd);
    if (errnum)
        return errnum != ECONNREFUSED && errnum != ENOENT;
    bool alive = listener_is_alive(fd);
    close(fd);
    return alive;
}

/* Makes sure that nothing is at the path, unless somebody answers there. */
static int remove_stale(const struct sockaddr_un *address,
                        struct vdc_error *err)
{
    const char *path = address->sun_path;
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0
                               : vdc_error_errno(err, VDC_E_IO, errno,
                                                 "cannot look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return vdc_error_set(err, VDC_E_EXISTS,
                             "%s is there and is not a socket", path);
    if (somebody_listens(address))
        return vdc_error_set(err, VDC_E_BUSY, "another process listens on %s",
                             path);
    if (unlink(path) < 0 && errno != ENOENT)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot remove %s", path);
    return 0;
}

/* A bound socket does not answer before listen(), so there is no moment at
 * which the file has other permission bits and lets somebody in. */
static int bind_and_listen(const struct sockaddr_un *address, mode_t mode,
                           int *ret_fd, struct vdc_error *err)
{
    const char *path = address->sun_path;
    int rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot make a socket");
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot make %s", path);
        close(fd);
        return rc;
    }
    if (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
        rc =
            vdc_error_errno(err, VDC_E_IO, errno, "cannot listen on %s", path);
        unlink(path);
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int open_socket(const char *path, mode_t mode, int *ret_fd,
                       struct vdc_error *err)
{
    struct sockaddr_un address;
    int rc = stream_unix_address(path, &address, err);
    if (rc)
        return rc;
    char *lock_path = xasprintf("%s.lock", path);
    int lock_fd = -1;
    rc = lock_take(lock_path, &lock_fd, err);
    if (rc)
        goto out;
    rc = remove_stale(&address, err);
    if (!rc)
        rc = bind_and_listen(&address, mode, ret_fd, err);
    lock_release(lock_path, lock_fd);
out:
    free(lock_path);
    return rc;
}

/* ---- accepting ---- */

static void on_connection(void *arg, int fd, const struct sockaddr *from,
                          socklen_t from_size)
{
    struct stream_listener *listener = arg;
    struct ucred cred;
    socklen_t size = sizeof(cred);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
        close(fd); /* who it is must be known */
        return;
    }
    struct stream_peer peer = { cred.uid, cred.gid, cred.pid };
    listener->on_accept(listener->arg, fd, &peer);
}

int stream_listen_unix(struct event_base *base, const char *path, mode_t mode,
                       stream_accept_fn *on_accept, void *arg,
                       struct stream_listener **ret, struct vdc_error *err)
{
    int fd = -1;
    int rc = open_socket(path, mode, &fd, err);
    if (rc)
        return rc;
    struct stream_listener *listener = XNEW(struct stream_listener);
    struct stat st;
    if (lstat(path, &st) == 0) {
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
    }
    listener->path = xstrdup(path);
    listener->on_accept = on_accept;
    listener->arg = arg;
    listener->acceptor =
        acceptor_new(base, fd, path, on_connection, listener);
    *ret = listener;
    return 0;
}

void stream_listener_destroy(struct stream_listener *listener)
{
    if (!listener)
        return;
    /* Only our own file: a successor may have put its own there. */
    struct stat st;
    if (lstat(listener->path, &st) == 0 && st.st_dev == listener->dev &&
        st.st_ino == listener->ino)
        unlink(listener->path);
    acceptor_free(listener->acceptor);
    free(listener->path);
    free(listener);
}
