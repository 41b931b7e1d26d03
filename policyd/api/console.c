/*
 * Consoles.  After `ok` the connection carries what is typed and printed until
 * either end goes: the guest's (its tty hangs up) or the client's.  In place
 * of the tty of another host there is a socket (console_away.h).  Each
 * direction stops reading while the other side has not taken what it was
 * given, so that neither can fill our memory.
 */
#include "policyd/api/console.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/tty.h"
#include "chan/chan.h"
#include "policyd/api/console_away.h"
#include "policyd/hosts/dial.h"
#include "policyd/api/lookup.h"
#include "policyd/api/operations.h"

/* What may wait for either side before the other is no longer read. */
#define CONSOLE_PENDING_MAX (64 * 1024)
#define CONSOLE_CHUNK 4096

struct console {
    TAILQ_ENTRY(console) link;
    struct request *request;
    struct vdc_uuid uuid;
    int fd; /* the tty, or what is as good */
    struct event *readable, *writable;
    struct evbuffer *typed; /* for the tty */
    bool client_paused;
};

/* Of a host that policyd is not on. */
struct place {
    LIST_ENTRY(place) link;
    char *address; /* of its command channel */
    struct consoles_away *away;
};

struct consoles {
    struct event_base *base;
    const struct setup *setup;
    TAILQ_HEAD(, console) all;
    LIST_HEAD(, place) places;
};

struct consoles *consoles_new(struct event_base *base,
                              const struct setup *setup)
{
    struct consoles *consoles = XNEW(struct consoles);

    consoles->base = base;
    consoles->setup = setup;
    TAILQ_INIT(&consoles->all);
    LIST_INIT(&consoles->places);
    return consoles;
}

/* NULL: policyd is on the host that has this address. */
static struct consoles_away *away_of(struct consoles *consoles,
                                     const char *address)
{
    struct place *place;

    if (!chan_address_is_channel(address))
        return NULL;
    LIST_FOREACH(place, &consoles->places, link)
    if (strcmp(place->address, address) == 0)
        return place->away;
    place = XNEW(struct place);
    place->address = xstrdup(address);
    place->away = consoles_away_new(consoles->base, consoles->setup, address);
    LIST_INSERT_HEAD(&consoles->places, place, link);
    return place->away;
}

void consoles_stop(struct consoles *consoles)
{
    struct place *place;

    while ((place = LIST_FIRST(&consoles->places))) {
        LIST_REMOVE(place, link);
        consoles_away_free(place->away);
        free(place->address);
        free(place);
    }
}

void consoles_free(struct consoles *consoles)
{
    if (!consoles)
        return;
    consoles_stop(consoles);
    free(consoles);
}

static void console_close(struct console *console)
{
    TAILQ_REMOVE(&console->request->ops->consoles->all, console, link);
    event_free(console->readable);
    event_free(console->writable);
    evbuffer_free(console->typed);
    close(console->fd);
    free(console);
}

/* The guest's end is gone. */
static void console_end(struct console *console)
{
    struct request *request = console->request;

    console_close(console);
    request_finish_session(request);
}

