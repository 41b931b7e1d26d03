/*
 * In place of a watchdogd, for policyd: says over TLS what a file tells it to.
 *
 *   fence-fake HOST:PORT NAME PEM FILE
 *
 * FILE has words, read anew each time: "deaf:NAME", it has not heard that
 * host; "leave", it is to be stopped; "unarmed", it never arms; "mute", it
 * does not answer.  What it was told last is in FILE.told: the version, its
 * watchdog time and the members.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tcp.h"
#include "base/tls.h"
#include "chan/chan.h"
#include "wire/fence.h"
#include "wire/wire.h"

#define WATCHDOG_MS 10000
#define BEAT_MS 2000

static struct event_base *base;
static struct tls *tls;
static const char *name, *path;
static char words[4096];
static uint64_t version, told_ms;
static char members[64][64];
static uint32_t n_members;

static bool has(const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += len)
        if (strchr(" \n", at[len]) && (at == words || strchr(" \n", at[-1])))
            return true;
    return false;
}

static void read_words(void)
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(words, 1, sizeof(words) - 1, f) : 0;

    words[n] = '\0';
    if (f)
        fclose(f);
}

static void note(void)
{
    char file[512];

    snprintf(file, sizeof(file), "%s.told", path);
    FILE *f = fopen(file, "w");
    if (!f)
        return;
    fprintf(f, "%llu %llu", (unsigned long long)version,
            (unsigned long long)told_ms);
    for (uint32_t i = 0; i < n_members; i++)
        fprintf(f, " %s", members[i]);
    fprintf(f, "\n");
    fclose(f);
}

static void take(const struct wire_fence_members *body)
{
    if (body->version < version)
        return;
    version = body->version;
    told_ms = body->watchdog_ms;
    n_members = 0;
    for (uint32_t i = 0; i < body->n_members && i < 64; i++)
        snprintf(members[n_members++], 64, "%s", body->members[i].name);
    note();
}

static void report(struct arena *arena, struct wire_fence_report *ret)
{
    struct wire_fence_heard *heard =
        ARENA_ARRAY(arena, n_members + 1, struct wire_fence_heard);
    char word[80];

    wire_init(&wire_struct_fence_report, ret);
    ret->name = name;
    ret->version = version;
    ret->wanted_ms = WATCHDOG_MS;
    ret->armed = told_ms && n_members >= FENCE_MEMBERS_MIN && !has("unarmed");
    ret->watchdog_ms = ret->armed ? told_ms : 0;
    ret->leaving = has("leave");
    ret->beat_ms = BEAT_MS;
    ret->heard = heard;
    for (uint32_t i = 0; i < n_members; i++) {
        if (strcmp(members[i], name) == 0)
            continue;
        struct wire_fence_heard *h = &heard[ret->n_heard++];
        wire_init(&wire_struct_fence_heard, h);
        snprintf(word, sizeof(word), "deaf:%s", members[i]);
        h->name = members[i];
        h->ever = true;
        h->age_ms = has(word) ? 60000 : 100;
    }
}

static void answer(struct chan *chan, enum wire_message_number number,
                   uint32_t id, const void *body, struct arena *arena)
{
    struct vdc_error err = { 0 };
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, id, body, arena, &frame, &size, &err) ||
        chan_send(chan, frame, size))
        fprintf(stderr, "answering: %s\n", err.text);
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    const struct wire_hello hello = { .program = "watchdogd",
                                      .version = PACKAGE_VERSION,
                                      .protocol = WIRE_PROTOCOL };
    struct chan **chan = arg;
    struct arena *arena = arena_new();
    struct wire_fence_report body;
    struct wire_frame frame;

    read_words();
    if (wire_decode(message, size, arena, &frame, NULL) || has("mute")) {
        arena_free(arena);
        return;
    }
    if (frame.message->number == WIRE_MSG_hello) {
        answer(*chan, WIRE_MSG_hello, frame.id, &hello, arena);
    } else {
        if (frame.message->number == WIRE_MSG_fence_members)
            take(frame.body);
        report(arena, &body);
        answer(*chan, WIRE_MSG_fence_report, frame.id, &body, arena);
        if (frame.message->number == WIRE_MSG_fence_leave) {
            printf("let go\n");
            event_base_loopexit(base, &(struct timeval){ 1, 0 });
        }
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct chan **chan = arg;

    chan_destroy(*chan);
    free(chan);
}

static const struct chan_ops ops = { .on_message = on_message,
                                     .on_close = on_close };

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct chan **chan;

    if (!stream) {
        fprintf(stderr, "over TLS: %s\n", why->text);
        return;
    }
    chan = XNEW(struct chan *);
    *chan = chan_of_stream(base, stream);
    chan_set_ops(*chan, &ops, chan);
}

static void accepted(void *arg, int fd, const char *from)
{
    tls_accept(tls, base, fd, 10000, shaken, NULL);
}

int main(int argc, char **argv)
{
    struct vdc_error err = { 0 };
    struct tcp_listener *listener;

    if (argc != 5) {
        fprintf(stderr, "usage: fence-fake HOST:PORT NAME PEM FILE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    name = argv[2];
    path = argv[4];
    base = event_base_new();
    const struct tls_files files = { argv[3], argv[3], argv[3] };
    int rc = tls_new_server(&files, TLS_DEMAND, &tls, &err);
    if (!rc)
        rc = tcp_listen(base, argv[1], accepted, NULL, &listener, &err);
    if (rc) {
        fprintf(stderr, "fence-fake: %s\n", err.text);
        return 1;
    }
    event_base_dispatch(base);
    return 0;
}
