/*
 * The client's end of the command channel; see command.h.
 *
 *      WAITING --timer--> DIALLING --TLS is there--> GREETING --hello--> UP
 *         |  ^               |                          ^ |              |
 *         |  +-- failed -----+---- closed, refused, silent --------------+
 *         +------ timer, not over TLS ------------------+
 */
#include "policyd/hosts/command.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/machine.h"
#include "chan/chan.h"

/* Wait before connecting again: doubled from the first to the second. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 2000
/* resourced answers a hello from its event loop, so at once. */
#define HELLO_TIMEOUT_MS 5000

/* Thousands that connected in one turn of the loop would hold up all others:
 * so many do in a millisecond. */
#define FIRST_AT_ONCE 32

enum { COMMAND_WAITING, COMMAND_GREETING, COMMAND_UP, COMMAND_DIALLING };

struct pending {
    TAILQ_ENTRY(pending) link;
    uint32_t id;
    const char *expected; /* name of the message that answers */
    command_done_fn *done;
    command_more_fn *more;
    void *arg;
};

struct command {
    struct event_base *base;
    char *whose;
    const char *address, *broker, *program;
    struct dial_whom whom;
    struct dial *dial; /* DIALLING */
    struct command_notify notify;
    int state;
    struct chan *chan;
    struct event *timer; /* WAITING: connect; GREETING: give up */
    unsigned backoff_ms;
    bool said_down; /* the log has it already */
    uint32_t next_id;
    char version[32];
    char *why_down; /* there may be thousands that are */
    int why_code;
    TAILQ_HEAD(, pending) pending;
};

static unsigned n_commands; /* that there are */

static const char *const state_names[] = { "waiting", "greeting", "up",
                                             "dialling" };

static const struct machine_move moves[] = {
    { COMMAND_WAITING, COMMAND_GREETING, "connected" },
    { COMMAND_GREETING, COMMAND_UP, "resourced said hello" },
    { COMMAND_GREETING, COMMAND_WAITING, "closed, or no hello" },
    { COMMAND_UP, COMMAND_WAITING, "closed" },
    { COMMAND_WAITING, COMMAND_DIALLING, "it is elsewhere" },
    { COMMAND_DIALLING, COMMAND_GREETING, "it is who it is to be" },
    { COMMAND_DIALLING, COMMAND_WAITING, "not reached, or another" },
};

static const struct machine machine = {
    .name = "command channel",
    .state_names = state_names,
    .n_states = 4,
    .moves = moves,
    .n_moves = sizeof(moves) / sizeof(moves[0]),
};

static void set_timer(struct command *c, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(c->timer, &tv);
}

/* The connection is gone: every request under way ends, with an outcome that
 * nobody here knows. */
static void fail_pending(struct command *c)
{
    struct vdc_error err = { 0 };
    struct pending *p;

    vdc_error_set(&err, VDC_E_CLOSED,
                  "%s%s went away before it answered: whether this was "
                  "done is not known",
                  c->whose, c->program);
    vdc_error_hint(&err, "`xl-vdc list` shows what is there");
    while ((p = TAILQ_FIRST(&c->pending))) {
        TAILQ_REMOVE(&c->pending, p, link);
        p->done(p->arg, NULL, &err);
        free(p);
    }
}

static void lost(struct command *c, const struct vdc_error *err)
{
    bool was_up = c->state == COMMAND_UP;

    if (!c->said_down)
        log_warning("%s at %s: %s", c->program, c->address, err->text);
    c->said_down = true;
    free(c->why_down);
    c->why_down = xstrdup(err->text);
    c->why_code = err->code;
    chan_destroy(c->chan);
    c->chan = NULL;
    c->version[0] = '\0';
    if (c->state != COMMAND_WAITING)
        machine_move(&machine, &c->state, COMMAND_WAITING, c->address);
    set_timer(c, c->backoff_ms);
    c->backoff_ms = c->backoff_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS
                                                        : c->backoff_ms * 2;
    fail_pending(c);
    if (was_up)
        c->notify.down(c->notify.arg);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    lost(arg, err);
}

static void broken(struct command *c, const struct vdc_error *err)
{
    struct vdc_error full = *err;

    vdc_error_prefix(&full, "what it sent cannot be read");
    lost(c, &full);
}

