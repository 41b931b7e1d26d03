/*
 * What the ends tell of their channels: those that they have from before, and
 * how much went through them.
 *
 * Of a channel from before this channeld each end tells for itself, and shows
 * the secret that it got with it (secret.h).  What the first tells is a
 * claim: a row in host.claims, which counts for its teller alone and is shown
 * to nobody.  When the other end tells, too, the channel is one again, and
 * goes to host.registry.  A claim alone for HELLO_HALF_MS is over.
 */
#ifndef CHANNELD_HELLO_H
#define CHANNELD_HELLO_H

#include "channeld/peer.h"
#include "channeld/registry.h"

#define HELLO_HALF_MS 10000

/* What cannot be is answered by channel_close. */
void hello_take(struct peer *peer, const struct wire_channel_hello *hello);

/* A claim of this peer's; NULL: it has none of this number. */
struct channel *hello_find(const struct peer *peer, uint64_t id);
/* Who claims it is told, but `teller`, and it goes. */
void hello_end(struct host *host, struct channel *claim,
               const struct peer *teller, const char *reason);
/* The claims of a peer that goes. */
void hello_drop_peer(struct host *host, const struct peer *peer);
/* Those of an end in this domain, which has ended. */
void hello_drop_party(struct host *host, const struct party *party);
/* Ends those whose time is over; false: there are no others. */
bool hello_look(struct host *host);

#endif
