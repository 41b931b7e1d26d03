/*
 * A blocking client of policyd: one connection, one request at a time.
 */
#ifndef XL_EXT_CLIENT_H
#define XL_EXT_CLIENT_H

#include "base/error.h"
#include "wire/wire.h"
#include "xl-ext/command.h"

struct client;

/*
 * Connects to args->socket and exchanges greetings.  Errors: VDC_E_NO_DAEMON,
 * VDC_E_DENIED, VDC_E_PROTOCOL, and what policyd answers; the hint says what
 * to look at.
 */
int client_open(const struct command_args *args, struct client **ret,
                struct vdc_error *err);
void client_close(struct client *client); /* NULL allowed */

/*
 * Sends a request and waits for its answer, which must be the one that the
 * table of messages names; progress in between is shown on a terminal.  The
 * answer lives in args->arena.  An answer `error` becomes the return value.
 *
 * When the command changes something, SIGINT or SIGTERM sends `cancel` once
 * and the wait goes on: VDC_E_CANCELLED, or another answer when it was too
 * late.  A second one ends the process with status 128 + the signal's number.
 */
int client_request(struct client *client, enum wire_message_number number,
                   const void *body, const void **ret_body,
                   struct vdc_error *err);

/* From now on messages, and answers, are in this arena instead of args->arena:
 * for who sends very many.  NULL: in that again. */
void client_set_arena(struct client *client, struct arena *arena);

/* From now on progress goes to `fn` instead, in any format and on any
 * terminal; false: it is shown as it would be.  `*shown` stays on the line
 * until the next. */
typedef bool client_progress_fn(void *arg,
                                const struct wire_progress *progress,
                                bool *shown);
void client_on_progress(struct client *client, client_progress_fn *fn,
                        void *arg);

/* client_request for a list that comes in pages (wire/page.h): *ret_body has
 * the items of all of them. */
int client_list(struct client *client, enum wire_message_number number,
                const void *query, const void **ret_body,
                struct vdc_error *err);

/* client_open, client_request or (for a list in pages) client_list, and
 * client_close. */
int client_ask(const struct command_args *args,
               enum wire_message_number number, const void *body,
               const void **ret_body, struct vdc_error *err);

/* The halves of client_request, for conversations with more than an answer.
 * client_receive takes any message but progress and error, waits up to
 * timeout_ms (< 0: for ever), and puts the message into `arena`. */
int client_send(struct client *client, enum wire_message_number number,
                const void *body, struct vdc_error *err);
int client_receive(struct client *client, int timeout_ms, struct arena *arena,
                   struct wire_frame *ret, struct vdc_error *err);

/* Whether a change was interrupted: nothing more should be begun then. */
bool client_interrupted(void);

/* As road_wait. */
int client_wait(struct client *client, int other, bool *ret_here,
                bool *ret_other, struct vdc_error *err);

#endif
