/*
 * A host is to have an image: from a host that has it, directly when both have
 * joined, else by way of policyd, a piece at a time.
 *
 *   look (does it have it?) -> [a host that has it is told to serve it ->
 *   fetch], or [where did it stop? -> (read -> put)...] -> it has it
 *
 * All that want the same image on the same host wait for one transfer.  When
 * it breaks it is begun again, and goes on where it stopped, as long as there
 * was some progress of late.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "policyd/hosts/dial.h"
#include "policyd/images/images_impl.h"

/* Without any progress it is tried for so long, every so often. */
#define PATIENCE_MS 30000
#define AGAIN_MS 1000
#define PIECE 262144
#define TICKET_SIZE 32
#define SOURCES_MAX 64

struct bringing {
    LIST_ENTRY(bringing) link;
    LIST_ENTRY(bringing) in_transfer;
    struct images *images;
    struct transfer *transfer;
    char *digests;
    const char *at; /* the one whose turn it is */
    char *host;
    images_fn *fn;
    images_more_fn *more;
    void *arg;
    struct event *soon; /* what is to be told */
    struct vdc_error why;
};

struct transfer {
    LIST_ENTRY(transfer) link;
    struct images *images;
    char digest[IMAGE_DIGEST_LEN + 1];
    char *host;
    uint64_t size, done;
    uint64_t most; /* of it that was ever there: more is progress */
    LIST_HEAD(, bringing) wanted;
    struct event *timer;
    bool reads; /* and it is for the next piece */
    struct service_call call;
    bool asked; /* a host is; it answers, whatever becomes of this */
    const char *whom; /* `host` or `source`; while it is asked */
    bool over;  /* and nobody waits */
    char *source;
    const char *tried[SOURCES_MAX]; /* in the arena, since the last look */
    uint32_t n_tried;
    struct arena *arena;
    uint8_t ticket[TICKET_SIZE];
    uint64_t moved_ms;
    struct vdc_error why; /* of the last source */
};

static void go_on(struct bringing *b);
static void look(struct transfer *t);
static void next_source(struct transfer *t);

/* ---- the end of a transfer ---- */

static void transfer_free(struct transfer *t)
{
    LIST_REMOVE(t, link);
    event_free(t->timer);
    arena_free(t->arena);
    free(t->source);
    free(t->host);
    free(t);
}

static void end(struct transfer *t, const struct vdc_error *err)
{
    struct bringing *b;

    t->over = true;
    event_del(t->timer);
    while ((b = LIST_FIRST(&t->wanted))) {
        LIST_REMOVE(b, in_transfer);
        b->transfer = NULL;
        if (err) {
            b->why = *err;
            b->at = "";
        } else {
            b->at += strcspn(b->at, " ");
            b->at += *b->at == ' ';
        }
        go_on(b);
    }
    if (!t->asked)
        transfer_free(t);
}

/* Whether an answer is still of any use. */
static bool is_over(struct transfer *t)
{
    t->asked = false;
    event_del(t->timer);
    memset(&t->call, 0, sizeof(t->call));
    bool over = t->over;
    if (over)
        transfer_free(t);
    return over;
}

static void read_now(struct transfer *t);

static void wait_for_answer(struct transfer *t)
{
    const struct timeval later = { PATIENCE_MS / 1000, 0 };

    evtimer_add(t->timer, &later);
}

/* A host that is up works on it.  Of one that hangs nothing may come while its
 * connection is open. */
static void no_answer(struct transfer *t)
{
    const struct host *host = hosts_find(t->images->ops->hosts, t->whom);
    const struct wire_image *image =
        images_of_digest(t->images->ops->book, t->digest);
    struct vdc_error err;

    if (host && host->up) {
        wait_for_answer(t);
        return;
    }
    vdc_error_set(&err, VDC_E_TIMEOUT, "host %s does not answer", t->whom);
    vdc_error_prefix(&err, "image %s for host %s",
                     image ? image->name : t->digest, t->host);
    service_cancel(&t->call);
    end(t, &err);
}

static void again(evutil_socket_t fd, short what, void *arg)
{
    struct transfer *t = arg;

    if (t->asked) {
        no_answer(t);
    } else if (t->reads) {
        t->reads = false;
        read_now(t);
    } else {
        look(t);
    }
}

