/*
 * What channeld says to a program: answers, channels for what it offers, and
 * the end of channels.
 *
 * A callback may end channels and make requests, but not free the broker.
 */
#include <string.h>

#include "base/arena.h"
#include "chan/broker_impl.h"

static void take_fds(struct broker_entry *entry, int *fds, unsigned n_fds)
{
    for (unsigned i = 0; i < n_fds && i < LINK_FDS_MAX; i++) {
        entry->channel.fds[i] = fds[i];
        fds[i] = -1;
        entry->channel.n_fds = i + 1;
    }
}

/* ---- answers ---- */

static void conclude(struct broker *broker, struct broker_request *request,
                     const struct wire_frame *answer,
                     const struct vdc_error *err)
{
    struct broker_entry *entry = request->entry;
    const struct broker_connect_ops *ops = request->connect_ops;

    if (ops && err) {
        ops->on_done(request->arg, NULL, err);
        if (entry)
            broker_entry_free(broker, entry);
    } else if (ops) {
        entry->is_open = true;
        ops->on_done(request->arg, &entry->channel, NULL);
    } else if (request->done) {
        request->done(request->arg, answer, err);
    } else if (request->service && broker->is_ready) {
        broker_offer_answered(broker, request->service, err);
    }
    broker_request_free(broker, request);
}

void broker_fail_all(struct broker *broker, const struct vdc_error *err)
{
    struct broker_request *request;
    uint32_t last = broker->last_id;

    /* those that callbacks make meanwhile fail by themselves */
    while ((request = TAILQ_FIRST(&broker->requests)) && request->id <= last)
        conclude(broker, request, NULL, err);
}

void broker_fail_unsent(struct broker *broker)
{
    struct broker_request *request, *next;

    for (request = TAILQ_FIRST(&broker->requests); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->unsent.code)
            conclude(broker, request, NULL, &request->unsent);
    }
}

void broker_fail_late(struct broker *broker)
{
    struct mono now = clock_mono();
    struct broker_request *request;
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_TIMEOUT, "channeld at %s does not answer",
                  broker->path);
    vdc_error_hint(&err, "it may be stuck: 'systemctl status "
                         "xen-vdc-channeld'");
    /* from the first on, as callbacks may end any and make new ones, which
     * have their time before them */
    do {
        TAILQ_FOREACH(request, &broker->requests, link)
        if (request->until.ms <= now.ms)
            break;
        if (request && request->number == WIRE_MSG_hello)
            broker_lost(broker, &err);
        else if (request)
            conclude(broker, request, NULL, &err);
    } while (request);
}

/* The program takes the memory, or says why not. */
static int offer_memory(struct broker_request *request,
                        struct broker_entry *entry, struct vdc_error *err)
{
    int rc =
        request->connect_ops->on_memory(request->arg, &entry->channel, err);
    broker_entry_close_fds(entry);
    return rc;
}

/* This end gives the memory: it takes its own part first. */
static void hear_asked(struct broker *broker, struct broker_request *request,
                       const struct wire_channel_opened *opened, int *fds,
                       unsigned n_fds)
{
    struct vdc_error err = { 0 };

    if (request->entry)
        return;
    request->entry = broker_entry_new(broker, opened, true);
    take_fds(request->entry, fds, n_fds);
    if (offer_memory(request, request->entry, &err)) {
        struct wire_error body;
        wire_error_fill(&body, &err);
        broker_say(broker, WIRE_MSG_error, request->id, &body);
        return; /* the last answer comes as an error */
    }
    struct wire_channel_opened taken;
    wire_init(&wire_struct_channel_opened, &taken);
    taken.channel.id = opened->channel.id;
    broker_say(broker, WIRE_MSG_channel_opened, request->id, &taken);
}

static void hear_opened(struct broker *broker, struct broker_request *request,
                        const struct wire_channel_opened *opened, int *fds,
                        unsigned n_fds)
{
    struct vdc_error err = { 0 };
    struct broker_entry *entry;

    if (opened->channel.state == WIRE_CHANNEL_ASKED) {
        hear_asked(broker, request, opened, fds, n_fds);
        return;
    }
    if (request->entry) {
        entry = request->entry;
        entry->opened.channel.opened_ms = opened->channel.opened_ms;
        entry->opened.channel.state = opened->channel.state;
        conclude(broker, request, NULL, NULL);
        return;
    }
    entry = request->entry = broker_entry_new(broker, opened, true);
    take_fds(entry, fds, n_fds);
    if (offer_memory(request, entry, &err)) {
        struct wire_channel_ref ref;
        wire_init(&wire_struct_channel_ref, &ref);
        ref.id = opened->channel.id;
        ref.reason = "the client could not take its memory";
        broker_request(broker, WIRE_MSG_channel_close, &ref);
        conclude(broker, request, NULL, &err);
        return;
    }
    conclude(broker, request, NULL, NULL);
}

