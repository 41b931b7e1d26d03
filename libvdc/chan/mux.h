/*
 * Many streams of messages in one port, on libevent, each with credits of its
 * own: a stream that is not read stops its own sender alone.
 *
 * Either end opens streams.  Each direction of a stream has a window: the
 * bytes that may be sent and not yet taken there.  A message counts as its
 * size and MUX_OVERHEAD, so that the other end can make this end keep no more
 * than about a window for each stream, and MUX_STREAMS_MAX streams.
 *
 * THE OTHER END IS HOSTILE.  Who sends more than its credit, opens too many
 * streams, or uses one that it never opened, ends the channel
 * (VDC_E_PROTOCOL).
 *
 * Callbacks come from the loop, none from inside a call.
 */
#ifndef VDC_CHAN_MUX_H
#define VDC_CHAN_MUX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "chan/port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MUX_OVERHEAD 64u
#define MUX_MESSAGE_MAX (64u * 1024)
#define MUX_WINDOW (128u * 1024) /* of each direction of a stream */
#define MUX_STREAMS_MAX 256      /* opened by one end, at once */
#define MUX_LABEL_MAX 255        /* bytes */

struct event_base;
struct mux;
struct mux_stream;

struct mux_stream_ops {
    /* data are valid during the call. */
    void (*on_message)(void *arg, const uint8_t *data, size_t size);
    /* After VDC_E_BUSY: try again.  May be NULL. */
    void (*on_room)(void *arg);
    /* The other end will send nothing more on it; this end still may.  May be
     * NULL. */
    void (*on_finish)(void *arg);
    /* It was reset, or the channel ended: it is no more, do not use it. */
    void (*on_close)(void *arg, const struct vdc_error *err);
};

struct mux_ops {
    /* The other end opens a stream; label says what for.  mux_accept it, or
     * mux_reset it, before returning. */
    void (*on_open)(void *arg, struct mux_stream *stream, const uint8_t *label,
                    size_t size);
    /* The channel ended: after on_close of each stream.  Called once, last;
     * the mux still has to be destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
};

/* Takes over a port that nobody watches yet.  side: as the port's. */
struct mux *mux_new(struct port *port, enum ring_side side,
                    struct event_base *base, const struct mux_ops *ops,
                    void *arg);
/* Ends the channel; no callbacks any more.  NULL allowed. */
void mux_destroy(struct mux *mux);

/* A stream can be sent to at once.  VDC_E_QUOTA: MUX_STREAMS_MAX are open;
 * VDC_E_BUSY: no room in the channel now; VDC_E_BAD_VALUE (label);
 * VDC_E_CLOSED. */
int mux_open(struct mux *mux, const void *label, size_t size,
             const struct mux_stream_ops *ops, void *arg,
             struct mux_stream **ret);
void mux_accept(struct mux_stream *stream, const struct mux_stream_ops *ops,
                void *arg);

/* VDC_E_BUSY: no credit, or no room in the channel, now (on_room comes);
 * VDC_E_BAD_VALUE: more than MUX_MESSAGE_MAX bytes; VDC_E_CLOSED: finished, or
 * the channel ended. */
int mux_send(struct mux_stream *stream, const void *data, size_t size);
/* Stop and go on delivering messages of this stream: its sender is stopped by
 * its credit, others are not. */
void mux_pause(struct mux_stream *stream);
void mux_resume(struct mux_stream *stream);
/* Nothing more will be sent on it. */
void mux_finish(struct mux_stream *stream);
/* It ends in both directions, without callbacks; do not use it any more.
 * What was sent may or may not be delivered. */
void mux_reset(struct mux_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
