/*
 * A host is to have an image from a host that has it: directly when both have
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
#include "policyd/hosts/dial.h"
#include "policyd/images/image_transfer.h"

/* After an error it is tried again so soon. */
#define AGAIN_MS 1000

/* As people know it.  When it has several names, which may be of several
 * customers, nobody is told another's: the digest then, as lists have it. */
static const char *name_of(struct transfer *t)
{
    const struct wire_image *image = NULL, *found = NULL;
    unsigned n = 0;

    while ((image = book_image_next(t->images->ops->book, image)))
        if (image->state == WIRE_IMAGE_READY &&
            strcmp(image->digest, t->digest) == 0) {
            found = image;
            n++;
        }
    return n == 1 ? found->name : t->digest_text;
}

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
    struct transfer_user *user;

    t->over = true;
    event_del(t->timer);
    while ((user = LIST_FIRST(&t->wanted))) {
        LIST_REMOVE(user, link);
        user->transfer = NULL;
        user->ended(user, err);
    }
    if (!t->asked)
        transfer_free(t);
}

bool transfer_is_over(struct transfer *t)
{
    t->asked = false;
    event_del(t->timer);
    memset(&t->call, 0, sizeof(t->call));
    bool over = t->over;
    if (over)
        transfer_free(t);
    return over;
}

static void wait_for_answer(struct transfer *t)
{
    const struct timeval later = { TRANSFER_PATIENCE_MS / 1000, 0 };

    evtimer_add(t->timer, &later);
}

/* A host that is up works on it.  Of one that hangs nothing may come while its
 * connection is open. */
static void no_answer(struct transfer *t)
{
    const struct host *host = hosts_find(t->images->ops->hosts, t->whom);
    struct vdc_error err;

    if (host && host->up) {
        wait_for_answer(t);
        return;
    }
    vdc_error_set(&err, VDC_E_TIMEOUT, "host %s does not answer", t->whom);
    vdc_error_prefix(&err, "image %s for host %s", name_of(t), t->host);
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
        transfer_read_now(t);
    } else {
        transfer_look(t);
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
        clock_mono().ms - t->moved_ms < TRANSFER_PATIENCE_MS) {
        evtimer_add(t->timer, &later);
        return;
    }
    if (!err.code) {
        vdc_error_set(&err, VDC_E_NOT_FOUND,
                      "no host has the image that could be asked for it");
        vdc_error_hint(&err, "`xl-vdc image-verify` finds where it is; when "
                             "it is nowhere, `xl-vdc image-add` with the same "
                             "name and file brings it back");
    }
    vdc_error_prefix(&err, "image %s for host %s", name_of(t), t->host);
    end(t, &err);
}

/* ---- asking ---- */

int transfer_ask(struct transfer *t, const char *host,
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

void transfer_failed(struct transfer *t, const struct vdc_error *err)
{
    t->why = *err;
    transfer_next_source(t);
}

/* Customers are not told from where. */
void transfer_tell(struct transfer *t, uint64_t done_kib)
{
    struct wire_progress progress;
    struct transfer_user *user;
    char text[128];

    snprintf(text, sizeof(text), "bringing image %s: %llu of %llu KiB",
             name_of(t), (unsigned long long)done_kib,
             (unsigned long long)t->size / 1024);
    wire_init(&wire_struct_progress, &progress);
    progress.step = progress.n_steps = 1;
    progress.text = text;
    progress.sent_kib = done_kib;
    progress.of_kib = t->size / 1024;
    LIST_FOREACH (user, &t->wanted, link)
        user->progress(user, &progress);
}

/* What comes once more, after it was thrown away, is no progress. */
void transfer_note_progress(struct transfer *t)
{
    if (t->done <= t->most)
        return;
    t->most = t->done;
    t->moved_ms = clock_mono().ms;
}

void transfer_has_it(struct transfer *t)
{
    images_note(t->images, t->digest, t->host, true);
    end(t, NULL);
}

/* ---- from whom ---- */

static bool has_joined(const struct host *host)
{
    return dial_is_address(host->record.address) &&
           strlen(host->record.certificate) == 2 * TRANSFER_TICKET_SIZE;
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

void transfer_next_source(struct transfer *t)
{
    const struct wire_image *image =
        images_of_digest(t->images->ops->book, t->digest);
    const struct host *target = hosts_find(t->images->ops->hosts, t->host);
    const struct host *source =
        image && target && t->n_tried < TRANSFER_SOURCES_MAX
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
        transfer_serve(t, target);
    else
        transfer_relay(t);
}

static void looked(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_found *found = answer;
    struct transfer *t = arg;

    if (transfer_is_over(t))
        return;
    if (err) {
        t->why = *err;
        exhausted(t);
    } else if (found->whole) {
        transfer_has_it(t);
    } else {
        images_note(t->images, t->digest, t->host, false);
        transfer_next_source(t);
    }
}

void transfer_look(struct transfer *t)
{
    struct wire_image_file file;

    t->n_tried = 0;
    memset(&t->why, 0, sizeof(t->why));
    wire_init(&wire_struct_image_file, &file);
    file.digest = t->digest;
    file.size = t->size;
    if (transfer_ask(t, t->host, WIRE_MSG_image_look, &file, looked, NULL))
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
    snprintf(t->digest_text, sizeof(t->digest_text), "%.12s", digest);
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

/* ---- those who want it ---- */

void transfer_join(struct images *images, const char *digest, const char *host,
                   uint64_t size, struct transfer_user *user)
{
    user->transfer = transfer_of(images, digest, host, size);
    LIST_INSERT_HEAD(&user->transfer->wanted, user, link);
}

void transfer_leave(struct transfer_user *user)
{
    struct transfer *t = user->transfer;

    if (!t)
        return;
    LIST_REMOVE(user, link);
    user->transfer = NULL;
    if (!LIST_EMPTY(&t->wanted))
        return;
    if (t->asked)
        service_cancel(&t->call);
    end(t, NULL);
}
