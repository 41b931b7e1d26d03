/*
 * For tests of TLS: both ends of a socket pair in one event loop, the
 * certificates of tls_files.h for them, and frames that tell which they are.
 */
#ifndef TESTS_UNIT_BASE_TLS_PAIR_H
#define TESTS_UNIT_BASE_TLS_PAIR_H

#include "base/stream.h"
#include "base/tls.h"
#include "tests/unit/unit.h"

struct tls_end {
    struct tls_handshake *handshake;
    struct stream *stream;
    unsigned n_done;
    struct vdc_error failure; /* of the handshake */
    bool has_peer;
    struct tls_certificate peer;
    /* what came, and in which order it has to */
    unsigned n_frames, n_wrong, n_closed, n_drained;
    size_t n_bytes;
    bool pause; /* after each frame */
    struct vdc_error err;
};

struct tls_pair {
    struct event_base *base;
    struct tls_end server, client;
    int fds[2]; /* other descriptors of the same sockets */
};

/* One at a time, from begin, shake, or accept to end. */
extern struct tls_pair pair;

/* With the files NAME.crt and NAME.key, and `ca` (may be NULL). */
struct tls *tls_pair_server(const char *name, const char *ca,
                            enum tls_proof proof);
/* `name` NULL: without a certificate of its own. */
struct tls *tls_pair_client(const char *name, const char *ca);

/* Sockets, and nobody at them. */
void tls_pair_begin(void);
/* Until both handshakes have ended.  Takes the contexts over. */
void tls_pair_shake(struct tls *s, struct tls *c, const char *name);
/* The same, of two that trust each other. */
void tls_pair_shake_well(void);
/* A server alone: what it hears is written to fds[1]. */
void tls_pair_accept(unsigned timeout_ms);
void tls_pair_end(void);

/* How a handshake ends; `arg` is the end. */
void tls_pair_done(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *err);
/* The loop, so many times. */
void tls_pair_turn(unsigned times);
/* Bytes that nobody has read. */
int tls_pair_waiting(int fd);

/* The i-th frame has its own length and bytes; whoever has it checks them. */
void tls_pair_send(struct stream *stream, unsigned i);
uint8_t tls_pair_byte(unsigned i, size_t at);

/* Runs the tests with all certificates made, and returns the exit status. */
int tls_pair_main(const char *suite, const struct unit_test *tests, size_t n);

#endif