/* No host could be asked with success. */
static void exhausted(struct transfer *t)
{
    const struct timeval later = { AGAIN_MS / 1000,
                                   AGAIN_MS % 1000 * 1000 };
    const struct wire_image *image =
        images_of_digest(t->images->ops->book, t->digest);
    struct vdc_error err = t->why;

    if (image && err.code && err.code != VDC_E_DISK_FULL &&
        clock_mono().ms - t->moved_ms < PATIENCE_MS) {
        evtimer_add(t->timer, &later);
        return;
    }
    if (!err.code) {
        vdc_error_set(&err, VDC_E_NOT_FOUND,
                      "no host has the image that could be asked for it");
        vdc_error_hint(&err, "`xl-vdc image-verify` finds where it is; "
                             "`xl-vdc image-remove` and `image-add` store it "
                             "anew");
    }
    vdc_error_prefix(&err, "image %s for host %s",
                     image ? image->name : t->digest, t->host);
    end(t, &err);
}

/* ---- asking ---- */

static int ask(struct transfer *t, const char *host,
               enum wire_message_number number, const void *body,
               service_done_fn *done, service_more_fn *more)
{
    struct service *service;
    int rc = hosts_service(t->images->ops->hosts, host, &service, &t->why);

    if (!rc)
        rc = service_ask(service, number, body, done, more, t, &t->call,
                         &t->why);
    t->asked = !rc;
    t->whom = host;
    if (t->asked)
        wait_for_answer(t);
    return rc;
}

static void failed(struct transfer *t, const struct vdc_error *err)
{
    t->why = *err;
    next_source(t);
}

/* Customers are not told from where. */
static void tell(struct transfer *t, uint64_t done_kib)
{
    const struct wire_image *image =
        images_of_digest(t->images->ops->book, t->digest);
    struct wire_progress progress;
    struct bringing *b;
    char text[128];

    snprintf(text, sizeof(text), "bringing image %s: %llu of %llu KiB",
             image ? image->name : "", (unsigned long long)done_kib,
             (unsigned long long)t->size / 1024);
    wire_init(&wire_struct_progress, &progress);
    progress.step = progress.n_steps = 1;
    progress.text = text;
    progress.sent_kib = done_kib;
    progress.of_kib = t->size / 1024;
    LIST_FOREACH (b, &t->wanted, in_transfer)
        if (b->more)
            b->more(b->arg, &progress);
}

/* What comes once more, after it was thrown away, is none. */
static void note_progress(struct transfer *t)
{
    if (t->done <= t->most)
        return;
    t->most = t->done;
    t->moved_ms = clock_mono().ms;
}

static void has_it(struct transfer *t)
{
    images_note(t->images, t->digest, t->host, true);
    end(t, NULL);
}

/* ---- directly ---- */

static void fetched(void *arg, const void *answer,
                    const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (is_over(t))
        return;
    if (err)
        failed(t, err);
    else if (found->whole)
        has_it(t);
    else
        look(t);
}

static void fetching(void *arg, const struct wire_frame *frame)
{
    const struct wire_progress *progress = frame->body;
    struct transfer *t = arg;

    if (t->over || frame->message->number != WIRE_MSG_progress)
        return;
    if (progress->sent_kib * 1024 > t->done)
        t->done = progress->sent_kib * 1024;
    note_progress(t);
    tell(t, progress->sent_kib);
}

