/*
 * Guests that go from host to host over a connection of the two resourced:
 * doc/design/015-migration.md.  What has to be done about them are steps of
 * ordinary transactions (step_send.c, step_receive.c); here is what waits for
 * them and what carries them.
 *
 * The one that sends connects, with this host's certificate, to the other's
 * tls_address, shows the ticket that policyd gave both, and is asked for the
 * stream when the guest's memory is reserved there.
 */
#ifndef RESOURCED_MIGRATE_H
#define RESOURCED_MIGRATE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reasons.h"
#include "base/units.h"

struct chan;
struct host;
struct migrate;
struct migrate_in;
struct migrate_out;
struct operation;
struct request;
struct stream;
struct tls_certificate;

struct migrate *migrate_new(struct host *host);
/* Connections are closed, and nobody is told; before the transactions go. */
void migrate_free(struct migrate *migrate);

/* ---- migrate_expect.c: what policyd says ---- */

/* Handles a transaction that has a stage. */
void migrate_stage(struct request *request);
/* Whether it asks what came of one that waits for its decision, and may wait
 * for ever: then it is answered, VDC_E_BUSY. */
bool migrate_waits(struct request *request);
/* Whether it is an order to send a guest that this host has let go of by the
 * very move, whose answer may have been dropped: then it is answered. */
bool migrate_has_gone(struct request *request);

/* ---- migrate_in.c: a guest comes ---- */

/* Somebody with a host's certificate; takes over the stream. */
void migrate_take(struct host *host, struct stream *stream,
                  const struct tls_certificate *peer, const char *from);

/* For step_receive.  Its memory is there: the other end is told, and what it
 * sends is written to fd, this end of a socket pair, which is taken over.
 * Errors: VDC_E_CLOSED. */
int migrate_in_begin(struct migrate_in *in, int fd, struct vdc_error *err);
/* Closes that end: whoever reads at the other gets no more. */
void migrate_in_stop(struct migrate_in *in);
/* Why the stream ended, when it did not end well; 0: it did not. */
int migrate_in_why(const struct migrate_in *in, struct vdc_error *ret);
/* Whether the other end has said that this was all.  If not, it or its end is
 * told by step_receive_ended. */
bool migrate_in_is_whole(const struct migrate_in *in);
void migrate_in_ready(struct migrate_in *in);

/* step_receive.c: op waits for the end of the stream: it is whole, or (with
 * an error) will never be. */
void step_receive_ended(struct operation *op, const struct vdc_error *err);
/* Whether the domain that waits was ended meanwhile, by hand or by itself;
 * then err is VDC_E_NOT_FOUND. */
bool step_receive_is_lost(const struct operation *op, struct vdc_error *err);

/* ---- migrate_out.c: a guest goes ---- */

/* How a step is told; each from the loop. */
struct migrate_out_ops {
    void (*accepted)(struct operation *op);
    /* All was taken, and the guest is built and waits there. */
    void (*ready)(struct operation *op);
    /* Before `ready`: it comes to nothing, and is to be dropped. */
    void (*failed)(struct operation *op, const struct vdc_error *err);
};

/* Adds each reason why no guest can be sent from here. */
void migrate_out_check(const struct host *host, struct reasons *reasons);
/* Connects.  memory: that the guest has now.  Errors: those of the
 * certificate's file and of the address. */
int migrate_out_new(struct operation *op, struct mem memory,
                    const struct migrate_out_ops *ops,
                    struct migrate_out **ret, struct vdc_error *err);
/* After `accepted`: what can be read from fd is sent.  Takes it over. */
void migrate_out_begin(struct migrate_out *out, int fd);
/* Closes that end: whoever writes at the other cannot go on. */
void migrate_out_stop(struct migrate_out *out);
/* All was written, and the other end of the socket pair is closed: when the
 * rest was sent, the other host is told so. */
void migrate_out_whole(struct migrate_out *out);
/* The guest was released: the other host is told, as far as it can be, and
 * the connection ends by itself.  `out` is gone. */
void migrate_out_release(struct migrate_out *out);
/* Closes, and tells why, as far as that can be.  NULL allowed. */
void migrate_out_drop(struct migrate_out *out, const struct vdc_error *why);

#endif
