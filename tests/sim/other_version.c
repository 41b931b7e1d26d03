/*
 * A program of another version of xen-vdc, at one end of a unix socket.
 *
 *   other_version serve PATH HELLO     listens, answers what comes first,
 *                                      until it is ended; prints what came
 *   other_version say PATH HELLO WHAT  says hello, then WHAT, then asks for
 *                                      versions, and prints each answer
 *
 * HELLO: the number of the protocol that it says it speaks, and `+` when its
 * hello has a field that this version does not know.
 * WHAT: `message`: one of a number that is not known; `field`, `ignore`: that
 * has a field that is not known, or that may be ignored; `nothing`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/stream.h"
#include "wire/layout.h"
#include "wire/wire.h"

#define LONG_MS 10000
#define NO_MESSAGE 60000
#define NO_FIELD 999
#define MAY_IGNORE (LAYOUT_MAY_IGNORE + 999)

static struct arena *arena;

struct frame {
    uint8_t *bytes;
    size_t size;
};

static struct frame encoded(enum wire_message_number number, const void *body)
{
    struct frame frame;

    if (wire_encode(number, 7, body, arena, &frame.bytes, &frame.size, NULL))
        abort();
    return frame;
}

/* A field more, of 4 bytes: numbers rise, and these are above all others. */
static struct frame with_field(struct frame from, unsigned number)
{
    struct frame to = { arena_alloc(arena, from.size + 10), from.size + 10 };

    memcpy(to.bytes, from.bytes, from.size);
    layout_put(to.bytes + from.size, number, 2);
    layout_put(to.bytes + from.size + 2, 4, 4);
    layout_put(to.bytes + from.size + 6, 1, 4);
    layout_put(to.bytes + LAYOUT_SIZE_OFFSET, to.size - LAYOUT_HEAD_SIZE, 4);
    return to;
}

static struct frame hello(const char *word)
{
    struct wire_hello body;

    wire_init(&wire_struct_hello, &body);
    body.program = "other";
    body.version = "99.0";
    body.protocol = (uint32_t)atoi(word);
    struct frame frame = encoded(WIRE_MSG_hello, &body);
    return strchr(word, '+') ? with_field(frame, NO_FIELD) : frame;
}

static struct frame ask_version(void)
{
    struct wire_empty empty;

    wire_init(&wire_struct_empty, &empty);
    return encoded(WIRE_MSG_version, &empty);
}

static struct frame what(const char *word)
{
    struct frame frame = ask_version();

    if (strcmp(word, "message") == 0)
        layout_put(frame.bytes + 4, NO_MESSAGE, 2);
    else if (strcmp(word, "field") == 0)
        frame = with_field(frame, NO_FIELD);
    else if (strcmp(word, "ignore") == 0)
        frame = with_field(frame, MAY_IGNORE);
    return frame;
}

static void print(const uint8_t *bytes, size_t size)
{
    struct vdc_error err = { 0 };
    struct wire_frame frame;

    if (wire_decode(bytes, size, arena, &frame, &err)) {
        printf("cannot be read: %s\n", err.text);
    } else if (frame.message->number == WIRE_MSG_error) {
        wire_error_take(frame.body, &err);
        printf("%s %u: %s; %s\n", frame.message->name, frame.id, err.text,
               err.hint);
    } else if (frame.message->number == WIRE_MSG_hello) {
        const struct wire_hello *theirs = frame.body;
        printf("hello of %s, protocol %u\n", theirs->program,
               theirs->protocol);
    } else {
        printf("%s %u\n", frame.message->name, frame.id);
    }
    fflush(stdout);
}

static bool receive(int fd)
{
    struct vdc_error err = { 0 };
    uint8_t *answer;
    size_t size;

    if (stream_blocking_receive(fd, LONG_MS, &answer, &size, &err)) {
        printf("%s\n", err.text);
        fflush(stdout);
        return false;
    }
    print(answer, size);
    free(answer);
    return true;
}

static bool send_it(int fd, struct frame frame)
{
    return !stream_blocking_send(fd, frame.bytes, frame.size, NULL);
}

static int say(const char *path, const char *greeting, const char *word)
{
    struct vdc_error err = { 0 };
    int fd;

    if (stream_blocking_connect(path, &fd, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    bool ok = send_it(fd, hello(greeting)) && receive(fd);
    if (ok && strcmp(word, "nothing") != 0)
        ok = send_it(fd, what(word)) && receive(fd);
    if (ok)
        ok = send_it(fd, ask_version()) && receive(fd);
    close(fd);
    return 0;
}

static int serve(const char *path, const char *greeting)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (bind(listening, (struct sockaddr *)&address, sizeof(address)) ||
        listen(listening, 8)) {
        perror(path);
        return 1;
    }
    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        if (receive(fd) && send_it(fd, hello(greeting)))
            receive(fd); /* what comes of it: nothing */
        close(fd);
    }
    return 1;
}

int main(int argc, char **argv)
{
    int status = 2;

    arena = arena_new();
    if (argc == 5 && strcmp(argv[1], "say") == 0)
        status = say(argv[2], argv[3], argv[4]);
    else if (argc == 4 && strcmp(argv[1], "serve") == 0)
        status = serve(argv[2], argv[3]);
    arena_free(arena);
    return status;
}
