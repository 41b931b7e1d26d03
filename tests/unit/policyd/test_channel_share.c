/*
 * How a quota of channels is divided among hosts.
 */
#include "policyd/customers/channel_share.h"

#include "tests/unit/unit.h"

#define HOSTS 5

struct bed {
    uint64_t used[HOSTS], told[HOSTS];
    bool needs[HOSTS], wants[HOSTS];
};

static struct channel_share of(const struct bed *bed, int i)
{
    struct channel_share share = {
        .used = bed->used[i],
        .held = bed->told[i] > bed->used[i] ? bed->told[i] : bed->used[i],
        .n_needing = bed->needs[i] || bed->used[i] || bed->wants[i],
        .n_wanting = bed->wants[i],
    };

    return share;
}

static void look(struct bed *bed, uint64_t quota, int i)
{
    struct channel_share others = { .used = 0 }, own = of(bed, i);

    for (int j = 0; j < HOSTS; j++) {
        struct channel_share one = of(bed, j);
        if (j == i)
            continue;
        others.used += one.used;
        others.held += one.held;
        others.n_needing += one.n_needing;
        others.n_wanting += one.n_wanting;
    }
    bed->told[i] = channel_share(quota, &others, &own);
}

static void rounds(struct bed *bed, uint64_t quota, int n)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < HOSTS; i++)
            look(bed, quota, i);
}

static uint64_t sum(const struct bed *bed)
{
    uint64_t n = 0;

    for (int i = 0; i < HOSTS; i++)
        n += bed->told[i];
    return n;
}

static void one_host_has_all(void)
{
    const struct channel_share none = { .used = 0 };
    const struct channel_share idle = { .used = 0 };
    const struct channel_share busy = { .used = 3, .held = 7, .n_needing = 1 };

    CU_ASSERT_EQUAL(channel_share(7, &none, &idle), 7);
    CU_ASSERT_EQUAL(channel_share(7, &none, &busy), 7);
    /* it has more than it may: no more */
    CU_ASSERT_EQUAL(channel_share(2, &none, &busy), 2);
    CU_ASSERT_EQUAL(channel_share(0, &none, &idle), 0);
}

static void who_needs_has_it(void)
{
    struct bed bed = { .needs = { [1] = true } };

    rounds(&bed, 10, 2);
    CU_ASSERT_EQUAL(bed.told[1], 10);
    CU_ASSERT_EQUAL(sum(&bed), 10);
    bed.needs[3] = true;
    rounds(&bed, 10, 2);
    CU_ASSERT_EQUAL(bed.told[1], 5);
    CU_ASSERT_EQUAL(bed.told[3], 5);
}

/* However little is left, who wants it comes to it. */
static void all_of_it_can_be_used(void)
{
    struct bed bed = { .needs = { true, false, true, true } };

    for (int n = 0; n < 11; n++) {
        bed.wants[2] = true;
        rounds(&bed, 11, 3);
        CU_ASSERT_TRUE(bed.told[2] > bed.used[2]);
        bed.used[2]++;
    }
    rounds(&bed, 11, 3);
    CU_ASSERT_EQUAL(bed.told[2], 11);
    CU_ASSERT_EQUAL(sum(&bed), 11);
}

/* Whatever is opened, closed, looked at and set, in whatever order. */
static void never_more_than_the_quota(void)
{
    unsigned long state = 4711;
    struct bed bed = { .told = { 0 } };
    uint64_t quota = 20;

    for (int n = 0; n < 100000; n++) {
        state = state * 6364136223846793005UL + 1442695040888963407UL;
        unsigned long r = state >> 33;
        int i = (int)(r % HOSTS);
        switch (r / HOSTS % 5) {
        case 0:
            bed.wants[i] = bed.used[i] >= bed.told[i];
            bed.used[i] += bed.used[i] < bed.told[i];
            break;
        case 1:
            bed.used[i] -= bed.used[i] > 0;
            break;
        case 2:
            bed.needs[i] = r / 1000 % 2;
            bed.wants[i] = false;
            break;
        case 3:
        case 4:
            look(&bed, quota, i);
            break;
        }
        uint64_t used = 0;
        for (int j = 0; j < HOSTS; j++)
            used += bed.used[j];
        if (used > quota || sum(&bed) > quota) {
            CU_FAIL("more than the quota");
            break;
        }
    }
    CU_ASSERT_TRUE(sum(&bed) <= quota);
}

static const struct unit_test tests[] = {
    { "one host has all", one_host_has_all },
    { "who needs has it", who_needs_has_it },
    { "all of it can be used", all_of_it_can_be_used },
    { "never more than the quota", never_more_than_the_quota },
};

UNIT_MAIN("policyd/channel_share", tests)
