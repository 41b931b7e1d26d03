/*
 * A program with many channels at once, for the bed: offers a service and,
 * on SIGUSR1, connects to others that offer it, all in one go.
 *
 *      many-channels SERVICE [TO=N]...
 *
 * A message goes there and back through each channel that it asked for.
 * Prints "ready", a line for each that is refused or ends, and when all were
 * answered how many are open and how many messages came back right.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "chan/broker.h"
#include "chan/port.h"

struct program {
    struct event_base *base;
    struct broker *broker;
    const char *service;
    char **wanted; /* TO=N */
    int n_wanted;
    unsigned asked, refused, opened, right;
    bool is_ready;
};

struct end {
    struct program *program;
    struct port *port;
    uint64_t id;
    bool is_client;
};

static void report(const struct program *program)
{
    if (program->refused + program->right < program->asked)
        return;
    printf("asked for %u: %u opened, %u right, %u refused\n", program->asked,
           program->opened, program->right, program->refused);
}

/* ---- ends ---- */

static void on_message(void *arg, uint16_t type, const uint8_t *data,
                       size_t size)
{
    struct end *end = arg;

    if (!end->is_client) {
        port_queue(end->port, type, data, size);
        port_flush(end->port);
        return;
    }
    end->program->right +=
        size == sizeof(end->id) && memcmp(data, &end->id, size) == 0;
    report(end->program);
}

static void on_port_close(void *arg, const struct vdc_error *err)
{
    /* channeld tells of it, too: on_closed */
}

static const struct port_ops port_ops = { .on_message = on_message,
                                          .on_close = on_port_close };

static int take(struct program *program, struct broker_channel *channel,
                struct vdc_error *err)
{
    struct port *port;
    int rc = broker_take_port(channel, NULL, &port, err);

    if (rc)
        return rc;
    struct end *end = XNEW(struct end);
    end->program = program;
    end->port = port;
    end->id = channel->id;
    end->is_client = channel->is_client;
    channel->arg = end;
    port_watch(port, program->base, &port_ops, end);
    return 0;
}

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    return take(arg, channel, err);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    struct program *program = arg;

    if (err) {
        program->refused++;
        printf("refused: %s\n  %s\n", err->text, err->hint);
        report(program);
        return;
    }
    struct end *end = channel->arg;
    program->opened++;
    port_queue(end->port, 0, &end->id, sizeof(end->id));
    port_flush(end->port);
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

/* ---- the broker ---- */

static void on_ready(void *arg)
{
    struct program *program = arg;

    if (!program->is_ready)
        printf("ready\n");
    program->is_ready = true;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    printf("'%s' may not be offered: %s\n", service, err->text);
}

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    return take(arg, channel, err);
}

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct end *end = channel->arg;

    printf("ended: %s\n", reason);
    port_destroy(end->port);
    free(end);
}

static const struct broker_ops ops = { .on_ready = on_ready,
                                       .on_refused = on_refused,
                                       .on_incoming = on_incoming,
                                       .on_closed = on_closed };

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct program *program = arg;
    struct wire_channel_connect connect;

    program->asked = program->refused = program->opened = program->right = 0;
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = program->service;
    connect.to_server = connect.to_client = MEM_KIB(4);
    for (int i = 0; i < program->n_wanted; i++) {
        char to[128] = "";
        unsigned n = 0;
        if (sscanf(program->wanted[i], "%127[^=]=%u", to, &n) != 2)
            exit(2);
        connect.to = to;
        program->asked += n;
        while (n--)
            broker_connect(program->broker, &connect, &connect_ops, program);
    }
}

int main(int argc, char **argv)
{
    struct program program = { .base = event_base_new() };

    if (argc < 2) {
        fprintf(stderr, "usage: many-channels SERVICE [TO=N]...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    program.service = argv[1];
    program.wanted = argv + 2;
    program.n_wanted = argc - 2;
    program.broker = broker_new(program.base, NULL, &ops, &program);
    broker_offer(program.broker, program.service, 0);
    struct event *asked =
        evsignal_new(program.base, SIGUSR1, on_signal, &program);
    event_add(asked, NULL);
    return event_base_dispatch(program.base) < 0;
}
