/*
 * Lists of guests: what the hosts have, as far as it is the business of who
 * asks, and what should be there and is not.  Of a host that cannot be asked,
 * what was recorded.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/api/gather.h"
#include "policyd/api/operations.h"
#include "policyd/api/partition.h"
#include "wire/page.h"

struct filter {
    struct request *request;
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    bool foreign;
    struct wire_partition from; /* the last of the page before ... */
    bool has_from;              /* ... if there was one */
};

static bool wanted(const struct filter *filter, const char *host,
                   const struct wire_partition *p)
{
    const struct operations *ops = filter->request->ops;
    const struct assignment *a;

    if (!p->managed)
        return filter->foreign;
    a = book_assignment(ops->book, &p->uuid);
    if (a && strcmp(a->host, host) != 0)
        return false; /* that host tells of it */
    if (a)
        return !*filter->customer ||
               names_covers(filter->customer, a->customer->name);
    /* managed, but in no book: its customer is unknown here */
    return filter->request->auth.role == W_OPERATOR && !*filter->customer;
}

static void describe_missing(const struct assignment *a, bool known,
                             struct wire_partition *ret)
{
    wire_init(&wire_struct_partition, ret);
    ret->uuid = a->uuid;
    ret->managed = true;
    ret->state = book_moves(a) ? WIRE_MOVING
                 : known       ? WIRE_STOPPED
                               : WIRE_UNKNOWN;
    ret->memory = ret->max_memory = a->counts.memory;
    ret->vcpus = ret->max_vcpus = (uint32_t)a->counts.vcpus;
    ret->created_ms = a->created_ms;
    ret->host = a->host;
    ret->last_stop = book_moves(a) ? "it is being moved to another host"
                     : known       ? "its host does not know it any more"
                                   : "its host cannot be asked";
}

/* A guest that its host did not list. */
static bool is_missing(const struct filter *filter, const struct assignment *a,
                       bool known)
{
    if (*filter->customer &&
        !names_covers(filter->customer, a->customer->name))
        return false;
    /* what is being made is not there yet */
    if (book_moves(a))
        return !a->listed;
    return known ? a->missing && !a->listed : a->state != ASSIGNMENT_CREATING;
}

/* Assignments to a host that does not have them, though it should; or all
 * of them, when it cannot be asked. */
static void add_missing(const struct filter *filter, const char *host,
                        bool known, struct wire_partition_list *ret)
{
    const struct book_host *there =
        book_host(filter->request->ops->book, host);
    struct assignment *a;

    if (!there)
        return;
    TAILQ_FOREACH(a, &there->assignments, link_there)
    {
        if (is_missing(filter, a, known))
            describe_missing(a, known, &ret->partitions[ret->n_partitions++]);
        a->listed = false;
    }
}

/* ---- pages ---- */

/* By what a guest keeps for ever, its UUID; then others' domains, of which
 * the number alone is sure to be one's own on its host. */
static int compare_places(const void *a, const void *b)
{
    const struct wire_partition *p = a, *q = b;

    if (p->managed != q->managed)
        return p->managed ? -1 : 1;
    if (p->managed)
        return memcmp(&p->uuid, &q->uuid, sizeof(p->uuid));
    if (p->domid != q->domid)
        return p->domid < q->domid ? -1 : 1;
    return strcmp(p->host, q->host);
}

/* A place is the UUID of a guest, or the number of another's domain and its
 * host, whose name may be too long to be whole. */
static int parse_place(const char *text, struct arena *arena,
                       struct wire_partition *ret, struct vdc_error *err)
{
    size_t len = strcspn(text, "@");
    uint64_t domid;

    wire_init(&wire_struct_partition, ret);
    ret->managed = uuid_from_text(text, &ret->uuid);
    if (ret->managed)
        return 0;
    if (!text[len] ||
        wire_page_number(arena_printf(arena, "%.*s", (int)len, text), &domid,
                         NULL) ||
        domid > UINT32_MAX)
        return wire_page_refuse(text, err);
    ret->domid = (uint32_t)domid;
    ret->host = text + len + 1;
    return 0;
}

static const char *format_place(const struct wire_partition *p,
                                struct arena *arena)
{
    char uuid[UUID_TEXT_SIZE];

    return p->managed ? arena_strdup(arena, uuid_format(&p->uuid, uuid))
                      : arena_printf(arena, "%u@%.*s", p->domid, 50, p->host);
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

static void add_part(const struct filter *filter,
                     const struct gather_part *part,
                     struct wire_partition_list *ret)
{
    const struct operations *ops = filter->request->ops;
    const struct wire_partition_list *list = part->list;

    for (uint32_t i = 0; list && i < list->n_partitions; i++) {
        struct assignment *a =
            list->partitions[i].managed
                ? book_assignment(ops->book, &list->partitions[i].uuid)
                : NULL;
        if (a && strcmp(a->host, part->host) == 0)
            a->listed = true;
        if (!wanted(filter, part->host, &list->partitions[i]))
            continue;
        struct wire_partition *mine = &ret->partitions[ret->n_partitions++];
        *mine = list->partitions[i];
        mine->host = part->host;
    }
    add_missing(filter, part->host, list != NULL, ret);
}

static size_t count(const struct operations *ops,
                    const struct gather_part *part)
{
    const struct wire_partition_list *list = part->list;
    const struct book_host *there = book_host(ops->book, part->host);

    return (list ? list->n_partitions : 0) +
           (there ? there->n_assignments : 0);
}

static void listed(void *arg, const struct gather_part *parts, size_t n_parts)
{
    const struct filter *filter = arg; /* in the request's arena */
    struct request *request = filter->request;
    struct wire_partition_list mine = { 0 };
    struct vdc_error err = { 0 };
    size_t n = 0;

    if (gather_none(parts, n_parts, &err)) {
        request_fail(request, &err);
        return;
    }
    for (size_t i = 0; i < n_parts; i++)
        n += count(request->ops, &parts[i]);
    mine.partitions =
        ARENA_ARRAY(request->arena, n + 1, struct wire_partition);
    for (size_t i = 0; i < n_parts; i++)
        add_part(filter, &parts[i], &mine);
    for (uint32_t i = 0; i < mine.n_partitions; i++)
        partition_present(request->ops, &mine.partitions[i]);
    cut(filter, &mine);
    request_reply(request, WIRE_MSG_partition_list_reply, &mine);
}

/* Of one customer's guests, the hosts that have none need not be asked. */
static bool may_have(void *arg, const struct host *host)
{
    const struct filter *filter = arg;
    const struct book_host *there =
        book_host(filter->request->ops->book, host->name);
    const struct assignment *a;

    if (!*filter->customer)
        return true;
    if (there)
        TAILQ_FOREACH(a, &there->assignments, link_there)
    if (names_covers(filter->customer, a->customer->name))
        return true;
    return false;
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
        rc = parse_place(query->from, request->arena, &filter->from, &err);
    filter->foreign = query->foreign && request->auth.role == W_OPERATOR &&
                      !*query->customer;
    if (!rc && (*query->customer || request->auth.role != W_OPERATOR)) {
        rc = operations_customer(request, query->customer, &customer, &err);
        if (!rc)
            strcpy(filter->customer, customer->name);
    }
    if (rc)
        request_fail(request, &err);
    else
        gather_all_partitions(request->ops, may_have, listed, filter);
}
