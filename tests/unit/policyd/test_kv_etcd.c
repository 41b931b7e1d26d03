/* Tests of policyd/kv/kv_etcd*.c on real etcds: all that holds for every
 * implementation, and what comes of outages. */
#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/unit/policyd/test_kv_etcd.h"

/* For the tests that do nothing to it. */
static struct etcd_server *shared;

struct etcd_server *server;
struct kv_etcd_settings settings;

static int open_kv(struct event_base *base, struct kv **ret,
                   struct vdc_error *err)
{
    settings.endpoints = etcd_server_endpoints(server);
    if (settings.n_endpoints == 0)
        settings.n_endpoints = 1;
    return kv_etcd_open(base, &settings, ret, err);
}

static void set_up(void)
{
    if (!server) {
        if (!shared)
            shared = etcd_server_new(1, NULL);
        server = shared;
    }
    if (!settings.prefix)
        settings.prefix = "/test/";
    if (server == shared)
        CU_ASSERT_FATAL(
            etcd_server_ask(server, "kv/deleterange",
                            "{\"key\":\"AA==\",\"range_end\":\"AA==\"}"));
}

static void tear_down(void)
{
    if (server != shared)
        etcd_server_free(server);
    server = NULL;
    memset(&settings, 0, sizeof(settings));
}

const struct kv_place kv_place = { set_up, open_kv, tear_down, false };

static unsigned n_changed;

static void on_changed(void *arg)
{
    n_changed++;
}

void wait_up(struct kv *kv, bool up)
{
    uint64_t until = clock_mono().ms + 20000 * unit_time_factor();

    while (kv_up(kv, NULL) != up && clock_mono().ms < until)
        kv_run_ms(20);
    CU_ASSERT_EQUAL_FATAL(kv_up(kv, NULL), up);
}

/* ---- outages ---- */

void own_server(size_t n, const char *options)
{
    server = etcd_server_new(n, options);
    settings.n_endpoints = n;
    settings.request_ms = 1000 * unit_time_factor();
}

static void gone_and_back(void)
{
    struct vdc_error why = { 0 };
    struct kv_result r = { 0 };

    own_server(1, NULL);
    kv_world_set_up();
    kv_notify(KV0, on_changed, NULL);
    CU_ASSERT_FALSE(kv_up(KV0, &why));
    CU_ASSERT_EQUAL(why.code, VDC_E_STORE);
    n_changed = 0;
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "1"), 0);
    CU_ASSERT(kv_up(KV0, NULL));
    CU_ASSERT_EQUAL(n_changed, 1);
    etcd_server_kill(server, 0);
    wait_up(KV0, false); /* though nothing was asked */
    CU_ASSERT_EQUAL(n_changed, 2);
    CU_ASSERT_FALSE(kv_up(KV0, &why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, etcd_server_endpoints(server)[0]));
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "2"), VDC_E_STORE);
    kv_run_ms(1100 * unit_time_factor());
    uint64_t before = clock_mono().ms;
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "3"), VDC_E_STORE);
    kv_read_now(KV0, "k", &r);
    CU_ASSERT_EQUAL(r.code, VDC_E_STORE);
    CU_ASSERT(clock_mono().ms - before < 500 * unit_time_factor());
    etcd_server_start(server, 0, true);
    wait_up(KV0, true);
    CU_ASSERT_EQUAL(n_changed, 3);
    kv_read_now(KV0, "k", &r);
    CU_ASSERT_PTR_EQUAL(strstr(r.seen, "k=1@"), r.seen);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "4"), 0);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* What is asked for in an outage shorter than a request may take. */
