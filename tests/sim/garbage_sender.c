/* Who sends garbage; see garbage_sender.h. */
#include "tests/sim/garbage_sender.h"

#include <string.h>
#include <unistd.h>

#include "base/stream.h"

#define ANSWER_TIMEOUT_MS 30000

void sender_disconnect(struct sender *s)
{
    client_close(&s->client);
    s->open = false;
    s->n_waiting = s->n_required = 0;
}

static bool connect_again(struct sender *s)
{
    if (!s->open)
        s->open = client_open(s->bed, &s->client, s->uid);
    CHECK(s->open);
    return s->open;
}

void sender_complain(const struct sender *s, const char *what,
                     const char *message)
{
    printf("    %s: %s: %s\n", s->name, message, what);
    checks_failed++;
}

/* Takes an answer's request off the list. */
static void take_answer(struct sender *s, const struct wire_frame *frame)
{
    const char *name = frame->message->name;
    struct sender_request *w = s->waiting;
    struct vdc_error err;

    while (w < s->waiting + s->n_waiting && w->id != frame->id)
        w++;
    if (w == s->waiting + s->n_waiting) {
        sender_complain(s, "nothing is asked for, or it was answered before",
                        name);
        return;
    }
    s->sum.answered++;
    if (frame->message->number == WIRE_MSG_error) {
        s->sum.errors++;
        wire_error_take(frame->body, &err);
        if (err.code == VDC_E_INTERNAL || err.code == 0)
            sender_complain(s, err.text, w->message->name);
        if (s->denied && err.code != VDC_E_DENIED)
            sender_complain(s, err.text, w->message->name);
    } else if (s->denied || strcmp(w->message->reply, name) != 0) {
        sender_complain(s, name, w->message->name);
    }
    s->n_required -= w->required;
    *w = s->waiting[--s->n_waiting];
}

/* What comes next; false: the connection is ended. */
static bool receive(struct sender *s)
{
    struct wire_frame frame;

    if (!client_receive(&s->client, &frame, ANSWER_TIMEOUT_MS)) {
        if (last_error.code != VDC_E_CLOSED && last_error.code != VDC_E_IO)
            sender_complain(s, last_error.text,
                            s->n_waiting ? s->waiting[0].message->name : "?");
        return false;
    }
    switch (frame.message->number) {
    case WIRE_MSG_progress:
    case WIRE_MSG_event:
    case WIRE_MSG_console_data:
        return true;
    case WIRE_MSG_store_exported:
        if (((const struct wire_store_text *)frame.body)->records == 0)
            return true; /* a piece */
        break;
    case WIRE_MSG_error:
        if (frame.id == 0)
            return true; /* of the connection, which ends */
        break;
    }
    take_answer(s, &frame);
    return true;
}

void sender_settle(struct sender *s)
{
    while (s->open && s->n_required) {
        if (receive(s))
            continue;
        sender_complain(s, "the connection ended, and there was no reason",
                        s->waiting[0].message->name);
        sender_disconnect(s);
    }
}

/* ---- a message ---- */

static bool is_request(const struct wire_message *m)
{
    return (m->who & (W_CUSTOMER | W_OPERATOR)) &&
           m->number != WIRE_MSG_hello && m->number != WIRE_MSG_console_data;
}

static bool must_be_answered(const struct sender *s,
                             const struct wire_frame *frame)
{
    if (s->denied)
        return true;
    if (frame->message->number == WIRE_MSG_events)
        return !((const struct wire_events_query *)frame->body)->follow;
    return frame->message->number != WIRE_MSG_cancel;
}

