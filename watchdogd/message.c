/* Messages over a stream; see message.h. */
#include "watchdogd/message.h"

#include "base/log.h"
#include "base/stream.h"

void message_send(struct stream *stream, enum wire_message_number number,
                  uint32_t id, const void *body)
{
    struct arena *arena = arena_new();
    struct vdc_error err;
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, id, body, arena, &frame, &size, &err))
        log_error("a message cannot be sent: %s", err.text);
    else
        stream_send(stream, frame, size);
    arena_free(arena);
}

void message_send_error(struct stream *stream, uint32_t id,
                        const struct vdc_error *err)
{
    struct wire_error body;

    wire_init(&wire_struct_error, &body);
    wire_error_fill(&body, err);
    message_send(stream, WIRE_MSG_error, id, &body);
}

void message_send_hello(struct stream *stream, uint32_t id)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "watchdogd";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    message_send(stream, WIRE_MSG_hello, id, &hello);
}
