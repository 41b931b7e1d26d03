/* Several reasons as one error. */
#include "base/reasons.h"

#include <string.h>

#include "tests/unit/unit.h"

static void add(struct reasons *reasons, int code, const char *text,
                const char *hint)
{
    struct vdc_error err;

    vdc_error_set(&err, code, "%s", text);
    if (hint)
        vdc_error_hint(&err, "%s", hint);
    reasons_add(reasons, &err);
}

static void test_none_and_one(void)
{
    struct reasons reasons = { 0 };
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(reasons_error(&reasons, &err), 0);
    add(&reasons, VDC_E_BUSY, "it is busy", "wait");
    CU_ASSERT_EQUAL(reasons_error(&reasons, &err), VDC_E_BUSY);
    CU_ASSERT_STRING_EQUAL(err.text, "it is busy");
    CU_ASSERT_STRING_EQUAL(err.hint, "wait");
    CU_ASSERT_EQUAL(reasons_error(&reasons, NULL), VDC_E_BUSY);
}

static void test_several(void)
{
    struct reasons reasons = { 0 };
    struct vdc_error err = { 0 };

    add(&reasons, VDC_E_NO_MEMORY, "no memory", NULL);
    add(&reasons, VDC_E_NO_FILE, "no kernel", "put one there");
    add(&reasons, VDC_E_NO_FILE, "no kernel", NULL);
    CU_ASSERT_EQUAL(reasons_error(&reasons, &err), VDC_E_NO_FILE);
    CU_ASSERT_STRING_EQUAL(err.text, "2 reasons: no memory; no kernel");
    CU_ASSERT_STRING_EQUAL(err.hint, "put one there");
}

/* Those of another program are counted one by one. */
static void test_joined(void)
{
    struct reasons theirs = { 0 }, ours = { 0 };
    struct vdc_error err = { 0 };

    add(&theirs, VDC_E_CONFLICT, "it has changed", "look at it");
    add(&theirs, VDC_E_NO_MEMORY, "no memory;none", NULL);
    reasons_error(&theirs, &err);
    add(&ours, VDC_E_QUOTA, "the quota", NULL);
    add(&ours, VDC_E_CONFLICT, "it has changed", NULL);
    reasons_add(&ours, &err);
    CU_ASSERT_EQUAL(ours.n_errors, 3);
    CU_ASSERT_EQUAL(reasons_error(&ours, &err), VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(
        err.text,
        "3 reasons: the quota; it has changed; no memory;none");
    CU_ASSERT_STRING_EQUAL(err.hint, "look at it");
    /* what cannot be told apart stays as it is */
    ours.n_errors = 0;
    add(&ours, VDC_E_BUSY, "2 reasons: one; two; three", NULL);
    add(&ours, VDC_E_BUSY, "3 reasons: of which", NULL);
    CU_ASSERT_EQUAL(ours.n_errors, 2);
}

static void test_too_many(void)
{
    struct reasons reasons = { 0 };
    struct vdc_error err = { 0 };
    char text[200];

    for (int i = 0; i < 40; i++) {
        memset(text, 'a', sizeof(text));
        snprintf(text, sizeof(text), "reason %d ", i);
        text[strlen(text)] = 'b';
        text[sizeof(text) - 1] = '\0';
        add(&reasons, VDC_E_NO_MEMORY, text, NULL);
    }
    CU_ASSERT_EQUAL(reasons_error(&reasons, &err), VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(strncmp(err.text, "40 reasons: reason 0", 20), 0);
}

static const struct unit_test tests[] = {
    { "none, and one as it is", test_none_and_one },
    { "several, each once", test_several },
    { "several of several", test_joined },
    { "more than there is room for", test_too_many },
};

UNIT_MAIN("reasons", tests)
