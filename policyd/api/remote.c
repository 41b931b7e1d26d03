/*
 * Accepts clients over TLS; see remote.h.
 *
 *      HANDSHAKE --TLS is there--> GREETING --hello--> KNOWN
 *          |                           |                 |
 *          +-- fails, 10 s ------------+-- refused ------+-- closed --> gone
 */
#include "policyd/api/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "policyd/customers/certificate.h"
#include "policyd/dc/dc.h"

/* Who has not said who it is, of all addresses. */
#define STRANGERS_MAX 128
/* Of one token or certificate, and of one customer with all of its. */
#define CONNECTIONS_PER_TOKEN 64
#define CONNECTIONS_PER_CUSTOMER 256

struct remote {
    struct session_host host;
    const struct setup *setup;
    const char *address;
    bool joins; /* it is for machines that join, and for nobody else */
    struct tls *tls;
    struct tcp_listener *listener;
    TAILQ_HEAD(visitors, visitor) strangers, known; /* the oldest first */
    unsigned n_strangers;
};

struct visitor {
    TAILQ_ENTRY(visitor) link;
    struct remote *remote;
    struct tls_handshake *handshake; /* one of the two */
    struct session *session;
    struct stream *stream; /* the session's */
    bool known;
    char from[TCP_FROM_SIZE];
    bool has_certificate;
    struct tls_certificate certificate;
    char customer[NAMES_CUSTOMER_MAX + 1]; /* of one that is known */
};

static void visitor_free(struct visitor *v)
{
    TAILQ_REMOVE(v->known ? &v->remote->known : &v->remote->strangers, v,
                 link);
    v->remote->n_strangers -= !v->known;
    free(v);
}

static void drop(struct visitor *v)
{
    if (v->session) {
        session_destroy(v->session); /* frees it, too */
        return;
    }
    tls_handshake_cancel(v->handshake);
    visitor_free(v);
}

/* ---- who it is ---- */

static struct visitor *visitor_of(struct remote *remote,
                                  const struct session *session)
{
    struct visitor *v;

    TAILQ_FOREACH(v, &remote->strangers, link)
    if (v->session == session)
        return v;
    TAILQ_FOREACH(v, &remote->known, link)
    if (v->session == session)
        return v;
    return NULL;
}

static int check_room(const struct remote *remote,
                      const struct auth_peer *peer, const char *customer,
                      struct vdc_error *err)
{
    unsigned n_token = 0, n_customer = 0;
    const struct visitor *v;

    TAILQ_FOREACH(v, &remote->known, link)
    {
        const char *token = session_peer(v->session)->token;
        n_token += strcmp(token, peer->token) == 0;
        n_customer += strcmp(v->customer, customer) == 0;
    }
    if (n_token < CONNECTIONS_PER_TOKEN &&
        n_customer < CONNECTIONS_PER_CUSTOMER)
        return 0;
    return vdc_error_set(err, VDC_E_BUSY,
                         "there are %u connections of this %s already",
                         n_token < CONNECTIONS_PER_TOKEN ? n_customer
                                                         : n_token,
                         n_token < CONNECTIONS_PER_TOKEN ? "customer"
                         : peer->by_certificate          ? "certificate"
                                                         : "token");
}

/* A token that was shown is good, and says who it is; otherwise the
 * certificate does. */
static int admit(void *arg, struct session *session, struct auth_peer *peer,
                 struct vdc_error *err)
{
    struct remote *remote = arg;
    struct visitor *v = visitor_of(remote, session);
    const struct book *book = remote->host.ops->book;
    struct auth auth;
    int rc = 0;

    if (remote->joins) { /* it stays a stranger */
        *peer->token = '\0';
        peer->joins = true;
        if (v->has_certificate)
            tls_fingerprint_text(v->certificate.fingerprint, peer->shown);
        stream_limit(v->stream, REMOTE_JOIN_MAX);
        return 0;
    }
    if (!*peer->token && !v->has_certificate) {
        rc = auth_refuse_stranger(err);
    } else if (!*peer->token) {
        rc = certificate_check(remote->setup, book, &v->certificate,
                               clock_wall().ms, peer->token, err);
        peer->by_certificate = !rc;
    }
    if (!rc)
        rc = auth_identify(remote->setup, book, peer, &auth, err);
    if (!rc)
        rc = check_room(remote, peer, auth.customer, err);
    if (rc) {
        log_limited(VDC_LOG_WARNING, v->from, "refused: %s", err->text);
        return rc;
    }
    v->known = true;
    remote->n_strangers--;
    TAILQ_REMOVE(&remote->strangers, v, link);
    TAILQ_INSERT_TAIL(&remote->known, v, link);
    stream_limit(v->stream, STREAM_FRAME_MAX);
    memcpy(v->customer, auth.customer, sizeof(v->customer));
    return 0;
}

static void session_ended(void *arg, struct session *session)
{
    visitor_free(visitor_of(arg, session));
}

/* ---- those who come ---- */

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *err)
{
    struct visitor *v = arg;
    struct remote *remote = v->remote;
    struct auth_peer who = { .uid = AUTH_NO_UID, .remote = true };

    v->handshake = NULL;
    if (!stream) {
        log_limited(VDC_LOG_INFO, v->from, "%s", err->text);
        visitor_free(v);
        return;
    }
    v->has_certificate = peer;
    if (peer)
        v->certificate = *peer;
    snprintf(who.text, sizeof(who.text), "%s", v->from);
    stream_limit(stream, REMOTE_GREETING_MAX);
    v->stream = stream;
    v->session = session_new(&remote->host,
                             chan_of_stream(remote->host.base, stream), &who);
}

