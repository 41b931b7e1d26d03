/*
 * How two programs of one domain come to a channel in memory: who connects
 * makes it and sends its descriptors over a unix socket, which is then closed.
 * If nobody takes them the kernel closes them, and the maker sees the other
 * end die.
 */
#ifndef VDC_CHAN_CHAN_MEMORY_H
#define VDC_CHAN_CHAN_MEMORY_H

#include "base/error.h"
#include "base/stream.h"
#include "chan/chan.h"

struct event_base;
struct handover;
struct port;

/* Makes the memory and sends it to who listens at the path; waits for nobody.
 * Errors: those of stream_connect_unix and link_give. */
int chan_memory_connect(const char *path, struct port **ret,
                        struct vdc_error *err);

/* Once: a port, or NULL and what is wrong with what came. */
typedef void handover_fn(void *arg, struct port *port,
                         const struct stream_peer *peer,
                         const struct vdc_error *err);

/* Takes over the descriptor, and waits for what the other end sends, up to
 * 5 s.  Destroyed by itself after done was called. */
struct handover *handover_new(struct event_base *base, int fd,
                              const struct stream_peer *peer,
                              handover_fn *done, void *arg);
void handover_destroy(struct handover *handover);

#endif
