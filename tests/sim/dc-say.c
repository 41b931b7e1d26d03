/*
 * Says hello to a resourced over TLS, as whom a certificate says, and prints
 * what comes of it: "hello from resourced", or the error, and exits as xl-vdc
 * would.
 *
 *   dc-say HOST:PORT NAME CA PEM   PEM: certificate and key in one file, or
 *                                  PEM.crt and PEM.key; -: none
 *   dc-say /PATH                   policyd's socket, with a dc_join
 *
 * DC_SAY_PROTOCOL is another protocol than the own one; DC_SAY_THEN a message,
 * with nothing in it, that is said after hello was answered: then that answer
 * is printed.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "wire/wire.h"

#define LONG_MS 10000

static struct arena *arena;
static struct event_base *base;
static struct stream *stream;
static int status = -1;

static const uint8_t *encoded(enum wire_message_number number,
                              const void *body, size_t *ret_size)
{
    uint8_t *frame;

    if (wire_encode(number, 1, body, arena, &frame, ret_size, NULL))
        abort();
    return frame;
}

static const uint8_t *hello(size_t *ret_size)
{
    const char *protocol = getenv("DC_SAY_PROTOCOL");
    struct wire_hello body;

    wire_init(&wire_struct_hello, &body);
    body.program = "dc-say";
    body.version = "0";
    body.protocol = protocol ? (uint32_t)atoi(protocol) : WIRE_PROTOCOL;
    return encoded(WIRE_MSG_hello, &body, ret_size);
}

static void say_error(const struct vdc_error *err)
{
    printf("%s\n", err->text);
    status = 0;
}

static void say_more(const char *name)
{
    const struct wire_message *message = wire_message_by_name(name);
    size_t size;

    if (!message)
        abort();
    void *body = arena_alloc(arena, message->body->size);
    wire_init(message->body, body);
    const uint8_t *frame =
        encoded((enum wire_message_number)message->number, body, &size);
    status = -1;
    stream_send(stream, frame, size);
}

static void print_answer(const uint8_t *data, size_t size)
{
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    status = 0;
    if (wire_decode(data, size, arena, &frame, &err)) {
        say_error(&err);
    } else if (frame.message->number == WIRE_MSG_hello &&
               getenv("DC_SAY_THEN")) {
        say_more(getenv("DC_SAY_THEN"));
    } else if (frame.message->number == WIRE_MSG_error ||
               frame.message->number == WIRE_MSG_migrate_failed) {
        wire_error_take(frame.body, &err);
        say_error(&err);
    } else if (frame.message->number == WIRE_MSG_hello) {
        printf("hello from %s\n",
               ((const struct wire_hello *)frame.body)->program);
    } else {
        printf("%s\n", frame.message->name);
    }
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    print_answer(frame, size);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    if (status < 0)
        say_error(err);
}

static void on_done(void *arg, struct stream *made,
                    const struct tls_certificate *peer,
                    const struct vdc_error *err)
{
    static const struct stream_ops ops = { .on_frame = on_frame,
                                           .on_close = on_close };
    size_t size;

    if (!made) {
        say_error(err);
        return;
    }
    stream = made;
    stream_set_ops(stream, &ops, NULL);
    const uint8_t *frame = hello(&size);
    stream_send(stream, frame, size);
}

static int say_over_tls(char **argv, struct vdc_error *err)
{
    const char *pem = argv[4];
    bool two = strcmp(pem, "-") != 0 && access(pem, F_OK) != 0;
    const char *end = two ? ".crt" : "", *key_end = two ? ".key" : "";
    bool none = strcmp(pem, "-") == 0;
    const struct tls_files files = {
        none ? "" : arena_printf(arena, "%s%s", pem, end),
        none ? "" : arena_printf(arena, "%s%s", pem, key_end), argv[3]
    };
    struct tls *tls;
    int fd;

    if (tls_new_client(&files, &tls, err) ||
        tcp_connect_blocking(argv[1], LONG_MS, &fd, err))
        return err->code;
    base = event_base_new();
    tls_connect(tls, base, fd, argv[2], LONG_MS, on_done, NULL);
    while (status < 0)
        event_base_loop(base, EVLOOP_ONCE);
    stream_destroy(stream);
    tls_free(tls);
    event_base_free(base);
    return 0;
}

/* A machine that joins, at a place that is not for it. */
static int say_join(const char *path, struct vdc_error *err)
{
    struct wire_dc_join join;
    const uint8_t *frame;
    uint8_t *answer;
    size_t size;
    int fd, rc = stream_blocking_connect(path, &fd, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_dc_join, &join);
    frame = hello(&size);
    stream_blocking_send(fd, frame, size, NULL);
    rc = stream_blocking_receive(fd, LONG_MS, &answer, &size, err);
    if (!rc) {
        free(answer);
        frame = encoded(WIRE_MSG_dc_join, &join, &size);
        stream_blocking_send(fd, frame, size, NULL);
        rc = stream_blocking_receive(fd, LONG_MS, &answer, &size, err);
    }
    if (!rc) {
        print_answer(answer, size);
        free(answer);
    }
    close(fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct vdc_error err = { 0 };
    int rc;

    if (argc != 2 && argc != 5)
        return 2;
    arena = arena_new();
    rc = argc == 2 ? say_join(argv[1], &err) : say_over_tls(argv, &err);
    if (rc)
        fprintf(stderr, "%s\n", err.text);
    arena_free(arena);
    return vdc_error_exit_status(rc);
}
