/*
 * What a host says of who has channels: lists that have no end are refused.
 */
#include "policyd/customers/channel_rows.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static struct channel_rows rows;

/* As channel_quotas.c takes a page. */
static int take(const char *const *names, uint32_t n, bool more, size_t most)
{
    struct wire_channel_use all[4];
    struct wire_channel_uses uses;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_channel_uses, &uses);
    for (uint32_t i = 0; i < n; i++) {
        wire_init(&wire_struct_channel_use, &all[i]);
        all[i].customer = names[i];
    }
    uses.uses = all;
    uses.n_uses = n;
    uses.more = more;
    int rc = channel_rows_check(&rows, &uses, most, &err);
    CU_ASSERT_EQUAL(rc, err.code);
    for (uint32_t i = 0; !rc && i < n; i++)
        channel_rows_get(&rows, names[i]);
    return rc;
}

static void in_order(void)
{
    const char *first[] = { "acme", "acme_shop" };
    const char *second[] = { "globex" };
    const char *again[] = { "acme_shop" };
    const char *twice[] = { "hal", "hal" };
    const char *back[] = { "initech", "hal" };
    const char *nobody[] = { "" };

    CU_ASSERT_EQUAL(take(first, 2, true, 9), 0);
    CU_ASSERT_EQUAL(take(again, 1, true, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(first, 1, false, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(second, 1, true, 9), 0);
    CU_ASSERT_EQUAL(take(twice, 2, true, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(back, 2, true, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(rows.n, 3);
    CU_ASSERT_EQUAL(take(NULL, 0, true, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(NULL, 0, false, 9), 0);
    channel_rows_clear(&rows);
    CU_ASSERT_EQUAL(take(nobody, 1, false, 9), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(NULL, 0, false, 9), 0);
}

/* One name a page, for ever. */
static void endless(void)
{
    unsigned n = 0;
    int rc = 0;

    for (; !rc && n < 1000; n++) {
        char name[16];
        const char *names[] = { name };
        snprintf(name, sizeof(name), "c%06u", n);
        rc = take(names, 1, true, 100);
    }
    CU_ASSERT_EQUAL(rc, VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(n, 101);
    CU_ASSERT_EQUAL(rows.n, 100);
    CU_ASSERT_PTR_NOT_NULL(channel_rows_find(&rows, "c000099"));
    CU_ASSERT_PTR_NULL(channel_rows_find(&rows, "c000100"));
    channel_rows_clear(&rows);
    const char *two[] = { "a", "b" };
    CU_ASSERT_EQUAL(take(two, 2, false, 1), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(take(two, 2, false, 2), 0);
    channel_rows_clear(&rows);
}

static const struct unit_test tests[] = {
    { "in order", in_order },
    { "a list without an end", endless },
};

UNIT_MAIN("policyd/channel_rows", tests)
