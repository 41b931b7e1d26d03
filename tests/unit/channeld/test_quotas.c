/*
 * Quotas of channels as they were told, in memory and in their file.
 */
#include "channeld/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char dir[] = "/tmp/test_quotas.XXXXXX";
static char path[64];

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void in_order(void)
{
    struct quotas *q = quotas_open("/nowhere/at/all", 0);
    char name[16], before[16] = "";
    const struct quota *quota;
    unsigned n = 0;

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "c%02d", i * 37 % 100);
        quotas_set(q, name, i, 1000);
    }
    for (quota = quotas_after(q, ""); quota;
         quota = quotas_after(q, quota->customer)) {
        CU_ASSERT_TRUE(strcmp(before, quota->customer) < 0);
        snprintf(before, sizeof(before), "%.15s", quota->customer);
        n++;
    }
    CU_ASSERT_EQUAL(n, 100);
    CU_ASSERT_EQUAL(quotas_find(q, "c37")->limit, 1);
    quotas_set(q, "c37", -1, -1);
    CU_ASSERT_PTR_NULL(quotas_find(q, "c37"));
    CU_ASSERT_STRING_EQUAL(quotas_after(q, "c37")->customer, "c38");
    CU_ASSERT_STRING_EQUAL(quotas_after(q, "c369")->customer, "c38");
    CU_ASSERT_PTR_NULL(quotas_after(q, "c99"));
    quotas_set(q, "nobody", -1, -1);
    CU_ASSERT_PTR_NULL(quotas_find(q, "nobody"));
    quotas_close(q);
}

/* What was wanted is over when another is told; a share is no more than the
 * whole. */
static void told(void)
{
    struct quotas *q = quotas_open("/nowhere/at/all", 0);

    quotas_set(q, "acme", 3, 10);
    quotas_find(q, "acme")->wanted = true;
    quotas_set(q, "acme", 4, 10);
    CU_ASSERT_FALSE(quotas_find(q, "acme")->wanted);
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->whole, 10);
    quotas_set(q, "acme", 12, 10);
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->whole, 12);
    quotas_set(q, "acme", 0, 0);
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->limit, 0);
    quotas_close(q);
}

static void kept(void)
{
    struct quotas *q = quotas_open(path, 256);
    struct vdc_error err = { 0 };

    quotas_set(q, "acme", 3, 10);
    quotas_set(q, "acme_shop", 2, 2);
    CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
    quotas_close(q);
    q = quotas_open(path, 256);
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->limit, 3);
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->whole, 10);
    CU_ASSERT_EQUAL(quotas_find(q, "acme_shop")->limit, 2);
    /* nothing changed: nothing is written */
    unlink(path);
    quotas_set(q, "acme", 3, 10);
    CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    quotas_set(q, "acme", -1, -1);
    CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
    quotas_close(q);
    q = quotas_open(path, 256);
    CU_ASSERT_PTR_NULL(quotas_find(q, "acme"));
    CU_ASSERT_PTR_NOT_NULL(quotas_find(q, "acme_shop"));
    quotas_close(q);
}

/* Of customers by name: "acme=1 globex=2". */
static const char *limits(const struct quotas *q)
{
    static char text[256];
    const struct quota *quota;
    size_t len = 0;

    text[0] = '\0';
    for (quota = quotas_after(q, ""); quota;
         quota = quotas_after(q, quota->customer))
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%llu",
                                len ? " " : "", quota->customer,
                                (unsigned long long)quota->limit);
    return text;
}

static void damaged(void)
{
    static const struct {
        const char *text, *limits;
    } cases[] = {
        { "", "" },
        { "acme", "" },
        { "acme x y\n", "" },
        { "acme 1 2\nglobex\n", "acme=1" },
        { "acme -1 -1\n", "" },
        { "acme 1 2\nglobex 1 z\n", "acme=1 globex=1" },
        { "acme 1 2\nac\xffme 1 2\n", "acme=1" },
        { "1 2 3\nglobex 5 5\n", "globex=5" },
        /* no more than the settings allow, and the less of two */
        { "acme 300 4000\nglobex 5 5\n", "acme=256 globex=5" },
        { "acme 5 5\nacme 7 7\n", "acme=5" },
        { "acme 7 7\nacme 5 5\n", "acme=5" },
        /* whole lines, but not all of them */
        { "acme 5 5\n", "acme=5" },
        { "# end 0 cbf29ce484222325\nacme 5 5\n", "acme=5" },
        { "acme 5 5\n# end 2 0000000000000000\n", "acme=5" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(cases[i].text);
        struct quotas *q = quotas_open(path, 256);
        CU_ASSERT_STRING_EQUAL(limits(q), cases[i].limits);
        quotas_close(q);
    }
}

static long file_size(void)
{
    struct stat st;

    return stat(path, &st) ? -1 : (long)st.st_size;
}

/* Cut at any place, or with any byte another: nobody gets more than was told,
 * nor than the settings allow; and it is as good as new when it is told. */
static void cut_or_changed(void)
{
    struct vdc_error err = { 0 };
    struct quotas *q;
    char text[256];
    size_t size;

    unlink(path);
    q = quotas_open(path, 100);
    quotas_set(q, "acme", 123, 400);
    quotas_set(q, "globex", 45, 45);
    CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
    quotas_close(q);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    q = quotas_open(path, 100);
    CU_ASSERT_STRING_EQUAL(limits(q), "acme=123 globex=45");
    quotas_close(q);
    for (size_t i = 0; i < 2 * size; i++) {
        char other[256];
        memcpy(other, text, size + 1);
        if (i < size)
            other[i] = '\0';
        else
            other[i - size] ^= 1;
        put(other);
        q = quotas_open(path, 100);
        const struct quota *acme = quotas_find(q, "acme");
        const struct quota *globex = quotas_find(q, "globex");
        CU_ASSERT(!acme || acme->limit <= 100);
        CU_ASSERT(!globex || globex->limit <= (i < size ? 45 : 100));
        /* nothing is told: it stays as it is */
        CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
        CU_ASSERT_EQUAL(file_size(), (long)strlen(other));
        quotas_set(q, "acme", 100, 400);
        quotas_set(q, "globex", 45, 45);
        CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
        quotas_close(q);
        q = quotas_open(path, 0);
        CU_ASSERT_EQUAL(quotas_find(q, "acme")->limit, 100);
        CU_ASSERT_EQUAL(quotas_find(q, "acme")->whole, 400);
        quotas_close(q);
    }
}

static void unwritable(void)
{
    struct quotas *q = quotas_open("/nowhere/at/all", 0);
    struct vdc_error err = { 0 };

    quotas_set(q, "acme", 3, 10);
    CU_ASSERT_NOT_EQUAL(quotas_save(q, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/at/all"));
    CU_ASSERT_EQUAL(quotas_find(q, "acme")->limit, 3);
    quotas_close(q);
}

static void begin(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/quotas", dir);
}

static void end(void)
{
    char new[80];

    snprintf(new, sizeof(new), "%s.new", path);
    unlink(new);
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static const struct unit_test tests[] = {
    { "begin", begin }, { "in order", in_order }, { "told", told },
    { "kept", kept },   { "damaged", damaged },
    { "cut, or changed", cut_or_changed },
    { "unwritable", unwritable },
    { "end", end },
};
UNIT_MAIN("channeld/quotas", tests)
