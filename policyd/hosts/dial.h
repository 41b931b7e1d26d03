/*
 * Connects to a host elsewhere, over TLS: "tls:HOST:PORT", the host a number.
 * Who answers must show the certificate that the book has of the host, or the
 * next, by which it is being replaced; and policyd shows its own.
 */
#ifndef POLICYD_HOSTS_DIAL_H
#define POLICYD_HOSTS_DIAL_H

#include <stdbool.h>

#include "base/error.h"

struct dc;
struct dial;
struct event_base;
struct stream;

#define DIAL_PREFIX "tls:"
#define DIAL_TIMEOUT_MS 10000

/* Whether it begins so. */
bool dial_is_address(const char *address);

struct dial_whom {
    const char *name;        /* that its certificate must have */
    const char *certificate; /* its fingerprint, in hexadecimal digits */
    const char *next;        /* of another that is good, too; "": none */
    const struct dc *dc;     /* with policyd's own */
};

/* Called once, from the loop: the stream is the callee's, which sets its ops
 * before it returns; NULL: it failed, as err says. */
typedef void dial_fn(void *arg, struct stream *stream,
                     const struct vdc_error *err);

/* Errors: VDC_E_BAD_VALUE (address), those of dc_check and tcp_connect_begin;
 * then `done` is not called.  To `done` those of tls_connect, and
 * VDC_E_DENIED: who answers is not that host. */
int dial_begin(struct event_base *base, const char *address,
               const struct dial_whom *whom, dial_fn *done, void *arg,
               struct dial **ret, struct vdc_error *err);
/* `done` is not called any more; NULL allowed.  Not after or from within
 * it. */
void dial_cancel(struct dial *dial);

#endif
