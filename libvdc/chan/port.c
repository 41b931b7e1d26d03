/*
 * An end of a channel, without waiting: messages into and out of the ring, in
 * pieces when they are long.  For chan/chan, chan/mux and programs.
 *
 * The life byte tells of an end in another domain, the link of one in another
 * process; either way what it wrote before can be taken.
 */
#include "chan/port.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "chan/port_impl.h"

#define BUFFER_FIRST 4096u
#define PORT_SHORT 1024u         /* bytes that every ring takes in one piece */
#define BUFFER_KEPT (64u * 1024) /* one that is larger is not kept */

int port_new(struct link *link, enum ring_side side, uint32_t maker_to_taker,
             uint32_t taker_to_maker, const struct port_options *options,
             struct port **ret, struct vdc_error *err)
{
    struct port *port = XNEW(struct port);
    int rc;

    port->link = link;
    if (options)
        port->options = *options;
    if (!port->options.message_max)
        port->options.message_max = PORT_MESSAGE_MAX;
    if (side == RING_MAKER)
        rc = ring_make(&port->ring, link->memory, link->size, maker_to_taker,
                       taker_to_maker, err);
    else
        rc = ring_take(&port->ring, link->memory, link->size, maker_to_taker,
                       taker_to_maker, err);
    if (rc) {
        link_close(link);
        free(port);
        return rc;
    }
    port->give_back = port->ring.in.size / 4;
    *ret = port;
    return 0;
}

static void notify(struct port *port)
{
    port->counts.notified++;
    link_notify(port->link);
}

void port_destroy(struct port *port)
{
    if (!port)
        return;
    if (port->event)
        port->event_free(port->event);
    ring_publish(&port->ring);
    if (ring_close(&port->ring))
        notify(port);
    link_close(port->link);
    free(port->rest);
    free(port->buffer);
    free(port);
}

void port_explain(int code, struct vdc_error *ret)
{
    if (code == VDC_E_CLOSED)
        vdc_error_set(ret, code, "the other end has closed the channel");
    else
        vdc_error_set(ret, code,
                      "the other end broke the rules of the "
                      "channel");
}

/* ---- sending ---- */

static inline int reserve(struct port *port, uint32_t size, uint8_t **ret)
{
    if (port->broken)
        return VDC_E_PROTOCOL;
    if (link_other_gone(port->link))
        return VDC_E_CLOSED;
    int rc = ring_reserve(&port->ring, size, ret);
    if (rc == VDC_E_BUSY)
        port->wanted = size;
    return rc;
}

uint32_t port_piece_max(const struct port *port)
{
    return ring_most(&port->ring);
}

static inline __attribute__((always_inline)) int
push_piece(struct port *port, uint16_t type, const uint8_t *data,
           uint32_t size, bool more)
{
    uint8_t *at;
    int rc = reserve(port, size, &at);

    if (rc)
        return rc;
    ring_fill(at, data, size);
    ring_commit(&port->ring, size, type, more);
    port->committed = true;
    port->counts.sent += size;
    return 0;
}

/* Pieces are half of the largest: two fit where the largest might wait for an
 * empty ring. */
static uint32_t piece_size(const struct port *port, size_t left)
{
    uint32_t most = ring_most(&port->ring);

    return left <= most ? (uint32_t)left : most / 2;
}

int port_push_all_rest(struct port *port)
{
    while (port->rest) {
        size_t left = port->rest_size - port->rest_done;
        uint32_t size = piece_size(port, left);
        int rc = push_piece(port, port->rest_type,
                            port->rest + port->rest_done, size, size < left);
        if (rc)
            return rc;
        port->rest_done += size;
        if (port->rest_done == port->rest_size) {
            free(port->rest);
            port->rest = NULL;
        }
    }
    return 0;
}

/* The outcome of a message, for the event loop to know of. */
static inline int sent(struct port *port, int rc)
{
    if (rc == VDC_E_BUSY)
        port->counts.stalls++;
    if (port->event)
        port->event_sent(port->event, rc);
    return rc;
}

/* The first piece went, `done` bytes: as much as fits now, and the rest is
 * kept. */
static void push_long(struct port *port, uint16_t type, const uint8_t *data,
                      size_t size, size_t done)
{
    while (done < size) {
        uint32_t piece = piece_size(port, size - done);
        if (push_piece(port, type, data + done, piece, piece < size - done))
            break;
        done += piece;
    }
    if (done == size)
        return;
    port->counts.stalls++;
    port->rest = xzalloc(size - done);
    memcpy(port->rest, data + done, size - done);
    port->rest_size = size - done;
    port->rest_done = 0;
    port->rest_type = type;
}

static int queue_long(struct port *port, uint16_t type, const uint8_t *data,
                      size_t size)
{
    if (size > PORT_MESSAGE_MAX)
        return VDC_E_BAD_VALUE;
    int rc = port_push_rest(port);
    if (rc)
        return sent(port, rc);
    uint32_t piece = piece_size(port, size);
    rc = push_piece(port, type, data, piece, piece < size);
    if (rc)
        return sent(port, rc);
    port->counts.messages_sent++;
    if (piece < size)
        push_long(port, type, data, size, piece);
    return sent(port, 0);
}

