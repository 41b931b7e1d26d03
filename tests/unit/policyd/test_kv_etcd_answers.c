/* Tests of policyd/kv/kv_etcd*.c on answers that a good etcd would seldom or
 * never give: each ends in a clean error, and the next request is fine. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "policyd/kv/kv_etcd.h"
#include "tests/unit/policyd/fake_http.h"
#include "tests/unit/unit.h"

static unsigned request_ms = 400;

static struct event_base *base;
static struct fake_http *fake;
static struct kv *kv;

/* What the server answers to requests of one path, in this order, before it
 * is good again. */
struct script {
    const char *path;
    int status;       /* 0: `body` are the bytes, all there are */
    const char *body; /* NULL: nothing */
    bool close, stream;
};
static const struct script *script;
static size_t n_script, at;
static unsigned n_txn, n_range, n_watch, n_grant, n_keepalive;
static char last_watch[512];

#define HEAD "{\"header\":{\"revision\":\"5\"}"

static const char *good_answer(const char *path)
{
    if (strcmp(path, "/v3/kv/range") == 0)
        return HEAD
            ",\"kvs\":[{\"key\":\"L3Qvaw==\",\"create_revision\":\"2\","
            "\"mod_revision\":\"3\",\"value\":\"dg==\"}]}";
    if (strcmp(path, "/v3/lease/grant") == 0)
        return HEAD ",\"ID\":\"77\",\"TTL\":\"2\"}";
    if (strcmp(path, "/v3/lease/keepalive") == 0)
        return "{\"result\":" HEAD ",\"ID\":\"77\",\"TTL\":\"2\"}}\n";
    return HEAD ",\"succeeded\":true}";
}

static void count(const char *path, const char *body)
{
    n_txn += strcmp(path, "/v3/kv/txn") == 0;
    n_range += strstr(body, "count_only") == NULL &&
               strcmp(path, "/v3/kv/range") == 0;
    n_grant += strcmp(path, "/v3/lease/grant") == 0;
    n_keepalive += strcmp(path, "/v3/lease/keepalive") == 0;
    if (strcmp(path, "/v3/watch") == 0) {
        n_watch++;
        snprintf(last_watch, sizeof(last_watch), "%s", body);
    }
}

static void on_asked(void *arg, const char *path, const char *body,
                     struct fake_reply *ret)
{
    bool probe = strstr(body, "count_only") != NULL;

    count(path, body);
    if (!probe && at < n_script && strcmp(path + 4, script[at].path) == 0) {
        const struct script *s = &script[at++];
        ret->close = s->close;
        if (s->body)
            ret->bytes = s->stream   ? fake_stream(s->body)
                         : s->status ? fake_answer(s->status, s->body)
                                     : xstrdup(s->body);
    } else if (probe) {
        ret->bytes = fake_answer(200, "{\"header\":{\"revision\":\"90\"}}");
    } else if (strcmp(path, "/v3/watch") == 0) {
        ret->bytes = fake_stream("{\"result\":" HEAD ",\"created\":true}}");
    } else {
        ret->bytes = fake_answer(200, good_answer(path));
    }
}

static void set_up(const struct script *scripts, size_t n)
{
    static const char *url;
    struct kv_etcd_settings settings = { .endpoints = &url,
                                         .n_endpoints = 1,
                                         .prefix = "/t/",
                                         .request_ms =
                                             request_ms * unit_time_factor() };

    script = scripts;
    n_script = n;
    at = 0;
    n_txn = n_range = n_watch = n_grant = n_keepalive = 0;
    base = event_base_new();
    fake = fake_http_new(base, on_asked, NULL);
    url = fake_http_url(fake);
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(base, &settings, &kv, NULL), 0);
}

