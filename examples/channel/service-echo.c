/*
 * A service and its client, by the channeld of each one's domain, with
 * libvdc-chan:
 *
 *      service-echo serve SERVICE        sends back what its clients say, one
 *                                        client after the other
 *      service-echo serve-all SERVICE    the same for many at once (libevent)
 *      service-echo ask SERVICE [TO] [ROUND_TRIPS]
 *                                        TO: the partition that serves; the
 *                                        host when it is not said, or "host"
 *
 * The rules of the host say who may (channeld(8)).  Static, for a guest's
 * initramfs:
 *
 *      cc -static service-echo.c \
 *          $(pkg-config --static --cflags --libs vdc-chan)
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chan/endpoint.h>
#include <chan/port.h>

#define TIMEOUT_MS 20000
#define OPEN_MS 5000 /* channeld may be about to start */
#define ROUND_TRIPS 500 /* unless it is said */

static int fail(const struct vdc_error *err)
{
    fprintf(stderr, "service-echo: %s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return 1;
}

static void say_peer(const struct endpoint_channel *channel)
{
    struct endpoint_peer peer;

    endpoint_peer(channel, &peer);
    printf("a channel with %s, of %s\n", *peer.name ? peer.name : "the host",
           *peer.owner ? peer.owner : "the provider");
    fflush(stdout);
}

/* ---- without an event loop ---- */

static void echo(struct endpoint_channel *channel)
{
    struct port *port = endpoint_port(channel);
    struct port_message message;
    unsigned n = 0;
    int rc;

    say_peer(channel);
    while ((rc = port_receive(port, -1, &message)) == 0) {
        rc = port_send(port, TIMEOUT_MS, message.type, message.data,
                       message.size);
        if (rc)
            break;
        n++;
    }
    printf("echoed %u messages; the end: %s\n", n,
           endpoint_ended(channel) ? endpoint_ended(channel)
                                   : vdc_error_text(rc));
    fflush(stdout);
    endpoint_channel_close(channel);
}

static int serve(const char *service)
{
    struct endpoint *endpoint;
    struct endpoint_channel *channel;
    struct vdc_error err;

    if (endpoint_open(NULL, NULL, NULL, NULL, OPEN_MS, &endpoint, &err))
        return fail(&err);
    endpoint_offer(endpoint, service, 0);
    while (endpoint_accept(endpoint, -1, &channel, &err) == 0)
        echo(channel);
    endpoint_close(endpoint);
    return fail(&err);
}

static int ask_often(struct port *port, unsigned n)
{
    struct port_message answer;
    char text[64];
    int rc = 0;
    unsigned i;

    for (i = 0; i < n && !rc; i++) {
        int size = snprintf(text, sizeof(text), "this is number %u", i);
        rc = port_send(port, TIMEOUT_MS, 1, text, (size_t)size);
        if (!rc)
            rc = port_receive(port, TIMEOUT_MS, &answer);
        if (!rc && (answer.size != (size_t)size ||
                    memcmp(answer.data, text, answer.size) != 0))
            rc = VDC_E_PROTOCOL;
    }
    printf("%u of %u round trips right: %s\n", rc ? i - 1 : i, n,
           rc ? vdc_error_text(rc) : "ok");
    return rc ? 1 : 0;
}

static int ask(const char *service, const char *to, unsigned n)
{
    const struct endpoint_wanted wanted = {
        .service = service,
        .to = to && strcmp(to, "host") ? to : NULL,
    };
    struct endpoint *endpoint;
    struct endpoint_channel *channel;
    struct vdc_error err;

    if (endpoint_open(NULL, NULL, NULL, NULL, OPEN_MS, &endpoint, &err))
        return fail(&err);
    int rc = endpoint_connect(endpoint, &wanted, &channel, &err);
    if (rc) {
        fail(&err);
    } else {
        say_peer(channel);
        rc = ask_often(endpoint_port(channel), n);
    }
    endpoint_close(endpoint);
    return rc ? 1 : 0;
}

/* ---- with libevent ---- */

/* What is not taken back is dropped: a client that asks and does not listen
 * has only itself to blame. */
static void on_message(void *arg, uint16_t type, const uint8_t *data,
                       size_t size)
{
    struct port *port = endpoint_port(arg);

    if (port_queue(port, type, data, size) == 0)
        port_flush(port);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    printf("the end: %s\n", err->text);
    fflush(stdout);
    endpoint_channel_close(arg);
}

static const struct port_ops port_ops = { .on_message = on_message,
                                          .on_close = on_close };

static void on_channel(void *arg, struct endpoint_channel *channel)
{
    say_peer(channel);
    port_watch(endpoint_port(channel), arg, &port_ops, channel);
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    fail(err);
    event_base_loopbreak(arg);
}

static void on_ended(void *arg, struct endpoint_channel *channel,
                     const char *reason)
{
    printf("the end: %s\n", reason);
    fflush(stdout);
    endpoint_channel_close(channel);
}

static const struct endpoint_ops endpoint_ops = { on_channel, on_refused,
                                                  on_ended };

static int serve_all(const char *service)
{
    struct event_base *base = event_base_new();
    struct endpoint *endpoint;
    struct vdc_error err;

    if (!base || endpoint_open(base, NULL, &endpoint_ops, base, 0, &endpoint,
                               &err))
        return 1;
    endpoint_offer(endpoint, service, 0);
    event_base_dispatch(base);
    endpoint_close(endpoint);
    event_base_free(base);
    return 1; /* only a refusal ends it */
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2]);
    if (argc == 3 && strcmp(argv[1], "serve-all") == 0)
        return serve_all(argv[2]);
    if (argc >= 3 && argc <= 5 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argc > 3 ? argv[3] : NULL,
                   argc > 4 ? (unsigned)atoi(argv[4]) : ROUND_TRIPS);
    fprintf(stderr, "usage: service-echo serve SERVICE | serve-all SERVICE | "
                    "ask SERVICE [TO] [ROUND_TRIPS]\n");
    return 2;
}
