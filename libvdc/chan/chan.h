/*
 * Channels: framed messages between two programs, whatever carries them.
 *
 * The command channel between policyd and resourced is one.  An address says
 * what carries it: "memory:PATH", memory that who connects makes and hands
 * over at that unix socket, for processes of one domain; "unix:PATH", a unix
 * socket, the same but for speed; "channel:SERVICE@PARTITION", of who
 * connects, and "channel:SERVICE", of who listens, a channel that channeld
 * makes, between any two domains.  A message is 1 to CHAN_MESSAGE_MAX bytes;
 * what they mean is for wire/ to say.
 * Never blocks; callbacks come from the event loop, none from inside a call.
 */
#ifndef VDC_CHAN_CHAN_H
#define VDC_CHAN_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/uuid.h"

struct event_base;
struct chan;
struct chan_listener;
struct port;
struct port_counts;
struct stream;

#define CHAN_MESSAGE_MAX (1024 * 1024)

struct chan_ops {
    /* A whole message, valid during the call.  The callee may destroy the
     * channel. */
    void (*on_message)(void *arg, const uint8_t *message, size_t size);
    /* The other end closed or died (VDC_E_CLOSED), or broke the framing
     * (VDC_E_PROTOCOL).  Called once, last; the channel still has to be
     * destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
    /* What carries it has taken all that was queued; may be NULL. */
    void (*on_drained)(void *arg);
};

/* Who is at the other end, from the kernel or from Xen, never from itself;
 * of who listens at a "memory:" address, nobody is known (uid all ones). */
struct chan_peer {
    uint32_t domid; /* 0 when carried by a unix socket */
    uid_t uid;      /* all ones: of another domain, or not known */
    pid_t pid;
    /* of another domain, as channeld has it from Xen */
    struct vdc_uuid partition;
    char name[256];
    char owner[32]; /* customer; "": the provider */
};

/*
 * `broker`: where channeld listens, for "channel:"; NULL: where it is usually.
 * A "channel:" is there at once, and takes messages, but whether somebody is
 * at its other end is known later: on_close says if not, with the errors of
 * the broker.  From then on it goes on without channeld.
 * Errors: VDC_E_BAD_VALUE (address), VDC_E_NO_DAEMON, VDC_E_DENIED.
 */
int chan_connect(struct event_base *base, const char *address,
                 const char *broker, const struct chan_ops *ops, void *arg,
                 struct chan **ret, struct vdc_error *err);

/*
 * A channel over what is there already: a connected, non-blocking descriptor
 * of a unix socket, a stream, or a port, of which the caller knows who is at
 * its other end.  Takes it over; set its ops with chan_set_ops before the
 * event loop goes on.
 */
struct chan *chan_of_socket(struct event_base *base, int fd);
struct chan *chan_of_stream(struct event_base *base, struct stream *stream);
struct chan *chan_of_port(struct event_base *base, struct port *port,
                          const struct chan_peer *peer);

/* Called for each new channel; set its ops with chan_set_ops before
 * returning, or destroy it. */
typedef void chan_accept_fn(void *arg, struct chan *chan);

/* Errors: VDC_E_BAD_VALUE (address), VDC_E_BUSY (somebody listens there),
 * VDC_E_DENIED. The socket is for its owner only (mode 0600).  A service is
 * offered whenever channeld is there; that it is not, or refuses, is in the
 * log. */
int chan_listen(struct event_base *base, const char *address,
                const char *broker, chan_accept_fn *on_accept, void *arg,
                struct chan_listener **ret, struct vdc_error *err);
void chan_listener_destroy(struct chan_listener *listener); /* NULL allowed */

/* Who may come over a "channel:", besides the rules of channeld; whoever may
 * not is told the error.  To be set before the event loop goes on. */
typedef int chan_check_fn(void *arg, const struct chan_peer *peer,
                          struct vdc_error *err);
void chan_listener_check(struct chan_listener *listener, chan_check_fn *check);

/* Whether it begins with "channel:". */
bool chan_address_is_channel(const char *address);

void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *arg);
void chan_peer(const struct chan *chan, struct chan_peer *ret);

/* Queues a message.  Errors: VDC_E_PROTOCOL (size), VDC_E_CLOSED. */
int chan_send(struct chan *chan, const void *message, size_t size);
/* Bytes queued that what carries it has not taken yet. */
size_t chan_pending(const struct chan *chan);
/* What has gone through it, carried by a port; a socket counts nothing. */
void chan_count(const struct chan *chan, struct port_counts *ret);
/* Stop and go on delivering messages. */
void chan_pause(struct chan *chan);
void chan_resume(struct chan *chan);

/* Closes at once; NULL is allowed. */
void chan_destroy(struct chan *chan);
/* The same, but the other end can still take what was sent: from a socket all
 * of it (see stream_finish), from memory what there was room for. */
void chan_finish(struct chan *chan);

#endif
