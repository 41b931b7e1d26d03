/* Pages of lists: how they are cut, and put together. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/page.h"

static void test_which(void)
{
    static const char *const with[] = { "customer_list", "partition_list",
                                        "resource_list", "lease_list",
                                        "host_verify" };
    size_t n, n_with = 0;
    const struct wire_message *all = wire_messages(&n);

    for (size_t i = 0; i < n; i++) {
        bool is_one = false;
        /* lease_drop, customer_delete: their request is that of a list */
        for (size_t j = 0; j < sizeof(with) / sizeof(with[0]); j++)
            is_one |= strcmp(all[i].name, with[j]) == 0;
        if (is_one)
            CU_ASSERT(wire_has_pages(&all[i]));
        n_with += is_one;
    }
    CU_ASSERT_EQUAL(n_with, sizeof(with) / sizeof(with[0]));
    CU_ASSERT(!wire_has_pages(wire_message_by_name("host_list")));
    CU_ASSERT(!wire_has_pages(wire_message_by_name("cancel")));
    CU_ASSERT(!wire_has_pages(wire_message_by_name("ok")));
}

static void test_cut(void)
{
    enum { N = 3000 };
    struct arena *arena = arena_new();
    struct wire_resource *rows = ARENA_ARRAY(arena, N, struct wire_resource);
    struct wire_resource_list list;
    char detail[256];
    uint8_t *bytes;
    size_t size;

    memset(detail, 'd', sizeof(detail) - 1);
    detail[sizeof(detail) - 1] = '\0';
    for (int i = 0; i < N; i++) {
        wire_init(&wire_struct_resource, &rows[i]);
        rows[i].index = (uint64_t)i + 1;
        rows[i].detail = i < N / 2 ? detail : "";
    }
    wire_init(&wire_struct_resource_list, &list);
    list.resources = rows;
    uint32_t n = wire_page_count(&wire_struct_resource, rows, N);
    CU_ASSERT(n > 0 && n < N);
    list.n_resources = n;
    CU_ASSERT_EQUAL(wire_struct_encode(&wire_struct_resource_list, &list,
                                       arena, &bytes, &size, NULL), 0);
    CU_ASSERT(size <= WIRE_PAGE_BYTES + 64);
    list.n_resources = n + 1;
    CU_ASSERT_EQUAL(wire_struct_encode(&wire_struct_resource_list, &list,
                                       arena, &bytes, &size, NULL), 0);
    CU_ASSERT(size > WIRE_PAGE_BYTES);
    CU_ASSERT_EQUAL(wire_page_count(&wire_struct_resource, rows, 0), 0);
    CU_ASSERT_EQUAL(wire_page_count(&wire_struct_resource, rows, 1), 1);
    CU_ASSERT_EQUAL(
        wire_page_count(&wire_struct_resource, rows + N - 10, 10), 10);
    arena_free(arena);
}

static void test_number(void)
{
    struct vdc_error err;
    uint64_t n = 7;

    CU_ASSERT_EQUAL(wire_page_number("", &n, &err), 0);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(wire_page_number("18446744073709551615", &n, &err), 0);
    CU_ASSERT_EQUAL(n, UINT64_MAX);
    CU_ASSERT_EQUAL(wire_page_number("18446744073709551616", &n, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(wire_page_number("+1", &n, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(wire_page_number("0x1", &n, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(n, UINT64_MAX);
    CU_ASSERT_STRING_EQUAL(err.text, "'0x1' is no place in this list");
}

static void test_together(void)
{
    struct arena *arena = arena_new();
    struct wire_lease_ref query;
    struct wire_lease leases[3];
    struct wire_lease_list page;
    struct wire_pages pages;
    struct vdc_error err;
    char next[] = "1.a";

    wire_init(&wire_struct_lease_ref, &query);
    query.owner = "acme";
    wire_pages_init(&pages, WIRE_MSG_lease_list, &query, arena);
    const struct wire_lease_ref *asked = pages.query;
    const struct wire_lease_list *all = pages.list;
    CU_ASSERT(pages.more);
    CU_ASSERT_STRING_EQUAL(asked->from, "");
    wire_init(&wire_struct_lease_list, &page);
    for (unsigned i = 0; i < 3; i++) {
        wire_init(&wire_struct_lease, &leases[i]);
        leases[i].vcpus = i + 1;
    }
    page.leases = leases;
    page.n_leases = 3;
    page.next = next;
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL_FATAL(wire_pages_add(&pages, &page, &err), 0);
        CU_ASSERT(pages.more);
        CU_ASSERT_STRING_EQUAL(asked->from, next);
        CU_ASSERT_STRING_EQUAL(asked->owner, "acme");
        next[0]++;
    }
    /* one that leads to itself */
    next[0]--;
    CU_ASSERT_EQUAL(wire_pages_add(&pages, &page, &err), VDC_E_PROTOCOL);
    page.next = "";
    page.n_leases = 0; /* the rest has gone meanwhile */
    CU_ASSERT_EQUAL(wire_pages_add(&pages, &page, &err), 0);
    CU_ASSERT(!pages.more);
    CU_ASSERT_EQUAL_FATAL(all->n_leases, 15);
    for (unsigned i = 0; i < 15; i++)
        CU_ASSERT_EQUAL(all->leases[i].vcpus, i % 3 + 1);
    CU_ASSERT_STRING_EQUAL(all->next, "");
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "which lists", test_which },
    { "cut", test_cut },
    { "places that are numbers", test_number },
    { "put together", test_together },
};

UNIT_MAIN("wire: pages", tests)
