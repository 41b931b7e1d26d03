/*
 * The HTTP end of metrics; see metrics_server.h.
 *
 * Not libevent's evhttp: that of 2.1 bounds neither the number of connections
 * nor the time of a whole request, and is in a library more.  What is needed
 * of HTTP is one request line.
 */
#include "base/metrics_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/tcp.h"

/* Read and thrown away after the answer, so that what a client still sends
 * does not take the answer with it. */
#define DISCARD_MAX (1024 * 1024)

struct client {
    TAILQ_ENTRY(client) link;
    struct metrics_server *server;
    struct bufferevent *stream;
    struct event *deadline;
    bool waits;     /* for the page */
    bool answered;
    bool ended;     /* it sends no more */
    size_t n_discarded;
};

struct metrics_server {
    struct event_base *base;
    struct tcp_listener *listener;
    metrics_collect_fn *collect;
    void *arg;
    TAILQ_HEAD(, client) clients; /* the oldest first */
    unsigned n_clients;
    bool collecting;
    struct evbuffer *page; /* the last */
    struct vdc_error why;  /* with a code: it could not be made */
    bool was_made;         /* or could not be */
    uint64_t made_ms;      /* monotonic */
};

static void drop(struct client *client)
{
    TAILQ_REMOVE(&client->server->clients, client, link);
    client->server->n_clients--;
    bufferevent_free(client->stream);
    event_free(client->deadline);
    free(client);
}

/* ---- answers ---- */

static void begin_answer(struct client *client, const char *status,
                         const char *type, size_t size, const char *more)
{
    evbuffer_add_printf(bufferevent_get_output(client->stream),
                        "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\n%sConnection: close\r\n\r\n",
                        status, type, size, more);
    client->waits = false;
    client->answered = true;
}

static void answer_text(struct client *client, const char *status,
                        const char *text, const char *more)
{
    begin_answer(client, status, "text/plain; charset=utf-8",
                 strlen(text) + 1, more);
    evbuffer_add_printf(bufferevent_get_output(client->stream), "%s\n", text);
}

static void answer_page(struct client *client)
{
    struct evbuffer *page = client->server->page;
    size_t size = evbuffer_get_length(page);

    begin_answer(client, "200 OK", "text/plain; version=0.0.4; charset=utf-8",
                 size, "");
    evbuffer_add(bufferevent_get_output(client->stream),
                 evbuffer_pullup(page, -1), size);
}

/* As the page came out, or did not. */
static void answer_last(struct client *client)
{
    const struct vdc_error *why = &client->server->why;

    if (why->code)
        answer_text(client, "503 Service Unavailable", why->text, "");
    else
        answer_page(client);
}

void metrics_server_answer(struct metrics_server *server,
                           struct evbuffer *page, const struct vdc_error *err)
{
    struct client *client;

    server->collecting = false;
    server->was_made = true;
    server->made_ms = clock_mono().ms;
    server->why = err ? *err : (struct vdc_error){ 0 };
    evbuffer_drain(server->page, evbuffer_get_length(server->page));
    if (!err)
        evbuffer_add_buffer(server->page, page);
    TAILQ_FOREACH (client, &server->clients, link)
        if (client->waits)
            answer_last(client);
}

static void ask_page(struct client *client)
{
    struct metrics_server *server = client->server;

    if (server->was_made &&
        clock_mono().ms - server->made_ms < METRICS_FRESH_MS) {
        answer_last(client);
        return;
    }
    client->waits = true;
    if (server->collecting)
        return;
    server->collecting = true;
    server->collect(server->arg, server);
}

/* ---- requests ---- */

/* "GET /metrics HTTP/1.1"; takes the line apart. */
static void take_line(struct client *client, char *line)
{
    char *save, *method = strtok_r(line, " ", &save);
    char *path = strtok_r(NULL, " ", &save);
    char *version = strtok_r(NULL, " ", &save);

    if (!version || strtok_r(NULL, " ", &save) ||
        strncmp(version, "HTTP/1.", 7) != 0) {
        answer_text(client, "400 Bad Request", "this is no HTTP/1.1 request",
                    "");
        return;
    }
    path[strcspn(path, "?")] = '\0';
    if (strcmp(path, "/metrics") != 0)
        answer_text(client, "404 Not Found",
                    "there is nothing here but /metrics", "");
    else if (strcmp(method, "GET") != 0)
        answer_text(client, "405 Method Not Allowed",
                    "/metrics can be got, and nothing else", "Allow: GET\r\n");
    else
        ask_page(client);
}

