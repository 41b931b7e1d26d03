/*
 * Connects to policyd over TLS; see remote.h.
 */
#include "xl-ext/remote.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"

#define CONNECT_TIMEOUT_MS 10000
#define HANDSHAKE_TIMEOUT_MS 10000

/* What policyd's certificate has, of the authority of a data center: as its
 * name, and as its role. */
#define REMOTE_POLICYD_NAME "policyd"

struct result {
    bool settled;
    bool is_policyd; /* by the role in its certificate */
    struct stream *stream;
    struct vdc_error err;
};

static const char *setting(const char *name)
{
    const char *text = getenv(name);

    return text ? text : "";
}

static int read_files(struct tls **ret, struct vdc_error *err)
{
    const struct tls_files files = { setting(REMOTE_CERTIFICATE_ENV),
                                     setting(REMOTE_KEY_ENV),
                                     setting(REMOTE_CA_ENV) };
    int rc;

    if (!*files.certificate != !*files.key)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is set, and %s is not: a certificate and "
                             "its key are needed together",
                             *files.key ? REMOTE_KEY_ENV
                                        : REMOTE_CERTIFICATE_ENV,
                             *files.key ? REMOTE_CERTIFICATE_ENV
                                        : REMOTE_KEY_ENV);
    rc = tls_new_client(&files, ret, err);
    if (rc)
        return rc;
    rc = tls_check_dates(*ret, err);
    if (rc)
        tls_free(*ret);
    return rc;
}

static void on_done(void *arg, struct stream *stream,
                    const struct tls_certificate *peer,
                    const struct vdc_error *err)
{
    struct result *result = arg;

    result->settled = true;
    result->stream = stream;
    result->is_policyd = peer && strcmp(peer->role, REMOTE_POLICYD_NAME) == 0;
    if (err)
        result->err = *err;
}

static void explain(const char *address, struct vdc_error *err)
{
    if (err && !err->hint[0] && err->code == VDC_E_DENIED)
        vdc_error_hint(err, *setting(REMOTE_CA_ENV)
                                ? "is $" REMOTE_CA_ENV
                                  " the CA of policyd's certificate?"
                                : "set $" REMOTE_CA_ENV
                                  " to the file with the CA of policyd's "
                                  "certificate");
    vdc_error_prefix(err, "cannot reach policyd at %s", address);
}

/* Waits for TLS over a connected descriptor. */
static int shake(struct event_base *base, struct tls *tls, int fd,
                 const char *name, struct result *ret, struct vdc_error *err)
{
    *ret = (struct result){ .stream = NULL };
    tls_connect(tls, base, fd, name, HANDSHAKE_TIMEOUT_MS, on_done, ret);
    while (!ret->settled)
        event_base_loop(base, EVLOOP_ONCE);
    if (ret->err.code && err)
        *err = ret->err;
    return ret->err.code;
}

int remote_open(struct event_base *base, const char *address,
                struct stream **ret, struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];
    struct result result = { .stream = NULL };
    struct tls *tls;
    int fd;
    int rc = tcp_split(address, host, port, err);

    if (!rc)
        rc = read_files(&tls, err);
    if (rc)
        return rc;
    rc = tcp_connect_blocking(address, CONNECT_TIMEOUT_MS, &fd, err);
    if (!rc) {
        rc = shake(base, tls, fd, host, &result, err);
        if (rc)
            explain(address, err);
    }
    tls_free(tls);
    if (!rc)
        *ret = result.stream;
    return rc;
}

/* ---- to join ---- */

static void explain_join(const char *address, bool leaves,
                         struct vdc_error *err)
{
    if (err && !err->hint[0])
        switch (err->code) {
        case VDC_E_DENIED:
            vdc_error_hint(err, "is this the address of the data center that "
                                "the token is of?");
            break;
        case VDC_E_CLOSED:
            vdc_error_hint(err, "does that policyd have an authority? "
                                "`xl-vdc dc-init` there makes it");
            break;
        default:
            vdc_error_hint(err, "is policyd running there, with this "
                                "dc_address?");
        }
    vdc_error_prefix(err, "cannot %s at %s", leaves ? "leave" : "join",
                     address);
}

/* By what policyd is known: the fingerprint of the authority; or a host's
 * file, with whose certificate it is shown who comes, too. */
static int know(const char *address, const char *at, struct tls **ret,
                struct vdc_error *err)
{
    char text[TLS_FINGERPRINT_TEXT_SIZE] = "";
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];

    if (at && *address == '/') {
        char *path = xasprintf("%.*s", (int)(at - address), address);
        const struct tls_files files = { path, path, path };
        int rc = tls_new_client(&files, ret, err);
        free(path);
        return rc;
    }
    if (at && at - address == TLS_FINGERPRINT_TEXT_SIZE - 1)
        memcpy(text, address, TLS_FINGERPRINT_TEXT_SIZE - 1);
    if (!tls_fingerprint_parse(text, fingerprint))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.80s' has no fingerprint", address);
    *ret = tls_new_client_of(fingerprint);
    return 0;
}

int remote_open_join(struct event_base *base, const char *address,
                     struct stream **ret, struct vdc_error *err)
{
    const char *at = strrchr(address, '@');
    struct result result = { .stream = NULL };
    struct tls *tls;
    int fd, rc = know(address, at, &tls, err);

    if (rc)
        return rc;
    rc = tcp_connect_blocking(at + 1, CONNECT_TIMEOUT_MS, &fd, err);
    if (!rc)
        rc = shake(base, tls, fd, REMOTE_POLICYD_NAME, &result, err);
    tls_free(tls);
    if (!rc && !result.is_policyd) {
        stream_destroy(result.stream);
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "what is there is of the data center, but not its "
                           "policyd");
    }
    if (rc)
        explain_join(at + 1, *address == '/', err);
    else
        *ret = result.stream;
    return rc;
}