static void tear_down(void)
{
    kv_close(kv);
    fake_http_free(fake);
    event_base_free(base);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

/* Until *n is `least`; false: not within this time. */
static bool wait_for(const unsigned *n, unsigned least, int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
    bool over = false;
    struct event *timer = evtimer_new(base, on_time, &over);

    event_add(timer, &tv);
    while (*n < least && !over)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(timer);
    return *n >= least;
}

static void run_ms(int ms)
{
    unsigned never = 0;

    wait_for(&never, 1, ms);
}

static struct {
    unsigned n_done, n_pairs;
    struct vdc_error err;
} got;

static void on_done(void *arg, uint64_t revision, const struct vdc_error *err)
{
    got.n_done++;
    got.err = *err;
}

static void on_pair(void *arg, const struct kv_pair *pair)
{
    got.n_pairs++;
}

static int commit(void)
{
    struct kv_change change = {
        .kind = KV_PUT, .key = "k", .value = (const uint8_t *)"v", .size = 1
    };

    memset(&got, 0, sizeof(got));
    kv_commit(kv, NULL, 0, &change, 1, on_done, NULL);
    CU_ASSERT(wait_for(&got.n_done, 1, 8000 * (int)unit_time_factor()));
    CU_ASSERT_EQUAL(got.n_done, 1);
    CU_ASSERT(!got.err.code || got.err.text[0]);
    return got.err.code;
}

static int read_all(void)
{
    memset(&got, 0, sizeof(got));
    kv_read(kv, "", on_pair, on_done, NULL);
    CU_ASSERT(wait_for(&got.n_done, 1, 8000 * (int)unit_time_factor()));
    CU_ASSERT_EQUAL(got.n_done, 1);
    CU_ASSERT(!got.err.code || got.err.text[0]);
    return got.err.code;
}

#define ERROR(words, code)                                                  \
    "{\"error\":\"etcdserver: " words "\",\"message\":\"etcdserver: " words \
    "\",\"code\":" #code "}"

/* ---- commits ---- */

static void commits(void)
{
    static const struct {
        struct script script;
        int code;
    } cases[] = {
        { { "kv/txn", 200, "{" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "[]" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "null" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "{}" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "{\"succeeded\":true}" }, VDC_E_CLOSED },
        { { "kv/txn", 200, HEAD ",\"succeeded\":\"true\"}" }, VDC_E_CLOSED },
        { { "kv/txn", 200, HEAD ",\"succeeded\":true}x" }, VDC_E_CLOSED },
        { { "kv/txn", 200, "{\"header\":5,\"succeeded\":true}" },
          VDC_E_CLOSED },
        { { "kv/txn", 200,
            "{\"header\":{\"revision\":5.5},\"succeeded\":true}" },
          VDC_E_CLOSED },
        { { "kv/txn", 200,
            "{\"header\":{\"revision\":\"-1\"},\"succeeded\":true}" },
          VDC_E_CLOSED },
        { { "kv/txn", 200,
            "{\"header\":{\"revision\":\"18446744073709551616\"},"
            "\"succeeded\":true}" },
          VDC_E_CLOSED },
        { { "kv/txn", 200, HEAD "}" }, VDC_E_CONFLICT },
        { { "kv/txn", 500, "" }, VDC_E_CLOSED },
        { { "kv/txn", 502, "<html>Bad gateway</html>" }, VDC_E_CLOSED },
        { { "kv/txn", 500, "{}" }, VDC_E_CLOSED },
        { { "kv/txn", 500, "{\"error\":5}" }, VDC_E_CLOSED },
        { { "kv/txn", 503, ERROR("request timed out", 14) }, VDC_E_CLOSED },
        { { "kv/txn", 503, ERROR("server stopped", 14) }, VDC_E_CLOSED },
        { { "kv/txn", 404, ERROR("requested lease not found", 5) },
          VDC_E_BAD_VALUE },
        { { "kv/txn", 400, ERROR("too many operations in txn request", 3) },
          VDC_E_BAD_VALUE },
        { { "kv/txn", 400, ERROR("request is too large", 3) },
          VDC_E_BAD_VALUE },
        { { "kv/txn", 400, ERROR("something new", 3) }, VDC_E_BAD_VALUE },
        { { "kv/txn", 429, ERROR("mvcc: database space exceeded", 8) },
          VDC_E_DISK_FULL },
        { { "kv/txn", 403, ERROR("permission denied", 7) }, VDC_E_DENIED },
        { { "kv/txn", 500, ERROR("corrupt cluster", 15) },
          VDC_E_STORE_CORRUPT },
        { { "kv/txn", 0, "this is no HTTP\r\n\r\n", true }, VDC_E_CLOSED },
        { { "kv/txn", 0, NULL, true }, VDC_E_CLOSED },
        { { "kv/txn", 0, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
            true },
          VDC_E_CLOSED },
        { { "kv/txn", 0, NULL, false }, VDC_E_CLOSED }, /* hangs */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_up(&cases[i].script, 1);
        int code = commit();
        if (code != cases[i].code)
            printf("case %zu: %s, not %s\n", i, vdc_error_name(code),
                   vdc_error_name(cases[i].code));
        CU_ASSERT_EQUAL(code, cases[i].code);
        CU_ASSERT_EQUAL(n_txn, 1); /* never asked twice */
        CU_ASSERT_EQUAL(commit(), 0);
        CU_ASSERT_EQUAL(n_txn, 2);
        tear_down();
    }
}

/* What was certainly not done is asked again. */
static void commits_made_again(void)
{
    static const struct script again[] = {
        { "kv/txn", 503, ERROR("no leader", 14) },
        { "kv/txn", 429, ERROR("too many requests", 8) },
        { "kv/txn", 401, ERROR("invalid auth token", 16) },
        { "kv/txn", 500, ERROR("raft proposal dropped", 2) },
    };

    set_up(again, 4);
    CU_ASSERT_EQUAL(commit(), 0);
    CU_ASSERT_EQUAL(n_txn, 5);
    tear_down();
}

/* Not for ever. */
static void commits_given_up(void)
{
    static struct script again[50];

    for (size_t i = 0; i < 50; i++)
        again[i] = (struct script){ "kv/txn", 503, ERROR("no leader", 14) };
    set_up(again, 50);
    CU_ASSERT_EQUAL(commit(), VDC_E_STORE);
    CU_ASSERT(n_txn < 10);
    tear_down();
}

/* ---- reads ---- */

#define KVS(pairs) HEAD ",\"kvs\":" pairs "}"
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
        HEAD ",\"more\":true}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct script one = { "kv/range", 200, bad[i] };
        set_up(&one, 1);
        CU_ASSERT_EQUAL(read_all(), VDC_E_STORE);
        CU_ASSERT_EQUAL(read_all(), 0);
        CU_ASSERT_EQUAL(got.n_pairs, 1);
        tear_down();
    }
}

