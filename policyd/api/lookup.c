/*
 * Finding guests by what clients call them; see lookup.h.
 */
#include "policyd/api/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/api/gather.h"

int lookup_no_guest(const char *name, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no such guest: %s", name);
}

int lookup_check_idle(const struct assignment *a, struct vdc_error *err)
{
    const char *doing = "changed";

    if (book_moves(a)) {
        vdc_error_set(err, VDC_E_BUSY,
                      "guest '%s' is being moved to another host", a->name);
        vdc_error_hint(err, "try again in a moment");
        return VDC_E_BUSY;
    }
    if ((a->state == ASSIGNMENT_ACTIVE || a->state == ASSIGNMENT_CHANGING) &&
        !a->in_flight)
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
    bool is_own = request->auth.role == W_CUSTOMER && !*ref->customer;
    struct customer *customer;
    struct assignment *a;

    if (operations_customer(request, ref->customer, &customer, NULL))
        return NULL;
    if (request->auth.role == W_GUEST && !*ref->name &&
        uuid_is_zero(&ref->uuid))
        return book_assignment(book, &request->auth.guest);
    if (!uuid_is_zero(&ref->uuid)) {
        a = book_assignment(book, &ref->uuid);
        bool any = operator&& !* ref->customer;
        return a && (any || a->customer == customer ||
                     (is_own && names_covers(customer->name,
                                             a->customer->name)))
                   ? a
                   : NULL;
    }
    a = book_assignment_by_name(customer, ref->name);
    if (!a && operator&& !* ref->customer)
        a = find_written(book, ref->name);
    /* a customer with projects sees whole names, too */
    if (!a && is_own && customer->n_projects)
        a = find_written(book, ref->name);
    return a && !operator&& !names_covers(customer->name, a->customer->name)
               ? NULL
               : a;
}

struct search {
    struct request *request;
    const struct wire_partition_ref *ref;
    unsigned domid;
    lookup_done_fn *done;
    void *arg;
};

/* A hint for operators only: they may know. */
static void end_none(const struct search *search)
{
    const struct wire_partition_ref *ref = search->ref;
    const struct request *request = search->request;
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
    search->done(search->arg, NULL, &err);
}

/* A domain's number is its own on its host only. */
static void end_several(const struct search *search, const char *one,
                        const char *other)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_BAD_VALUE,
                  "domain %u is a guest on host %s, and another on host %s",
                  search->domid, one, other);
    vdc_error_hint(&err, "name it: CUSTOMER.NAME, or its UUID");
    search->done(search->arg, NULL, &err);
}

static struct assignment *find_domain(const struct search *search,
                                      const struct gather_part *part)
{
    const struct wire_partition_list *list = part->list;

    for (uint32_t i = 0; list && i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        struct assignment *a;
        if (!p->managed || p->domid != search->domid)
            continue;
        a = book_assignment(search->request->ops->book, &p->uuid);
        if (a && strcmp(a->host, part->host) == 0)
            return a;
    }
    return NULL;
}

static void listed(void *arg, const struct gather_part *parts, size_t n_parts)
{
    const struct search *search = arg; /* in the request's arena */
    struct assignment *found = NULL;
    struct vdc_error err = { 0 };

    if (gather_none(parts, n_parts, &err)) {
        search->done(search->arg, NULL, &err);
        return;
    }
    for (size_t i = 0; i < n_parts; i++) {
        struct assignment *a = find_domain(search, &parts[i]);
        if (a && found) {
            end_several(search, found->host, a->host);
            return;
        }
        found = a ? a : found;
    }
    if (found)
        search->done(search->arg, found, NULL);
    else
        end_none(search);
}

/* A guest may know of its customer's others, and do nothing to them. */
static int check_itself(const struct request *request,
                        const struct assignment *a, struct vdc_error *err)
{
    const struct auth *auth = &request->auth;

    if (auth->role != W_GUEST || uuid_equal(&a->uuid, &auth->guest))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "a guest asks for itself only, not for '%s'", a->name);
    vdc_error_hint(err, AUTH_GUEST_HINT);
    return VDC_E_DENIED;
}

void lookup_assignment(struct request *request,
                       const struct wire_partition_ref *ref,
                       lookup_done_fn *done, void *arg)
{
    struct search *search = ARENA_NEW(request->arena, struct search);
    struct assignment *a = find(request, ref);
    struct vdc_error err = { 0 };

    *search = (struct search){ request, ref, 0, done, arg };
    if (a && check_itself(request, a, &err))
        done(arg, NULL, &err);
    else if (a)
        done(arg, a, NULL);
    else if (request->auth.role != W_OPERATOR || *ref->customer ||
             !uuid_is_zero(&ref->uuid) ||
             !names_domid(ref->name, &search->domid))
        end_none(search);
    else
        gather_all_partitions(request->ops, NULL, listed, search);
}

struct waiting {
    struct request *request;
    lookup_fn *found;
};

static void guest_done(void *arg, struct assignment *a,
                       const struct vdc_error *why)
{
    const struct waiting *waiting = arg; /* in the request's arena */
    struct vdc_error err = { 0 };

    if (!a)
        request_fail(waiting->request, why);
    else if (request_is_cancelled(waiting->request, &err))
        request_fail(waiting->request, &err);
    else
        waiting->found(waiting->request, a);
}

void lookup_guest(struct request *request,
                  const struct wire_partition_ref *ref, lookup_fn *found)
{
    struct waiting *waiting = ARENA_NEW(request->arena, struct waiting);

    *waiting = (struct waiting){ request, found };
    lookup_assignment(request, ref, guest_done, waiting);
}