int port_queue(struct port *port, uint16_t type, const void *data, size_t size)
{
    if (size > PORT_SHORT || port->rest)
        return queue_long(port, type, data, size);
    int rc = push_piece(port, type, data, (uint32_t)size, false);
    if (!rc)
        port->counts.messages_sent++;
    return sent(port, rc);
}

int port_reserve(struct port *port, uint32_t size, uint8_t **ret)
{
    int rc = port_push_rest(port);

    if (!rc)
        rc = reserve(port, size, ret);
    return sent(port, rc);
}

void port_commit(struct port *port, uint32_t size, uint16_t type)
{
    ring_commit(&port->ring, size, type, false);
    port->committed = true;
    port->counts.sent += size;
    port->counts.messages_sent++;
}

void port_flush(struct port *port)
{
    port_push_rest(port);
    if (!port->committed)
        return;
    port->committed = false;
    if (ring_publish(&port->ring))
        notify(port);
}

size_t port_unsent(const struct port *port)
{
    return port->rest ? port->rest_size - port->rest_done : 0;
}

void port_finish(struct port *port)
{
    port_push_rest(port);
    free(port->rest);
    port->rest = NULL;
    if (ring_finish(&port->ring))
        notify(port);
}

/* ---- receiving ---- */

static void give_back(struct port *port)
{
    port->taken = 0;
    if (ring_give_back(&port->ring))
        notify(port);
}

static inline int peek(struct port *port, struct ring_message *ret)
{
    int rc = ring_peek(&port->ring, ret);

    if (rc != VDC_E_BUSY || !link_other_gone(port->link))
        return rc;
    /* It may have written between the look and its death. */
    rc = ring_peek(&port->ring, ret);
    return rc == VDC_E_BUSY ? VDC_E_CLOSED : rc;
}

/* Room in the buffer for `size` more bytes, which were checked. */
static void grow(struct port *port, size_t size)
{
    size_t needed = port->used + size;
    size_t larger = port->buffer_size ? port->buffer_size : BUFFER_FIRST;
    while (larger < needed)
        larger *= 2;
    port->buffer = xrealloc(port->buffer, larger);
    port->buffer_size = larger;
}

/* One piece into the buffer.  An empty one with more to come would be a
 * message without end. */
static inline int take_piece(struct port *port,
                             const struct ring_message *piece)
{
    if (piece->size > port->options.message_max - port->used ||
        (piece->more && piece->size == 0) ||
        (port->partial && piece->type != port->type)) {
        port->broken = true;
        return VDC_E_PROTOCOL;
    }
    if (piece->size > port->buffer_size - port->used)
        grow(port, piece->size);
    if (piece->size)
        memcpy(port->buffer + port->used, piece->data, piece->size);
    port->used += piece->size;
    port->type = piece->type;
    port->partial = piece->more;
    port->counts.received += piece->size;
    ring_release(&port->ring);
    port->taken += piece->size + 8;
    if (port->taken >= port->give_back)
        give_back(port);
    return 0;
}

static void forget_taken(struct port *port)
{
    port->used = 0;
    if (port->buffer_size > BUFFER_KEPT) {
        free(port->buffer);
        port->buffer = NULL;
        port->buffer_size = 0;
    }
}

/* Gives room back before the caller waits. */
static int nothing_taken(struct port *port, int rc)
{
    if (port->taken)
        give_back(port);
    return rc;
}

static int whole_message(struct port *port, struct port_message *ret)
{
    port->counts.messages_received++;
    ret->data = port->buffer ? port->buffer : (const uint8_t *)"";
    ret->size = port->used;
    ret->type = port->type;
    return 0;
}

int port_take(struct port *port, struct port_message *ret)
{
    struct ring_message piece;

    if (port->broken)
        return VDC_E_PROTOCOL;
    if (!port->partial)
        forget_taken(port);
    for (unsigned i = 0; i < PORT_PIECES_MAX; i++) {
        int rc = peek(port, &piece);
        if (!rc)
            rc = take_piece(port, &piece);
        if (rc)
            return nothing_taken(port, rc);
        if (!port->partial)
            return whole_message(port, ret);
    }
    give_back(port);
    return VDC_E_BUSY;
}

/* ---- sleeping ---- */

int port_fd(const struct port *port)
{
    return port->link->wake_fd;
}

bool port_arm(struct port *port, bool for_room)
{
    port_flush(port);
    give_back(port);
    if (port->broken || link_other_gone(port->link))
        return true;
    bool now = ring_want_message(&port->ring);
    if (for_room && ring_want_room(&port->ring, port->wanted))
        now = true;
    return now;
}

void port_wake(struct port *port)
{
    port->counts.woken++;
    link_acknowledge(port->link);
}

void port_count(const struct port *port, struct port_counts *ret)
{
    *ret = port->counts;
}
