/* xl's lists of CPUs. */
#include "hv/cpulist.h"

#include <string.h>

#include "tests/unit/unit.h"

/* Eight CPUs on nodes 0 and 1, the last number without a CPU. */
static const uint32_t nodes[] = { 0, 0, 0, 0, 1, 1, 1, CPULIST_NO_NODE };
static const struct cpulist_host host = { 8, nodes };

/* The flags as text, "1" for a CPU of the list. */
static const char *parsed(const char *text)
{
    static char flags[9];
    bool cpus[8];
    struct vdc_error err = { 0 };

    if (cpulist_parse(text, &host, cpus, &err) != 0) {
        CU_ASSERT_EQUAL(err.code, VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
        return "refused";
    }
    for (size_t i = 0; i < 8; i++)
        flags[i] = cpus[i] ? '1' : '0';
    return flags;
}

static void test_good(void)
{
    static const struct {
        const char *text, *flags;
    } cases[] = {
        { "all", "11111110" },         { "0", "10000000" },
        { "6", "00000010" },           { "0-3", "11110000" },
        { "0-3,^1", "10110000" },      { "1,3,5", "01010100" },
        { "all,^0-1", "00111110" },    { "node:1", "00001110" },
        { "nodes:0-1", "11111110" },   { "nodes:0-1,^node:1", "11110000" },
        { "node:0,^2,6", "11010010" }, { "^0,all", "11111110" },
        { " 0 , 2 ", "10100000" },     { "2-2", "00100000" },
        { "nodes:all", "11111110" },   { "^0,0", "10000000" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_STRING_EQUAL(parsed(cases[i].text), cases[i].flags);
    }
}

static void test_bad(void)
{
    static const char *const cases[] = {
        "",           ",",      "0,",       ",0",
        "x",          "0-",     "-1",       "3-1",
        "^",          "^all",   "0 1",      "0--1",
        "7",          "8",      "0-7",      "0-99999999999",
        "4294967296", "node:2", "node:",    "nodes:0-2",
        "0,^0",       "^0",     "allx",     "1e3",
        "0x1",        "0;1",    "nodes:^0", "all,^nodes:0-1",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_STRING_EQUAL(parsed(cases[i]), "refused");
}

static void test_untouched(void)
{
    bool cpus[8] = { true, false, true, false, true, false, true, false };
    bool same[8];

    memcpy(same, cpus, sizeof(same));
    CU_ASSERT_EQUAL(cpulist_parse("0,9", &host, cpus, NULL), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(memcmp(cpus, same, sizeof(same)), 0);
}

static void test_no_cpus(void)
{
    const struct cpulist_host none = { 0, NULL };

    CU_ASSERT_EQUAL(cpulist_parse("all", &none, NULL, NULL), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(cpulist_parse("0", &none, NULL, NULL), VDC_E_BAD_VALUE);
}

/* What is written is what is read, in the shortest form. */
static void test_format(void)
{
    static const char *const cases[][2] = {
        { "all", "all" },     { "0-6", "all" },      { "0", "0" },
        { "0,1,2", "0-2" },   { "0-3,^1", "0,2-3" }, { "6,1,3,5", "1,3,5-6" },
        { "nodes:1", "4-6" }, { "all,^0", "1-6" },
    };
    struct arena *arena = arena_new();
    bool cpus[8], none[8] = { false };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(cpulist_parse(cases[i][0], &host, cpus, NULL), 0);
        CU_ASSERT_STRING_EQUAL(cpulist_format(cpus, &host, arena),
                               cases[i][1]);
    }
    CU_ASSERT_STRING_EQUAL(cpulist_format(none, &host, arena), "");
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "good lists", test_good },
    { "bad lists", test_bad },
    { "untouched on failure", test_untouched },
    { "a host without CPUs", test_no_cpus },
    { "lists as text", test_format },
};

UNIT_MAIN("hv/cpulist", tests)
