/*
 * What the host's channeld says to a guest's: answers to what programs asked,
 * channels for what they offer, and the memory of both.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/guest_impl.h"
#include "channeld/registry.h"

struct heard {
    struct guest *guest;
    struct wire_frame frame;
    int *fds;
    unsigned n_fds;
};

static uint32_t pages_of(const struct wire_channel *channel)
{
    return registry_pages(channel->to_server, channel->to_client);
}

/* ---- answers ---- */

static struct guest_forward *find_forward(const struct heard *heard)
{
    struct guest_forward *forward;

    TAILQ_FOREACH(forward, &heard->guest->forwards, link)
    if (forward->id == heard->frame.id)
        break;
    return forward;
}

/* The client is to give the memory: its program gets one end now. */
static void give_memory(const struct heard *heard,
                        struct guest_forward *forward)
{
    const struct wire_channel_opened *opened = heard->frame.body;
    const struct wire_channel_memory *wanted = &opened->memory;
    struct wire_channel_opened body = *opened;
    struct vdc_error err = { 0 };
    struct memory own;
    int rc = forward->program
                 ? 0
                 : vdc_error_set(&err, VDC_E_CLOSED, "the program has ended");

    if (rc == 0)
        rc = memory_give(wanted->grant ? uplink_kind(heard->guest->uplink)
                                       : LINK_MEMORY,
                         wanted->domid, pages_of(&opened->channel), &own,
                         &forward->other, &err);
    if (rc) {
        guest_say_error(heard->guest, forward->id, &err);
        return;
    }
    forward->other.wire.grant = wanted->grant;
    forward->channel = opened->channel.id;
    body.memory = own.wire;
    guest_tell(forward->program, WIRE_MSG_channel_opened, forward->program_id,
               &body, &own);
}

static void finish_connect(const struct heard *heard,
                           struct guest_forward *forward)
{
    const struct wire_channel_opened *opened = heard->frame.body;

    if (forward->program) {
        guest_channel_new(forward->program, &opened->channel,
                          opened->secret);
        guest_tell(forward->program, WIRE_MSG_channel_opened,
                   forward->program_id, opened, NULL);
    } else {
        guest_say_close(heard->guest, opened->channel.id,
                        "its program has ended");
    }
}

static void take_offer(const struct heard *heard,
                       const struct guest_forward *forward)
{
    struct guest_offer *offer = XNEW(struct guest_offer);

    offer->program = forward->program;
    memcpy(offer->service, forward->service, sizeof(offer->service));
    offer->most = forward->most;
    TAILQ_INSERT_TAIL(&heard->guest->offers, offer, link);
}

/* Nobody waits for what it offered any more. */
static void withdraw(const struct heard *heard,
                     const struct guest_forward *forward)
{
    struct wire_channel_offer body;
    struct vdc_error err;

    wire_init(&wire_struct_channel_offer, &body);
    body.service = forward->service;
    guest_forward(heard->guest, NULL, 0, WIRE_MSG_channel_withdraw, &body,
                  &err);
}

static void hear_answer(const struct heard *heard)
{
    struct guest_forward *forward = find_forward(heard);
    unsigned number = heard->frame.message->number;

    if (!forward)
        return;
    if (number == WIRE_MSG_channel_opened) {
        const struct wire_channel_opened *opened = heard->frame.body;
        if (opened->channel.state == WIRE_CHANNEL_ASKED) {
            give_memory(heard, forward);
            return; /* the last answer is still to come */
        }
        finish_connect(heard, forward);
        guest_forward_free(heard->guest, forward);
        return;
    }
    if (number == WIRE_MSG_ok && *forward->service && forward->program)
        take_offer(heard, forward);
    else if (number == WIRE_MSG_ok && *forward->service)
        withdraw(heard, forward);
    if (forward->program)
        guest_tell(forward->program, number, forward->program_id,
                   heard->frame.body, NULL);
    guest_forward_free(heard->guest, forward);
}

/* ---- requests ---- */

/* Memory that this channeld keeps, as both ends are in this guest. */
static bool take_kept(struct guest *guest, uint64_t channel,
                      struct memory *ret)
{
    struct guest_forward *forward;

    TAILQ_FOREACH(forward, &guest->forwards, link)
    if (forward->channel == channel && forward->other.n_fds &&
        !forward->other.wire.grant) {
        *ret = forward->other;
        memory_init(&forward->other);
        return true;
    }
    return false;
}

