/* Lists that are longer than a message, through policyd. */
#include <string.h>

#include "tests/sim/test_policyd_bed.h"
#include "wire/page.h"

static bool next_page(struct client *c, struct wire_pages *pages)
{
    const void *body;

    if (!pages->more)
        return false;
    body = client_call(c, pages->message->number, pages->query);
    CHECK_CODE(0);
    if (!body || wire_pages_add(pages, body, &last_error)) {
        CHECK(!"a page");
        pages->more = false;
    }
    return true;
}

static unsigned rest(struct client *c, struct wire_pages *pages)
{
    unsigned n = 0;

    while (next_page(c, pages))
        n++;
    return n;
}

static const char *name_of(unsigned i)
{
    return arena_printf(answers, "guest-%05u", i);
}

/* The provider's, stopped. */
static void create_many(const struct bed *bed, unsigned n, unsigned vcpus)
{
    for (unsigned i = 0; i < n;) {
        struct wire_operation operations[16];
        uint32_t k = 0;
        for (; i < n && k < 16; i++, k++) {
            operations[k] = creation(bed, "", name_of(i));
            operations[k].definition.max_vcpus = vcpus;
        }
        CHECK(transact(bed, OPERATOR, operations, k));
    }
}

static void destroy(const struct bed *bed, const char *name)
{
    struct wire_partition_ref r = ref("", name);

    act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
    CHECK_CODE(0);
}

static unsigned times(const struct wire_partition_list *l, const char *name)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < l->n_partitions; i++)
        n += strcmp(l->partitions[i].name, name) == 0;
    return n;
}

static void check_partitions(const struct bed *bed, unsigned n)
{
    struct wire_partition_query query;
    struct wire_pages pages;
    struct client c;

    wire_init(&wire_struct_partition_query, &query);
    query.foreign = true;
    CHECK(client_open(bed, &c, OPERATOR));
    wire_pages_init(&pages, WIRE_MSG_partition_list, &query, answers);
    const struct wire_partition_list *all = pages.list;
    CHECK(next_page(&c, &pages) && pages.more);
    /* one that was told of goes, and one that was not */
    const char *told = all->partitions[0].name, *untold = NULL;
    for (unsigned i = 0; i < n && !untold; i++)
        untold = times(all, name_of(i)) ? NULL : name_of(i);
    CHECK(untold != NULL);
    destroy(bed, told);
    if (untold)
        destroy(bed, untold);
    CHECK(rest(&c, &pages) > 0);
    for (unsigned i = 0; i < n; i++)
        CHECK(times(all, name_of(i)) ==
              (untold && strcmp(name_of(i), untold) == 0 ? 0 : 1));
    CHECK(times(all, "Domain-0") == 1);
    query.from = "nowhere";
    client_call(&c, WIRE_MSG_partition_list, &query);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("is no place in this list");
    client_close(&c);
    /* it stands as if it had never been there */
    struct wire_operation again[] = { creation(bed, "", told),
                                      creation(bed, "", untold) };
    again[0].definition.max_vcpus = again[1].definition.max_vcpus = 6;
    CHECK(transact(bed, OPERATOR, again, 2));
}

static void check_resources(const struct bed *bed, unsigned n)
{
    struct wire_resource_query query;
    struct wire_pages pages;
    struct client c;
    unsigned n_vcpus = 0;

    wire_init(&wire_struct_resource_query, &query);
    CHECK(client_open(bed, &c, OPERATOR));
    wire_pages_init(&pages, WIRE_MSG_resource_list, &query, answers);
    const struct wire_resource_list *all = pages.list;
    CHECK(next_page(&c, &pages) && pages.more);
    CHECK(all->n_totals > 0);
    const char *told = all->resources[0].partition;
    destroy(bed, told);
    CHECK(rest(&c, &pages) > 2);
    CHECK(all->n_resources > 10000);
    printf("    %u rows\n", all->n_resources);
    for (uint32_t i = 0; i < all->n_resources; i++) {
        n_vcpus += all->resources[i].kind == WIRE_RESOURCE_VCPU;
        CHECK(*all->resources[i].host);
    }
    /* what was told of before it went is in the list */
    CHECK(n_vcpus == n * 6);
    query.from = "12x";
    client_call(&c, WIRE_MSG_resource_list, &query);
    CHECK_CODE(VDC_E_BAD_VALUE);
    client_close(&c);
}

/* Whose pages say nothing of what others have. */
static void check_customer(const struct bed *bed)
{
    struct wire_resource_query query;
    struct wire_operation op = creation(bed, "acme", "web");

    if (!need_root())
        return;
    CHECK(transact(bed, OPERATOR, &op, 1));
    const struct wire_partition_list *own = list(bed, ACME_UID, "", false);
    CHECK(own->n_partitions == 1 && !*own->next);
    wire_init(&wire_struct_resource_query, &query);
    const struct wire_resource_list *rows =
        ask(bed, ACME_UID, WIRE_MSG_resource_list, &query);
    CHECK(rows && rows->n_resources > 0 && rows->n_totals == 0 &&
          !*rows->next);
    for (uint32_t i = 0; rows && i < rows->n_resources; i++)
        CHECK(strcmp(rows->resources[i].partition, "web") == 0);
}

static void guests(void)
{
    enum { N = 2400 };
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    create_many(&bed, N, 6);
    check_partitions(&bed, N);
    check_resources(&bed, N);
    check_customer(&bed);
    bed_close(&bed);
}

static void customers(void)
{
    enum { N = 4000 };
    struct bed bed = { 0 };
    struct wire_customer_create order;
    struct wire_customer_ref query;
    struct wire_pages pages;
    struct client c;

    bed_open(&bed);
    bed_start(&bed);
    CHECK(client_open(&bed, &c, OPERATOR));
    for (unsigned i = 0; i < N; i++) {
        wire_init(&wire_struct_customer_create, &order);
        order.name = arena_printf(answers, "customer-%05u", i);
        order.quota = (struct wire_quota){ 1024, 8, 1024, 8, 0 };
        CHECK(client_call(&c, WIRE_MSG_customer_create, &order));
    }
    wire_init(&wire_struct_customer_ref, &query);
    wire_pages_init(&pages, WIRE_MSG_customer_list, &query, answers);
    const struct wire_customer_list *all = pages.list;
    CHECK(next_page(&c, &pages) && pages.more);
    query.name = "customer-00000";
    CHECK(client_call(&c, WIRE_MSG_customer_delete, &query));
    query.name = ((const struct wire_customer_ref *)pages.query)->from;
    CHECK(client_call(&c, WIRE_MSG_customer_delete, &query));
    CHECK(rest(&c, &pages) > 0);
    CHECK(all->n_customers == N + 1); /* and the provider */
    for (uint32_t i = 1; i < all->n_customers; i++)
        CHECK(strcmp(all->customers[i - 1].name, all->customers[i].name) < 0);
    query.name = "";
    query.from = "No One";
    client_call(&c, WIRE_MSG_customer_list, &query);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("is no place in this list");
    client_close(&c);
    bed_close(&bed);
}

const struct sim_test tests_pages[] = {
    { "pages of guests and resources", guests },
    { "pages of customers", customers },
    { NULL, NULL },
};