static void send_request(struct sender *s, const struct wire_frame *frame,
                         const uint8_t *bytes, size_t size)
{
    bool console = frame->message->number == WIRE_MSG_console_attach;
    bool full = s->n_waiting == sizeof(s->waiting) / sizeof(s->waiting[0]);

    for (size_t i = 0; i < s->n_waiting; i++)
        full = full || s->waiting[i].id == frame->id;
    if (full || console || s->n_required >= SENDER_UNDER_WAY)
        sender_settle(s);
    if (full || frame->id == 0)
        sender_disconnect(s);
    if (frame->id == 0 || !connect_again(s))
        return;
    struct sender_request *w = &s->waiting[s->n_waiting++];
    *w = (struct sender_request){ frame->id, frame->message,
                                  must_be_answered(s, frame) };
    s->n_required += w->required;
    if (stream_blocking_send(s->client.fd, bytes, size, &last_error))
        sender_complain(s, last_error.text, frame->message->name);
    if (console) { /* nothing else can be said any more */
        sender_settle(s);
        sender_disconnect(s);
    }
}

/* What is none ends the connection; every fourth time with requests under
 * way. */
static void send_nonsense(struct sender *s, const char *name,
                          const uint8_t *bytes, size_t size)
{
    if (s->sum.ended % 4)
        sender_settle(s);
    if (!connect_again(s))
        return;
    if (stream_blocking_send(s->client.fd, bytes, size, &last_error))
        sender_complain(s, last_error.text, name);
    while (receive(s))
        continue;
    s->sum.ended++;
    sender_disconnect(s);
}

/* As of a newer version: it is refused, whoever asks, and the connection goes
 * on. */
static void send_newer(struct sender *s, const char *name,
                       const uint8_t *bytes, size_t size, uint32_t id)
{
    struct wire_frame frame;

    sender_settle(s);
    sender_disconnect(s);
    if (!connect_again(s))
        return;
    if (stream_blocking_send(s->client.fd, bytes, size, &last_error))
        sender_complain(s, last_error.text, name);
    if (!client_receive(&s->client, &frame, ANSWER_TIMEOUT_MS))
        sender_complain(s, "no answer to what is of a newer version", name);
    else if (frame.message->number != WIRE_MSG_error || frame.id != id)
        sender_complain(s, "another answer to what is of a newer version",
                        name);
    s->sum.answered++;
    s->sum.errors++;
}

void sender_send(struct sender *s, const char *name, const uint8_t *bytes,
                 size_t size)
{
    struct vdc_error err;
    struct wire_frame frame;
    int rc = wire_decode(bytes, size, answers, &frame, &err);

    s->sum.sent++;
    if (rc == VDC_E_UNSUPPORTED)
        send_newer(s, name, bytes, size, frame.id);
    else if (rc == 0 && is_request(frame.message))
        send_request(s, &frame, bytes, size);
    else
        send_nonsense(s, name, bytes, size);
}

void sender_send_first(struct sender *s)
{
    static const uint8_t sizes[][4] = { { 0 }, { 0xff, 0xff, 0xff, 0xff } };
    size_t n;
    const struct wire_message *messages = wire_messages(&n);
    struct wire_frame frame;

    for (size_t i = 0; i < n + 2; i++) {
        uint8_t *bytes;
        size_t size;
        sender_disconnect(s);
        if (i < n && messages[i].number == WIRE_MSG_hello)
            continue;
        CHECK(client_open_raw(s->bed, &s->client, s->uid));
        if (i < n) {
            void *body = arena_alloc(answers, messages[i].body->size);
            wire_init(messages[i].body, body);
            CHECK(wire_encode(messages[i].number, 1, body, answers, &bytes,
                              &size, NULL) == 0);
            CHECK(stream_blocking_send(s->client.fd, bytes, size,
                                       &last_error) == 0);
        } else { /* frames that there are not */
            CHECK(write(s->client.fd, sizes[i - n], 4) == 4);
        }
        while (client_receive(&s->client, &frame, ANSWER_TIMEOUT_MS))
            CHECK(frame.message->number == WIRE_MSG_error);
        CHECK(last_error.code == VDC_E_CLOSED);
        s->sum.ended++;
    }
    sender_disconnect(s);
}
