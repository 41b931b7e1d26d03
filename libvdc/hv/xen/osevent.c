/*
 * libxl's event hooks on libevent.
 *
 * Two rules of libxl decide the form.  It must not be told of an event from
 * within one of its own functions: so every report comes from a libevent
 * callback, and a timeout that libxl wants "now" becomes one of zero length.
 * And it never takes a timeout back: it changes it to "now" and ignores it
 * when it fires, which is where a timeout's record is freed.
 */
#include "hv/xen/osevent.h"

#include <assert.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/time.h>

#include "base/arena.h"

/* One descriptor or timeout that libxl is interested in. */
struct interest {
    struct osevent *osevent;
    struct event *event;
    void *for_libxl;
    int fd; /* -1 for a timeout */
    short poll_events;
    LIST_ENTRY(interest) link;
};

struct osevent {
    struct event_base *base;
    libxl_ctx *ctx;
    LIST_HEAD(, interest) interests;
};

static struct interest *interest_new(struct osevent *osevent, int fd,
                                     void *for_libxl)
{
    struct interest *interest = XNEW(struct interest);
    interest->osevent = osevent;
    interest->fd = fd;
    interest->for_libxl = for_libxl;
    LIST_INSERT_HEAD(&osevent->interests, interest, link);
    return interest;
}

static void interest_destroy(struct interest *interest)
{
    if (interest->event)
        event_free(interest->event);
    LIST_REMOVE(interest, link);
    free(interest);
}

static void fd_happened(evutil_socket_t fd, short what, void *arg)
{
    struct interest *interest = arg;
    short revents = 0;

    if (what & EV_READ)
        revents |= POLLIN;
    if (what & EV_WRITE)
        revents |= POLLOUT;
    /* libxl polls the descriptor again by itself, so that what libevent
     * cannot say (POLLHUP, POLLERR) is not lost.  It may deregister this
     * interest meanwhile: it is not touched after the call. */
    libxl_osevent_occurred_fd(interest->osevent->ctx, interest->for_libxl, fd,
                              interest->poll_events, revents);
}

static int fd_arm(struct interest *interest, short poll_events)
{
    short what = 0;

    if (poll_events & (POLLIN | POLLPRI))
        what |= EV_READ;
    if (poll_events & POLLOUT)
        what |= EV_WRITE;
    struct event *event = NULL;
    if (what) {
        event = event_new(interest->osevent->base, interest->fd,
                          what | EV_PERSIST, fd_happened, interest);
        if (!event || event_add(event, NULL) != 0) {
            if (event)
                event_free(event);
            return ERROR_OSEVENT_REG_FAIL;
        }
    }
    if (interest->event)
        event_free(interest->event);
    interest->event = event;
    interest->poll_events = poll_events;
    return 0;
}

static int fd_register(void *user, int fd, void **for_app, short poll_events,
                       void *for_libxl)
{
    struct interest *interest = interest_new(user, fd, for_libxl);
    int rc = fd_arm(interest, poll_events);

    if (rc) {
        interest_destroy(interest);
        return rc;
    }
    *for_app = interest;
    return 0;
}

static int fd_modify(void *user, int fd, void **for_app, short poll_events)
{
    return fd_arm(*for_app, poll_events);
}

static void fd_deregister(void *user, int fd, void *for_app)
{
    interest_destroy(for_app);
}

static void timeout_happened(evutil_socket_t fd, short what, void *arg)
{
    struct interest *interest = arg;
    libxl_ctx *ctx = interest->osevent->ctx;
    void *for_libxl = interest->for_libxl;

    interest_destroy(interest);
    libxl_osevent_occurred_timeout(ctx, for_libxl);
}

static int timeout_register(void *user, void **for_app, struct timeval when,
                            void *for_libxl)
{
    struct osevent *osevent = user;
    struct timeval now, wait = { 0, 0 };

    gettimeofday(&now, NULL);
    if (evutil_timercmp(&when, &now, >))
        evutil_timersub(&when, &now, &wait);
    struct interest *interest = interest_new(osevent, -1, for_libxl);
    interest->event = evtimer_new(osevent->base, timeout_happened, interest);
    if (!interest->event || evtimer_add(interest->event, &wait) != 0) {
        interest_destroy(interest);
        return ERROR_OSEVENT_REG_FAIL;
    }
    *for_app = interest;
    return 0;
}

/* Only ever called for "now". */
static int timeout_modify(void *user, void **for_app, struct timeval when)
{
    static const struct timeval now = { 0, 0 };
    struct interest *interest = *for_app;

    if (evtimer_add(interest->event, &now) != 0)
        return ERROR_OSEVENT_REG_FAIL;
    return 0;
}

static void timeout_deregister(void *user, void *for_app)
{
    assert(!"libxl promises never to call this");
}

static const libxl_osevent_hooks hooks = {
    .fd_register = fd_register,
    .fd_modify = fd_modify,
    .fd_deregister = fd_deregister,
    .timeout_register = timeout_register,
    .timeout_modify = timeout_modify,
    .timeout_deregister = timeout_deregister,
};

struct osevent *osevent_new(struct event_base *base, libxl_ctx *ctx)
{
    struct osevent *osevent = XNEW(struct osevent);

    osevent->base = base;
    osevent->ctx = ctx;
    LIST_INIT(&osevent->interests);
    libxl_osevent_register_hooks(ctx, &hooks, osevent);
    return osevent;
}

void osevent_destroy(struct osevent *osevent)
{
    if (!osevent)
        return;
    while (!LIST_EMPTY(&osevent->interests))
        interest_destroy(LIST_FIRST(&osevent->interests));
    free(osevent);
}
