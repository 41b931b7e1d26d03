/*
 * Quotas of channels as they were told, in memory and in their file.
 */
#include "channeld/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    struct quotas *q = quotas_open("/nowhere/at/all");
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
    struct quotas *q = quotas_open("/nowhere/at/all");

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
    struct quotas *q = quotas_open(path);
    struct vdc_error err = { 0 };

    quotas_set(q, "acme", 3, 10);
    quotas_set(q, "acme_shop", 2, 2);
    CU_ASSERT_EQUAL(quotas_save(q, &err), 0);
    quotas_close(q);
    q = quotas_open(path);
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
    q = quotas_open(path);
    CU_ASSERT_PTR_NULL(quotas_find(q, "acme"));
    CU_ASSERT_PTR_NOT_NULL(quotas_find(q, "acme_shop"));
    quotas_close(q);
}

static void damaged(void)
{
    const char *const texts[] = {
        "acme",         "acme x y\n",      "acme 1 2\nglobex\n",
        "acme -1 -1\n", "\n\n1 2 3 4 x\n", "acme 1 2\nglobex 1 z\n",
        "acme 1 2\nac\xffme 1 2\n", "1 2 3\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(texts[i]);
        struct quotas *q = quotas_open(path);
        CU_ASSERT_PTR_NULL(quotas_after(q, ""));
        quotas_close(q);
    }
}

static void unwritable(void)
{
    struct quotas *q = quotas_open("/nowhere/at/all");
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
    { "kept", kept },   { "damaged", damaged },   { "unwritable", unwritable },
    { "end", end },
};
UNIT_MAIN("channeld/quotas", tests)
