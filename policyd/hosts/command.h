/*
 * The client's end of the command channel: connects to resourced, again and
 * again if need be, and matches answers to requests.
 *
 * Callbacks come from the event loop, none from inside a call.
 */
#ifndef POLICYD_HOSTS_COMMAND_H
#define POLICYD_HOSTS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "policyd/hosts/dial.h"
#include "wire/wire.h"

struct event_base;
struct command;

struct command_notify {
    void (*up)(void *arg);   /* connected, and hellos exchanged */
    void (*down)(void *arg); /* after every request under way has failed */
    void *arg;
};

/* The end of a request, called exactly once: the answer, or an error when
 * resourced answered with one or (VDC_E_CLOSED, outcome unknown) the
 * connection ended first.  Valid during the call. */
typedef void command_done_fn(void *arg, const struct wire_frame *answer,
                             const struct vdc_error *err);
/* What comes before it: progress, events.  May be NULL. */
typedef void command_more_fn(void *arg, const struct wire_frame *frame);

/* Where resourced is; what is named must stay valid. */
struct command_to {
    const char *address; /* as of chan_connect, or dial.h */
    const char *broker;  /* where channeld is reached, for a channel */
    struct dial_whom whom; /* for dial.h */
    const char *program; /* that is there; NULL: resourced.  Not copied */
};

/* Starts connecting, from the loop.  `whose` begins what is said of it: "",
 * "host h2: ". */
struct command *command_new(struct event_base *base, const char *whose,
                            const struct command_to *to,
                            const struct command_notify *notify);
/* Requests under way end with VDC_E_CLOSED, during this call, and what is sent
 * from now on is refused; `down` is not called. */
void command_stop(struct command *command);
/* After that, or with it.  NULL allowed. */
void command_free(struct command *command);

/* Those of whom, from the next connection on; they must stay valid. */
void command_set_certificates(struct command *command,
                              const char *certificate, const char *next);

bool command_is_up(const struct command *command);
/* Of resourced; "" when it is not up. */
const char *command_version(const struct command *command);

/* Why it is not up, in words; valid until it changes. */
const char *command_why_down(const struct command *command);
int command_why_code(const struct command *command); /* VDC_E_...; 0: none */
/* Why resourced cannot be used, as every request says it; returns
 * VDC_E_NO_DAEMON. */
int command_down_error(const struct command *command, struct vdc_error *err);

/* *ret_id (may be NULL) is for command_cancel, until `done` is called.
 * Errors: VDC_E_NO_DAEMON, and those of encoding; then `done` is not called.
 */
int command_send(struct command *command, enum wire_message_number number,
                 const void *body, command_done_fn *done,
                 command_more_fn *more, void *arg, uint32_t *ret_id,
                 struct vdc_error *err);
/* Asks resourced to undo a request under way, which ends as it ends: with an
 * error, or with its answer when it is too late. */
void command_cancel(struct command *command, uint32_t id);

#endif
