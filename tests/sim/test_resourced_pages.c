/* resourced on a simulated host: lists that are longer than a message, and
 * what comes and goes between two pages of them. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"
#include "wire/page.h"

#define FAST "memory=256G,create_ms=0,destroy_ms=0,op_ms=0"

static struct rd *started(void)
{
    struct rd *rd = rd_new(FAST);

    rd->log_level = "warning";
    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

static const char *name_of(struct rd *rd, unsigned i)
{
    return arena_printf(rd->arena, "guest-%05u", i);
}

/* Stopped guests, of so many vCPUs each: a row for each of them. */
static void create_many(struct rd *rd, unsigned n, unsigned vcpus)
{
    for (unsigned i = 0; i < n;) {
        struct rd_transaction t;
        rd_begin(&t);
        for (; i < n && t.t.n_operations < 16; i++)
            rd_add_create(rd, &t, name_of(rd, i), false)
                ->definition.max_vcpus = vcpus;
        CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, NULL, NULL), 0);
    }
}

/* The next page; false when there is none. */
static bool next_page(struct rd *rd, struct wire_pages *pages)
{
    struct vdc_error err;
    const void *body;

    if (!pages->more)
        return false;
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, pages->message->number, pages->query, &body, &err), 0);
    CU_ASSERT_EQUAL_FATAL(wire_pages_add(pages, body, &err), 0);
    return true;
}

static unsigned rest(struct rd *rd, struct wire_pages *pages)
{
    unsigned n = 0;

    while (next_page(rd, pages))
        n++;
    return n;
}

static void refused(struct rd *rd, enum wire_message_number number,
                    const void *query)
{
    struct vdc_error err;

    CU_ASSERT_EQUAL(rd_call(rd, number, query, NULL, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is no place in this list"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "next"));
}

/* ---- resources ---- */

static int compare_index(const void *a, const void *b)
{
    const struct wire_resource *p = a, *q = b;

    return p->index < q->index ? -1 : p->index > q->index;
}

static unsigned rows_of(const struct wire_resource_list *list,
                        const char *name)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < list->n_resources; i++)
        n += strcmp(list->resources[i].partition, name) == 0;
    return n;
}

static void test_resources(void)
{
    enum { N = 90, VCPUS = 125 };
    struct rd *rd = started();
    struct wire_resource_query query;
    struct wire_pages pages;

    create_many(rd, N, VCPUS);
    wire_init(&wire_struct_resource_query, &query);
    wire_pages_init(&pages, WIRE_MSG_resource_list, &query, rd->arena);
    struct wire_resource_list *list = pages.list;
    CU_ASSERT_FATAL(next_page(rd, &pages) && pages.more);
    uint32_t first = list->n_resources;
    uint32_t n_totals = list->n_totals;
    unsigned each = rows_of(list, name_of(rd, 0));
    CU_ASSERT(each > VCPUS);
    CU_ASSERT(n_totals > 0);
    /* one that was told of goes, one that was not, and one comes */
    CU_ASSERT_EQUAL(rd_destroy(rd, name_of(rd, 0), false), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, name_of(rd, N - 1), false), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "new", ""), 0);
    unsigned n_pages = 1 + rest(rd, &pages);
    CU_ASSERT(n_pages > 2);
    CU_ASSERT_EQUAL(list->n_totals, n_totals); /* told once */
    CU_ASSERT_STRING_EQUAL(list->next, "");
    printf("\n  %u rows in %u pages, %u in the first\n", list->n_resources,
           n_pages, first);
    CU_ASSERT(list->n_resources > 10000);
    CU_ASSERT_EQUAL(list->n_resources,
                    (N - 1) * each + rows_of(list, "new"));
    for (unsigned i = 1; i < N - 1; i++)
        CU_ASSERT_EQUAL(rows_of(list, name_of(rd, i)), each);
    CU_ASSERT(rows_of(list, "new") > 0);
    CU_ASSERT_EQUAL(rows_of(list, name_of(rd, N - 1)), 0);
    qsort(list->resources, list->n_resources, sizeof(*list->resources),
          compare_index);
    for (uint32_t i = 1; i < list->n_resources; i++)
        CU_ASSERT(list->resources[i].index > list->resources[i - 1].index);
    rd_free(rd);
}

