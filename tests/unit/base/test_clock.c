/* The clocks, running and stopped, and how moments are written. */
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

static void test_running(void)
{
    struct mono a = clock_mono(), b = clock_mono();
    CU_ASSERT_TRUE(b.ms >= a.ms);
    uint64_t now = (uint64_t)time(NULL) * 1000;
    uint64_t wall = clock_wall().ms;
    CU_ASSERT_TRUE(wall + 2000 > now && wall < now + 2000);
}

static void test_stopped(void)
{
    clock_test_set((struct mono){ 5 }, (struct wall){ 70 });
    CU_ASSERT_EQUAL(clock_mono().ms, 5);
    CU_ASSERT_EQUAL(clock_wall().ms, 70);
    clock_test_advance(10);
    CU_ASSERT_EQUAL(clock_mono().ms, 15);
    CU_ASSERT_EQUAL(clock_wall().ms, 80);
    clock_test_release();
    CU_ASSERT_TRUE(clock_wall().ms > 1000);
    uint64_t before = clock_mono().ms;
    clock_test_advance(1000000);
    CU_ASSERT_TRUE(clock_mono().ms >= before + 1000000);
    clock_test_release();
}

static void test_format(void)
{
    char buf[32];
    setenv("TZ", "CET-1", 1);
    tzset();
    const struct wall wall = { UINT64_C(1772370309123) };
    CU_ASSERT_STRING_EQUAL(clock_wall_format(wall, buf, sizeof(buf)),
                           "2026-03-01 14:05:09");
    CU_ASSERT_STRING_EQUAL(clock_wall_rfc3339(wall, buf, sizeof(buf)),
                           "2026-03-01T13:05:09.123Z");
    const struct wall end = { UINT64_MAX };
    CU_ASSERT_PTR_EQUAL(clock_wall_format(end, buf, sizeof(buf)), buf);
    CU_ASSERT_PTR_EQUAL(clock_wall_rfc3339(end, buf, sizeof(buf)), buf);
}

static const struct unit_test tests[] = {
    { "running", test_running },
    { "stopped", test_stopped },
    { "written", test_format },
};
UNIT_MAIN("base/clock", tests)
