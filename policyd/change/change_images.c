/*
 * Images that the guests of a change are made from: found by their names when
 * it is asked, kept by their digests, and brought to the host before that is
 * asked to build from them.  See change.h and images/images.h.
 */
#include <string.h>

#include "policyd/change/change.h"
#include "policyd/images/images.h"

int change_resolve_images(struct change *change, struct customer *customer,
                          struct wire_definition *definition,
                          struct change_guest *guest, struct vdc_error *err)
{
    const char *digests = "";
    int rc = images_resolve(change->request->ops->book, customer, definition,
                            change->request->arena, &digests, err);

    if (!rc && *digests)
        guest->images = digests;
    return rc;
}

/* Those that it was created with may have been removed meanwhile; from when it
 * is recorded on they cannot be. */
void change_check_images(struct change *change)
{
    const struct book *book = change->request->ops->book;

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct change_guest *guest = change->guest_of[i];
        struct wire_operation *op = &change->order.operations[i];
        const struct customer *customer;
        struct vdc_error err = { 0 };
        const char *digests;
        if (!guest || !guest->images || op->kind != WIRE_OP_CREATE ||
            guest->book != CHANGE_CREATES)
            continue;
        customer = book_customer(book, guest->customer);
        if (!customer || images_resolve(book, customer, &op->definition,
                                        change->request->arena, &digests,
                                        &err))
            change_refuse_operation(change, i, &err);
    }
}

/* What the host needs for this operation, added to what it needs. */
static const char *needs(const struct change *change, uint32_t i,
                         const char *sum)
{
    const struct wire_operation *op = &change->order.operations[i];
    const struct change_guest *guest = change->guest_of[i];
    const struct assignment *a;
    const char *more = "";

    if (!guest)
        return sum;
    a = book_assignment(change->request->ops->book, &guest->uuid);
    if (op->kind == WIRE_OP_CREATE && guest->images)
        more = guest->images;
    else if (op->kind == WIRE_OP_START && !*op->file && a)
        more = a->images;
    if (!*more)
        return sum;
    return arena_printf(change->request->arena, "%s%s%s", sum,
                        *sum ? " " : "", more);
}

static void brought(void *arg, const struct vdc_error *err)
{
    struct change *change = arg;

    change->bringing = NULL;
    change->request->on_cancel = NULL;
    change->request->owner = NULL;
    if (err)
        change->why = *err;
    else
        request_is_cancelled(change->request, &change->why);
    change->brought(change);
}

static void cancelled(struct request *request)
{
    struct change *change = request->owner;

    images_bring_cancel(change->bringing);
}

static void tell(void *arg, const struct wire_progress *progress)
{
    struct change *change = arg;

    request_more(change->request, WIRE_MSG_progress, progress);
}

bool change_bring(struct change *change, void (*fn)(struct change *change))
{
    struct request *request = change->request;
    const char *digests = "";

    for (uint32_t i = 0; !change->order.dry_run &&
                         i < change->order.n_operations; i++)
        digests = needs(change, i, digests);
    if (!*digests)
        return false;
    memset(&change->why, 0, sizeof(change->why));
    change->brought = fn;
    request->owner = change;
    request->on_cancel = cancelled;
    change->bringing = images_bring(request->ops->images, digests,
                                    change->host, brought, tell, change);
    return true;
}
