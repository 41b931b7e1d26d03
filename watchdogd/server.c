/* Who comes, and what they may send; see server.h. */
#include "watchdogd/server.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "watchdogd/identity.h"
#include "watchdogd/message.h"

#define HANDSHAKE_MS 10000
/* Of those who have not shown a certificate: so many from all addresses that
 * are no member's; and so many from each that is.  So strangers, however many
 * they are, keep no member out. */
#define STRANGERS_MAX 32
/* Each sends something each beat. */
#define SILENT_MS 30000
/* An other end that takes so little is left. */
#define CLOGGED_BYTES (1024 * 1024)
#define PING_FRAME_MAX 1024

struct stranger {
    TAILQ_ENTRY(stranger) link;
    struct server *server;
    struct tls_handshake *handshake;
    char from[TCP_FROM_SIZE];
    bool may_be_member; /* by its address */
};

struct client {
    LIST_ENTRY(client) link;
    struct server *server;
    struct stream *stream;
    unsigned who;              /* W_POLICYD, W_HOST; 0: it may look */
    char name[VOTE_NAME_SIZE]; /* of the host; else "" */
    bool greeted;
    bool owed; /* a report */
    uint32_t owed_id;
    uint64_t heard_ms;
};

struct server {
    struct event_base *base;
    struct identity *identity;
    const struct server_ops *ops;
    void *arg;
    struct tcp_listener *tcp;
    struct stream_listener *local;
    TAILQ_HEAD(, stranger) strangers; /* the oldest first */
    LIST_HEAD(, client) clients;
};

/* ---- clients ---- */

static void client_drop(struct client *client)
{
    LIST_REMOVE(client, link);
    stream_finish(client->stream);
    free(client);
}

static void send_report(struct client *client, uint32_t id)
{
    struct arena *arena = arena_new();
    struct wire_fence_report report;

    wire_init(&wire_struct_fence_report, &report);
    client->server->ops->fill_report(client->server->arg, arena, &report);
    message_send(client->stream, WIRE_MSG_fence_report, id, &report);
    arena_free(arena);
}

static void answer(struct client *client, uint32_t id, bool later, int rc,
                   const struct vdc_error *err)
{
    if (rc) {
        log_limited(VDC_LOG_WARNING, "policyd", "refused: %s", err->text);
        message_send_error(client->stream, id, err);
    } else if (later) {
        client->owed = true;
        client->owed_id = id;
    } else {
        send_report(client, id);
    }
}

void server_answer(struct server *server, const struct vdc_error *err)
{
    struct client *client;

    LIST_FOREACH (client, &server->clients, link) {
        if (!client->owed)
            continue;
        client->owed = false;
        answer(client, client->owed_id, false, err->code, err);
    }
}

static void pong(struct client *client, uint32_t id,
                 const struct wire_fence_ping *ping)
{
    struct wire_fence_ping body = *ping;

    client->server->ops->on_ping(client->server->arg, client->name,
                                 &body.version);
    message_send(client->stream, WIRE_MSG_fence_pong, id, &body);
}

static int check_hello(const struct wire_hello *hello, struct vdc_error *err)
{
    if (hello->protocol == WIRE_PROTOCOL)
        return 0;
    vdc_error_set(err, VDC_E_PROTOCOL,
                  "%s %s speaks protocol %u, watchdogd %s speaks protocol %d",
                  hello->program, hello->version, hello->protocol,
                  PACKAGE_VERSION, WIRE_PROTOCOL);
    vdc_error_hint(err, "install the same version on all hosts");
    return VDC_E_PROTOCOL;
}

/* Whether this client may send it, now. */
static int check(const struct client *client, const struct wire_frame *frame,
                 struct vdc_error *err)
{
    const struct wire_message *message = frame->message;

