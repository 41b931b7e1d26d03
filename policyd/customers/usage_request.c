/*
 * What customers used, from the times that are recorded (book_change.c) and
 * those that have not ended; see usage.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/api/operations.h"
#include "policyd/customers/history.h"
#include "policyd/customers/usage.h"
#include "wire/page.h"

/* Of one answer, of all customers. */
#define PERIODS_MAX 10000

/* A time that has not ended. */
struct open {
    struct vdc_uuid uuid;
    uint64_t since_ms;
};

struct listing {
    struct request *request;               /* its arena holds this */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    struct usage *usage;
    uint64_t now_ms;
    struct open *open; /* counted as they were at the beginning; by uuid */
    size_t n_open;
    struct wire_use from; /* the last of the page before ... */
    bool has_from;        /* ... if there was one */
};

static bool wanted(const struct listing *l, const char *customer)
{
    return !*l->customer || names_covers(l->customer, customer);
}

static int compare_open(const void *a, const void *b)
{
    const struct open *x = a, *y = b;

    return memcmp(x->uuid.bytes, y->uuid.bytes, sizeof(x->uuid.bytes));
}

/* One that has ended since this began is counted already. */
static bool is_counted(const struct listing *l,
                       const struct wire_stored_use *use)
{
    const struct open key = { .uuid = use->uuid };
    const struct open *open = l->n_open ? bsearch(&key, l->open, l->n_open,
                                                  sizeof(key), compare_open)
                                        : NULL;

    return open && open->since_ms == use->from_ms;
}

static bool take(void *arg, const char *id, const void *body)
{
    struct listing *l = arg;
    const struct wire_stored_use *use = body;

    if (wanted(l, use->customer) && !is_counted(l, use))
        usage_count(l->usage, use);
    return true;
}

static void count_one(struct listing *l, const struct assignment *a)
{
    struct wire_stored_use use;

    if (a->state == ASSIGNMENT_CREATING || !a->since_ms)
        return;
    wire_init(&wire_struct_stored_use, &use);
    use.customer = a->customer->name;
    use.from_ms = a->since_ms;
    use.to_ms = l->now_ms;
    use.runs = a->runs;
    use.counts = book_counted(a);
    usage_count(l->usage, &use);
    l->open[l->n_open++] = (struct open){ a->uuid, a->since_ms };
}

/* What is so since then, until now. */
static void count_open(struct listing *l)
{
    const struct book *book = l->request->ops->book;
    const struct customer *c;
    const struct assignment *a;
    size_t n = 0;

    TAILQ_FOREACH(c, book_customers(book), link)
    n += c->n_assignments;
    l->open = ARENA_ARRAY(l->request->arena, n + 1, struct open);
    TAILQ_FOREACH(c, book_customers(book), link)
    {
        if (!wanted(l, c->name))
            continue;
        TAILQ_FOREACH(a, &c->assignments, link)
        count_one(l, a);
    }
    qsort(l->open, l->n_open, sizeof(*l->open), compare_open);
}

/* ---- pages ---- */

/* A place is START/CUSTOMER. */
static int parse_place(struct listing *l, const char *text,
                       struct vdc_error *err)
{
    const char *slash = strchr(text, '/');
    int rc;

    l->has_from = true;
    if (!slash)
        return wire_page_refuse(text, err);
    rc = wire_page_number(
        arena_strndup(l->request->arena, text, (size_t)(slash - text)),
        &l->from.start_ms, err);
    l->from.customer = slash + 1;
    return rc ? wire_page_refuse(text, err) : 0;
}

static bool is_after(const struct listing *l, const struct wire_use *use)
{
    if (!l->has_from)
        return true;
    if (use->start_ms != l->from.start_ms)
        return use->start_ms > l->from.start_ms;
    return strcmp(use->customer, l->from.customer) > 0;
}

static void done(void *arg, const struct vdc_error *why)
{
    struct listing *l = arg;
    struct request *request = l->request;
    struct wire_use_list list = { .next = "" };
    uint32_t at = 0, n;

    if (why->code) {
        usage_free(l->usage);
        request_fail(request, why);
        return;
    }
    usage_list(l->usage, request->arena, &list.uses, &n);
    usage_free(l->usage);
    while (at < n && !is_after(l, &list.uses[at]))
        at++;
    list.uses += at;
    list.n_uses = wire_page_count(&wire_struct_use, list.uses, n - at);
    if (at + list.n_uses < n) {
        const struct wire_use *last = &list.uses[list.n_uses - 1];
        list.next =
            arena_printf(request->arena, "%llu/%s",
                         (unsigned long long)last->start_ms, last->customer);
    }
    request_reply(request, WIRE_MSG_use_list_reply, &list);
}

static int check_range(const struct listing *l, uint64_t from_ms,
                       uint64_t to_ms, struct vdc_error *err)
{
    uint64_t period = l->request->ops->setup->usage_period_ms;

    if (from_ms >= to_ms)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "no time is between the beginning and the end "
                             "that were asked for");
    if ((to_ms - from_ms) / period <= PERIODS_MAX)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "these are more than %d periods",
                  PERIODS_MAX);
    vdc_error_hint(err, "ask for a shorter time, again and again");
    return VDC_E_BAD_VALUE;
}

void use_list(struct request *request)
{
    const struct wire_use_query *query = request->body;
    struct listing *l = ARENA_NEW(request->arena, struct listing);
    uint64_t from_ms = query->from_ms, to_ms = query->to_ms;
    struct vdc_error err = { 0 };
    struct customer *c;
    int rc = 0;

    l->request = request;
    l->now_ms = clock_wall().ms;
    if (!to_ms || to_ms > l->now_ms)
        to_ms = l->now_ms;
    if (*query->customer || request->auth.role != W_OPERATOR) {
        rc = operations_customer(request, query->customer, &c, &err);
        if (!rc)
            strcpy(l->customer, c->name);
        /* what a namesake used is not this customer's */
        if (!rc && request->auth.role != W_OPERATOR && from_ms < c->created_ms)
            from_ms = c->created_ms;
    }
    if (!rc && *query->from)
        rc = parse_place(l, query->from, &err);
    if (!rc)
        rc = check_range(l, from_ms, to_ms, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    l->usage = usage_new(request->ops->setup->usage_period_ms, from_ms, to_ms);
    count_open(l);
    history_read(request, STORE_USE, from_ms, take, done, l);
}
