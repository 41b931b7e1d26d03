/*
 * Tokens in memory, by their ids.
 */
#ifndef POLICYD_CUSTOMERS_TOKENS_H
#define POLICYD_CUSTOMERS_TOKENS_H

#include "wire/wire.h"

struct tokens;

struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens); /* NULL allowed */

/* Takes a copy, instead of one of the same id.  Errors: those of
 * wire_struct_copy; nothing is changed then. */
int tokens_put(struct tokens *tokens, const struct wire_stored_token *token,
               struct vdc_error *err);
void tokens_remove(struct tokens *tokens, const char *id);

/* Valid until it is put again or removed.  NULL: there is none. */
const struct wire_stored_token *tokens_find(const struct tokens *tokens,
                                            const char *id);
/* The next in the order of ids, which need not be there; "": the first. */
const struct wire_stored_token *tokens_after(const struct tokens *tokens,
                                             const char *id);

#endif
