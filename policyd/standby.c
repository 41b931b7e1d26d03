/* Answers while another policyd leads; see standby.h. */
#include "policyd/standby.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/stream.h"
#include "wire/wire.h"

/* Those who connect and say nothing. */
#define CLIENTS_MAX 256

struct client {
    TAILQ_ENTRY(client) link;
    struct standby *standby;
    struct stream *stream;
};

struct standby {
    struct event_base *base;
    struct stream_listener *listener;
    TAILQ_HEAD(, client) clients;
    unsigned n_clients;
    char *leader;
};

static void drop(struct client *client)
{
    TAILQ_REMOVE(&client->standby->clients, client, link);
    client->standby->n_clients--;
    free(client);
}

static void say(const struct standby *standby, struct stream *stream)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_error body;
    uint8_t *frame;
    size_t size;

    vdc_error_set(&err, VDC_E_NO_DAEMON,
                  "this policyd stands by: policyd of %s leads",
                  standby->leader);
    vdc_error_hint(&err, "ask there; if it ends, this one takes over within "
                         "the time of `store_lease`");
    wire_error_fill(&body, &err);
    if (!wire_encode(WIRE_MSG_error, 0, &body, arena, &frame, &size, NULL))
        stream_send(stream, frame, size);
    arena_free(arena);
}

/* Whatever it is.  Not before: what was not read when a socket is closed takes
 * what was sent along. */
static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct client *client = arg;

    say(client->standby, client->stream);
    stream_finish(client->stream);
    drop(client);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct client *client = arg;

    stream_destroy(client->stream);
    drop(client);
}

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    static const struct stream_ops ops = { .on_frame = on_frame,
                                           .on_close = on_close };
    struct standby *standby = arg;
    struct client *client;

    if (standby->n_clients >= CLIENTS_MAX) {
        client = TAILQ_FIRST(&standby->clients);
        stream_destroy(client->stream);
        drop(client);
    }
    client = XNEW(struct client);
    client->standby = standby;
    client->stream = stream_new(standby->base, fd, &ops, client);
    TAILQ_INSERT_TAIL(&standby->clients, client, link);
    standby->n_clients++;
}

int standby_new(struct event_base *base, const char *socket,
                const char *leader, struct standby **ret,
                struct vdc_error *err)
{
    struct standby *standby = XNEW(struct standby);

    standby->base = base;
    standby->leader = xstrdup(leader);
    TAILQ_INIT(&standby->clients);
    int rc = stream_listen_unix(base, socket, 0666, accepted, standby,
                                &standby->listener, err);
    if (rc) {
        free(standby->leader);
        free(standby);
        return rc;
    }
    *ret = standby;
    return 0;
}

void standby_free(struct standby *standby)
{
    if (!standby)
        return;
    stream_listener_destroy(standby->listener);
    while (!TAILQ_EMPTY(&standby->clients)) {
        stream_destroy(TAILQ_FIRST(&standby->clients)->stream);
        drop(TAILQ_FIRST(&standby->clients));
    }
    free(standby->leader);
    free(standby);
}
