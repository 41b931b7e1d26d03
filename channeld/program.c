/*
 * Programs of dom0; see program.h.
 *
 * Root and the operators are the provider's.  Anybody else is the customer
 * whose login it is, which policyd says; until it has, nothing is read from
 * the connection.  It is asked again when somebody says something after a
 * while, and what was said waits meanwhile: a login that was taken away is
 * none.
 *
 * Connections are limited so that nobody takes them all: the operators' places
 * are nobody else's, and whoever says nothing has to go.
 */
#include "channeld/program.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/account.h"
#include "channeld/host.h"

#define PROGRAMS_MOST 4096
#define PROGRAMS_OPERATORS 1024 /* of these, kept for the operators */
#define PROGRAMS_A_CUSTOMER 512
#define PROGRAMS_A_USER 256 /* who is no operator */
#define HELLO_S 10
#define KNOWN_MS 5000 /* so long what policyd said counts */

/* A message that waits until it is known again who says it. */
struct held {
    size_t size;
    unsigned n_fds;
    int fds[PACKET_FDS_MAX];
    uint8_t data[];
};

struct program {
    struct peer peer;          /* first */
    struct programs *programs; /* valid while it is no peer */
    struct packet *packet;
    struct event *greeting; /* the time that it has for its hello */
    bool is_operator;
    bool is_peer;                   /* or one of `asking` below */
    struct account_request *asking; /* NULL: nothing is asked */
    struct mono known;              /* when policyd said who it is */
    struct held *held;              /* NULL: nothing waits */
    TAILQ_ENTRY(program) link;
};

struct programs {
    struct host *host;
    struct packet_listener *listener;
    TAILQ_HEAD(, program) asking; /* not peers yet */
    unsigned n, n_operators;
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

/* ---- what waits ---- */

static void hold(struct program *program, const uint8_t *data, size_t size,
                 int *fds, unsigned n_fds)
{
    struct held *held = xzalloc(sizeof(*held) + size);

    held->size = size;
    memcpy(held->data, data, size);
    held->n_fds = n_fds;
    for (unsigned i = 0; i < n_fds; i++) {
        held->fds[i] = fds[i];
        fds[i] = -1;
    }
    program->held = held;
}

static void held_free(struct held *held)
{
    for (unsigned i = 0; held && i < held->n_fds; i++)
        if (held->fds[i] >= 0)
            close(held->fds[i]);
    free(held);
}

/* The number of a request that gets no other answer. */
static uint32_t held_id(const struct held *held)
{
    struct arena *arena = arena_new();
    struct wire_frame frame;
    bool ok = !wire_decode(held->data, held->size, arena, &frame, NULL) &&
              !(frame.id & PEER_OURS);
    uint32_t id = ok ? frame.id : 0;

    arena_free(arena);
    return id;
}

/* ---- the end ---- */

static void program_free(struct program *program, struct programs *programs)
{
    if (programs) {
        programs->n--;
        programs->n_operators -= program->is_operator;
    }
    if (program->asking)
        account_cancel(program->asking);
    held_free(program->held);
    event_free(program->greeting);
    packet_destroy(program->packet);
    free(program);
}

static void program_destroy(struct peer *peer)
{
    program_free(program_of(peer), peer->host->programs);
}

static const struct peer_ops peer_ops = { .send = program_send,
                                          .destroy = program_destroy };

/* One that nobody knows yet has nothing that others wait for. */
static void forget(struct program *program)
{
    TAILQ_REMOVE(&program->programs->asking, program, link);
    program_free(program, program->programs);
}

static void drop(struct program *program, const char *reason)
{
    if (program->is_peer)
        peer_gone(&program->peer, true, reason);
    else
        forget(program);
}

static void log_about(const struct program *program, enum log_level level,
                      const struct vdc_error *err)
{
    char whose[32];

    snprintf(whose, sizeof(whose), "uid %u",
             (unsigned)program->peer.party.uid);
    log_limited(level, whose, "not served: %s", err->text);
}

/* ---- who it is ---- */

static unsigned count_customers(const struct host *host, const char *owner)
{
    const struct peer *peer;
    unsigned n = 0;

    TAILQ_FOREACH(peer, &host->peers, link)
    n += peer->ops == &peer_ops && peer->role == W_CUSTOMER &&
         strcmp(peer->party.owner, owner) == 0;
    return n;
}

static void known_first(struct program *program, const char *customer,
                        bool looks, const struct vdc_error *failed)
{
    struct host *host = program->programs->host;
    struct vdc_error err = *failed;

    if (!err.code && count_customers(host, customer) >= PROGRAMS_A_CUSTOMER) {
        vdc_error_set(&err, VDC_E_QUOTA,
                      "the programs of %s have %d connections, which is the "
                      "most",
                      customer, PROGRAMS_A_CUSTOMER);
        vdc_error_hint(&err, "end some of them");
    }
    if (err.code) {
        log_about(program, VDC_LOG_INFO, &err);
        peer_fail(&program->peer, 0, &err);
        forget(program);
        return;
    }
    TAILQ_REMOVE(&program->programs->asking, program, link);
    program->is_peer = true;
    program->known = clock_mono();
    program->peer.role = W_CUSTOMER;
    program->peer.looks = looks;
    PARTY_COPY(program->peer.party.owner, customer);
    peer_add(host, &program->peer);
    packet_resume(program->packet);
}

/* A policyd that says nothing takes nobody's login away. */
static void known_again(struct program *program, const char *customer,
                        bool looks, const struct vdc_error *failed)
{
    struct held *held = program->held;
    struct vdc_error err = *failed;

    if (!err.code && strcmp(customer, program->peer.party.owner)) {
        vdc_error_set(&err, VDC_E_DENIED, "uid %u is another customer's now",
                      (unsigned)program->peer.party.uid);
        vdc_error_hint(&err, "connect again");
    }
    /* with what it offers and its channels */
    if (!err.code && looks && !program->peer.looks)
        vdc_error_set(&err, VDC_E_DENIED,
                      "uid %u is a read-only login of %s now",
                      (unsigned)program->peer.party.uid, customer);
    if (err.code == VDC_E_DENIED) {
        log_about(program, VDC_LOG_INFO, &err);
        peer_fail(&program->peer, held_id(held), &err);
        drop(program, "its login was taken away");
        return;
    }
    if (!err.code)
        program->peer.looks = looks;
    program->known = clock_mono();
    program->held = NULL;
    packet_resume(program->packet);
    peer_received(&program->peer, held->data, held->size, held->fds,
                  held->n_fds);
    held_free(held);
}

static void on_account(void *arg, int rc, const char *customer, bool looks,
                       const struct vdc_error *err)
{
    struct program *program = arg;

    program->asking = NULL;
    if (program->is_peer)
        known_again(program, customer, looks, err);
    else
        known_first(program, customer, looks, err);
}

static void ask_account(struct program *program)
{
    packet_pause(program->packet);
    program->asking =
        account_ask(program->peer.host->accounts, program->peer.party.uid,
                    on_account, program);
}

/* ---- what it says ---- */

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    struct program *program = arg;