static void reads_made_again(void)
{
    static const struct script again[] = {
        { "kv/range", 0, NULL, true },
        { "kv/range", 503, ERROR("request timed out", 14) },
        { "kv/range", 0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
          true },
    };

    set_up(again, 3);
    CU_ASSERT_EQUAL(read_all(), 0);
    CU_ASSERT_EQUAL(got.n_pairs, 1);
    CU_ASSERT_EQUAL(n_range, 4);
    tear_down();
}

/* Always too large: smaller pages are tried, then it is given up. */
static void reads_too_large(void)
{
    static struct script large[10];
    size_t size = 17 * 1024 * 1024;
    char *body = xzalloc(size + 1);

    memset(body, ' ', size);
    for (size_t i = 0; i < 10; i++)
        large[i] = (struct script){ "kv/range", 200, body };
    request_ms = 5000;
    set_up(large, 10);
    request_ms = 400;
    CU_ASSERT_EQUAL(read_all(), VDC_E_STORE);
    CU_ASSERT_EQUAL(n_range, 7); /* 64, 32, ... 1 */
    tear_down();
    free(body);
}

/* ---- watches ---- */

static char seen[512];
static unsigned n_revisions, n_lost;

static void watch_pair(void *arg, const struct kv_pair *pair)
{
    size_t len = strlen(seen);

    snprintf(seen + len, sizeof(seen) - len, "%s=%.*s ", pair->key,
             pair->value ? (int)pair->size : 1,
             pair->value ? (const char *)pair->value : "-");
}

static void watch_done(void *arg, uint64_t revision)
{
    size_t len = strlen(seen);

    snprintf(seen + len, sizeof(seen) - len, "@%d ", (int)revision);
    n_revisions++;
}

static void watch_lost(void *arg)
{
    n_lost++;
}

static const struct kv_watcher watcher = { watch_pair, watch_done, watch_lost,
                                           NULL };

