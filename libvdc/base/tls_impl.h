/*
 * What tls.c, which reads files, and tls_handshake.c, which makes connections,
 * share.
 */
#ifndef VDC_BASE_TLS_IMPL_H
#define VDC_BASE_TLS_IMPL_H

#include <openssl/ssl.h>

#include "base/tls.h"

struct tls {
    SSL_CTX *ctx;
    char *certificate; /* the file of the own one; NULL: none */
    /* of who must vouch for the other end, when that is all that is known */
    uint8_t vouches[TLS_FINGERPRINT_SIZE];
};

/* What a person may know of a certificate. */
void tls_certificate_describe(X509 *x, struct tls_certificate *ret);

/* The oldest of OpenSSL's errors in words, and none is left. */
const char *tls_reason(void);

#endif
