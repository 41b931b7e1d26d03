/*
 * What a guest's channeld has under way, and whose channels are whose; see
 * guest_impl.h.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/guest_impl.h"

#define HELLO_PAGE 64 /* channels in a message */

struct guest_forward *guest_forward(struct guest *guest,
                                    struct guest_program *program,
                                    uint32_t program_id,
                                    enum wire_message_number number,
                                    const void *body, struct vdc_error *err)
{
    if (guest->n_forwards >= GUEST_FORWARDS_MOST) {
        vdc_error_set(err, VDC_E_BUSY, "%d requests are under way already",
                      GUEST_FORWARDS_MOST);
        return NULL;
    }
    struct guest_forward *forward = XNEW(struct guest_forward);
    guest->next_id = (guest->next_id + 1) & ~GUEST_OURS;
    forward->id = guest->next_id;
    forward->number = number;
    forward->program = program;
    forward->program_id = program_id;
    memory_init(&forward->other);
    TAILQ_INSERT_TAIL(&guest->forwards, forward, link);
    guest->n_forwards++;
    if (guest_say(guest, number, forward->id, body, NULL) == 0)
        return forward;
    guest_forward_free(guest, forward);
    vdc_error_set(err, VDC_E_NO_DAEMON,
                  "the host's channeld cannot be reached");
    vdc_error_hint(err, "it is tried again by itself; the host's operator "
                        "can say whether channeld runs there");
    return NULL;
}

void guest_forward_free(struct guest *guest, struct guest_forward *forward)
{
    TAILQ_REMOVE(&guest->forwards, forward, link);
    guest->n_forwards--;
    memory_clear(&forward->other);
    free(forward);
}

void guest_incoming_free(struct guest *guest, struct guest_incoming *incoming)
{
    TAILQ_REMOVE(&guest->incoming, incoming, link);
    memory_clear(&incoming->other);
    free(incoming);
}

void guest_incoming_drop(struct guest *guest, struct guest_incoming *incoming)
{
    guest_channel_forget(incoming->program, incoming->channel);
    guest_incoming_free(guest, incoming);
}

/* ---- channels ---- */

struct guest_channel *guest_channel_new(struct guest_program *program,
                                        const struct wire_channel *wire,
                                        uint64_t secret)
{
    struct guest_channel *channel = XNEW(struct guest_channel);

    channel->program = program;
    channel->arena = arena_new();
    wire_init(&wire_struct_channel_claim, &channel->claim);
    if (wire_struct_copy(&wire_struct_channel, wire, channel->arena,
                         &channel->claim.channel, NULL))
        wire_init(&wire_struct_channel, &channel->claim.channel);
    channel->claim.secret = secret;
    TAILQ_INSERT_TAIL(&program->guest->channels, channel, link);
    return channel;
}

void guest_channel_free(struct guest *guest, struct guest_channel *channel)
{
    TAILQ_REMOVE(&guest->channels, channel, link);
    arena_free(channel->arena);
    free(channel);
}

struct guest_channel *guest_channel_find(const struct guest_program *program,
                                         uint64_t id, uint64_t secret)
{
    struct guest_channel *channel;

    TAILQ_FOREACH(channel, &program->guest->channels, link)
    if (channel->program == program && channel->claim.channel.id == id &&
        channel->claim.secret == secret)
        break;
    return channel;
}

unsigned guest_channel_forget(const struct guest_program *program, uint64_t id)
{
    struct guest *guest = program->guest;
    struct guest_channel *channel, *next;
    unsigned n = 0;

    for (channel = TAILQ_FIRST(&guest->channels); channel; channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (channel->program != program || channel->claim.channel.id != id)
            continue;
        guest_channel_free(guest, channel);
        n++;
    }
    return n;
}

void guest_say_close(struct guest *guest, uint64_t id, const char *reason)
{
    struct wire_channel_ref ref;
    struct vdc_error err;

    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = id;
    ref.reason = reason;
    guest_forward(guest, NULL, 0, WIRE_MSG_channel_close, &ref, &err);
}

