/*
 * Images in the working set: their names and digests, and which hosts have
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

struct book_image {
    struct wire_image body; /* first: it stands for the whole */
    TAILQ_ENTRY(book_image) link;
    struct arena *arena; /* holds the body */
    char *id;
};

static struct book_image *find(const struct book *book, const char *id)
{
    struct book_image *image;

    TAILQ_FOREACH(image, &book->images, link)
    if (strcmp(image->id, id) == 0)
        return image;
    return NULL;
}

/* What it takes of its customer's disk quota. */
static void count(const struct book *book, const struct book_image *image,
                  int sign)
{
    struct customer *c = book_customer(book, image->body.customer);
    uint64_t kib = image->body.size / 1024 + (image->body.size % 1024 != 0);

    if (!c)
        return; /* it goes as a whole */
    c->image_kib = sign > 0 ? c->image_kib + kib : c->image_kib - kib;
    c->n_images = sign > 0 ? c->n_images + 1 : c->n_images - 1;
}

static void drop(struct book *book, struct book_image *image)
{
    count(book, image, -1);
    TAILQ_REMOVE(&book->images, image, link);
    arena_free(image->arena);
    free(image->id);
    free(image);
}

static void insert(struct book *book, struct book_image *image)
{
    struct book_image *before;

    TAILQ_FOREACH_REVERSE(before, &book->images, book_images, link)
    if (strcmp(before->id, image->id) < 0)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&book->images, before, image, link);
    else
        TAILQ_INSERT_HEAD(&book->images, image, link);
    count(book, image, 1);
}

int book_set_image(struct book *book, const char *id,
                   const struct wire_image *body, struct vdc_error *err)
{
    struct book_image *old = find(book, id), *image = NULL;

    if (body && !book_customer(book, body->customer))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: image '%s' has the "
                             "unknown customer '%s'", id, body->customer);
    if (body) {
        image = XNEW(struct book_image);
        int rc = wire_struct_keep(&wire_struct_image, body, &image->arena,
                                  &image->body, err);
        if (rc) {
            free(image);
            return rc;
        }
        image->id = xstrdup(id);
    }
    if (old)
        drop(book, old);
    if (image)
        insert(book, image);
    return 0;
}

void book_free_images(struct book *book)
{
    while (!TAILQ_EMPTY(&book->images))
        drop(book, TAILQ_FIRST(&book->images));
}

/* ---- looking ---- */

const struct wire_image *book_image_of_id(const struct book *book,
                                          const char *id)
{
    const struct book_image *image = find(book, id);

    return image ? &image->body : NULL;
}

const struct wire_image *book_image(const struct book *book,
                                    const char *customer, const char *name)
{
    const struct book_image *image;

    TAILQ_FOREACH(image, &book->images, link)
    if (strcmp(image->body.name, name) == 0 &&
        strcmp(image->body.customer, customer) == 0)
        return &image->body;
    return NULL;
}

const struct wire_image *book_image_after(const struct book *book,
                                          const char *id)
{
    const struct book_image *image;

    TAILQ_FOREACH(image, &book->images, link)
    if (strcmp(image->id, id) > 0)
        return &image->body;
    return NULL;
}

const struct wire_image *book_image_next(const struct book *book,
                                         const struct wire_image *image)
{
    const struct book_image *next =
        image ? TAILQ_NEXT((const struct book_image *)image, link)
              : TAILQ_FIRST(&book->images);

    return next ? &next->body : NULL;
}

/* ---- changes ---- */

int book_image_put(struct book *book, const struct wire_image *image,
                   const struct store_audit *audit, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    int rc = book_commit_one(
        book, STORE_PUT, STORE_IMAGE,
        record_image_id(image->customer, image->name, arena), image, audit,
        err);

    arena_free(arena);
    return rc;
}

int book_image_remove(struct book *book, const struct wire_image *image,
                      const struct store_audit *audit, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    int rc = book_commit_one(
        book, STORE_REMOVE, STORE_IMAGE,
        record_image_id(image->customer, image->name, arena), NULL, audit,
        err);

    arena_free(arena);
    return rc;
}
