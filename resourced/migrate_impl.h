/* What the files of migrate.h share; only migrate*.c include it. */
#ifndef RESOURCED_MIGRATE_IMPL_H
#define RESOURCED_MIGRATE_IMPL_H

#include <stdint.h>
#include <sys/queue.h>

#include "base/tls.h"
#include "resourced/migrate.h"
#include "wire/wire.h"

struct bufferevent;
struct event;

/* The name and role of certificates: policyd/dc/dc.h gives them. */
#define MIGRATE_ROLE "host"
#define MIGRATE_CHUNK (64 * 1024)
/* So much is read ahead of what the other host has taken; as much again may
 * wait for the hypervisor there. */
#define MIGRATE_WINDOW (1024 * 1024)
/* Who comes and is not expected says no more than this in a message. */
#define MIGRATE_STRANGER_FRAME 1024
#define MIGRATE_FRAME (MIGRATE_CHUNK + 1024)

/* A transaction that is expected to begin, in an arena of its own. */
struct expected {
    TAILQ_ENTRY(expected) link;
    struct migrate *migrate;
    struct arena *arena;
    struct wire_transaction request;
    const struct wire_operation *start; /* of it */
    struct event *timer;
};

struct migrate {
    struct host *host;
    TAILQ_HEAD(, expected) expected;
    unsigned n_expected;
    LIST_HEAD(, migrate_in) ins;
    unsigned n_ins;
    LIST_HEAD(, migrate_out) outs;
};

/* ---- migrate_expect.c ---- */

/* The one with that ticket, taken out: it is good once.  NULL: none. */
struct expected *migrate_take_expected(struct migrate *migrate,
                                       const uint8_t *ticket, size_t size);
/* Whether any is expected from who has this certificate. */
bool migrate_expects_from(const struct migrate *migrate,
                          const uint8_t fingerprint[TLS_FINGERPRINT_SIZE]);
void migrate_expected_free(struct expected *expected); /* NULL allowed */
void migrate_expected_free_all(struct migrate *migrate);

/* ---- migrate_in.c, migrate_out.c ---- */

void migrate_in_free_all(struct migrate *migrate);
void migrate_out_free_all(struct migrate *migrate);

/* This host's certificate, to connect to another with.  Errors: those of its
 * file, and of its dates. */
int migrate_tls(const struct host *host, struct tls **ret,
                struct vdc_error *err);

/* ---- migrate_link.c: messages of a connection ---- */

struct event *migrate_timer(struct host *host,
                            void (*fn)(int fd, short what, void *arg),
                            void *arg);
void migrate_timer_set(struct event *timer, unsigned ms);

/* Sends a message; what cannot be sent is told by the channel's on_close. */
void migrate_say(struct chan *chan, enum wire_message_number number,
                 const void *body);
void migrate_say_empty(struct chan *chan, enum wire_message_number number);
void migrate_say_hello(struct chan *chan);
void migrate_say_failed(struct chan *chan, const struct vdc_error *why);
/* Whether a hello is of our protocol.  Errors: VDC_E_PROTOCOL. */
int migrate_check_hello(const struct wire_hello *hello, const char *who,
                        struct vdc_error *err);

/* ---- migrate_pump.c: between a socket pair and a connection ---- */

struct pump;

struct pump_ops {
    /* All was sent, as the socket has come to its end. */
    void (*ended)(void *arg);
};

/* What can be read from fd goes to the channel in pieces, at most kib_per_s
 * (0: as fast as it goes), and never more than MIGRATE_WINDOW ahead. */
struct pump *pump_out(struct host *host, int fd, struct chan *chan,
                      uint64_t kib_per_s, const struct pump_ops *ops,
                      void *arg);
/* What is put goes to fd; the channel is paused while too much waits. */
struct pump *pump_in(struct host *host, int fd, struct chan *chan);
/* And so many bytes that are 0 (at most MIGRATE_CHUNK).  When the reader at fd
 * is gone, it goes nowhere. */
void pump_put(struct pump *pump, const void *data, size_t size, size_t zeros);
/* No more will be put: the reader finds the end after what waits. */
void pump_finish(struct pump *pump);
/* The channel has taken all that was queued. */
void pump_go_on(struct pump *pump);
uint64_t pump_bytes(const struct pump *pump); /* that were sent, or put */
/* Closes fd; the channel is not paused any more, so it must be there still.
 * NULL allowed. */
void pump_free(struct pump *pump);

#endif
