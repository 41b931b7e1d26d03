/*
 * Who has which resources.  A customer sees the rows of its own guests and
 * leases, and nothing of the host's totals, which would tell what others
 * have.
 */
#include <inttypes.h>
#include <string.h>

#include "policyd/lookup.h"
#include "policyd/operations.h"

struct listing {
    struct request *request; /* its arena holds this */
    struct wire_resource_query query;
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
};

static int no_resource(uint64_t index, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no such resource: %" PRIu64,
                         index);
}

static bool wanted(const struct listing *listing,
                   const struct wire_resource *row)
{
    const struct assignment *a;

    if (!*listing->customer)
        return true;
    /* of a lease, or of a program on the host */
    if (row->leased || uuid_is_zero(&row->uuid))
        return names_covers(listing->customer, row->customer);
    a = book_assignment(listing->request->ops->book, &row->uuid);
    return a && names_covers(listing->customer, a->customer->name);
}

/* The names that operations know it by. */
static void present(const struct operations *ops, struct wire_resource *row)
{
    const struct assignment *a =
        row->leased ? NULL : book_assignment(ops->book, &row->uuid);

    row->host = service_host_name(ops->service);
    if (!a)
        return;
    row->customer = a->customer->name;
    if (a->state != ASSIGNMENT_RENAMING)
        row->partition = a->name;
    row->host = a->host;
}

static void listed(void *arg, const void *answer, const struct vdc_error *why)
{
    const struct listing *listing = arg;
    const struct wire_resource_list *list = answer;
    struct request *request = listing->request;
    const struct wire_resource_query *query = &listing->query;
    struct wire_resource_list mine = { 0 };
    struct vdc_error err = { 0 };

    if (why && !(why->code == VDC_E_NOT_FOUND && query->index)) {
        request_fail(request, why);
        return;
    }
    mine.resources = ARENA_ARRAY(request->arena, list ? list->n_resources : 0,
                                 struct wire_resource);
    for (uint32_t i = 0; list && i < list->n_resources; i++) {
        if (!wanted(listing, &list->resources[i]))
            continue;
        mine.resources[mine.n_resources] = list->resources[i];
        present(request->ops, &mine.resources[mine.n_resources++]);
    }
    /* another's row is as one that does not exist */
    if (query->index && mine.n_resources == 0) {
        no_resource(query->index, &err);
        request_fail(request, &err);
        return;
    }
    mine.next = list ? list->next : "";
    if (list && request->auth.role == W_OPERATOR) {
        mine.totals = list->totals;
        mine.n_totals = list->n_totals;
        for (uint32_t i = 0; i < mine.n_totals; i++)
            mine.totals[i].host = service_host_name(request->ops->service);
    }
    request_reply(request, WIRE_MSG_resource_list_reply, &mine);
}

static void ask(struct listing *listing)
{
    struct request *request = listing->request;
    struct vdc_error err = { 0 };

    listing->query.name = "";
    const struct customer *c =
        book_customer(request->ops->book, listing->customer);

    /* the host knows nothing of projects; they are chosen when it answers */
    listing->query.customer = c && c->n_projects ? "" : listing->customer;
    if (service_ask(request->ops->service, WIRE_MSG_resource_list,
                    &listing->query, listed, NULL, listing, NULL, &err))
        request_fail(request, &err);
}

static void found(struct request *request, struct assignment *a)
{
    struct listing *listing = request->owner;

    listing->query.uuid = a->uuid;
    ask(listing);
}

void resource_list(struct request *request)
{
    const struct wire_resource_query *asked = request->body;
    struct listing *listing = ARENA_NEW(request->arena, struct listing);
    struct wire_partition_ref *ref;
    struct vdc_error err = { 0 };
    struct customer *customer;

    listing->request = request;
    listing->query = *asked;
    if (*asked->customer || request->auth.role != W_OPERATOR) {
        if (operations_customer(request, asked->customer, &customer, &err)) {
            request_fail(request, &err);
            return;
        }
        strcpy(listing->customer, customer->name);
    }
    if (!*asked->name && uuid_is_zero(&asked->uuid)) {
        ask(listing);
        return;
    }
    ref = ARENA_NEW(request->arena, struct wire_partition_ref);
    wire_init(&wire_struct_partition_ref, ref);
    ref->customer = asked->customer;
    ref->name = asked->name;
    ref->uuid = asked->uuid;
    request->owner = listing;
    lookup_guest(request, ref, found);
}
