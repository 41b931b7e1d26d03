/*
 * Programs of dom0; see program.h.
 *
 * Root and the operators are the provider's.  Anybody else is the customer
 * whose login it is, which policyd says; until it has, nothing is read from
 * the connection.
 */
#include "channeld/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "channeld/account.h"
#include "channeld/host.h"

#define PROGRAMS_MOST 4096
#define PROGRAMS_A_USER 256 /* who is no operator */

struct program {
    struct peer peer;          /* first */
    struct programs *programs; /* NULL: they are freed */
    struct packet *packet;
    struct account_request *asking; /* NULL: it is known who it is */
    TAILQ_ENTRY(program) link;
};

struct programs {
    struct host *host;
    struct packet_listener *listener;
    TAILQ_HEAD(, program) asking; /* not peers yet */
    unsigned n, n_asking;
};

static struct program *program_of(struct peer *peer)
{
    return (struct program *)peer;
}

static int program_send(struct peer *peer, const void *data, size_t size,
                        const int *fds, unsigned n_fds)
{
    return packet_send(program_of(peer)->packet, data, size, fds, n_fds);
}

static void program_destroy(struct peer *peer)
{
    struct program *program = program_of(peer);

    packet_destroy(program->packet);
    if (peer->host->programs)
        peer->host->programs->n--;
    free(program);
}

static const struct peer_ops peer_ops = { .send = program_send,
                                          .destroy = program_destroy };

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct program *program = arg;

    peer_received(&program->peer, data, size, fds, n_fds);
}

/* One that nobody knows yet has nothing that others wait for. */
static void forget(struct program *program)
{
    struct programs *programs = program->programs;

    TAILQ_REMOVE(&programs->asking, program, link);
    programs->n_asking--;
    programs->n--;
    if (program->asking)
        account_cancel(program->asking);
    packet_destroy(program->packet);
    free(program);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct program *program = arg;

    if (program->asking)
        forget(program);
    else
        peer_gone(&program->peer, true, "its program has ended");
}

static const struct packet_ops packet_ops = { .on_packet = on_packet,
                                              .on_close = on_close };

static void on_account(void *arg, int rc, const char *customer,
                       const struct vdc_error *err)
{
    struct program *program = arg;
    struct programs *programs = program->programs;

    program->asking = NULL;
    if (rc) {
        char whose[32];
        snprintf(whose, sizeof(whose), "uid %u", program->peer.party.uid);
        log_limited(VDC_LOG_INFO, whose, "not served: %s", err->text);
        program->peer.host = programs->host;
        peer_fail(&program->peer, 0, err);
        forget(program);
        return;
    }
    TAILQ_REMOVE(&programs->asking, program, link);
    programs->n_asking--;
    program->peer.role = W_CUSTOMER;
    PARTY_COPY(program->peer.party.owner, customer);
    peer_add(programs->host, &program->peer);
    packet_resume(program->packet);
}

/* The provider's own have no limit but that of all. */
static bool is_too_many(const struct programs *programs, uid_t uid)
{
    const struct program *program;
    const struct peer *peer;
    unsigned n = 0;

    TAILQ_FOREACH(peer, &programs->host->peers, link)
    n += peer->ops == &peer_ops && peer->party.uid == uid;
    TAILQ_FOREACH(program, &programs->asking, link)
    n += program->peer.party.uid == uid;
    return n >= PROGRAMS_A_USER;
}

static void on_accept(void *arg, int fd, const struct packet_peer *who)
{
    struct programs *programs = arg;
    struct host *host = programs->host;
    bool is_operator = setup_is_operator(host->setup, who->uid);

    if (programs->n >= PROGRAMS_MOST ||
        (!is_operator && is_too_many(programs, who->uid))) {
        char whose[32];
        snprintf(whose, sizeof(whose), "uid %u", (unsigned)who->uid);
        log_limited(VDC_LOG_WARNING, whose, "too many connections");
        close(fd);
        return;
    }
    struct program *program = XNEW(struct program);
    program->programs = programs;
    program->peer.ops = &peer_ops;
    program->peer.kind = LINK_MEMORY;
    program->peer.party.uid = who->uid;
    program->peer.party.pid = (uint32_t)who->pid;
    program->packet = packet_new(host->base, fd, &packet_ops, program);
    programs->n++;
    if (is_operator) {
        program->peer.role = W_OPERATOR;
        peer_add(host, &program->peer);
        return;
    }
    packet_pause(program->packet);
    TAILQ_INSERT_TAIL(&programs->asking, program, link);
    programs->n_asking++;
    program->asking =
        account_ask(host->accounts, who->uid, on_account, program);
}

int programs_new(struct host *host, struct programs **ret,
                 struct vdc_error *err)
{
    struct programs *programs = XNEW(struct programs);

    programs->host = host;
    TAILQ_INIT(&programs->asking);
    int rc = packet_listen(host->base, host->setup->socket, 0666, on_accept,
                           programs, &programs->listener, err);
    if (rc) {
        free(programs);
        return rc;
    }
    *ret = programs;
    return 0;
}

void programs_free(struct programs *programs)
{
    if (!programs)
        return;
    packet_listener_destroy(programs->listener);
    while (!TAILQ_EMPTY(&programs->asking))
        forget(TAILQ_FIRST(&programs->asking));
    programs->host->programs = NULL;
    free(programs);
}
