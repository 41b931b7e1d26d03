/*
 * A client's connection: hello, decoding, who may send what, and the limits
 * that keep one client from hurting the others.
 */
#include "policyd/api/session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/audit.h"
#include "policyd/customers/token.h"
#include "policyd/hosts/lease.h"
#include "policyd/metrics/metrics.h"

#define HELLO_TIMEOUT_S 10
/* Who comes to join has shown nothing: it has this long, and may leave so much
 * unread. */
#define JOIN_TIMEOUT_S 30
#define JOIN_PENDING_MAX 65536u
/* A client that takes this much later than it was sent is dropped: more than
 * four answers of the largest size wait. */
#define PENDING_MAX (4u * 1024 * 1024 + 65536)
/* Requests of one client at a time. */
#define REQUESTS_MAX 32

struct session {
    struct session_host host;
    struct chan *chan;
    struct auth_peer peer;
    struct event *timer; /* no hello, or doomed */
    bool greeted;
    bool doomed; /* ends from the loop */
    TAILQ_HEAD(, request) requests;
    size_t n_requests;
    struct request *console; /* the session is its console now */
    const struct console_face *face;
};

const struct auth_peer *session_peer(const struct session *session)
{
    return &session->peer;
}

void session_destroy(struct session *session)
{
    struct request *request;

    if (!session)
        return;
    session->host.on_end(session->host.arg, session);
    while ((request = TAILQ_FIRST(&session->requests))) {
        TAILQ_REMOVE(&session->requests, request, link);
        request->session = NULL;
        if (request->on_gone)
            request->on_gone(request);
    }
    leases_session_gone(session->host.ops->leases, session);
    chan_destroy(session->chan);
    event_free(session->timer);
    free(session);
}

void session_finish(struct session *session)
{
    chan_finish(session->chan);
    session->chan = NULL;
    session_destroy(session);
}

/* Ends the session later, because the caller may be in the middle of it. */
static void doom(struct session *session)
{
    const struct timeval now = { 0, 0 };

    if (session->doomed)
        return;
    session->doomed = true;
    evtimer_add(session->timer, &now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *session = arg;

    if (!session->doomed)
        log_limited(VDC_LOG_INFO, session->peer.text, "no %s in %d s",
                    session->greeted ? "end" : "hello",
                    session->greeted ? JOIN_TIMEOUT_S : HELLO_TIMEOUT_S);
    session_destroy(session);
}

static void session_send(struct session *session,
                         enum wire_message_number number, uint32_t id,
                         const void *body)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_error text;
    uint8_t *frame;
    size_t size;

    if (session->doomed) {
        arena_free(arena);
        return;
    }
    int rc = wire_encode(number, id, body, arena, &frame, &size, &err);
    if (rc) {
        log_error("answer not sent: %s", err.text);
        wire_error_fill(&text, &err);
        rc =
            wire_encode(WIRE_MSG_error, id, &text, arena, &frame, &size, NULL);
    }
    if (!rc)
        rc = chan_send(session->chan, frame, size);
    if (rc) {
        doom(session);
    } else if (chan_pending(session->chan) > (session->peer.joins
                                                  ? JOIN_PENDING_MAX
                                                  : PENDING_MAX)) {
        log_limited(VDC_LOG_WARNING, session->peer.text,
                    "dropped: it does not read what it asked for");
        doom(session);
    }
    arena_free(arena);
}

static void session_fail(struct session *session, uint32_t id,
                         const struct vdc_error *err)
{
    struct wire_error body;

    wire_error_fill(&body, err);
    session_send(session, WIRE_MSG_error, id, &body);
}

/* ---- requests ---- */

void request_free(struct request *request)
{
    metrics_request_ended(request);
    if (request->session) {
        TAILQ_REMOVE(&request->session->requests, request, link);
        request->session->n_requests--;
        if (request->session->console == request)
            request->session->console = NULL;
    }
    arena_free(request->arena); /* holds the request itself */
}

void request_more(struct request *request, enum wire_message_number number,
                  const void *body)
{
    if (request->session)
        session_send(request->session, number, request->id, body);
}

