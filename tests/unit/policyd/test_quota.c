/* Tests of policyd/customers/quota.c. */
#include "policyd/customers/quota.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct wire_usage usage(uint64_t mib, uint64_t vcpus, uint64_t disk_mib,
                               uint64_t guests)
{
    return (struct wire_usage){ .memory = MEM_MIB(mib),
                                .vcpus = vcpus,
                                .disk = MEM_MIB(disk_mib),
                                .guests = guests };
}

static void exceeded(void)
{
    const struct wire_quota quota = {
        .memory_kib = 1024 * 1024, .vcpus = 4, .disk_kib = -1, .guests = 3
    };
    const struct wire_usage used = usage(512, 3, 0, 3);
    struct wire_usage asked = usage(600, 1, 90000, 0);
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(quota_check("acme", &quota, &used, &asked, &err),
                    VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "customer acme: memory quota: 512 MiB used + 600 "
                           "MiB asked > 1024 MiB limit");
    /* all at once */
    asked = usage(513, 2, 0, 1);
    CU_ASSERT_EQUAL(quota_check("acme", &quota, &used, &asked, &err),
                    VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(
        err.text,
        "3 reasons: customer acme: memory quota: 512 MiB used + 513 MiB asked "
        "> 1024 MiB limit; customer acme: vcpus quota: 3 used + 2 asked > 4 "
        "limit; customer acme: guests quota: 3 used + 1 asked > 3 limit");
}

static void fits(void)
{
    const struct wire_quota quota = { .memory_kib = 1024 * 1024,
                                      .vcpus = 4,
                                      .disk_kib = 10,
                                      .guests = 3 };
    const struct wire_quota none = { -1, -1, -1, -1, -1, -1,
                                     -1, -1, -1, -1, -1, 0 };
    const struct wire_quota zero = { .memory_kib = 0 };
    const struct wire_usage used = usage(512, 2, 1, 2);
    const struct wire_usage asked = usage(512, 2, 0, 1);
    const struct wire_usage lots = usage(1u << 30, 10000, 1u << 30, 1);

    /* exactly; and what is over already, but asks for no more of it */
    CU_ASSERT_EQUAL(quota_check("a", &quota, &used, &asked, NULL), 0);
    CU_ASSERT_EQUAL(quota_check("a", &none, &used, &lots, NULL), 0);
    CU_ASSERT_EQUAL(quota_check("a", &zero, &used, &asked, NULL), VDC_E_QUOTA);
}

static void kibibytes(void)
{
    const struct wire_quota quota = {
        .memory_kib = 1000, .vcpus = -1, .disk_kib = -1, .guests = -1
    };
    const struct wire_usage used = usage(0, 0, 0, 0),
                            asked = usage(1, 1, 0, 1);
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(quota_check("a", &quota, &used, &asked, &err),
                    VDC_E_QUOTA);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.text, "0 KiB used + 1024 KiB asked > 1000 KiB limit"));
}

static void definitions(void)
{
    struct wire_disk disks[3];
    struct wire_definition d;
    struct wire_usage counts;

    wire_init(&wire_struct_definition, &d);
    for (int i = 0; i < 3; i++) {
        wire_init(&wire_struct_disk, &disks[i]);
        disks[i].size = MEM_MIB(100);
    }
    disks[1].readonly = true;
    d.disks = disks;
    d.n_disks = 3;
    d.memory = MEM_MIB(64);
    d.max_memory = MEM_MIB(128);
    d.vcpus = 1;
    d.max_vcpus = 2;
    quota_of_definition(&d, &counts);
    CU_ASSERT_EQUAL(counts.memory.kib, 128 * 1024);
    CU_ASSERT_EQUAL(counts.vcpus, 2);
    CU_ASSERT_EQUAL(counts.disk.kib, 200 * 1024);
    CU_ASSERT_EQUAL(counts.guests, 1);
}

