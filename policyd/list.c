/*
 * Lists of guests: what the host has, as far as it is the business of who
 * asks, and what should be there and is not.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/gather.h"
#include "policyd/operations.h"
#include "policyd/partition.h"
#include "wire/page.h"

struct filter {
    struct request *request;
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    bool foreign;
    struct wire_partition from; /* the last of the page before ... */
    bool has_from;              /* ... if there was one */
};

static bool wanted(const struct filter *filter, const struct wire_partition *p)
{
    const struct operations *ops = filter->request->ops;
    const struct assignment *a;

    if (!p->managed)
        return filter->foreign;
    a = book_assignment(ops->book, &p->uuid);
    if (a)
        return !*filter->customer ||
               names_covers(filter->customer, a->customer->name);
    /* managed, but in no book: its customer is unknown here */
    return filter->request->auth.role == W_OPERATOR && !*filter->customer;
}

static bool is_listed(const struct wire_partition_list *list,
                      const struct assignment *a)
{
    for (uint32_t i = 0; i < list->n_partitions; i++)
        if (uuid_equal(&list->partitions[i].uuid, &a->uuid))
            return true;
    return false;
}

static void describe_missing(const struct assignment *a,
                             struct wire_partition *ret)
{
    wire_init(&wire_struct_partition, ret);
    ret->uuid = a->uuid;
    ret->managed = true;
    ret->memory = ret->max_memory = a->counts.memory;
    ret->vcpus = ret->max_vcpus = (uint32_t)a->counts.vcpus;
    ret->created_ms = a->created_ms;
    ret->last_stop = "its host does not know it any more";
}

/* Assignments that their host does not have, though it should. */
static void add_missing(const struct filter *filter,
                        const struct wire_partition_list *list,
                        struct wire_partition_list *ret)
{
    const struct operations *ops = filter->request->ops;
    const struct customer *c;
    const struct assignment *a;

    TAILQ_FOREACH(c, book_customers(ops->book), link)
    {
        if (*filter->customer && !names_covers(filter->customer, c->name))
            continue;
        TAILQ_FOREACH(a, &c->assignments, link)
        if (a->missing && !is_listed(list, a))
            describe_missing(a, &ret->partitions[ret->n_partitions++]);
    }
}

static size_t count_missing(const struct operations *ops)
{
    const struct customer *c;
    const struct assignment *a;
    size_t n = 0;

    TAILQ_FOREACH(c, book_customers(ops->book), link)
    TAILQ_FOREACH(a, &c->assignments, link)
    n += a->missing;
    return n;
}

/* ---- pages ---- */

/* By what a guest keeps for ever, its UUID; then others' domains, of which
 * the number alone is sure to be one's own. */
static int compare_places(const void *a, const void *b)
{
    const struct wire_partition *p = a, *q = b;

    if (p->managed != q->managed)
        return p->managed ? -1 : 1;
    if (p->managed)
        return memcmp(&p->uuid, &q->uuid, sizeof(p->uuid));
    return p->domid < q->domid ? -1 : p->domid > q->domid;
}

/* A place is the UUID of a guest, or the number of another's domain. */
static int parse_place(const char *text, struct wire_partition *ret,
                       struct vdc_error *err)
{
    uint64_t domid;

    wire_init(&wire_struct_partition, ret);
    ret->managed = uuid_from_text(text, &ret->uuid);
    if (ret->managed)
        return 0;
    if (wire_page_number(text, &domid, err) || domid > UINT32_MAX)
        return wire_page_refuse(text, err);
    ret->domid = (uint32_t)domid;
    return 0;
}

static const char *format_place(const struct wire_partition *p,
                                struct arena *arena)
{
    char uuid[UUID_TEXT_SIZE];

    return p->managed ? arena_strdup(arena, uuid_format(&p->uuid, uuid))
                      : arena_printf(arena, "%u", p->domid);
}

/* A list that fits into one page stays as the host has it. */
static void cut(const struct filter *filter, struct wire_partition_list *list)
{
    struct wire_partition *all = list->partitions;
    uint32_t at = 0, n = list->n_partitions;

    list->next = "";
    if (!filter->has_from &&
        wire_page_count(&wire_struct_partition, all, n) == n)
        return;
    qsort(all, n, sizeof(*all), compare_places);
    while (filter->has_from && at < n &&
           compare_places(&all[at], &filter->from) <= 0)
        at++;
    list->partitions = all + at;
    list->n_partitions =
        wire_page_count(&wire_struct_partition, all + at, n - at);
    if (at + list->n_partitions < n)
        list->next = format_place(&all[at + list->n_partitions - 1],
                                  filter->request->arena);
}

static void listed(void *arg, const void *answer, const struct vdc_error *err)
{
    const struct filter *filter = arg; /* in the request's arena */
    const struct wire_partition_list *list = answer;
    struct request *request = filter->request;
    struct wire_partition_list mine = { 0 };

    if (err) {
        request_fail(request, err);
        return;
    }
    mine.partitions = ARENA_ARRAY(
        request->arena, list->n_partitions + count_missing(request->ops),
        struct wire_partition);
    for (uint32_t i = 0; i < list->n_partitions; i++)
        if (wanted(filter, &list->partitions[i]))
            mine.partitions[mine.n_partitions++] = list->partitions[i];
    add_missing(filter, list, &mine);
    for (uint32_t i = 0; i < mine.n_partitions; i++)
        partition_present(request->ops, &mine.partitions[i]);
    cut(filter, &mine);
    request_reply(request, WIRE_MSG_partition_list_reply, &mine);
}

void partition_list(struct request *request)
{
    const struct wire_partition_query *query = request->body;
    struct filter *filter = ARENA_NEW(request->arena, struct filter);
    struct customer *customer;
    struct vdc_error err = { 0 };
    int rc = 0;

    filter->request = request;
    filter->has_from = *query->from != '\0';
    if (filter->has_from)
        rc = parse_place(query->from, &filter->from, &err);
    filter->foreign = query->foreign && request->auth.role == W_OPERATOR &&
                      !*query->customer;
    if (!rc && (*query->customer || request->auth.role != W_OPERATOR)) {
        rc = operations_customer(request, query->customer, &customer, &err);
        if (!rc)
            strcpy(filter->customer, customer->name);
    }
    if (!rc)
        rc = gather_partitions(request->ops->service, listed, filter, &err);
    if (rc)
        request_fail(request, &err);
}
