/*
 * image_add: an image is to be stored, or goes on, or is brought back when no
 * host has it any more.  Where it goes on, the host that gets it says
 * (image_data.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/customers/quota.h"
#include "policyd/images/images_impl.h"

/* Of a customer with its projects, of which many may be small. */
#define IMAGES_MAX 1000

/* ---- whether it may be ---- */

static int check_order(const struct wire_image_add *order,
                       struct vdc_error *err)
{
    int rc = image_name_check(order->name, err);

    if (!rc && !image_digest_is(order->digest))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%s' is no SHA-256 in hexadecimal digits",
                           order->digest);
    if (!rc && !order->size)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "the file is empty");
    if (!rc && order->size > IMAGES_SIZE_MAX)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "an image has at most 4 TiB");
    return rc;
}

/* All that there are are in one message to hosts. */
static int check_total(const struct operations *ops, struct vdc_error *err)
{
    const struct wire_image *image = NULL;
    uint64_t n = 0;

    while ((image = book_image_next(ops->book, image)))
        n++;
    if (n < ops->setup->images_max)
        return 0;
    vdc_error_set(err, VDC_E_QUOTA,
                  "there are as many images of all customers together as "
                  "there may be");
    vdc_error_hint(err, "`xl-vdc image-remove` takes away those that are not "
                        "needed; images_max of policyd.conf is the limit");
    return VDC_E_QUOTA;
}

static uint64_t kib_of(uint64_t size)
{
    return size / 1024 + (size % 1024 != 0);
}

/* `replaced`, which may be NULL, goes when the new one comes: neither counts
 * twice. */
static int check_quota(const struct operations *ops, const struct customer *c,
                       uint64_t size, const struct wire_image *replaced,
                       struct vdc_error *err)
{
    uint64_t gone_kib = replaced ? kib_of(replaced->size) : 0;
    struct wire_usage asked, used;
    int rc = replaced ? 0 : check_total(ops, err);

    if (rc || c->builtin)
        return rc;
    wire_init(&wire_struct_usage, &asked);
    asked.disk = MEM_KIB(kib_of(size));
    for (; !rc && c; c = c->parent) {
        if (c->n_images >= IMAGES_MAX && !replaced)
            return vdc_error_set(err, VDC_E_QUOTA,
                                 "customer %s has %d images already", c->name,
                                 IMAGES_MAX);
        operations_usage(ops, c, &used);
        used.disk.kib -= gone_kib;
        rc = quota_check(c->name, &c->quota, &used, &asked, err);
    }
    return rc;
}

/* One that can be asked, policyd's own first. */
static const struct host *choose_host(const struct hosts *hosts)
{
    const struct host *any = hosts_any(hosts), *host;

    for (host = hosts_first(hosts); any && !any->up && host;
         host = hosts_next(host))
        if (host->up)
            any = host;
    return any;
}

static int find_host(const struct request *request, const char **ret_host,
                     struct vdc_error *err)
{
    const struct host *host = choose_host(request->ops->hosts);

    if (!host)
        return vdc_error_set(err, VDC_E_NO_HOST, "there are no hosts");
    *ret_host = host->name;
    return hosts_check_up(request->ops->hosts, host->name, err);
}

/* ---- what there is of this name ---- */

/* What is to be done. */
enum what {
    NOTHING, /* it is as it should be */
    GO_ON,   /* with what has come */
    BEGIN,   /* with one that is new */
    REPLACE, /* an upload of something else, which nobody can use */
    RESTORE, /* the content of one that no host has any more */
};

/* Whole, but nowhere: a host that is down may have it still, one that is no
 * more one of the hosts has not. */
static bool is_lost(const struct operations *ops,
                    const struct wire_image *image)
{
    for (uint32_t i = 0; i < image->n_hosts; i++)
        if (hosts_find(ops->hosts, image->hosts[i]))
            return false;
    return image->state == WIRE_IMAGE_READY;
}

static int refuse_other(const struct wire_image *there, bool lost,
                        struct vdc_error *err)
{
    if (lost) {
        vdc_error_set(err, VDC_E_EXISTS,
                      "no host has image '%s' any more, and this file is not "
                      "what was in it", there->name);
        vdc_error_hint(err, "add the file that it was made from, or `xl-vdc "
                            "image-remove %s` first", there->name);
    } else {
        vdc_error_set(err, VDC_E_EXISTS,
                      "image '%s' is there, and has something else in it",
                      there->name);
        vdc_error_hint(err,
                       "use another name, or `xl-vdc image-remove %s` first",
                       there->name);
    }
    return VDC_E_EXISTS;
}

