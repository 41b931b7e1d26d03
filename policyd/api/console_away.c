/*
 * Consoles of a host that policyd is not on; see console_away.h.
 *
 * Each has a channel of its own.  Once resourced has agreed, the channel is
 * joined to one end of a socketpair, and the other end goes to who asked.
 */
#include "policyd/api/console_away.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "chan/chan_pipe.h"

/* Until resourced agrees. */
#define AGREE_S 20

struct away {
    LIST_ENTRY(away) link;
    struct consoles_away *all;
    struct vdc_uuid uuid;
    struct chan *chan;      /* NULL: the pipe has it */
    struct chan_pipe *pipe; /* NULL: resourced has not agreed yet */
    struct event *limit;
    console_away_fn *done; /* NULL: called */
    void *arg;
};

struct consoles_away {
    struct event_base *base;
    const struct setup *setup;
    char *address;
    LIST_HEAD(, away) consoles;
};

static void away_free(struct away *away)
{
    LIST_REMOVE(away, link);
    event_free(away->limit);
    chan_destroy(away->chan);
    chan_pipe_free(away->pipe);
    free(away);
}

static void tell(struct away *away, int fd, const struct vdc_error *why)
{
    console_away_fn *done = away->done;

    away->done = NULL;
    done(away->arg, fd, why);
}

static void fail(struct away *away, const struct vdc_error *why)
{
    tell(away, -1, why);
    away_free(away);
}

static void on_end(void *arg, const struct vdc_error *why)
{
    away_free(arg);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_TIMEOUT,
                  "the host has not opened the console in %d s", AGREE_S);
    fail(arg, &err);
}

static int join(struct away *away, struct vdc_error *err)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds) != 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "socketpair");
    evtimer_del(away->limit);
    away->pipe =
        chan_pipe_new(away->all->base, fds[0], away->chan, on_end, away);
    away->chan = NULL;
    tell(away, fds[1], NULL);
    return 0;
}

static int take_answer(struct away *away, const struct wire_frame *answer,
                       struct vdc_error *err)
{
    if (answer->message->number == WIRE_MSG_ok)
        return join(away, err);
    if (answer->message->number == WIRE_MSG_error)
        wire_error_take(answer->body, err);
    else
        vdc_error_set(err, VDC_E_PROTOCOL,
                      "resourced answered %s instead of ok",
                      answer->message->name);
    return err->code;
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct away *away = arg;
    struct arena *arena = arena_new();
    struct wire_frame answer;
    struct vdc_error err = { 0 };

    int rc = wire_decode(message, size, arena, &answer, &err);
    if (!rc)
        rc = take_answer(away, &answer, &err);
    arena_free(arena);
    if (rc)
        fail(away, &err);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    fail(arg, err);
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close };

static int ask(struct away *away, const struct wire_partition_ref *ref,
               struct vdc_error *err)
{
    struct arena *arena = arena_new();
    uint8_t *frame;
    size_t size;

    int rc =
        wire_encode(WIRE_MSG_console_where, 1, ref, arena, &frame, &size, err);
    if (!rc && chan_send(away->chan, frame, size))
        rc = vdc_error_set(err, VDC_E_CLOSED, "the channel has ended");
    arena_free(arena);
    return rc;
}

int console_away_open(struct consoles_away *all,
                      const struct wire_partition_ref *ref,
                      console_away_fn *done, void *arg, struct vdc_error *err)
{
    const struct timeval limit = { AGREE_S, 0 };
    struct away *away = XNEW(struct away);

    away->all = all;
    away->uuid = ref->uuid;
    away->done = done;
    away->arg = arg;
    away->limit = evtimer_new(all->base, on_limit, away);
    if (!away->limit)
        abort(); /* out of memory */
    evtimer_add(away->limit, &limit);
    LIST_INSERT_HEAD(&all->consoles, away, link);
    int rc = chan_connect(all->base, all->address, all->setup->channel_socket,
                          &chan_ops, away, &away->chan, err);
    if (!rc)
        rc = ask(away, ref, err);
    if (rc)
        away_free(away);
    return rc;
}

bool console_away_is_asked(const struct consoles_away *all,
                           const struct vdc_uuid *uuid)
{
    const struct away *away;

    LIST_FOREACH(away, &all->consoles, link)
    if (away->done && uuid_equal(&away->uuid, uuid))
        return true;
    return false;
}

struct consoles_away *consoles_away_new(struct event_base *base,
                                        const struct setup *setup,
                                        const char *address)
{
    struct consoles_away *all = XNEW(struct consoles_away);
    const char *host = strchr(address, '@');

    all->base = base;
    all->setup = setup;
    /* where resourced is */
    all->address = xasprintf("channel:console%s", host ? host : "@host");
    LIST_INIT(&all->consoles);
    return all;
}

void consoles_away_free(struct consoles_away *all)
{
    const struct vdc_error ends = { .code = VDC_E_CLOSED,
                                    .text = "policyd ends" };
    struct away *away;

    if (!all)
        return;
    while ((away = LIST_FIRST(&all->consoles))) {
        if (away->done)
            fail(away, &ends);
        else
            away_free(away);
    }
    free(all->address);
    free(all);
}
