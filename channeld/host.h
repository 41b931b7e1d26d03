/*
 * The broker of a host: all that it knows.
 */
#ifndef CHANNELD_HOST_H
#define CHANNELD_HOST_H

#include "channeld/exchange.h"
#include "channeld/peer.h"
#include "channeld/registry.h"
#include "channeld/rule.h"
#include "channeld/secret.h"
#include "channeld/setup.h"

struct accounts;
struct domains;
struct event_base;
struct hv;
struct programs;
struct quotas;
struct remotes;
struct sequence;

struct host {
    struct event_base *base;
    const struct setup *setup;
    struct hv *hv;
    struct rule_table *rules;
    struct registry registry; /* what this channeld or both ends vouch for */
    struct registry claims;   /* what one end says; see hello.h */
    struct secret_key key;
    struct sequence *sequence;
    struct quotas *quotas; /* as policyd told them */
    struct peers peers;
    struct exchanges exchanges;
    struct accounts *accounts;
    struct domains *domains;
    struct programs *programs;
    struct remotes *remotes;
    struct event *tick; /* pending while a channel is half there */
};

/* Errors: those of the settings' files, of hv_open and packet_listen. */
int host_new(struct event_base *base, const struct setup *setup,
             struct host **ret, struct vdc_error *err);
void host_free(struct host *host); /* NULL allowed */

/* Reads the rules again; after an error the old ones stay. */
int host_reload(struct host *host, struct vdc_error *err);

/* ---- ends of channels ---- */

/* The channel is over: its ends are told, but `teller`, and its row goes. */
void host_end_channel(struct host *host, struct channel *channel,
                      const struct peer *teller, const char *reason);
/* The channels of a peer that goes; see peer_gone. */
void host_drop_peer(struct host *host, struct peer *peer, bool died,
                    const char *reason);
/* Some channel is HALF, in the registry or claimed: what comes of it is
 * looked at in time. */
void host_watch_halves(struct host *host);
/* A row of the registry, as this peer may see it. */
void host_show_channel(const struct channel *channel, const struct peer *peer,
                       struct wire_channel *ret);
/* Whether a peer may see and end a channel. */
bool host_may_see(const struct channel *channel, const struct peer *peer);

#endif
