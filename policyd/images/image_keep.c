/*
 * What hosts are told to keep and to drop.  When a host answers, and as long
 * as it has some that must stay as yet, it is told all digests that there are;
 * when the last image of a content goes, the hosts that have it are told that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "policyd/images/images_impl.h"

/* When a host could not be told, it is tried again after so long. */
#define FAILED_MS 60000
#define LATER_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

/* What was asked of a host for nobody in particular. */
struct orphan {
    LIST_ENTRY(orphan) link;
    struct images *images;
    char *host;
};

static struct orphan *orphan(struct images *images, const char *host)
{
    struct orphan *o = XNEW(struct orphan);

    o->images = images;
    o->host = xstrdup(host);
    LIST_INSERT_HEAD(&images->orphans, o, link);
    return o;
}

static void orphan_end(struct orphan *o)
{
    LIST_REMOVE(o, link);
    free(o->host);
    free(o);
}

/* ---- telling it again ---- */

/* A host that is to hear the list once more. */
struct later {
    LIST_ENTRY(later) link;
    char *host;
    uint64_t at_ms; /* monotonic */
};

static void later_end(struct later *l)
{
    LIST_REMOVE(l, link);
    free(l->host);
    free(l);
}

static void later_forget(struct images *images, const char *host)
{
    struct later *l, *next;

    for (l = LIST_FIRST(&images->later); l; l = next) {
        next = LIST_NEXT(l, link);
        if (strcmp(l->host, host) == 0)
            later_end(l);
    }
}

static void tell_later(struct images *images, const char *host, uint64_t ms)
{
    struct later *l;

    later_forget(images, host);
    l = XNEW(struct later);
    l->host = xstrdup(host);
    l->at_ms = clock_mono().ms + (ms < LATER_MAX_MS ? ms : LATER_MAX_MS);
    LIST_INSERT_HEAD(&images->later, l, link);
}

void images_keep_again(struct images *images)
{
    uint64_t now = clock_mono().ms;
    const struct host *host;
    struct later *l, *next;

    for (l = LIST_FIRST(&images->later); l; l = next) {
        next = LIST_NEXT(l, link);
        if (now < l->at_ms)
            continue;
        host = hosts_find(images->ops->hosts, l->host);
        later_end(l);
        if (host && host->up) /* or else when it answers */
            images_host_up(images, host);
    }
}

/* ---- which there are ---- */

static void take_kept(struct images *images, const char *host,
                      const struct wire_image_kept *kept)
{
    const struct book *book = images->ops->book;
    const struct wire_image *image, *next;
    struct arena *arena = arena_new();
    const char *id = "";

    for (image = book_image_after(book, id); image; image = next) {
        bool has = false;
        id = arena_printf(arena, "%s/%s", image->customer, image->name);
        for (uint32_t i = 0; i < kept->n_digests; i++)
            has |= strcmp(kept->digests[i], image->digest) == 0;
        if (image->state == WIRE_IMAGE_READY &&
            images_has(image, host) != has)
            images_note_one(images, image, host, has);
        next = book_image_after(book, id);
    }
    arena_free(arena);
}

static void kept(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct wire_image_kept *found = answer;
    struct orphan *o = arg;

    if (answer && !o->images->stopped) {
        take_kept(o->images, o->host, found);
        if (found->again_ms)
            tell_later(o->images, o->host, found->again_ms);
    } else if (!o->images->stopped) {
        tell_later(o->images, o->host, FAILED_MS);
    }
    orphan_end(o);
}

/* That there are none at all is said, too. */
static void all_digests(const struct book *book, struct arena *arena,
                        struct wire_image_keep *ret)
{
    const struct wire_image *image = NULL;
    uint32_t n = 0;

    while ((image = book_image_next(book, image)))
        n++;
    ret->digests = ARENA_ARRAY(arena, n + 1, const char *);
    while ((image = book_image_next(book, image)))
        ret->digests[ret->n_digests++] = image->digest;
}

void images_host_up(struct images *images, const struct host *host)
{
    struct arena *arena = arena_new();
    struct wire_image_keep keep;
    struct orphan *o = orphan(images, host->name);
    struct vdc_error err;

    later_forget(images, host->name);
    wire_init(&wire_struct_image_keep, &keep);
    all_digests(images->ops->book, arena, &keep);
    if (service_ask(host->service, WIRE_MSG_image_keep, &keep, kept, NULL, o,
                    NULL, &err)) {
        log_warning("host %s cannot be told which images there are: %s",
                    host->name, err.text);
        tell_later(images, host->name, FAILED_MS);
        orphan_end(o);
    }
    arena_free(arena);
}

/* ---- those that go ---- */


static void dropped(void *arg, const void *answer,
                    const struct vdc_error *err)
{
    struct orphan *o = arg;

    if (err)
        log_warning("host %s keeps an image that is needed no more: %s",
                    o->host, err->text);
    if (err && !o->images->stopped)
        tell_later(o->images, o->host, FAILED_MS);
    orphan_end(o);
}

static void drop_on(struct images *images, const char *name,
                    const struct wire_image_file *file)
{
    const struct host *host = hosts_find(images->ops->hosts, name);
    struct orphan *o;

    if (!host || !host->up)
        return; /* it hears of it when it answers */
    o = orphan(images, name);
    if (service_ask(host->service, WIRE_MSG_image_drop, file, dropped, NULL, o,
                    NULL, NULL))
        orphan_end(o);
}

/* It is being added: it may be whole just now, and that is not known yet. */
static bool is_coming(const struct book *book, const char *digest)
{
    const struct wire_image *image = NULL;

    while ((image = book_image_next(book, image)))
        if (strcmp(image->digest, digest) == 0)
            return true;
    return false;
}

static void drop(struct images *images, const struct wire_image *image)
{
    struct wire_image_file file;

    wire_init(&wire_struct_image_file, &file);
    file.digest = image->digest;
    file.size = image->size;
    if (!uuid_is_zero(&image->part)) {
        file.part = image->part;
        drop_on(images, image_part_host(image), &file);
        memset(&file.part, 0, sizeof(file.part));
    }
    if (image->state != WIRE_IMAGE_READY ||
        images_of_digest(images->ops->book, image->digest))
        return; /* another has the same in it, or it does itself */
    bool comes = is_coming(images->ops->book, image->digest);
    for (uint32_t i = 0; i < image->n_hosts; i++)
        if (comes)
            tell_later(images, image->hosts[i], FAILED_MS);
        else
            drop_on(images, image->hosts[i], &file);
}

struct dropping {
    struct images *images;
    const struct wire_image *image;
    struct arena *arena;
};

static void removed(void *arg, const struct vdc_error *why)
{
    struct dropping *d = arg;

    /* refused, it is in the book again; later, hosts hear of it when they
     * answer */
    if (!why->code && !d->images->stopped)
        drop(d->images, d->image);
    arena_free(d->arena);
    free(d);
}

void images_drop(struct images *images, const struct wire_image *image)
{
    const struct vdc_error none = { 0 };
    struct dropping *d = XNEW(struct dropping);

    d->images = images;
    d->arena = arena_new();
    d->image = images_copy(image, d->arena);
    if (!book_wait(images->ops->book, removed, d))
        removed(d, &none);
}

void images_keep_free(struct images *images)
{
    while (!LIST_EMPTY(&images->orphans))
        orphan_end(LIST_FIRST(&images->orphans));
    while (!LIST_EMPTY(&images->later))
        later_end(LIST_FIRST(&images->later));
}
