/*
 * From a connected descriptor to a stream over TLS, by libevent's
 * bufferevent_openssl; and why such a stream ended.
 *
 * libevent leaves bytes that OpenSSL has decrypted where they are when its
 * high watermark is reached, and asks for them again only when the socket has
 * more; so these streams have none.  A stream takes all frames that are there
 * each time, so one frame and one record of TLS is the most that waits.
 */
#include "base/tls.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/stream_impl.h"
#include "base/tcp.h"
#include "base/tls_impl.h"

struct tls_handshake {
    struct bufferevent *bev;
    struct event *timer;
    unsigned timeout_ms;
    char *name; /* of the server; NULL: we are it */
    tls_done_fn *done;
    void *arg;
};

/* ---- a socket of OpenSSL's that raises no SIGPIPE ---- */

static int send_quietly(BIO *bio, const char *data, int size)
{
    int fd = -1;

    BIO_get_fd(bio, &fd);
    ssize_t r = send(fd, data, (size_t)size, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (r < 0 && BIO_sock_should_retry((int)r))
        BIO_set_retry_write(bio);
    return (int)r;
}

static BIO *bio_of_socket(int fd)
{
    static BIO_METHOD *method;
    const BIO_METHOD *model = BIO_s_socket();

    if (!method) {
        method = BIO_meth_new(BIO_TYPE_SOCKET, "socket");
        if (!method || !BIO_meth_set_write(method, send_quietly) ||
            !BIO_meth_set_read(method, BIO_meth_get_read(model)) ||
            !BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(model)) ||
            !BIO_meth_set_create(method, BIO_meth_get_create(model)) ||
            !BIO_meth_set_destroy(method, BIO_meth_get_destroy(model)))
            abort(); /* out of memory */
    }
    BIO *bio = BIO_new(method);
    if (!bio)
        abort(); /* out of memory */
    BIO_set_fd(bio, fd, BIO_NOCLOSE);
    return bio;
}

/* ---- why it ended ---- */

/* libevent keeps OpenSSL's errors, and among them results of SSL_get_error,
 * which have no library. */
static unsigned long first_error(struct bufferevent *bev)
{
    unsigned long first = 0, code;

    while ((code = bufferevent_get_openssl_error(bev)))
        if (!first && ERR_GET_LIB(code))
            first = code;
    ERR_clear_error();
    return first;
}

static bool is_cut(unsigned long code)
{
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return true;
#endif
    return false;
}

/* The other end says by an alert that it does not want us. */
static bool is_alert(int reason)
{
    return reason >= SSL_AD_REASON_OFFSET &&
        reason < SSL_AD_REASON_OFFSET + 256;
}

/* TLS says why in one word; `text` is OpenSSL's for it. */
static const char *alert_words(int reason, const char *text)
{
    switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "it wants a certificate, and none was shown";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the certificate that was shown is of a CA that is not "
               "trusted there";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "by its clock, the certificate that was shown has expired";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        return "the certificate that was shown is not good: it has another "
               "name, or by its clock is not valid yet";
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "the certificate that was shown is not for this";
    default:
        return text ? text : "no reason is known";
    }
}

static bool is_hangup(int errnum)
{
    return errnum == 0 || errnum == EPIPE || errnum == ECONNRESET;
}

static void why_ended(struct bufferevent *bev, short what, int errnum,
                      struct vdc_error *ret)
{
    unsigned long code = first_error(bev);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    if (what & BEV_EVENT_EOF)
        vdc_error_set(ret, VDC_E_CLOSED, "the connection was closed");
    else if (is_cut(code) || (!code && is_hangup(errnum)))
        vdc_error_set(ret, VDC_E_CLOSED,
                      "the connection was cut: its other end did not close "
                      "it");
    else if (code && is_alert(ERR_GET_REASON(code)))
        vdc_error_set(ret, VDC_E_DENIED, "the other end refused: %s",
                      alert_words(ERR_GET_REASON(code), reason));
    else if (code)
        vdc_error_set(ret, VDC_E_IO, "TLS failed: %s",
                      reason ? reason : "no reason is known");
    else
        vdc_error_errno(ret, VDC_E_IO, errnum, "the connection failed");
}

/* As much of it as the socket takes at once. */
static void say_end(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);

    ERR_clear_error();
    SSL_shutdown(ssl);
    ERR_clear_error();
}

static const struct stream_carrier carrier = { why_ended, say_end };

/* ---- why there was no connection ---- */

