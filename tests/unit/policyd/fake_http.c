/* A server that answers what a test says. */
#include "tests/unit/policyd/fake_http.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

struct conn {
    TAILQ_ENTRY(conn) link;
    struct fake_http *fake;
    struct bufferevent *bev;
    struct event *timer; /* the next byte */
    char *slow;
    size_t n_slow, at;
    bool close;
    bool http2_told;
};

/* What a client of HTTP/2 says at first; then come frames, each with a head.
 */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_HEAD 9
enum { DATA, HEADERS, SETTINGS = 4 };
enum { END_STREAM = 1, END_HEADERS = 4 };

struct fake_http {
    struct event_base *base;
    struct evconnlistener *listener;
    char *url;
    fake_hook *hook;
    void *arg;
    unsigned n_connections;
    TAILQ_HEAD(, conn) conns;
};

static void conn_free(struct conn *c)
{
    TAILQ_REMOVE(&c->fake->conns, c, link);
    bufferevent_free(c->bev);
    event_free(c->timer);
    free(c->slow);
    free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    conn_free(arg);
}

static void on_sent(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;

    if (c->close && !c->slow)
        conn_free(c);
}

static void next_byte(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = { 0, 200 };
    struct conn *c = arg;

    bufferevent_write(c->bev, c->slow + c->at++, 1);
    if (c->at < c->n_slow) {
        event_add(c->timer, &soon);
        return;
    }
    free(c->slow);
    c->slow = NULL;
}

static void answer(struct conn *c, struct fake_reply *reply)
{
    size_t size = reply->size;

    if (!size && reply->bytes)
        size = strlen(reply->bytes);
    c->close = reply->close;
    if (size == 0) {
        free(reply->bytes);
        if (c->close)
            conn_free(c);
    } else if (reply->byte_by_byte) {
        c->slow = reply->bytes;
        c->n_slow = size;
        c->at = 0;
        next_byte(-1, 0, c);
    } else {
        bufferevent_write(c->bev, reply->bytes, size);
        free(reply->bytes);
    }
}

static bool is_http2(const char *text)
{
    return strncmp(text, PREFACE, strlen(PREFACE)) == 0;
}

/* The whole request is there. */
static bool http2_is_whole(const uint8_t *text, size_t size)
{
    size_t at = strlen(PREFACE);

    while (at + FRAME_HEAD <= size) {
        const uint8_t *head = text + at;
        at += FRAME_HEAD + ((size_t)head[0] << 16 | head[1] << 8 | head[2]);
        if (head[3] == DATA && (head[4] & END_STREAM))
            return at <= size;
    }
    return false;
}

static void read_http2(struct conn *c, const char *text, size_t size)
{
    struct fake_reply reply = { 0 };

    if (c->http2_told || !http2_is_whole((const uint8_t *)text, size))
        return;
    c->http2_told = true;
    c->fake->hook(c->fake->arg, FAKE_HTTP2, "", &reply);
    answer(c, &reply);
}

/* "POST PATH HTTP/1.1", headers with a length, the body. */
static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t size = evbuffer_get_length(in);
    char *text = xzalloc(size + 1), path[64] = "";

    evbuffer_copyout(in, text, size);
    char *end = strstr(text, "\r\n\r\n");
    char *length = strstr(text, "Content-Length: ");
    size_t head = end ? (size_t)(end - text) + 4 : 0;
    size_t body = length ? (size_t)atol(length + 16) : 0;
    if (is_http2(text)) {
        read_http2(c, text, size);
    } else if (end && size >= head + body) {
        struct fake_reply reply = { 0 };
        CU_ASSERT_EQUAL(sscanf(text, "POST %63s HTTP/1.1", path), 1);
        evbuffer_drain(in, head + body);
        text[head + body] = '\0';
        c->fake->hook(c->fake->arg, path, text + head, &reply);
        answer(c, &reply);
    }
    free(text);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
                      struct sockaddr *from, int size, void *arg)
{
    struct fake_http *fake = arg;
    struct conn *c = XNEW(struct conn);

    c->fake = fake;
    c->bev = bufferevent_socket_new(fake->base, fd, BEV_OPT_CLOSE_ON_FREE);
    c->timer = evtimer_new(fake->base, next_byte, c);
    bufferevent_setcb(c->bev, on_read, on_sent, on_event, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    TAILQ_INSERT_TAIL(&fake->conns, c, link);
    fake->n_connections++;
}

struct fake_http *fake_http_new(struct event_base *base, fake_hook *hook,
                                void *arg)
{
    struct fake_http *fake = XNEW(struct fake_http);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);

    signal(SIGPIPE, SIG_IGN); /* as daemons do */
    fake->base = base;
    fake->hook = hook;
    fake->arg = arg;
    TAILQ_INIT(&fake->conns);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fake->listener = evconnlistener_new_bind(
        base, on_accept, fake, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
        -1, (struct sockaddr *)&at, sizeof(at));
    CU_ASSERT_PTR_NOT_NULL_FATAL(fake->listener);
    CU_ASSERT_EQUAL_FATAL(getsockname(evconnlistener_get_fd(fake->listener),
                                      (struct sockaddr *)&at, &size),
                          0);
    fake->url = xasprintf("http://127.0.0.1:%d", ntohs(at.sin_port));
    return fake;
}

void fake_http_drop(struct fake_http *fake)
{
    while (!TAILQ_EMPTY(&fake->conns))
        conn_free(TAILQ_FIRST(&fake->conns));
}

void fake_http_free(struct fake_http *fake)
{
    fake_http_drop(fake);
    evconnlistener_free(fake->listener);
    free(fake->url);
    free(fake);
}

const char *fake_http_url(const struct fake_http *fake)
{
    return fake->url;
}

unsigned fake_http_connections(const struct fake_http *fake)
{
    return fake->n_connections;
}

char *fake_answer(int status, const char *body)
{
    return xasprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     status, strlen(body), body);
}

char *fake_stream(const char *line)
{
    return xasprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "%zx\r\n%s\n\r\n",
                     strlen(line) + 1, line);
}

static uint8_t *put_frame(uint8_t *to, int type, int flags, int stream,
                          const void *data, size_t size)
{
    const uint8_t head[FRAME_HEAD] = { (uint8_t)(size >> 16),
                                       (uint8_t)(size >> 8),
                                       (uint8_t)size,
                                       (uint8_t)type,
                                       (uint8_t)flags,
                                       0,
                                       0,
                                       0,
                                       (uint8_t)stream };

    memcpy(to, head, FRAME_HEAD);
    memcpy(to + FRAME_HEAD, data, size);
    return to + FRAME_HEAD + size;
}

char *fake_grpc(const void *body, size_t size, const char *grpc_status,
                size_t *ret_size)
{
    static const char ok[] = "\x88"; /* the 8th of HPACK: ":status: 200" */
    uint8_t *bytes = xzalloc(size + 256), *to = bytes;
    const char *status = grpc_status ? grpc_status : "";
    /* a new name, and its value, each with its length */
    char *last = xasprintf("_\vgrpc-status%c%s", (int)strlen(status), status);

    last[0] = 0;
    to = put_frame(to, SETTINGS, 0, 0, "", 0);
    to = put_frame(to, HEADERS, END_HEADERS, 1, ok, 1);
    to = put_frame(to, DATA, grpc_status ? 0 : END_STREAM, 1, body, size);
    if (grpc_status)
        to = put_frame(to, HEADERS, END_HEADERS | END_STREAM, 1, last,
                       14 + strlen(status));
    free(last);
    *ret_size = (size_t)(to - bytes);
    return (char *)bytes;
}
