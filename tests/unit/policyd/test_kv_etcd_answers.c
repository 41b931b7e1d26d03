/* Tests of policyd/kv/kv_etcd*.c on answers that a good etcd would seldom or
 * never give: each ends in a clean error, and the next request is fine. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/policyd/etcd_fake.h"
#include "tests/unit/unit.h"

/* ---- commits ---- */

static const struct {
    struct etcd_script script;
    int code;
} odd_commits[] = {
    { { "kv/txn", 200, "{" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "[]" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "null" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "{}" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "{\"succeeded\":true}" }, VDC_E_CLOSED },
    { { "kv/txn", 200, ETCD_HEAD ",\"succeeded\":\"true\"}" }, VDC_E_CLOSED },
    { { "kv/txn", 200, ETCD_HEAD ",\"succeeded\":true}x" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "{\"header\":5,\"succeeded\":true}" }, VDC_E_CLOSED },
    { { "kv/txn", 200, "{\"header\":{\"revision\":5.5},\"succeeded\":true}" },
      VDC_E_CLOSED },
    { { "kv/txn", 200,
        "{\"header\":{\"revision\":\"-1\"},\"succeeded\":true}" },
      VDC_E_CLOSED },
    { { "kv/txn", 200,
        "{\"header\":{\"revision\":\"18446744073709551616\"},"
        "\"succeeded\":true}" },
      VDC_E_CLOSED },
    { { "kv/txn", 200, ETCD_HEAD "}" }, VDC_E_CONFLICT },
    { { "kv/txn", 500, "" }, VDC_E_CLOSED },
    { { "kv/txn", 502, "<html>Bad gateway</html>" }, VDC_E_CLOSED },
    { { "kv/txn", 500, "{}" }, VDC_E_CLOSED },
    { { "kv/txn", 500, "{\"error\":5}" }, VDC_E_CLOSED },
    { { "kv/txn", 503, ETCD_ERROR("request timed out", 14) }, VDC_E_CLOSED },
    { { "kv/txn", 503, ETCD_ERROR("server stopped", 14) }, VDC_E_CLOSED },
    { { "kv/txn", 404, ETCD_ERROR("requested lease not found", 5) },
      VDC_E_BAD_VALUE },
    { { "kv/txn", 400, ETCD_ERROR("too many operations in txn request", 3) },
      VDC_E_BAD_VALUE },
    { { "kv/txn", 400, ETCD_ERROR("request is too large", 3) },
      VDC_E_BAD_VALUE },
    { { "kv/txn", 400, ETCD_ERROR("something new", 3) }, VDC_E_BAD_VALUE },
    { { "kv/txn", 429, ETCD_ERROR("mvcc: database space exceeded", 8) },
      VDC_E_DISK_FULL },
    { { "kv/txn", 403, ETCD_ERROR("permission denied", 7) }, VDC_E_DENIED },
    { { "kv/txn", 500, ETCD_ERROR("corrupt cluster", 15) },
      VDC_E_STORE_CORRUPT },
    { { "kv/txn", 0, "this is no HTTP\r\n\r\n", true }, VDC_E_CLOSED },
    { { "kv/txn", 0, NULL, true }, VDC_E_CLOSED },
    { { "kv/txn", 0, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", true },
      VDC_E_CLOSED },
    { { "kv/txn", 0, NULL, false }, VDC_E_CLOSED }, /* hangs */
};

static void commits(void)
{
    for (size_t i = 0; i < sizeof(odd_commits) / sizeof(odd_commits[0]); i++) {
        etcd_fake_begin(&odd_commits[i].script, 1);
        int code = etcd_fake_commit();
        if (code != odd_commits[i].code)
            printf("case %zu: %s, not %s\n", i, vdc_error_name(code),
                   vdc_error_name(odd_commits[i].code));
        CU_ASSERT_EQUAL(code, odd_commits[i].code);
        CU_ASSERT_EQUAL(etcd_fake.n_txn, 1); /* never asked twice */
        CU_ASSERT_EQUAL(etcd_fake_commit(), 0);
        CU_ASSERT_EQUAL(etcd_fake.n_txn, 2);
        etcd_fake_end();
    }
}

/* What was certainly not done is asked again. */
static void commits_made_again(void)
{
    static const struct etcd_script again[] = {
        { "kv/txn", 503, ETCD_ERROR("no leader", 14) },
        { "kv/txn", 429, ETCD_ERROR("too many requests", 8) },
        { "kv/txn", 401, ETCD_ERROR("invalid auth token", 16) },
        { "kv/txn", 500, ETCD_ERROR("raft proposal dropped", 2) },
    };

    etcd_fake_begin(again, 4);
    CU_ASSERT_EQUAL(etcd_fake_commit(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_txn, 5);
    etcd_fake_end();
}

/* Not for ever. */
static void commits_given_up(void)
{
    static struct etcd_script again[50];

    for (size_t i = 0; i < 50; i++)
        again[i] =
            (struct etcd_script){ "kv/txn", 503, ETCD_ERROR("no leader", 14) };
    etcd_fake_begin(again, 50);
    CU_ASSERT_EQUAL(etcd_fake_commit(), VDC_E_STORE);
    CU_ASSERT(etcd_fake.n_txn < 10);
    etcd_fake_end();
}

/* ---- reads ---- */

#define KVS(pairs) ETCD_HEAD ",\"kvs\":" pairs "}"
#define PAIR(key, rest) "{\"key\":\"" key "\",\"mod_revision\":\"3\"" rest "}"

static void reads(void)
{
    static const char *const bad[] = {
        "{",
        "[]",
        "{}",
        "{\"header\":{}}",
        KVS("5"),
        KVS("[5]"),
        KVS("[{}]"),
        KVS("{\"key\":\"L3Qvaw==\"}"),
        KVS("[{\"key\":\"!!\",\"mod_revision\":\"3\"}]"),
        KVS("[{\"key\":5,\"mod_revision\":\"3\"}]"),
        KVS("[{\"key\":\"L3Qvaw==\"}]"),   /* no revision */
        KVS("[" PAIR("Zm9v", "") "]"),     /* not of our prefix */
        KVS("[" PAIR("L3QvAGs=", "") "]"), /* a 0 in it */
        KVS("[" PAIR("L3Qvaw==", ",\"value\":\"a\"") "]"),
        KVS("[" PAIR("L3Qvaw==", ",\"value\":{}") "]"),
        KVS("[" PAIR("L3Qvaw==", ",\"lease\":\"x\"") "]"),
        KVS("[" PAIR("L3Qvaw==", ",\"create_revision\":-5") "]"),
        KVS("[" PAIR("L3Qvaw==", "") "," PAIR("L3Qvaw==", "") "]"),
        KVS("[" PAIR("L3Qvbg==", "") "," PAIR("L3Qvaw==", "") "]"),
        ETCD_HEAD ",\"more\":true}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct etcd_script one = { "kv/range", 200, bad[i] };
        etcd_fake_begin(&one, 1);
        CU_ASSERT_EQUAL(etcd_fake_read(), VDC_E_STORE);
        CU_ASSERT_EQUAL(etcd_fake_read(), 0);
        CU_ASSERT_EQUAL(etcd_fake.n_pairs, 1);
        etcd_fake_end();
    }
}

static void reads_made_again(void)
{
    static const struct etcd_script again[] = {
        { "kv/range", 0, NULL, true },
        { "kv/range", 503, ETCD_ERROR("request timed out", 14) },
        { "kv/range", 0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
          true },
    };

    etcd_fake_begin(again, 3);
    CU_ASSERT_EQUAL(etcd_fake_read(), 0);
    CU_ASSERT_EQUAL(etcd_fake.n_pairs, 1);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 4);
    etcd_fake_end();
}

/* Always too large: smaller pages are tried, then it is given up. */
static void reads_too_large(void)
{
    static struct etcd_script large[10];
    size_t size = 17 * 1024 * 1024;
    char *body = xzalloc(size + 1);

    memset(body, ' ', size);
    for (size_t i = 0; i < 10; i++)
        large[i] = (struct etcd_script){ "kv/range", 200, body };
    etcd_fake.request_ms = 5000;
    etcd_fake_begin(large, 10);
    etcd_fake.request_ms = 400;
    CU_ASSERT_EQUAL(etcd_fake_read(), VDC_E_STORE);
    CU_ASSERT_EQUAL(etcd_fake.n_range, 7); /* 64, 32, ... 1 */
    etcd_fake_end();
    free(body);
}

/* ---- leases ---- */

static unsigned n_granted, n_ended;
static uint64_t granted;
static struct vdc_error ended;

static void on_granted(void *arg, uint64_t id)
{
    n_granted++;
    granted = id;
}

static void on_ended(void *arg, const struct vdc_error *why)
{
    n_ended++;
    ended = *why;
}

static const struct kv_lease_notify notify = { on_granted, on_ended, NULL };

static void grants(void)
{
    static const char *const bad[] = {
        "{",
        "{}",
        ETCD_HEAD ",\"ID\":\"0\",\"TTL\":\"2\"}",
        ETCD_HEAD ",\"ID\":\"-5\",\"TTL\":\"2\"}",
        ETCD_HEAD ",\"ID\":\"9223372036854775808\",\"TTL\":\"2\"}",
        ETCD_HEAD ",\"ID\":\"5\"}",
        ETCD_HEAD ",\"ID\":\"5\",\"TTL\":\"x\"}",
        ETCD_HEAD ",\"ID\":\"5\",\"TTL\":\"99999999999\"}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct etcd_script one = { "lease/grant", 200, bad[i] };
        n_granted = n_ended = 0;
        etcd_fake_begin(&one, 1);
        struct kv_lease *lease = kv_lease_new(etcd_fake.kv, 2000, &notify);
        CU_ASSERT(etcd_fake_wait(&n_granted, 1, 5000));
        CU_ASSERT_EQUAL(granted, 77);
        CU_ASSERT_EQUAL(n_ended, 0);
        kv_lease_free(lease);
        etcd_fake_end();
    }
}

static void renewals(void)
{
    static const struct {
        const char *line;
        int code; /* how it ends; 0: it does not */
    } cases[] = {
        { "{\"result\":" ETCD_HEAD ",\"ID\":\"77\"}}", VDC_E_STORE },
        { "{\"error\":{\"message\":\"etcdserver: requested lease not found\""
          "}}",
          VDC_E_BAD_VALUE },
        { "{", 0 },
        { "{\"result\":" ETCD_HEAD ",\"ID\":\"78\",\"TTL\":\"2\"}}", 0 },
        { "{\"result\":" ETCD_HEAD ",\"ID\":\"77\",\"TTL\":\"-2\"}}", 0 },
        { "{\"error\":{\"message\":\"etcdserver: no leader\"}}", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *line = xasprintf("%s\n", cases[i].line);
        struct etcd_script one = { "lease/keepalive", 200, line };
        n_granted = n_ended = 0;
        etcd_fake_begin(&one, 1);
        struct kv_lease *lease = kv_lease_new(etcd_fake.kv, 2000, &notify);
        CU_ASSERT(etcd_fake_wait(&etcd_fake.n_keepalive, 1, 5000));
        if (cases[i].code) {
            CU_ASSERT(etcd_fake_wait(&n_ended, 1, 5000));
            CU_ASSERT_EQUAL(ended.code, cases[i].code);
        } else {
            CU_ASSERT(etcd_fake_wait(&etcd_fake.n_keepalive, 2, 5000));
            CU_ASSERT_EQUAL(n_ended, 0);
        }
        kv_lease_free(lease);
        etcd_fake_end();
        free(line);
    }
}

/* ---- never good ---- */

static void no_etcd_at_all(void)
{
    struct vdc_error why;

    etcd_fake_begin(NULL, 0);
    etcd_fake_open_other("http://127.0.0.1:1");
    CU_ASSERT_EQUAL(etcd_fake_commit(), VDC_E_STORE);
    CU_ASSERT_EQUAL(etcd_fake_read(), VDC_E_STORE);
    CU_ASSERT_FALSE(kv_up(etcd_fake.kv, &why));
    CU_ASSERT_EQUAL(why.code, VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "http://127.0.0.1:1"));
    etcd_fake_open_other("http://no-such-host.invalid:2379");
    CU_ASSERT_EQUAL(etcd_fake_commit(), VDC_E_STORE);
    etcd_fake_end();
}

static const struct unit_test tests[] = {
    { "commits", commits },
    { "commits made again", commits_made_again },
    { "commits given up", commits_given_up },
    { "reads", reads },
    { "reads made again", reads_made_again },
    { "reads too large", reads_too_large },
    { "grants", grants },
    { "renewals", renewals },
    { "no etcd at all", no_etcd_at_all },
};

UNIT_MAIN("kv_etcd_answers", tests)