static void on_gone(struct request *request)
{
    console_close(request->owner);
    request_free(request);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct console *console = arg;
    uint8_t data[CONSOLE_CHUNK];

    /* a login or token may have been taken away */
    if (operations_check_still(console->request, NULL)) {
        console_end(console);
        return;
    }
    ssize_t n = read(fd, data, sizeof(data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* EIO: nobody holds the other end any more */
        console_end(console);
        return;
    }
    const struct wire_console_data printed = { data, (uint32_t)n, 0 };
    request_more(console->request, WIRE_MSG_console_data, &printed);
    if (request_pending(console->request) > CONSOLE_PENDING_MAX)
        event_del(console->readable);
}

static void on_drained(struct request *request)
{
    struct console *console = request->owner;

    event_add(console->readable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct console *console = arg;
    int n = evbuffer_write(console->typed, fd);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        console_end(console);
        return;
    }
    if (evbuffer_get_length(console->typed) == 0)
        event_del(console->writable);
    if (console->client_paused &&
        evbuffer_get_length(console->typed) < CONSOLE_PENDING_MAX / 2) {
        console->client_paused = false;
        request_pause_client(console->request, false);
    }
}

static void on_data(struct request *request,
                    const struct wire_console_data *data)
{
    struct console *console = request->owner;

    if (operations_check_still(request, NULL)) {
        console_end(console);
        return;
    }
    evbuffer_add(console->typed, data->data, data->n_data);
    event_add(console->writable, NULL);
    if (evbuffer_get_length(console->typed) > CONSOLE_PENDING_MAX) {
        console->client_paused = true;
        request_pause_client(request, true);
    }
}

static const struct console_face face = { on_data, on_drained };

/* ---- attaching ---- */

static const struct console *attached(const struct consoles *consoles,
                                      const struct vdc_uuid *uuid)
{
    const struct console *console;

    TAILQ_FOREACH(console, &consoles->all, link)
    if (uuid_equal(&console->uuid, uuid))
        return console;
    return NULL;
}

static void attach(struct request *request, int fd)
{
    struct operations *ops = request->ops;
    struct console *console = XNEW(struct console);
    const struct wire_empty empty = { 0 };

    console->request = request;
    console->uuid = *(const struct vdc_uuid *)request->owner;
    console->fd = fd;
    console->typed = evbuffer_new();
    console->readable =
        event_new(ops->base, fd, EV_READ | EV_PERSIST, on_readable, console);
    console->writable =
        event_new(ops->base, fd, EV_WRITE | EV_PERSIST, on_writable, console);
    TAILQ_INSERT_TAIL(&ops->consoles->all, console, link);
    request->owner = console;
    request->on_gone = on_gone;
    request_more(request, WIRE_MSG_ok, &empty);
    request_take_session(request, &face);
    event_add(console->readable, NULL);
}

/* Who else there is: operators may know of all, and others of those who act
 * for the same customer or a project of it. */
static bool may_know(const struct request *request,
                     const struct request *other)
{
    return request->auth.role == W_OPERATOR ||
           (other->auth.role != W_OPERATOR &&
            names_covers(request->auth.customer, other->auth.customer));
}

/* Another client's; or one on its way from another host. */
static int check_free(struct request *request, struct vdc_error *err)
{
    const struct consoles *consoles = request->ops->consoles;
    const struct vdc_uuid *uuid = request->owner;
    const struct console *other = attached(consoles, uuid);
    const struct place *place;

    if (other && may_know(request, other->request))
        return vdc_error_set(err, VDC_E_BUSY,
                             "this console is attached already, by %s",
                             operations_who(other->request));
    if (other)
        return vdc_error_set(err, VDC_E_BUSY,
                             "this console is attached already");
    LIST_FOREACH(place, &consoles->places, link)
    if (console_away_is_asked(place->away, uuid))
        return vdc_error_set(err, VDC_E_BUSY,
                             "this console is being attached just now");
    return 0;
}

/* ---- of the host that policyd is on ---- */

static void where_done(void *arg, const void *answer,
                       const struct vdc_error *why)
{
    struct request *request = arg;
    const struct wire_console_path *where = answer;
    struct vdc_error err = { 0 };
    int fd = -1;

    if (why) {
        request_fail(request, why);
        return;
    }
    if (!request->session) { /* the client left meanwhile */
        request_free(request);
        return;
    }
    int rc = check_free(request, &err);
    if (!rc)
        rc = tty_open_raw(where->path, &fd, &err);
    if (rc)
        request_fail(request, &err);
    else
        attach(request, fd);
}

/* ---- of another ---- */

static void away_done(void *arg, int fd, const struct vdc_error *why)
{
    struct request *request = arg;

    if (why) {
        request_fail(request, why);
    } else if (!request->session) { /* the client left meanwhile */
        close(fd);
        request_free(request);
    } else {
        attach(request, fd);
    }
}

static int refuse_elsewhere(const char *host, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_UNSUPPORTED,
                  "the console of a guest on another machine cannot be had "
                  "over policyd yet");
    vdc_error_hint(err, "as root on host %s, `xl console` gives it", host);
    return VDC_E_UNSUPPORTED;
}

static void found(struct request *request, struct assignment *a)
{
    struct consoles *consoles = request->ops->consoles;
    struct wire_partition_ref ref;
    struct service *service;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_partition_ref, &ref);
    ref.name = a->name;
    ref.uuid = a->uuid;
    request->owner = arena_memdup(request->arena, &a->uuid, sizeof(a->uuid));
    int rc = hosts_service(request->ops->hosts, a->host, &service, &err);
    if (!rc && dial_is_address(service_address(service)))
        rc = refuse_elsewhere(a->host, &err); /* its ttys are not here */
    struct consoles_away *away =
        rc ? NULL : away_of(consoles, service_address(service));
    if (!rc && away)
        rc = check_free(request, &err);
    if (!rc && away)
        rc = console_away_open(away, &ref, away_done, request, &err);
    else if (!rc)
        rc = service_act(service, WIRE_MSG_console_where, &ref, where_done,
                         NULL, request, NULL, &err);
    if (rc)
        request_fail(request, &err);
}

void console_attach(struct request *request)
{
    lookup_guest(request, request->body, found);
}
