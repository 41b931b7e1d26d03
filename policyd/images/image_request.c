/* What clients ask of images that are there: lists, removing, verifying. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/images/images_impl.h"
#include "wire/page.h"

/* ---- whose ---- */

/* Customers see their own, those of their projects and of whose project they
 * are, and the provider's. */
static bool may_see(const struct request *request,
                    const struct wire_image *image)
{
    char parent[NAMES_CUSTOMER_MAX + 1];
    const char *who = request->auth.customer;

    return request->auth.role == W_OPERATOR ||
           strcmp(image->customer, NAMES_PROVIDER) == 0 ||
           names_covers(who, image->customer) ||
           (names_parent(who, parent) && strcmp(parent, image->customer) == 0);
}

static bool may_change(const struct request *request,
                       const struct wire_image *image)
{
    return request->auth.role == W_OPERATOR ||
           names_covers(request->auth.customer, image->customer);
}

/* The one that is meant by a name. */
static int find(const struct request *request,
                const struct wire_image_ref *ref,
                const struct wire_image **ret, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    const struct wire_image *image = NULL;
    struct customer *c;
    int rc = operations_customer(request, ref->customer, &c, err);

    if (rc)
        return rc;
    for (const struct customer *o = c; o && !image; o = o->parent)
        image = book_image(book, o->name, ref->name);
    if (!image && !*ref->customer)
        image = book_image(book, NAMES_PROVIDER, ref->name);
    if (!image || !may_see(request, image)) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such image: %s", ref->name);
        vdc_error_hint(err, "`xl-vdc image-list` shows them");
        return VDC_E_NOT_FOUND;
    }
    *ret = image;
    return 0;
}

/* ---- what uses it ---- */

/* Guests of those who may use it. */
static bool uses(const struct wire_image *image, const struct assignment *a)
{
    return *a->images && images_names(a->images, image->digest) &&
           (strcmp(image->customer, NAMES_PROVIDER) == 0 ||
            names_covers(image->customer, a->customer->name));
}

typedef bool user_fn(void *arg, const struct assignment *a);

static void each_user(const struct book *book, const struct wire_image *image,
                      user_fn *fn, void *arg)
{
    const struct customer *c;
    const struct assignment *a;

    TAILQ_FOREACH (c, book_customers(book), link)
        TAILQ_FOREACH (a, &c->assignments, link)
            if (uses(image, a) && !fn(arg, a))
                return;
}

struct users {
    const struct request *request;
    const char **names;
    uint32_t n, most;
    bool hidden; /* there are more, which are not who asks's */
};

static bool add_user(void *arg, const struct assignment *a)
{
    struct users *users = arg;
    const struct auth *auth = &users->request->auth;

    if (auth->role != W_OPERATOR &&
        !names_covers(auth->customer, a->customer->name)) {
        users->hidden = true;
        return true;
    }
    if (users->n < users->most)
        users->names[users->n++] =
            arena_printf(users->request->arena, "%s.%s", a->customer->name,
                         a->name);
    return users->n < users->most;
}

static void find_users(const struct request *request,
                       const struct wire_image *image, uint32_t most,
                       struct users *ret)
{
    *ret = (struct users){ .request = request, .most = most };
    ret->names = ARENA_ARRAY(request->arena, most, const char *);
    each_user(request->ops->book, image, add_user, ret);
}

/* ---- lists ---- */

/* As who asks may see it. */
static void present(const struct request *request,
                    const struct wire_image *image, bool whole,
                    struct wire_image *ret)
{
    struct users users;

    *ret = *images_copy(image, request->arena);
    memset(&ret->part, 0, sizeof(ret->part));
    ret->part_host = "";
    if (request->auth.role != W_OPERATOR)
        ret->n_hosts = 0;
    if (!whole)
        return;
    find_users(request, image, 1000, &users);
    ret->used_by = users.names;
    ret->n_used_by = users.n;
}

static bool is_asked(const struct request *request,
                     const struct wire_image_ref *ref, const char *only,
                     const struct wire_image *image)
{
    return may_see(request, image) &&
           (!*only || names_covers(only, image->customer)) &&
           (!*ref->name || strcmp(ref->name, image->name) == 0);
}

static int list(struct request *request, const struct wire_image_ref *ref,
                struct wire_image_list *ret, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    const struct wire_image *image = NULL;
    const char *only = "";
    uint32_t n = 0;

    if (*ref->customer) {
        struct customer *c;
        int rc = operations_customer(request, ref->customer, &c, err);
        if (rc)
            return rc;
        only = c->name;
    }
    while ((image = book_image_next(book, image)))
        n++;
    ret->images = ARENA_ARRAY(request->arena, n + 1, struct wire_image);
    for (image = book_image_after(book, ref->from); image;
         image = book_image_next(book, image))
        if (is_asked(request, ref, only, image))
            present(request, image, *ref->name,
                    &ret->images[ret->n_images++]);
    return 0;
}

void image_list(struct request *request)
{
    const struct wire_image_ref *ref = request->body;
    struct wire_image_list reply;
    struct vdc_error err;

    wire_init(&wire_struct_image_list, &reply);
    int rc = list(request, ref, &reply, &err);
    if (!rc && *ref->name && !reply.n_images) {
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "no such image: %s",
                           ref->name);
        vdc_error_hint(&err, "`xl-vdc image-list` shows them");
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    uint32_t n = wire_page_count(&wire_struct_image, reply.images,
                                 reply.n_images);
    if (n < reply.n_images) {
        const struct wire_image *last = &reply.images[n - 1];
        reply.next = arena_printf(request->arena, "%s/%s", last->customer,
                                  last->name);
        reply.n_images = n;
    }
    request_reply(request, WIRE_MSG_image_list_reply, &reply);
}