/* ---- the end of a program ---- */

static void drop_incoming(struct guest *guest,
                          const struct guest_program *program)
{
    struct guest_incoming *incoming, *next;
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_CLOSED, "the program has ended");
    for (incoming = TAILQ_FIRST(&guest->incoming); incoming; incoming = next) {
        next = TAILQ_NEXT(incoming, link);
        if (incoming->program != program)
            continue;
        guest_say_error(guest, incoming->id, &err);
        guest_incoming_drop(guest, incoming);
    }
}

static void drop_offers(struct guest *guest,
                        const struct guest_program *program)
{
    struct guest_offer *offer, *next;

    for (offer = TAILQ_FIRST(&guest->offers); offer; offer = next) {
        struct wire_channel_offer body;
        struct vdc_error err;
        next = TAILQ_NEXT(offer, link);
        if (offer->program != program)
            continue;
        wire_init(&wire_struct_channel_offer, &body);
        body.service = offer->service;
        guest_forward(guest, NULL, 0, WIRE_MSG_channel_withdraw, &body, &err);
        TAILQ_REMOVE(&guest->offers, offer, link);
        free(offer);
    }
}

void guest_program_ends(struct guest_program *program)
{
    struct guest *guest = program->guest;
    struct guest_channel *channel, *next;
    struct guest_forward *forward;

    drop_offers(guest, program);
    drop_incoming(guest, program);
    TAILQ_FOREACH(forward, &guest->forwards, link)
    if (forward->program == program)
        forward->program = NULL;
    for (channel = TAILQ_FIRST(&guest->channels); channel; channel = next) {
        next = TAILQ_NEXT(channel, link);
        if (channel->program != program)
            continue;
        guest_say_close(guest, channel->claim.channel.id,
                        "its program has ended");
        guest_channel_free(guest, channel);
    }
}

/* ---- the host ---- */

void guest_host_lost(struct guest *guest, const struct vdc_error *err)
{
    struct guest_forward *forward;
    struct guest_incoming *incoming;

    while ((forward = TAILQ_FIRST(&guest->forwards))) {
        if (forward->program)
            guest_fail(forward->program, forward->program_id, err);
        guest_forward_free(guest, forward);
    }
    while ((incoming = TAILQ_FIRST(&guest->incoming))) {
        struct wire_channel_ref ref;
        wire_init(&wire_struct_channel_ref, &ref);
        ref.id = incoming->channel;
        ref.reason = "the host's channeld has gone";
        guest_tell(incoming->program, WIRE_MSG_channel_close,
                   ++guest->next_id | GUEST_OURS, &ref, NULL);
        guest_incoming_drop(guest, incoming);
    }
}

static void tell_channels(struct guest *guest)
{
    struct wire_channel_claim page[HELLO_PAGE];
    struct guest_channel *channel = TAILQ_FIRST(&guest->channels);
    struct wire_channel_hello hello;
    struct vdc_error err;

    wire_init(&wire_struct_channel_hello, &hello);
    hello.claims = page;
    while (channel) {
        hello.n_claims = 0;
        for (; channel && hello.n_claims < HELLO_PAGE;
             channel = TAILQ_NEXT(channel, link))
            page[hello.n_claims++] = channel->claim;
        guest_forward(guest, NULL, 0, WIRE_MSG_channel_hello, &hello, &err);
    }
}

void guest_host_found(struct guest *guest)
{
    struct wire_hello hello;
    struct guest_offer *offer;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_hello, &hello);
    hello.program = uplink_program(guest->uplink);
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    guest_forward(guest, NULL, 0, WIRE_MSG_hello, &hello, &err);
    TAILQ_FOREACH(offer, &guest->offers, link)
    {
        struct wire_channel_offer body;
        wire_init(&wire_struct_channel_offer, &body);
        body.service = offer->service;
        body.most = offer->most;
        guest_forward(guest, NULL, 0, WIRE_MSG_channel_offer, &body, &err);
    }
    tell_channels(guest);
}
