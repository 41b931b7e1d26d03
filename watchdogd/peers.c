/* Asking the other members; see peers.h. */
#include "watchdogd/peers.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "base/tls.h"
#include "watchdogd/identity.h"
#include "watchdogd/message.h"
#include "watchdogd/vote.h"
#include "wire/fence.h"

/* More asked and not answered than can be of use: the beat is 500 ms or
 * more. */
#define ASKED_MAX 32
#define CONNECT_MS 5000
#define ANSWER_FRAME_MAX 4096

struct peer {
    LIST_ENTRY(peer) link;
    struct peers *peers;
    char name[VOTE_NAME_SIZE];
    char address[VOTE_ADDRESS_SIZE];
    struct tls_handshake *handshake;
    struct stream *stream; /* NULL: none; both NULL: to be connected */
    uint64_t number;       /* of the last ping on it */
    uint64_t asked_ms[ASKED_MAX]; /* by number; 0: answered, or none */
    uint64_t heard_ms; /* of the last answer on it, or of its beginning */
};

struct peers {
    struct event_base *base;
    struct identity *identity;
    struct vote *vote;
    LIST_HEAD(, peer) peers;
};

static void hang_up(struct peer *peer)
{
    if (peer->handshake)
        tls_handshake_cancel(peer->handshake);
    stream_destroy(peer->stream);
    peer->handshake = NULL;
    peer->stream = NULL;
}

static void drop(struct peer *peer)
{
    hang_up(peer);
    LIST_REMOVE(peer, link);
    free(peer);
}

/* ---- what comes ---- */

static void take_pong(struct peer *peer, const struct wire_fence_ping *pong)
{
    struct vote_member *member = vote_find(peer->peers->vote, peer->name);
    uint64_t *asked_ms = &peer->asked_ms[pong->number % ASKED_MAX];

    if (pong->number == 0 || pong->number > peer->number ||
        peer->number - pong->number >= ASKED_MAX || *asked_ms == 0)
        return; /* not of ours, or too old */
    peer->heard_ms = clock_mono().ms;
    if (member)
        vote_answered(peer->peers->vote, member, *asked_ms, pong->version);
    *asked_ms = 0;
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct peer *peer = arg;
    struct arena *arena = arena_new();
    struct wire_frame message;
    struct vdc_error err;
    bool bad = true;

    if (wire_decode(frame, size, arena, &message, &err)) {
        log_limited(VDC_LOG_WARNING, peer->name, "what it answers: %s",
                    err.text);
    } else if (message.message->number == WIRE_MSG_fence_pong) {
        take_pong(peer, message.body);
        bad = false;
    } else if (message.message->number == WIRE_MSG_error) {
        wire_error_take(message.body, &err);
        log_limited(VDC_LOG_WARNING, peer->name, "it refuses: %s", err.text);
    } else {
        bad = message.message->number != WIRE_MSG_hello;
    }
    arena_free(arena);
    if (bad)
        hang_up(peer);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct peer *peer = arg;

    log_limited(VDC_LOG_INFO, peer->name, "its connection ends: %s",
                err->text);
    hang_up(peer);
}

static const struct stream_ops stream_ops = {
    .on_frame = on_frame,
    .on_close = on_close,
};

/* ---- asking ---- */

static void ask(struct peer *peer)
{
    struct wire_fence_ping ping;

    wire_init(&wire_struct_fence_ping, &ping);
    ping.number = ++peer->number;
    ping.version = peer->peers->vote->version;
    /* Before it is sent, never after. */
    peer->asked_ms[ping.number % ASKED_MAX] = clock_mono().ms;
    message_send(peer->stream, WIRE_MSG_fence_ping, (uint32_t)ping.number,
                 &ping);
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *other,
                   const struct vdc_error *why)
{
    struct peer *peer = arg;
    char name[VOTE_NAME_SIZE] = "";

    peer->handshake = NULL;
    if (!stream) {
        log_limited(VDC_LOG_INFO, peer->name, "%s", why->text);
        return;
    }
    if (other)
        identity_host_name(other, name);
    if (strcmp(name, peer->name) != 0) {
        log_limited(VDC_LOG_WARNING, peer->name,
                    "what answers has not the certificate of this host");
        stream_destroy(stream);
        return;
    }
    peer->stream = stream;
    stream_set_ops(stream, &stream_ops, peer);
    stream_limit(stream, ANSWER_FRAME_MAX);
    peer->heard_ms = clock_mono().ms;
    peer->number = 0;
    memset(peer->asked_ms, 0, sizeof(peer->asked_ms));
    message_send_hello(stream, 0);
    ask(peer);
}

static void begin(struct peer *peer)
{
    struct vdc_error err = { 0 };
    int fd;

    if (!peer->peers->identity->client)
        return;
    if (tcp_connect_begin(peer->address, &fd, &err)) {
        log_limited(VDC_LOG_INFO, peer->name, "%s", err.text);
        return;
    }
    peer->handshake = tls_connect(peer->peers->identity->client,
                                  peer->peers->base, fd, peer->name,
                                  CONNECT_MS, shaken, peer);
}

static void beat(struct peer *peer)
{
    /* A new connection may find another way; this one would be tried again
     * by TCP less and less often. */
    if (peer->stream &&
        clock_mono().ms >= peer->heard_ms + FENCE_HEARD_MS) {
        log_limited(VDC_LOG_INFO, peer->name, "it does not answer");
        hang_up(peer);
    }
    if (peer->stream)
        ask(peer);
    else if (!peer->handshake)
        begin(peer);
}

static void add(struct peers *peers, const struct vote_member *member)
{
    struct peer *peer = XNEW(struct peer);

    peer->peers = peers;
    memcpy(peer->name, member->name, sizeof(peer->name));
    memcpy(peer->address, member->address, sizeof(peer->address));
    LIST_INSERT_HEAD(&peers->peers, peer, link);
}

void peers_beat(struct peers *peers)
{
    const struct vote *vote = peers->vote;
    const struct vote_member *self = vote_find(vote, peers->identity->name);
    bool *is_there = xzalloc((vote->n_members + 1) * sizeof(*is_there));
    struct peer *peer, *next;

    for (peer = LIST_FIRST(&peers->peers); peer; peer = next) {
        const struct vote_member *member = vote_find(vote, peer->name);
        next = LIST_NEXT(peer, link);
        if (!member || strcmp(member->address, peer->address) != 0)
            drop(peer);
        else
            is_there[member - vote->members] = true;
    }
    for (size_t i = 0; i < vote->n_members; i++)
        if (!is_there[i] && &vote->members[i] != self)
            add(peers, &vote->members[i]);
    free(is_there);
    LIST_FOREACH (peer, &peers->peers, link)
        beat(peer);
}

struct peers *peers_new(struct event_base *base, struct identity *identity,
                        struct vote *vote)
{
    struct peers *peers = XNEW(struct peers);

    peers->base = base;
    peers->identity = identity;
    peers->vote = vote;
    LIST_INIT(&peers->peers);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    while (!LIST_EMPTY(&peers->peers))
        drop(LIST_FIRST(&peers->peers));
    free(peers);
}
