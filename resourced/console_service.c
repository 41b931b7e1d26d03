/* Consoles for the command domain; see console_service.h. */
#include "resourced/console_service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/tty.h"
#include "chan/chan_pipe.h"
#include "resourced/commander.h"
#include "resourced/handlers.h"
#include "resourced/host.h"

#define ADDRESS "channel:console"
/* At once; each costs pages that the command domain grants, and one of its
 * channels, of which policyd needs others. */
#define CONSOLES_MAX 32
/* Until it is said whose console; after an error, until the other end has
 * left. */
#define SILENCE_S 10

struct console {
    LIST_ENTRY(console) link;
    struct console_service *service;
    struct event *silence;
    struct chan *chan;      /* NULL: the pipe has it */
    struct chan_pipe *pipe; /* NULL: not asked for yet, or refused */
    char *path;             /* of its tty */
    bool refused;
};

struct console_service {
    struct host *host;
    struct commander *commander;
    struct chan_listener *listener;
    LIST_HEAD(, console) consoles;
    unsigned n_consoles;
};

static void console_free(struct console *console)
{
    LIST_REMOVE(console, link);
    console->service->n_consoles--;
    event_free(console->silence);
    chan_destroy(console->chan);
    chan_pipe_free(console->pipe);
    free(console->path);
    free(console);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    struct console *console = arg;

    if (!console->refused)
        log_warning("a channel for a console is closed: nobody has said "
                    "within %d s whose", SILENCE_S);
    console_free(console);
}

static void on_end(void *arg, const struct vdc_error *why)
{
    struct console *console = arg;

    log_debug("console %s: %s", console->path, why->text);
    console_free(console);
}

/* ---- beginning ---- */

static void answer(struct console *console, const struct wire_frame *asked,
                   const struct vdc_error *error)
{
    struct arena *arena = arena_new();
    struct wire_empty empty = { 0 };
    struct wire_error body;
    struct vdc_error err;
    uint8_t *frame;
    size_t size;
    int rc;

    if (error) {
        wire_error_fill(&body, error);
        rc = wire_encode(WIRE_MSG_error, asked->id, &body, arena, &frame,
                         &size, &err);
    } else {
        rc = wire_encode(WIRE_MSG_ok, asked->id, &empty, arena, &frame, &size,
                         &err);
    }
    if (rc)
        log_error("an answer cannot be sent: %s", err.text);
    else
        chan_send(console->chan, frame, size);
    arena_free(arena);
}

/* policyd has one of each guest at most: another is left of one that was
 * killed, or that has just ended, and would take half of what is printed. */
static void end_older(struct console_service *service, const char *path)
{
    struct console *older, *next;

    for (older = LIST_FIRST(&service->consoles); older; older = next) {
        next = LIST_NEXT(older, link);
        if (older->path && strcmp(older->path, path) == 0)
            console_free(older);
    }
}

static int begin(struct console *console, const struct wire_frame *asked,
                 struct arena *arena, struct vdc_error *err)
{
    struct console_service *service = console->service;
    struct host *host = service->host;
    const char *path;
    int fd;

    if (asked->message->number != WIRE_MSG_console_where)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the first message must be console_where, not %s",
                             asked->message->name);
    if (host->damage.code) {
        *err = host->damage;
        return err->code;
    }
    int rc = handler_console_path(host, asked->body, arena, &path, err);
    if (!rc)
        rc = tty_open_raw(path, &fd, err);
    if (rc)
        return rc;
    end_older(service, path);
    console->path = xstrdup(path);
    evtimer_del(console->silence);
    answer(console, asked, NULL);
    console->pipe =
        chan_pipe_new(host->base, fd, console->chan, on_end, console);
    console->chan = NULL;
    return 0;
}

/* Who is refused leaves by itself: with its end, ours could overtake the
 * answer. */
static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct console *console = arg;
    struct arena *arena = arena_new();
    struct wire_frame asked = { 0 };
    struct vdc_error err = { 0 };

    if (!console->refused) {
        int rc = wire_decode(message, size, arena, &asked, &err);
        if (!rc)
            rc = begin(console, &asked, arena, &err);
        if (rc) {
            console->refused = true;
            answer(console, &asked, &err);
        }
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    console_free(arg);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
};

/* ---- who comes ---- */

static int check_peer(void *arg, const struct chan_peer *peer,
                      struct vdc_error *err)
{
    const struct console_service *service = arg;
    int rc = commander_check(service->commander, peer, err);

    if (!rc && service->n_consoles >= CONSOLES_MAX)
        rc = vdc_error_set(err, VDC_E_BUSY,
                           "%d consoles of this host are attached already",
                           CONSOLES_MAX);
    return rc;
}

static void on_accept(void *arg, struct chan *chan)
{
    const struct timeval silence = { SILENCE_S, 0 };
    struct console_service *service = arg;
    struct console *console = XNEW(struct console);

    console->service = service;
    console->chan = chan;
    console->silence = evtimer_new(service->host->base, on_silence, console);
    if (!console->silence)
        abort(); /* out of memory */
    evtimer_add(console->silence, &silence);
    LIST_INSERT_HEAD(&service->consoles, console, link);
    service->n_consoles++;
    chan_set_ops(chan, &chan_ops, console);
}

struct console_service *console_service_new(struct host *host,
                                            struct commander *commander)
{
    struct console_service *service = XNEW(struct console_service);
    struct vdc_error err;

    service->host = host;
    service->commander = commander;
    LIST_INIT(&service->consoles);
    if (chan_listen(host->base, ADDRESS, host->settings->channel_socket,
                    on_accept, service, &service->listener, &err))
        log_error("consoles are not offered: %s", err.text);
    else
        chan_listener_check(service->listener, check_peer);
    return service;
}

void console_service_free(struct console_service *service)
{
    struct console *console;

    if (!service)
        return;
    chan_listener_destroy(service->listener);
    while ((console = LIST_FIRST(&service->consoles)))
        console_free(console);
    free(service);
}
