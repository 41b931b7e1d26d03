/*
 * Who comes: over TLS the other members, who ask whether this host is there,
 * and policyd; over a unix socket root, who may look.  What certificate one
 * has decides what it may send.
 */
#ifndef WATCHDOGD_SERVER_H
#define WATCHDOGD_SERVER_H

#include "base/error.h"
#include "wire/wire.h"

struct client;
struct event_base;
struct identity;
struct server;

struct server_ops {
    /* Whether a member has this address, a number.  It need not be that member
     * who comes: that its certificate says.  Who comes from elsewhere cannot
     * keep it out. */
    bool (*is_member_at)(void *arg, const char *from);
    /* A ping of this member came; what it goes by is told. */
    void (*on_ping)(void *arg, const char *name, uint64_t *ret_version);
    /* Of policyd, each; err set: refused.  A report is sent when 0 is
     * returned, at once, or when server_answer is called, if `later` was set;
     * body is valid during the call. */
    int (*on_members)(void *arg, const struct wire_fence_members *members,
                      bool *later, struct vdc_error *err);
    int (*on_leave)(void *arg, bool *later, struct vdc_error *err);
    void (*fill_report)(void *arg, struct arena *arena,
                        struct wire_fence_report *ret);
};

/* Errors: those of tcp_listen and stream_listen_unix. */
int server_new(struct event_base *base, struct identity *identity,
               const char *address, const char *socket,
               const struct server_ops *ops, void *arg, struct server **ret,
               struct vdc_error *err);
void server_free(struct server *server); /* NULL allowed */
/* Those whose answer was to come later have it now: a report, or the error,
 * if it has a code. */
void server_answer(struct server *server, const struct vdc_error *err);
/* Leaves those that have been silent for long; each beat. */
void server_beat(struct server *server);

#endif
