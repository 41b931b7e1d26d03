/*
 * An image goes from host to host directly: the one that has it is told to
 * serve it once, to who shows a ticket; then the other to fetch it.
 */
#include <string.h>

#include "policyd/hosts/dial.h"
#include "policyd/images/image_transfer.h"

static void fetched(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (transfer_is_over(t))
        return;
    if (err)
        transfer_failed(t, err);
    else if (found->whole)
        transfer_has_it(t);
    else
        transfer_look(t);
}

static void fetching(void *arg, const struct wire_frame *frame)
{
    const struct wire_progress *progress = frame->body;
    struct transfer *t = arg;

    if (t->over || frame->message->number != WIRE_MSG_progress)
        return;
    if (progress->sent_kib * 1024 > t->done)
        t->done = progress->sent_kib * 1024;
    transfer_note_progress(t);
    transfer_tell(t, progress->sent_kib);
}

static uint8_t digit(char c)
{
    return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

/* A fingerprint as host_record has it. */
static void bytes_of(const char *hex, uint8_t ret[TRANSFER_TICKET_SIZE])
{
    for (size_t i = 0; i < TRANSFER_TICKET_SIZE; i++)
        ret[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

static void served(void *arg, const void *answer, const struct vdc_error *err)
{
    struct transfer *t = arg;
    const struct host *source;
    struct wire_image_fetch fetch;
    uint8_t fingerprint[TRANSFER_TICKET_SIZE];

    if (transfer_is_over(t))
        return;
    source = hosts_find(t->images->ops->hosts, t->source);
    if (err && err->code == VDC_E_NOT_FOUND)
        images_note(t->images, t->digest, t->source, false);
    if (err || !source) {
        if (err)
            t->why = *err;
        transfer_next_source(t);
        return;
    }
    wire_init(&wire_struct_image_fetch, &fetch);
    fetch.digest = t->digest;
    fetch.size = t->size;
    fetch.address = source->record.address + strlen(DIAL_PREFIX);
    fetch.host = source->name;
    bytes_of(source->record.certificate, fingerprint);
    fetch.fingerprint = fingerprint;
    fetch.n_fingerprint = sizeof(fingerprint);
    fetch.ticket = t->ticket;
    fetch.n_ticket = TRANSFER_TICKET_SIZE;
    if (transfer_ask(t, t->host, WIRE_MSG_image_fetch, &fetch, fetched,
                     fetching))
        transfer_next_source(t);
}

/* Two drawn UUIDs, in which few bits are fixed. */
static void draw_ticket(uint8_t ret[TRANSFER_TICKET_SIZE])
{
    struct vdc_uuid uuid;

    for (size_t at = 0; at < TRANSFER_TICKET_SIZE; at += sizeof(uuid.bytes)) {
        uuid_random(&uuid);
        memcpy(ret + at, uuid.bytes, sizeof(uuid.bytes));
    }
}

void transfer_serve(struct transfer *t, const struct host *target)
{
    struct wire_image_serve order;
    uint8_t fingerprint[TRANSFER_TICKET_SIZE];

    draw_ticket(t->ticket);
    bytes_of(target->record.certificate, fingerprint);
    wire_init(&wire_struct_image_serve, &order);
    order.digest = t->digest;
    order.fingerprint = fingerprint;
    order.n_fingerprint = sizeof(fingerprint);
    order.ticket = t->ticket;
    order.n_ticket = TRANSFER_TICKET_SIZE;
    order.kib_per_s = t->images->ops->setup->image_kib_per_s;
    if (transfer_ask(t, t->source, WIRE_MSG_image_serve, &order, served, NULL))
        transfer_next_source(t);
}
