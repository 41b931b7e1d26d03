/*
 * Messages of a control channel; see control.h.
 */
#include "channeld/control.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "channeld/rendezvous.h"

struct queued {
    STAILQ_ENTRY(queued) link;
    size_t size;
    uint8_t data[];
};

struct control {
    struct port *port;
    const struct control_ops *ops;
    void *arg;
    STAILQ_HEAD(, queued) queue;
    size_t queued_bytes;
    struct event *closing;
    struct vdc_error over; /* code 0: it is not */
};

static void drop(struct control *control)
{
    struct queued *queued;

    while ((queued = STAILQ_FIRST(&control->queue))) {
        STAILQ_REMOVE_HEAD(&control->queue, link);
        free(queued);
    }
    control->queued_bytes = 0;
}

static void on_closing(evutil_socket_t fd, short what, void *arg)
{
    struct control *control = arg;

    control->ops->on_close(control->arg, &control->over);
}

/* on_close comes from the loop. */
static void end(struct control *control, int code, const char *text)
{
    if (control->over.code)
        return;
    vdc_error_set(&control->over, code, "%s", text);
    drop(control);
    event_active(control->closing, EV_TIMEOUT, 0);
}

static void send_queued(struct control *control)
{
    struct queued *queued;

    while (!control->over.code && (queued = STAILQ_FIRST(&control->queue))) {
        int rc = port_queue(control->port, 0, queued->data, queued->size);
        if (rc == VDC_E_BUSY)
            break; /* on_room comes */
        if (rc) {
            end(control, VDC_E_CLOSED, "the other end has gone");
            return;
        }
        STAILQ_REMOVE_HEAD(&control->queue, link);
        control->queued_bytes -= queued->size;
        free(queued);
    }
    port_flush(control->port);
}

int control_send(struct control *control, const void *data, size_t size)
{
    if (control->over.code)
        return VDC_E_CLOSED;
    if (size == 0 || size > CONTROL_MESSAGE_MAX)
        return VDC_E_PROTOCOL;
    struct queued *queued = xzalloc(sizeof(*queued) + size);
    queued->size = size;
    memcpy(queued->data, data, size);
    STAILQ_INSERT_TAIL(&control->queue, queued, link);
    control->queued_bytes += size;
    send_queued(control);
    if (control->queued_bytes > CONTROL_QUEUE_MAX)
        end(control, VDC_E_BUSY, "the other end does not read");
    return control->over.code ? VDC_E_CLOSED : 0;
}

static void on_message(void *arg, uint16_t type, const uint8_t *data,
                       size_t size)
{
    struct control *control = arg;

    if (!control->over.code)
        control->ops->on_message(control->arg, data, size);
}

static void on_room(void *arg)
{
    send_queued(arg);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    end(arg, err->code, err->text);
}

static const struct port_ops port_ops = { .on_message = on_message,
                                          .on_room = on_room,
                                          .on_close = on_close };

int control_new(struct event_base *base, struct link *link,
                enum ring_side side, const struct control_ops *ops, void *arg,
                struct control **ret, struct vdc_error *err)
{
    const struct port_options options = { .message_max = CONTROL_MESSAGE_MAX };
    struct port *port;

    if (side == RING_TAKER && ring_was_used(link->memory, side)) {
        link_close(link); /* the kernel notifies the maker once more */
        return vdc_error_set(err, VDC_E_CLOSED,
                             "it was of a channeld before this one");
    }
    int rc = port_new(link, side, RENDEZVOUS_RING, RENDEZVOUS_RING, &options,
                      &port, err);

    if (rc)
        return rc;
    struct control *control = XNEW(struct control);
    control->port = port;
    control->ops = ops;
    control->arg = arg;
    STAILQ_INIT(&control->queue);
    control->closing = evtimer_new(base, on_closing, control);
    port_watch(port, base, &port_ops, control);
    *ret = control;
    return 0;
}

void control_destroy(struct control *control)
{
    if (!control)
        return;
    port_destroy(control->port);
    event_free(control->closing);
    drop(control);
    free(control);
}
