/*
 * Requests with keys: the same request with the same key again gets the first
 * answer, and is not carried out twice.  Keys of different owners are
 * different.
 *
 * An answer is kept for as long as the setting answer_keep says (a day, unless
 * it is set), and of each owner the last STORE_ANSWERS_MAX.  While the first
 * request is under way the same one waits for its outcome and gets that, also
 * when it is a failure.  What failed is not kept here: what was wrong may be
 * right later.
 *
 * Before the host is asked it is noted that the key is in use.  A note without
 * an answer, after a crash of either daemon, says that the host has to be
 * asked what came of it (change_recall.c).
 */
#ifndef POLICYD_API_KEYS_H
#define POLICYD_API_KEYS_H

#include "policyd/api/operations.h"

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys *keys); /* NULL allowed */

/* A request that has a key; in its arena. */
struct keyed;

/*
 * Begins a request with a key.  *ret_keyed is NULL when it needs no more:
 * either it was answered now, with what it was answered with before, and the
 * request and all that is in its arena is gone; or it will be, with what the
 * one that is under way is answered with.
 * Errors: VDC_E_CONFLICT (another request had this key), those of the store.
 */
int keys_begin(struct request *request, const char *owner, const char *key,
               struct keyed **ret_keyed, struct vdc_error *err);
/* Whether the key was noted before, and nobody knows what came of it.  It may
 * have been another request's: when it was, and has an answer, that is
 * VDC_E_CONFLICT by keys_check_same. */
bool keys_is_open(const struct keyed *keyed);
int keys_check_same(const struct keyed *keyed, struct vdc_error *err);
/* Which host that was sent to; "": that was not noted. */
const char *keys_host(const struct keyed *keyed);
/* Notes it, before this host is asked.  Errors: those of a commit. */
int keys_note(struct keyed *keyed, const char *host, struct vdc_error *err);
/* It succeeded: its answer is kept.  A failure to is logged. */
void keys_keep(struct keyed *keyed, enum wire_message_number number,
               const void *body);
/* Before the request is answered, in any case; those that wait for it are
 * answered now: with what keys_keep got, or else with `err`, which is NULL
 * after keys_keep only.  `keyed` may be NULL. */
void keys_end(struct keyed *keyed, const struct vdc_error *err);

#endif
