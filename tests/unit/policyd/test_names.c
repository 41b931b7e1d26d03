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
        "a b", "a_b", "a/", "\xc3\xa4", "a2345678901234567890123456789012"
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
    { "names of guests", guests },
    { "names in Xen, made and taken apart", xen_names },
    { "domids", domids },
};

UNIT_MAIN("policyd/names", tests)
