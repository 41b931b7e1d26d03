/*
 * Talks to channeld for the commands; see channel.h.
 */
#include "xl-ext/channel.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void on_ready(void *arg)
{
    struct channel_session *session = arg;

    session->ready = true;
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    struct channel_session *session = arg;

    session->lost = *err;
    session->ready = false;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    struct channel_session *session = arg;

    if (session->ops && session->ops->on_refused)
        session->ops->on_refused(session->arg, service, err);
}

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    struct channel_session *session = arg;

    if (session->ops && session->ops->on_incoming)
        return session->ops->on_incoming(session->arg, channel, err);
    return vdc_error_set(err, VDC_E_UNSUPPORTED, "nobody takes it");
}

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct channel_session *session = arg;

    if (session->ops && session->ops->on_closed)
        session->ops->on_closed(session->arg, channel, reason);
}

static const struct broker_ops ops = { on_ready, on_lost, on_refused,
                                       on_incoming, on_closed };

static void explain(struct vdc_error *err)
{
    if (!err || err->code != VDC_E_NO_DAEMON || err->hint[0])
        return;
    vdc_error_prefix(err, "cannot reach channeld");
    vdc_error_hint(err, "is it running? 'systemctl status xen-vdc-channeld', "
                        "and 'systemctl start xen-vdc-channeld'; xl-vdc runs "
                        "on the host, or --channel-socket names another "
                        "socket");
}

int channel_wait(struct channel_session *session, const bool *done,
                 struct vdc_error *err)
{
    while (!*done && !session->lost.code)
        event_base_loop(session->base, EVLOOP_ONCE);
    if (*done)
        return 0;
    if (err)
        *err = session->lost;
    explain(err);
    return session->lost.code;
}

int channel_open(const struct command_args *args, const struct broker_ops *own,
                 void *arg, struct channel_session *ret, struct vdc_error *err)
{
    *ret = (struct channel_session){
        .args = args, .arena = args->arena, .ops = own, .arg = arg
    };
    ret->base = event_base_new();
    if (!ret->base)
        return vdc_error_set(err, VDC_E_NOMEM, "no event loop can be made");
    ret->broker = broker_new(ret->base, command_value(args, "channel-socket"),
                             &ops, ret);
    int rc = channel_wait(ret, &ret->ready, err);
    if (rc)
        channel_close(ret);
    return rc;
}

void channel_close(struct channel_session *session)
{
    broker_free(session->broker);
    event_base_free(session->base);
}

/* ---- requests ---- */

struct asking {
    struct arena *arena;
    bool done;
    const void *body;
    struct vdc_error err;
};

static void on_answer(void *arg, const struct wire_frame *frame,
                      const struct vdc_error *err)
{
    struct asking *asking = arg;

    asking->done = true;
    if (err) {
        asking->err = *err;
        return;
    }
    void *copy = arena_alloc(asking->arena, frame->message->body->size);
    if (wire_struct_copy(frame->message->body, frame->body, asking->arena,
                         copy, &asking->err) == 0)
        asking->body = copy;
}

int channel_ask(struct channel_session *session,
                enum wire_message_number number, const void *body,
                const void **ret, struct vdc_error *err)
{
    struct asking asking = { .arena = session->arena };

    broker_ask(session->broker, number, body, on_answer, &asking);
    int rc = channel_wait(session, &asking.done, err);
    if (rc == 0 && asking.err.code) {
        rc = asking.err.code;
        if (err)
            *err = asking.err;
    }
    if (rc == 0 && ret)
        *ret = asking.body;
    return rc;
}

int channel_id(const char *word, uint64_t *ret, struct vdc_error *err)
{
    size_t len = strspn(word, "0123456789");
    uint64_t id = 0;

    if (len && len <= 18 && !word[len])
        id = strtoull(word, NULL, 10);
    if (!id)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is not the number of a channel", word);
    *ret = id;
    return 0;
}
