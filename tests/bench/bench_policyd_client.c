/* See bench_policyd.h. */
#include "tests/bench/bench_policyd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/stream.h"

#define CLIENT_WAIT_MS 60000

bool client_expects_no_room;

bool client_send(int fd, enum wire_message_number number, uint32_t id,
                 const void *body)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, id, body, arena, &frame, &size, &err))
        die("a request", &err);
    int rc = stream_blocking_send(fd, frame, size, NULL);
    arena_free(arena);
    return rc == 0;
}

bool client_receive(int fd, struct arena *keep, void **ret_body)
{
    struct arena *arena = keep ? keep : arena_new();
    struct vdc_error err = { 0 };
    struct wire_frame got;
    uint8_t *frame;
    size_t size;

    if (stream_blocking_receive(fd, CLIENT_WAIT_MS, &frame, &size, NULL))
        return false;
    if (wire_decode(frame, size, arena, &got, &err))
        die("an answer", &err);
    if (got.message->number == WIRE_MSG_error) {
        wire_error_take(got.body, &err);
        if (!client_expects_no_room ||
            (err.code != VDC_E_NO_HOST && err.code != VDC_E_NO_MEMORY))
            die("an answer", &err);
    }
    if (ret_body)
        *ret_body = got.body;
    if (!keep)
        arena_free(arena);
    free(frame);
    return true;
}

int client_connect(const char *path)
{
    struct wire_hello hello;
    int fd;

    if (stream_blocking_connect(path, &fd, NULL))
        return -1;
    wire_init(&wire_struct_hello, &hello);
    hello.program = "bench";
    hello.protocol = WIRE_PROTOCOL;
    if (client_send(fd, WIRE_MSG_hello, 1, &hello) &&
        client_receive(fd, NULL, NULL))
        return fd;
    close(fd);
    return -1;
}

unsigned long memory_of(pid_t pid, const char *what)
{
    char path[48], line[128];
    unsigned long kib = 0;
    size_t len = strlen(what);

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, what, len) == 0)
            kib = strtoul(line + len, NULL, 10);
    if (f)
        fclose(f);
    return kib;
}

double cpu_of(pid_t pid)
{
    clockid_t clock;

    return clock_getcpuclockid(pid, &clock) ? 0 : seconds(clock);
}
