/* The command channel: connections, the greeting, and requests. */
#include "resourced/server.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/log.h"
#include "chan/chan.h"
#include "resourced/commander.h"
#include "resourced/console_service.h"
#include "resourced/event_log.h"
#include "resourced/handlers.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/remote.h"

/* More than this unsent, and events wait in the database. */
#define CLOGGED_BYTES (256 * 1024)
/* A connection that was refused is closed when its answer has gone out, or
 * after so many looks. */
#define CLOSING_LOOKS 20
#define CLOSING_LOOK_MS 50
/* Who comes over TLS says hello by then. */
#define HELLO_S 10

struct connection {
    LIST_ENTRY(connection) link;
    struct server *server;
    struct chan *chan; /* NULL: closed */
    LIST_HEAD(, request) requests; /* that are still to be answered */
    bool greeted;
    bool refused;
    bool by_commander;         /* it is a channel of the command domain's */
    bool taken;                /* server_take's */
    struct vdc_error *refusal; /* why it may not command; NULL: it may */
    unsigned n_looks;
    struct event *closing;
};

struct server {
    struct host *host;
    struct chan_listener *listener;
    struct commander *commander; /* NULL: commands are taken in dom0 */
    struct console_service *consoles; /* of its; else NULL */
    struct remote *remote;            /* NULL: nobody commands over TLS */
    LIST_HEAD(, connection) connections;
    bool is_open;
};

static void connection_free_if_done(struct connection *connection)
{
    if (connection->chan || !LIST_EMPTY(&connection->requests))
        return;
    LIST_REMOVE(connection, link);
    if (connection->closing)
        event_free(connection->closing);
    free(connection->refusal);
    free(connection);
}

static void request_drop(struct request *request)
{
    LIST_REMOVE(request, link);
    event_unfollow(request->follower);
    arena_free(request->arena);
    free(request);
}

static void request_free(struct request *request)
{
    struct connection *connection = request->connection;

    request_drop(request);
    connection_free_if_done(connection);
}

/* Operations go on to their end; those who only listen have none. */
static void connection_close(struct connection *connection, const char *why)
{
    struct request *request, *next;

    chan_destroy(connection->chan);
    connection->chan = NULL;
    if (connection->by_commander)
        commander_left(connection->server->commander, why);
    leases_drop_session(connection->server->host, connection);
    handler_drop_probes(connection->server->host, connection);
    for (request = LIST_FIRST(&connection->requests); request;
         request = next) {
        next = LIST_NEXT(request, link);
        if (request->follower)
            request_drop(request);
    }
    connection_free_if_done(connection);
}

static int send_message(struct request *request,
                        enum wire_message_number number, const void *body,
                        struct vdc_error *err)
{
    struct arena *arena = arena_new();
    uint8_t *frame;
    size_t size;
    int rc = 0;

    if (request->connection->chan) {
        rc = wire_encode(number, request->id, body, arena, &frame, &size, err);
        if (!rc)
            /* One that is closing is told by its on_close. */
            chan_send(request->connection->chan, frame, size);
    }
    arena_free(arena);
    return rc;
}

static void send_error(struct request *request, const struct vdc_error *err)
{
    struct wire_error body;

    wire_init(&wire_struct_error, &body);
    wire_error_fill(&body, err);
    if (send_message(request, WIRE_MSG_error, &body, NULL)) {
        wire_init(&wire_struct_error, &body);
        body.code = (uint32_t)-err->code;
        body.text = vdc_error_text(err->code);
        send_message(request, WIRE_MSG_error, &body, NULL);
    }
}

void request_fail(struct request *request, const struct vdc_error *err)
{
    send_error(request, err);
    request_free(request);
}

void request_answer(struct request *request, enum wire_message_number number,
                    const void *body)
{
    struct vdc_error err;

    if (send_message(request, number, body, &err)) {
        log_error("an answer cannot be sent: %s", err.text);
        send_error(request, &err);
    }
    request_free(request);
}

void request_tell(struct request *request, enum wire_message_number number,
                  const void *body)
{
    struct vdc_error err;

    if (send_message(request, number, body, &err))
        log_error("a message cannot be sent: %s", err.text);
}

void request_forget(struct request *request)
{
    request_free(request);
}

struct request *request_of_id(const struct request *request, uint32_t id)
{
    struct request *other;

