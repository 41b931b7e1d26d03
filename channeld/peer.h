/*
 * Those who speak with the broker: programs of dom0 by a socket, and the
 * channeld of each guest by its control channel.  What they say, and the
 * services that they offer.
 *
 * Requests have a number that their answer repeats.  The broker's have the
 * highest bit set, those of the others have not, so that an answer to the one
 * is never taken for an answer to the other.
 */
#ifndef CHANNELD_PEER_H
#define CHANNELD_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "channeld/memory.h"
#include "channeld/party.h"
#include "channeld/rule.h"

struct host;
struct peer;

#define PEER_OFFERS_MAX 64
#define PEER_OURS 0x80000000u /* in the number of a request */

struct peer_ops {
    /* Takes over the descriptors.  VDC_E_CLOSED: the peer is about to go,
     * peer_gone comes from the loop. */
    int (*send)(struct peer *peer, const void *data, size_t size,
                const int *fds, unsigned n_fds);
    /* Ends the connection and frees what the transport has; no callback
     * after it. */
    void (*destroy)(struct peer *peer);
};

struct offer {
    TAILQ_ENTRY(offer) link;
    struct peer *peer;
    char service[RULE_SERVICE_MAX + 1];
    uint32_t most;
};

TAILQ_HEAD(offers, offer);

/* Embedded, first, in what the transport has of its own. */
struct peer {
    TAILQ_ENTRY(peer) link;
    const struct peer_ops *ops;
    struct host *host;
    struct party party;
    unsigned role;       /* W_OPERATOR, W_CUSTOMER; 0: a guest */
    enum link_kind kind; /* of what a guest can give and take */
    struct offers offers;
    unsigned n_offers;
    unsigned n_exchanges; /* that it asked for and are under way */
    unsigned n_claims[2]; /* that it alone tells of, as which side; hello.h */
    uint32_t next_id;
    bool greeted;
    bool looks; /* its login is read-only: it asks policyd, and looks */
};

TAILQ_HEAD(peers, peer);

static inline bool peer_is_remote(const struct peer *peer)
{
    return peer->party.domid != 0;
}

/* From here on it is the host's. */
void peer_add(struct host *host, struct peer *peer);
/* It has gone, or is to go: offers, exchanges and channels follow.  `died`:
 * with all it had; otherwise its channels may still be there, and their other
 * ends wait for it to tell of them again.  Destroys the peer. */
void peer_gone(struct peer *peer, bool died, const char *reason);

/* A message came; takes what it keeps of the descriptors, as
 * packet_ops.on_packet does.  The peer may be destroyed by it. */
void peer_received(struct peer *peer, const uint8_t *data, size_t size,
                   int *fds, unsigned n_fds);

/* ---- sending ---- */

/* What cannot be written is answered with an error. */
void peer_answer(struct peer *peer, enum wire_message_number number,
                 uint32_t id, const void *body);
void peer_ok(struct peer *peer, uint32_t id);
void peer_fail(struct peer *peer, uint32_t id, const struct vdc_error *err);
/* channel_opened or channel_incoming; the memory's descriptors are given
 * away. */
void peer_send_opened(struct peer *peer, enum wire_message_number number,
                      uint32_t id, const struct wire_channel *channel,
                      uint64_t secret, struct memory *memory);
/* channel_close; no answer is waited for. */
void peer_send_close(struct peer *peer, uint64_t channel, const char *reason);
/* The number of the next request of ours to it. */
uint32_t peer_next_id(struct peer *peer);

/* ---- offers ---- */

struct offer *peer_find_offer(const struct peer *peer, const char *service);
/* Who of this owner offers the service in that domain; NULL: nobody.  In
 * dom0 each customer's programs and the provider's have services of their
 * own. */
struct offer *peer_find_offerer(const struct host *host, uint32_t domid,
                                const char *owner, const char *service);

#endif
