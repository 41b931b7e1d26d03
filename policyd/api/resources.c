/*
 * Who has which resources.  A customer sees the rows of its own guests and
 * leases, and nothing of the hosts' totals, which would tell what others
 * have.
 *
 * Hosts are asked one after the other, page by page: a place in the list is
 * one of a host, and the host's name after an "@".  A host that cannot be
 * asked is left out, unless it is the only one that was to be.
 */
#include <inttypes.h>
#include <string.h>

#include "policyd/api/lookup.h"
#include "policyd/api/operations.h"

struct listing {
    struct request *request; /* its arena holds this */
    struct wire_resource_query query;
    const char *host;                      /* which is asked */
    bool one;                              /* and no other */
    bool heard;                            /* a host before it has answered */
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
static void present(const struct operations *ops, const char *host,
                    struct wire_resource *row)
{
    const struct assignment *a =
        row->leased ? NULL : book_assignment(ops->book, &row->uuid);

    row->host = host;
    if (!a)
        return;
    row->customer = a->customer->name;
    if (a->state != ASSIGNMENT_RENAMING)
        row->partition = a->name;
}

static void ask(struct listing *listing);

/* The host after this one; NULL: there is none that is to be asked. */
static const char *next_host(const struct listing *listing)
{
    const struct host *host = hosts_first(listing->request->ops->hosts);

    /* this one may have been removed meanwhile */
    while (host && strcmp(host->name, listing->host) <= 0)
        host = hosts_next(host);
    return host && !listing->one ? host->name : NULL;
}

static void go_on(struct listing *listing, const char *host)
{
    listing->host = arena_strdup(listing->request->arena, host);
    listing->query.from = "";
    ask(listing);
}

/* What is shown of an answer. */
static void take(const struct listing *listing,
                 const struct wire_resource_list *list,
                 struct wire_resource_list *ret)
{
    struct request *request = listing->request;

    ret->resources = ARENA_ARRAY(request->arena, list->n_resources + 1,
                                 struct wire_resource);
    for (uint32_t i = 0; i < list->n_resources; i++) {
        if (!wanted(listing, &list->resources[i]))
            continue;
        ret->resources[ret->n_resources] = list->resources[i];
        present(request->ops, listing->host,
                &ret->resources[ret->n_resources++]);
    }
    if (*list->next)
        ret->next =
            arena_printf(request->arena, "%s@%s", list->next, listing->host);
    if (request->auth.role != W_OPERATOR)
        return;
    ret->totals = list->totals;
    ret->n_totals = list->n_totals;
    for (uint32_t i = 0; i < ret->n_totals; i++)
        ret->totals[i].host = listing->host;
}

static void listed(void *arg, const void *answer, const struct vdc_error *why)
{
    struct listing *listing = arg;
    const struct wire_resource_query *query = &listing->query;
    struct request *request = listing->request;
    struct wire_resource_list mine = { .next = "" };
    bool none = why && why->code == VDC_E_NOT_FOUND && query->index;
    const char *other = next_host(listing);
    struct vdc_error err = { 0 };

    listing->heard |= none || !why;
    if (answer)
        take(listing, answer, &mine);
    /* another's row is as one that does not exist */
    bool empty = !mine.n_resources && !mine.n_totals && !*mine.next;
    if (empty && other) {
        go_on(listing, other);
    } else if (why && !none && !listing->heard) {
        request_fail(request, why);
    } else if (query->index && !mine.n_resources) {
        no_resource(query->index, &err);
        request_fail(request, &err);
    } else {
        if (!*mine.next && other && !query->index)
            mine.next = arena_printf(request->arena, "@%s", other);
        request_reply(request, WIRE_MSG_resource_list_reply, &mine);
    }
}

static void ask(struct listing *listing)
{
    struct request *request = listing->request;
    struct service *service;
    struct vdc_error err = { 0 };

    listing->query.name = "";
    /* hosts know nothing of projects; they are chosen when one answers */
    const struct customer *c =
        book_customer(request->ops->book, listing->customer);
    listing->query.customer = c && c->n_projects ? "" : listing->customer;
    if (hosts_service(request->ops->hosts, listing->host, &service, &err) ||
        service_ask(service, WIRE_MSG_resource_list, &listing->query, listed,
                    NULL, listing, NULL, &err))
        listed(listing, NULL, &err);
}

/* The place that was asked for, or the first. */
static void begin(struct listing *listing)
{
    struct arena *arena = listing->request->arena;
    const char *from = listing->query.from;
    const char *at = strchr(from, '@');
    const struct host *first = hosts_first(listing->request->ops->hosts);

    listing->host = at ? at + 1 : first ? first->name : "";
    listing->host = arena_strdup(arena, listing->host);
    if (at)
        listing->query.from =
            arena_printf(arena, "%.*s", (int)(at - from), from);
    /* a page before it has been answered */
    listing->heard = at != NULL;
    ask(listing);
}

static void found(struct request *request, struct assignment *a)
{
    struct listing *listing = request->owner;

    listing->query.uuid = a->uuid;
    listing->host = arena_strdup(request->arena, a->host);
    listing->one = true;
    if (strchr(listing->query.from, '@'))
        begin(listing);
    else
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
        begin(listing);
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
