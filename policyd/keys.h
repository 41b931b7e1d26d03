/*
 * Requests with keys: the same request with the same key again gets the first
 * answer, for a day, and is not carried out twice.  Keys of different owners
 * are different.
 */
#ifndef POLICYD_KEYS_H
#define POLICYD_KEYS_H

#include "policyd/operations.h"

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys *keys); /* NULL allowed */

/* A request that has a key; in its arena. */
struct keyed;

/*
 * Begins a request with a key.  *ret_keyed is NULL when it was answered now,
 * with what it was answered with before: the request and all that is in its
 * arena is gone then.
 * Errors: VDC_E_CONFLICT (another request had this key), VDC_E_BUSY (the first
 * one is under way), those of the store.
 */
int keys_begin(struct request *request, const char *owner, const char *key,
               struct keyed **ret_keyed, struct vdc_error *err);
/* It succeeded: its answer is kept.  A failure to is logged. */
void keys_keep(struct keyed *keyed, enum wire_message_number number,
               const void *body);
/* Before the request is answered, in any case.  NULL allowed. */
void keys_end(struct keyed *keyed);

#endif