static void got_hello(struct command *c, const struct wire_frame *frame)
{
    const struct wire_hello *hello = frame->body;
    struct vdc_error err = { 0 };

    if (frame->message->number == WIRE_MSG_error) {
        wire_error_take(frame->body, &err);
        lost(c, &err);
        return;
    }
    if (frame->message->number != WIRE_MSG_hello ||
        hello->protocol != WIRE_PROTOCOL) {
        if (frame->message->number == WIRE_MSG_hello)
            vdc_error_set(&err, VDC_E_PROTOCOL,
                          "%s %s speaks protocol %u, policyd %s speaks "
                          "protocol %d: install the same version of both",
                          c->program, hello->version, hello->protocol,
                          PACKAGE_VERSION, WIRE_PROTOCOL);
        else
            vdc_error_set(&err, VDC_E_PROTOCOL, "it did not say hello");
        lost(c, &err);
        return;
    }
    evtimer_del(c->timer);
    strncpy(c->version, hello->version, sizeof(c->version) - 1);
    c->backoff_ms = BACKOFF_FIRST_MS;
    c->said_down = false;
    machine_move(&machine, &c->state, COMMAND_UP, c->address);
    log_info("connected to %s %s at %s", c->program, c->version,
             c->address);
    c->notify.up(c->notify.arg);
}

static void got_answer(struct command *c, struct pending *p,
                       const struct wire_frame *frame)
{
    struct vdc_error err = { 0 };

    if (frame->message->number == WIRE_MSG_progress ||
        frame->message->number == WIRE_MSG_event) {
        if (p->more)
            p->more(p->arg, frame);
        return;
    }
    TAILQ_REMOVE(&c->pending, p, link);
    if (frame->message->number == WIRE_MSG_error) {
        wire_error_take(frame->body, &err);
        p->done(p->arg, NULL, &err);
    } else if (strcmp(frame->message->name, p->expected) != 0) {
        vdc_error_set(&err, VDC_E_PROTOCOL,
                      "%s answered with '%s' instead of '%s'", c->program,
                      frame->message->name, p->expected);
        p->done(p->arg, NULL, &err);
    } else {
        p->done(p->arg, frame, NULL);
    }
    free(p);
}

static struct pending *find_pending(struct command *c, uint32_t id)
{
    struct pending *p;

    TAILQ_FOREACH(p, &c->pending, link)
    if (p->id == id)
        break;
    return p;
}

/* Of a newer resourced: what it answers is not understood, and that alone. */
static void got_newer(struct command *c, uint32_t id,
                      const struct vdc_error *err)
{
    struct pending *p = find_pending(c, id);

    log_limited(VDC_LOG_WARNING, c->address, "%s", err->text);
    if (!p)
        return;
    TAILQ_REMOVE(&c->pending, p, link);
    p->done(p->arg, NULL, err);
    free(p);
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct command *c = arg;
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct vdc_error err = { 0 };
    struct pending *p;

    int rc = wire_decode(message, size, arena, &frame, &err);
    if (rc == VDC_E_UNSUPPORTED && c->state == COMMAND_UP) {
        got_newer(c, frame.id, &err);
    } else if (rc) {
        broken(c, &err);
    } else if (!(frame.message->who & W_ANSWER)) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "'%s' is no answer",
                      frame.message->name);
        broken(c, &err);
    } else if (c->state == COMMAND_GREETING) {
        got_hello(c, &frame);
    } else {
        p = find_pending(c, frame.id);
        if (p)
            got_answer(c, p, &frame);
        else
            log_debug("resourced: answer to unknown request %u", frame.id);
    }
    arena_free(arena);
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close };

static int send_frame(struct command *c, enum wire_message_number number,
                      uint32_t id, const void *body, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    uint8_t *frame;
    size_t size;
    int rc = wire_encode(number, id, body, arena, &frame, &size, err);

    if (!rc) {
        rc = chan_send(c->chan, frame, size);
        if (rc)
            vdc_error_set(err, rc, "resourced: %s", vdc_error_text(rc));
    }
    arena_free(arena);
    return rc;
}

static void greet(struct command *c)
{
    const struct wire_hello hello = { .program = "policyd",
                                      .version = PACKAGE_VERSION,
                                      .protocol = WIRE_PROTOCOL };
    struct vdc_error err = { 0 };

    machine_move(&machine, &c->state, COMMAND_GREETING, c->address);
    if (send_frame(c, WIRE_MSG_hello, c->next_id++, &hello, &err)) {
        lost(c, &err);
        return;
    }
    set_timer(c, HELLO_TIMEOUT_MS);
}

