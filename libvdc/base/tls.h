/*
 * Streams over TLS 1.3, and nothing older: a context from files, and the
 * handshake that makes a stream (stream.h) of a connected descriptor.
 *
 * There are no session tickets, no resumption and no early data, so that each
 * connection proves anew that its other end has the key of its certificate.
 */
#ifndef VDC_BASE_TLS_H
#define VDC_BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct event_base;
struct stream;
struct tls;
struct tls_handshake;

#define TLS_FINGERPRINT_SIZE 32 /* SHA-256 of the whole certificate */
/* Longer ones, with their chain, are not read. */
#define TLS_CERTIFICATE_MAX 16384

/* A certificate; of who is at the other end, or of a file. */
struct tls_certificate {
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char subject[128]; /* "CN = alice"; cut, and clean to be printed */
    uint64_t valid_from_ms, valid_to_ms; /* ms since 1970 */
    /* why none of those who are trusted vouches for it; "": one does, or it
     * was not asked for */
    char unproved[128];
    /* the role that it gives in a data center: "host", "policyd"; "": none.
     * It counts only with the certificate of an authority that gives them to
     * nobody else (tls_issue.h). */
    char role[16];
};
/* How a role stands among the names of a certificate, as a URI. */
#define TLS_ROLE_URI "xen-vdc:role:"

/* How a context proves who is at the other end. */
enum tls_proof {
    /* A server's: the other end may show a certificate, or none.  What is
     * shown is told, with `unproved`, and is for the caller to judge: the
     * handshake goes through, so that a refusal can be a message.  Only a
     * key of RSA whose proof would take long ends it: one of more than 8192
     * bits, or with an exponent of more than 64. */
    TLS_ASK,
    /* The other end must show one for which the CA vouches; a client also
     * holds it against the name it connected to. */
    TLS_DEMAND,
};

struct tls_files {
    const char *certificate; /* PEM, own first, then its chain; "": none */
    const char *key;         /* PEM, its key; "": none */
    /* PEM of those who may vouch; "": a server's asks nobody (TLS_ASK alone),
     * a client's takes those of the system */
    const char *ca;
};

/*
 * Reads the files.  A server needs a certificate and its key.  Errors:
 * VDC_E_NO_FILE, VDC_E_DENIED, VDC_E_BAD_CONFIG (what is in a file, a key that
 * is not the certificate's, has a passphrase, or that everybody may read);
 * each names the file.
 */
int tls_new_server(const struct tls_files *files, enum tls_proof proof,
                   struct tls **ret, struct vdc_error *err);
int tls_new_client(const struct tls_files *files, struct tls **ret,
                   struct vdc_error *err);
/* A client's, without a file: the other end must show a chain that ends at the
 * certificate with this fingerprint.  It must stay until its handshakes are
 * done. */
struct tls *tls_new_client_of(const uint8_t fingerprint[TLS_FINGERPRINT_SIZE]);
/* Connections that were made with it go on.  NULL allowed. */
void tls_free(struct tls *tls);
/* Whether the own certificate, if there is one, is good now; the other end
 * would refuse it otherwise.  Errors: VDC_E_BAD_CONFIG: expired, or too early;
 * names the file. */
int tls_check_dates(const struct tls *tls, struct vdc_error *err);

/*
 * Called once, from the event loop.  `stream` is the callee's then: it sets
 * its ops before it returns, or destroys it; NULL: it failed, as err says.
 * `peer` is NULL when the other end has shown no certificate.
 */
typedef void tls_done_fn(void *arg, struct stream *stream,
                         const struct tls_certificate *peer,
                         const struct vdc_error *err);

/*
 * Each takes over a connected descriptor (which may still be connecting), that
 * does not block, and gives up after timeout_ms.  `name`: what the server's
 * certificate must have in its subjectAltName, a host's name or a number; its
 * CN is not looked at.
 *
 * The errors of a client's say which of both ends did not like the other:
 * VDC_E_DENIED (certificates), VDC_E_PROTOCOL (no TLS 1.3 there),
 * VDC_E_TIMEOUT, VDC_E_CLOSED, VDC_E_IO.
 */
struct tls_handshake *tls_accept(struct tls *tls, struct event_base *base,
                                 int fd, unsigned timeout_ms,
                                 tls_done_fn *done, void *arg);
struct tls_handshake *tls_connect(struct tls *tls, struct event_base *base,
                                  int fd, const char *name,
                                  unsigned timeout_ms, tls_done_fn *done,
                                  void *arg);
/* Closes; `done` is not called.  Not after or from within it. */
void tls_handshake_cancel(struct tls_handshake *handshake);

/* The first certificate of a PEM text.  Errors: VDC_E_BAD_VALUE. */
int tls_certificate_read(const void *pem, size_t size,
                         struct tls_certificate *ret, struct vdc_error *err);

/* In lower-case hexadecimal digits. */
#define TLS_FINGERPRINT_TEXT_SIZE (TLS_FINGERPRINT_SIZE * 2 + 1)
void tls_fingerprint_text(const uint8_t *fingerprint,
                          char ret[TLS_FINGERPRINT_TEXT_SIZE]);
/* False: it is none; `ret` is untouched. */
bool tls_fingerprint_parse(const char *text,
                           uint8_t ret[TLS_FINGERPRINT_SIZE]);

#endif
