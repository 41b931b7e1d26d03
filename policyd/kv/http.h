/*
 * Requests over HTTP and HTTPS, by libcurl on libevent: POST of JSON, answers
 * whole or line by line; and of a message of gRPC, by HTTP/2.  Connections of
 * JSON are kept and used again.
 *
 * Nothing blocks; names are looked up by a thread.  Nothing of the environment
 * counts: no proxy, no file of certificates.  The program must ignore SIGPIPE.
 *
 * A request is never sent twice: when a connection that was kept turns out to
 * be closed after something of the body was sent, the call fails, because the
 * server may have done what was asked.
 */
#ifndef POLICYD_KV_HTTP_H
#define POLICYD_KV_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct event_base;
struct http;
struct http_call;

/* Files in PEM; each may be NULL: the system's authorities, no certificate
 * of our own. */
struct http_tls {
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
};

struct http_request {
    const char *url;  /* http:// or https:// */
    const char *body; /* JSON, or with `grpc` its bytes; copied */
    size_t size;
    /* By HTTP/2, at once with http://, if the server agrees with https://.
     * Over a connection of its own, which is closed after it: libcurl 7.88
     * cannot use such a one again. */
    bool grpc;
    const char *authorization; /* of the header of this name; or NULL */
    unsigned timeout_ms;       /* of the whole; 0: none, for streams */
    size_t answer_max;         /* bytes of the answer, or of one line of it */
};

struct http_answer {
    int status;       /* of HTTP; 0: none came */
    int grpc_status;  /* 0: success; -1: none came */
    bool sent;        /* something of the request may have been read there */
    const char *body; /* 0-terminated; "" when it went line by line */
    size_t size;
};

struct http_notify {
    /* For each line, without its end, if set and the status is 200; else the
     * answer is gathered for done. */
    void (*line)(void *arg, const char *line, size_t size);
    /*
     * Once, as the last; the call is gone after it.  err->code is 0 when an
     * answer came wholly, whatever its status; else
     *   VDC_E_NO_DAEMON  no connection
     *   VDC_E_DENIED     no connection, because of a certificate
     *   VDC_E_CLOSED     the connection was lost
     *   VDC_E_TIMEOUT
     *   VDC_E_PROTOCOL   what came is no HTTP
     *   VDC_E_BAD_VALUE  more came than answer_max
     */
    void (*done)(void *arg, const struct http_answer *answer,
                 const struct vdc_error *err);
    void *arg;
};

/* `tls` is copied; NULL: no files.  Errors: VDC_E_NO_FILE, VDC_E_DENIED (a
 * file cannot be read), VDC_E_INTERNAL. */
int http_new(struct event_base *base, const struct http_tls *tls,
             struct http **ret, struct vdc_error *err);
/* What is under way is given up without a callback.  May be called in one.
 * NULL allowed. */
void http_free(struct http *http);

/* Callbacks come from the loop, never from inside. */
struct http_call *http_post(struct http *http,
                            const struct http_request *request,
                            const struct http_notify *notify);
/* No callback comes any more.  May be called in one; NULL allowed. */
void http_cancel(struct http_call *call);

#endif
