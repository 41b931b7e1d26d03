/*
 * A server of HTTP on a free port of loopback, in the test's own event loop,
 * that answers whatever the test says: also what no good server would.
 */
#ifndef TESTS_UNIT_POLICYD_FAKE_HTTP_H
#define TESTS_UNIT_POLICYD_FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct fake_http;

struct fake_reply {
    char *bytes; /* of the heap, freed when sent; NULL: nothing is sent */
    size_t size; /* 0: as a string */
    bool close;  /* after them */
    bool byte_by_byte;
};

/* The path of all requests by HTTP/2, which is not read but for its end; only
 * one of a connection is told, and what is sent after it thrown away. */
#define FAKE_HTTP2 "*"

/* Called for each request that has come wholly. */
typedef void fake_hook(void *arg, const char *path, const char *body,
                       struct fake_reply *ret);

struct fake_http *fake_http_new(struct event_base *base, fake_hook *hook,
                                void *arg);
void fake_http_free(struct fake_http *fake);
const char *fake_http_url(const struct fake_http *fake);
unsigned fake_http_connections(const struct fake_http *fake); /* ever */
/* Closes all that are open. */
void fake_http_drop(struct fake_http *fake);

/* A whole answer with this status; a stream's beginning and one line. */
char *fake_answer(int status, const char *body);
char *fake_stream(const char *line);
/* By HTTP/2: `size` bytes with status 200, at most 16 KiB, as one frame, and
 * behind them this status of gRPC; NULL: none. */
char *fake_grpc(const void *body, size_t size, const char *grpc_status,
                size_t *ret_size);

#endif
