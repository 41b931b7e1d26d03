/*
 * A control channel in granted memory: whole messages over a port, queued
 * while there is no room.
 */
#ifndef CHANNELD_CONTROL_H
#define CHANNELD_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "chan/port.h"

struct control;

#define CONTROL_MESSAGE_MAX (128u * 1024)
#define CONTROL_QUEUE_MAX (1024u * 1024) /* for an end that does not read */

struct control_ops {
    /* The callee may destroy the control channel. */
    void (*on_message)(void *arg, const uint8_t *data, size_t size);
    /* Once, last; it still has to be destroyed, which may be done here. */
    void (*on_close)(void *arg, const struct vdc_error *err);
};

/*
 * Takes over the link, also on failure; rings of RENDEZVOUS_RING.  Errors:
 * those of port_new; VDC_E_CLOSED: a RING_TAKER was here before.  It was
 * another process, of whose death the maker may not know yet; were its place
 * taken, the maker would never see it, and tell the new one nothing.
 */
int control_new(struct event_base *base, struct link *link,
                enum ring_side side, const struct control_ops *ops, void *arg,
                struct control **ret, struct vdc_error *err);
void control_destroy(struct control *control); /* NULL allowed */
/* VDC_E_CLOSED: it is over, and on_close comes. */
int control_send(struct control *control, const void *data, size_t size);

#endif
