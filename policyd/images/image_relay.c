/*
 * An image goes from host to host by way of policyd, as one of both has not
 * joined: a piece is read from the one, then written to the other.
 */
#include <event2/event.h>

#include "policyd/images/image_transfer.h"

#define PIECE 262144

static void read_on(struct transfer *t);

static void put(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (transfer_is_over(t))
        return;
    if (err) {
        transfer_failed(t, err);
        return;
    }
    t->done = found->done;
    transfer_note_progress(t);
    transfer_tell(t, t->done / 1024);
    if (found->whole)
        transfer_has_it(t);
    else
        read_on(t);
}

static void put_piece(struct transfer *t, const uint8_t *bytes, uint32_t n)
{
    struct wire_image_put order;

    wire_init(&wire_struct_image_put, &order);
    order.digest = t->digest;
    order.size = t->size;
    order.offset = t->done;
    order.bytes = bytes;
    order.n_bytes = n;
    if (transfer_ask(t, t->host, WIRE_MSG_image_put, &order, put, NULL))
        transfer_next_source(t);
}

static void was_read(void *arg, const void *answer,
                     const struct vdc_error *err)
{
    const struct wire_image_bytes *bytes = answer;
    struct transfer *t = arg;
    struct vdc_error short_err;

    if (transfer_is_over(t))
        return;
    if (err && err->code == VDC_E_NOT_FOUND)
        images_note(t->images, t->digest, t->source, false);
    if (!err && !bytes->n_bytes) {
        vdc_error_set(&short_err, VDC_E_IO, "host %s has less of it",
                      t->source);
        err = &short_err;
    }
    if (err)
        transfer_failed(t, err);
    else
        put_piece(t, bytes->bytes, bytes->n_bytes);
}

void transfer_read_now(struct transfer *t)
{
    struct wire_image_read order;

    wire_init(&wire_struct_image_read, &order);
    order.digest = t->digest;
    order.offset = t->done;
    order.size = PIECE;
    if (transfer_ask(t, t->source, WIRE_MSG_image_read, &order, was_read,
                     NULL))
        transfer_next_source(t);
}

/* No faster than it may: a piece, and then the time that it takes. */
static void read_on(struct transfer *t)
{
    uint64_t rate = t->images->ops->setup->image_kib_per_s;

    if (!rate) {
        transfer_read_now(t);
        return;
    }
    uint64_t ms = PIECE / 1024 * 1000 / rate;
    const struct timeval later = { (time_t)(ms / 1000),
                                   (suseconds_t)(ms % 1000 * 1000) };
    t->reads = true;
    evtimer_add(t->timer, &later);
}

void transfer_relay(struct transfer *t)
{
    put_piece(t, NULL, 0); /* where it goes on */
}
