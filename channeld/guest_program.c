/*
 * What the programs of a guest say to its channeld: most of it goes on to the
 * host as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "channeld/guest_impl.h"

struct said {
    struct guest_program *program;
    struct wire_frame frame;
};

/* An error is answered; 0: answered, or to be answered. */
typedef int said_fn(const struct said *said, struct vdc_error *err);

static void ok(const struct said *said)
{
    struct wire_empty body;

    wire_init(&wire_struct_empty, &body);
    guest_tell(said->program, WIRE_MSG_ok, said->frame.id, &body, NULL);
}

static struct guest_forward *pass_on(const struct said *said,
                                     struct vdc_error *err)
{
    return guest_forward(said->program->guest, said->program, said->frame.id,
                         said->frame.message->number, said->frame.body, err);
}

static int say_on(const struct said *said, struct vdc_error *err)
{
    return pass_on(said, err) ? 0 : err->code;
}

static int say_hello(const struct said *said, struct vdc_error *err)
{
    const struct wire_hello *theirs = said->frame.body;
    struct wire_hello hello;

    if (theirs->protocol != WIRE_PROTOCOL)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld speaks protocol %d", WIRE_PROTOCOL);
    said->program->greeted = true;
    wire_init(&wire_struct_hello, &hello);
    hello.program = "channeld";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    guest_tell(said->program, WIRE_MSG_hello, said->frame.id, &hello, NULL);
    return 0;
}

static int say_offer(const struct said *said, struct vdc_error *err)
{
    const struct wire_channel_offer *body = said->frame.body;
    struct guest_forward *forward = pass_on(said, err);

    if (!forward)
        return err->code;
    /* it is an offer when the host has agreed */
    size_t len = strnlen(body->service, RULE_SERVICE_MAX);
    memcpy(forward->service, body->service, len);
    forward->service[len] = '\0';
    forward->most = body->most;
    return 0;
}

static int say_withdraw(const struct said *said, struct vdc_error *err)
{
    const struct wire_channel_offer *body = said->frame.body;
    struct guest *guest = said->program->guest;
    struct guest_offer *offer;

    TAILQ_FOREACH(offer, &guest->offers, link)
    if (offer->program == said->program &&
        strcmp(offer->service, body->service) == 0)
        break;
    if (!offer)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "you do not offer '%s'",
                             body->service);
    TAILQ_REMOVE(&guest->offers, offer, link);
    free(offer);
    return say_on(said, err);
}

static struct guest_incoming *find_incoming(const struct said *said)
{
    struct guest_incoming *incoming;

    TAILQ_FOREACH(incoming, &said->program->guest->incoming, link)
    if (incoming->program == said->program &&
        incoming->program_id == said->frame.id)
        break;
    return incoming;
}

/* A connect for which memory was given, and the program has taken it. */
static struct guest_forward *find_giving(const struct said *said)
{
    struct guest_forward *forward;

    TAILQ_FOREACH(forward, &said->program->guest->forwards, link)
    if (forward->program == said->program && forward->channel &&
        forward->number == WIRE_MSG_channel_connect &&
        forward->program_id == said->frame.id)
        break;
    return forward;
}

/* The program has what it needs: the host gets the other end. */
static int say_opened(const struct said *said, struct vdc_error *err)
{
    const struct wire_channel_opened *body = said->frame.body;
    struct guest *guest = said->program->guest;
    struct guest_incoming *incoming = find_incoming(said);
    struct guest_forward *forward = find_giving(said);
    struct wire_channel_opened opened;
    uint32_t id = incoming ? incoming->id : forward ? forward->id : 0;
    struct memory nothing, *other = &nothing;

    memory_init(&nothing);
    if (!id || body->channel.id !=
                   (incoming ? incoming->channel : forward->channel))
        return 0; /* too late; channel_close was said */
    wire_init(&wire_struct_channel_opened, &opened);
    opened.channel.id = body->channel.id;
    if (incoming)
        other = &incoming->other;
    else if (forward->other.wire.grant)
        other = &forward->other; /* otherwise it stays here, for the server */
    opened.memory = other->wire;
    guest_say(guest, WIRE_MSG_channel_opened, id, &opened, other);
    if (incoming)
        guest_incoming_free(guest, incoming);
    return 0;
}

