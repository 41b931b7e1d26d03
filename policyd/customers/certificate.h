/*
 * Certificates of clients: tokens without a secret, because TLS has proved
 * that who shows one has its key.  Known by the SHA-256 of the whole
 * certificate; roles, expiry, who made it and revocation are those of tokens
 * (token.h).
 */
#ifndef POLICYD_CUSTOMERS_CERTIFICATE_H
#define POLICYD_CUSTOMERS_CERTIFICATE_H

#include "base/tls.h"
#include "policyd/customers/token.h"

bool certificate_is(const struct wire_stored_token *token);

/*
 * Whether the certificate by which somebody came is good now.  Fills in its
 * id, of SECRET_ID_SIZE.  Errors: VDC_E_DENIED: it has expired, is not valid
 * yet, no CA that is wanted vouches for it, it is not registered, or who
 * registered it may not act for the customer any more; each in its own words,
 * as who has the key may know.
 */
int certificate_check(const struct setup *setup, const struct book *book,
                      const struct tls_certificate *shown, uint64_t now_ms,
                      char *ret_id, struct vdc_error *err);

/* As token_holder, of one that was checked before. */
int certificate_holder(const struct setup *setup, const struct book *book,
                       const char *id, uint64_t now_ms,
                       struct token_holder *ret, struct vdc_error *err);

/* For a person: "certificate CN = alice (0123456789abcdef)". */
const char *certificate_name(const struct book *book, const char *id,
                             struct arena *arena);

#endif
