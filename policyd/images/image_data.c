/*
 * An image comes from a client, in pieces, and goes to a host: image_add says
 * where it goes on, image_data is a piece.  Nothing of it is kept here, and a
 * client has one piece under way, so that the host's disk sets the pace.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/customers/quota.h"
#include "policyd/images/images_impl.h"

/* Of a customer with its projects, of which many may be small. */
#define IMAGES_MAX 1000
/* That more has come is recorded so often. */
#define TOUCH_MS 60000

static void reply_one(struct request *request, const struct wire_image *image,
                      uint64_t done)
{
    struct wire_image *copy = images_copy(image, request->arena);
    struct wire_image_list list;

    wire_init(&wire_struct_image_list, &list);
    copy->done = done;
    memset(&copy->part, 0, sizeof(copy->part));
    if (request->auth.role != W_OPERATOR)
        copy->n_hosts = 0;
    list.images = copy;
    list.n_images = 1;
    request_reply(request, WIRE_MSG_image_list_reply, &list);
}

/* ---- a new one ---- */

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

static int check_quota(const struct operations *ops, const struct customer *c,
                       uint64_t size, struct vdc_error *err)
{
    struct wire_usage asked, used;

    if (c->builtin)
        return 0;
    wire_init(&wire_struct_usage, &asked);
    asked.disk = MEM_KIB(size / 1024 + (size % 1024 != 0));
    for (int rc = 0; c; c = c->parent) {
        if (c->n_images >= IMAGES_MAX)
            return vdc_error_set(err, VDC_E_QUOTA,
                                 "customer %s has %d images already", c->name,
                                 IMAGES_MAX);
        operations_usage(ops, c, &used);
        rc = quota_check(c->name, &c->quota, &used, &asked, err);
        if (rc)
            return rc;
    }
    return 0;
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

static int check_room(const struct request *request, const struct customer *c,
                      const struct wire_image_add *order,
                      const struct host **ret_host, struct vdc_error *err)
{
    const struct host *host = choose_host(request->ops->hosts);
    int rc = check_quota(request->ops, c, order->size, err);

    if (rc)
        return rc;
    if (!host)
        return vdc_error_set(err, VDC_E_NO_HOST, "there are no hosts");
    *ret_host = host;
    return hosts_check_up(request->ops->hosts, host->name, err);
}

/* What there is of this name already: to go on with, or as it should be;
 * *ret_old: in the way, and to be replaced. */
static int check_there(const struct wire_image *there,
                       const struct wire_image_add *order, bool *ret_old,
                       struct vdc_error *err)
{
    *ret_old = false;
    if (!there || (strcmp(there->digest, order->digest) == 0 &&
                   there->size == order->size))
        return 0;
    if (there->state == WIRE_IMAGE_UPLOADING) {
        *ret_old = true; /* which nobody can use */
        return 0;
    }
    vdc_error_set(err, VDC_E_EXISTS,
                  "image '%s' is there, and has something else in it",
                  there->name);
    vdc_error_hint(err, "use another name, or `xl-vdc image-remove %s` first",
                   there->name);
    return VDC_E_EXISTS;
}

static int record(struct request *request, const struct customer *c,
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
    struct store_audit audit =
        operations_audit(request, c->name, order->name, 0);
    return book_image_put(request->ops->book, &image, &audit, err);
}

/* ---- where it goes on ---- */

static void put_to_host(struct request *request,
                        const struct wire_image *image, uint64_t offset,
                        const uint8_t *bytes, uint32_t n);

static int ready(struct request *request, const struct wire_image *image,
                 struct vdc_error *err)
{
    struct wire_image *copy = images_copy(image, request->arena);

    copy->state = WIRE_IMAGE_READY;
    copy->done = copy->size;
    copy->touched_ms = clock_wall().ms;
    memset(&copy->part, 0, sizeof(copy->part));
    struct store_audit audit =
        operations_audit(request, copy->customer, copy->name, 0);
    int rc = book_image_put(request->ops->book, copy, &audit, err);
    if (!rc)
        log_info("image %s of %s is ready: %s, %llu bytes", copy->name,
                 copy->customer, copy->digest,
                 (unsigned long long)copy->size);
    return rc;
}

static void touch(struct request *request, const struct wire_image *image,
                  uint64_t done)
{
    uint64_t now = clock_wall().ms;
    struct wire_image *copy;
    struct vdc_error err;

    if (now < image->touched_ms + TOUCH_MS)
        return;
    copy = images_copy(image, request->arena);
    copy->touched_ms = now;
    copy->done = done;
    if (book_image_put(request->ops->book, copy, NULL, &err))
        log_warning("image %s: %s", copy->name, err.text);
}

struct putting {
    struct request *request;
    const char *customer, *name;
    struct vdc_uuid part;
};

static void was_put(void *arg, const void *answer,
                    const struct vdc_error *why)
{
    struct putting *p = arg;
    struct request *request = p->request;
    const struct wire_image_found *found = answer;
    const struct wire_image *image =
        book_image(request->ops->book, p->customer, p->name);
    struct vdc_error err;
    int rc = why ? why->code : 0;

    memset(&request->call, 0, sizeof(request->call));
    if (why)
        err = *why;
    else if (!image || image->state != WIRE_IMAGE_UPLOADING ||
             !uuid_equal(&image->part, &p->part))
        rc = vdc_error_set(&err, VDC_E_CONFLICT,
                           "image '%s' was removed, or completed by somebody "
                           "else, meanwhile", p->name);
    else if (found->whole)
        rc = ready(request, image, &err);
    else
        touch(request, image, found->done);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    image = book_image(request->ops->book, p->customer, p->name);
    reply_one(request, image, found->whole ? image->size : found->done);
}

static void put_to_host(struct request *request,
                        const struct wire_image *image, uint64_t offset,
                        const uint8_t *bytes, uint32_t n)
{
    struct putting *p = ARENA_NEW(request->arena, struct putting);
    const char *host = image->n_hosts ? image->hosts[0] : "";
    struct wire_image_put order;
    struct service *service;
    struct vdc_error err;

    p->request = request;
    p->customer = arena_strdup(request->arena, image->customer);
    p->name = arena_strdup(request->arena, image->name);
    p->part = image->part;
    wire_init(&wire_struct_image_put, &order);
    order.part = image->part;
    order.digest = image->digest;
    order.size = image->size;
    order.offset = offset;
    order.bytes = bytes;
    order.n_bytes = n;
    int rc = hosts_service(request->ops->hosts, host, &service, &err);
    if (!rc)
        rc = service_ask(service, WIRE_MSG_image_put, &order, was_put, NULL,
                         p, NULL, &err);
    if (!rc)
        return;
    vdc_error_hint(&err, "what has come of it is on that host; try again "
                         "later, or `xl-vdc image-remove %s` to begin anew",
                   p->name);
    request_fail(request, &err);
}

/* ---- image_add ---- */

static int add(struct request *request, const struct customer *c,
               const struct wire_image_add *order, struct vdc_error *err)
{
    struct operations *ops = request->ops;
    const struct wire_image *there =
        book_image(ops->book, c->name, order->name);
    const struct host *host;
    bool old;
    int rc = check_there(there, order, &old, err);

    if (rc || (there && !old))
        return rc;
    rc = check_room(request, c, order, &host, err);
    if (rc || order->dry_run)
        return rc;
    if (there)
        there = images_copy(there, request->arena);
    rc = record(request, c, order, host->name, err);
    if (!rc && there)
        images_drop(ops->images, there);
    return rc;
}

void image_add(struct request *request)
{
    const struct wire_image_add *order = request->body;
    const struct wire_image *image;
    struct vdc_error err;
    struct customer *c;
    int rc = operations_customer(request, order->customer, &c, &err);

    if (!rc)
        rc = check_order(order, &err);
    if (!rc)
        rc = add(request, c, order, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    image = book_image(request->ops->book, c->name, order->name);
    if (!image || order->dry_run) {
        struct wire_image would;
        wire_init(&wire_struct_image, &would);
        would.name = order->name;
        would.customer = c->name;
        would.digest = order->digest;
        would.size = order->size;
        reply_one(request, image ? image : &would, image ? image->done : 0);
    } else if (image->state == WIRE_IMAGE_READY) {
        reply_one(request, image, image->size);
    } else {
        put_to_host(request, image, 0, NULL, 0);
    }
}

/* ---- image_data ---- */

void image_data(struct request *request)
{
    const struct wire_image_data *data = request->body;
    const struct wire_image *image = NULL;
    struct vdc_error err;
    struct customer *c;
    int rc = operations_customer(request, data->customer, &c, &err);

    if (!rc)
        image = book_image(request->ops->book, c->name, data->name);
    if (!rc && !image)
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "no such image: %s",
                           data->name);
    if (!rc && image->state != WIRE_IMAGE_UPLOADING)
        rc = vdc_error_set(&err, VDC_E_CONFLICT,
                           "image '%s' is whole already", data->name);
    if (!rc && !data->n_bytes)
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE, "a piece of no bytes");
    if (rc)
        request_fail(request, &err);
    else
        put_to_host(request, image, data->offset, data->bytes, data->n_bytes);
}
