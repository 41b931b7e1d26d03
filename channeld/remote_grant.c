/*
 * Control channels with guests of Xen.  A guest's channeld grants pages and
 * writes which into its own part of xenstore; a watch tells of it.  Nothing
 * there is believed: what is not a rendezvous is left alone, and what is one
 * is mapped as memory of that domain and no other.
 *
 * A guest that writes again and again is looked at once a second.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/control.h"
#include "channeld/domain.h"
#include "channeld/host.h"
#include "channeld/remote.h"
#include "channeld/rendezvous.h"
#include "hv/hv.h"

#define LOOK_AGAIN_S 1

struct grants;

/* A partition that runs, whether it has a channeld or not. */
struct remote_grant {
    TAILQ_ENTRY(remote_grant) link;
    struct grants *grants;
    uint32_t domid;
    char path[64];
    struct hv_store_watch *watch;
    struct event *look;
    uint64_t looked_ms;
    uint64_t met;             /* the id of the last rendezvous */
    struct remote_peer *peer; /* NULL: there is none */
};

struct remote_peer {
    struct peer peer; /* first */
    struct remote_grant *remote;
    struct control *control;
};

struct grants {
    struct host *host;
    TAILQ_HEAD(, remote_grant) all;
};

/* ---- the peer ---- */

static struct remote_peer *peer_of(struct peer *peer)
{
    return (struct remote_peer *)peer;
}

static int remote_send(struct peer *peer, const void *data, size_t size,
                       const int *fds, unsigned n_fds)
{
    /* nothing of ours goes to another domain as a descriptor */
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    return control_send(peer_of(peer)->control, data, size);
}

static void remote_destroy(struct peer *peer)
{
    struct remote_peer *remote = peer_of(peer);

    remote->remote->peer = NULL;
    control_destroy(remote->control);
    free(remote);
}

static const struct peer_ops peer_ops = { .send = remote_send,
                                          .destroy = remote_destroy };

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct remote_peer *remote = arg;

    peer_received(&remote->peer, data, size, NULL, 0);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct remote_peer *remote = arg;
    char whose[PARTY_TEXT_SIZE];

    log_limited(VDC_LOG_INFO, party_format(&remote->peer.party, whose),
                "its channeld has gone: %s", err->text);
    peer_gone(&remote->peer, false, "its channeld has ended");
}

static const struct control_ops control_ops = { on_message, on_close };

/* ---- meeting ---- */

static int join(struct remote_grant *remote, const struct rendezvous *r,
                struct remote_peer *peer, struct vdc_error *err)
{
    struct link_offer offer = { .kind = LINK_GRANT,
                                .n_pages = RENDEZVOUS_PAGES,
                                .domid = remote->domid,
                                .port = r->port };
    struct link *link;

    offer.refs = xzalloc(sizeof(r->refs));
    memcpy(offer.refs, r->refs, sizeof(r->refs));
    for (unsigned i = 0; i < LINK_FDS_MAX; i++)
        offer.fds[i] = -1;
    int rc = link_join(&offer, ring_life_offset(RING_TAKER), &link, err);
    return rc ? rc
              : control_new(remote->grants->host->base, link, RING_TAKER,
                            &control_ops, peer, &peer->control, err);
}

static void greet(struct peer *peer)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "channeld";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    peer_answer(peer, WIRE_MSG_hello, peer_next_id(peer), &hello);
}

static void meet(struct remote_grant *remote, const struct rendezvous *r)
{
    struct host *host = remote->grants->host;
    /* as it is called now */
    const struct domain *domain = domains_find(host->domains, remote->domid);
    struct vdc_error err = { 0 };

    if (!domain)
        return;
    struct remote_peer *peer = XNEW(struct remote_peer);
    remote->met = r->id;
    if (remote->peer)
        peer_gone(&remote->peer->peer, false, "its channeld came anew");
    if (join(remote, r, peer, &err)) {
        /* often of a channeld that has just ended: it will write again */
        log_limited(VDC_LOG_INFO, remote->path, "no control channel: %s",
                    err.text);
        free(peer);
        return;
    }
    peer->remote = remote;
    peer->peer.ops = &peer_ops;
    peer->peer.kind = LINK_GRANT;
    peer->peer.party = domain->party;
    remote->peer = peer;
    peer_add(host, &peer->peer);
    greet(&peer->peer);
}

static void look(struct remote_grant *remote)
{
    struct hv *hv = remote->grants->host->hv;
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct rendezvous rendezvous;
    const char *text;

    remote->looked_ms = clock_mono().ms;
    int rc = hv->store->read(hv, remote->path, arena, &text, &err);
    if (rc == 0)
        rc = rendezvous_parse(text, &rendezvous, &err);
    if (rc == 0 && rendezvous.id != remote->met)
        meet(remote, &rendezvous);
    else if (rc && rc != VDC_E_NOT_FOUND)
        log_debug("%s: %s", remote->path, err.text);
    arena_free(arena);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    look(arg);
}

static void on_watch(void *arg, const char *path)
{
    const struct timeval later = { LOOK_AGAIN_S, 0 }, now = { 0, 0 };
    struct remote_grant *remote = arg;
    bool soon = clock_mono().ms - remote->looked_ms > LOOK_AGAIN_S * 1000u;

    if (!evtimer_pending(remote->look, NULL))
        evtimer_add(remote->look, soon ? &now : &later);
}

/* ---- partitions ---- */

static void forget(struct remote_grant *remote)
{
    struct hv *hv = remote->grants->host->hv;

    if (remote->watch)
        hv->store->unwatch(hv, remote->watch);
    event_free(remote->look);
    TAILQ_REMOVE(&remote->grants->all, remote, link);
    free(remote);
}

static int begin(struct host *host, void **ret, struct vdc_error *err)
{
    struct grants *grants = XNEW(struct grants);

    grants->host = host;
    TAILQ_INIT(&grants->all);
    *ret = grants;
    return 0;
}

static void end(void *state)
{
    struct grants *grants = state;

    while (!TAILQ_EMPTY(&grants->all)) {
        struct remote_grant *remote = TAILQ_FIRST(&grants->all);
        if (remote->peer)
            peer_gone(&remote->peer->peer, false, "channeld ends");
        forget(remote);
    }
    free(grants);
}

static void come(void *state, const struct domain *domain)
{
    struct grants *grants = state;
    struct hv *hv = grants->host->hv;
    struct remote_grant *remote = XNEW(struct remote_grant);
    struct vdc_error err = { 0 };

    remote->grants = grants;
    remote->domid = domain->party.domid;
    snprintf(remote->path, sizeof(remote->path), "/local/domain/%u/%s",
             domain->party.domid, RENDEZVOUS_NODE);
    remote->look = evtimer_new(grants->host->base, on_look, remote);
    TAILQ_INSERT_TAIL(&grants->all, remote, link);
    if (hv->store->watch(hv, remote->path, on_watch, remote, &remote->watch,
                         &err))
        log_warning("%s cannot be watched, and has no channels: %s",
                    remote->path, err.text);
}

static void gone(void *state, const struct domain *domain)
{
    struct grants *grants = state;
    struct remote_grant *remote, *next;

    for (remote = TAILQ_FIRST(&grants->all); remote; remote = next) {
        next = TAILQ_NEXT(remote, link);
        if (remote->domid != domain->party.domid)
            continue;
        if (remote->peer)
            peer_gone(&remote->peer->peer, true, "the domain has ended");
        forget(remote);
    }
}

const struct remote_kind remote_grant_kind = { begin, end, come, gone };