/* Every kind by itself: at its limit, and one over it. */
static void each_kind(void)
{
    for (size_t i = 0; i < quota_n_kinds; i++) {
        const struct quota_kind *kind = &quota_kinds[i];
        struct wire_quota quota;
        struct wire_usage used, asked;
        struct vdc_error err = { 0 };
        uint64_t two = 2, one = 1;
        wire_init(&wire_struct_quota, &quota);
        wire_init(&wire_struct_usage, &used);
        wire_init(&wire_struct_usage, &asked);
        memcpy((char *)&used + kind->used, &two, sizeof(two));
        memcpy((char *)&asked + kind->used, &one, sizeof(one));
        CU_ASSERT_EQUAL(quota_check("a_b", &quota, &used, &asked, &err), 0);
        quota_set_limit(&quota, kind, 3);
        CU_ASSERT_EQUAL(quota_check("a_b", &quota, &used, &asked, &err), 0);
        quota_set_limit(&quota, kind, 2);
        CU_ASSERT_EQUAL(quota_check("a_b", &quota, &used, &asked, &err),
                        VDC_E_QUOTA);
        CU_ASSERT_PTR_EQUAL(strstr(err.text, "project a_b: "), err.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, kind->name));
        /* others are not touched by it */
        for (size_t j = 0; j < quota_n_kinds; j++)
            CU_ASSERT_EQUAL(quota_limit(&quota, &quota_kinds[j]),
                            j == i ? 2 : -1);
    }
}

static void within(void)
{
    struct wire_quota outer, inner;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_quota, &outer);
    wire_init(&wire_struct_quota, &inner);
    inner.running_vcpus = 9;
    CU_ASSERT_EQUAL(quota_check_within("a_b", &inner, "a", &outer, &err), 0);
    outer.running_vcpus = 9;
    CU_ASSERT_EQUAL(quota_check_within("a_b", &inner, "a", &outer, &err), 0);
    outer.running_vcpus = 8;
    CU_ASSERT_EQUAL(quota_check_within("a_b", &inner, "a", &outer, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "project a_b: the running vcpus limit 9 is above "
                           "that of customer a, which is 8");
    inner.running_vcpus = -1;
    CU_ASSERT_EQUAL(quota_check_within("a_b", &inner, "a", &outer, &err), 0);
    CU_ASSERT_FALSE(quota_same(&inner, &outer));
    inner.running_vcpus = 8;
    CU_ASSERT(quota_same(&inner, &outer));
    inner.networks = -2;
    CU_ASSERT_EQUAL(quota_check_values(&inner, &err), VDC_E_BAD_VALUE);
}

static void arithmetic(void)
{
    struct wire_usage sum = usage(1, 2, 3, 4), more = usage(1, 1, 1, 1);
    struct wire_usage over;

    usage_run(&more);
    CU_ASSERT_EQUAL(more.running_memory.kib, 1024);
    CU_ASSERT_EQUAL(more.running_guests, 1);
    usage_add(&sum, &more);
    CU_ASSERT_EQUAL(sum.vcpus, 3);
    CU_ASSERT_EQUAL(sum.running_vcpus, 1);
    over = usage_over(&more, &sum);
    CU_ASSERT(usage_is_none(&over));
    over = usage_over(&sum, &more);
    CU_ASSERT_EQUAL(over.disk.kib, 3 * 1024);
    CU_ASSERT_EQUAL(over.running_disk.kib, 0);
    usage_stop(&sum);
    CU_ASSERT_EQUAL(sum.running_vcpus, 0);
    CU_ASSERT_EQUAL(sum.vcpus, 3);
}

static const struct unit_test tests[] = {
    { "each kind of limit", each_kind },
    { "projects within customers", within },
    { "arithmetic of usage", arithmetic },
    { "exceeded", exceeded },
    { "fits", fits },
    { "amounts that are no MiB", kibibytes },
    { "what a definition counts for", definitions },
};

UNIT_MAIN("policyd/quota", tests)