/* An answer that waits for the store; in its request's arena. */
struct held {
    struct request *request;
    enum wire_message_number number;
    void *body;
    struct vdc_error err; /* it could not be kept */
};

static void released(void *arg, const struct vdc_error *why)
{
    struct held *held = arg;

    if (held->err.code)
        request_fail(held->request, &held->err);
    else if (why->code && !held->request->stands)
        request_fail(held->request, why);
    else {
        request_more(held->request, held->number, held->body);
        request_free(held->request);
    }
}

/* False: it can go at once. */
static bool hold(struct request *request, enum wire_message_number number,
                 const void *body)
{
    const struct wire_struct *s = wire_message_by_number(number)->body;
    struct held *held = ARENA_NEW(request->arena, struct held);

    held->request = request;
    held->number = number;
    if (!book_wait(request->ops->book, released, held))
        return false;
    held->body = arena_alloc(request->arena, s->size);
    wire_struct_copy(s, body, request->arena, held->body, &held->err);
    request->on_gone = NULL;
    return true;
}

void request_reply(struct request *request, enum wire_message_number number,
                   const void *body)
{
    if (request->changes && hold(request, number, body))
        return;
    request_more(request, number, body);
    request_free(request);
}

void request_ok(struct request *request)
{
    const struct wire_empty empty = { 0 };

    request_reply(request, WIRE_MSG_ok, &empty);
}

void request_fail(struct request *request, const struct vdc_error *err)
{
    audit_refused(request, err);
    metrics_request_failed(request, err);
    if (request->session)
        session_fail(request->session, request->id, err);
    request_free(request);
}

void request_cancel(struct request *request)
{
    request->cancelled = true;
    service_cancel(&request->call);
    if (request->on_cancel)
        request->on_cancel(request);
}

int request_is_cancelled(const struct request *request, struct vdc_error *err)
{
    return request->cancelled ? vdc_error_set(err, VDC_E_CANCELLED,
                                              "cancelled: nothing is changed")
                              : 0;
}

struct request *request_sibling(const struct request *request, uint32_t id)
{
    struct request *other;

    if (!request->session)
        return NULL;
    TAILQ_FOREACH(other, &request->session->requests, link)
    if (other != request && other->id == id)
        return other;
    return NULL;
}

size_t request_pending(const struct request *request)
{
    const struct session *session = request->session;

    return session ? chan_pending(session->chan) : 0;
}

void request_take_session(struct request *request,
                          const struct console_face *face)
{
    request->session->console = request;
    request->session->face = face;
}

void request_pause_client(struct request *request, bool pause)
{
    if (!request->session)
        return;
    if (pause)
        chan_pause(request->session->chan);
    else
        chan_resume(request->session->chan);
}

void request_finish_session(struct request *request)
{
    struct session *session = request->session;

    request->on_gone = NULL;
    request_free(request);
    if (session && !session->doomed)
        session_finish(session);
}

/* ---- what the client sends ---- */

static void take_request(struct session *session, struct wire_frame *frame,
                         struct arena *arena)
{
    struct request *request = ARENA_NEW(arena, struct request);
    struct vdc_error err = { 0 };

    request->session = session;
    request->ops = session->host.ops;
    request->arena = arena;
    request->message = frame->message;
    request->id = frame->id;
    request->body = frame->body;
    metrics_request_begun(request);
    TAILQ_INSERT_TAIL(&session->requests, request, link);
    /* what ends one of them must not fail for their number */
    if (++session->n_requests > REQUESTS_MAX &&
        request->message->number != WIRE_MSG_cancel) {
        vdc_error_set(&err, VDC_E_BUSY,
                      "%d requests of this connection are under way",
                      REQUESTS_MAX);
        request_fail(request, &err);
        return;
    }
    operations_dispatch(request, &session->peer);
}

/* Whose token it shows, if any. */
static int take_token(struct session *session, const struct wire_hello *hello,
                      struct vdc_error *err)
{
    const struct operations *ops = session->host.ops;

    if (!*hello->token)
        return 0;
    int rc = token_check(ops->setup, ops->book, hello->token, clock_wall().ms,
                         session->peer.token, err);
    if (rc)
        log_limited(VDC_LOG_WARNING, session->peer.text,
                    "refused: its token is good for nothing");
    return rc;
}