static int decide(const struct operations *ops, const struct wire_image *there,
                  const struct wire_image_add *order, enum what *ret,
                  struct vdc_error *err)
{
    bool lost = there && is_lost(ops, there);

    if (!there) {
        *ret = BEGIN;
    } else if (strcmp(there->digest, order->digest) != 0 ||
               there->size != order->size) {
        if (there->state != WIRE_IMAGE_UPLOADING)
            return refuse_other(there, lost, err);
        *ret = REPLACE;
    } else if (!lost) {
        *ret = there->state == WIRE_IMAGE_UPLOADING ? GO_ON : NOTHING;
    } else {
        /* guests may name it, so it cannot be begun anew by removing it */
        bool goes_on = !uuid_is_zero(&there->part) &&
                       !hosts_check_up(ops->hosts, there->part_host, NULL);
        *ret = goes_on ? GO_ON : RESTORE;
    }
    return 0;
}

/* ---- recording ---- */

static int record(struct request *request, const struct wire_image *image,
                  struct vdc_error *err)
{
    struct store_audit audit =
        operations_audit(request, image->customer, image->name, 0);

    return book_image_put(request->ops->book, image, &audit, err);
}

static int record_new(struct request *request, const struct customer *c,
                      const struct wire_image_add *order, const char *host,
                      struct vdc_error *err)
{
    const char **hosts = ARENA_NEW(request->arena, const char *);
    struct wire_image image;

    hosts[0] = host;
    wire_init(&wire_struct_image, &image);
    image.name = order->name;
    image.customer = c->name;
    image.digest = order->digest;
    image.size = order->size;
    image.os_type = order->os_type;
    image.state = WIRE_IMAGE_UPLOADING;
    image.hosts = hosts;
    image.n_hosts = 1;
    image.created_ms = image.touched_ms = clock_wall().ms;
    uuid_random(&image.part);
    return record(request, &image, err);
}

/* It stays what it is, for the guests that name it. */
static int record_restore(struct request *request,
                          const struct wire_image *there, const char *host,
                          struct vdc_error *err)
{
    struct wire_image *image = images_copy(there, request->arena);

    image->part_host = host;
    image->touched_ms = clock_wall().ms;
    uuid_random(&image->part);
    return record(request, image, err);
}

/* ---- image_add ---- */

/* *ret_sends: more of it is to come, and its host says from where on. */
static int add(struct request *request, const struct customer *c,
               const struct wire_image_add *order, bool *ret_sends,
               struct vdc_error *err)
{
    struct operations *ops = request->ops;
    const struct wire_image *there =
        book_image(ops->book, c->name, order->name);
    const char *host;
    enum what what;
    int rc = decide(ops, there, order, &what, err);

    if (rc)
        return rc;
    *ret_sends = what != NOTHING && !order->dry_run;
    if (what == NOTHING || what == GO_ON)
        return 0;
    if (what != RESTORE)
        rc = check_quota(ops, c, order->size, there, err);
    if (!rc)
        rc = find_host(request, &host, err);
    if (rc || order->dry_run)
        return rc;
    if (there)
        there = images_copy(there, request->arena);
    if (what == RESTORE)
        return record_restore(request, there, host, err);
    rc = record_new(request, c, order, host, err);
    if (!rc && what == REPLACE)
        images_drop(ops->images, there);
    return rc;
}

void image_add(struct request *request)
{
    const struct wire_image_add *order = request->body;
    const struct wire_image *image;
    struct wire_image would;
    struct vdc_error err;
    struct customer *c;
    bool sends = false;
    int rc = operations_customer(request, order->customer, &c, &err);

    if (!rc)
        rc = check_order(order, &err);
    if (!rc)
        rc = add(request, c, order, &sends, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    image = book_image(request->ops->book, c->name, order->name);
    if (sends) {
        image_put_piece(request, image, 0, NULL, 0);
        return;
    }
    if (!image) {
        wire_init(&wire_struct_image, &would);
        would.name = order->name;
        would.customer = c->name;
        would.digest = order->digest;
        would.size = order->size;
        image = &would;
    }
    image_reply(request, image, image->done);
}
