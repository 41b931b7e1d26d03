/* Amounts and durations, read and written. */
#include "base/units.h"

#include <string.h>

#include "tests/unit/unit.h"

static void test_mem_parse(void)
{
    static const struct {
        const char *text;
        uint64_t kib;
    } rows[] = {
        { "512", 512 * 1024 },
        { "512M", 512 * 1024 },
        { "0", 0 },
        { "4G", 4 * 1024 * 1024 },
        { "4GiB", 4 * 1024 * 1024 },
        { "4 gib", 4 * 1024 * 1024 },
        { "1.5g", 1536 * 1024 },
        { "100k", 100 },
        { "2T", UINT64_C(2) << 30 },
        { "0.1G", 104857 },
        { "0.99999999999999G", 1048575 },
        { "1.5", 1536 },
        { "16384T", MEM_MAX_KIB },
        { "007", 7 * 1024 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mem mem = { 1 };
        CU_ASSERT_EQUAL(units_mem_parse(rows[i].text, 1024, &mem, NULL), 0);
        CU_ASSERT_EQUAL(mem.kib, rows[i].kib);
    }
    struct mem mem;
    CU_ASSERT_EQUAL(units_mem_parse("3", 1, &mem, NULL), 0);
    CU_ASSERT_EQUAL(mem.kib, 3);
}

static void test_mem_parse_bad(void)
{
    static const char *const rows[] = {
        "",
        "M",
        "-1",
        "+1",
        " 1",
        "1X",
        "1MB",
        "1.",
        ".5",
        "1..5",
        "1 2",
        "1M ",
        "0x10",
        "1e3",
        "16385T",
        "16384.1T",
        "18446744073709551616",
        "99999999999999999999999999",
        "18014398509481984M",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mem mem = { 77 };
        struct vdc_error err;
        CU_ASSERT_EQUAL(units_mem_parse(rows[i], 1024, &mem, &err),
                        VDC_E_BAD_VALUE);
        CU_ASSERT_EQUAL(mem.kib, 77);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i]));
    }
}

static void test_mem_format(void)
{
    static const struct {
        uint64_t kib;
        const char *text;
    } rows[] = {
        { 0, "0 KiB" },
        { 100, "100 KiB" },
        { 1023, "1023 KiB" },
        { 1024, "1 MiB" },
        { 512 * 1024, "512 MiB" },
        { 1536 * 1024, "1.5 GiB" },
        { 1024 * 1024 - 1, "1.0 GiB" },
        { 4 * 1024 * 1024, "4 GiB" },
        { MEM_MAX_KIB, "16384 TiB" },
        { MEM_MAX_KIB - 1, "16384.0 TiB" },
    };
    char buf[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CU_ASSERT_STRING_EQUAL(
            units_mem_format(MEM_KIB(rows[i].kib), buf, sizeof(buf)),
            rows[i].text);
    units_mem_format(MEM_KIB(UINT64_MAX), buf, sizeof(buf));
    CU_ASSERT_TRUE(strlen(buf) < sizeof(buf) - 1);
}

/* What is exact reads back as the same amount. */
static void test_mem_round(void)
{
    char buf[32];
    for (uint64_t kib = 1; kib < MEM_MAX_KIB; kib *= 2) {
        struct mem mem;
        units_mem_format(MEM_KIB(kib), buf, sizeof(buf));
        CU_ASSERT_EQUAL(units_mem_parse(buf, 1, &mem, NULL), 0);
        CU_ASSERT_EQUAL(mem.kib, kib);
    }
    CU_ASSERT_EQUAL(MEM_MIB(3).kib, 3072);
    CU_ASSERT_EQUAL(MEM_GIB(3).kib, 3 * 1024 * 1024);
}

static void test_duration_format(void)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        { 0, "0 s" },
        { 40, "40 ms" },
        { 200, "0.2 s" },
        { 1000, "1 s" },
        { 1050, "1 s" },
        { 1500, "1.5 s" },
        { 41000, "41 s" },
        { 41900, "41 s" },
        { 60000, "1 min" },
        { 185000, "3 min 5 s" },
        { 7440000, "2 h 4 min" },
        { 7200000, "2 h" },
        { 266400000, "3 d 2 h" },
    };
    char buf[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CU_ASSERT_STRING_EQUAL(
            units_duration_format(rows[i].ms, buf, sizeof(buf)), rows[i].text);
    units_duration_format(UINT64_MAX, buf, sizeof(buf));
    CU_ASSERT_TRUE(strlen(buf) < sizeof(buf) - 1);
}

static void test_duration_parse(void)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        { "30", 30000 },   { "30s", 30000 }, { "5m", 300000 },
        { "2h", 7200000 }, { "500ms", 500 }, { "1d", 86400000 },
        { "30 S", 30000 }, { "0", 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ms = 1;
        CU_ASSERT_EQUAL(units_duration_parse(rows[i].text, &ms, NULL), 0);
        CU_ASSERT_EQUAL(ms, rows[i].ms);
    }
    static const char *const bad[] = {
        "",
        "s",
        "-1",
        "1.5h",
        "1x",
        "1 m s",
        " 1",
        "1m ",
        "18446744073709551615",
        "99999999999999999999s",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t ms = 77;
        struct vdc_error err;
        CU_ASSERT_EQUAL(units_duration_parse(bad[i], &ms, &err),
                        VDC_E_BAD_VALUE);
        CU_ASSERT_EQUAL(ms, 77);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i]));
    }
}

static const struct unit_test tests[] = {
    { "amounts", test_mem_parse },
    { "what is no amount", test_mem_parse_bad },
    { "amounts written", test_mem_format },
    { "amounts there and back", test_mem_round },
    { "durations written", test_duration_format },
    { "durations", test_duration_parse },
};
UNIT_MAIN("base/units", tests)
