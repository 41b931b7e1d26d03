/*
 * The making of a channel: from a client's request to the descriptors of both
 * ends, or to an error with nothing left.
 *
 *   client in dom0,  server in dom0    the broker makes the memory
 *   client in dom0,  server in a guest the guest gives it with its answer
 *   client in guest, server elsewhere  the client's guest is asked for it
 * first both in one guest                  that guest makes it, when asked
 * first
 *
 *       asked --> GIVING (the client's guest gives) --> SERVER --> open
 *         +-----------------------------------------------^
 *
 * One time limit for the whole.  Whoever has learned of the channel when it
 * fails is told that it is over.
 */
#ifndef CHANNELD_EXCHANGE_H
#define CHANNELD_EXCHANGE_H

#include "channeld/memory.h"
#include "channeld/peer.h"
#include "channeld/registry.h"

#define EXCHANGES_A_PEER 32

enum exchange_step { EXCHANGE_GIVING, EXCHANGE_SERVER };

struct exchange {
    TAILQ_ENTRY(exchange) link;
    struct host *host;
    struct channel *channel;
    struct peer *client, *server;
    uint32_t client_id, server_id; /* of the requests */
    enum exchange_step step;
    struct memory for_client; /* kept until the server has agreed */
    uint32_t timeout_ms;
    struct event *timer;
};

TAILQ_HEAD(exchanges, exchange);

/* An error is the answer to the client; otherwise the answer comes later, and
 * it may have come already. */
int exchange_begin(struct peer *client, uint32_t id,
                   const struct wire_channel_connect *connect,
                   struct vdc_error *err);
/* channel_opened or error, in answer to either end's request; false: it
 * belongs to no exchange. */
bool exchange_answered(struct peer *peer, uint32_t id,
                       const struct wire_channel_opened *opened,
                       const struct wire_error *failed, int *fds,
                       unsigned n_fds);
/* Ends those of a peer that goes, or of a channel that is closed. */
void exchange_drop_peer(struct host *host, const struct peer *peer,
                        const char *reason);
struct exchange *exchange_of_channel(const struct host *host,
                                     const struct channel *channel);
/* The client gets the error, the server and whoever gave memory are told that
 * it is over. */
void exchange_fail(struct exchange *exchange, const struct vdc_error *err);

#endif
