/*
 * Pieces of an image come from a client, and go to the host that gets it.
 * Nothing of it is kept here, and a client has one piece under way, so that
 * the host's disk sets the pace.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/images/images_impl.h"

/* That more has come is recorded so often. */
#define TOUCH_MS 60000

void image_reply(struct request *request, const struct wire_image *image,
                 uint64_t done)
{
    struct wire_image *copy = images_copy(image, request->arena);
    struct wire_image_list list;

    wire_init(&wire_struct_image_list, &list);
    copy->done = done;
    memset(&copy->part, 0, sizeof(copy->part));
    copy->part_host = "";
    if (request->auth.role != W_OPERATOR)
        copy->n_hosts = 0;
    list.images = copy;
    list.n_images = 1;
    request_reply(request, WIRE_MSG_image_list_reply, &list);
}

const char *image_part_host(const struct wire_image *image)
{
    if (*image->part_host)
        return image->part_host;
    return image->n_hosts ? image->hosts[0] : "";
}

/* ---- where it goes on ---- */

/* The one that it came to now, and those that have it by another name. */
static void add_hosts(struct request *request, const char *host,
                      struct wire_image *image)
{
    const struct book *book = request->ops->book;
    const struct wire_image *other = images_of_digest(book, image->digest);
    uint32_t n = 1 + (other ? other->n_hosts : 0);
    const char **hosts = ARENA_ARRAY(request->arena, n, const char *);

    hosts[0] = arena_strdup(request->arena, host);
    image->n_hosts = 1;
    for (uint32_t i = 0; other && i < other->n_hosts; i++)
        if (strcmp(other->hosts[i], host) != 0 &&
            hosts_find(request->ops->hosts, other->hosts[i]))
            hosts[image->n_hosts++] =
                arena_strdup(request->arena, other->hosts[i]);
    image->hosts = hosts;
}

static int ready(struct request *request, const struct wire_image *image,
                 struct vdc_error *err)
{
    struct wire_image *copy = images_copy(image, request->arena);
    const char *host = arena_strdup(request->arena, image_part_host(image));

    add_hosts(request, host, copy);
    copy->state = WIRE_IMAGE_READY;
    copy->done = copy->size;
    copy->touched_ms = clock_wall().ms;
    memset(&copy->part, 0, sizeof(copy->part));
    copy->part_host = "";
    struct store_audit audit =
        operations_audit(request, copy->customer, copy->name, 0);
    int rc = book_image_put(request->ops->book, copy, &audit, err);
    if (rc)
        return rc;
    images_note(request->ops->images, copy->digest, host, true);
    log_info("image %s of %s is ready: %s, %llu bytes", copy->name,
             copy->customer, copy->digest, (unsigned long long)copy->size);
    return 0;
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
    if (image->state != WIRE_IMAGE_READY)
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
    else if (!image || uuid_is_zero(&image->part) ||
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
    image_reply(request, image, found->whole ? image->size : found->done);
}

void image_put_piece(struct request *request, const struct wire_image *image,
                     uint64_t offset, const uint8_t *bytes, uint32_t n)
{
    struct putting *p = ARENA_NEW(request->arena, struct putting);
    const char *host = image_part_host(image);
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
    if (!rc && uuid_is_zero(&image->part))
        rc = vdc_error_set(&err, VDC_E_CONFLICT,
                           "image '%s' is whole already", data->name);
    if (!rc && !data->n_bytes)
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE, "a piece of no bytes");
    if (rc)
        request_fail(request, &err);
    else
        image_put_piece(request, image, data->offset, data->bytes,
                        data->n_bytes);
}
