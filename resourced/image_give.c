/*
 * An image goes to another host, which has come for it: what policyd has
 * allowed, once, to that host alone.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/image_impl.h"
#include "resourced/migrate_impl.h"
#include "resourced/server.h"

#define TICKET_SIZE 32
#define TICKET_S 60
#define TICKETS_MAX 256
#define OUTS_MAX 64
#define TICK_MS 20
#define READ_MAX 262144

/* ---- what is allowed ---- */

struct image_ticket {
    LIST_ENTRY(image_ticket) link;
    uint8_t ticket[TICKET_SIZE];
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char digest[IMAGE_DIGEST_LEN + 1];
    uint64_t kib_per_s;
    uint64_t until_ms; /* monotonic */
};

static void drop_ticket(struct image_ticket *ticket)
{
    LIST_REMOVE(ticket, link);
    free(ticket);
}

/* Those of too long ago go; returns how many are left. */
static unsigned drop_old(struct images *images)
{
    struct image_ticket *ticket, *next;
    uint64_t now = clock_mono().ms;
    unsigned n = 0;

    for (ticket = LIST_FIRST(&images->tickets); ticket; ticket = next) {
        next = LIST_NEXT(ticket, link);
        if (ticket->until_ms <= now)
            drop_ticket(ticket);
        else
            n++;
    }
    return n;
}

static int allow(struct images *images, const struct wire_image_serve *serve,
                 struct vdc_error *err)
{
    struct image_ticket *ticket;

    if (drop_old(images) >= TICKETS_MAX)
        return vdc_error_set(err, VDC_E_BUSY, "too many images are asked for");
    ticket = XNEW(struct image_ticket);
    memcpy(ticket->ticket, serve->ticket, TICKET_SIZE);
    memcpy(ticket->fingerprint, serve->fingerprint, TLS_FINGERPRINT_SIZE);
    snprintf(ticket->digest, sizeof(ticket->digest), "%s", serve->digest);
    ticket->kib_per_s = serve->kib_per_s;
    ticket->until_ms = clock_mono().ms + TICKET_S * 1000;
    LIST_INSERT_HEAD(&images->tickets, ticket, link);
    return 0;
}

static int missing(const struct host *host, const struct image_looked *looked,
                   struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND,
                         looked->damaged
                             ? "the image on host %s is damaged"
                             : "host %s has not the image", host->name);
}

static void looked_to_serve(void *arg, const struct image_looked *looked,
                            const struct vdc_error *why)
{
    struct request *request = arg;
    struct wire_empty nothing;
    struct vdc_error err;
    int rc = why ? why->code : 0;

    if (why)
        err = *why;
    else if (!looked->whole)
        rc = missing(request->host, looked, &err);
    if (!rc)
        rc = allow(request->host->images, request->body, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}

void image_handle_serve(struct request *request)
{
    const struct wire_image_serve *serve = request->body;
    struct vdc_error err;
    int rc = image_check_digest(serve->digest, &err);

    if (!rc && (serve->n_ticket != TICKET_SIZE ||
                serve->n_fingerprint != TLS_FINGERPRINT_SIZE))
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE,
                           "image_serve needs a ticket and a fingerprint");
    if (rc)
        request_fail(request, &err);
    else
        image_look(request->host->images, serve->digest, false,
                   looked_to_serve, request);
}

bool images_allow(const struct images *images,
                  const uint8_t fingerprint[TLS_FINGERPRINT_SIZE])
{
    const struct image_ticket *ticket;
    uint64_t now = clock_mono().ms;

    LIST_FOREACH (ticket, &images->tickets, link)
        if (ticket->until_ms > now &&
            memcmp(ticket->fingerprint, fingerprint,
                   TLS_FINGERPRINT_SIZE) == 0)
            return true;
    return false;
}

/* In a time that says nothing of where they differ. */
static bool is_ticket(const uint8_t *a, const uint8_t *b)
{
    unsigned differs = 0;

    for (size_t i = 0; i < TICKET_SIZE; i++)
        differs |= (unsigned)(a[i] ^ b[i]);
    return differs == 0;
}

/* ---- what goes ---- */

