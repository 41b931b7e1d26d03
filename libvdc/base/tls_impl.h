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
};

/* What a person may know of a certificate. */
void tls_certificate_describe(X509 *x, struct tls_certificate *ret);

/* The oldest of OpenSSL's errors in words, and none is left. */
const char *tls_reason(void);

#endif