static void short_outage_is_a_delay(void)
{
    struct kv_result r = { 0 }, c = { 0 };
    struct kv_change change = kv_put_text("k", "2");

    own_server(1, NULL);
    settings.request_ms = 15000 * unit_time_factor();
    kv_world_set_up();
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "1"), 0);
    etcd_server_kill(server, 0);
    kv_commit(KV0, NULL, 0, &change, 1, kv_on_done, &c);
    kv_read(KV0, "k", kv_on_pair, kv_on_done, &r);
    kv_run_ms(300);
    CU_ASSERT_EQUAL(c.n_done, 0);
    etcd_server_start(server, 0, false);
    kv_wait(&r.n_done, 1);
    CU_ASSERT_EQUAL(c.code, 0);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.seen);
    CU_ASSERT_PTR_EQUAL(strstr(r.seen, "k=2@"), r.seen);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void watch_goes_on_after_kill(void)
{
    struct kv_log log;
    char value[16];
    int n = 0;

    own_server(1, NULL);
    kv_world_set_up();
    kv_log_begin(&log, KV0, "", 1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            snprintf(value, sizeof(value), "%d", n++);
            CU_ASSERT_EQUAL_FATAL(kv_set_now(KV1, "k", value), 0);
        }
        etcd_server_kill(server, 0);
        kv_run_ms(100);
        etcd_server_start(server, 0, true);
        wait_up(KV0, true);
        wait_up(KV1, true);
    }
    CU_ASSERT_EQUAL_FATAL(kv_set_now(KV1, "k", "last"), 0);
    kv_wait(&log.n_revisions, 31);
    CU_ASSERT(log.in_order);
    CU_ASSERT_EQUAL(log.n_lost, 0);
    const char *p = log.text;
    for (int i = 0; i < 30 && p; i++) {
        snprintf(value, sizeof(value), "k=%d ", i);
        CU_ASSERT_PTR_EQUAL(strstr(p, value), p);
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    CU_ASSERT_PTR_EQUAL(strstr(p ? p : "", "k=last "), p);
    kv_log_end(&log);
    kv_world_tear_down();
}

static void watch_of_what_is_compacted_is_lost(void)
{
    struct kv_log log, later;
    struct kv_result r = { 0 };
    char *json;

    kv_world_set_up();
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "x"), 0);
    kv_read_now(KV0, "k", &r);
    json = xasprintf("{\"revision\":\"%" PRIu64 "\"}", r.revision);
    CU_ASSERT_FATAL(etcd_server_ask(server, "kv/compaction", json));
    free(json);
    kv_log_begin(&log, KV0, "k", r.revision - 3);
    kv_log_begin(&later, KV0, "k", r.revision);
    kv_wait(&log.n_lost, 1);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "y"), 0);
    kv_wait(&later.n_revisions, 1);
    kv_run_ms(50);
    CU_ASSERT_EQUAL(log.n_lost, 1);
    CU_ASSERT_EQUAL(log.n_revisions, 0);
    CU_ASSERT_EQUAL(later.n_lost, 0);
    kv_log_end(&log);
    kv_log_end(&later);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* It does not keep what nobody needs. */
static void history_is_given_up(void)
{
    struct kv_log late, steady;
    struct kv_result r = { 0 };

    settings.compact_ms = 200 * unit_time_factor();
    kv_world_set_up();
    kv_read_now(KV0, "", &r);
    kv_log_begin(&steady, KV1, "", r.revision);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "x"), 0);
        kv_run_ms(100 * unit_time_factor());
    }
    kv_log_begin(&late, KV0, "", r.revision);
    kv_wait(&late.n_lost, 1);
    kv_wait(&steady.n_revisions, 10);
    CU_ASSERT_EQUAL(steady.n_lost, 0);
    kv_log_end(&late);
    kv_log_end(&steady);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* As after somebody has put back an old backup. */
static void watch_of_another_past_is_lost(void)
{
    struct kv_log log;

    own_server(1, NULL);
    kv_world_set_up();
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "x"), 0);
    kv_log_begin(&log, KV0, "", 1);
    kv_wait(&log.n_revisions, 5);
    etcd_server_kill(server, 0);
    etcd_server_forget(server, 0);
    etcd_server_start(server, 0, true);
    kv_wait(&log.n_lost, 1);
    CU_ASSERT_EQUAL(log.n_revisions, 5);
    kv_log_end(&log);
    kv_world_tear_down();
}

