/* Tests of policyd/kv/kv_etcd_json.c: what is sent, byte by byte. */
#include "policyd/kv/kv_etcd_json.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct json_out *out;

static void begin(void)
{
    out = json_out_new(false);
    json_out_object(out);
}

static void check_text(const char *want)
{
    json_out_object_end(out);
    CU_ASSERT_STRING_EQUAL(json_out_text(out, NULL), want);
    json_out_free(out);
}

static void keys_and_prefixes(void)
{
    begin();
    etcd_put_key(out, "/t/", "a");
    check_text("{\"key\":\"L3QvYQ==\"}"); /* "/t/a" */
    begin();
    etcd_put_prefix(out, "/t/", "a");
    check_text("{\"key\":\"L3QvYQ==\",\"range_end\":\"L3QvYg==\"}");
    begin();
    etcd_put_prefix(out, "/t/", "");
    check_text("{\"key\":\"L3Qv\",\"range_end\":\"L3Qw\"}"); /* "/t0" */
    begin();
    etcd_put_prefix(out, "", "~"); /* the last there is: to 0x7f */
    check_text("{\"key\":\"fg==\",\"range_end\":\"fw==\"}");
    begin();
    etcd_put_prefix(out, "", ""); /* all keys: from "\0" to "\0" */
    check_text("{\"key\":\"AA==\",\"range_end\":\"AA==\"}");
    begin();
    etcd_put_rest(out, "/t/", "a", "ab"); /* from "/t/ab\0" */
    check_text("{\"key\":\"L3QvYWIA\",\"range_end\":\"L3QvYg==\"}");
    begin();
    etcd_put_rest(out, "", "", "ab");
    check_text("{\"key\":\"YWIA\",\"range_end\":\"AA==\"}");
}

static void commits(void)
{
    struct kv_compare compares[] = {
        { .kind = KV_MODIFIED_IS, .key = "a" },
        { .kind = KV_CREATED_IS, .key = "a", .revision = UINT64_MAX },
        { .kind = KV_VALUE_IS, .key = "a" },
    };
    struct kv_change changes[] = {
        { .kind = KV_PUT,
          .key = "a",
          .value = (const uint8_t *)"\xff",
          .size = 1,
          .lease = 7 },
        { .kind = KV_DELETE, .key = "b" },
        { .kind = KV_DELETE_PREFIX, .key = "c" },
    };

    out = json_out_new(false);
    etcd_put_commit(out, "", compares, 3, changes, 3);
    CU_ASSERT_STRING_EQUAL(
        json_out_text(out, NULL),
        "{\"compare\":["
        "{\"result\":\"EQUAL\",\"key\":\"YQ==\",\"target\":\"MOD\","
        "\"mod_revision\":\"0\"},"
        "{\"result\":\"EQUAL\",\"key\":\"YQ==\",\"target\":\"CREATE\","
        "\"create_revision\":\"18446744073709551615\"},"
        "{\"result\":\"EQUAL\",\"key\":\"YQ==\",\"target\":\"VALUE\","
        "\"value\":\"\"}],\"success\":["
        "{\"request_put\":{\"key\":\"YQ==\",\"value\":\"/w==\","
        "\"lease\":\"7\"}},"
        "{\"request_delete_range\":{\"key\":\"Yg==\"}},"
        "{\"request_delete_range\":{\"key\":\"Yw==\","
        "\"range_end\":\"ZA==\"}}]}");
    json_out_free(out);
}

/* What may have happened is never said to have been refused. */
static void verdicts(void)
{
    static const struct {
        const char *words;
        enum etcd_verdict verdict;
        int code;
    } cases[] = {
        { "etcdserver: requested lease not found", ETCD_REFUSED,
          VDC_E_BAD_VALUE },
        { "etcdserver: mvcc: database space exceeded", ETCD_REFUSED,
          VDC_E_DISK_FULL },
        { "etcdserver: no leader", ETCD_UNAVAILABLE, VDC_E_STORE },
        { "etcdserver: invalid auth token", ETCD_LOGIN, VDC_E_DENIED },
        { "etcdserver: request timed out", ETCD_UNKNOWN, VDC_E_CLOSED },
        { "etcdserver: request timed out, possibly due to previous leader "
          "failure",
          ETCD_UNKNOWN, VDC_E_CLOSED },
        { "etcdserver: leader changed", ETCD_UNKNOWN, VDC_E_CLOSED },
        { "etcdserver: server stopped", ETCD_UNKNOWN, VDC_E_CLOSED },
        { "transport is closing", ETCD_UNKNOWN, VDC_E_CLOSED },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vdc_error err = { 0 };
        CU_ASSERT_EQUAL(etcd_judge_words(cases[i].words, &err),
                        cases[i].verdict);
        CU_ASSERT_EQUAL(err.code, cases[i].code);
        CU_ASSERT_STRING_EQUAL(err.text, cases[i].words);
    }
    struct vdc_error err = { 0 };
    CU_ASSERT_EQUAL(etcd_judge_words("", &err), ETCD_UNKNOWN);
    CU_ASSERT(err.text[0]);
}

static void numbers(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t n;
    } cases[] = {
        { "{}", true, 0 },
        { "{\"n\":\"0\"}", true, 0 },
        { "{\"n\":7}", true, 7 },
        { "{\"n\":\"18446744073709551615\"}", true, UINT64_MAX },
        { "{\"n\":\"18446744073709551616\"}", false, 0 },
        { "{\"n\":\"-1\"}", false, 0 },
        { "{\"n\":-1}", false, 0 },
        { "{\"n\":\"\"}", false, 0 },
        { "{\"n\":\" 1\"}", false, 0 },
        { "{\"n\":1.5}", false, 0 },
        { "{\"n\":1e3}", false, 0 },
        { "{\"n\":null}", false, 0 },
        { "{\"n\":[1]}", false, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        const struct json_value *json;
        uint64_t n = 99;
        CU_ASSERT_EQUAL_FATAL(json_parse(cases[i].text, strlen(cases[i].text),
                                         arena, &json, NULL),
                              0);
        CU_ASSERT_EQUAL(etcd_get_u64(json, "n", &n), cases[i].ok);
        CU_ASSERT_EQUAL(n, cases[i].ok ? cases[i].n : 99);
        arena_free(arena);
    }
}

static const struct unit_test tests[] = {
    { "keys and prefixes", keys_and_prefixes },
    { "commits", commits },
    { "verdicts", verdicts },
    { "numbers", numbers },
};

UNIT_MAIN("kv_etcd_json", tests)