/* ---- removing ---- */

#define USERS_SHOWN 8

static int check_unused(const struct request *request,
                        const struct wire_image *image, struct vdc_error *err)
{
    const char *text = "";
    struct users users;

    find_users(request, image, USERS_SHOWN + 1, &users);
    if (!users.n && !users.hidden)
        return 0;
    for (uint32_t i = 0; i < users.n && i < USERS_SHOWN; i++)
        text = arena_printf(request->arena, "%s%s%s", text, i ? ", " : "",
                            users.names[i]);
    vdc_error_set(err, VDC_E_WRONG_STATE, "image '%s' is used by %s%s",
                  image->name, text,
                  users.n > USERS_SHOWN ? " and more"
                  : users.n             ? ""
                                        : "guests");
    vdc_error_hint(err, "destroy them first; `xl-vdc image-show %s` shows "
                        "all of them", image->name);
    return VDC_E_WRONG_STATE;
}

static int check_remove(const struct request *request,
                        const struct wire_image_ref *ref,
                        const struct wire_image *image, struct vdc_error *err)
{
    /* who names a customer does not mean another's */
    if (*ref->customer && strcmp(ref->customer, image->customer) != 0) {
        vdc_error_set(err, VDC_E_NOT_FOUND,
                      "customer %s has no image '%s'; %s has", ref->customer,
                      image->name, image->customer);
        vdc_error_hint(err, "`xl-vdc image-list` shows them");
        return VDC_E_NOT_FOUND;
    }
    if (may_change(request, image))
        return check_unused(request, image, err);
    vdc_error_set(err, VDC_E_DENIED, "image '%s' is %s's", image->name,
                  strcmp(image->customer, NAMES_PROVIDER) == 0
                      ? "the provider"
                      : image->customer);
    vdc_error_hint(err, "its customer, or an operator, can remove it");
    return VDC_E_DENIED;
}

void image_remove(struct request *request)
{
    const struct wire_image_ref *ref = request->body;
    struct operations *ops = request->ops;
    const struct wire_image *image;
    struct vdc_error err;
    int rc = find(request, ref, &image, &err);

    if (!rc)
        rc = check_remove(request, ref, image, &err);
    if (!rc && !ref->dry_run) {
        /* what is in the book goes */
        image = images_copy(image, request->arena);
        struct store_audit audit =
            operations_audit(request, image->customer, image->name, 0);
        rc = book_image_remove(ops->book, image, &audit, &err);
        if (!rc)
            images_drop(ops->images, image);
    }
    if (rc)
        request_fail(request, &err);
    else
        request_ok(request);
}

/* ---- verifying ---- */

struct verifying {
    struct request *request;
    const struct wire_image *image; /* as it was */
    struct wire_image_verified reply;
    uint32_t at;
};

static void verify_next(struct verifying *v);

static void add_check(struct verifying *v, const char *host, bool whole,
                      const char *text)
{
    struct wire_image_check *check = &v->reply.checks[v->reply.n_checks++];

    wire_init(&wire_struct_image_check, check);
    if (v->request->auth.role == W_OPERATOR)
        check->host = host;
    check->whole = whole;
    check->text = arena_printf(v->request->arena, "%.250s", text);
}

static void verified(void *arg, const void *answer,
                     const struct vdc_error *err)
{
    struct verifying *v = arg;
    const struct wire_image_found *found = answer;
    const char *host = v->image->hosts[v->at++];

    memset(&v->request->call, 0, sizeof(v->request->call));
    if (err)
        add_check(v, host, false, err->text);
    else
        add_check(v, host, found->whole,
                  found->whole     ? ""
                  : found->damaged ? "it was damaged, and is put aside: it is "
                                     "brought anew when it is needed"
                                   : "it is not there any more");
    if (!err && !found->whole)
        images_note(v->request->ops->images, v->image->digest, host, false);
    verify_next(v);
}

static void verify_end(struct verifying *v)
{
    struct request *request = v->request;
    const struct wire_image *now =
        book_image(request->ops->book, v->image->customer, v->image->name);

    present(request, now ? now : v->image, false, &v->reply.image);
    request_reply(request, WIRE_MSG_image_verify_reply, &v->reply);
}

static void verify_next(struct verifying *v)
{
    struct request *request = v->request;
    struct wire_image_file file;
    struct service *service;
    struct vdc_error err;

    wire_init(&wire_struct_image_file, &file);
    file.digest = v->image->digest;
    file.size = v->image->size;
    file.verify = true;
    for (; v->at < v->image->n_hosts; v->at++) {
        const char *host = v->image->hosts[v->at];
        if (request_is_cancelled(request, &err)) {
            request_fail(request, &err);
            return;
        }
        if (!hosts_service(request->ops->hosts, host, &service, &err) &&
            !service_ask(service, WIRE_MSG_image_look, &file, verified, NULL,
                         v, &request->call, &err))
            return;
        add_check(v, host, false, err.text);
    }
    verify_end(v);
}

void image_verify(struct request *request)
{
    struct verifying *v = ARENA_NEW(request->arena, struct verifying);
    const struct wire_image *image;
    struct vdc_error err;
    int rc = find(request, request->body, &image, &err);

    if (!rc && image->state != WIRE_IMAGE_READY)
        rc = vdc_error_set(&err, VDC_E_WRONG_STATE,
                           "of image '%s' not all has come yet", image->name);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    v->request = request;
    v->image = images_copy(image, request->arena);
    wire_init(&wire_struct_image_verified, &v->reply);
    v->reply.checks = ARENA_ARRAY(request->arena, image->n_hosts + 1,
                                  struct wire_image_check);
    verify_next(v);
}
