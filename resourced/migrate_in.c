/*
 * A guest comes: the connection of the host that it is on.
 *
 *   hello -> migrate_open -> (its transaction begins, and has its memory)
 *   migrate_accepted -> migrate_chunk ... migrate_end -> (it is built)
 *   migrate_ready -> migrate_release -> migrate_done
 *
 * Before its transaction is prepared, the end of the connection undoes it;
 * from there on it is no matter.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/image.h"
#include "resourced/migrate_impl.h"
#include "resourced/transaction.h"

/* Who comes says by then what it wants. */
#define OPEN_MS 10000
/* Of migrate_wait, by which the first of the stream comes: so many times as
 * long anything that follows may take.  A guest may take libxl's 60 s to
 * suspend. */
#define IDLE_TIMES 2
#define INS_MAX 64
/* Pages that a domain has beyond its memory; Xen lets it have as many. */
#define NOT_GUESTS_KIB 1024

struct migrate_in {
    LIST_ENTRY(migrate_in) link;
    struct migrate *migrate;
    struct host *host;
    struct chan *chan; /* NULL: it has ended */
    struct stream *stream; /* that carries it */
    char from[TCP_FROM_SIZE];
    char name[128]; /* of its certificate */
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    bool greeted;
    struct transaction *t; /* NULL: not yet, or it has ended */
    struct operation *op;  /* of it, that starts the guest */
    uint64_t epoch;
    struct pump *pump;
    bool begun, whole, ready;
    struct vdc_error why; /* with a code: the stream has ended, not well */
    struct event *timer;
};

static void free_in(struct migrate_in *in)
{
    if (in->op && in->t)
        in->op->comes = NULL;
    pump_free(in->pump);
    if (in->chan)
        chan_finish(in->chan);
    event_free(in->timer);
    LIST_REMOVE(in, link);
    in->migrate->n_ins--;
    free(in);
}

/* The connection is of no use any more, or has ended. */
static void lose(struct migrate_in *in, const struct vdc_error *why)
{
    if (!in->why.code)
        in->why = *why;
    pump_free(in->pump); /* whoever reads the stream finds its end */
    in->pump = NULL;
    event_del(in->timer);
    chan_finish(in->chan);
    in->chan = NULL;
    if (!in->t) {
        free_in(in);
    } else if (in->t->prepared) {
        log_info("the connection of %s, %s, has ended: %s; what came waits "
                 "for policyd", in->name, in->from, why->text);
    } else if (in->begun) {
        step_receive_ended(in->op, &in->why);
    } else {
        transaction_cancel(in->t);
    }
}

static void refuse(struct migrate_in *in, const struct vdc_error *why)
{
    log_limited(VDC_LOG_WARNING, in->from, "%s is refused: %s", in->name,
                why->text);
    migrate_say_failed(in->chan, why);
    lose(in, why);
}

static void on_timer(int fd, short what, void *arg)
{
    struct migrate_in *in = arg;
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_TIMEOUT, in->begun
                                           ? "nothing comes from %s any more"
                                           : "%s does not say what it wants",
                  in->name);
    refuse(in, &err);
}

/* ---- its transaction ---- */

static void done(void *arg, struct transaction *t, int rc,
                 const struct vdc_error *err)
{
    struct migrate_in *in = arg;
    struct vdc_error again;

    if (!rc && t->answer)
        rc = vdc_error_set(&again, VDC_E_CONFLICT,
                           "that guest has come before");
    /* it may be told before its end, while a step is under way */
    if (in->op)
        in->op->comes = NULL;
    in->t = NULL;
    if (in->chan && rc)
        migrate_say_failed(in->chan, err ? err : &again);
    else if (in->chan)
        migrate_say_empty(in->chan, WIRE_MSG_migrate_done);
    free_in(in);
}

static const struct transaction_ops ops = { .on_done = done };

static int check_memory(const struct wire_migrate_open *open,
                        const struct wire_transaction *request,
                        struct vdc_error *err)
{
    const struct wire_definition *d = &request->operations[0].definition;
    struct mem most = d->max_memory.kib ? d->max_memory : d->memory;
    char has[32], may[32];

    if (open->memory.kib <= most.kib + NOT_GUESTS_KIB)
        return 0;
    return vdc_error_set(err, VDC_E_WRONG_STATE,
                         "%s has %s of memory, and may have %s", d->name,
                         units_mem_format(open->memory, has, sizeof(has)),
                         units_mem_format(most, may, sizeof(may)));
}

