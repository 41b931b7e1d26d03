/*
 * policyd elsewhere, over TLS.  The program for inside a guest has none
 * (remote_none.c).
 */
#ifndef XL_EXT_REMOTE_H
#define XL_EXT_REMOTE_H

#include "base/error.h"

struct event_base;
struct stream;

#define REMOTE_HOST_ENV "XEN_VDC_HOST"
/* Files: of those who may vouch for policyd, and of who one is. */
#define REMOTE_CA_ENV "XEN_VDC_CA"
#define REMOTE_CERTIFICATE_ENV "XEN_VDC_CERTIFICATE"
#define REMOTE_KEY_ENV "XEN_VDC_KEY"

/*
 * Connects to HOST:PORT, with the certificate of the environment if one is
 * set; the server's must be of the CA and have the host's name or number.
 * Errors: those of tcp_connect_blocking, tls_new_client, tls_check_dates and
 * tls_connect; VDC_E_UNSUPPORTED inside a guest.
 */
int remote_open(struct event_base *base, const char *address,
                struct stream **ret, struct vdc_error *err);

/*
 * Connects to FINGERPRINT@HOST:PORT, where machines join: what answers must be
 * policyd of the authority with this fingerprint, in lower-case hexadecimal
 * digits.  Errors: VDC_E_BAD_VALUE, those of tcp_connect_blocking and of
 * tls_connect; VDC_E_UNSUPPORTED inside a guest.
 */
int remote_open_join(struct event_base *base, const char *address,
                     struct stream **ret, struct vdc_error *err);

#endif
