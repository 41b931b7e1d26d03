/* What images there are, and which hosts have them; see images.h. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "policyd/images/images_impl.h"

/* How often uploads that nobody goes on with, and hosts that are to be told
 * again, are looked for. */
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

void images_note_one(struct images *images, const struct wire_image *image,
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
        images_note_one(images, image, host, has);
        before = image;
    }
}

/* ---- uploads that are left ---- */

/* Nobody goes on with it, whether it is new or was there before; and its host,
 * if there still is one, can be told. */
static bool is_left(const struct images *images,
                    const struct wire_image *image)
{
    uint64_t keep_ms = images->ops->setup->image_upload_keep_ms;
    const struct host *host;

    if (uuid_is_zero(&image->part) ||
        image->touched_ms + keep_ms >= clock_wall().ms)
        return false;
    host = hosts_find(images->ops->hosts, image_part_host(image));
    return !host || host->up;
}

/* One that was there before stays, as guests may name it. */
static void drop_upload(struct images *images, const struct wire_image *image)
{
    struct book *book = images->ops->book;
    struct arena *arena = arena_new();
    struct wire_image *copy = images_copy(image, arena);
    struct vdc_error err;
    int rc;

    log_info("image %s of %s: nobody goes on with its upload, which is "
             "dropped", copy->name, copy->customer);
    image = images_copy(image, arena);
    memset(&copy->part, 0, sizeof(copy->part));
    copy->part_host = "";
    if (image->state == WIRE_IMAGE_READY)
        copy->done = copy->size;
    rc = image->state == WIRE_IMAGE_READY
             ? book_image_put(book, copy, NULL, &err)
             : book_image_remove(book, image, NULL, &err);
    if (rc)
        log_warning("%s", err.text);
    else
        images_drop(images, image);
    arena_free(arena);
}

static void tend(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { TEND_S, 0 };
    struct images *images = arg;
    const struct wire_image *image = NULL;

    while ((image = book_image_next(images->ops->book, image)))
        if (is_left(images, image))
            break;
    if (image) /* one each time will do */
        drop_upload(images, image);
    images_keep_again(images);
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
    LIST_INIT(&images->later);
    images->timer = evtimer_new(ops->base, tend, images);
    if (!images->timer || evtimer_add(images->timer, &later))
        abort(); /* out of memory */
    return images;
}

void images_free(struct images *images)
{
    if (!images)
        return;
    images_keep_free(images);
    event_free(images->timer);
    free(images);
}
