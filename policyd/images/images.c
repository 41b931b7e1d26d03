/* What images there are, and which hosts have them; see images.h. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "policyd/images/images_impl.h"

/* How often uploads that nobody goes on with are looked for. */
#define TEND_S 10

/* ---- names ---- */

static const struct wire_image *look_up(const struct book *book,
                                        const struct customer *customer,
                                        const char *name)
{
    const struct wire_image *image;

    for (const struct customer *c = customer; c; c = c->parent)
        if ((image = book_image(book, c->name, name)))
            return image;
    return book_image(book, NAMES_PROVIDER, name);
}

int images_find(const struct book *book, const struct customer *customer,
                const char *name, const struct wire_image **ret,
                struct vdc_error *err)
{
    const struct wire_image *image = look_up(book, customer, name);

    if (!image) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such image: %s", name);
        vdc_error_hint(err, "`xl-vdc image-list` shows them; `xl-vdc "
                            "image-add %s FILE` makes one", name);
        return VDC_E_NOT_FOUND;
    }
    if (image->state != WIRE_IMAGE_READY) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "of image '%s' not all has come yet", name);
        vdc_error_hint(err, "`xl-vdc image-add %s FILE` goes on where it "
                            "stopped", name);
        return VDC_E_WRONG_STATE;
    }
    *ret = image;
    return 0;
}

static int resolve(const struct book *book, const struct customer *customer,
                   const char **text, struct arena *arena,
                   const char **digests, struct vdc_error *err)
{
    const struct wire_image *image;
    struct image_ref ref;

    if (!image_ref_is(*text))
        return 0;
    int rc = image_ref_parse(*text, &ref, err);
    if (!rc)
        rc = images_find(book, customer, ref.name, &image, err);
    if (rc)
        return rc;
    if (*ref.digest && strcmp(ref.digest, image->digest) != 0) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "image '%s' has another digest than the definition says",
                      ref.name);
        vdc_error_hint(err, "leave out what follows the '@'");
        return VDC_E_BAD_VALUE;
    }
    *text = arena_printf(arena, IMAGE_PREFIX "%s@%s", ref.name,
                         image->digest);
    if (!images_names(*digests, image->digest))
        *digests = arena_printf(arena, "%s%s%s", *digests,
                                **digests ? " " : "", image->digest);
    return 0;
}

int images_resolve(const struct book *book, const struct customer *customer,
                   struct wire_definition *definition, struct arena *arena,
                   const char **ret_digests, struct vdc_error *err)
{
    const char *digests = "";
    int rc = resolve(book, customer, &definition->kernel, arena, &digests,
                     err);

    if (rc)
        vdc_error_prefix(err, "kernel");
    if (!rc && (rc = resolve(book, customer, &definition->ramdisk, arena,
                             &digests, err)))
        vdc_error_prefix(err, "ramdisk");
    if (!rc)
        *ret_digests = digests;
    return rc;
}

const char *images_of_definition(const struct wire_definition *d,
                                 struct arena *arena)
{
    const char *const texts[] = { d->kernel, d->ramdisk };
    const char *digests = "";
    struct image_ref ref;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (image_ref_is(texts[i]) &&
            !image_ref_parse(texts[i], &ref, NULL) && *ref.digest &&
            !images_names(digests, ref.digest))
            digests = arena_printf(arena, "%s%s%s", digests,
                                   *digests ? " " : "", ref.digest);
    return digests;
}

bool images_names(const char *digests, const char *digest)
{
    return strstr(digests, digest) != NULL; /* all are of the same length */
}

const struct wire_image *images_of_digest(const struct book *book,
                                          const char *digest)
{
    const struct wire_image *image = NULL;

    while ((image = book_image_next(book, image)))
        if (image->state == WIRE_IMAGE_READY &&
            strcmp(image->digest, digest) == 0)
            return image;
    return NULL;
}

struct wire_image *images_copy(const struct wire_image *image,
                               struct arena *arena)
{
    struct wire_image *copy = ARENA_NEW(arena, struct wire_image);

    /* cannot fail: it was stored, or comes from a message */
    if (wire_struct_copy(&wire_struct_image, image, arena, copy, NULL))
        abort();
    return copy;
}

/* ---- which hosts have them ---- */

bool images_has(const struct wire_image *image, const char *host)
{
    for (uint32_t i = 0; i < image->n_hosts; i++)
        if (strcmp(image->hosts[i], host) == 0)
            return true;
    return false;
}

static void set_host(struct wire_image *image, const char *host, bool has,
                     struct arena *arena)
{
    const char **hosts = ARENA_ARRAY(arena, image->n_hosts + 1, const char *);
    uint32_t n = 0;

    for (uint32_t i = 0; i < image->n_hosts; i++)
        if (strcmp(image->hosts[i], host) != 0)
            hosts[n++] = image->hosts[i];
    if (has)
        hosts[n++] = arena_strdup(arena, host);
    image->hosts = hosts;
    image->n_hosts = n;
}