/* A filter holds for every page; a place may be a row that has gone. */
static void test_filter(void)
{
    enum { N = 40, VCPUS = 125 };
    struct rd *rd = started();
    struct wire_resource_query query;
    struct wire_pages pages;

    create_many(rd, N, VCPUS);
    wire_init(&wire_struct_resource_query, &query);
    query.kind = WIRE_RESOURCE_VCPU;
    query.customer = "acme";
    wire_pages_init(&pages, WIRE_MSG_resource_list, &query, rd->arena);
    struct wire_resource_list *list = pages.list;
    CU_ASSERT_FATAL(next_page(rd, &pages) && pages.more);
    const char *place =
        ((const struct wire_resource_query *)pages.query)->from;
    uint64_t index = strtoull(place, NULL, 10);
    const char *holder = NULL;
    for (uint32_t i = 0; i < list->n_resources; i++)
        if (list->resources[i].index == index)
            holder = list->resources[i].partition;
    CU_ASSERT_PTR_NOT_NULL_FATAL(holder);
    uint32_t told = rows_of(list, holder);
    CU_ASSERT_EQUAL(rd_destroy(rd, holder, false), 0);
    rest(rd, &pages);
    CU_ASSERT_EQUAL(list->n_resources, (N - 1) * VCPUS + told);
    CU_ASSERT_EQUAL(list->n_totals, 0); /* not all was asked for */
    for (uint32_t i = 0; i < list->n_resources; i++)
        CU_ASSERT_EQUAL(list->resources[i].kind, WIRE_RESOURCE_VCPU);
    rd_free(rd);
}

static void test_bad_places(void)
{
    struct rd *rd = started();
    struct wire_resource_query resources;
    struct wire_partition_query partitions;
    struct wire_lease_ref leases;
    struct wire_verify verify;
    struct vdc_error err;
    static const char *const bad[] = {
        "x", "-1", "1 ", "99999999999999999999", "999999999999999999999", ".",
    };

    wire_init(&wire_struct_resource_query, &resources);
    wire_init(&wire_struct_partition_query, &partitions);
    wire_init(&wire_struct_lease_ref, &leases);
    wire_init(&wire_struct_verify, &verify);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        resources.from = partitions.from = leases.from = verify.from = bad[i];
        refused(rd, WIRE_MSG_resource_list, &resources);
        refused(rd, WIRE_MSG_partition_list, &partitions);
        refused(rd, WIRE_MSG_lease_list, &leases);
        refused(rd, WIRE_MSG_host_verify, &verify);
    }
    leases.from = "12.4a1ba2fe";
    refused(rd, WIRE_MSG_lease_list, &leases);
    verify.from = "12.";
    refused(rd, WIRE_MSG_host_verify, &verify);
    verify.from = "12.34";
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, &err),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no longer kept"));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0); /* it goes on */
    rd_free(rd);
}

/* ---- partitions, and what verify finds ---- */

static unsigned times(const struct wire_partition_list *list,
                      const char *name)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < list->n_partitions; i++)
        n += strcmp(list->partitions[i].name, name) == 0;
    return n;
}

static void list_changing(struct rd *rd, unsigned n)
{
    struct wire_partition_query query;
    struct wire_pages pages;

    wire_init(&wire_struct_partition_query, &query);
    query.foreign = true;
    wire_pages_init(&pages, WIRE_MSG_partition_list, &query, rd->arena);
    struct wire_partition_list *list = pages.list;
    CU_ASSERT_FATAL(next_page(rd, &pages) && pages.more);
    CU_ASSERT_EQUAL(rd_destroy(rd, name_of(rd, 0), false), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, name_of(rd, n - 1), false), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "new", ""), 0);
    /* it becomes a domain while it is behind the place */
    CU_ASSERT_EQUAL(
        rd_do(rd, WIRE_MSG_partition_start, name_of(rd, 1), NULL), 0);
    CU_ASSERT(rest(rd, &pages) > 0);
    CU_ASSERT_EQUAL(times(list, "new"), 1);
    CU_ASSERT_EQUAL(times(list, name_of(rd, n - 1)), 0);
    CU_ASSERT_EQUAL(times(list, "Domain-0"), 1);
    for (unsigned i = 1; i < n - 1; i++)
        CU_ASSERT_EQUAL(times(list, name_of(rd, i)), 1);
    CU_ASSERT_EQUAL(list->n_partitions, n - 1 + 1 + 1);
}

