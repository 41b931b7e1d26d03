/*
 * Tokens: what lets a program act for a customer, or as an operator, whatever
 * account it has.  A token has a role, and never may more than who made it
 * may at the moment: the account that is no login any more takes its tokens
 * with it, and so does a token those that were made with it.
 *
 * Of the secret only a salted hash is kept.
 */
#ifndef POLICYD_TOKEN_H
#define POLICYD_TOKEN_H

#include <sys/types.h>

#include "policyd/book.h"
#include "policyd/setup.h"

/* "ID.SECRET" */
#define TOKEN_PREFIX "vdc_"

/* Whom a token is good for. */
struct token_holder {
    const struct customer *customer; /* the provider: an operator's */
    enum wire_role role;
};

/*
 * Whether this is the secret of a token that is good now.  Fills in its id,
 * of SECRET_ID_SIZE.  Errors: VDC_E_DENIED, in the same words whether there is
 * no such token, it is over, or the secret is another.
 */
int token_check(const struct setup *setup, const struct book *book,
                const char *text, uint64_t now_ms, char *ret_id,
                struct vdc_error *err);

/* For whom a token that was checked before is good now.  Errors:
 * VDC_E_DENIED. */
int token_holder(const struct setup *setup, const struct book *book,
                 const char *id, uint64_t now_ms, struct token_holder *ret,
                 struct vdc_error *err);

#endif
