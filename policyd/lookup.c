/*
 * Finding guests by what clients call them; see lookup.h.
 */
#include "policyd/lookup.h"

#include <stdlib.h>
#include <string.h>

int lookup_no_guest(const char *name, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no such guest: %s", name);
}

int lookup_check_idle(const struct assignment *a, struct vdc_error *err)
{
    const char *doing = "changed";

    if (a->state == ASSIGNMENT_ACTIVE && !a->in_flight)
        return 0;
    if (a->state == ASSIGNMENT_CREATING)
        doing = "created";
    else if (a->state == ASSIGNMENT_DELETING)
        doing = "destroyed";
    else if (a->state == ASSIGNMENT_RENAMING)
        doing = "renamed";
    return vdc_error_set(err, VDC_E_BUSY, "guest '%s' is being %s just now",
                         a->name, doing);
}

/* What an operator may write instead of customer and name. */
static struct assignment *find_written(const struct book *book,
                                       const char *text)
{
    char customer_name[NAMES_CUSTOMER_MAX + 1];
    struct vdc_uuid uuid;
    const char *name;

    if (names_split(text, customer_name, &name)) {
        const struct customer *c = book_customer(book, customer_name);
        struct assignment *a = c ? book_assignment_by_name(c, name) : NULL;
        if (a)
            return a;
    }
    return uuid_from_text(text, &uuid) ? book_assignment(book, &uuid) : NULL;
}

static struct assignment *find(const struct request *request,
                               const struct wire_partition_ref *ref)
{
    const struct book *book = request->ops->book;
    bool operator= request->auth.role == W_OPERATOR;
    struct customer *customer;
    struct assignment *a;

    if (operations_customer(request, ref->customer, &customer, NULL))
        return NULL;
    if (!uuid_is_zero(&ref->uuid)) {
        a = book_assignment(book, &ref->uuid);
        bool any = operator&& !* ref->customer;
        return a && (any || a->customer == customer) ? a : NULL;
    }
    a = book_assignment_by_name(customer, ref->name);
    if (!a && operator&& !* ref->customer)
        a = find_written(book, ref->name);
    return a;
}

/* A hint for operators only: they may know. */
static void fail_no_guest(struct request *request,
                          const struct wire_partition_ref *ref)
{
    struct vdc_error err = { 0 };
    char uuid[UUID_TEXT_SIZE];
    const struct customer *c;

    lookup_no_guest(*ref->name || uuid_is_zero(&ref->uuid)
                        ? ref->name
                        : uuid_format(&ref->uuid, uuid),
                    &err);
    if (request->auth.role == W_OPERATOR && !*ref->customer)
        TAILQ_FOREACH(c, book_customers(request->ops->book), link)
    if (book_assignment_by_name(c, ref->name))
        vdc_error_hint(&err, "customer %s has one: %s.%s", c->name, c->name,
                       ref->name);
    request_fail(request, &err);
}

struct search {
    struct request *request;
    const struct wire_partition_ref *ref;
    unsigned domid;
    lookup_fn *found;
};

static void listed(void *arg, const void *answer, const struct vdc_error *err)
{
    struct search *search = arg; /* in the request's arena */
    const struct wire_partition_list *list = answer;
    struct request *request = search->request;
    struct assignment *a = NULL;

    if (err) {
        request_fail(request, err);
        return;
    }
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        if (p->managed && p->domid == search->domid)
            a = book_assignment(request->ops->book, &p->uuid);
    }
    if (a)
        search->found(request, a);
    else
        fail_no_guest(request, search->ref);
}

void lookup_guest(struct request *request,
                  const struct wire_partition_ref *ref, lookup_fn *found)
{
    struct assignment *a = find(request, ref);
    struct vdc_error err = { 0 };
    unsigned domid;

    if (a) {
        found(request, a);
        return;
    }
    if (request->auth.role != W_OPERATOR || *ref->customer ||
        !uuid_is_zero(&ref->uuid) || !names_domid(ref->name, &domid)) {
        fail_no_guest(request, ref);
        return;
    }
    struct search *search = ARENA_NEW(request->arena, struct search);
    *search = (struct search){ request, ref, domid, found };
    if (service_list(request->ops->service, listed, search, &err))
        request_fail(request, &err);
}
