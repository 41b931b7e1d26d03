/*
 * Accepting with libevent's listener; see acceptor.h.
 */
#include "base/acceptor.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"

#define NO_DESCRIPTORS_PAUSE_MS 100

struct acceptor {
    struct evconnlistener *listener;
    struct event *again; /* goes on accepting after a pause */
    acceptor_fn *on_accept;
    void *arg;
    char *name;
};

static void on_connection(struct evconnlistener *evl, evutil_socket_t fd,
                          struct sockaddr *from, int size, void *arg)
{
    struct acceptor *acceptor = arg;

    acceptor->on_accept(acceptor->arg, fd, from, (socklen_t)size);
}

/* The connection waits in the kernel, so the descriptor stays readable. */
static void on_accept_error(struct evconnlistener *evl, void *arg)
{
    struct acceptor *acceptor = arg;
    const struct timeval pause = { .tv_usec = NO_DESCRIPTORS_PAUSE_MS * 1000 };

    log_debug("%s: cannot accept: %s", acceptor->name, strerror(errno));
    evconnlistener_disable(evl);
    event_add(acceptor->again, &pause);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct acceptor *acceptor = arg;

    evconnlistener_enable(acceptor->listener);
}

struct acceptor *acceptor_new(struct event_base *base, int fd,
                              const char *name, acceptor_fn *on_accept,
                              void *arg)
{
    struct acceptor *acceptor = XNEW(struct acceptor);

    acceptor->name = xstrdup(name);
    acceptor->on_accept = on_accept;
    acceptor->arg = arg;
    /* backlog 0: it listens already */
    acceptor->listener = evconnlistener_new(
        base, on_connection, acceptor,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    acceptor->again = evtimer_new(base, on_again, acceptor);
    if (!acceptor->listener || !acceptor->again)
        abort(); /* out of memory */
    evconnlistener_set_error_cb(acceptor->listener, on_accept_error);
    return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
    if (!acceptor)
        return;
    event_free(acceptor->again);
    evconnlistener_free(acceptor->listener);
    free(acceptor->name);
    free(acceptor);
}