/* All of its head is there, or cannot be. */
static void take_request(struct client *client, struct evbuffer *in)
{
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);

    take_line(client, line ? line : (char[]){ "" });
    free(line);
    evbuffer_drain(in, evbuffer_get_length(in));
}

static void discard(struct client *client, struct evbuffer *in)
{
    client->n_discarded += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
    if (client->n_discarded > DISCARD_MAX)
        drop(client);
}

static void refuse_large(struct client *client, struct evbuffer *in)
{
    answer_text(client, "431 Request Header Fields Too Large",
                "the head of the request is too large", "");
    discard(client, in);
}

static void on_read(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;
    struct evbuffer *in = bufferevent_get_input(stream);

    if (client->answered || client->waits)
        discard(client, in);
    else if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos >= 0 ||
             evbuffer_search(in, "\n\n", 2, NULL).pos >= 0)
        take_request(client, in);
    else if (evbuffer_get_length(in) >= METRICS_REQUEST_MAX)
        refuse_large(client, in);
}

/* The answer is out: the client sees its end, and closes; the deadline drops
 * one that does not. */
static void on_written(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;

    if (client->answered && client->ended)
        drop(client);
    else if (client->answered)
        shutdown(bufferevent_getfd(stream), SHUT_WR);
}

/* One that has only said that it sends no more may wait for its answer; that
 * it has gone is found out by writing, or by the deadline. */
static void on_end(struct bufferevent *stream, short what, void *arg)
{
    struct client *client = arg;

    client->ended = true;
    if (!(what & BEV_EVENT_EOF) ||
        !(client->waits ||
          evbuffer_get_length(bufferevent_get_output(stream))))
        drop(client);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    drop(arg);
}

static void on_accept(void *arg, int fd, const char *from)
{
    static const struct timeval limit = { METRICS_CLIENT_MS / 1000, 0 };
    struct metrics_server *server = arg;
    struct client *client = XNEW(struct client);

    if (server->n_clients >= METRICS_CLIENTS_MAX)
        drop(TAILQ_FIRST(&server->clients));
    client->server = server;
    client->stream =
        bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    client->deadline = evtimer_new(server->base, on_deadline, client);
    if (!client->stream || !client->deadline)
        abort(); /* out of memory */
    TAILQ_INSERT_TAIL(&server->clients, client, link);
    server->n_clients++;
    bufferevent_setcb(client->stream, on_read, on_written, on_end, client);
    bufferevent_setwatermark(client->stream, EV_READ, 0, METRICS_REQUEST_MAX);
    bufferevent_enable(client->stream, EV_READ | EV_WRITE);
    evtimer_add(client->deadline, &limit);
}

/* ---- beginning and end ---- */

static int listen_at(struct metrics_server *server, const char *address,
                     struct vdc_error *err)
{
    char full[64];
    bool port_alone =
        *address && strspn(address, "0123456789") == strlen(address);
    int rc;

    if (port_alone && strlen(address) < sizeof(full) / 2) {
        snprintf(full, sizeof(full), "127.0.0.1:%s", address);
        address = full;
    }
    rc = tcp_listen(server->base, address, on_accept, server,
                    &server->listener, err);
    if (rc)
        vdc_error_prefix(err, "metrics_address");
    return rc;
}

int metrics_server_new(struct event_base *base, const char *address,
                       metrics_collect_fn *collect, void *arg,
                       struct metrics_server **ret, struct vdc_error *err)
{
    struct metrics_server *server = XNEW(struct metrics_server);

    server->base = base;
    server->collect = collect;
    server->arg = arg;
    TAILQ_INIT(&server->clients);
    server->page = evbuffer_new();
    int rc = listen_at(server, address, err);
    if (rc) {
        metrics_server_free(server);
        return rc;
    }
    *ret = server;
    return 0;
}

void metrics_server_free(struct metrics_server *server)
{
    if (!server)
        return;
    tcp_listener_destroy(server->listener);
    while (!TAILQ_EMPTY(&server->clients))
        drop(TAILQ_FIRST(&server->clients));
    evbuffer_free(server->page);
    free(server);
}
