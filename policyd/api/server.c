/*
 * Accepts clients.  Everybody may connect, so the number of connections of
 * each user is limited: one user cannot use up the descriptors of all.
 */
#include "policyd/api/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stream.h"

#define CONNECTIONS_PER_UID 64

struct entry {
    TAILQ_ENTRY(entry) link;
    struct session *session;
};

struct server {
    struct session_host host;
    struct stream_listener *listener;
    TAILQ_HEAD(, entry) entries;
};

static void session_ended(void *arg, struct session *session)
{
    struct server *server = arg;
    struct entry *entry;

    TAILQ_FOREACH(entry, &server->entries, link)
    {
        if (entry->session == session) {
            TAILQ_REMOVE(&server->entries, entry, link);
            free(entry);
            return;
        }
    }
}

static unsigned count(const struct server *server, uid_t uid)
{
    const struct entry *entry;
    unsigned n = 0;

    TAILQ_FOREACH(entry, &server->entries, link)
    n += session_peer(entry->session)->uid == uid;
    return n;
}

/* Says why, if the socket takes it at once, and closes. */
static void refuse(struct server *server, int fd)
{
    static const struct stream_ops silent = { 0 };
    struct stream *stream = stream_new(server->host.base, fd, &silent, NULL);
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_error body;
    uint8_t *frame;
    size_t size;

    vdc_error_set(&err, VDC_E_BUSY,
                  "this user has %d connections to policyd already",
                  CONNECTIONS_PER_UID);
    wire_error_fill(&body, &err);
    if (!wire_encode(WIRE_MSG_error, 0, &body, arena, &frame, &size, NULL))
        stream_send(stream, frame, size);
    stream_finish(stream);
    arena_free(arena);
}

static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    struct server *server = arg;

    if (count(server, peer->uid) >= CONNECTIONS_PER_UID) {
        char whose[32];
        snprintf(whose, sizeof(whose), "uid %u", (unsigned)peer->uid);
        log_limited(VDC_LOG_INFO, whose, "refused: %d connections",
                    CONNECTIONS_PER_UID);
        refuse(server, fd);
        return;
    }
    struct entry *entry = XNEW(struct entry);
    struct auth_peer who = { .uid = peer->uid, .pid = peer->pid };
    snprintf(who.text, sizeof(who.text), "uid %u", (unsigned)peer->uid);
    entry->session = session_new(
        &server->host, chan_of_socket(server->host.base, fd), &who);
    TAILQ_INSERT_TAIL(&server->entries, entry, link);
}

int server_new(struct event_base *base, const char *socket,
               struct operations *ops, struct server **ret,
               struct vdc_error *err)
{
    struct server *server = XNEW(struct server);

    TAILQ_INIT(&server->entries);
    server->host = (struct session_host){
        .base = base, .ops = ops, .on_end = session_ended, .arg = server
    };
    int rc = stream_listen_unix(base, socket, 0666, accepted, server,
                                &server->listener, err);
    if (rc) {
        free(server);
        return rc;
    }
    *ret = server;
    return 0;
}

void server_free(struct server *server)
{
    if (!server)
        return;
    stream_listener_destroy(server->listener);
    while (!TAILQ_EMPTY(&server->entries))
        session_finish(TAILQ_FIRST(&server->entries)->session);
    free(server);
}