static int get_memory(const struct heard *heard,
                      const struct wire_channel_opened *opened,
                      struct memory *own, struct memory *other,
                      struct vdc_error *err)
{
    struct guest *guest = heard->guest;
    uint32_t pages = pages_of(&opened->channel);
    enum link_kind kind = uplink_kind(guest->uplink);
    struct memory theirs;

    memory_init(other);
    if (opened->memory.maker)
        return memory_give(kind, opened->memory.domid, pages, own, other, err);
    int rc = 0;
    if (opened->memory.grant)
        rc = memory_take(&opened->memory, kind, pages, heard->fds,
                         heard->n_fds, &theirs, err);
    else if (!take_kept(guest, opened->channel.id, &theirs))
        rc = vdc_error_set(err, VDC_E_PROTOCOL,
                           "there is no memory of this channel");
    return rc ? rc : memory_join(&theirs, pages, own, err);
}

static struct guest_offer *find_offer(const struct guest *guest,
                                      const char *service)
{
    struct guest_offer *offer;

    TAILQ_FOREACH(offer, &guest->offers, link)
    if (strcmp(offer->service, service) == 0)
        break;
    return offer;
}

static void hear_incoming(const struct heard *heard)
{
    const struct wire_channel_opened *opened = heard->frame.body;
    struct guest *guest = heard->guest;
    struct guest_offer *offer = find_offer(guest, opened->channel.service);
    struct wire_channel_opened body = *opened;
    struct vdc_error err = { 0 };
    struct memory own, other;
    int rc = offer ? get_memory(heard, opened, &own, &other, &err)
                   : vdc_error_set(&err, VDC_E_NOT_FOUND,
                                   "'%s' is not offered here",
                                   opened->channel.service);
    if (rc) {
        guest_say_error(guest, heard->frame.id, &err);
        return;
    }
    struct guest_incoming *incoming = XNEW(struct guest_incoming);
    incoming->id = heard->frame.id;
    incoming->program = offer->program;
    incoming->program_id = ++guest->next_id | GUEST_OURS;
    incoming->other = other;
    incoming->channel = opened->channel.id;
    guest_channel_new(offer->program, &opened->channel, opened->secret);
    TAILQ_INSERT_TAIL(&guest->incoming, incoming, link);
    body.memory = own.wire;
    guest_tell(offer->program, WIRE_MSG_channel_incoming, incoming->program_id,
               &body, &own);
}

static void hear_close(const struct heard *heard)
{
    const struct wire_channel_ref *ref = heard->frame.body;
    struct guest *guest = heard->guest;
    struct guest_channel *channel, *next;
    struct guest_incoming *incoming, *next_in;
    struct vdc_error closed = { 0 };

    /* whoever connects is not to wait for an answer that cannot come */
    vdc_error_set(&closed, VDC_E_CLOSED, "the channel was closed: %s",
                  ref->reason);
    for (incoming = TAILQ_FIRST(&guest->incoming); incoming;
         incoming = next_in) {
        next_in = TAILQ_NEXT(incoming, link);
        if (incoming->channel != ref->id)
            continue;
        guest_say_error(guest, incoming->id, &closed);
        guest_incoming_free(guest, incoming);
    }
    for (channel = TAILQ_FIRST(&guest->channels); channel; channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (channel->claim.channel.id != ref->id)
            continue;
        guest_tell(channel->program, WIRE_MSG_channel_close,
                   ++guest->next_id | GUEST_OURS, ref, NULL);
        guest_channel_free(guest, channel);
    }
}

void guest_host_said(struct guest *guest, const uint8_t *data, size_t size,
                     int *fds, unsigned n_fds)
{
    struct arena *arena = arena_new();
    struct heard heard = { .guest = guest, .fds = fds, .n_fds = n_fds };
    struct vdc_error err = { 0 };

    if (wire_decode(data, size, arena, &heard.frame, &err))
        log_warning("the host said what is no message: %s", err.text);
    else if (!(heard.frame.id & GUEST_OURS))
        hear_answer(&heard);
    else if (heard.frame.message->number == WIRE_MSG_channel_incoming)
        hear_incoming(&heard);
    else if (heard.frame.message->number == WIRE_MSG_channel_close)
        hear_close(&heard);
    arena_free(arena);
}
