/*
 * Connects to a host elsewhere; see dial.h.
 */
#include "policyd/hosts/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "policyd/dc/dc.h"

struct dial {
    struct tls_handshake *handshake;
    struct dial_whom whom;
    /* those of whom, which may change */
    char certificate[TLS_FINGERPRINT_TEXT_SIZE];
    char next[TLS_FINGERPRINT_TEXT_SIZE];
    dial_fn *done;
    void *arg;
};

bool dial_is_address(const char *address)
{
    return strncmp(address, DIAL_PREFIX, strlen(DIAL_PREFIX)) == 0;
}

/* The authority and the name were proved by TLS. */
static int check(const struct dial_whom *whom,
                 const struct tls_certificate *peer, struct vdc_error *err)
{
    char text[TLS_FINGERPRINT_TEXT_SIZE] = "";

    if (peer)
        tls_fingerprint_text(peer->fingerprint, text);
    if (!peer || strcmp(peer->role, DC_ROLE_HOST) != 0)
        return vdc_error_set(err, VDC_E_DENIED,
                             "what answers has not the certificate of a host");
    if (strcmp(text, whom->certificate) == 0 ||
        (*whom->next && strcmp(text, whom->next) == 0))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "what answers has a certificate of host '%s' that is good "
                  "no more: another was made since", whom->name);
    vdc_error_hint(err, "`xl-vdc dc-token %s --again`, and dc-join --again "
                        "there, make another", whom->name);
    return VDC_E_DENIED;
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct dial dial = *(struct dial *)arg;
    struct vdc_error err = { 0 };

    free(arg);
    dial.whom.certificate = dial.certificate;
    dial.whom.next = dial.next;
    if (stream && check(&dial.whom, peer, &err)) {
        stream_destroy(stream);
        stream = NULL;
        why = &err;
    }
    dial.done(dial.arg, stream, why);
}

int dial_begin(struct event_base *base, const char *address,
               const struct dial_whom *whom, dial_fn *done, void *arg,
               struct dial **ret, struct vdc_error *err)
{
    struct dial *dial;
    struct tls *tls;
    int fd, rc = dc_client(whom->dc, &tls, err);

    if (!rc)
        rc = tcp_connect_begin(address + strlen(DIAL_PREFIX), &fd, err);
    if (rc)
        return rc;
    dial = XNEW(struct dial);
    dial->whom = *whom;
    snprintf(dial->certificate, sizeof(dial->certificate), "%s",
             whom->certificate);
    snprintf(dial->next, sizeof(dial->next), "%s", whom->next);
    dial->done = done;
    dial->arg = arg;
    dial->handshake = tls_connect(tls, base, fd, whom->name, DIAL_TIMEOUT_MS,
                                  shaken, dial);
    *ret = dial;
    return 0;
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    tls_handshake_cancel(dial->handshake);
    free(dial);
}