    LIST_FOREACH (other, &request->connection->requests, link)
        if (other->id == id && other != request)
            return other;
    return NULL;
}

bool request_is_clogged(const struct request *request)
{
    return request->connection->chan &&
           chan_pending(request->connection->chan) > CLOGGED_BYTES;
}

void request_follows(struct request *request, struct event_follower *follower)
{
    request->follower = follower;
}

/* ---- what comes in ---- */

static void look_whether_sent(int fd, short what, void *arg)
{
    struct connection *connection = arg;
    struct timeval tv = { 0, CLOSING_LOOK_MS * 1000 };

    if (!connection->chan)
        return;
    if (chan_pending(connection->chan) &&
        ++connection->n_looks < CLOSING_LOOKS)
        event_add(connection->closing, &tv);
    else
        connection_close(connection, "it was refused");
}

/* Answers, and hears nothing more from it. */
static void refuse(struct request *request, const struct vdc_error *err)
{
    struct connection *connection = request->connection;
    struct timeval tv = { 0, CLOSING_LOOK_MS * 1000 };

    if (!connection->refusal) /* else it was said, with the address */
        log_warning("a connection is refused: %s", err->text);
    connection->refused = true;
    if (connection->closing)
        event_free(connection->closing);
    connection->closing = event_new(connection->server->host->base, -1, 0,
                                    look_whether_sent, connection);
    event_add(connection->closing, &tv);
    request_fail(request, err);
}

static void no_hello(int fd, short what, void *arg)
{
    const struct timeval hello = { HELLO_S, 0 };
    struct connection *connection = arg;

    if (!connection->server->is_open) /* nothing is read yet */
        event_add(connection->closing, &hello);
    else if (connection->chan)
        connection_close(connection, "it did not say hello");
}

static void greet(struct request *request)
{
    const struct wire_hello *theirs = request->body;
    struct wire_hello ours;
    struct vdc_error err;

    if (theirs->protocol != WIRE_PROTOCOL) {
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "%s %s speaks protocol %u, resourced %s speaks protocol "
                      "%d", theirs->program, theirs->version,
                      theirs->protocol, PACKAGE_VERSION, WIRE_PROTOCOL);
        vdc_error_hint(&err, "install the same version of both, and restart "
                             "the older one");
        refuse(request, &err);
        return;
    }
    request->connection->greeted = true;
    if (request->connection->closing)
        event_del(request->connection->closing);
    wire_init(&wire_struct_hello, &ours);
    ours.program = "resourced";
    ours.version = PACKAGE_VERSION;
    ours.protocol = WIRE_PROTOCOL;
    request_answer(request, WIRE_MSG_hello, &ours);
}

static void dispatch(struct request *request,
                     const struct wire_message *message)
{
    request_fn *handler = handler_of(message->number);
    struct vdc_error err;

    if (request->connection->refusal) {
        refuse(request, request->connection->refusal);
        return;
    }
    if (message->number == WIRE_MSG_hello) {
        greet(request);
        return;
    }
    if (!request->connection->greeted) {
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "the first message must be hello, not %s",
                      message->name);
        refuse(request, &err);
        return;
    }
    if (message->who & W_ANSWER) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "%s is an answer, not a request",
                      message->name);
        request_fail(request, &err);
        return;
    }
    if (!(message->who & W_POLICYD) || !handler) {
        vdc_error_set(&err, VDC_E_DENIED,
                      "%s is not a request to resourced", message->name);
        vdc_error_hint(&err, "it goes to policyd");
        request_fail(request, &err);
        return;
    }
    /* Without a database all that can be said is what is wrong. */
    if (request->host->damage.code && message->number != WIRE_MSG_host_show &&
        message->number != WIRE_MSG_host_verify) {
        request_fail(request, &request->host->damage);
        return;
    }
    handler(request);
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct connection *connection = arg;
    struct wire_frame frame = { 0 };
    struct vdc_error err;

    if (connection->refused)
        return;
    struct request *request = XNEW(struct request);
    request->host = connection->server->host;
    request->connection = connection;
    request->arena = arena_new();
    LIST_INSERT_HEAD(&connection->requests, request, link);
    int rc = wire_decode(message, size, request->arena, &frame, &err);
    if (rc == VDC_E_UNSUPPORTED && connection->greeted) {
        request->id = frame.id;
        log_limited(VDC_LOG_WARNING, "a newer policyd", "%s", err.text);
        request_fail(request, &err);
        return;
    }
    if (rc) {
        request->id = frame.id;
        /* With what cannot be read, nothing after it can be trusted. */
        refuse(request, &err);
        return;
    }
    request->id = frame.id;
    request->body = frame.body;
    dispatch(request, frame.message);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct connection *connection = arg;

    if (err->code != VDC_E_CLOSED)
        log_warning("a connection is closed: %s", err->text);
    connection_close(connection, err->text);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
};

