/*
 * Connects to policyd over TLS; see remote.h.
 */
#include "xl-ext/remote.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/tcp.h"
#include "base/tls.h"

#define CONNECT_TIMEOUT_MS 10000
#define HANDSHAKE_TIMEOUT_MS 10000

struct result {
    bool settled;
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
        tls_connect(tls, base, fd, host, HANDSHAKE_TIMEOUT_MS, on_done,
                    &result);
        while (!result.settled)
            event_base_loop(base, EVLOOP_ONCE);
        rc = result.err.code;
        if (rc && err)
            *err = result.err;
        if (rc)
            explain(address, err);
    }
    tls_free(tls);
    if (!rc)
        *ret = result.stream;
    return rc;
}