static unsigned count_strangers(const struct remote *remote, const char *from)
{
    const struct visitor *v;
    unsigned n = 0;

    TAILQ_FOREACH(v, &remote->strangers, link)
    n += strcmp(v->from, from) == 0;
    return n;
}

/* There are some.  The oldest of the address that has the most: who opens many
 * connections and says nothing is in its own way, not in others'. */
static void make_room(struct remote *remote)
{
    struct visitor *v, *victim = NULL;
    unsigned most = 0;

    TAILQ_FOREACH(v, &remote->strangers, link)
    {
        unsigned n = count_strangers(remote, v->from);
        if (n > most) {
            most = n;
            victim = v;
        }
    }
    log_limited(VDC_LOG_INFO, victim->from,
                "dropped: %u connections that do not say who they are", most);
    drop(victim);
}

static void accepted(void *arg, int fd, const char *from)
{
    struct remote *remote = arg;
    struct visitor *v;

    if (!remote->tls) { /* there is no authority yet */
        close(fd);
        return;
    }
    if (remote->n_strangers >= STRANGERS_MAX)
        make_room(remote);
    v = XNEW(struct visitor);
    v->remote = remote;
    snprintf(v->from, sizeof(v->from), "%s", from);
    TAILQ_INSERT_TAIL(&remote->strangers, v, link);
    remote->n_strangers++;
    v->handshake = tls_accept(remote->tls, remote->host.base, fd,
                              REMOTE_HANDSHAKE_MS, shaken, v);
}

/* ---- start, reload, stop ---- */

int remote_read_files(const struct setup *setup, struct tls **ret,
                      struct vdc_error *err)
{
    const struct tls_files files = { setup->tls_certificate, setup->tls_key,
                                     setup->tls_ca };
    int rc = tls_new_server(&files, TLS_ASK, ret, err);

    if (rc)
        vdc_error_prefix(err, "TLS at %s", setup->tls_address);
    return rc;
}

int remote_check(const struct setup *setup, struct vdc_error *err)
{
    struct tls *tls;

    if (!*setup->tls_address)
        return 0;
    int rc = remote_read_files(setup, &tls, err);
    if (rc)
        return rc;
    rc = tls_check_dates(tls, err);
    tls_free(tls);
    return rc;
}

/* The clients would refuse it; those of this host need not be without policyd
 * for that. */
static void warn_of_dates(const struct tls *tls)
{
    struct vdc_error err;

    if (tls_check_dates(tls, &err))
        log_warning("%s", err.text);
}

static struct remote *make(struct event_base *base, const struct setup *setup,
                           struct operations *ops, const char *address)
{
    struct remote *remote = XNEW(struct remote);

    TAILQ_INIT(&remote->strangers);
    TAILQ_INIT(&remote->known);
    remote->setup = setup;
    remote->address = address;
    remote->host = (struct session_host){ .base = base,
                                          .ops = ops,
                                          .on_end = session_ended,
                                          .admit = admit,
                                          .arg = remote };
    return remote;
}

static int begin(struct remote *remote, struct vdc_error *err)
{
    return tcp_listen(remote->host.base, remote->address, accepted, remote,
                      &remote->listener, err);
}

int remote_new(struct event_base *base, const struct setup *setup,
               struct operations *ops, struct remote **ret,
               struct vdc_error *err)
{
    struct remote *remote;

    *ret = NULL;
    if (!*setup->tls_address)
        return 0;
    remote = make(base, setup, ops, setup->tls_address);
    int rc = remote_read_files(setup, &remote->tls, err);
    if (!rc)
        rc = begin(remote, err);
    if (rc) {
        remote_free(remote);
        return rc;
    }
    warn_of_dates(remote->tls);
    *ret = remote;
    return 0;
}

int remote_new_joining(struct event_base *base, const struct setup *setup,
                       struct operations *ops, struct remote **ret,
                       struct vdc_error *err)
{
    struct remote *remote;

    *ret = NULL;
    if (!*setup->dc_address)
        return 0;
    remote = make(base, setup, ops, setup->dc_address);
    remote->joins = true;
    int rc = begin(remote, err);
    if (rc) {
        vdc_error_prefix(err, "dc_address");
        remote_free(remote);
        return rc;
    }
    remote_take_authority(remote);
    *ret = remote;
    return 0;
}

void remote_take_authority(struct remote *remote)
{
    struct vdc_error err = { 0 };
    struct tls *tls;

    if (!remote)
        return;
    if (dc_new_server(remote->host.ops->dc, &tls, &err)) {
        log_info("no host can join yet: %s", err.text);
        return;
    }
    tls_free(remote->tls);
    remote->tls = tls;
}

int remote_reload(struct remote *remote, struct vdc_error *err)
{
    struct tls *tls;

    if (!remote)
        return 0;
    int rc = remote_read_files(remote->setup, &tls, err);
    if (rc)
        return rc;
    tls_free(remote->tls);
    remote->tls = tls;
    warn_of_dates(tls);
    log_info("the certificates for %s were read", remote->setup->tls_address);
    return 0;
}

void remote_free(struct remote *remote)
{
    if (!remote)
        return;
    tcp_listener_destroy(remote->listener);
    while (!TAILQ_EMPTY(&remote->strangers))
        drop(TAILQ_FIRST(&remote->strangers));
    while (!TAILQ_EMPTY(&remote->known))
        session_finish(TAILQ_FIRST(&remote->known)->session);
    tls_free(remote->tls);
    free(remote);
}