    if (!program->is_operator &&
        clock_mono().ms - program->known.ms > KNOWN_MS) {
        hold(program, data, size, fds, n_fds);
        ask_account(program);
        return;
    }
    peer_received(&program->peer, data, size, fds, n_fds);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    drop(arg, "its program has ended");
}

static const struct packet_ops packet_ops = { .on_packet = on_packet,
                                              .on_close = on_close };

static void on_greeting(evutil_socket_t fd, short what, void *arg)
{
    struct program *program = arg;
    struct vdc_error err = { 0 };

    if (program->peer.greeted)
        return;
    vdc_error_set(&err, VDC_E_TIMEOUT, "no hello came in %d s", HELLO_S);
    log_about(program, VDC_LOG_INFO, &err);
    peer_fail(&program->peer, 0, &err);
    drop(program, err.text);
}

/* ---- coming ---- */

static unsigned count_user(const struct programs *programs, uid_t uid)
{
    const struct program *program;
    const struct peer *peer;
    unsigned n = 0;

    TAILQ_FOREACH(peer, &programs->host->peers, link)
    n += peer->ops == &peer_ops && peer->party.uid == uid;
    TAILQ_FOREACH(program, &programs->asking, link)
    n += program->peer.party.uid == uid;
    return n;
}

/* The provider's own have no limit but that of all. */
static int check_room(const struct programs *programs, uid_t uid,
                      bool is_operator, struct vdc_error *err)
{
    unsigned n_others = programs->n - programs->n_operators;

    if (programs->n >= PROGRAMS_MOST ||
        (!is_operator && n_others >= PROGRAMS_MOST - PROGRAMS_OPERATORS))
        return vdc_error_set(err, VDC_E_BUSY,
                             "channeld has too many connections");
    if (!is_operator && count_user(programs, uid) >= PROGRAMS_A_USER)
        return vdc_error_set(err, VDC_E_QUOTA,
                             "uid %u has too many connections, %d",
                             (unsigned)uid, PROGRAMS_A_USER);
    return 0;
}

static struct program *program_new(struct programs *programs, int fd,
                                   const struct packet_peer *who)
{
    const struct timeval most = { HELLO_S, 0 };
    struct host *host = programs->host;
    struct program *program = XNEW(struct program);

    program->programs = programs;
    program->is_operator = setup_is_operator(host->setup, who->uid);
    program->peer.host = host;
    program->peer.ops = &peer_ops;
    program->peer.kind = LINK_MEMORY;
    program->peer.party.uid = who->uid;
    program->peer.party.pid = (uint32_t)who->pid;
    program->packet = packet_new(host->base, fd, &packet_ops, program);
    program->greeting = evtimer_new(host->base, on_greeting, program);
    evtimer_add(program->greeting, &most);
    return program;
}

static void on_accept(void *arg, int fd, const struct packet_peer *who)
{
    struct programs *programs = arg;
    struct program *program = program_new(programs, fd, who);
    struct vdc_error err = { 0 };

    if (check_room(programs, who->uid, program->is_operator, &err)) {
        log_about(program, VDC_LOG_WARNING, &err);
        peer_fail(&program->peer, 0, &err);
        program_free(program, NULL);
        return;
    }
    programs->n++;
    programs->n_operators += program->is_operator;
    if (program->is_operator) {
        program->is_peer = true;
        program->peer.role = W_OPERATOR;
        peer_add(programs->host, &program->peer);
        return;
    }
    TAILQ_INSERT_TAIL(&programs->asking, program, link);
    ask_account(program);
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
