/*
 * The control channel of a guest of Xen: pages for dom0, told of in xenstore.
 * It is up when dom0's channeld has said its first word.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/uuid.h"
#include "channeld/control.h"
#include "channeld/rendezvous.h"
#include "channeld/uplink.h"
#include "channeld/xenbus.h"

struct state {
    struct uplink *uplink;
    struct control *control;
};

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct state *state = arg;
    struct uplink *uplink = state->uplink;

    if (uplink->is_up)
        uplink->ops->on_message(uplink->arg, data, size, NULL, 0);
    else
        uplink_up(uplink); /* its greeting */
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct state *state = arg;

    uplink_down(state->uplink, err);
}

static const struct control_ops control_ops = { on_message, on_close };

static int publish(const struct link_offer *offer, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct rendezvous rendezvous = { .port = offer->port };
    struct vdc_uuid random;

    uuid_random(&random);
    memcpy(&rendezvous.id, random.bytes + 8, sizeof(rendezvous.id));
    memcpy(rendezvous.refs, offer->refs, sizeof(rendezvous.refs));
    int rc = xenbus_write(RENDEZVOUS_NODE,
                          rendezvous_format(&rendezvous, arena), err);
    arena_free(arena);
    return rc;
}

static int grant_connect(struct uplink *uplink, void **ret,
                         struct vdc_error *err)
{
    struct state *state = XNEW(struct state);
    struct link_offer offer;
    struct link *link;
    int rc = link_give(LINK_GRANT, 0, RENDEZVOUS_PAGES,
                       ring_life_offset(RING_MAKER), &link, &offer, err);

    if (rc) {
        free(state);
        return rc;
    }
    state->uplink = uplink;
    rc = control_new(uplink->base, link, RING_MAKER, &control_ops, state,
                     &state->control, err);
    if (rc == 0)
        rc = publish(&offer, err);
    link_offer_clear(&offer);
    if (rc) {
        control_destroy(state->control);
        free(state);
        return rc;
    }
    *ret = state;
    return 0;
}

static void grant_close(void *arg)
{
    struct state *state = arg;

    control_destroy(state->control);
    free(state);
}

static int grant_send(void *arg, const void *data, size_t size, const int *fds,
                      unsigned n_fds)
{
    struct state *state = arg;

    /* none are given to another domain */
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    return control_send(state->control, data, size);
}

const struct uplink_kind_ops uplink_grant_ops = { grant_connect, grant_close,
                                                  grant_send };