/* Nobody here has it any more. */
static void refuse_late(struct broker *broker, const struct wire_frame *frame)
{
    const struct wire_channel_opened *opened = frame->body;
    struct wire_channel_ref ref;

    if (frame->message->number != WIRE_MSG_channel_opened)
        return;
    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = opened->channel.id;
    ref.reason = "it was not waited for any more";
    broker_request(broker, WIRE_MSG_channel_close, &ref);
}

/* Whoever asked takes the body for that of the answer. */
static bool is_answer(const struct broker_request *request,
                      const struct wire_message *message)
{
    if (request->connect_ops)
        return false; /* what opens a channel is dealt with */
    return !request->done ||
           strcmp(message->name,
                  wire_message_by_number(request->number)->reply) == 0;
}

static void hear_answer(struct broker *broker, const struct wire_frame *frame,
                        int *fds, unsigned n_fds)
{
    struct broker_request *request;
    struct vdc_error err = { 0 };

    TAILQ_FOREACH(request, &broker->requests, link)
    if (request->id == frame->id)
        break;
    if (frame->message->number == WIRE_MSG_error)
        wire_error_take(frame->body, &err);
    /* said before channeld has heard us: we are not welcome */
    if (frame->message->number == WIRE_MSG_error &&
        (frame->id == 0 || (request && request->number == WIRE_MSG_hello))) {
        broker_lost(broker, &err);
        return;
    }
    if (!request) {
        refuse_late(broker, frame);
        return;
    }
    if (frame->message->number == WIRE_MSG_channel_opened &&
        request->connect_ops) {
        hear_opened(broker, request, frame->body, fds, n_fds);
    } else if (request->number == WIRE_MSG_hello) {
        broker_request_free(broker, request);
        broker_found(broker);
    } else if (!err.code && !is_answer(request, frame->message)) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "channeld answered with %s",
                      frame->message->name);
        conclude(broker, request, NULL, &err);
    } else {
        conclude(broker, request, frame, err.code ? &err : NULL);
    }
}

/* ---- requests ---- */

static void hear_incoming(struct broker *broker,
                          const struct wire_frame *frame, int *fds,
                          unsigned n_fds)
{
    const struct wire_channel_opened *opened = frame->body;
    struct broker_entry *entry = broker_entry_new(broker, opened, false);
    struct wire_channel_opened taken;
    struct vdc_error err = { 0 };
    int rc;

    take_fds(entry, fds, n_fds);
    if (broker->ops->on_incoming)
        rc = broker->ops->on_incoming(broker->arg, &entry->channel, &err);
    else
        rc = vdc_error_set(&err, VDC_E_UNSUPPORTED, "nobody takes it");
    broker_entry_close_fds(entry);
    if (rc) {
        struct wire_error body;
        wire_error_fill(&body, &err);
        broker_say(broker, WIRE_MSG_error, frame->id, &body);
        broker_entry_free(broker, entry);
        return;
    }
    entry->is_open = true;
    wire_init(&wire_struct_channel_opened, &taken);
    taken.channel.id = opened->channel.id;
    broker_say(broker, WIRE_MSG_channel_opened, frame->id, &taken);
}

static struct broker_entry *find_open(struct broker *broker, uint64_t id)
{
    struct broker_entry *entry;

    TAILQ_FOREACH(entry, &broker->entries, link)
    if (entry->channel.id == id && entry->is_open)
        break;
    return entry;
}

/* A connect that is under way learns of it by its own answer.  Both ends may
 * be of this program; the callee may end any other channel, so it is looked
 * anew after each. */
static void hear_close(struct broker *broker, const struct wire_frame *frame)
{
    const struct wire_channel_ref *ref = frame->body;
    struct broker_entry *entry;
    struct wire_empty ok;

    wire_init(&wire_struct_empty, &ok);
    broker_say(broker, WIRE_MSG_ok, frame->id, &ok);
    while ((entry = find_open(broker, ref->id))) {
        if (broker->ops->on_closed)
            broker->ops->on_closed(broker->arg, &entry->channel, ref->reason);
        broker_entry_free(broker, entry);
    }
}

void broker_heard(void *arg, const uint8_t *data, size_t size, int *fds,
                  unsigned n_fds)
{
    struct broker *broker = arg;
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    if (wire_decode(data, size, arena, &frame, &err))
        broker_lost(broker, &err);
    else if (!(frame.id & BROKER_THEIRS))
        hear_answer(broker, &frame, fds, n_fds);
    else if (frame.message->number == WIRE_MSG_channel_incoming)
        hear_incoming(broker, &frame, fds, n_fds);
    else if (frame.message->number == WIRE_MSG_channel_close)
        hear_close(broker, &frame);
    arena_free(arena);
}