struct image_out {
    LIST_ENTRY(image_out) link;
    struct images *images;
    struct chan *chan;
    char name[64]; /* of the other host */
    int fd;
    uint64_t left; /* of the file, in bytes */
    uint64_t kib_per_s;
    uint64_t since_ms, since_bytes; /* of what may be sent since then */
    uint64_t moved_ms, pending;     /* when the other end took some last */
    struct event *tick;
    uint8_t bytes[MIGRATE_CHUNK];
};

static void drop_out(struct image_out *out)
{
    event_free(out->tick);
    chan_finish(out->chan);
    close(out->fd);
    LIST_REMOVE(out, link);
    free(out);
}

/* As many as its time has earned; of a pause a tenth of a second. */
static size_t allowed(struct image_out *out)
{
    uint64_t now = clock_mono().ms;
    uint64_t most = sizeof(out->bytes) < out->left ? sizeof(out->bytes)
                                                   : out->left;

    if (!out->kib_per_s)
        return (size_t)most;
    uint64_t earned = (now - out->since_ms) * out->kib_per_s * 1024 / 1000;
    uint64_t burst = out->kib_per_s * 1024 / 10 + 1;
    if (earned > out->since_bytes + burst) {
        out->since_ms = now;
        out->since_bytes = 0;
        earned = burst;
    }
    if (earned <= out->since_bytes)
        return 0;
    if (most > earned - out->since_bytes)
        most = earned - out->since_bytes;
    return (size_t)most;
}

/* False: the file cannot be read. */
static bool send_some(struct image_out *out)
{
    while (out->left && chan_pending(out->chan) < MIGRATE_WINDOW) {
        struct wire_image_chunk chunk;
        size_t most = allowed(out);
        if (!most)
            return true;
        ssize_t n = read(out->fd, out->bytes, most);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        wire_init(&wire_struct_image_chunk, &chunk);
        chunk.bytes = out->bytes;
        chunk.n_bytes = (uint32_t)n;
        out->left -= (uint64_t)n;
        out->since_bytes += (uint64_t)n;
        migrate_say(out->chan, WIRE_MSG_image_chunk, &chunk);
    }
    return true;
}

static bool has_stalled(struct image_out *out)
{
    uint64_t now = clock_mono().ms, pending = chan_pending(out->chan);

    /* what is all sent, its other end has to write: that takes time */
    if (pending != out->pending || (!pending && out->left))
        out->moved_ms = now;
    out->pending = pending;
    return now - out->moved_ms >
           2 * out->images->host->settings->migrate_wait_ms;
}

static void go_on(int fd, short what, void *arg)
{
    struct image_out *out = arg;
    struct vdc_error err;

    if (send_some(out) && !has_stalled(out)) {
        migrate_timer_set(out->tick, out->left ? TICK_MS : 1000);
        return;
    }
    vdc_error_set(&err, VDC_E_IO, "the image cannot be sent any more");
    migrate_say_failed(out->chan, &err);
    drop_out(out);
}

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct image_out *out = arg;

    log_limited(VDC_LOG_WARNING, out->name, "says something while an image "
                                            "goes there: it is let go");
    drop_out(out);
}

/* It has it all, or will come again. */
static void on_close(void *arg, const struct vdc_error *err)
{
    drop_out(arg);
}

static void on_drained(void *arg)
{
    struct image_out *out = arg;

    if (out->left && !out->kib_per_s)
        migrate_timer_set(out->tick, 0);
}

static const struct chan_ops chan_ops = {
    .on_message = on_message,
    .on_close = on_close,
    .on_drained = on_drained,
};

static int open_file(const struct images *images,
                     const struct wire_image_get *get, int *ret_fd,
                     uint64_t *ret_left, struct vdc_error *err)
{
    char *path = image_file_path(images, get->digest, "");
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    int rc = 0;

    if (size < 0 || get->offset > (uint64_t)size ||
        lseek(fd, (off_t)get->offset, SEEK_SET) < 0)
        rc = vdc_error_set(err, VDC_E_IO, "it is not there as it was asked "
                                          "for");
    free(path);
    if (rc && fd >= 0)
        close(fd);
    if (rc)
        return rc;
    *ret_fd = fd;
    *ret_left = (uint64_t)size - get->offset;
    return 0;
}

