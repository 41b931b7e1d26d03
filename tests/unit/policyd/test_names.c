/* Tests of policyd/names.c. */
#include "policyd/names.h"

#include <string.h>

#include "tests/unit/unit.h"

static void customers(void)
{
    static const char *const good[] = { "a", "acme", "a1-b",
                                        "a234567890123456789012345678901" };
    static const char *const bad[] = {
        "",    "1a",  "-a", "Acme",     "a.b",
        "a b", "a_",  "a/", "\xc3\xa4", "a2345678901234567890123456789012"
    };
    struct vdc_error err = { 0 };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_EQUAL(names_check_customer(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(names_check_customer(bad[i], &err), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.text, "a2345678901234567890123456789012"));
    CU_ASSERT(*err.hint);
}

static void projects(void)
{
    static const char *const good[] = { "acme_web", "a_b", "a-1_b-2",
                                        "a234567890123456789012345678_b1" };
    static const char *const bad[] = { "_a", "a__b", "a_b_c", "a_1", "a_-b",
                                       "1_a",
                                       "a234567890123456789012345678_b12" };
    char parent[NAMES_CUSTOMER_MAX + 1], customer[NAMES_CUSTOMER_MAX + 1];
    char buf[NAMES_XEN_MAX + 1];
    const char *name;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_EQUAL(names_check_customer(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(names_check_customer(bad[i], NULL), VDC_E_BAD_VALUE);
    CU_ASSERT(names_parent("acme_web", parent));
    CU_ASSERT_STRING_EQUAL(parent, "acme");
    CU_ASSERT_FALSE(names_parent("acme", parent));
    CU_ASSERT(names_covers("acme", "acme"));
    CU_ASSERT(names_covers("acme", "acme_web"));
    CU_ASSERT_FALSE(names_covers("acme", "acme-web"));
    CU_ASSERT_FALSE(names_covers("acme", "acmeweb"));
    CU_ASSERT_FALSE(names_covers("acme_web", "acme"));
    CU_ASSERT_FALSE(names_covers("acme_web", "acme_web2"));
    /* a guest's whole name leads back to its project, in one way only */
    CU_ASSERT(names_split(names_xen("acme_web", "a_b.c", buf), customer,
                          &name));
    CU_ASSERT_STRING_EQUAL(customer, "acme_web");
    CU_ASSERT_STRING_EQUAL(name, "a_b.c");
}

static void guests(void)
{
    static const char *const good[] = { "w", "Web-1.x_y", "0a", "9-" };
    static const char *const bad[] = { "",    ".a",  "-a",  "_a", "7",
                                       "007", "a/b", "a b", "a\n" };
    char longest[65];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT_EQUAL(names_check_guest(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(names_check_guest(bad[i], NULL), VDC_E_BAD_VALUE);
    memset(longest, 'a', 64);
    longest[64] = '\0';
    CU_ASSERT_EQUAL(names_check_guest(longest, NULL), VDC_E_BAD_VALUE);
    longest[63] = '\0';
    CU_ASSERT_EQUAL(names_check_guest(longest, NULL), 0);
}

static void xen_names(void)
{
    char buf[NAMES_XEN_MAX + 1], customer[NAMES_CUSTOMER_MAX + 1];
    const char *name;

    CU_ASSERT_STRING_EQUAL(names_xen("acme", "web", buf), "acme.web");
    CU_ASSERT_STRING_EQUAL(names_xen("provider", "web", buf), "web");
    CU_ASSERT(names_split("acme.web.1", customer, &name));
    CU_ASSERT_STRING_EQUAL(customer, "acme");
    CU_ASSERT_STRING_EQUAL(name, "web.1");
    CU_ASSERT_FALSE(names_split("web", customer, &name));
    CU_ASSERT_FALSE(names_split("Acme.web", customer, &name));
    CU_ASSERT_FALSE(names_split(".web", customer, &name));
    CU_ASSERT_FALSE(
        names_split("a2345678901234567890123456789012.web", customer, &name));
}

static void domids(void)
{
    unsigned domid = 7;

    CU_ASSERT(names_domid("12", &domid));
    CU_ASSERT_EQUAL(domid, 12);
    CU_ASSERT_FALSE(names_domid("", &domid));
    CU_ASSERT_FALSE(names_domid("0", &domid));
    CU_ASSERT_FALSE(names_domid("1x", &domid));
    CU_ASSERT_FALSE(names_domid("123456", &domid));
    CU_ASSERT_EQUAL(domid, 12);
}

static const struct unit_test tests[] = {
    { "names of customers", customers },
    { "names of projects", projects },
    { "names of guests", guests },
    { "names in Xen, made and taken apart", xen_names },
    { "domids", domids },
};

UNIT_MAIN("policyd/names", tests)
