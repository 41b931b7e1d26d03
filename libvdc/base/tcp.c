/*
 * Listens and connects; see tcp.h.
 */
#include "base/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/arena.h"

#define BACKLOG 128
/* An other end that is gone without a word is noticed after a minute or so. */
#define KEEP_IDLE_S 30
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define UNACKNOWLEDGED_MS 60000

struct tcp_listener {
    struct acceptor *acceptor;
    tcp_accept_fn *on_accept;
    void *arg;
};

/* ---- addresses ---- */

static int bad_address(const char *address, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%.80s' is not HOST:PORT", address);
    vdc_error_hint(err, "as 192.0.2.1:8443, [2001:db8::1]:8443 or "
                        "host.example:8443");
    return VDC_E_BAD_VALUE;
}

int tcp_split(const char *address, char *ret_host, char *ret_port,
              struct vdc_error *err)
{
    const char *host = address, *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;
    char *end;

    if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (len && memchr(address, ':', len)) {
        return bad_address(address, err);
    }
    if (!len || len > TCP_HOST_MAX || colon[1] < '0' || colon[1] > '9')
        return bad_address(address, err);
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port == 0 || port > 65535)
        return bad_address(address, err);
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    if (strpbrk(ret_host, " /@[]%"))
        return bad_address(address, err);
    snprintf(ret_port, 6, "%lu", port);
    return 0;
}

bool tcp_is_number(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 ||
        inet_pton(AF_INET6, host, &address) == 1;
}

static int look_up(const char *address, int flags, struct addrinfo **ret,
                   struct vdc_error *err)
{
    const struct addrinfo want = { .ai_flags = flags,
                                   .ai_socktype = SOCK_STREAM };
    char host[TCP_HOST_MAX + 1], port[6];
    int rc = tcp_split(address, host, port, err);

    if (rc)
        return rc;
    int r = getaddrinfo(host, port, &want, ret);
    if (r == 0)
        return 0;
    if (flags & AI_NUMERICHOST)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is not the number of a host", host);
    return vdc_error_set(err, VDC_E_NO_DAEMON, "there is no host '%s': %s",
                         host,
                         r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
}

static void set_options(int fd)
{
    const struct {
        int level, name, value;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS },
        { IPPROTO_TCP, TCP_NODELAY, 1 },
    };

    /* a connection works without them, too */
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                   sizeof(options[i].value));
}

/* ---- listening ---- */

static void on_connection(void *arg, int fd, const struct sockaddr *address,
                          socklen_t size)
{
    struct tcp_listener *listener = arg;
    char from[TCP_FROM_SIZE];

    if (getnameinfo(address, size, from, sizeof(from), NULL, 0,
                    NI_NUMERICHOST)) {
        close(fd); /* from where it is must be known */
        return;
    }
    set_options(fd);
    listener->on_accept(listener->arg, fd, from);
}

static int bind_and_listen(const char *address, const struct addrinfo *ai,
                           int *ret, struct vdc_error *err)
{
    const int on = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
        listen(fd, BACKLOG) == 0) {
        *ret = fd;
        return 0;
    }
    int errnum = errno;
    close(fd);
    return vdc_error_errno(err, errnum == EADDRINUSE ? VDC_E_BUSY : VDC_E_IO,
                           errnum, "cannot listen on %s", address);
}

int tcp_listen(struct event_base *base, const char *address,
               tcp_accept_fn *on_accept, void *arg, struct tcp_listener **ret,
               struct vdc_error *err)
{
    struct addrinfo *ai;
    int fd = -1;
    int rc = look_up(address, AI_NUMERICHOST | AI_PASSIVE, &ai, err);

    if (rc)
        return rc;
    rc = bind_and_listen(address, ai, &fd, err);
    freeaddrinfo(ai);
    if (rc)
        return rc;
    struct tcp_listener *listener = XNEW(struct tcp_listener);
    listener->on_accept = on_accept;
    listener->arg = arg;
    listener->acceptor =
        acceptor_new(base, fd, address, on_connection, listener);
    *ret = listener;
    return 0;
}

void tcp_listener_destroy(struct tcp_listener *listener)
{
    if (!listener)
        return;
    acceptor_free(listener->acceptor);
    free(listener);
}

/* ---- connecting ---- */

/* 0, or the errno value. */
static int try_address(const struct addrinfo *ai, int timeout_ms, int *ret)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int errnum = 0, r;
    socklen_t size = sizeof(errnum);

    if (fd < 0)
        return errno;
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
        errnum = errno;
        if (errnum == EINPROGRESS) {
            do
                r = poll(&p, 1, timeout_ms);
            while (r < 0 && errno == EINTR);
            if (r <= 0)
                errnum = r < 0 ? errno : ETIMEDOUT;
            else
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size);
        }
    }
    if (errnum) {
        close(fd);
        return errnum;
    }
    set_options(fd);
    *ret = fd;
    return 0;
}

int tcp_connect_begin(const char *address, int *ret_fd, struct vdc_error *err)
{
    struct addrinfo *ai;
    int rc = look_up(address, AI_NUMERICHOST, &ai, err);

    if (rc)
        return rc;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    if (fd < 0) {
        rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot make a socket");
    } else if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 &&
               errno != EINPROGRESS) {
        rc = vdc_error_set(err, VDC_E_NO_DAEMON, "cannot connect to %s: %s",
                           address, strerror(errno));
        close(fd);
    }
    freeaddrinfo(ai);
    if (rc)
        return rc;
    set_options(fd);
    *ret_fd = fd;
    return 0;
}

int tcp_connect_blocking(const char *address, int timeout_ms, int *ret_fd,
                         struct vdc_error *err)
{
    struct addrinfo *all;
    int errnum = 0;
    int rc = look_up(address, 0, &all, err);

    if (rc)
        return rc;
    for (const struct addrinfo *ai = all; ai; ai = ai->ai_next) {
        errnum = try_address(ai, timeout_ms, ret_fd);
        if (!errnum)
            break;
    }
    freeaddrinfo(all);
    if (errnum == EMFILE || errnum == ENFILE)
        return vdc_error_errno(err, VDC_E_IO, errnum, "cannot connect to %s",
                               address);
    return errnum ? vdc_error_set(err, VDC_E_NO_DAEMON,
                                  "cannot connect to %s: %s", address,
                                  strerror(errnum))
                  : 0;
}