static void verify_much(struct rd *rd)
{
    struct wire_verify query;
    struct wire_pages pages;

    rd_signal(rd, 15);
    CU_ASSERT_EQUAL_FATAL(rd_wait(rd), 0);
    rd_disconnect(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "DELETE FROM resource"), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    uint32_t n = rd_list(rd, false)->n_partitions;
    CU_ASSERT(n > 0);
    wire_init(&wire_struct_verify, &query);
    query.repair = true;
    wire_pages_init(&pages, WIRE_MSG_host_verify, &query, rd->arena);
    struct wire_verify_reply *reply = pages.list;
    CU_ASSERT_FATAL(next_page(rd, &pages) && pages.more);
    uint32_t first = reply->n_differences;
    char *place = arena_strdup(
        rd->arena, ((const struct wire_verify *)pages.query)->from);
    CU_ASSERT(rest(rd, &pages) > 0);
    printf("\n  %u differences of %u partitions, %u in the first page\n",
           reply->n_differences, reply->partitions, first);
    CU_ASSERT_EQUAL(reply->n_differences, reply->partitions);
    for (uint32_t i = 0; i < reply->n_differences; i++)
        CU_ASSERT(reply->differences[i].repaired);
    /* the next verify forgets it */
    CU_ASSERT_EQUAL(rd_verify(rd, false)->n_differences, 0);
    query.from = place;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_verify, &query, NULL, NULL),
                    VDC_E_NOT_FOUND);
}

static void test_partitions(void)
{
    enum { N = 2500 };
    struct rd *rd = started();

    create_many(rd, N, 1);
    list_changing(rd, N);
    verify_much(rd);
    rd_free(rd);
}

/* ---- leases ---- */

static void test_leases(void)
{
    enum { N = 6000 };
    struct rd *rd = started();
    struct wire_lease_ref query;
    struct wire_lease lease, some[3];
    struct wire_pages pages;

    for (unsigned i = 0; i < N; i++) {
        rd_lease(&lease, MEM_KIB(0));
        lease.vcpus = i + 1;
        lease.expires_ms = 3600000;
        CU_ASSERT_EQUAL_FATAL(
            rd_lease_create(rd, &lease,
                            &some[i == 0       ? 0
                                  : i == N - 1 ? 1
                                               : 2],
                            NULL),
            0);
    }
    wire_init(&wire_struct_lease_ref, &query);
    wire_pages_init(&pages, WIRE_MSG_lease_list, &query, rd->arena);
    struct wire_lease_list *list = pages.list;
    CU_ASSERT_FATAL(next_page(rd, &pages) && pages.more);
    CU_ASSERT_EQUAL(rd_lease_drop(rd, &some[0].id), 0);
    CU_ASSERT_EQUAL(rd_lease_drop(rd, &some[1].id), 0);
    CU_ASSERT(rest(rd, &pages) > 0);
    CU_ASSERT_EQUAL_FATAL(list->n_leases, N - 1);
    /* by time of making, and each once */
    bool *seen = ARENA_ARRAY(rd->arena, N + 1, bool);
    for (unsigned i = 0; i < list->n_leases; i++) {
        CU_ASSERT_FATAL(list->leases[i].vcpus <= N);
        CU_ASSERT(!seen[list->leases[i].vcpus]);
        seen[list->leases[i].vcpus] = true;
        CU_ASSERT(i == 0 || list->leases[i].created_ms >=
                                list->leases[i - 1].created_ms);
    }
    for (unsigned i = 1; i < N; i++)
        CU_ASSERT(seen[i]);
    CU_ASSERT(!seen[N]);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "10,000 rows", test_resources },
    { "a filter", test_filter },
    { "bad places", test_bad_places },
    { "2,500 partitions, and what verify finds", test_partitions },
    { "6,000 leases", test_leases },
};

UNIT_MAIN("resourced: pages of lists", tests)
