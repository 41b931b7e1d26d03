/*
 * A client's connection, and the requests that come over it.
 *
 * A request lives until it is answered, which happens exactly once, by
 * request_reply, request_ok or request_fail; these free it.  The client may be
 * gone by then: the work goes on and the answer is dropped.
 */
#ifndef POLICYD_API_SESSION_H
#define POLICYD_API_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "chan/chan.h"
#include "policyd/api/auth.h"
#include "policyd/api/service.h"
#include "wire/wire.h"

struct operations;
struct session;

struct request {
    TAILQ_ENTRY(request) link;
    struct session *session; /* NULL: the client is gone */
    struct operations *ops;
    struct arena *arena; /* lives as long as the request */
    const struct wire_message *message;
    uint32_t id;
    void *body;
    struct auth auth;
    struct auth_peer peer;
    struct service_call call; /* which can be cancelled, if any */
    uint64_t begun_us; /* monotonic; 0: it is not counted */
    int result;        /* 0, or the error that it was answered with */
    bool cancelled;           /* the client does not want it any more */
    bool changes; /* it has changed what is stored: its answer waits until
                     that is durable, and says if it was refused */
    bool audited; /* who did what is recorded */
    bool stands;  /* the answer is true whatever becomes of the record: a
                     host has done it */
    /* A request without an end (events, a console) is told when its client
     * is gone; it frees itself then with request_free. */
    void (*on_gone)(struct request *request);
    /* It is not wanted any more, and will be answered all the same; or NULL.
     */
    void (*on_cancel)(struct request *request);
    void *owner; /* for whoever set on_gone */
};

typedef void request_fn(struct request *request);

void request_fail(struct request *request, const struct vdc_error *err);
void request_reply(struct request *request, enum wire_message_number number,
                   const void *body);
void request_ok(struct request *request);
/* Ends it without an answer. */
void request_free(struct request *request);
/* Something before the answer, or on a console; may be called any number of
 * times. */
void request_more(struct request *request, enum wire_message_number number,
                  const void *body);

/* Not wanted any more: what was passed on is cancelled there; what was not
 * ends when it comes to where it would be. */
void request_cancel(struct request *request);
/* VDC_E_CANCELLED after request_cancel. */
int request_is_cancelled(const struct request *request, struct vdc_error *err);
/* Another request of the same connection, by its id; NULL: there is none. */
struct request *request_sibling(const struct request *request, uint32_t id);

/* Bytes that the client has not taken yet; 0 when it is gone. */
size_t request_pending(const struct request *request);

/* From now on the session carries this request's console only: `on_data` gets
 * console_data, `on_drained` is told when the client took all.  The request
 * must have on_gone. */
struct console_face {
    void (*on_data)(struct request *request,
                    const struct wire_console_data *data);
    void (*on_drained)(struct request *request);
};
void request_take_session(struct request *request,
                          const struct console_face *face);
/* Stop and go on reading from the client. */
void request_pause_client(struct request *request, bool pause);
/* Sends what is queued and closes the connection; ends the request. */
void request_finish_session(struct request *request);

/* ---- for the server ---- */

struct session_host {
    struct event_base *base;
    struct operations *ops;
    /* The session is being freed. */
    void (*on_end)(void *arg, struct session *session);
    /* It has greeted, and shown a token or not (as its peer says): who it is
     * may be completed in its peer.  An error is its answer, and its end.
     * NULL: whoever it is may come in. */
    int (*admit)(void *arg, struct session *session, struct auth_peer *peer,
                 struct vdc_error *err);
    void *arg;
};

/* Takes over the channel. */
struct session *session_new(const struct session_host *host, struct chan *chan,
                            const struct auth_peer *peer);
void session_destroy(struct session *session); /* NULL allowed */
/* Sends what is queued, then closes; nothing more is taken from the client. */
void session_finish(struct session *session);
const struct auth_peer *session_peer(const struct session *session);

#endif