/* Who shows a good ticket is whom policyd meant, or has it from there. */
static int check_open(const struct migrate_in *in,
                      const struct wire_migrate_open *open,
                      const struct expected *expected, struct vdc_error *err)
{
    const struct wire_operation *start = expected ? expected->start : NULL;

    if (!start)
        return vdc_error_set(err, VDC_E_DENIED,
                             "no guest is expected with this ticket");
    if (memcmp(start->fingerprint, in->fingerprint, TLS_FINGERPRINT_SIZE))
        return vdc_error_set(err, VDC_E_DENIED,
                             "the guest with this ticket is expected from "
                             "another certificate than that of %s", in->name);
    if (open->epoch != start->epoch)
        return vdc_error_set(err, VDC_E_CONFLICT,
                             "move %llu of the guest is expected, not %llu",
                             (unsigned long long)start->epoch,
                             (unsigned long long)open->epoch);
    if (!uuid_equal(&open->uuid, &start->uuid))
        return vdc_error_set(err, VDC_E_DENIED,
                             "another guest is expected with this ticket");
    return check_memory(open, &expected->request, err);
}

static void open_it(struct migrate_in *in, const void *body)
{
    const struct wire_migrate_open *open = body;
    struct expected *expected = migrate_take_expected(
        in->migrate, open->ticket, open->n_ticket);
    struct vdc_error err;

    if (check_open(in, open, expected, &err)) {
        migrate_expected_free(expected);
        refuse(in, &err);
        return;
    }
    event_del(in->timer);
    in->epoch = open->epoch;
    log_info("%s comes from %s, %s", expected->request.operations[0]
                                         .definition.name,
             in->name, in->from);
    in->t = transaction_begin(in->host, &expected->request, &ops, in);
    migrate_expected_free(expected);
    if (!in->t->n_operations)
        return; /* done() says why */
    in->op = &in->t->operations[in->t->n_operations - 1];
    in->op->comes = in;
    in->op->stream_memory = open->memory;
}

/* ---- messages ---- */

static void greet(struct migrate_in *in, const void *body)
{
    struct vdc_error err;

    if (migrate_check_hello(body, in->name, &err)) {
        refuse(in, &err);
        return;
    }
    in->greeted = true;
    migrate_say_hello(in->chan);
}

static void take_chunk(struct migrate_in *in, const void *body)
{
    const struct wire_migrate_chunk *chunk = body;
    struct vdc_error err;

    if (chunk->zeros > MIGRATE_CHUNK) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "a piece of the stream says that "
                                            "it has %" PRIu32 " zeros, of at "
                                            "most %d", chunk->zeros,
                      MIGRATE_CHUNK);
        refuse(in, &err);
        return;
    }
    migrate_timer_set(in->timer,
                      (unsigned)in->host->settings->migrate_wait_ms *
                          IDLE_TIMES);
    if (in->pump) /* else the hypervisor has failed, which is being told */
        pump_put(in->pump, chunk->bytes, chunk->n_bytes, chunk->zeros);
}

static void take_end(struct migrate_in *in)
{
    event_del(in->timer);
    in->whole = true;
    if (in->pump)
        pump_finish(in->pump);
    step_receive_ended(in->op, NULL);
}

static void take_release(struct migrate_in *in, const void *body)
{
    const struct wire_migrate_release *release = body;
    struct vdc_error err;

    if (release->epoch != in->epoch) {
        vdc_error_set(&err, VDC_E_CONFLICT,
                      "it waits for the release of move %llu, not %llu",
                      (unsigned long long)in->epoch,
                      (unsigned long long)release->epoch);
        refuse(in, &err);
        return;
    }
    transaction_decide(in->t, DECISION_RELEASED);
}

static void take_failure(struct migrate_in *in, const void *body)
{
    struct vdc_error err;

    wire_error_take(body, &err);
    lose(in, &err);
}

/* It comes for an image, and not with a guest: from now on the connection is
 * that one's. */
static void give(struct migrate_in *in, const void *body)
{
    struct vdc_error err;

    if (images_give(in->host->images, in->chan, in->name, in->fingerprint,
                    body, &err)) {
        refuse(in, &err);
        return;
    }
    in->chan = NULL;
    free_in(in);
}