/* Over a channel. */
static int check_peer(void *arg, const struct chan_peer *peer,
                      struct vdc_error *err)
{
    const struct server *server = arg;

    return commander_check(server->commander, peer, err);
}

static struct connection *take(struct server *server, struct chan *chan)
{
    struct connection *connection = XNEW(struct connection);

    connection->server = server;
    connection->chan = chan;
    LIST_INSERT_HEAD(&server->connections, connection, link);
    chan_set_ops(chan, &chan_ops, connection);
    if (!server->is_open)
        chan_pause(chan);
    return connection;
}

static void on_accept(void *arg, struct chan *chan)
{
    struct server *server = arg;
    struct chan_peer peer;

    chan_peer(chan, &peer);
    /* The socket's mode lets nobody else in; this is the second lock. */
    if (!server->commander && peer.uid != 0 && peer.uid != geteuid()) {
        log_warning("uid %u, process %d, is not let in", (unsigned)peer.uid,
                    (int)peer.pid);
        chan_destroy(chan);
        return;
    }
    struct connection *connection = take(server, chan);
    connection->by_commander = server->commander;
    if (server->commander)
        commander_came(server->commander);
}

void server_take(struct server *server, struct chan *chan,
                 const struct vdc_error *refusal)
{
    const struct timeval hello = { HELLO_S, 0 };
    struct connection *connection = take(server, chan);

    connection->taken = true;
    connection->closing = event_new(server->host->base, -1, 0, no_hello,
                                    connection);
    if (!connection->closing || event_add(connection->closing, &hello))
        abort(); /* out of memory */
    if (!refusal)
        return;
    connection->refusal = XNEW(struct vdc_error);
    *connection->refusal = *refusal;
}

void server_drop_taken(struct server *server, const char *why)
{
    struct connection *connection, *next;

    for (connection = LIST_FIRST(&server->connections); connection;
         connection = next) {
        next = LIST_NEXT(connection, link);
        if (connection->taken && connection->chan)
            connection_close(connection, why);
    }
}

int server_start(struct host *host, const char *address, struct server **ret,
                 struct vdc_error *err)
{
    struct server *server = XNEW(struct server);

    server->host = host;
    LIST_INIT(&server->connections);
    int rc = commander_new(host, &server->commander, err);
    if (!rc)
        rc = chan_listen(host->base, address, host->settings->channel_socket,
                         on_accept, server, &server->listener, err);
    if (!rc)
        rc = remote_new(host, server, &server->remote, err);
    if (rc) {
        chan_listener_destroy(server->listener);
        commander_free(server->commander);
        free(server);
        return rc;
    }
    chan_listener_check(server->listener, check_peer);
    *ret = server;
    return 0;
}

void server_open(struct server *server)
{
    struct connection *connection;

    server->is_open = true;
    LIST_FOREACH (connection, &server->connections, link)
        chan_resume(connection->chan);
    commander_begin(server->commander);
    if (server->commander && !server->consoles)
        server->consoles =
            console_service_new(server->host, server->commander);
}

unsigned server_connections(const struct server *server)
{
    const struct connection *connection;
    unsigned n = 0;

    LIST_FOREACH (connection, &server->connections, link)
        n += connection->chan != NULL;
    return n;
}

void server_stop(struct server *server)
{
    struct connection *connection;
    struct request *request;

    if (!server)
        return;
    chan_listener_destroy(server->listener);
    remote_free(server->remote);
    while ((connection = LIST_FIRST(&server->connections))) {
        /* Requests under way are abandoned with their transactions. */
        while ((request = LIST_FIRST(&connection->requests)))
            request_drop(request);
        connection_close(connection, "resourced ends");
    }
    console_service_free(server->consoles);
    commander_free(server->commander);
    free(server);
}