#define RESULT(members) "{\"result\":" HEAD members "}}"
#define EVENT(revision, key)                                     \
    "{\"kv\":{\"key\":\"" key "\",\"mod_revision\":\"" #revision \
    "\",\"value\":\"dg==\"}}"
#define EVENTS(list) RESULT(",\"events\":[" list "]")
#define K "L3Qvaw=="
#define L "L3QvbA=="

/* Odd lines end the stream; the next begins at the same revision, and what
 * comes then is told. */
static void watches(void)
{
    static const char *const bad[] = {
        "{",
        "5",
        "{}",
        "{\"result\":5}",
        "{\"error\":{}}",
        "{\"error\":{\"message\":\"etcdserver: no leader\"}}",
        RESULT(",\"events\":5"),
        EVENTS("5"),
        EVENTS("{}"),
        EVENTS("{\"kv\":5}"),
        EVENTS(EVENT(4, K)), /* before what was asked for */
        EVENTS(EVENT(9, K) "," EVENT(8, K)),
        EVENTS(EVENT(9, "Zm9v")),
        EVENTS(EVENT(9, "L3QvAGs=")),
        EVENTS(EVENT(99999999999999999999, K)),
        RESULT(",\"canceled\":true"),
        RESULT(",\"canceled\":true,\"cancel_reason\":5"),
        RESULT(",\"canceled\":true,\"compact_revision\":\"x\""),
        RESULT(",\"canceled\":true,\"cancel_reason\":\"etcdserver: invalid "
               "auth token\""),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct script two[] = {
            { "watch", 200, bad[i], .stream = true },
            { "watch", 200, EVENTS(EVENT(7, K)), .stream = true },
        };
        seen[0] = '\0';
        n_revisions = n_lost = 0;
        set_up(two, 2);
        struct kv_watch *watch = kv_watch_new(kv, "", 4, &watcher);
        if (!wait_for(&n_revisions, 1, 5000))
            printf("after %s\n", bad[i]);
        CU_ASSERT_STRING_EQUAL(seen, "k=v @7 ");
        CU_ASSERT_PTR_NOT_NULL(strstr(last_watch, "\"5\""));
        CU_ASSERT_EQUAL(n_lost, 0);
        CU_ASSERT_EQUAL(commit(), 0);
        kv_watch_free(watch);
        tear_down();
    }
}

/* Half a revision is not told when the stream ends; a whole one is. */
static void watch_cut_in_a_revision(void)
{
    static const struct script three[] = {
        { "watch", 200,
          RESULT(",\"fragment\":true,\"events\":[" EVENT(7, K) "," EVENT(
              8, K) "]"),
          .stream = true, .close = true },
        { "watch", 200,
          EVENTS(EVENT(8, K) "," EVENT(8, L)) "\n" RESULT("") "\n{",
          .stream = true },
    };

    seen[0] = '\0';
    n_revisions = n_lost = 0;
    set_up(three, 2);
    struct kv_watch *watch = kv_watch_new(kv, "", 4, &watcher);
    CU_ASSERT(wait_for(&n_revisions, 2, 5000));
    CU_ASSERT_STRING_EQUAL(seen, "k=v @7 k=v l=v @8 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(last_watch, "\"8\""));
    CU_ASSERT_EQUAL(n_lost, 0);
    kv_watch_free(watch);
    tear_down();
}

