/* A guest goes: the connection to the host that it goes to; what is said on
 * it, and when, is in migrate_in.c. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/tcp.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/migrate_impl.h"
#include "resourced/step.h"

#define HANDSHAKE_MS 15000
#define HELLO_MS 15000
/* Of migrate_wait: the other host may wait for memory, of dom0 or of domains
 * that end; at the end devices are attached there. */
#define WAIT_TIMES 2
#define TELL_MS 1000
/* How long its last word is waited for. */
#define DONE_MS 10000

enum out_state {
    OUT_HANDSHAKE,
    OUT_HELLO,
    OUT_OPEN,
    OUT_SENDING, /* it has accepted */
    OUT_ENDED,   /* all was sent */
    OUT_READY,   /* it has all */
    OUT_RELEASED
};

struct migrate_out {
    LIST_ENTRY(migrate_out) link;
    struct host *host;
    struct operation *op; /* NULL: the step needs it no more */
    const struct migrate_out_ops *ops;
    enum out_state state;
    struct tls *tls;
    struct tls_handshake *handshake;
    struct chan *chan; /* NULL: not yet, or it has ended */
    struct pump *pump;
    char name[64]; /* of the other host */
    struct mem memory;
    uint64_t epoch;
    bool has_failed; /* and that was told */
    bool whole;
    uint64_t begun_ms, moved_ms, taken; /* of the stream */
    struct event *timer;
};

static void free_out(struct migrate_out *out)
{
    if (out->handshake)
        tls_handshake_cancel(out->handshake);
    pump_free(out->pump);
    if (out->chan)
        chan_finish(out->chan);
    tls_free(out->tls);
    event_free(out->timer);
    LIST_REMOVE(out, link);
    free(out);
}

static void fail(struct migrate_out *out, const struct vdc_error *why)
{
    struct vdc_error err = *why;

    if (out->state == OUT_RELEASED) {
        free_out(out);
        return;
    }
    if (out->has_failed || out->state == OUT_READY)
        return; /* policyd asks both how it ended */
    out->has_failed = true;
    event_del(out->timer);
    vdc_error_prefix(&err, "%s does not go to %s", out->op->row->name,
                     out->name);
    out->ops->failed(out->op, &err);
}

/* ---- how far it has come ---- */

static unsigned wait_ms(const struct migrate_out *out)
{
    return (unsigned)out->host->settings->migrate_wait_ms * WAIT_TIMES;
}

static void tell(struct migrate_out *out)
{
    const struct transaction *t = out->op->t;
    struct wire_progress progress;

    if (!t->ops->on_sent || t->told)
        return;
    wire_init(&wire_struct_progress, &progress);
    progress.step = (uint32_t)t->at + 1;
    progress.n_steps = (uint32_t)t->n_steps;
    progress.text = t->steps[t->at].step->doing;
    progress.sent_kib = pump_bytes(out->pump) / 1024;
    progress.of_kib = out->memory.kib;
    progress.elapsed_ms = clock_mono().ms - out->begun_ms;
    t->ops->on_sent(t->arg, t, &progress);
}

static bool has_stalled(struct migrate_out *out)
{
    uint64_t taken = pump_bytes(out->pump) - chan_pending(out->chan);
    uint64_t now = clock_mono().ms;

    /* Of a guest that writes nothing nothing is to be taken. */
    if (taken != out->taken || !chan_pending(out->chan))
        out->moved_ms = now;
    out->taken = taken;
    return now - out->moved_ms > out->host->settings->migrate_wait_ms;
}

static void on_timer(int fd, short what, void *arg)
{
    struct migrate_out *out = arg;
    struct vdc_error err;

    if (out->state == OUT_SENDING && !has_stalled(out)) {
        tell(out);
        migrate_timer_set(out->timer, TELL_MS);
        return;
    }
    vdc_error_set(&err, VDC_E_TIMEOUT, "it does not answer in time");
    fail(out, &err);
}

/* ---- what is said ---- */

static void say_open(struct migrate_out *out)
{
    const struct wire_operation *r = &out->op->request;
    struct wire_migrate_open open;

    wire_init(&wire_struct_migrate_open, &open);
    open.ticket = r->ticket;
    open.n_ticket = r->n_ticket;
    open.epoch = r->epoch;
    open.uuid = out->op->row->uuid;
    open.live = r->live;
    open.memory = out->memory;
    migrate_say(out->chan, WIRE_MSG_migrate_open, &open);
    out->state = OUT_OPEN;
    migrate_timer_set(out->timer, wait_ms(out));
}

static void hear_hello(struct migrate_out *out, const void *body)
{
    struct vdc_error err;

    if (migrate_check_hello(body, out->name, &err))
        fail(out, &err);
    else
        say_open(out);
}

static void hear_failure(struct migrate_out *out, const void *body)
{
    struct vdc_error err;

    wire_error_take(body, &err);
    fail(out, &err);
}

static void dispatch(struct migrate_out *out, const struct wire_frame *frame)
{
    enum wire_message_number number = frame->message->number;
    struct vdc_error err;

    if (number == WIRE_MSG_migrate_failed || number == WIRE_MSG_error) {
        hear_failure(out, frame->body);
    } else if (number == WIRE_MSG_hello && out->state == OUT_HELLO) {
        hear_hello(out, frame->body);
    } else if (number == WIRE_MSG_migrate_accepted &&
               out->state == OUT_OPEN) {
        event_del(out->timer);
        out->ops->accepted(out->op);
    } else if (number == WIRE_MSG_migrate_ready && out->state == OUT_ENDED) {
        event_del(out->timer);
        out->state = OUT_READY;
        out->ops->ready(out->op);
    } else if (number == WIRE_MSG_migrate_done &&
               out->state == OUT_RELEASED) {
        log_info("host %s has the guest", out->name);
        free_out(out);
    } else {
        vdc_error_set(&err, VDC_E_PROTOCOL, "it says %s, which is not its "
                                            "turn", frame->message->name);
        fail(out, &err);
    }
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_frame frame = { 0 };
    struct migrate_out *out = arg;
    struct vdc_error err;

    if (out->has_failed)
        ; /* it is over */
    else if (wire_decode(message, size, arena, &frame, &err))
        fail(out, &err);
    else
        dispatch(out, &frame);
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct migrate_out *out = arg;

    pump_free(out->pump);
    out->pump = NULL;
    chan_destroy(out->chan);
    out->chan = NULL;
    fail(out, err);
}