    if (message->number == WIRE_MSG_hello)
        return check_hello(frame->body, err);
    if (!client->greeted)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the first message must be hello, not %s",
                             message->name);
    if (message->number == WIRE_MSG_fence_status ||
        ((message->number == WIRE_MSG_fence_members ||
          message->number == WIRE_MSG_fence_leave ||
          message->number == WIRE_MSG_fence_ping) &&
         (message->who & client->who)))
        return 0;
    return vdc_error_set(err, VDC_E_DENIED,
                         "%s is not for %s to send to watchdogd",
                         message->name,
                         client->who == W_POLICYD ? "policyd"
                         : client->who == W_HOST  ? "a host"
                                                  : "a local user");
}

static void dispatch(struct client *client, const struct wire_frame *frame)
{
    const struct server *server = client->server;
    struct vdc_error err = { 0 };
    bool later = false;
    int rc;

    switch (frame->message->number) {
    case WIRE_MSG_hello:
        client->greeted = true;
        message_send_hello(client->stream, frame->id);
        return;
    case WIRE_MSG_fence_ping:
        pong(client, frame->id, frame->body);
        return;
    case WIRE_MSG_fence_members:
        rc = server->ops->on_members(server->arg, frame->body, &later, &err);
        answer(client, frame->id, later, rc, &err);
        return;
    case WIRE_MSG_fence_leave:
        rc = server->ops->on_leave(server->arg, &later, &err);
        answer(client, frame->id, later, rc, &err);
        return;
    case WIRE_MSG_fence_status:
        send_report(client, frame->id);
        return;
    }
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct client *client = arg;
    struct arena *arena = arena_new();
    struct wire_frame message = { 0 };
    struct vdc_error err = { 0 };
    int rc = wire_decode(frame, size, arena, &message, &err);

    client->heard_ms = clock_mono().ms;
    if (rc == 0)
        rc = check(client, &message, &err);
    if (rc) {
        log_limited(VDC_LOG_WARNING,
                    *client->name ? client->name : "a connection",
                    "refused: %s", err.text);
        message_send_error(client->stream, message.id, &err);
        client_drop(client);
    } else {
        dispatch(client, &message);
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    client_drop(arg);
}

static const struct stream_ops stream_ops = {
    .on_frame = on_frame,
    .on_close = on_close,
};

static void client_new(struct server *server, struct stream *stream,
                       unsigned who, const char *name)
{
    struct client *client = XNEW(struct client);

    client->server = server;
    client->stream = stream;
    client->who = who;
    client->heard_ms = clock_mono().ms;
    snprintf(client->name, sizeof(client->name), "%s", name);
    LIST_INSERT_HEAD(&server->clients, client, link);
    stream_set_ops(stream, &stream_ops, client);
    if (who != W_POLICYD)
        stream_limit(stream, PING_FRAME_MAX);
}

void server_beat(struct server *server)
{
    uint64_t now_ms = clock_mono().ms;
    struct client *client, *next;

    for (client = LIST_FIRST(&server->clients); client; client = next) {
        next = LIST_NEXT(client, link);
        if ((client->who && now_ms - client->heard_ms > SILENT_MS) ||
            stream_pending(client->stream) > CLOGGED_BYTES)
            client_drop(client);
    }
}

/* ---- over TLS ---- */

static void stranger_drop(struct stranger *stranger)
{
    TAILQ_REMOVE(&stranger->server->strangers, stranger, link);
    free(stranger);
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct stranger *stranger = arg;
    struct server *server = stranger->server;
    char name[VOTE_NAME_SIZE] = "";

    if (peer)
        identity_host_name(peer, name);
    if (!stream) {
        log_limited(VDC_LOG_WARNING, stranger->from, "over TLS: %s",
                    why->text);
    } else if (peer && strcmp(peer->role, "policyd") == 0) {
        client_new(server, stream, W_POLICYD, "");
    } else if (*name) {
        client_new(server, stream, W_HOST, name);
    } else {
        log_limited(VDC_LOG_WARNING, stranger->from,
                    "refused: the certificate of '%s' is neither that of a "
                    "host nor that of policyd", peer ? peer->subject : "?");
        stream_destroy(stream);
    }
    stranger_drop(stranger);
}

static unsigned count_from(const struct server *server, const char *from)
{
    const struct stranger *stranger;
    unsigned n = 0;

    TAILQ_FOREACH (stranger, &server->strangers, link)
        n += strcmp(stranger->from, from) == 0;
    return n;
}

/* The oldest of the address that has the most among those that are no
 * member's; NULL: there is room. */
static struct stranger *one_too_many(const struct server *server)
{
    struct stranger *stranger, *victim = NULL;
    unsigned n = 0, most = 0;

    TAILQ_FOREACH (stranger, &server->strangers, link)
        n += !stranger->may_be_member;
    if (n < STRANGERS_MAX)
        return NULL;
    TAILQ_FOREACH (stranger, &server->strangers, link) {
        unsigned same = stranger->may_be_member
                            ? 0 : count_from(server, stranger->from);
        if (same > most) {
            most = same;
            victim = stranger;
        }
    }
    return victim;
}

/* The same of one address that is a member's. */
static struct stranger *one_too_many_of(const struct server *server,
                                        const char *from)
{
    struct stranger *stranger;

    if (count_from(server, from) < STRANGERS_MAX)
        return NULL;
    TAILQ_FOREACH (stranger, &server->strangers, link)
        if (strcmp(stranger->from, from) == 0)
            return stranger;
    return NULL;
}

static void make_room(struct server *server, const char *from, bool is_member)
{
    struct stranger *victim = is_member ? one_too_many_of(server, from)
                                        : one_too_many(server);

    if (!victim)
        return;
    log_limited(VDC_LOG_WARNING, victim->from,
                "dropped: too many connections have not shown a certificate");
    tls_handshake_cancel(victim->handshake);
    stranger_drop(victim);
}

static void on_tcp(void *arg, int fd, const char *from)
{
    struct server *server = arg;
    struct stranger *stranger;

    if (!server->identity->server) {
        log_limited(VDC_LOG_WARNING, from,
                    "refused: this host has not joined a data center");
        close(fd);
        return;
    }
    bool is_member = server->ops->is_member_at(server->arg, from);
    make_room(server, from, is_member);
    stranger = XNEW(struct stranger);
    stranger->server = server;
    stranger->may_be_member = is_member;
    snprintf(stranger->from, sizeof(stranger->from), "%s", from);
    TAILQ_INSERT_TAIL(&server->strangers, stranger, link);
    stranger->handshake = tls_accept(server->identity->server, server->base,
                                     fd, HANDSHAKE_MS, shaken, stranger);
}

/* ---- on this host ---- */

static void on_local(void *arg, int fd, const struct stream_peer *peer)
{
    struct server *server = arg;
    static const struct stream_ops none;

    if (peer->uid != 0 && peer->uid != geteuid()) {
        close(fd);
        return;
    }
    client_new(server, stream_new(server->base, fd, &none, NULL), 0, "");
}

/* ---- begin and end ---- */

int server_new(struct event_base *base, struct identity *identity,
               const char *address, const char *socket,
               const struct server_ops *ops, void *arg, struct server **ret,
               struct vdc_error *err)
{
    struct server *server = XNEW(struct server);
    int rc = 0;

    server->base = base;
    server->identity = identity;
    server->ops = ops;
    server->arg = arg;
    TAILQ_INIT(&server->strangers);
    LIST_INIT(&server->clients);
    if (*address) {
        rc = tcp_listen(base, address, on_tcp, server, &server->tcp, err);
        if (rc)
            vdc_error_prefix(err, "fence_address");
    }
    if (rc == 0)
        rc = stream_listen_unix(base, socket, 0600, on_local, server,
                                &server->local, err);
    if (rc) {
        server_free(server);
        return rc;
    }
    *ret = server;
    return 0;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    tcp_listener_destroy(server->tcp);
    stream_listener_destroy(server->local);
    while (!TAILQ_EMPTY(&server->strangers)) {
        struct stranger *stranger = TAILQ_FIRST(&server->strangers);
        tls_handshake_cancel(stranger->handshake);
        stranger_drop(stranger);
    }
    while (!LIST_EMPTY(&server->clients))
        client_drop(LIST_FIRST(&server->clients));
    free(server);
}
