/* Answers while another policyd leads; see standby.h. */
#include "policyd/standby.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "policyd/api/remote.h"
#include "wire/wire.h"

/* Those who connect and say nothing. */
#define CLIENTS_MAX 256

struct client {
    TAILQ_ENTRY(client) link;
    struct standby *standby;
    struct tls_handshake *handshake; /* one of the two */
    struct stream *stream;
};

struct standby {
    struct event_base *base;
    struct stream_listener *listener;
    struct tls *tls; /* NULL: there is no tls_address */
    struct tcp_listener *remote_listener;
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

static const struct stream_ops ops = { .on_frame = on_frame,
                                       .on_close = on_close };

static void drop_with_all(struct client *client)
{
    tls_handshake_cancel(client->handshake);
    stream_destroy(client->stream);
    drop(client);
}

/* The oldest makes room. */
static struct client *add(struct standby *standby)
{
    struct client *client = XNEW(struct client);

    if (standby->n_clients >= CLIENTS_MAX)
        drop_with_all(TAILQ_FIRST(&standby->clients));
    client->standby = standby;
    TAILQ_INSERT_TAIL(&standby->clients, client, link);
    standby->n_clients++;
    return client;
}

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    struct standby *standby = arg;
    struct client *client = add(standby);

    client->stream = stream_new(standby->base, fd, &ops, client);
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *err)
{
    struct client *client = arg;

    client->handshake = NULL;
    client->stream = stream;
    if (!stream) {
        drop(client);
        return;
    }
    stream_limit(stream, REMOTE_GREETING_MAX);
    stream_set_ops(stream, &ops, client);
}

static void accepted_remote(void *arg, int fd, const char *from)
{
    struct standby *standby = arg;
    struct client *client = add(standby);

    client->handshake = tls_accept(standby->tls, standby->base, fd,
                                   REMOTE_HANDSHAKE_MS, shaken, client);
}

static int listen_remote(struct standby *standby, const struct setup *setup,
                         struct vdc_error *err)
{
    if (!*setup->tls_address)
        return 0;
    int rc = remote_read_files(setup, &standby->tls, err);
    return rc ? rc
              : tcp_listen(standby->base, setup->tls_address, accepted_remote,
                           standby, &standby->remote_listener, err);
}

int standby_new(struct event_base *base, const struct setup *setup,
                const char *leader, struct standby **ret,
                struct vdc_error *err)
{
    struct standby *standby = XNEW(struct standby);

    standby->base = base;
    standby->leader = xstrdup(leader);
    TAILQ_INIT(&standby->clients);
    int rc = stream_listen_unix(base, setup->socket, 0666, accepted, standby,
                                &standby->listener, err);
    if (!rc)
        rc = listen_remote(standby, setup, err);
    if (rc) {
        standby_free(standby);
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
    tcp_listener_destroy(standby->remote_listener);
    while (!TAILQ_EMPTY(&standby->clients))
        drop_with_all(TAILQ_FIRST(&standby->clients));
    tls_free(standby->tls);
    free(standby->leader);
    free(standby);
}
