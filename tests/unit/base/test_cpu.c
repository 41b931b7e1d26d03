/* Sets of CPU features: names, Xen's words, stored forms. */
#include "base/cpu.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct cpu_set set_of(const char *a, const char *b)
{
    struct cpu_set set = { { 0 } };

    CU_ASSERT_EQUAL(cpu_set_add_name(&set, a, NULL), 0);
    CU_ASSERT_EQUAL(cpu_set_add_name(&set, b, NULL), 0);
    return set;
}

/* Numbers are in what is stored: a few, so that no row moves. */
static void numbers(void)
{
    static const struct {
        const char *name;
        unsigned number;
    } rows[] = {
        { "intel", 0 },    { "amd", 1 },       { "sse2", 11 },
        { "sse4_2", 20 },  { "aes", 23 },      { "3dnow", 35 },
        { "avx2", 52 },    { "avx512f", 58 },  { "clwb", 64 },
        { "gfni", 76 },    { "constant_tsc", 86 },
    };
    unsigned feature;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CU_ASSERT_FATAL(cpu_feature_find(rows[i].name, &feature));
        CU_ASSERT_EQUAL(feature, rows[i].number);
        CU_ASSERT_STRING_EQUAL(cpu_feature_name(feature), rows[i].name);
    }
    CU_ASSERT_PTR_NULL(cpu_feature_name(CPU_FEATURES_MAX));
    CU_ASSERT_PTR_NULL(cpu_feature_name(CPU_FEATURES_MAX - 1));
}

static void other_names(void)
{
    static const char *const rows[][2] = {
        { "pni", "sse3" },          { "sse4.2", "sse4_2" },
        { "aesni", "aes" },         { "popcount", "popcnt" },
        { "page1gb", "pdpe1gb" },   { "sha", "sha_ni" },
        { "lzcnt", "abm" },         { "avx512-vnni", "avx512_vnni" },
    };
    unsigned a, b;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CU_ASSERT_FATAL(cpu_feature_find(rows[i][0], &a));
        CU_ASSERT_FATAL(cpu_feature_find(rows[i][1], &b));
        CU_ASSERT_EQUAL(a, b);
    }
}

static void unknown_names(void)
{
    struct cpu_set set = { { 0 } };
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(cpu_set_add_name(&set, "avx3", &err), VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(err.text, "there is no CPU feature 'avx3'");
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean avx?");
    CU_ASSERT_EQUAL(cpu_set_add_name(&set, "whatever", &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "/proc/cpuinfo"));
    CU_ASSERT(cpu_set_is_empty(&set));
}

/* Bits as xen/include/public/arch-x86/cpufeatureset.h has them. */
static void words_of_xen(void)
{
    uint32_t words[CPU_XEN_WORDS] = { 0 };
    char names[256];

    words[0] = 1u << 26 | 1u << 25;   /* SSE2, SSE */
    words[1] = 1u << 25 | 1u << 31;   /* AESNI, HYPERVISOR: no name here */
    words[5] = 1u << 5 | 1u << 31;    /* AVX2, AVX512VL */
    struct cpu_set set = cpu_set_of_xen(words, "AuthenticAMD");
    CU_ASSERT_STRING_EQUAL(cpu_set_names(&set, " ", names, sizeof(names)),
                           "amd sse sse2 aes avx2 avx512vl");
    set = cpu_set_of_xen(words, "SomebodyElse");
    CU_ASSERT_STRING_EQUAL(cpu_set_names(&set, " ", names, sizeof(names)),
                           "sse sse2 aes avx2 avx512vl");
    CU_ASSERT_STRING_EQUAL(cpu_set_names(&set, ", ", names, 9), "sse, sse");
}

static void what_is_lacking(void)
{
    struct cpu_set has = set_of("intel", "gfni");
    struct cpu_set wants = set_of("gfni", "avx2");
    struct cpu_set lacks = cpu_set_lacks(&has, &wants);
    struct cpu_set vendor = cpu_set_vendor(&has);
    char names[64];

    CU_ASSERT_EQUAL(cpu_set_count(&lacks), 1);
    CU_ASSERT_STRING_EQUAL(cpu_set_names(&lacks, " ", names, sizeof(names)),
                           "avx2");
    CU_ASSERT_STRING_EQUAL(cpu_set_names(&vendor, " ", names, sizeof(names)),
                           "intel");
    cpu_set_join(&has, &wants);
    lacks = cpu_set_lacks(&has, &wants);
    CU_ASSERT(cpu_set_is_empty(&lacks));
}

/* Every feature by itself, and all of them, there and back. */
static void forms(void)
{
    struct cpu_set all = { { 0 } }, back;
    uint8_t bytes[CPU_SET_SIZE];
    char hex[CPU_SET_HEX_SIZE];

    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++) {
        struct cpu_set one = { { 0 } };
        cpu_set_add(&one, i);
        cpu_set_add(&all, i);
        CU_ASSERT_EQUAL(cpu_set_write(&one, bytes), i / 8 + 1);
        back = cpu_set_read(bytes, i / 8 + 1);
        CU_ASSERT_EQUAL(memcmp(&back, &one, sizeof(one)), 0);
        CU_ASSERT(cpu_set_from_hex(cpu_set_hex(&one, hex), &back));
        CU_ASSERT_EQUAL(memcmp(&back, &one, sizeof(one)), 0);
    }
    CU_ASSERT_EQUAL(cpu_set_write(&all, bytes), CPU_SET_SIZE);
    CU_ASSERT_EQUAL(strlen(cpu_set_hex(&all, hex)), CPU_SET_HEX_SIZE - 1);
    CU_ASSERT(cpu_set_from_hex(hex, &back));
    CU_ASSERT_EQUAL(memcmp(&back, &all, sizeof(all)), 0);
    CU_ASSERT(cpu_set_from_hex("", &back));
    CU_ASSERT(cpu_set_is_empty(&back));
}

static void no_forms(void)
{
    static const char *const bad[] = {
        "f", "0g", "0x", "FF", " 1", "-1",
        "000000000000000000000000000000000",
        "0000000000000000000000000000000000",
    };
    struct cpu_set set = { { 5, 6 } };
    uint8_t more[CPU_SET_SIZE + 4];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_FALSE(cpu_set_from_hex(bad[i], &set));
    CU_ASSERT(set.words[0] == 5 && set.words[1] == 6);
    /* of one who knows more features than we do */
    memset(more, 0xff, sizeof(more));
    set = cpu_set_read(more, sizeof(more));
    CU_ASSERT_EQUAL(cpu_set_count(&set), CPU_FEATURES_MAX);
}

static const struct unit_test tests[] = {
    { "numbers stay", numbers },
    { "other names", other_names },
    { "names that there are not", unknown_names },
    { "Xen's words", words_of_xen },
    { "what is lacking", what_is_lacking },
    { "as bytes and digits", forms },
    { "what is no such form", no_forms },
};

UNIT_MAIN("cpu", tests)