/* The first message; false when the session is over. */
static bool take_hello(struct session *session, const struct wire_frame *frame)
{
    const struct wire_hello *theirs = frame->body;
    const struct wire_hello ours = { .program = "policyd",
                                     .version = PACKAGE_VERSION,
                                     .protocol = WIRE_PROTOCOL };
    const struct timeval join = { JOIN_TIMEOUT_S, 0 };
    struct vdc_error err = { 0 };

    if (frame->message->number == WIRE_MSG_hello &&
        theirs->protocol == WIRE_PROTOCOL) {
        if (take_token(session, theirs, &err) ||
            (session->host.admit &&
             session->host.admit(session->host.arg, session, &session->peer,
                                 &err))) {
            session_fail(session, frame->id, &err);
            session_finish(session);
            return false;
        }
        session->peer.as_guest = theirs->guest;
        session->greeted = true;
        if (session->peer.joins)
            evtimer_add(session->timer, &join);
        else
            evtimer_del(session->timer);
        session_send(session, WIRE_MSG_hello, frame->id, &ours);
        return true;
    }
    if (frame->message->number != WIRE_MSG_hello)
        vdc_error_set(&err, VDC_E_PROTOCOL, "the first message must be hello");
    else
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "%s %s speaks protocol %u, policyd %s speaks protocol "
                      "%d", theirs->program, theirs->version, theirs->protocol,
                      PACKAGE_VERSION, WIRE_PROTOCOL);
    vdc_error_hint(&err, "install the same version of both");
    session_fail(session, frame->id, &err);
    session_finish(session);
    return false;
}

static void broken(struct session *session, const struct vdc_error *err)
{
    log_limited(VDC_LOG_INFO, session->peer.text, "%s", err->text);
    session_fail(session, 0, err);
    session_finish(session);
}

/* To join can be asked at dc_address alone. */
static bool is_request(const struct session *session,
                       const struct wire_message *message)
{
    return (message->who & (W_CUSTOMER | W_OPERATOR)) ||
           (session->peer.joins && (message->who & W_JOINER));
}

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct session *session = arg;
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    if (session->doomed) {
        arena_free(arena);
        return;
    }
    int rc = wire_decode(data, size, arena, &frame, &err);
    if (rc == VDC_E_UNSUPPORTED && session->greeted && !session->console) {
        /* of a newer version: the next may be one that is known */
        log_limited(VDC_LOG_INFO, session->peer.text, "%s", err.text);
        session_fail(session, frame.id, &err);
    } else if (rc) {
        broken(session, &err);
    } else if (!session->greeted) {
        take_hello(session, &frame);
    } else if (session->console) {
        if (frame.message->number == WIRE_MSG_console_data) {
            session->face->on_data(session->console, frame.body);
        } else {
            vdc_error_set(&err, VDC_E_PROTOCOL,
                          "only console_data may follow console_attach");
            broken(session, &err);
        }
    } else if (frame.message->number == WIRE_MSG_hello ||
               !is_request(session, frame.message) ||
               frame.message->number == WIRE_MSG_console_data) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "'%s' is no request",
                      frame.message->name);
        broken(session, &err);
    } else {
        take_request(session, &frame, arena);
        return; /* the arena is the request's */
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct session *session = arg;

    if (err->code != VDC_E_CLOSED)
        log_limited(VDC_LOG_INFO, session->peer.text, "%s", err->text);
    session_destroy(session);
}

static void on_drained(void *arg)
{
    struct session *session = arg;

    if (session->console && session->face->on_drained)
        session->face->on_drained(session->console);
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close,
                                          .on_drained = on_drained };

struct session *session_new(const struct session_host *host, struct chan *chan,
                            const struct auth_peer *peer)
{
    const struct timeval hello = { HELLO_TIMEOUT_S, 0 };
    struct session *session = XNEW(struct session);

    session->host = *host;
    session->peer = *peer;
    TAILQ_INIT(&session->requests);
    session->timer = evtimer_new(host->base, on_timer, session);
    evtimer_add(session->timer, &hello);
    session->chan = chan;
    chan_set_ops(chan, &chan_ops, session);
    return session;
}
