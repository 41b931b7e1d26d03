/*
 * A port on libevent.  The descriptor wakes it; what is there is delivered, a
 * bounded amount a turn, so that one busy channel does not keep the loop from
 * the others.
 *
 * The callbacks may destroy the port they are called for, so nothing is freed
 * while one runs: `depth` counts them.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "chan/port.h"
#include "chan/port_impl.h"

#define TURN_MESSAGES 128 /* delivered before others have their turn */

struct port_event {
    struct port *port; /* NULL: destroyed */
    struct event *woken;
    struct event *turn; /* go on in the next turn of the loop */
    const struct port_ops *ops;
    void *arg;
    unsigned depth;
    bool paused, closed;
    bool wants_room; /* on_room is owed */
    uint8_t *buffer; /* of a port destroyed while it delivered */
};

static void free_now(struct port_event *e)
{
    event_free(e->woken);
    event_free(e->turn);
    free(e->buffer);
    free(e);
}

static void destroyed(struct port_event *e)
{
    /* The message that is being delivered is valid until that is done. */
    e->buffer = e->port->buffer;
    e->port->buffer = NULL;
    e->port = NULL;
    event_del(e->woken);
    event_del(e->turn);
    if (e->depth == 0)
        free_now(e);
}

static bool is_silent(const struct port_event *e)
{
    return !e->port || e->closed;
}

static void again(struct port_event *e)
{
    if (!is_silent(e))
        event_add(e->turn, &(struct timeval){ 0 });
}

static void close_port(struct port_event *e, int code)
{
    struct vdc_error err;

    e->closed = true;
    event_del(e->woken);
    event_del(e->turn);
    port_explain(code, &err);
    e->ops->on_close(e->arg, &err);
}

/* Sends what waited.  An error is not told here: reading comes to it. */
static void give_room(struct port_event *e)
{
    struct port *port = e->port;
    uint8_t *at;
    int rc = port_push_rest(port);

    if (rc == VDC_E_BUSY)
        return;
    port_flush(port);
    if (!e->wants_room)
        return;
    if (!rc)
        rc = ring_reserve(&port->ring, port->wanted, &at);
    if (rc != VDC_E_BUSY)
        e->wants_room = false;
    if (rc)
        return;
    if (e->ops->on_room)
        e->ops->on_room(e->arg);
}

/* false: there is nothing more now. */
static bool deliver(struct port_event *e)
{
    struct port_message message;

    for (unsigned i = 0; i < TURN_MESSAGES; i++) {
        if (is_silent(e) || e->paused)
            return false;
        int rc = port_take(e->port, &message);
        if (rc == VDC_E_BUSY)
            return false;
        if (rc) {
            close_port(e, rc);
            return false;
        }
        e->ops->on_message(e->arg, message.type, message.data, message.size);
    }
    return true;
}

static bool waits_for_room(const struct port_event *e)
{
    return e->wants_room || port_unsent(e->port) > 0;
}

/* While paused, messages are not asked for, and an end is left alone until
 * port_resume. */
static bool arm_paused(struct port_event *e)
{
    port_flush(e->port);
    if (link_other_gone(e->port->link)) {
        event_del(e->woken);
        return false;
    }
    return waits_for_room(e) && !e->port->broken && !e->port->ring.broken &&
           ring_other(&e->port->ring) != RING_OTHER_GONE &&
           ring_want_room(&e->port->ring, e->port->wanted);
}

static void run(struct port_event *e)
{
    e->depth++;
    if (!is_silent(e) && waits_for_room(e))
        give_room(e);
    bool more = deliver(e);
    if (!is_silent(e)) {
        if (!more)
            more = e->paused ? arm_paused(e)
                             : port_arm(e->port, waits_for_room(e));
        if (more)
            again(e);
        if (e->port->count)
            e->port->count(e->port->owner);
    }
    if (--e->depth == 0 && !e->port)
        free_now(e);
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
    struct port_event *e = arg;

    port_wake(e->port);
    run(e);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    run(arg);
}

/* A port whose queue was refused, or that keeps a rest, looks for room in the
 * next turn, and asks for notice then. */
static void sent(struct port_event *e, int rc)
{
    if (rc == VDC_E_BUSY)
        e->wants_room = true;
    if (rc == VDC_E_BUSY || port_unsent(e->port))
        again(e);
}

void port_watch(struct port *port, struct event_base *base,
                const struct port_ops *ops, void *arg)
{
    struct port_event *e = XNEW(struct port_event);

    e->port = port;
    e->ops = ops;
    e->arg = arg;
    e->woken =
        event_new(base, port_fd(port), EV_READ | EV_PERSIST, on_woken, e);
    e->turn = evtimer_new(base, on_turn, e);
    if (!e->woken || !e->turn || event_add(e->woken, NULL))
        abort(); /* out of memory, or a descriptor that cannot be polled */
    port->event = e;
    port->event_free = destroyed;
    port->event_sent = sent;
    again(e); /* what came before */
}

void port_set_ops(struct port *port, const struct port_ops *ops, void *arg)
{
    port->event->ops = ops;
    port->event->arg = arg;
}

void port_pause(struct port *port)
{
    port->event->paused = true;
}

void port_resume(struct port *port)
{
    struct port_event *e = port->event;

    if (!e->paused)
        return;
    e->paused = false;
    if (is_silent(e))
        return;
    event_add(e->woken, NULL);
    again(e);
}
