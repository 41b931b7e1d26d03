/*
 * An image comes from another host: this one connects to the other's
 * tls_address, shows the ticket that policyd gave both, and is sent what it
 * has not.  Who asks for the same image meanwhile waits for the same
 * connection.  What has come stays when it breaks, and the next goes on there.
 */
#include <event2/buffer.h>
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
#include "resourced/image_impl.h"
#include "resourced/migrate_impl.h"
#include "resourced/server.h"

#define HANDSHAKE_MS 15000
#define TELL_MS 500
#define TICKET_SIZE 32

struct waiting {
    LIST_ENTRY(waiting) link;
    struct request *request;
};

struct image_fetch {
    LIST_ENTRY(image_fetch) link;
    struct images *images;
    struct arena *arena;
    struct wire_image_fetch asked;
    LIST_HEAD(, waiting) waiting;
    struct tls *tls;
    struct tls_handshake *handshake;
    struct chan *chan;
    bool greeted, paused;
    bool writing; /* the writer is at it */
    bool failed;  /* and ends when the writer is done */
    struct vdc_error why;
    uint64_t done;            /* bytes that are written */
    struct evbuffer *came;    /* and not yet written */
    struct event *timer;
    uint64_t moved_ms, begun_ms, begun_at;
};

/* ---- the end ---- */

static void close_it(struct image_fetch *f)
{
    if (f->handshake)
        tls_handshake_cancel(f->handshake);
    f->handshake = NULL;
    if (f->chan)
        chan_destroy(f->chan);
    f->chan = NULL;
    event_del(f->timer);
}

static void free_it(struct image_fetch *f)
{
    struct waiting *w;

    close_it(f);
    while ((w = LIST_FIRST(&f->waiting))) {
        LIST_REMOVE(w, link);
        free(w);
    }
    tls_free(f->tls);
    event_free(f->timer);
    evbuffer_free(f->came);
    LIST_REMOVE(f, link);
    arena_free(f->arena);
    free(f);
}

static void answer(struct image_fetch *f, const struct vdc_error *err)
{
    struct wire_image_found found;
    struct waiting *w;

    wire_init(&wire_struct_image_found, &found);
    found.whole = true;
    found.done = f->asked.size;
    LIST_FOREACH (w, &f->waiting, link) {
        if (err)
            request_fail(w->request, err);
        else
            request_answer(w->request, WIRE_MSG_image_found, &found);
    }
    free_it(f);
}

static void write_some(struct image_fetch *f);

/* What has come is written first. */
static void fail(struct image_fetch *f, const struct vdc_error *why)
{
    if (!f->failed) {
        f->failed = true;
        f->why = *why;
        vdc_error_prefix(&f->why, "the image does not come from host %s",
                         f->asked.host);
    }
    close_it(f);
    if (!f->writing)
        write_some(f);
}

/* ---- what comes ---- */

static void written(void *arg, uint64_t done, bool whole,
                    const struct vdc_error *err)
{
    struct image_fetch *f = arg;

    f->writing = false;
    if (whole) {
        log_info("image %s has come from host %s", f->asked.digest,
                 f->asked.host);
        answer(f, NULL);
        return;
    }
    if (err) {
        evbuffer_drain(f->came, evbuffer_get_length(f->came));
        f->failed = false;
        fail(f, err);
        return;
    }
    f->done = done;
    write_some(f);
}

/* One that was not used for a while is gone, and is made anew. */
static struct image_writer *writer_of(const struct image_fetch *f)
{
    return image_writer(f->images, f->asked.digest, NULL, f->asked.size);
}

static void write_some(struct image_fetch *f)
{
    size_t n = evbuffer_get_length(f->came);
    struct vdc_error err;

    if (f->writing)
        return;
    if (f->paused && f->chan && n <= MIGRATE_WINDOW) {
        f->paused = false;
        chan_resume(f->chan);
    }
    if (n) {
        if (image_write(writer_of(f), f->done, evbuffer_pullup(f->came, -1), n,
                        written, f, &err)) {
            evbuffer_drain(f->came, n);
            f->why = err;
            f->failed = true;
        } else {
            f->writing = true;
            evbuffer_drain(f->came, n);
            return;
        }
    }
    if (f->failed)
        answer(f, &f->why);
}