static uint8_t digit(char c)
{
    return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

/* A fingerprint as host_record has it. */
static void bytes_of(const char *hex, uint8_t ret[TICKET_SIZE])
{
    for (size_t i = 0; i < TICKET_SIZE; i++)
        ret[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

static void served(void *arg, const void *answer, const struct vdc_error *err)
{
    struct transfer *t = arg;
    const struct host *source;
    struct wire_image_fetch fetch;
    uint8_t fingerprint[TICKET_SIZE];

    if (is_over(t))
        return;
    source = hosts_find(t->images->ops->hosts, t->source);
    if (err && err->code == VDC_E_NOT_FOUND)
        images_note(t->images, t->digest, t->source, false);
    if (err || !source) {
        if (err)
            t->why = *err;
        next_source(t);
        return;
    }
    wire_init(&wire_struct_image_fetch, &fetch);
    fetch.digest = t->digest;
    fetch.size = t->size;
    fetch.address = source->record.address + strlen(DIAL_PREFIX);
    fetch.host = source->name;
    bytes_of(source->record.certificate, fingerprint);
    fetch.fingerprint = fingerprint;
    fetch.n_fingerprint = sizeof(fingerprint);
    fetch.ticket = t->ticket;
    fetch.n_ticket = TICKET_SIZE;
    if (ask(t, t->host, WIRE_MSG_image_fetch, &fetch, fetched, fetching))
        next_source(t);
}

/* Two drawn UUIDs, in which few bits are fixed. */
static void draw_ticket(uint8_t ret[TICKET_SIZE])
{
    struct vdc_uuid uuid;

    for (size_t at = 0; at < TICKET_SIZE; at += sizeof(uuid.bytes)) {
        uuid_random(&uuid);
        memcpy(ret + at, uuid.bytes, sizeof(uuid.bytes));
    }
}

static void serve(struct transfer *t, const struct host *target)
{
    struct wire_image_serve order;
    uint8_t fingerprint[TICKET_SIZE];

    draw_ticket(t->ticket);
    bytes_of(target->record.certificate, fingerprint);
    wire_init(&wire_struct_image_serve, &order);
    order.digest = t->digest;
    order.fingerprint = fingerprint;
    order.n_fingerprint = sizeof(fingerprint);
    order.ticket = t->ticket;
    order.n_ticket = TICKET_SIZE;
    order.kib_per_s = t->images->ops->setup->image_kib_per_s;
    if (ask(t, t->source, WIRE_MSG_image_serve, &order, served, NULL))
        next_source(t);
}

/* ---- by way of policyd ---- */

static void read_on(struct transfer *t);

static void put(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (is_over(t))
        return;
    if (err) {
        failed(t, err);
        return;
    }
    t->done = found->done;
    note_progress(t);
    tell(t, t->done / 1024);
    if (found->whole)
        has_it(t);
    else
        read_on(t);
}

static void put_piece(struct transfer *t, const uint8_t *bytes, uint32_t n)
{
    struct wire_image_put order;

    wire_init(&wire_struct_image_put, &order);
    order.digest = t->digest;
    order.size = t->size;
    order.offset = t->done;
    order.bytes = bytes;
    order.n_bytes = n;
    if (ask(t, t->host, WIRE_MSG_image_put, &order, put, NULL))
        next_source(t);
}

static void was_read(void *arg, const void *answer,
                     const struct vdc_error *err)
{
    const struct wire_image_bytes *bytes = answer;
    struct transfer *t = arg;
    struct vdc_error short_err;

    if (is_over(t))
        return;
    if (err && err->code == VDC_E_NOT_FOUND)
        images_note(t->images, t->digest, t->source, false);
    if (!err && !bytes->n_bytes) {
        vdc_error_set(&short_err, VDC_E_IO, "host %s has less of it",
                      t->source);
        err = &short_err;
    }
    if (err)
        failed(t, err);
    else
        put_piece(t, bytes->bytes, bytes->n_bytes);
}

static void read_now(struct transfer *t)
{
    struct wire_image_read order;

    wire_init(&wire_struct_image_read, &order);
    order.digest = t->digest;
    order.offset = t->done;
    order.size = PIECE;
    if (ask(t, t->source, WIRE_MSG_image_read, &order, was_read, NULL))
        next_source(t);
}

/* No faster than it may: a piece, and then the time that it takes. */
static void read_on(struct transfer *t)
{
    uint64_t rate = t->images->ops->setup->image_kib_per_s;

    if (!rate) {
        read_now(t);
        return;
    }
    uint64_t ms = PIECE / 1024 * 1000 / rate;
    const struct timeval later = { (time_t)(ms / 1000),
                                   (suseconds_t)(ms % 1000 * 1000) };
    t->reads = true;
    evtimer_add(t->timer, &later);
}

/* ---- from whom ---- */

static bool has_joined(const struct host *host)
{
    return dial_is_address(host->record.address) &&
           strlen(host->record.certificate) == 2 * TICKET_SIZE;
}

static bool was_tried(const struct transfer *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_tried; i++)
        if (strcmp(t->tried[i], name) == 0)
            return true;
    return false;
}

/* One that is up and can send it directly, or else one that is up. */
static const struct host *choose_source(const struct transfer *t,
                                        const struct wire_image *image,
                                        bool joined)
{
    const struct host *host, *best = NULL;

    for (uint32_t i = 0; i < image->n_hosts; i++) {
        host = hosts_find(t->images->ops->hosts, image->hosts[i]);
        if (!host || !host->up || strcmp(host->name, t->host) == 0 ||
            was_tried(t, host->name))
            continue;
        if (joined && has_joined(host))
            return host;
        best = best ? best : host;
    }
    return best;
}

static void next_source(struct transfer *t)
{
    const struct wire_image *image =
        images_of_digest(t->images->ops->book, t->digest);
    const struct host *target = hosts_find(t->images->ops->hosts, t->host);
    const struct host *source =
        image && target && t->n_tried < SOURCES_MAX
            ? choose_source(t, image, has_joined(target))
            : NULL;

    if (!source) {
        for (uint32_t i = 0; image && !t->why.code && i < image->n_hosts; i++)
            if (strcmp(image->hosts[i], t->host) != 0)
                hosts_check_up(t->images->ops->hosts, image->hosts[i],
                               &t->why);
        exhausted(t);
        return;
    }
    free(t->source);
    t->source = xstrdup(source->name);
    t->tried[t->n_tried++] = arena_strdup(t->arena, source->name);
    if (has_joined(source) && has_joined(target))
        serve(t, target);
    else
        put_piece(t, NULL, 0); /* where it goes on */
}

static void looked(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (is_over(t))
        return;
    if (err) {
        t->why = *err;
        exhausted(t);
    } else if (found->whole) {
        has_it(t);
    } else {
        images_note(t->images, t->digest, t->host, false);
        next_source(t);
    }
}

static void look(struct transfer *t)
{
    struct wire_image_file file;

    t->n_tried = 0;
    memset(&t->why, 0, sizeof(t->why));
    wire_init(&wire_struct_image_file, &file);
    file.digest = t->digest;
    file.size = t->size;
    if (ask(t, t->host, WIRE_MSG_image_look, &file, looked, NULL))
        exhausted(t);
}

static struct transfer *transfer_of(struct images *images, const char *digest,
                                    const char *host, uint64_t size)
{
    const struct timeval now = { 0, 0 };
    struct transfer *t;

    LIST_FOREACH (t, &images->transfers, link)
        if (!t->over && strcmp(t->digest, digest) == 0 &&
            strcmp(t->host, host) == 0)
            return t;
    t = XNEW(struct transfer);
    t->images = images;
    snprintf(t->digest, sizeof(t->digest), "%s", digest);
    t->host = xstrdup(host);
    t->size = size;
    t->arena = arena_new();
    t->moved_ms = clock_mono().ms;
    LIST_INIT(&t->wanted);
    t->timer = evtimer_new(images->ops->base, again, t);
    if (!t->timer || evtimer_add(t->timer, &now))
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&images->transfers, t, link);
    return t;
}

/* ---- those who want them ---- */

static void bringing_free(struct bringing *b)
{
    LIST_REMOVE(b, link);
    event_free(b->soon);
    free(b->digests);
    free(b->host);
    free(b);
}

static void tell_end(evutil_socket_t fd, short what, void *arg)
{
    struct bringing *b = arg;
    struct vdc_error why = b->why;
    images_fn *fn = b->fn;
    void *fn_arg = b->arg;

    bringing_free(b);
    fn(fn_arg, why.code ? &why : NULL);
}

/* The next, or the end. */
static void go_on(struct bringing *b)
{
    const struct timeval now = { 0, 0 };
    char digest[IMAGE_DIGEST_LEN + 1];
    const struct wire_image *image;

    if (*b->at) {
        snprintf(digest, sizeof(digest), "%.*s", (int)strcspn(b->at, " "),
                 b->at);
        image = images_of_digest(b->images->ops->book, digest);
        if (image) {
            b->transfer = transfer_of(b->images, digest, b->host,
                                      image->size);
            LIST_INSERT_HEAD(&b->transfer->wanted, b, in_transfer);
            return;
        }
        vdc_error_set(&b->why, VDC_E_NOT_FOUND,
                      "there is no image with the digest %s any more", digest);
    }
    evtimer_add(b->soon, &now);
}

struct bringing *images_bring(struct images *images, const char *digests,
                              const char *host, images_fn *fn,
                              images_more_fn *more, void *arg)
{
    struct bringing *b = XNEW(struct bringing);

    b->images = images;
    b->digests = xstrdup(digests);
    b->at = b->digests;
    b->host = xstrdup(host);
    b->fn = fn;
    b->more = more;
    b->arg = arg;
    b->soon = evtimer_new(images->ops->base, tell_end, b);
    if (!b->soon)
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&images->bringings, b, link);
    go_on(b);
    return b;
}

static void leave(struct bringing *b)
{
    struct transfer *t = b->transfer;

    if (!t)
        return;
    LIST_REMOVE(b, in_transfer);
    b->transfer = NULL;
    if (!LIST_EMPTY(&t->wanted))
        return;
    if (t->asked)
        service_cancel(&t->call);
    end(t, NULL);
}

void images_bring_cancel(struct bringing *b)
{
    const struct timeval now = { 0, 0 };

    leave(b);
    vdc_error_set(&b->why, VDC_E_CANCELLED, "cancelled: nothing is changed");
    evtimer_add(b->soon, &now);
}

void images_stop(struct images *images)
{
    struct bringing *b;

    if (!images)
        return;
    images->stopped = true;
    event_del(images->timer);
    while ((b = LIST_FIRST(&images->bringings))) {
        leave(b);
        vdc_error_set(&b->why, VDC_E_CANCELLED, "policyd is stopping");
        tell_end(-1, 0, b);
    }
}
