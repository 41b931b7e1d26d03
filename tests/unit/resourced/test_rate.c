/* Limits of what is sent: kept to, whatever was asked, and for days. */
#include "resourced/rate.h"

#include "tests/unit/unit.h"

#define CHUNK (64 * 1024)

/* Sends all it may, looking every so many ms, for so long; bytes. */
static uint64_t send_for(struct rate *rate, uint64_t *now_ms, uint64_t ms,
                         uint64_t every_ms)
{
    uint64_t sent = 0;
    size_t n;

    for (uint64_t end = *now_ms + ms; *now_ms < end; *now_ms += every_ms)
        while ((n = rate_allows(rate, *now_ms, CHUNK))) {
            rate_sent(rate, n);
            sent += n;
        }
    return sent;
}

static void test_kept(void)
{
    static const uint64_t every_ms[] = { 1, 3, 20, 100 };
    struct rate rate;

    for (size_t i = 0; i < 4; i++) {
        uint64_t now = 5;
        rate_begin(&rate, 2048, now);
        uint64_t sent = send_for(&rate, &now, 60000, every_ms[i]);
        CU_ASSERT(sent > UINT64_C(2048) * 1024 * 59);
        CU_ASSERT(sent <= UINT64_C(2048) * 1024 * 60);
    }
}

static void test_pause(void)
{
    uint64_t now = 1000;
    struct rate rate;

    rate_begin(&rate, 10240, now);
    now += 3600000;
    uint64_t sent = send_for(&rate, &now, 1, 1);
    CU_ASSERT_EQUAL(sent, 1024 * 1024);
}

static void test_no_limit(void)
{
    struct rate rate;

    rate_begin(&rate, 0, 7);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(rate_allows(&rate, 7, CHUNK), CHUNK);
        rate_sent(&rate, CHUNK);
    }
}

/* So little that a guest would never arrive. */
static void test_tiny(void)
{
    uint64_t now = 0;
    struct rate rate;

    rate_begin(&rate, 1, now);
    CU_ASSERT(send_for(&rate, &now, 10000, 20) > 9 * 1024 * 1024);
}

/* So much that sums of it would be too large: it is fast at all times. */
static void test_huge(void)
{
    static const uint64_t asked[] = { UINT64_MAX, UINT64_MAX / 1024,
                                      UINT64_C(1) << 54, UINT64_C(1) << 40 };
    struct rate rate;

    for (size_t i = 0; i < 4; i++) {
        uint64_t now = 0;
        rate_begin(&rate, asked[i], now);
        for (int j = 0; j < 1000; j++) {
            now += j % 2 ? 1 : UINT64_C(400000000);
            CU_ASSERT_EQUAL(rate_allows(&rate, now, CHUNK), CHUNK);
            rate_sent(&rate, CHUNK);
        }
    }
}

static const struct unit_test tests[] = {
    { "kept to", test_kept },   { "a pause", test_pause },
    { "no limit", test_no_limit }, { "tiny", test_tiny },
    { "huge", test_huge },
};

UNIT_MAIN("resourced: rates", tests)