static void note_one(struct images *images, const struct wire_image *image,
                     const char *host, bool has)
{
    struct arena *arena = arena_new();
    struct wire_image *copy = images_copy(image, arena);
    struct vdc_error err;

    set_host(copy, host, has, arena);
    if (book_image_put(images->ops->book, copy, NULL, &err))
        log_error("image %s of %s: %s", copy->name, copy->customer, err.text);
    arena_free(arena);
}

/* The first with this digest that says otherwise. */
static const struct wire_image *find_other(const struct book *book,
                                           const char *digest,
                                           const char *host, bool has)
{
    const struct wire_image *image = NULL;

    while ((image = book_image_next(book, image)))
        if (image->state == WIRE_IMAGE_READY &&
            strcmp(image->digest, digest) == 0 &&
            images_has(image, host) != has)
            break;
    return image;
}

void images_note(struct images *images, const char *digest, const char *host,
                 bool has)
{
    struct book *book = images->ops->book;
    const struct wire_image *image, *before = NULL;

    while ((image = find_other(book, digest, host, has)) && image != before) {
        note_one(images, image, host, has);
        before = image;
    }
}

/* ---- a host that answers ---- */

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
            note_one(images, image, host, has);
        next = book_image_after(book, id);
    }
    arena_free(arena);
}

static void kept(void *arg, const void *answer, const struct vdc_error *err)
{
    struct orphan *o = arg;

    if (answer && !o->images->stopped)
        take_kept(o->images, o->host, answer);
    orphan_end(o);
}

void images_host_up(struct images *images, const struct host *host)
{
    const struct book *book = images->ops->book;
    const struct wire_image *image = NULL;
    struct arena *arena = arena_new();
    struct wire_image_keep keep;
    struct vdc_error err;
    uint32_t n = 0;

    while ((image = book_image_next(book, image)))
        n++;
    wire_init(&wire_struct_image_keep, &keep);
    keep.digests = ARENA_ARRAY(arena, n + 1, const char *);
    while ((image = book_image_next(book, image)))
        keep.digests[keep.n_digests++] = image->digest;
    struct orphan *o = n ? orphan(images, host->name) : NULL;
    if (o && service_ask(host->service, WIRE_MSG_image_keep, &keep, kept, NULL,
                         o, NULL, &err)) {
        log_warning("host %s cannot be told which images there are: %s",
                    host->name, err.text);
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

static void drop(struct images *images, const struct wire_image *image)
{
    struct wire_image_file file;

    wire_init(&wire_struct_image_file, &file);
    file.digest = image->digest;
    file.size = image->size;
    if (image->state == WIRE_IMAGE_UPLOADING)
        file.part = image->part;
    else if (images_of_digest(images->ops->book, image->digest))
        return; /* another has the same in it */
    for (uint32_t i = 0; i < image->n_hosts; i++)
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

/* Nobody goes on with it; and its host, if there still is one, can be told. */
static bool is_left(const struct images *images,
                    const struct wire_image *image)
{
    uint64_t keep_ms = images->ops->setup->image_upload_keep_ms;
    const struct host *host =
        image->n_hosts ? hosts_find(images->ops->hosts, image->hosts[0])
                       : NULL;

    return image->state == WIRE_IMAGE_UPLOADING &&
           image->touched_ms + keep_ms < clock_wall().ms &&
           (!host || host->up);
}

/* Of uploads that nobody goes on with. */
static void tend(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { TEND_S, 0 };
    struct images *images = arg;
    struct book *book = images->ops->book;
    const struct wire_image *image = NULL;
    struct arena *arena = arena_new();
    struct vdc_error err;

    while ((image = book_image_next(book, image)))
        if (is_left(images, image))
            break;
    if (image) { /* one each time will do */
        image = images_copy(image, arena);
        log_info("image %s of %s: nobody goes on with its upload, which is "
                 "dropped", image->name, image->customer);
        if (book_image_remove(book, image, NULL, &err))
            log_warning("%s", err.text);
        else
            images_drop(images, image);
    }
    arena_free(arena);
    evtimer_add(images->timer, &later);
}

/* ---- begin and end ---- */

struct images *images_new(struct operations *ops)
{
    const struct timeval later = { 1, 0 };
    struct images *images = XNEW(struct images);

    images->ops = ops;
    LIST_INIT(&images->bringings);
    LIST_INIT(&images->transfers);
    LIST_INIT(&images->orphans);
    images->timer = evtimer_new(ops->base, tend, images);
    if (!images->timer || evtimer_add(images->timer, &later))
        abort(); /* out of memory */
    return images;
}

void images_free(struct images *images)
{
    if (!images)
        return;
    while (!LIST_EMPTY(&images->orphans))
        orphan_end(LIST_FIRST(&images->orphans));
    event_free(images->timer);
    free(images);
}
