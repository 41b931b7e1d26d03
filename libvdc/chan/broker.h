/*
 * A program's side of the channeld of its domain: services that it offers,
 * channels that it wants, and what becomes of them.  On libevent; never
 * blocks.
 *
 * The connection is made again whenever channeld has ended.  Channels go on
 * without it: they are told of anew, as are offers.
 *
 * Nothing is waited for without end: a request that channeld does not answer
 * in BROKER_ANSWER_S fails with VDC_E_TIMEOUT, and so does a connect in
 * BROKER_CONNECT_S, which is more than channeld itself waits for the other
 * end (its answer_timeout); who does not greet in BROKER_HELLO_S is lost.
 */
#ifndef VDC_CHAN_BROKER_H
#define VDC_CHAN_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "chan/link.h"
#include "wire/wire.h"

struct broker;
struct event_base;

#define BROKER_SOCKET "/run/xen-vdc/channel.sock"
#define BROKER_SOCKET_ENV "XEN_VDC_CHANNEL_SOCKET"

#define BROKER_HELLO_S 10
#define BROKER_ANSWER_S 30
#define BROKER_CONNECT_S 150

/* A channel of this program.  It is the library's, until on_closed or
 * broker_end. */
struct broker_channel {
    uint64_t id;
    bool is_client;
    const struct wire_channel *info; /* who, what, how large */
    /* How to get at its memory; the descriptors are whoever's sets them to
     * -1, and closed otherwise. */
    const struct wire_channel_memory *memory;
    int fds[LINK_FDS_MAX];
    unsigned n_fds;
    void *arg; /* the program's own */
};

struct broker_ops {
    /* channeld is there (again); offers and channels have been told. May be
     * NULL, as all of these. */
    void (*on_ready)(void *arg);
    /* It cannot be reached, or has gone; it is tried again by itself. */
    void (*on_lost)(void *arg, const struct vdc_error *err);
    /* An offer was not taken; it is tried again each second.  Told once. */
    void (*on_refused)(void *arg, const char *service,
                       const struct vdc_error *err);
    /* Somebody connects to what this program offers: 0, when it has taken the
     * memory (as its ring's maker when memory->maker says so), or an error
     * with which it refuses, and then the channel is gone. NULL refuses. */
    int (*on_incoming)(void *arg, struct broker_channel *channel,
                       struct vdc_error *err);
    /* It is over, or shall be: the other end has closed or died, or an
     * operator ended it.  The channel is freed afterwards, and not to be
     * ended; any other may be. */
    void (*on_closed)(void *arg, struct broker_channel *channel,
                      const char *reason);
};

/* path: NULL for $XEN_VDC_CHANNEL_SOCKET or BROKER_SOCKET.  Callbacks come
 * from the loop. */
struct broker *broker_new(struct event_base *base, const char *path,
                          const struct broker_ops *ops, void *arg);
/* Its channels and offers end with it, as far as channeld is concerned.  NULL
 * allowed. */
void broker_free(struct broker *broker);

/* Until broker_withdraw.  most: channels at once; 0: as many as may be. */
void broker_offer(struct broker *broker, const char *service, uint32_t most);
void broker_withdraw(struct broker *broker, const char *service);

/*
 * This end of a channel whose memory is there to be taken (on_incoming,
 * on_memory).  What is in channel->info decides of sizes and sides.
 * options: NULL for none.
 * Errors: VDC_E_PROTOCOL (no two descriptors; they are no such memory),
 * VDC_E_UNSUPPORTED (another layout than that of ring.h), and those of
 * link_import and port_new.
 */
struct port;
struct port_options;
int broker_take_port(struct broker_channel *channel,
                     const struct port_options *options, struct port **ret,
                     struct vdc_error *err);

struct broker_connect_ops {
    /* As on_incoming: the memory is there to be taken. */
    int (*on_memory)(void *arg, struct broker_channel *channel,
                     struct vdc_error *err);
    /* Once, last: the channel, or why there is none. */
    void (*on_done)(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err);
};

/* Before on_ready it waits for channeld's greeting, as broker_ask does; when
 * none comes, on_done comes with the reason.
 * connect->layout: WIRE_LAYOUT_VDC; for any other on_done comes with
 * VDC_E_UNSUPPORTED.  Programs with Xen's libxenvchan find each other in
 * xenstore, without a broker: see vchan.h. */
void broker_connect(struct broker *broker,
                    const struct wire_channel_connect *connect,
                    const struct broker_connect_ops *ops, void *arg);

/* This program is done with it; frees the channel. */
void broker_end(struct broker *broker, struct broker_channel *channel,
                const char *reason);

/* What has gone through the channel so far, as this end knows it; channeld is
 * told within seconds. */
struct broker_counts {
    uint64_t sent, received; /* bytes */
    uint64_t messages, notifications, stalls;
};
void broker_count(struct broker *broker, struct broker_channel *channel,
                  const struct broker_counts *counts);
/* The same, asked for every two seconds until the channel has ended
 * (broker_end, or after on_closed).  fn does nothing but answer. */
typedef void broker_counts_fn(void *arg, struct broker_counts *ret);
void broker_count_by(struct broker *broker, struct broker_channel *channel,
                     broker_counts_fn *fn, void *arg);
/* What port_count says of a port, in these words. */
struct port_counts;
void broker_counts_of_port(const struct port_counts *counts,
                           struct broker_counts *ret);

/*
 * Any other request.  done comes once, from the loop: with the answer (valid
 * during the call) or an error, VDC_E_CLOSED when channeld has gone, or
 * cannot be reached, before.
 */
typedef void broker_done_fn(void *arg, const struct wire_frame *answer,
                            const struct vdc_error *err);
void broker_ask(struct broker *broker, enum wire_message_number number,
                const void *body, broker_done_fn *done, void *arg);

#endif