static void dialled(void *arg, struct stream *stream,
                    const struct vdc_error *err)
{
    struct command *c = arg;

    c->dial = NULL;
    if (!stream) {
        lost(c, err);
        return;
    }
    c->chan = chan_of_stream(c->base, stream);
    chan_set_ops(c->chan, &chan_ops, c);
    greet(c);
}

static void connect_now(struct command *c)
{
    struct vdc_error err = { 0 };

    if (dial_is_address(c->address)) {
        if (dial_begin(c->base, c->address, &c->whom, dialled, c, &c->dial,
                       &err))
            lost(c, &err);
        else
            machine_move(&machine, &c->state, COMMAND_DIALLING, c->address);
    } else if (chan_connect(c->base, c->address, c->broker, &chan_ops, c,
                            &c->chan, &err)) {
        lost(c, &err);
    } else {
        greet(c);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct command *c = arg;
    struct vdc_error err = { 0 };

    if (c->state == COMMAND_WAITING) {
        connect_now(c);
    } else {
        vdc_error_set(&err, VDC_E_TIMEOUT, "it did not say hello in %d s",
                      HELLO_TIMEOUT_MS / 1000);
        lost(c, &err);
    }
}

struct command *command_new(struct event_base *base, const char *whose,
                            const struct command_to *to,
                            const struct command_notify *notify)
{
    struct command *c = XNEW(struct command);

    c->base = base;
    c->whose = xstrdup(whose);
    c->address = to->address;
    c->broker = to->broker;
    c->program = to->program ? to->program : "resourced";
    c->whom = to->whom;
    c->notify = *notify;
    c->backoff_ms = BACKOFF_FIRST_MS;
    c->next_id = 1;
    TAILQ_INIT(&c->pending);
    c->why_down = xstrdup("not connected yet");
    c->timer = evtimer_new(base, on_timer, c);
    set_timer(c, n_commands++ / FIRST_AT_ONCE);
    return c;
}

void command_set_certificates(struct command *c, const char *certificate,
                              const char *next)
{
    c->whom.certificate = certificate;
    c->whom.next = next;
}

void command_stop(struct command *c)
{
    chan_destroy(c->chan);
    c->chan = NULL;
    dial_cancel(c->dial);
    c->dial = NULL;
    c->state = COMMAND_WAITING; /* what is sent from now on is refused */
    c->version[0] = '\0';
    evtimer_del(c->timer);
    fail_pending(c);
}

void command_free(struct command *c)
{
    if (!c)
        return;
    command_stop(c);
    event_free(c->timer);
    free(c->whose);
    free(c->why_down);
    free(c);
    n_commands--;
}

bool command_is_up(const struct command *c)
{
    return c->state == COMMAND_UP;
}

const char *command_version(const struct command *c)
{
    return c->version;
}

const char *command_why_down(const struct command *c)
{
    return c->why_down;
}

int command_why_code(const struct command *c)
{
    return c->why_code;
}

int command_down_error(const struct command *c, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NO_DAEMON,
                  "%sresourced does not answer at %s: %s", c->whose,
                  c->address, c->why_down);
    vdc_error_hint(err, dial_is_address(c->address)
                            ? "on that host: systemctl status "
                              "xen-vdc-resourced, and tls_address in "
                              "resourced.conf"
                            : "systemctl status xen-vdc-resourced");
    return VDC_E_NO_DAEMON;
}

int command_send(struct command *c, enum wire_message_number number,
                 const void *body, command_done_fn *done,
                 command_more_fn *more, void *arg, uint32_t *ret_id,
                 struct vdc_error *err)
{
    if (!command_is_up(c))
        return command_down_error(c, err);

    uint32_t id = c->next_id++;
    int rc = send_frame(c, number, id, body, err);
    if (rc)
        return rc;
    struct pending *p = XNEW(struct pending);
    p->id = id;
    p->expected = wire_message_by_number(number)->reply;
    p->done = done;
    p->more = more;
    p->arg = arg;
    TAILQ_INSERT_TAIL(&c->pending, p, link);
    if (ret_id)
        *ret_id = id;
    return 0;
}

void command_cancel(struct command *c, uint32_t id)
{
    const struct wire_cancel cancel = { .request = id };
    struct vdc_error err = { 0 };

    if (!command_is_up(c))
        return;
    if (send_frame(c, WIRE_MSG_cancel, c->next_id++, &cancel, &err))
        log_warning("cancelling request %u: %s", id, err.text);
}