/* A server that hangs: the commit's outcome is not known, and when it goes on
 * the counter has been counted once. */
static void hang_is_not_twice(void)
{
    struct kv_compare compare = { .kind = KV_VALUE_IS,
                                  .key = "k",
                                  .value = (const uint8_t *)"1",
                                  .size = 1 };
    struct kv_change change = kv_put_text("k", "2");
    struct kv_result r = { 0 };
    uint64_t revision;

    own_server(1, NULL);
    kv_world_set_up();
    struct kv_change first = kv_put_text("k", "1");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &first, 1, &revision), 0);
    etcd_server_stop(server, 0);
    int rc = kv_commit_now(KV0, &compare, 1, &change, 1, NULL);
    /* STORE when it was noticed before, as on a busy machine. */
    CU_ASSERT(rc == VDC_E_CLOSED || rc == VDC_E_STORE);
    wait_up(KV0, false);
    CU_ASSERT_EQUAL(kv_commit_now(KV0, &compare, 1, &change, 1, NULL),
                    VDC_E_STORE);
    etcd_server_continue(server, 0);
    wait_up(KV0, true);
    rc = kv_commit_now(KV0, &compare, 1, &change, 1, NULL);
    CU_ASSERT(rc == 0 || rc == VDC_E_CONFLICT);
    kv_read_now(KV0, "k", &r);
    CU_ASSERT_EQUAL(r.revision, revision + 1);
    CU_ASSERT_PTR_EQUAL(strstr(r.seen, "k=2@"), r.seen);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void lease_ends_when_etcd_hangs(void)
{
    struct kv_holder holder;
    struct kv_result r = { 0 };

    own_server(1, NULL);
    kv_world_set_up();
    kv_holder_begin(&holder, KV0, 3000);
    struct kv_change change = kv_put_text("held", "x");
    change.lease = holder.id;
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    kv_run_ms(1500);
    etcd_server_stop(server, 0);
    uint64_t before = clock_mono().ms;
    kv_run_ms(500);
    CU_ASSERT_EQUAL(holder.n_ended, 0);
    kv_wait(&holder.n_ended, 1);
    CU_ASSERT(clock_mono().ms - before <= 3100 * unit_time_factor());
    CU_ASSERT_EQUAL(holder.why.code, VDC_E_TIMEOUT);
    kv_run_ms(1500);
    etcd_server_continue(server, 0);
    wait_up(KV1, true);
    kv_run_ms(2500); /* etcd looks for ended leases twice a second */
    kv_read_now(KV1, "held", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 0);
    CU_ASSERT_EQUAL(holder.n_ended, 1);
    kv_lease_free(holder.lease);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void lease_outlives_a_restart(void)
{
    struct kv_holder holder;
    struct kv_result r = { 0 };

    own_server(1, NULL);
    kv_world_set_up();
    kv_holder_begin(&holder, KV0, 10000);
    struct kv_change change = kv_put_text("held", "x");
    change.lease = holder.id;
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    etcd_server_kill(server, 0);
    kv_run_ms(500);
    etcd_server_start(server, 0, true);
    wait_up(KV0, true);
    kv_run_ms(500);
    CU_ASSERT_EQUAL(holder.n_ended, 0);
    kv_read_now(KV0, "held", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    kv_lease_free(holder.lease);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* A holder that is gone: only its connection is closed. */
static void lease_of_one_that_died_expires(void)
{
    struct kv_holder holder;
    struct kv_log log;

    kv_world_set_up();
    kv_holder_begin(&holder, KV0, 1000);
    struct kv_change change = kv_put_text("held", "x");
    uint64_t revision;
    change.lease = holder.id;
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, &revision), 0);
    kv_log_begin(&log, KV1, "held", revision);
    kv_lease_free(holder.lease);
    kv_close(KV0); /* before the end of the lease was sent */
    KV0 = NULL;
    kv_wait(&log.n_revisions, 1);
    CU_ASSERT_PTR_EQUAL(strstr(log.text, "held=- @"), log.text);
    kv_log_end(&log);
    kv_world_tear_down();
}

/* ---- several endpoints ---- */

static void next_endpoint_is_used(void)
{
    static const char *endpoints[2] = { "http://127.0.0.1:1" };
    struct kv *kv;
    struct kv_result r = { 0 };

    kv_world_set_up();
    endpoints[1] = etcd_server_endpoints(server)[0];
    struct kv_etcd_settings two = { .endpoints = endpoints,
                                    .n_endpoints = 2,
                                    .prefix = "/test/" };
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(kv_world.base, &two, &kv, NULL), 0);
    CU_ASSERT_EQUAL(kv_set_now(kv, "k", "1"), 0);
    kv_read_now(KV0, "k", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT(strstr(kv_name(kv), endpoints[0]) &&
              strstr(kv_name(kv), endpoints[1]));
    kv_close(kv);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* Workers count while members of a cluster die, hang and come back. */
static void counters_are_exact_in_outages(void)
{
    struct kv_log log;

    own_server(3, NULL);
    settings.request_ms = 2000;
    kv_world_set_up();
    wait_up(KV0, true);
    kv_log_begin(&log, KV1, "counter/", 1);
    struct kv_workers *workers = kv_workers_begin(10, 60);
    for (size_t i = 0; i < 3; i++) {
        kv_run_ms(400);
        if (i % 2) {
            etcd_server_stop(server, i);
            kv_run_ms(2500);
            etcd_server_continue(server, i);
        } else {
            etcd_server_kill(server, i);
            kv_run_ms(1500);
            etcd_server_start(server, i, false);
            kv_run_ms(1000);
        }
    }
    kv_wait(kv_workers_ended(workers), 10);
    kv_workers_check(workers);
    kv_wait(&log.n_revisions, 600);
    CU_ASSERT_EQUAL(log.n_revisions, 600);
    CU_ASSERT(log.in_order);
    CU_ASSERT_EQUAL(log.n_lost, 0);
    kv_log_end(&log);
    kv_world_tear_down();
}

static const struct unit_test own[] = {
    { "gone and back", gone_and_back },
    { "a short outage is a delay", short_outage_is_a_delay },
    { "a watch goes on after kill -9", watch_goes_on_after_kill },
    { "a watch of what is compacted", watch_of_what_is_compacted_is_lost },
    { "history is given up", history_is_given_up },
    { "a watch of another past", watch_of_another_past_is_lost },
    { "a server that hangs", hang_is_not_twice },
    { "a lease when etcd hangs", lease_ends_when_etcd_hangs },
    { "a lease outlives a restart", lease_outlives_a_restart },
    { "a lease of one that died", lease_of_one_that_died_expires },
    { "the next endpoint", next_endpoint_is_used },
    { "counters in outages", counters_are_exact_in_outages },
};

#define OWN_MAX (sizeof(own) / sizeof(own[0]))
#define OTHERS_MAX 16

int main(int argc, char **argv)
{
    struct unit_test tests[KV_CONFORM_MAX + OWN_MAX + OTHERS_MAX];
    const char *missing = etcd_server_missing();

    if (missing) {
        printf("skipped: %s\n0 passed, 0 failed, 1 skipped\n", missing);
        return 77;
    }
    size_t n = kv_conform_tests(tests);
    memcpy(tests + n, own, sizeof(own));
    n += OWN_MAX;
    assert(kv_etcd_n_access + kv_etcd_n_long <= OTHERS_MAX);
    for (size_t i = 0; i < kv_etcd_n_access; i++)
        tests[n++] = kv_etcd_access[i];
    for (size_t i = 0; i < kv_etcd_n_long; i++)
        tests[n++] = kv_etcd_long[i];
    /* With a word: the tests whose names have it. */
    size_t n_chosen = 0;
    for (size_t i = 0; i < n; i++)
        if (argc < 2 || strstr(tests[i].name, argv[1]))
            tests[n_chosen++] = tests[i];
    int status = unit_main("kv_etcd", tests, n_chosen);
    etcd_server_free(shared);
    return status;
}
