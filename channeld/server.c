/*
 * The control socket of channeld: answers hello and version, and refuses
 * whatever else is asked.  Each connection has one exchange at a time and
 * little time, so a client can hold nothing up.
 */
#include "channeld/server.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/stream.h"
#include "wire/wire.h"

#define IDLE_S 10
#define CLIENTS_MAX 64

struct client {
    TAILQ_ENTRY(client) link;
    struct server *server;
    struct stream *stream;
    struct event *timer;
    bool greeted;
};

struct server {
    struct event_base *base;
    struct stream_listener *listener;
    TAILQ_HEAD(, client) clients;
    unsigned n_clients;
};

/* NULL stream: it was handed over to be finished. */
static void client_free(struct client *client)
{
    TAILQ_REMOVE(&client->server->clients, client, link);
    client->server->n_clients--;
    stream_destroy(client->stream);
    event_free(client->timer);
    free(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    client_free(arg);
}

/* false: the client is gone. */
static bool answer(struct client *client, enum wire_message_number number,
                   uint32_t id, const void *body, bool last)
{
    struct arena *arena = arena_new();
    uint8_t *frame;
    size_t size;
    int rc = wire_encode(number, id, body, arena, &frame, &size, NULL);

    if (!rc)
        rc = stream_send(client->stream, frame, size);
    arena_free(arena);
    if (!rc && !last)
        return true;
    if (!rc) {
        stream_finish(client->stream);
        client->stream = NULL;
    }
    client_free(client);
    return false;
}

static void fail(struct client *client, uint32_t id,
                 const struct vdc_error *err)
{
    struct wire_error body;

    wire_error_fill(&body, err);
    answer(client, WIRE_MSG_error, id, &body, true);
}

static void take(struct client *client, const struct wire_frame *frame)
{
    const struct wire_hello hello = { .program = "channeld",
                                      .version = PACKAGE_VERSION,
                                      .protocol = WIRE_PROTOCOL };
    const struct wire_version version = { .protocol = WIRE_PROTOCOL };
    const struct wire_hello *theirs = frame->body;
    struct vdc_error err = { 0 };

    if (!client->greeted && frame->message->number == WIRE_MSG_hello &&
        theirs->protocol == WIRE_PROTOCOL) {
        client->greeted = true;
        answer(client, WIRE_MSG_hello, frame->id, &hello, false);
    } else if (!client->greeted) {
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "channeld speaks protocol %d, and expects hello first",
                      WIRE_PROTOCOL);
        fail(client, frame->id, &err);
    } else if (frame->message->number == WIRE_MSG_version) {
        answer(client, WIRE_MSG_version_reply, frame->id, &version, false);
    } else {
        vdc_error_set(&err, VDC_E_UNSUPPORTED,
                      "channeld makes no channels yet; '%s' is not served",
                      frame->message->name);
        fail(client, frame->id, &err);
    }
}

static void on_frame(void *arg, const uint8_t *data, size_t size)
{
    const struct timeval idle = { IDLE_S, 0 };
    struct client *client = arg;
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    evtimer_add(client->timer, &idle);
    if (wire_decode(data, size, arena, &frame, &err))
        fail(client, 0, &err);
    else
        take(client, &frame);
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    client_free(arg);
}

static const struct stream_ops stream_ops = { .on_frame = on_frame,
                                              .on_close = on_close };

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    const struct timeval idle = { IDLE_S, 0 };
    struct server *server = arg;
    struct client *client = XNEW(struct client);

    client->server = server;
    client->stream = stream_new(server->base, fd, &stream_ops, client);
    client->timer = evtimer_new(server->base, on_timer, client);
    TAILQ_INSERT_TAIL(&server->clients, client, link);
    if (++server->n_clients > CLIENTS_MAX)
        client_free(client);
    else
        evtimer_add(client->timer, &idle);
}

int server_new(struct event_base *base, const char *socket,
               struct server **ret, struct vdc_error *err)
{
    struct server *server = XNEW(struct server);

    server->base = base;
    TAILQ_INIT(&server->clients);
    int rc = stream_listen_unix(base, socket, 0600, accepted, server,
                                &server->listener, err);
    if (rc) {
        free(server);
        return rc;
    }
    *ret = server;
    return 0;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    stream_listener_destroy(server->listener);
    while (!TAILQ_EMPTY(&server->clients))
        client_free(TAILQ_FIRST(&server->clients));
    free(server);
}
