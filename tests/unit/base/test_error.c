/* The table of errors, and the struct that carries one to a person. */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static void test_table(void)
{
    CU_ASSERT_STRING_EQUAL(vdc_error_name(VDC_E_QUOTA), "QUOTA");
    CU_ASSERT_STRING_EQUAL(vdc_error_name(VDC_OK), "OK");
    CU_ASSERT_STRING_EQUAL(vdc_error_name(-9999), "UNKNOWN");
    CU_ASSERT_STRING_EQUAL(vdc_error_name(1), "UNKNOWN");
    CU_ASSERT_STRING_EQUAL(vdc_error_text(VDC_E_NO_XEN), "no Xen here");
    CU_ASSERT_PTR_NOT_NULL(vdc_error_text(-9999));
    CU_ASSERT_EQUAL(VDC_E_QUOTA, -11);
    CU_ASSERT_EQUAL(vdc_error_exit_status(VDC_OK), 0);
    CU_ASSERT_EQUAL(vdc_error_exit_status(-9999), 1);
    CU_ASSERT_EQUAL(vdc_error_exit_status(VDC_E_USAGE), 2);
    CU_ASSERT_TRUE(vdc_error_may_retry(VDC_E_TIMEOUT));
    CU_ASSERT_FALSE(vdc_error_may_retry(VDC_E_DENIED));
    CU_ASSERT_FALSE(vdc_error_may_retry(VDC_OK));
}

/* Numbers go into scripts: they stay unique, and a status is never 0. */
static void test_table_is_sound(void)
{
    static const int codes[] = {
#define VDC_ERROR(number, name, status, retry, text) VDC_E_##name,
#include "base/errors.def"
#undef VDC_ERROR
    };
    const size_t n = sizeof(codes) / sizeof(codes[0]);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_TRUE(codes[i] < 0);
        CU_ASSERT_TRUE(vdc_error_exit_status(codes[i]) > 0);
        CU_ASSERT_TRUE(vdc_error_exit_status(codes[i]) < 126);
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(codes[i], codes[j]);
    }
}

static void test_set(void)
{
    struct vdc_error err;
    memset(&err, 'x', sizeof(err));
    int rc = vdc_error_set(&err, VDC_E_EXISTS, "the name '%s' is taken", "a");
    CU_ASSERT_EQUAL(rc, VDC_E_EXISTS);
    CU_ASSERT_EQUAL(err.code, VDC_E_EXISTS);
    CU_ASSERT_STRING_EQUAL(err.text, "the name 'a' is taken");
    CU_ASSERT_STRING_EQUAL(err.hint, "");
    vdc_error_hint(&err, "choose another, as %s%d", "a", 2);
    CU_ASSERT_STRING_EQUAL(err.hint, "choose another, as a2");
    CU_ASSERT_EQUAL(vdc_error_set(NULL, VDC_E_IO, "%d", 1), VDC_E_IO);
    vdc_error_hint(NULL, "%d", 1);
    vdc_error_prefix(NULL, "%d", 1);
}

/* Callers wrap the text of an error into the same error. */
static void test_set_from_itself(void)
{
    struct vdc_error err;
    vdc_error_set(&err, VDC_E_IO, "inner");
    vdc_error_set(&err, VDC_E_STORE, "outer: %s", err.text);
    CU_ASSERT_STRING_EQUAL(err.text, "outer: inner");
    vdc_error_hint(&err, "first");
    vdc_error_hint(&err, "%s, second", err.hint);
    CU_ASSERT_STRING_EQUAL(err.hint, "first, second");
    vdc_error_prefix(&err, "%s", err.text);
    CU_ASSERT_STRING_EQUAL(err.text, "outer: inner: outer: inner");
    CU_ASSERT_STRING_EQUAL(err.hint, "first, second");
}

static void test_cut(void)
{
    struct vdc_error err;
    char longer[3000];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    vdc_error_set(&err, VDC_E_IO, "%s", longer);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT_STRING_EQUAL(err.text + sizeof(err.text) - 5, "a...");
    vdc_error_hint(&err, "%s", longer);
    CU_ASSERT_EQUAL(strlen(err.hint), sizeof(err.hint) - 1);
    CU_ASSERT_STRING_EQUAL(err.hint + sizeof(err.hint) - 5, "a...");
    vdc_error_prefix(&err, "p");
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT_EQUAL(strncmp(err.text, "p: aaa", 6), 0);
    CU_ASSERT_STRING_EQUAL(err.text + sizeof(err.text) - 4, "...");
    vdc_error_prefix(&err, "%s", longer);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
}

/* A cut must not leave half a character. */
static void test_cut_utf8(void)
{
    struct vdc_error err;
    char longer[3000] = "";
    for (size_t pad = 0; pad < 4; pad++) {
        memset(longer, 'a', pad);
        size_t len = pad;
        for (; len + 3 < sizeof(longer); len += 3)
            memcpy(longer + len, "\xe2\x82\xac", 3);
        longer[len] = 0;
        vdc_error_set(&err, VDC_E_IO, "%s", longer);
        char *dots = strstr(err.text, "...");
        CU_ASSERT_PTR_NOT_NULL_FATAL(dots);
        CU_ASSERT_EQUAL((dots - err.text - (long)pad) % 3, 0);
        CU_ASSERT_EQUAL(dots[3], 0);
    }
}

/* What is quoted need not be text; the error is. */
static void test_is_text(void)
{
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_IO, "'%s'", "pip\xe9 \xe2\x82\xac\x1b[1m\tx");
    CU_ASSERT_STRING_EQUAL(err.text, "'pip? \xe2\x82\xac?[1m\tx'");
    vdc_error_hint(&err, "%s", "\xed\xa0\x80\xc0\xaf\nb\xe2\x82");
    CU_ASSERT_STRING_EQUAL(err.hint, "?????\nb??");
    vdc_error_prefix(&err, "\xff");
    CU_ASSERT_STRING_EQUAL(err.text, "?: 'pip? \xe2\x82\xac?[1m\tx'");
}

static void test_errno(void)
{
    static const struct {
        int errnum, code;
    } rows[] = { { ENOSPC, VDC_E_DISK_FULL }, { ENOMEM, VDC_E_NOMEM },
                 { EACCES, VDC_E_DENIED },    { EPERM, VDC_E_DENIED },
                 { ENOENT, VDC_E_NO_FILE },   { EIO, VDC_E_STORE } };
    struct vdc_error err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc = vdc_error_errno(&err, VDC_E_STORE, rows[i].errnum, "f %d", 3);
        CU_ASSERT_EQUAL(rc, rows[i].code);
        CU_ASSERT_EQUAL(err.code, rows[i].code);
        char text[200];
        snprintf(text, sizeof(text), "f 3: %s", strerror(rows[i].errnum));
        CU_ASSERT_STRING_EQUAL(err.text, text);
        CU_ASSERT_EQUAL(
            vdc_error_errno(NULL, VDC_E_STORE, rows[i].errnum, "x"),
            rows[i].code);
    }
}

static const struct unit_test tests[] = {
    { "lookups in the table", test_table },
    { "the table is sound", test_table_is_sound },
    { "set and hint", test_set },
    { "set from its own text", test_set_from_itself },
    { "a long text is cut", test_cut },
    { "a cut keeps characters whole", test_cut_utf8 },
    { "what is no text in it", test_is_text },
    { "from errno", test_errno },
};
UNIT_MAIN("base/error", tests)
