/*
 * Services by name: a program's way to the channeld of its domain, and so to
 * the programs of other domains and its own.  It offers services, connects to
 * those that others offer, and gets a port (port.h) for each channel.
 *
 * Used in one of two ways, as a port is:
 *
 *  - with libevent: endpoint_open with an event_base and ops; callbacks come
 *    from the loop, none from inside a call; ports are the program's to watch
 *    (port_watch).
 *  - by itself: endpoint_open without a base; endpoint_connect and
 *    endpoint_accept wait up to a time limit, and then port_receive and
 *    port_send do.  While any of them waits, channeld is answered, too.
 *
 * Who is at the other end Xen and the kernel say, not the other end.  Channels
 * go on when channeld is restarted: it is told of them anew, and offers are
 * made again, by the loop or while something waits.
 *
 * One thread.  SIGPIPE is not raised.  Programs link with what `pkg-config
 * --static --libs vdc-chan` says, as all of this needs libevent_core.
 */
#ifndef VDC_CHAN_ENDPOINT_H
#define VDC_CHAN_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "chan/port.h"

#ifdef __cplusplus
extern "C" {
#endif

struct endpoint;
struct endpoint_channel;
struct event_base;

#define ENDPOINT_TIMEOUT_MS 10000 /* of the other end's answer, unless said */
#define ENDPOINT_NO_UID UINT32_MAX

/* Who is at the other end; the texts are valid as long as the channel. */
struct endpoint_peer {
    uint32_t domid;
    const char *partition; /* its UUID; "" for the host's dom0 */
    const char *name;      /* of the partition; "" for the host */
    const char *owner;     /* customer; "" for the provider */
    uint32_t uid;          /* of a program of this same domain, else
                            * ENDPOINT_NO_UID */
};

struct endpoint_ops {
    /* A channel: a client of what is offered, or what endpoint_ask asked for.
     * Its port is there; the callee watches it, or closes the channel.  It
     * comes once, and before on_ended, also for a channel that has ended
     * meanwhile (then endpoint_ended says so already). */
    void (*on_channel)(void *arg, struct endpoint_channel *channel);
    /* An offer was refused (it is tried again each second, and this told
     * once), or endpoint_ask got no channel. */
    void (*on_refused)(void *arg, const char *service,
                       const struct vdc_error *err);
    /* channeld has ended the channel: an operator wanted so, or the other
     * domain is gone.  Once for each, unless it was closed before.  What was
     * sent before can still be taken; the channel still has to be closed,
     * which may be done here. */
    void (*on_ended)(void *arg, struct endpoint_channel *channel,
                     const char *reason);
};

/*
 * path: of channeld's socket; NULL: $XEN_VDC_CHANNEL_SOCKET, or
 * /run/xen-vdc/channel.sock.
 * With a base it returns at once, and channeld is looked for until it is
 * there.  Without one (ops and arg are NULL) it waits up to timeout_ms.
 * Errors: VDC_E_NO_DAEMON, VDC_E_DENIED, VDC_E_TIMEOUT, VDC_E_BAD_VALUE.
 */
int endpoint_open(struct event_base *base, const char *path,
                  const struct endpoint_ops *ops, void *arg, int timeout_ms,
                  struct endpoint **ret, struct vdc_error *err);
/* Closes its channels, withdraws its offers.  NULL allowed.  Not from inside
 * a callback. */
void endpoint_close(struct endpoint *endpoint);

/*
 * Offers the service to whom the host's rules allow it, with up to `most`
 * channels at once (0: as many as the rules say), until endpoint_withdraw.
 * An offer that is refused is told by on_refused, or by endpoint_accept.
 */
void endpoint_offer(struct endpoint *endpoint, const char *service,
                    uint32_t most);
void endpoint_withdraw(struct endpoint *endpoint, const char *service);

struct endpoint_wanted {
    const char *service; /* [customer/]word */
    const char *to;      /* partition: name, UUID or domid; NULL: the host */
    uint32_t to_server, to_client; /* bytes of the rings, powers of two from
                                    * 4096 to 4194304; 0: 65536 */
    int timeout_ms; /* of the other end's answer; 0: ENDPOINT_TIMEOUT_MS */
};

/* With libevent: on_channel or on_refused comes.  Asked for before channeld is
 * there for the first time, it is asked once that is. */
void endpoint_ask(struct endpoint *endpoint,
                  const struct endpoint_wanted *wanted);
/* Without: waits.  Errors: those of channeld (VDC_E_NOT_FOUND: nobody offers
 * it; VDC_E_DENIED: by the rules; VDC_E_QUOTA: over a limit, which the text
 * names; VDC_E_TIMEOUT; VDC_E_CLOSED: channeld has gone), and those of
 * port_new. */
int endpoint_connect(struct endpoint *endpoint,
                     const struct endpoint_wanted *wanted,
                     struct endpoint_channel **ret, struct vdc_error *err);
/* The next client of any service that is offered; timeout_ms < 0: for ever.
 * One that has come and gone is given, too: endpoint_ended says so, and what
 * it sent can be taken.
 * Errors: VDC_E_TIMEOUT; why an offer was refused, once for each. */
int endpoint_accept(struct endpoint *endpoint, int timeout_ms,
                    struct endpoint_channel **ret, struct vdc_error *err);

struct port *endpoint_port(const struct endpoint_channel *channel);
const char *endpoint_service(const struct endpoint_channel *channel);
void endpoint_peer(const struct endpoint_channel *channel,
                   struct endpoint_peer *ret);
/* Why channeld has ended it; NULL: it has not. */
const char *endpoint_ended(const struct endpoint_channel *channel);

/* Ends the channel, destroys its port. */
void endpoint_channel_close(struct endpoint_channel *channel);

#ifdef __cplusplus
}
#endif

#endif