static void take_chunk(struct image_fetch *f, const void *body)
{
    const struct wire_image_chunk *chunk = body;

    f->moved_ms = clock_mono().ms;
    evbuffer_add(f->came, chunk->bytes, chunk->n_bytes);
    if (evbuffer_get_length(f->came) > MIGRATE_WINDOW && !f->paused) {
        f->paused = true;
        chan_pause(f->chan);
    }
    write_some(f);
}

static void say_get(struct image_fetch *f)
{
    struct wire_image_get get;

    wire_init(&wire_struct_image_get, &get);
    get.ticket = f->asked.ticket;
    get.n_ticket = f->asked.n_ticket;
    get.digest = f->asked.digest;
    get.offset = f->done;
    f->greeted = true;
    migrate_say(f->chan, WIRE_MSG_image_get, &get);
}

static void dispatch(struct image_fetch *f, const struct wire_frame *frame)
{
    enum wire_message_number number = frame->message->number;
    struct vdc_error err;

    if (number == WIRE_MSG_migrate_failed || number == WIRE_MSG_error) {
        wire_error_take(frame->body, &err);
        fail(f, &err);
    } else if (number == WIRE_MSG_hello && !f->greeted) {
        if (migrate_check_hello(frame->body, f->asked.host, &err))
            fail(f, &err);
        else
            say_get(f);
    } else if (number == WIRE_MSG_image_chunk && f->greeted) {
        take_chunk(f, frame->body);
    } else {
        vdc_error_set(&err, VDC_E_PROTOCOL, "it says %s, which is not its "
                                            "turn", frame->message->name);
        fail(f, &err);
    }
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_frame frame = { 0 };
    struct image_fetch *f = arg;
    struct vdc_error err;

    if (wire_decode(message, size, arena, &frame, &err))
        fail(f, &err);
    else
        dispatch(f, &frame);
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    fail(arg, err);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
};

/* ---- the connection ---- */

static int check_peer(const struct image_fetch *f,
                      const struct tls_certificate *peer,
                      struct vdc_error *err)
{
    if (!peer || strcmp(peer->role, MIGRATE_ROLE) != 0)
        return vdc_error_set(err, VDC_E_DENIED,
                             "what answers has not the certificate of a host");
    if (memcmp(peer->fingerprint, f->asked.fingerprint, TLS_FINGERPRINT_SIZE))
        return vdc_error_set(err, VDC_E_DENIED,
                             "what answers has another certificate than "
                             "policyd has of it");
    return 0;
}

static void shaken(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *why)
{
    struct image_fetch *f = arg;
    struct vdc_error err;

    f->handshake = NULL;
    if (!stream) {
        fail(f, why);
        return;
    }
    f->chan = chan_of_stream(f->images->host->base, stream);
    chan_set_ops(f->chan, &chan_ops, f);
    if (check_peer(f, peer, &err)) {
        fail(f, &err);
        return;
    }
    f->moved_ms = clock_mono().ms;
    migrate_say_hello(f->chan);
}

/* What was there before is known: the rest is asked for. */
static void opened(void *arg, uint64_t done, bool whole,
                   const struct vdc_error *err)
{
    struct image_fetch *f = arg;
    struct host *host = f->images->host;
    struct vdc_error why;
    int fd;

    f->writing = false;
    if (whole) {
        answer(f, NULL);
        return;
    }
    if (err || f->failed) {
        fail(f, err ? err : &f->why);
        return;
    }
    f->done = f->begun_at = done;
    int rc = migrate_tls(host, &f->tls, &why);
    if (!rc)
        rc = tcp_connect_begin(f->asked.address, &fd, &why);
    if (rc) {
        fail(f, &why);
        return;
    }
    f->handshake = tls_connect(f->tls, host->base, fd, f->asked.host,
                               HANDSHAKE_MS, shaken, f);
}

/* ---- how far it has come ---- */

