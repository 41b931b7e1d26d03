/*
 * Bytes between a descriptor (a tty, a socket) and a channel, both ways, until
 * either ends.  The bytes travel as messages of any size; their bounds mean
 * nothing.  On libevent; never blocks.
 *
 * Of what one side gives and the other does not take, CHAN_PIPE_MAX bytes and
 * a message wait; then the one is no longer read.  When one side has ended,
 * the other is still given what waits for it, for CHAN_PIPE_END_S at most.
 */
#ifndef VDC_CHAN_CHAN_PIPE_H
#define VDC_CHAN_CHAN_PIPE_H

#include "base/error.h"
#include "chan/chan.h"

struct chan_pipe;

#define CHAN_PIPE_MAX (64 * 1024)
#define CHAN_PIPE_END_S 10

/* One side has ended, and why; once, last, from the loop.  The pipe still has
 * to be freed, which may be done here. */
typedef void chan_pipe_end_fn(void *arg, const struct vdc_error *why);

/* Takes over both; the descriptor is non-blocking.  May be called from the
 * channel's on_message.  SIGPIPE must be ignored. */
struct chan_pipe *chan_pipe_new(struct event_base *base, int fd,
                                struct chan *chan, chan_pipe_end_fn *on_end,
                                void *arg);
/* Closes both; the channel's other end can still take what was sent, as after
 * chan_finish.  NULL allowed. */
void chan_pipe_free(struct chan_pipe *pipe);

#endif