/* All until a revision was seen, says etcd: it goes on after that. */
static void watch_without_changes(void)
{
    static const struct script two[] = {
        { "watch", 200,
          RESULT(",\"created\":true") "\n{\"result\":{\"header\":"
                                      "{\"revision\":\"40\"}}}\n{",
          .stream = true },
        { "watch", 200,
          "{\"result\":{\"header\":{\"revision\":\"41\"},"
          "\"canceled\":true,\"compact_revision\":\"50\"}}",
          .stream = true },
    };

    n_lost = n_revisions = 0;
    set_up(two, 2);
    struct kv_watch *watch = kv_watch_new(kv, "", 4, &watcher);
    CU_ASSERT(wait_for(&n_lost, 1, 5000));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_watch, "\"41\""));
    run_ms(50);
    CU_ASSERT_EQUAL(n_lost, 1);
    CU_ASSERT_EQUAL(n_revisions, 0);
    kv_watch_free(watch);
    tear_down();
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
        HEAD ",\"ID\":\"0\",\"TTL\":\"2\"}",
        HEAD ",\"ID\":\"-5\",\"TTL\":\"2\"}",
        HEAD ",\"ID\":\"9223372036854775808\",\"TTL\":\"2\"}",
        HEAD ",\"ID\":\"5\"}",
        HEAD ",\"ID\":\"5\",\"TTL\":\"x\"}",
        HEAD ",\"ID\":\"5\",\"TTL\":\"99999999999\"}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct script one = { "lease/grant", 200, bad[i] };
        n_granted = n_ended = 0;
        set_up(&one, 1);
        struct kv_lease *lease = kv_lease_new(kv, 2000, &notify);
        CU_ASSERT(wait_for(&n_granted, 1, 5000));
        CU_ASSERT_EQUAL(granted, 77);
        CU_ASSERT_EQUAL(n_ended, 0);
        kv_lease_free(lease);
        tear_down();
    }
}

static void renewals(void)
{
    static const struct {
        const char *line;
        int code; /* how it ends; 0: it does not */
    } cases[] = {
        { "{\"result\":" HEAD ",\"ID\":\"77\"}}", VDC_E_STORE },
        { "{\"error\":{\"message\":\"etcdserver: requested lease not found\""
          "}}",
          VDC_E_BAD_VALUE },
        { "{", 0 },
        { "{\"result\":" HEAD ",\"ID\":\"78\",\"TTL\":\"2\"}}", 0 },
        { "{\"result\":" HEAD ",\"ID\":\"77\",\"TTL\":\"-2\"}}", 0 },
        { "{\"error\":{\"message\":\"etcdserver: no leader\"}}", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *line = xasprintf("%s\n", cases[i].line);
        struct script one = { "lease/keepalive", 200, line };
        n_granted = n_ended = 0;
        set_up(&one, 1);
        struct kv_lease *lease = kv_lease_new(kv, 2000, &notify);
        CU_ASSERT(wait_for(&n_keepalive, 1, 5000));
        if (cases[i].code) {
            CU_ASSERT(wait_for(&n_ended, 1, 5000));
            CU_ASSERT_EQUAL(ended.code, cases[i].code);
        } else {
            CU_ASSERT(wait_for(&n_keepalive, 2, 5000));
            CU_ASSERT_EQUAL(n_ended, 0);
        }
        kv_lease_free(lease);
        tear_down();
        free(line);
    }
}

/* ---- never good ---- */

static void no_etcd_at_all(void)
{
    static const char *url;
    struct kv_etcd_settings settings = { .endpoints = &url,
                                         .n_endpoints = 1,
                                         .request_ms =
                                             request_ms * unit_time_factor() };
    struct vdc_error why;

    set_up(NULL, 0);
    kv_close(kv);
    fake_http_free(fake);
    fake = fake_http_new(base, on_asked, NULL);
    url = "http://127.0.0.1:1";
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(base, &settings, &kv, NULL), 0);
    CU_ASSERT_EQUAL(commit(), VDC_E_STORE);
    CU_ASSERT_EQUAL(read_all(), VDC_E_STORE);
    CU_ASSERT_FALSE(kv_up(kv, &why));
    CU_ASSERT_EQUAL(why.code, VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, url));
    kv_close(kv);
    url = "http://no-such-host.invalid:2379";
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(base, &settings, &kv, NULL), 0);
    CU_ASSERT_EQUAL(commit(), VDC_E_STORE);
    tear_down();
}

static const struct unit_test tests[] = {
    { "commits", commits },
    { "commits made again", commits_made_again },
    { "commits given up", commits_given_up },
    { "reads", reads },
    { "reads made again", reads_made_again },
    { "reads too large", reads_too_large },
    { "watches", watches },
    { "a watch cut in a revision", watch_cut_in_a_revision },
    { "a watch without changes", watch_without_changes },
    { "grants", grants },
    { "renewals", renewals },
    { "no etcd at all", no_etcd_at_all },
};

UNIT_MAIN("kv_etcd_answers", tests)
