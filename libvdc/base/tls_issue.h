/*
 * Makes keys and certificates: for policyd, which is the authority of a data
 * center, and for hosts that join it.  Keys are on the curve P-256.
 *
 * A certificate that is made here says in its subjectAltName whom it is for:
 * the name (DNS) and the role (URI "xen-vdc:role:ROLE"); tls.h reads that.
 *
 * All is PEM text.  What is returned is malloc'd and the caller's; keys in it
 * are to be freed with tls_issue_free.  Nothing blocks but for the time of a
 * signature.
 */
#ifndef VDC_BASE_TLS_ISSUE_H
#define VDC_BASE_TLS_ISSUE_H

#include <stdint.h>

#include "base/error.h"
#include "base/tls.h"

/* Of a request for a certificate, and of a certificate that is made here. */
#define TLS_ISSUE_PEM_MAX 4096

struct tls_issue_for {
    const char *name; /* 1 to 63 letters, digits, '-', '_' and '.' */
    const char *role; /* "host", "policyd"; 1 to 15 letters */
    uint64_t from_ms, to_ms; /* ms since 1970; whole seconds count */
};

/* A new key.  Errors: VDC_E_INTERNAL: OpenSSL makes none. */
int tls_issue_key(char **ret, struct vdc_error *err);

/* The certificate of an authority with this key, by itself; it may vouch for
 * certificates, not for other authorities.  `name` is for people.  Errors:
 * VDC_E_BAD_VALUE (no key, name), VDC_E_INTERNAL. */
int tls_issue_authority(const char *key, const char *name, uint64_t from_ms,
                        uint64_t to_ms, char **ret, struct vdc_error *err);

/* A request for a certificate for this key, which proves that one has it.
 * Errors: VDC_E_BAD_VALUE (no key), VDC_E_INTERNAL. */
int tls_issue_request(const char *key, char **ret, struct vdc_error *err);

/* Grants a request: `authority` has a certificate and its key.  Of the request
 * nothing but the key is taken.  Errors: VDC_E_BAD_VALUE: the request cannot
 * be read, is not signed with its key, or that is of another kind; a name or a
 * role; VDC_E_BAD_CONFIG: the authority cannot be read; VDC_E_INTERNAL. */
int tls_issue_grant(const char *authority, const char *request,
                    const struct tls_issue_for *whom, char **ret,
                    struct vdc_error *err);

/* Tells keys apart: SHA-256 of the key of a request, in hexadecimal digits.
 * Errors: VDC_E_BAD_VALUE: as of tls_issue_grant. */
int tls_issue_key_id(const char *request, char ret[TLS_FINGERPRINT_TEXT_SIZE],
                     struct vdc_error *err);

/* Whether text has a certificate and the key that belongs to it.  Errors:
 * VDC_E_BAD_CONFIG. */
int tls_issue_check_pair(const char *text, struct vdc_error *err);

/* Clears and frees; NULL allowed. */
void tls_issue_free(char *text);

#endif