static void dispatch(struct migrate_in *in, const struct wire_frame *frame)
{
    enum wire_message_number number = frame->message->number;
    struct vdc_error err;

    if (number == WIRE_MSG_hello && !in->greeted)
        greet(in, frame->body);
    else if (number == WIRE_MSG_migrate_open && in->greeted && !in->t)
        open_it(in, frame->body);
    else if (number == WIRE_MSG_migrate_chunk && in->begun && !in->whole)
        take_chunk(in, frame->body);
    else if (number == WIRE_MSG_migrate_end && in->begun && !in->whole)
        take_end(in);
    else if (number == WIRE_MSG_migrate_release && in->ready)
        take_release(in, frame->body);
    else if (number == WIRE_MSG_image_get && in->greeted && !in->t)
        give(in, frame->body);
    else if (number == WIRE_MSG_migrate_failed && in->greeted)
        take_failure(in, frame->body);
    else {
        vdc_error_set(&err, VDC_E_DENIED,
                      "%s is not for another host to say, or not now",
                      frame->message->name);
        vdc_error_hint(&err, "a host is commanded by policyd alone");
        refuse(in, &err);
    }
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_frame frame = { 0 };
    struct migrate_in *in = arg;
    struct vdc_error err;

    if (wire_decode(message, size, arena, &frame, &err))
        refuse(in, &err);
    else
        dispatch(in, &frame);
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    lose(arg, err);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
};

void migrate_take(struct host *host, struct stream *stream,
                  const struct tls_certificate *peer, const char *from)
{
    struct migrate_in *in = XNEW(struct migrate_in);
    struct vdc_error err;

    in->migrate = host->migrate;
    in->host = host;
    in->stream = stream;
    in->chan = chan_of_stream(host->base, stream);
    snprintf(in->from, sizeof(in->from), "%s", from);
    snprintf(in->name, sizeof(in->name), "%s", peer->subject);
    memcpy(in->fingerprint, peer->fingerprint, sizeof(in->fingerprint));
    in->timer = migrate_timer(host, on_timer, in);
    LIST_INSERT_HEAD(&in->migrate->ins, in, link);
    in->migrate->n_ins++;
    stream_limit(stream, MIGRATE_STRANGER_FRAME);
    chan_set_ops(in->chan, &chan_ops, in);
    migrate_timer_set(in->timer, OPEN_MS);
    if (!migrate_expects_from(in->migrate, in->fingerprint) &&
        !images_allow(host->images, in->fingerprint)) {
        vdc_error_set(&err, VDC_E_DENIED,
                      "no guest is expected from this host now");
        vdc_error_hint(&err, "policyd has guests go to other hosts: `xl-vdc "
                             "migrate`");
    } else if (in->migrate->n_ins > INS_MAX) {
        vdc_error_set(&err, VDC_E_BUSY, "too many guests come at a time");
        vdc_error_hint(&err, "try again later");
    } else {
        return;
    }
    refuse(in, &err);
}

/* ---- for its steps ---- */

int migrate_in_begin(struct migrate_in *in, int fd, struct vdc_error *err)
{
    /* Takes over fd, also when there is nothing to be written to it. */
    struct pump *pump = pump_in(in->host, fd, in->chan);

    in->begun = true;
    if (!in->chan) {
        pump_free(pump);
        *err = in->why;
        return err->code;
    }
    in->pump = pump;
    stream_limit(in->stream, MIGRATE_FRAME);
    migrate_timer_set(in->timer,
                      (unsigned)in->host->settings->migrate_wait_ms);
    migrate_say_empty(in->chan, WIRE_MSG_migrate_accepted);
    return 0;
}

void migrate_in_stop(struct migrate_in *in)
{
    pump_free(in->pump);
    in->pump = NULL;
}

int migrate_in_why(const struct migrate_in *in, struct vdc_error *ret)
{
    if (in->why.code)
        *ret = in->why;
    return in->why.code;
}

bool migrate_in_is_whole(const struct migrate_in *in)
{
    return in->whole;
}

void migrate_in_ready(struct migrate_in *in)
{
    in->ready = true;
    migrate_in_stop(in);
    if (in->chan)
        migrate_say_empty(in->chan, WIRE_MSG_migrate_ready);
}

void migrate_in_free_all(struct migrate *migrate)
{
    struct migrate_in *in;

    while ((in = LIST_FIRST(&migrate->ins)))
        free_in(in);
}
