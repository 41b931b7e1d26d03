/*
 * The command channel: connections, the greeting, and requests, each of which
 * gets exactly one answer (after any number of progress messages).  A request
 * whose connection has closed goes on to its end; nobody is told.
 */
#ifndef RESOURCED_SERVER_H
#define RESOURCED_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/error.h"
#include "wire/wire.h"

struct chan;
struct connection;
struct event_follower;
struct host;
struct server;
struct transaction;

struct request {
    struct host *host;
    struct connection *connection;
    uint32_t id;
    struct arena *arena; /* freed with the request */
    const void *body;    /* struct wire_<body> of its message */
    struct event_follower *follower; /* of the events it asked for */
    struct transaction *transaction; /* that it began, until it has ended */
    bool cancelled;                  /* the client does not want it any more */
    LIST_ENTRY(request) link;        /* of its connection */
};

typedef void request_fn(struct request *request);

/* A channel whose other end has proved that it may command, or has not:
 * `refusal` is then the answer to whatever it says first; NULL: it may.  Takes
 * it over. */
void server_take(struct server *server, struct chan *chan,
                 const struct vdc_error *refusal);

/* Ends all that were taken so; requests go on to their end. */
void server_drop_taken(struct server *server, const char *why);

/* Listens; requests wait until server_open.  Errors: those of chan_listen. */
int server_start(struct host *host, const char *address, struct server **ret,
                 struct vdc_error *err);
/* Those that are open. */
unsigned server_connections(const struct server *server);
/* From now on requests are handled. */
void server_open(struct server *server);
/* Requests under way are dropped; whoever works on them must not answer any
 * more.  NULL is allowed. */
void server_stop(struct server *server);

/* The answer; frees the request. */
void request_answer(struct request *request, enum wire_message_number number,
                    const void *body);
void request_fail(struct request *request, const struct vdc_error *err);
/* A message before the answer. */
void request_tell(struct request *request, enum wire_message_number number,
                  const void *body);
/* The request is one that has no answer: frees it. */
void request_forget(struct request *request);
/* Another of the same connection that is still to be answered; NULL: none. */
struct request *request_of_id(const struct request *request, uint32_t id);
/* Whether the other end is slow to take what it is sent. */
bool request_is_clogged(const struct request *request);
/* The request lives as long as its connection and has a follower. */
void request_follows(struct request *request, struct event_follower *follower);

#endif