/* A program refuses, or cannot use the memory. */
static int say_error(const struct said *said, struct vdc_error *err)
{
    struct guest *guest = said->program->guest;
    struct guest_incoming *incoming = find_incoming(said);
    struct guest_forward *forward = find_giving(said);

    if (incoming) {
        guest_say(guest, WIRE_MSG_error, incoming->id, said->frame.body, NULL);
        guest_incoming_drop(guest, incoming);
    } else if (forward) {
        guest_say(guest, WIRE_MSG_error, forward->id, said->frame.body, NULL);
    }
    return 0;
}

static int say_nothing(const struct said *said, struct vdc_error *err)
{
    return 0; /* an answer to a channel_close of ours */
}

/* A channel that the program is asked about, and closes instead. */
static bool refuse_incoming(const struct said *said, uint64_t id)
{
    struct guest *guest = said->program->guest;
    struct guest_incoming *incoming;
    struct vdc_error closed = { 0 };

    TAILQ_FOREACH(incoming, &guest->incoming, link)
    if (incoming->program == said->program && incoming->channel == id)
        break;
    if (!incoming)
        return false;
    vdc_error_set(&closed, VDC_E_CLOSED, "the program has closed it");
    guest_say_error(guest, incoming->id, &closed);
    guest_incoming_drop(guest, incoming);
    return true;
}

/* A program that has both ends does not say which of them it ends, and need
 * not: it is told that the other is over, whether the host is there or not. */
static int say_close(const struct said *said, struct vdc_error *err)
{
    const struct wire_channel_ref *ref = said->frame.body;

    if (refuse_incoming(said, ref->id)) {
        ok(said);
        return 0;
    }
    if (guest_channel_forget(said->program, ref->id) > 1)
        guest_tell(said->program, WIRE_MSG_channel_close,
                   ++said->program->guest->next_id | GUEST_OURS, ref, NULL);
    return say_on(said, err);
}

/* What it has is remembered here, too, with its newest counts. */
static int say_channels(const struct said *said, struct vdc_error *err)
{
    const struct wire_channel_hello *hello = said->frame.body;
    struct guest *guest = said->program->guest;

    for (uint32_t i = 0; i < hello->n_claims; i++) {
        const struct wire_channel_claim *claim = &hello->claims[i];
        struct guest_channel *channel = guest_channel_find(
            said->program, claim->channel.id, claim->secret);
        if (channel)
            guest_channel_free(guest, channel);
        guest_channel_new(said->program, &claim->channel, claim->secret);
    }
    /* the host hears of them later when it is not there now */
    if (!pass_on(said, err))
        ok(said);
    return 0;
}

static const struct {
    enum wire_message_number number;
    said_fn *run;
} table[] = {
    { WIRE_MSG_hello, say_hello },
    { WIRE_MSG_version, say_on },
    { WIRE_MSG_ok, say_nothing },
    { WIRE_MSG_error, say_error },
    { WIRE_MSG_channel_offer, say_offer },
    { WIRE_MSG_channel_withdraw, say_withdraw },
    { WIRE_MSG_channel_connect, say_on },
    { WIRE_MSG_channel_opened, say_opened },
    { WIRE_MSG_channel_close, say_close },
    { WIRE_MSG_channel_hello, say_channels },
    { WIRE_MSG_channel_list, say_on },
    { WIRE_MSG_channel_rule_check, say_on },
    { WIRE_MSG_channel_reload, say_on },
};

static int run(const struct said *said, struct vdc_error *err)
{
    const struct wire_message *message = said->frame.message;

    if (!said->program->greeted && message->number != WIRE_MSG_hello)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld speaks protocol %d, and expects hello "
                             "first",
                             WIRE_PROTOCOL);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].number == message->number)
            return table[i].run(said, err);
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "channeld does not serve '%s'", message->name);
}

void guest_program_said(struct guest_program *program, const uint8_t *data,
                        size_t size)
{
    struct arena *arena = arena_new();
    struct said said = { .program = program };
    struct vdc_error err = { 0 };
    int rc = wire_decode(data, size, arena, &said.frame, &err);

    if (rc == 0)
        rc = run(&said, &err);
    if (rc && !(said.frame.id & GUEST_OURS))
        guest_fail(program, said.frame.id, &err);
    arena_free(arena);
}