static int explain_certificate(const char *name, long result,
                               struct vdc_error *ret)
{
    char now[32];

    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        vdc_error_set(ret, VDC_E_DENIED,
                      "the certificate that is shown there is not for '%s'",
                      name);
        vdc_error_hint(ret, "use a name that is in the certificate, or have "
                            "one made with subjectAltName %s", name);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        vdc_error_set(ret, VDC_E_DENIED,
                      "the certificate of '%s' is of a CA that is not "
                      "trusted here: %s",
                      name, X509_verify_cert_error_string(result));
        break;
    case X509_V_ERR_CERT_UNTRUSTED:
        vdc_error_set(ret, VDC_E_DENIED,
                      "what is there is of another CA than the one whose "
                      "fingerprint is known");
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        vdc_error_set(ret, VDC_E_DENIED,
                      "by the clock here, %s, the certificate of '%s' %s",
                      clock_wall_format(clock_wall(), now, sizeof(now)), name,
                      result == X509_V_ERR_CERT_HAS_EXPIRED
                          ? "has expired" : "is not valid yet");
        vdc_error_hint(ret, "if that is not the time, set the clock and try "
                            "again");
        break;
    default:
        vdc_error_set(ret, VDC_E_DENIED,
                      "the certificate of '%s' is not good: %s", name,
                      X509_verify_cert_error_string(result));
        break;
    }
    return VDC_E_DENIED;
}