static void tell(struct image_fetch *f)
{
    struct wire_progress progress;
    const struct waiting *w;

    wire_init(&wire_struct_progress, &progress);
    progress.step = progress.n_steps = 1;
    progress.text = arena_printf(f->arena, "bringing an image from host %s",
                                 f->asked.host);
    progress.sent_kib = f->done / 1024;
    progress.of_kib = f->asked.size / 1024;
    progress.elapsed_ms = clock_mono().ms - f->begun_ms;
    LIST_FOREACH (w, &f->waiting, link)
        request_tell(w->request, WIRE_MSG_progress, &progress);
}

static bool is_wanted(const struct image_fetch *f)
{
    const struct waiting *w;

    LIST_FOREACH (w, &f->waiting, link)
        if (!w->request->cancelled)
            return true;
    return false;
}

static void on_timer(int fd, short what, void *arg)
{
    struct image_fetch *f = arg;
    struct vdc_error err;

    if (f->writing)
        f->moved_ms = clock_mono().ms;
    if (!is_wanted(f)) {
        vdc_error_set(&err, VDC_E_CANCELLED, "nobody wants it any more");
    } else if (clock_mono().ms - f->moved_ms >
               f->images->host->settings->migrate_wait_ms) {
        vdc_error_set(&err, VDC_E_TIMEOUT, "nothing comes any more");
    } else {
        tell(f);
        migrate_timer_set(f->timer, TELL_MS);
        return;
    }
    fail(f, &err);
}

/* ---- the request ---- */

static void wait_for(struct image_fetch *f, struct request *request)
{
    struct waiting *w = XNEW(struct waiting);

    w->request = request;
    LIST_INSERT_HEAD(&f->waiting, w, link);
}

static struct image_fetch *find(const struct images *images,
                                const char *digest)
{
    struct image_fetch *f;

    LIST_FOREACH (f, &images->fetches, link)
        if (strcmp(f->asked.digest, digest) == 0 && !f->failed)
            break;
    return f;
}

static int check(const struct wire_image_fetch *asked, struct vdc_error *err)
{
    int rc = image_check_digest(asked->digest, err);

    if (!rc && (asked->n_ticket != TICKET_SIZE ||
                asked->n_fingerprint != TLS_FINGERPRINT_SIZE ||
                !asked->size || asked->size > IMAGE_SIZE_MAX))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "image_fetch needs a ticket, a fingerprint and a "
                           "size");
    return rc;
}

static int begin(struct images *images, struct request *request,
                 struct vdc_error *err)
{
    const struct wire_image_fetch *asked = request->body;
    struct image_writer *writer =
        image_writer(images, asked->digest, NULL, asked->size);

    if (image_writer_is_busy(writer))
        return vdc_error_set(err, VDC_E_BUSY, "the image is being written");
    struct image_fetch *f = XNEW(struct image_fetch);
    int rc = wire_struct_keep(&wire_struct_image_fetch, asked, &f->arena,
                              &f->asked, err);
    if (rc) {
        free(f);
        return rc;
    }
    f->images = images;
    f->came = evbuffer_new();
    f->timer = migrate_timer(images->host, on_timer, f);
    f->begun_ms = f->moved_ms = clock_mono().ms;
    LIST_INIT(&f->waiting);
    LIST_INSERT_HEAD(&images->fetches, f, link);
    wait_for(f, request);
    f->writing = true;
    migrate_timer_set(f->timer, TELL_MS);
    /* cannot fail: it is not busy */
    return image_write(writer, 0, NULL, 0, opened, f, err);
}

void image_handle_fetch(struct request *request)
{
    const struct wire_image_fetch *asked = request->body;
    struct images *images = request->host->images;
    struct vdc_error err;
    int rc = check(asked, &err);
    struct image_fetch *f = rc ? NULL : find(images, asked->digest);

    if (f)
        wait_for(f, request);
    else if (!rc)
        rc = begin(images, request, &err);
    if (rc)
        request_fail(request, &err);
}

void image_fetches_free(struct images *images)
{
    while (!LIST_EMPTY(&images->fetches))
        free_it(LIST_FIRST(&images->fetches));
}
