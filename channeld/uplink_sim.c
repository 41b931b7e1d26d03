/*
 * The control channel of a guest that somebody plays: a connection to the
 * channeld of a simulated host.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "chan/packet.h"
#include "channeld/uplink.h"

struct state {
    struct uplink *uplink;
    struct packet *packet;
    struct event *up;
};

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct state *state = arg;
    const struct uplink *uplink = state->uplink;

    uplink->ops->on_message(uplink->arg, data, size, fds, n_fds);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct state *state = arg;

    uplink_down(state->uplink, err);
}

static const struct packet_ops ops = { .on_packet = on_packet,
                                       .on_close = on_close };

static void on_up(evutil_socket_t fd, short what, void *arg)
{
    struct state *state = arg;

    uplink_up(state->uplink);
}

static int sim_connect(struct uplink *uplink, void **ret,
                       struct vdc_error *err)
{
    int fd, rc = packet_connect(uplink->socket, &fd, err);

    if (rc)
        return rc;
    evutil_make_socket_nonblocking(fd);
    struct state *state = XNEW(struct state);
    state->uplink = uplink;
    state->packet = packet_new(uplink->base, fd, &ops, state);
    state->up = evtimer_new(uplink->base, on_up, state);
    event_active(state->up, EV_TIMEOUT, 0);
    *ret = state;
    return 0;
}

static void sim_close(void *arg)
{
    struct state *state = arg;

    event_free(state->up);
    packet_destroy(state->packet);
    free(state);
}

static int sim_send(void *arg, const void *data, size_t size, const int *fds,
                    unsigned n_fds)
{
    struct state *state = arg;

    return packet_send(state->packet, data, size, fds, n_fds);
}

const struct uplink_kind_ops uplink_sim_ops = { sim_connect, sim_close,
                                                sim_send };
