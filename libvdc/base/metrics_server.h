/*
 * Where Prometheus comes for metrics: HTTP, GET /metrics and nothing else.
 *
 * Who connects is not known: the address decides who can.  It has no TLS and
 * no login, so it is for loopback, or for a network of operators alone.
 *
 * What a client can cost is bounded: METRICS_CLIENTS_MAX at a time, of which
 * the oldest makes room for another; METRICS_REQUEST_MAX bytes of a request;
 * METRICS_CLIENT_MS for all of it; and the page is made, or found to be
 * impossible, at most once in METRICS_FRESH_MS, whoever asks.
 */
#ifndef VDC_BASE_METRICS_SERVER_H
#define VDC_BASE_METRICS_SERVER_H

#include "base/error.h"

struct evbuffer;
struct event_base;
struct metrics_server;

#define METRICS_CLIENTS_MAX 16
#define METRICS_REQUEST_MAX 8192
#define METRICS_CLIENT_MS 10000
#define METRICS_FRESH_MS 1000

/* The page is wanted: metrics_server_answer is to be called, once, now or
 * later from the loop. */
typedef void metrics_collect_fn(void *arg, struct metrics_server *server);

/* address: "HOST:PORT", the host as a number, or "PORT" alone, which is that
 * of 127.0.0.1.  Errors: VDC_E_BAD_VALUE (address), and those of
 * tcp_listen. */
int metrics_server_new(struct event_base *base, const char *address,
                       metrics_collect_fn *collect, void *arg,
                       struct metrics_server **ret, struct vdc_error *err);
/* Who waits is dropped; an answer that is still to come must not come any
 * more.  NULL allowed. */
void metrics_server_free(struct metrics_server *server);

/* Takes what is in `page` out of it; with an error that is told instead, as
 * HTTP's 503. */
void metrics_server_answer(struct metrics_server *server,
                           struct evbuffer *page, const struct vdc_error *err);

#endif
