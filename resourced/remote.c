/* Commands over TLS; see remote.h. */
#include "resourced/remote.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/migrate.h"
#include "resourced/server.h"
#include "resourced/settings.h"

/* Whether the certificate is another is looked at so often. */
#define LOOK_S 2
#define HANDSHAKE_MS 10000
/* Of those who have not shown a certificate; another takes the place of the
 * oldest. */
#define STRANGERS_MAX 32
/* Of what is read of one that is refused, in bytes: its hello. */
#define REFUSED_FRAME_MAX 1024
/* The only role that may command, and that of those who send guests;
 * policyd/dc/dc.h gives them. */
#define ROLE "policyd"
#define ROLE_HOST "host"

struct stranger {
    TAILQ_ENTRY(stranger) link;
    struct remote *remote;
    struct tls_handshake *handshake;
    char from[TCP_FROM_SIZE];
};

struct remote {
    struct event_base *base;
    struct host *host;
    struct server *server;
    const char *address;
    char *path; /* of the certificates and the key, in one file */
    struct tls *tls; /* NULL: this host has not joined */
    struct stat seen; /* of the file that was read */
    struct tcp_listener *listener;
    struct event *timer;
    TAILQ_HEAD(, stranger) strangers; /* the oldest first */
    unsigned n_strangers;
};

/* ---- the certificate ---- */

/* By the time of the change of anything, its mode too: that is mended when it
 * was the reason why it was not used. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void take_file(struct remote *remote)
{
    const struct tls_files files = { remote->path, remote->path,
                                     remote->path };
    struct vdc_error err = { 0 };
    struct tls *tls;

    if (tls_new_server(&files, TLS_DEMAND, &tls, &err)) {
        log_error("the certificate of this host: %s%s%s", err.text,
                  err.hint[0] ? "; " : "", err.hint);
        return;
    }
    if (tls_check_dates(tls, &err))
        log_warning("%s", err.text);
    if (remote->tls) /* who commands may be another now, and comes anew */
        server_drop_taken(remote->server, "this host has another certificate");
    tls_free(remote->tls);
    remote->tls = tls;
    log_info("the certificate of this host was read; policyd may command at "
             "%s", remote->address);
}

/* One that is gone was taken away: who did so wants it to be used no more. */
static void look(struct remote *remote)
{
    struct stat st;

    if (stat(remote->path, &st)) {
        if (remote->tls) {
            log_warning("the certificate of this host is gone: nobody "
                        "commands it over TLS");
            server_drop_taken(remote->server, "this host's certificate is "
                                              "gone");
        }
        tls_free(remote->tls);
        remote->tls = NULL;
        remote->seen = (struct stat){ 0 };
    } else if (!is_same(&st, &remote->seen)) {
        remote->seen = st;
        take_file(remote);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { LOOK_S, 0 };
    struct remote *remote = arg;

    look(remote);
    evtimer_add(remote->timer, &later);
}

/* ---- those who come ---- */

static void drop(struct stranger *stranger)
{
    TAILQ_REMOVE(&stranger->remote->strangers, stranger, link);
    stranger->remote->n_strangers--;
    free(stranger);
}

static int check(const struct tls_certificate *peer, struct vdc_error *err)
{
    if (peer && strcmp(peer->role, ROLE) == 0)
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "the certificate of '%s' has not the role of policyd: a "
                  "host is commanded by its policyd alone",
                  peer ? peer->subject : "?");
    vdc_error_hint(err, "customers and operators ask policyd, at its "
                        "tls_address");
    return VDC_E_DENIED;
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct stranger *stranger = arg;
    struct remote *remote = stranger->remote;
    struct vdc_error err = { 0 };

    if (!stream) {
        log_limited(VDC_LOG_WARNING, stranger->from, "over TLS: %s",
                    why->text);
    } else if (peer && strcmp(peer->role, ROLE_HOST) == 0) {
        migrate_take(remote->host, stream, peer, stranger->from);
    } else {
        int rc = check(peer, &err);
        if (rc) {
            log_limited(VDC_LOG_WARNING, stranger->from, "refused: %s",
                        err.text);
            stream_limit(stream, REFUSED_FRAME_MAX);
        }
        server_take(remote->server, chan_of_stream(remote->base, stream),
                    rc ? &err : NULL);
    }
    drop(stranger);
}

static void accepted(void *arg, int fd, const char *from)
{
    struct remote *remote = arg;
    struct stranger *stranger;

    look(remote);
    if (!remote->tls) {
        log_limited(VDC_LOG_WARNING, from,
                    "refused: this host has not joined a data center; "
                    "`xl-vdc dc-join` does that");
        close(fd);
        return;
    }
    if (remote->n_strangers >= STRANGERS_MAX) {
        struct stranger *oldest = TAILQ_FIRST(&remote->strangers);
        tls_handshake_cancel(oldest->handshake);
        drop(oldest);
    }
    stranger = XNEW(struct stranger);
    stranger->remote = remote;
    snprintf(stranger->from, sizeof(stranger->from), "%s", from);
    TAILQ_INSERT_TAIL(&remote->strangers, stranger, link);
    remote->n_strangers++;
    stranger->handshake = tls_accept(remote->tls, remote->base, fd,
                                     HANDSHAKE_MS, shaken, stranger);
}

/* ---- begin and end ---- */

int remote_new(struct host *host, struct server *server, struct remote **ret,
               struct vdc_error *err)
{
    const struct resourced_settings *settings = host->settings;
    const struct timeval later = { LOOK_S, 0 };
    struct remote *remote;

    *ret = NULL;
    if (!*settings->tls_address)
        return 0;
    remote = XNEW(struct remote);
    remote->base = host->base;
    remote->host = host;
    remote->server = server;
    remote->address = settings->tls_address;
    remote->path = xasprintf("%s/host.pem", settings->dc_directory);
    TAILQ_INIT(&remote->strangers);
    remote->timer = evtimer_new(host->base, on_timer, remote);
    if (!remote->timer)
        abort(); /* out of memory */
    int rc = tcp_listen(host->base, remote->address, accepted, remote,
                        &remote->listener, err);
    if (rc) {
        vdc_error_prefix(err, "tls_address");
        remote_free(remote);
        return rc;
    }
    look(remote);
    if (!remote->tls)
        log_info("this host has not joined a data center yet: `xl-vdc "
                 "dc-join` does that");
    evtimer_add(remote->timer, &later);
    *ret = remote;
    return 0;
}

void remote_free(struct remote *remote)
{
    if (!remote)
        return;
    tcp_listener_destroy(remote->listener);
    while (!TAILQ_EMPTY(&remote->strangers)) {
        struct stranger *stranger = TAILQ_FIRST(&remote->strangers);
        tls_handshake_cancel(stranger->handshake);
        drop(stranger);
    }
    event_free(remote->timer);
    tls_free(remote->tls);
    free(remote->path);
    free(remote);
}