static void on_drained(void *arg)
{
    struct migrate_out *out = arg;

    pump_go_on(out->pump);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
    .on_drained = on_drained,
};

/* ---- the connection ---- */

static int check_peer(const struct migrate_out *out,
                      const struct tls_certificate *peer,
                      struct vdc_error *err)
{
    const struct wire_operation *r = &out->op->request;

    if (!peer || strcmp(peer->role, MIGRATE_ROLE) != 0)
        return vdc_error_set(err, VDC_E_DENIED,
                             "what answers has not the certificate of a host");
    if (memcmp(peer->fingerprint, r->fingerprint, TLS_FINGERPRINT_SIZE))
        return vdc_error_set(err, VDC_E_DENIED,
                             "what answers has another certificate than "
                             "policyd has of it");
    return 0;
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct migrate_out *out = arg;
    struct vdc_error err;

    out->handshake = NULL;
    if (!stream) {
        fail(out, why);
        return;
    }
    out->chan = chan_of_stream(out->host->base, stream);
    chan_set_ops(out->chan, &chan_ops, out);
    if (check_peer(out, peer, &err)) {
        fail(out, &err);
        return;
    }
    out->state = OUT_HELLO;
    migrate_timer_set(out->timer,
                      wait_ms(out) < HELLO_MS ? wait_ms(out) : HELLO_MS);
    migrate_say_hello(out->chan);
}

int migrate_tls(const struct host *host, struct tls **ret,
                struct vdc_error *err)
{
    char *path = xasprintf("%s/host.pem", host->settings->dc_directory);
    const struct tls_files files = { path, path, path };
    int rc = tls_new_client(&files, ret, err);

    if (!rc)
        rc = tls_check_dates(*ret, err);
    if (rc) {
        tls_free(*ret);
        *ret = NULL;
        vdc_error_prefix(err, "the certificate of this host");
    }
    free(path);
    return rc;
}

void migrate_out_check(const struct host *host, struct reasons *reasons)
{
    struct vdc_error err;
    struct tls *tls = NULL;

    if (migrate_tls(host, &tls, &err))
        reasons_add(reasons, &err);
    tls_free(tls);
}

int migrate_out_new(struct operation *op, struct mem memory,
                    const struct migrate_out_ops *ops,
                    struct migrate_out **ret, struct vdc_error *err)
{
    const struct wire_operation *r = &op->request;
    struct tls *tls = NULL;
    int fd;
    int rc = migrate_tls(op->host, &tls, err);

    if (!rc)
        rc = tcp_connect_begin(r->address, &fd, err);
    if (rc) {
        tls_free(tls);
        return rc;
    }
    struct migrate_out *out = XNEW(struct migrate_out);
    out->host = op->host;
    out->op = op;
    out->ops = ops;
    out->tls = tls;
    out->memory = memory;
    out->epoch = r->epoch;
    snprintf(out->name, sizeof(out->name), "%s", r->host);
    out->timer = migrate_timer(op->host, on_timer, out);
    LIST_INSERT_HEAD(&op->host->migrate->outs, out, link);
    out->handshake = tls_connect(tls, op->host->base, fd, out->name,
                                 HANDSHAKE_MS, shaken, out);
    *ret = out;
    return 0;
}

/* ---- for its steps ---- */

static void stream_ended(void *arg)
{
    struct migrate_out *out = arg;

    if (!out->whole)
        return; /* the hypervisor says why */
    out->state = OUT_ENDED;
    migrate_timer_set(out->timer, wait_ms(out));
    migrate_say_empty(out->chan, WIRE_MSG_migrate_end);
}

void migrate_out_begin(struct migrate_out *out, int fd)
{
    static const struct pump_ops pump_ops = { .ended = stream_ended };

    out->state = OUT_SENDING;
    out->begun_ms = out->moved_ms = clock_mono().ms;
    out->pump = pump_out(out->host, fd, out->chan, out->op->request.kib_per_s,
                         &pump_ops, out);
    migrate_timer_set(out->timer, TELL_MS);
}

void migrate_out_stop(struct migrate_out *out)
{
    pump_free(out->pump);
    out->pump = NULL;
}

void migrate_out_whole(struct migrate_out *out)
{
    out->whole = true;
}

void migrate_out_release(struct migrate_out *out)
{
    struct wire_migrate_release release;

    out->op = NULL;
    out->state = OUT_RELEASED;
    if (!out->chan) {
        free_out(out);
        return;
    }
    wire_init(&wire_struct_migrate_release, &release);
    release.epoch = out->epoch;
    migrate_say(out->chan, WIRE_MSG_migrate_release, &release);
    migrate_timer_set(out->timer, DONE_MS);
}

void migrate_out_drop(struct migrate_out *out, const struct vdc_error *why)
{
    if (!out)
        return;
    if (out->chan)
        migrate_say_failed(out->chan, why);
    free_out(out);
}

void migrate_out_free_all(struct migrate *migrate)
{
    struct migrate_out *out;

    while ((out = LIST_FIRST(&migrate->outs)))
        free_out(out);
}
