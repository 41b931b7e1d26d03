/*
 * Control channels of a simulated host: a program connects, says which domain
 * it plays ("domain 7", as its program's name), and is that domain's channeld
 * from then on.  What Xen would grant goes beside the messages as
 * descriptors.  Only where the host is simulated.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/domain.h"
#include "channeld/host.h"
#include "channeld/remote.h"

#define MOST 1024

struct sim;

struct remote_sim {
    struct peer peer; /* first */
    struct sim *sim;
    struct packet *packet;
    bool is_peer; /* it has said who it is */
    TAILQ_ENTRY(remote_sim) link;
};

struct sim {
    struct host *host;
    struct packet_listener *listener;
    TAILQ_HEAD(, remote_sim) all;
    unsigned n;
};

static struct remote_sim *remote_of(struct peer *peer)
{
    return (struct remote_sim *)peer;
}

static void forget(struct remote_sim *remote)
{
    TAILQ_REMOVE(&remote->sim->all, remote, link);
    remote->sim->n--;
    packet_destroy(remote->packet);
    free(remote);
}

static int remote_send(struct peer *peer, const void *data, size_t size,
                       const int *fds, unsigned n_fds)
{
    return packet_send(remote_of(peer)->packet, data, size, fds, n_fds);
}

static void remote_destroy(struct peer *peer)
{
    forget(remote_of(peer));
}

static const struct peer_ops peer_ops = { .send = remote_send,
                                          .destroy = remote_destroy };

static struct remote_sim *find(struct sim *sim, uint32_t domid)
{
    struct remote_sim *remote;

    TAILQ_FOREACH(remote, &sim->all, link)
    if (remote->is_peer && remote->peer.party.domid == domid)
        break;
    return remote;
}

/* "domain 7"; 0: it says something else. */
static uint32_t parse_domid(const char *program)
{
    static const char begins[] = "domain ";
    char *end;

    if (strncmp(program, begins, sizeof(begins) - 1))
        return 0;
    errno = 0;
    unsigned long n = strtoul(program + sizeof(begins) - 1, &end, 10);
    return errno || *end || n > UINT16_MAX ? 0 : (uint32_t)n;
}

/* The first message.  A channeld that comes anew replaces the one before. */
static bool take_greeting(struct remote_sim *remote,
                          const struct wire_hello *hello)
{
    struct host *host = remote->sim->host;
    uint32_t domid = parse_domid(hello->program);
    const struct domain *domain = domains_find(host->domains, domid);

    if (!domain) { /* its nodes may be younger than the last look */
        domains_look(host->domains);
        domain = domains_find(host->domains, domid);
    }
    if (!domain) {
        log_info("a simulated guest says that it is '%s', which is not there",
                 hello->program);
        return false;
    }
    struct remote_sim *before = find(remote->sim, domid);
    if (before)
        peer_gone(&before->peer, false, "its channeld came anew");
    remote->is_peer = true;
    remote->peer.ops = &peer_ops;
    remote->peer.kind = LINK_MEMORY;
    remote->peer.party = domain->party;
    peer_add(host, &remote->peer);
    return true;
}

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct remote_sim *remote = arg;
    struct wire_frame frame;

    if (!remote->is_peer) {
        struct arena *arena = arena_new();
        bool ok = !wire_decode(data, size, arena, &frame, NULL) &&
                  frame.message->number == WIRE_MSG_hello;
        ok = ok && take_greeting(remote, frame.body);
        arena_free(arena);
        if (!ok) {
            forget(remote);
            return;
        }
    }
    peer_received(&remote->peer, data, size, fds, n_fds);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct remote_sim *remote = arg;

    if (remote->is_peer)
        peer_gone(&remote->peer, false, "its channeld has ended");
    else
        forget(remote);
}

static const struct packet_ops packet_ops = { .on_packet = on_packet,
                                              .on_close = on_close };

static void on_accept(void *arg, int fd, const struct packet_peer *who)
{
    struct sim *sim = arg;
    struct remote_sim *remote = XNEW(struct remote_sim);

    remote->sim = sim;
    remote->packet = packet_new(sim->host->base, fd, &packet_ops, remote);
    TAILQ_INSERT_TAIL(&sim->all, remote, link);
    if (++sim->n > MOST)
        forget(remote);
}

static int begin(struct host *host, void **ret, struct vdc_error *err)
{
    struct sim *sim = XNEW(struct sim);

    sim->host = host;
    TAILQ_INIT(&sim->all);
    int rc = packet_listen(host->base, host->setup->simulated_guests, 0600,
                           on_accept, sim, &sim->listener, err);
    if (rc)
        free(sim);
    else
        *ret = sim;
    return rc;
}

static void end(void *state)
{
    struct sim *sim = state;

    packet_listener_destroy(sim->listener);
    while (!TAILQ_EMPTY(&sim->all)) {
        struct remote_sim *remote = TAILQ_FIRST(&sim->all);
        if (remote->is_peer)
            peer_gone(&remote->peer, false, "channeld ends");
        else
            forget(remote);
    }
    free(sim);
}

static void come(void *state, const struct domain *domain)
{
}

static void gone(void *state, const struct domain *domain)
{
    struct remote_sim *remote = find(state, domain->party.domid);

    if (remote)
        peer_gone(&remote->peer, true, "the domain has ended");
}

const struct remote_kind remote_sim_kind = { begin, end, come, gone };
