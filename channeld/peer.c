/*
 * What the broker says to those who speak with it; see peer.h.  What they say
 * is taken in handlers.c.
 */
#include "channeld/peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/host.h"

void peer_add(struct host *host, struct peer *peer)
{
    peer->host = host;
    TAILQ_INIT(&peer->offers);
    TAILQ_INSERT_TAIL(&host->peers, peer, link);
}

void peer_gone(struct peer *peer, bool died, const char *reason)
{
    struct host *host = peer->host;

    exchange_drop_peer(host, peer, reason);
    host_drop_peer(host, peer, died, reason);
    while (!TAILQ_EMPTY(&peer->offers)) {
        struct offer *offer = TAILQ_FIRST(&peer->offers);
        TAILQ_REMOVE(&peer->offers, offer, link);
        free(offer);
    }
    TAILQ_REMOVE(&host->peers, peer, link);
    peer->ops->destroy(peer);
}

/* ---- sending ---- */

static void send_with(struct peer *peer, enum wire_message_number number,
                      uint32_t id, const void *body, const int *fds,
                      unsigned n_fds)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    uint8_t *data;
    size_t size;

    if (wire_encode(number, id, body, arena, &data, &size, &err)) {
        /* what does not fit into a message is a bug of ours */
        log_error("an answer could not be written: %s", err.text);
        size = 0;
    }
    /* of size 0 the descriptors are closed, and nothing is sent */
    peer->ops->send(peer, data, size, fds, n_fds);
    arena_free(arena);
}

void peer_answer(struct peer *peer, enum wire_message_number number,
                 uint32_t id, const void *body)
{
    send_with(peer, number, id, body, NULL, 0);
}

void peer_ok(struct peer *peer, uint32_t id)
{
    struct wire_empty body;

    wire_init(&wire_struct_empty, &body);
    peer_answer(peer, WIRE_MSG_ok, id, &body);
}

void peer_fail(struct peer *peer, uint32_t id, const struct vdc_error *err)
{
    struct wire_error body;

    wire_error_fill(&body, err);
    peer_answer(peer, WIRE_MSG_error, id, &body);
}

void peer_send_opened(struct peer *peer, enum wire_message_number number,
                      uint32_t id, const struct wire_channel *channel,
                      uint64_t secret, struct memory *memory)
{
    struct wire_channel_opened body;

    wire_init(&wire_struct_channel_opened, &body);
    body.channel = *channel;
    body.memory = memory->wire;
    body.secret = secret;
    send_with(peer, number, id, &body, memory->fds, memory->n_fds);
    memory->n_fds = 0; /* they are sent */
    memory_clear(memory);
}

void peer_send_close(struct peer *peer, uint64_t channel, const char *reason)
{
    struct wire_channel_ref body;
    char text[256];

    wire_init(&wire_struct_channel_ref, &body);
    party_copy(text, sizeof(text), reason);
    body.id = channel;
    body.reason = text;
    peer_answer(peer, WIRE_MSG_channel_close, peer_next_id(peer), &body);
}

uint32_t peer_next_id(struct peer *peer)
{
    peer->next_id = (peer->next_id + 1) & ~PEER_OURS;
    return peer->next_id | PEER_OURS;
}

/* ---- offers ---- */

struct offer *peer_find_offer(const struct peer *peer, const char *service)
{
    struct offer *offer;

    TAILQ_FOREACH(offer, &peer->offers, link)
    if (strcmp(offer->service, service) == 0)
        break;
    return offer;
}

struct offer *peer_find_offerer(const struct host *host, uint32_t domid,
                                const char *service)
{
    const struct peer *peer;

    TAILQ_FOREACH(peer, &host->peers, link)
    {
        struct offer *offer =
            peer->party.domid == domid ? peer_find_offer(peer, service) : NULL;
        if (offer)
            return offer;
    }
    return NULL;
}