static struct image_ticket *
find_ticket(struct images *images, const struct wire_image_get *get,
            const uint8_t fingerprint[TLS_FINGERPRINT_SIZE])
{
    struct image_ticket *ticket;

    drop_old(images);
    LIST_FOREACH (ticket, &images->tickets, link)
        if (get->n_ticket == TICKET_SIZE &&
            is_ticket(ticket->ticket, get->ticket))
            break;
    return ticket && strcmp(ticket->digest, get->digest) == 0 &&
                   memcmp(ticket->fingerprint, fingerprint,
                          TLS_FINGERPRINT_SIZE) == 0
               ? ticket
               : NULL;
}

int images_give(struct images *images, struct chan *chan, const char *name,
                const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                const struct wire_image_get *get, struct vdc_error *err)
{
    struct image_ticket *ticket = find_ticket(images, get, fingerprint);
    struct image_out *out;
    uint64_t left, kib_per_s;
    unsigned n = 0;
    int fd;

    LIST_FOREACH (out, &images->outs, link)
        n++;
    if (n >= OUTS_MAX)
        return vdc_error_set(err, VDC_E_BUSY, "too many images go at a time");
    if (!ticket)
        return vdc_error_set(err, VDC_E_DENIED,
                             "no image may be had with this ticket");
    kib_per_s = ticket->kib_per_s;
    drop_ticket(ticket); /* it is good once */
    int rc = open_file(images, get, &fd, &left, err);
    if (rc)
        return rc;
    out = XNEW(struct image_out);
    out->images = images;
    out->chan = chan;
    snprintf(out->name, sizeof(out->name), "%s", name);
    out->fd = fd;
    out->left = left;
    out->kib_per_s = kib_per_s;
    out->since_ms = out->moved_ms = clock_mono().ms;
    out->tick = migrate_timer(images->host, go_on, out);
    LIST_INSERT_HEAD(&images->outs, out, link);
    chan_set_ops(chan, &chan_ops, out);
    migrate_timer_set(out->tick, 0);
    log_info("image %s goes to host %s", get->digest, out->name);
    return 0;
}

void image_outs_free(struct images *images)
{
    while (!LIST_EMPTY(&images->outs))
        drop_out(LIST_FIRST(&images->outs));
    while (!LIST_EMPTY(&images->tickets))
        drop_ticket(LIST_FIRST(&images->tickets));
}

/* ---- for a host that has not joined: policyd carries it ---- */

static int read_piece(const struct images *images,
                      const struct wire_image_read *asked, uint8_t *bytes,
                      uint32_t *ret_n, struct vdc_error *err)
{
    char *path = image_file_path(images, asked->digest, "");
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1
                       : pread(fd, bytes, asked->size, (off_t)asked->offset);
    int rc = 0;

    if (n < 0)
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", path);
    else
        *ret_n = (uint32_t)n;
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static void looked_to_read(void *arg, const struct image_looked *looked,
                           const struct vdc_error *why)
{
    struct request *request = arg;
    const struct wire_image_read *asked = request->body;
    struct wire_image_bytes answer;
    struct vdc_error err;
    int rc = why ? why->code : 0;

    wire_init(&wire_struct_image_bytes, &answer);
    if (why)
        err = *why;
    else if (!looked->whole)
        rc = missing(request->host, looked, &err);
    if (!rc) {
        uint8_t *bytes = arena_alloc(request->arena, asked->size + 1);
        rc = read_piece(request->host->images, asked, bytes, &answer.n_bytes,
                        &err);
        answer.bytes = bytes;
    }
    if (rc)
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_image_bytes, &answer);
}

void image_handle_read(struct request *request)
{
    const struct wire_image_read *asked = request->body;
    struct vdc_error err;
    int rc = image_check_digest(asked->digest, &err);

    if (!rc && (!asked->size || asked->size > READ_MAX))
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE,
                           "image_read is of at most %d bytes", READ_MAX);
    if (rc)
        request_fail(request, &err);
    else
        image_look(request->host->images, asked->digest, false,
                   looked_to_read, request);
}
