/* Messages of a connection between two hosts. */
#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/migrate_impl.h"

struct migrate *migrate_new(struct host *host)
{
    struct migrate *migrate = XNEW(struct migrate);

    migrate->host = host;
    TAILQ_INIT(&migrate->expected);
    LIST_INIT(&migrate->ins);
    LIST_INIT(&migrate->outs);
    return migrate;
}

void migrate_free(struct migrate *migrate)
{
    if (!migrate)
        return;
    migrate_expected_free_all(migrate);
    migrate_in_free_all(migrate);
    migrate_out_free_all(migrate);
    free(migrate);
}

struct event *migrate_timer(struct host *host,
                            void (*fn)(int fd, short what, void *arg),
                            void *arg)
{
    struct event *timer = event_new(host->base, -1, 0, fn, arg);

    if (!timer)
        abort(); /* out of memory */
    return timer;
}

void migrate_timer_set(struct event *timer, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    event_add(timer, &tv);
}

void migrate_say(struct chan *chan, enum wire_message_number number,
                 const void *body)
{
    struct arena *arena = arena_new();
    struct vdc_error err;
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, 1, body, arena, &frame, &size, &err))
        log_error("a message to another host cannot be sent: %s", err.text);
    else
        chan_send(chan, frame, size);
    arena_free(arena);
}

void migrate_say_empty(struct chan *chan, enum wire_message_number number)
{
    struct wire_empty empty;

    wire_init(&wire_struct_empty, &empty);
    migrate_say(chan, number, &empty);
}

void migrate_say_hello(struct chan *chan)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "resourced";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    migrate_say(chan, WIRE_MSG_hello, &hello);
}

void migrate_say_failed(struct chan *chan, const struct vdc_error *why)
{
    struct wire_error error;

    wire_init(&wire_struct_error, &error);
    wire_error_fill(&error, why);
    migrate_say(chan, WIRE_MSG_migrate_failed, &error);
}

int migrate_check_hello(const struct wire_hello *hello, const char *who,
                        struct vdc_error *err)
{
    if (hello->protocol == WIRE_PROTOCOL)
        return 0;
    vdc_error_set(err, VDC_E_PROTOCOL,
                  "resourced %s of %s speaks protocol %u, this one %d",
                  hello->version, who, hello->protocol, WIRE_PROTOCOL);
    vdc_error_hint(err, "install the same version on both hosts");
    return VDC_E_PROTOCOL;
}
