/*
 * One end of a channel: a ring in the memory of a link.  Messages of 0 to
 * message_max bytes with a type of 16 bits; those too long for the ring travel
 * in pieces.
 *
 * A port is used in one of two ways: with libevent (port_watch: callbacks,
 * port_event.c), or by itself: port_take and port_queue never wait,
 * port_receive and port_send wait up to a time limit (port_blocking.c).
 * Nothing here needs libevent but port_watch and what follows it: a program
 * with those links with what `pkg-config --static --libs vdc-chan` says,
 * others with what it says without --static.
 *
 * THE OTHER END IS HOSTILE: see ring.h.  It can end this channel, and no
 * more: a message never costs more memory than message_max, and a call never
 * looks at more than PORT_PIECES_MAX pieces.  What is sent is copied in, what
 * is received is copied out before it is looked at.
 *
 * One thread at a time.  An idle port is woken by nothing.
 */
#ifndef VDC_CHAN_PORT_H
#define VDC_CHAN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "chan/link.h"
#include "chan/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PORT_MESSAGE_MAX (1024u * 1024)
#define PORT_PIECES_MAX 256 /* looked at in one call */

struct port;
struct event_base;

struct port_options {
    uint32_t message_max; /* bytes that may be received in one message; 0:
                           * PORT_MESSAGE_MAX */
    uint32_t spin_us;     /* look so long for what is awaited before sleeping
                           * (port_receive, port_send); 0: do not */
};

/*
 * The end `side` of a channel whose rings have these sizes (powers of two,
 * RING_SIZE_MIN to RING_SIZE_MAX).  Takes over the link, also on failure.
 * RING_MAKER begins it, in memory that is zeroed; RING_TAKER comes after.
 * options: NULL for none.
 * Errors: VDC_E_BAD_VALUE (sizes, or the link is too small for them),
 * VDC_E_PROTOCOL (RING_TAKER: there is no such channel).
 */
int port_new(struct link *link, enum ring_side side, uint32_t maker_to_taker,
             uint32_t taker_to_maker, const struct port_options *options,
             struct port **ret, struct vdc_error *err);

/* Closes at once: the other end can still take what was sent, but for the
 * rest of a message that did not fit yet (port_unsent).  NULL allowed. */
void port_destroy(struct port *port);

/* ---- without waiting ---- */

/*
 * A message, copied.  One that does not fit into the ring whole is begun, and
 * its rest kept here until there is room; until then, the next is refused.
 * It may be seen by the other end before port_flush, or only after it, so
 * that many can be sent together.
 * VDC_E_BUSY: no room now; nothing was done.  VDC_E_BAD_VALUE: more than
 * PORT_MESSAGE_MAX bytes.  VDC_E_CLOSED: the other end is gone, or
 * port_finish was called.  VDC_E_PROTOCOL: the channel is broken.
 */
int port_queue(struct port *port, uint16_t type, const void *data,
               size_t size);
/* Shows the other end what was queued, as far as there is room, and wakes it
 * if it sleeps. */
void port_flush(struct port *port);
/* Bytes of a message begun that wait for room. */
size_t port_unsent(const struct port *port);

/* The most bytes that a message sent in one piece can have. */
uint32_t port_piece_max(const struct port *port);
/* The same, made in place: room for up to `size` bytes (no more than
 * port_piece_max), as ring_reserve gives it, and then what became of it.
 * Errors are those of port_queue. */
int port_reserve(struct port *port, uint32_t size, uint8_t **ret);
void port_commit(struct port *port, uint32_t size, uint16_t type);

struct port_message {
    const uint8_t *data; /* a copy; valid until the next call that takes */
    size_t size;
    uint16_t type;
};
/* The next message.  VDC_E_BUSY: none yet.  VDC_E_CLOSED: no more will come,
 * and all that were sent have been taken.  VDC_E_PROTOCOL. */
int port_take(struct port *port, struct port_message *ret);

/*
 * To poll by oneself: port_fd becomes readable when something happened after
 * port_arm, which says true when something is there already (then do not
 * sleep).  Messages are awaited; for_room: room for what was refused, too.
 * When the descriptor is readable, port_wake first.
 */
int port_fd(const struct port *port);
bool port_arm(struct port *port, bool for_room);
void port_wake(struct port *port);

/* Nothing more will be sent; the other direction goes on.  What waits for room
 * (port_unsent) is lost. */
void port_finish(struct port *port);

/* ---- waiting; timeout_ms < 0: for ever, 0: not at all ---- */

/* The next message.  Behind others that came without a wait it looks for it a
 * few microseconds before it sleeps, whatever spin_us is.  VDC_E_TIMEOUT,
 * VDC_E_CLOSED, VDC_E_PROTOCOL, VDC_E_IO (poll failed); after VDC_E_TIMEOUT
 * all is as before. */
int port_receive(struct port *port, int timeout_ms, struct port_message *ret);
/* Until the whole message is in the ring.  It looks for room a few
 * microseconds before it sleeps.  VDC_E_TIMEOUT: with nothing sent,
 * or with a part, whose rest goes with the next call (port_unsent is then not
 * 0, and the message counts as sent). */
int port_send(struct port *port, int timeout_ms, uint16_t type,
              const void *data, size_t size);

/* ---- with libevent ---- */

struct port_ops {
    /* data are a copy, valid during the call.  The callee may destroy the
     * port. */
    void (*on_message)(void *arg, uint16_t type, const uint8_t *data,
                       size_t size);
    /* After VDC_E_BUSY: there is room again.  May be NULL. */
    void (*on_room)(void *arg);
    /* The other end closed or died (VDC_E_CLOSED), or broke the rules
     * (VDC_E_PROTOCOL).  Called once, last, after all messages; the port still
     * has to be destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
};

/* From now on callbacks come from the loop, none from inside a call. */
void port_watch(struct port *port, struct event_base *base,
                const struct port_ops *ops, void *arg);
void port_set_ops(struct port *port, const struct port_ops *ops, void *arg);
/* Stop and go on delivering messages; while paused no end is told either. */
void port_pause(struct port *port);
void port_resume(struct port *port);

/* ---- what went through ---- */

struct port_counts {
    uint64_t sent, received; /* bytes */
    uint64_t messages_sent, messages_received;
    uint64_t notified; /* times this end woke the other */
    uint64_t woken;    /* times it was woken */
    uint64_t stalls;   /* times there was no room */
};
void port_count(const struct port *port, struct port_counts *ret);

#ifdef __cplusplus
}
#endif

#endif
