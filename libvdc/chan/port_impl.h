/*
 * What the files of a port share.
 */
#ifndef VDC_CHAN_PORT_IMPL_H
#define VDC_CHAN_PORT_IMPL_H

#include "chan/port.h"

struct port_event; /* port_event.c's; NULL without libevent */

struct port {
    struct link *link;
    struct ring ring;
    struct port_options options;
    struct port_counts counts;

    /* The rest of a message that did not fit. */
    uint8_t *rest;
    size_t rest_size, rest_done;
    uint16_t rest_type;
    uint32_t wanted; /* bytes of the piece that there was no room for */
    bool committed;  /* something is to be published */

    /* A message that is being taken. */
    uint8_t *buffer;
    size_t buffer_size, used;
    uint16_t type;
    bool partial;
    bool broken;        /* the other end broke a rule of messages */
    uint32_t taken;     /* bytes since room was last given back */
    uint32_t give_back; /* do so at this many */

    /* port_blocking.c: messages come one after the other, and nothing was
     * sent between them. */
    bool in_row;
    uint64_t sent_then; /* messages, when the last was received */

    struct port_event *event;
    void (*event_free)(struct port_event *event);
    void (*event_sent)(struct port_event *event, int rc);

    /* endpoint.c's, all NULL without it. */
    void *owner;
    /* In place of poll(2), when waiting: until the descriptor may be readable
     * (then, and at any other time, 0), VDC_E_TIMEOUT, or why there is no
     * more to wait for. */
    int (*sleep)(void *owner, int timeout_ms);
    /* Before the event loop goes on: the counts may have changed. */
    void (*count)(void *owner);
};

/* Puts what it can of the rest into the ring. 0: there is none left. */
int port_push_all_rest(struct port *port);
static inline int port_push_rest(struct port *port)
{
    return port->rest ? port_push_all_rest(port) : 0;
}
/* What a code from a port means, for a person. */
void port_explain(int code, struct vdc_error *ret);

#endif
