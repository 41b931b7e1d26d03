/*
 * Says one message to a watchdogd, over TLS as whom a certificate says or over
 * its unix socket, and prints the answer: a report as JSON, or the error.
 *
 *   fence-say HOST:PORT NAME CA PEM MESSAGE [JSON]
 *   fence-say /PATH MESSAGE [JSON]
 *
 * PEM: certificate and key in one file.  Exits as xl-vdc would.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "wire/wire.h"

#define LONG_MS 20000

static struct arena *arena;
static struct stream *stream;
static const struct wire_message *message;
static void *body;
static int status = -1;

static void send_it(enum wire_message_number number, const void *what)
{
    uint8_t *frame;
    size_t size;
    struct vdc_error err;

    if (wire_encode(number, 1, what, arena, &frame, &size, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    stream_send(stream, frame, size);
}

static void say_error(const struct vdc_error *err)
{
    printf("%s\n", err->text);
    status = vdc_error_exit_status(err->code);
}

static void print_json(const struct wire_frame *frame)
{
    struct json_out *out = json_out_new(false);

    wire_to_json(frame->message->body, frame->body, out);
    printf("%s\n", json_out_text(out, NULL));
    json_out_free(out);
}

static void on_frame(void *arg, const uint8_t *data, size_t size)
{
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    if (wire_decode(data, size, arena, &frame, &err)) {
        say_error(&err);
    } else if (frame.message->number == WIRE_MSG_hello) {
        send_it((enum wire_message_number)message->number, body);
    } else if (frame.message->number == WIRE_MSG_error) {
        wire_error_take(frame.body, &err);
        say_error(&err);
    } else {
        print_json(&frame);
        status = 0;
    }
}

static void on_close(void *arg, const struct vdc_error *err)
{
    if (status < 0)
        say_error(err);
}

static const struct stream_ops ops = { .on_frame = on_frame,
                                       .on_close = on_close };

static void greet(void)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "fence-say";
    hello.version = "0";
    hello.protocol = WIRE_PROTOCOL;
    send_it(WIRE_MSG_hello, &hello);
}

static void on_done(void *arg, struct stream *made,
                    const struct tls_certificate *peer,
                    const struct vdc_error *err)
{
    if (!made) {
        say_error(err);
        return;
    }
    stream = made;
    stream_set_ops(stream, &ops, NULL);
    greet();
}

static void read_body(const char *text)
{
    struct vdc_error err = { 0 };
    const struct json_value *value;

    body = arena_alloc(arena, message->body->size);
    wire_init(message->body, body);
    if (!text)
        return;
    if (json_parse(text, strlen(text), arena, &value, &err) ||
        wire_from_json(message->body, value, arena, body, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
}

static int begin(struct event_base *base, char **argv, struct tls **tls,
                 struct vdc_error *err)
{
    const struct tls_files files = { argv[4], argv[4], argv[3] };
    int fd;

    if (tls_new_client(&files, tls, err) ||
        tcp_connect_blocking(argv[1], LONG_MS, &fd, err))
        return err->code;
    tls_connect(*tls, base, fd, argv[2], LONG_MS, on_done, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    bool local = argc > 1 && *argv[1] == '/';
    int at = local ? 2 : 5;
    struct vdc_error err = { 0 };
    struct tls *tls = NULL;
    struct event_base *base = event_base_new();
    int rc;

    if (argc != at + 1 && argc != at + 2)
        return 2;
    arena = arena_new();
    message = wire_message_by_name(argv[at]);
    if (!message)
        return 2;
    read_body(argc > at + 1 ? argv[at + 1] : NULL);
    if (local)
        rc = stream_connect_unix(base, argv[1], &ops, NULL, &stream, &err);
    else
        rc = begin(base, argv, &tls, &err);
    if (rc) {
        printf("%s\n", err.text);
        return vdc_error_exit_status(rc);
    }
    if (local)
        greet();
    while (status < 0)
        event_base_loop(base, EVLOOP_ONCE);
    stream_destroy(stream);
    tls_free(tls);
    event_base_free(base);
    arena_free(arena);
    return status;
}
