/* To hosts that were removed; see farewell.h. */
#include "policyd/hosts/farewell.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/hosts/command.h"

#define TIMEOUT_S 10

struct farewell {
    LIST_ENTRY(farewell) link;
    struct farewells *all;
    struct arena *arena; /* holds the record */
    struct wire_host_record record;
    struct command *command; /* NULL: the book is waited for */
    struct event *timer;     /* the end */
};

struct farewells {
    struct operations *ops;
    LIST_HEAD(, farewell) list;
    bool stopped;
};

static void drop(struct farewell *f)
{
    LIST_REMOVE(f, link);
    command_free(f->command);
    event_free(f->timer);
    arena_free(f->arena);
    free(f);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    drop(arg);
}

/* Not from within what is freed then. */
static void end_in(struct farewell *f, time_t s)
{
    const struct timeval tv = { s, 0 };

    evtimer_add(f->timer, &tv);
}

static void told(void *arg, const struct wire_frame *answer,
                 const struct vdc_error *err)
{
    struct farewell *f = arg;

    if (answer)
        log_info("host %s, which was removed, has taken its certificate away",
                 f->record.name);
    else if (err->code != VDC_E_CLOSED) /* it may end what it hears this by */
        log_warning("host %s, which was removed, keeps its certificate, which "
                    "is good for nothing: %s", f->record.name, err->text);
    end_in(f, 0);
}

static void up(void *arg)
{
    struct farewell *f = arg;
    struct wire_dc_forget order;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_dc_forget, &order);
    order.certificate = f->record.certificate;
    if (command_send(f->command, WIRE_MSG_dc_forget, &order, told, NULL, f,
                     NULL, &err))
        end_in(f, 0);
}

static void down(void *arg)
{
    end_in(arg, 0);
}

static void say(struct farewell *f)
{
    const struct command_notify notify = { up, down, f };
    const struct command_to to = {
        .address = f->record.address,
        .broker = "",
        .whom = { .name = f->record.name,
                  .certificate = f->record.certificate,
                  .next = f->record.certificate_next,
                  .dc = f->all->ops->dc },
    };

    f->command = command_new(f->all->ops->base, "", &to, &notify);
    end_in(f, TIMEOUT_S);
}

/* The removal is durable, or was refused. */
static void settled(void *arg, const struct vdc_error *why)
{
    struct farewell *f = arg;

    if (why->code || f->all->stopped)
        end_in(f, 0);
    else
        say(f);
}

void farewell_begin(struct farewells *farewells,
                    const struct wire_host_record *record)
{
    struct farewell *f;

    if (farewells->stopped || !*record->certificate ||
        !dial_is_address(record->address))
        return;
    f = XNEW(struct farewell);
    if (wire_struct_keep(&wire_struct_host_record, record, &f->arena,
                         &f->record, NULL)) {
        free(f);
        return;
    }
    f->all = farewells;
    f->timer = evtimer_new(farewells->ops->base, on_timer, f);
    if (!f->timer)
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&farewells->list, f, link);
    if (!book_wait(farewells->ops->book, settled, f))
        say(f);
}

struct farewells *farewells_new(struct operations *ops)
{
    struct farewells *farewells = XNEW(struct farewells);

    farewells->ops = ops;
    LIST_INIT(&farewells->list);
    return farewells;
}

void farewells_stop(struct farewells *farewells)
{
    struct farewell *f;

    if (!farewells)
        return;
    farewells->stopped = true;
    LIST_FOREACH(f, &farewells->list, link)
    if (f->command)
        command_stop(f->command);
}

void farewells_free(struct farewells *farewells)
{
    if (!farewells)
        return;
    while (!LIST_EMPTY(&farewells->list))
        drop(LIST_FIRST(&farewells->list));
    free(farewells);
}
