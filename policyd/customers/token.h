/*
 * Tokens: what lets a program act for a customer, or as an operator, whatever
 * account it has.  A token has a role, and never may more than who made it
 * may at the moment: the account that is no login any more takes its tokens
 * with it, and so does a token those that were made with it.
 *
 * Of the secret only a salted hash is kept.
 */
#ifndef POLICYD_CUSTOMERS_TOKEN_H
#define POLICYD_CUSTOMERS_TOKEN_H

#include <sys/types.h>

#include "policyd/setup.h"
#include "policyd/store/book.h"

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

/* ---- for the requests about them, and about certificates ---- */

struct request;

/* What is alike of a token and a certificate that are to be made.  Errors:
 * VDC_E_NOT_FOUND (customer), VDC_E_BAD_VALUE, VDC_E_DENIED, VDC_E_QUOTA. */
int token_prepare(struct request *request,
                  const struct wire_token_create *order,
                  struct wire_token *ret, struct vdc_error *err);

/* Those that `ref` asks for and that who asks may know of, from the place
 * there on.  Errors: VDC_E_NOT_FOUND (customer). */
int token_find(struct request *request, const struct wire_token_ref *ref,
               bool certificates, const struct wire_stored_token ***ret,
               size_t *ret_n, struct vdc_error *err);

/* What token_ref, the body of the request, names.  Errors: VDC_E_NOT_FOUND,
 * those of book_token_remove. */
int token_remove(struct request *request, bool certificate,
                 struct vdc_error *err);

#endif
