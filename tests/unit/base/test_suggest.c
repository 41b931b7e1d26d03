/* The nearest known word. */
#include "base/suggest.h"

#include <string.h>

#include "tests/unit/unit.h"

static const char *const names[] = { "create",  "destroy", NULL,   "list",
                                     "migrate", "pause",   "info", "lists" };
#define N (sizeof(names) / sizeof(names[0]))

static void test_near(void)
{
    static const struct {
        const char *word, *name;
    } rows[] = {
        { "creat", "create" },    { "craete", "create" },
        { "crate", "create" },    { "createe", "create" },
        { "lits", "list" },       { "list", "list" },
        { "lists", "lists" },     { "ifno", "info" },
        { "destory", "destroy" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *near = suggest_nearest(rows[i].word, names, N);
        CU_ASSERT_PTR_NOT_NULL_FATAL(near);
        CU_ASSERT_STRING_EQUAL(near, rows[i].name);
    }
}

static void test_far(void)
{
    char longer[500];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    CU_ASSERT_PTR_NULL(suggest_nearest("network", names, N));
    CU_ASSERT_PTR_NULL(suggest_nearest("", names, N));
    CU_ASSERT_PTR_NULL(suggest_nearest(longer, names, N));
    CU_ASSERT_PTR_NULL(suggest_nearest("list", names, 0));
    const char *const long_names[] = { longer };
    CU_ASSERT_PTR_NULL(suggest_nearest("aaaa", long_names, 1));
}

static const struct unit_test tests[] = {
    { "near", test_near },
    { "far", test_far },
};
UNIT_MAIN("base/suggest", tests)