static void explain_failure(struct tls_handshake *h, short what, int errnum,
                            struct vdc_error *ret)
{
    SSL *ssl = bufferevent_openssl_get_ssl(h->bev);
    unsigned long code = first_error(h->bev);
    int reason = ERR_GET_REASON(code);
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    if (h->name && code && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        explain_certificate(h->name, SSL_get_verify_result(ssl), ret);
    else if (code && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        vdc_error_set(ret, VDC_E_DENIED,
                      "refused: the certificate that was shown is not good: "
                      "%s",
                      X509_verify_cert_error_string(
                          SSL_get_verify_result(ssl)));
    else if (code && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        vdc_error_set(ret, VDC_E_DENIED, "refused: no certificate was shown");
    else if (is_cut(code) ||
             (!code && ((what & BEV_EVENT_EOF) || is_hangup(errnum))))
        vdc_error_set(ret, VDC_E_CLOSED,
                      "the connection was closed before TLS began");
    else if (code && is_alert(reason))
        vdc_error_set(ret, VDC_E_DENIED, "the other end refused: %s",
                      alert_words(reason, text));
    else if (code)
        vdc_error_set(ret, VDC_E_PROTOCOL,
                      "what is there does not speak TLS 1.3: %s",
                      text ? text : "no reason is known");
    else
        vdc_error_errno(ret, VDC_E_IO, errnum, "the connection failed");
}

/* ---- the last word of a server ---- */

/*
 * In TLS 1.3 a client is done before the server has judged its certificate,
 * and has sent something by then.  A socket that is closed with that unread
 * takes the alert, which says why, away from the client.  So what comes is
 * read and thrown away until the client has closed, for a second.
 */
#define LINGER_MOST 64 /* at a time; others are closed at once */
#define LINGER_BYTES 65536
#define LINGER_MS 900

struct lingering {
    LIST_ENTRY(lingering) link;
    struct event *event;
    int fd;
    size_t n_bytes;
    uint64_t until_ms; /* by the monotonic clock */
};

static LIST_HEAD(, lingering) lingering = LIST_HEAD_INITIALIZER(lingering);
static unsigned n_lingering;

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
    struct lingering *l = arg;
    char waste[4096];
    ssize_t r = what & EV_TIMEOUT ? 0 : read(fd, waste, sizeof(waste));

    if (r > 0)
        l->n_bytes += (size_t)r;
    if (((r > 0 && l->n_bytes < LINGER_BYTES) ||
         (r < 0 && (errno == EAGAIN || errno == EINTR))) &&
        clock_mono().ms < l->until_ms)
        return;
    LIST_REMOVE(l, link);
    n_lingering--;
    event_free(l->event);
    close(l->fd);
    free(l);
}

static void linger(struct bufferevent *bev)
{
    const struct timeval most = { 0, LINGER_MS * 1000 };
    struct lingering *l;
    int fd;

    if (n_lingering >= LINGER_MOST)
        return;
    fd = fcntl(bufferevent_getfd(bev), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    l = XNEW(struct lingering);
    l->fd = fd;
    l->until_ms = clock_mono().ms + LINGER_MS;
    l->event = event_new(bufferevent_get_base(bev), fd, EV_READ | EV_PERSIST,
                         on_linger, l);
    if (!l->event || event_add(l->event, &most))
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&lingering, l, link);
    n_lingering++;
}

/* ---- the handshake ---- */

static void handshake_free(struct tls_handshake *h)
{
    if (h->bev)
        bufferevent_free(h->bev);
    event_free(h->timer);
    free(h->name);
    free(h);
}

static void fail(struct tls_handshake *h, const struct vdc_error *err)
{
    tls_done_fn *done = h->done;
    void *arg = h->arg;

    handshake_free(h);
    done(arg, NULL, NULL, err);
}

static void finish(struct tls_handshake *h)
{
    static const struct stream_ops none;
    SSL *ssl = bufferevent_openssl_get_ssl(h->bev);
    X509 *x = SSL_get1_peer_certificate(ssl);
    long result = SSL_get_verify_result(ssl);
    struct tls_certificate peer;
    struct stream *stream =
        stream_of_bufferevent(h->bev, &carrier, &none, NULL);
    tls_done_fn *done = h->done;
    void *arg = h->arg;

    if (x)
        tls_certificate_describe(x, &peer);
    if (x && result != X509_V_OK) {
        const char *why = X509_verify_cert_error_string(result);
        strncpy(peer.unproved, why, sizeof(peer.unproved) - 1);
    }
    h->bev = NULL; /* the stream's */
    handshake_free(h);
    done(arg, stream, x ? &peer : NULL, NULL);
    X509_free(x);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct tls_handshake *h = arg;
    int errnum = what & BEV_EVENT_ERROR ? EVUTIL_SOCKET_ERROR() : 0;
    struct vdc_error err;

    if (what & BEV_EVENT_CONNECTED) {
        finish(h);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        explain_failure(h, what, errnum, &err);
        if (!h->name && err.code == VDC_E_DENIED)
            linger(bev);
        fail(h, &err);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct tls_handshake *h = arg;
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_TIMEOUT, "no TLS connection within %u ms",
                  h->timeout_ms);
    fail(h, &err);
}

static struct tls_handshake *begin(SSL *ssl, struct event_base *base, int fd,
                                   enum bufferevent_ssl_state state,
                                   unsigned timeout_ms, tls_done_fn *done,
                                   void *arg)
{
    struct tls_handshake *h = XNEW(struct tls_handshake);
    BIO *bio = bio_of_socket(fd);

    SSL_set_bio(ssl, bio, bio);
    h->timeout_ms = timeout_ms;
    h->done = done;
    h->arg = arg;
    h->timer = evtimer_new(base, on_timer, h);
    h->bev = bufferevent_openssl_socket_new(base, fd, ssl, state,
                                            BEV_OPT_CLOSE_ON_FREE);
    const struct timeval limit = { timeout_ms / 1000,
                                   timeout_ms % 1000 * 1000 };
    if (!h->timer || !h->bev || evtimer_add(h->timer, &limit))
        abort(); /* out of memory */
    bufferevent_setcb(h->bev, NULL, NULL, on_event, h);
    return h;
}

static SSL *ssl_new(struct tls *tls)
{
    SSL *ssl = SSL_new(tls->ctx);

    if (!ssl)
        abort(); /* out of memory */
    return ssl;
}

struct tls_handshake *tls_accept(struct tls *tls, struct event_base *base,
                                 int fd, unsigned timeout_ms,
                                 tls_done_fn *done, void *arg)
{
    return begin(ssl_new(tls), base, fd, BUFFEREVENT_SSL_ACCEPTING,
                 timeout_ms, done, arg);
}

struct tls_handshake *tls_connect(struct tls *tls, struct event_base *base,
                                  int fd, const char *name,
                                  unsigned timeout_ms, tls_done_fn *done,
                                  void *arg)
{
    SSL *ssl = ssl_new(tls);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct tls_handshake *h;

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (tcp_is_number(name)
            ? !X509_VERIFY_PARAM_set1_ip_asc(param, name)
            : (!X509_VERIFY_PARAM_set1_host(param, name, 0) ||
               !SSL_set_tlsext_host_name(ssl, name)))
        abort(); /* out of memory */
    h = begin(ssl, base, fd, BUFFEREVENT_SSL_CONNECTING, timeout_ms, done,
              arg);
    h->name = xstrdup(name);
    return h;
}

void tls_handshake_cancel(struct tls_handshake *handshake)
{
    if (handshake)
        handshake_free(handshake);
}
