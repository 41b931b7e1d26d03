/* Tests of policyd/kv/kv_etcd_watch.c on streams that a good etcd would seldom
 * or never send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/policyd/etcd_fake.h"
#include "tests/unit/unit.h"

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

#define RESULT(members) "{\"result\":" ETCD_HEAD members "}}"
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
        struct etcd_script two[] = {
            { "watch", 200, bad[i], .stream = true },
            { "watch", 200, EVENTS(EVENT(7, K)), .stream = true },
        };
        seen[0] = '\0';
        n_revisions = n_lost = 0;
        etcd_fake_begin(two, 2);
        struct kv_watch *watch = kv_watch_new(etcd_fake.kv, "", 4, &watcher);
        if (!etcd_fake_wait(&n_revisions, 1, 5000))
            printf("after %s\n", bad[i]);
        CU_ASSERT_STRING_EQUAL(seen, "k=v @7 ");
        CU_ASSERT_PTR_NOT_NULL(strstr(etcd_fake.last_watch, "\"5\""));
        CU_ASSERT_EQUAL(n_lost, 0);
        CU_ASSERT_EQUAL(etcd_fake_commit(), 0);
        kv_watch_free(watch);
        etcd_fake_end();
    }
}

/* Half a revision is not told when the stream ends; a whole one is. */
static void watch_cut_in_a_revision(void)
{
    static const struct etcd_script three[] = {
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
    etcd_fake_begin(three, 2);
    struct kv_watch *watch = kv_watch_new(etcd_fake.kv, "", 4, &watcher);
    CU_ASSERT(etcd_fake_wait(&n_revisions, 2, 5000));
    CU_ASSERT_STRING_EQUAL(seen, "k=v @7 k=v l=v @8 ");
    CU_ASSERT_PTR_NOT_NULL(strstr(etcd_fake.last_watch, "\"8\""));
    CU_ASSERT_EQUAL(n_lost, 0);
    kv_watch_free(watch);
    etcd_fake_end();
}

/* All until a revision was seen, says etcd: it goes on after that. */
static void watch_without_changes(void)
{
    static const struct etcd_script two[] = {
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
    etcd_fake_begin(two, 2);
    struct kv_watch *watch = kv_watch_new(etcd_fake.kv, "", 4, &watcher);
    CU_ASSERT(etcd_fake_wait(&n_lost, 1, 5000));
    CU_ASSERT_PTR_NOT_NULL(strstr(etcd_fake.last_watch, "\"41\""));
    etcd_fake_run_ms(50);
    CU_ASSERT_EQUAL(n_lost, 1);
    CU_ASSERT_EQUAL(n_revisions, 0);
    kv_watch_free(watch);
    etcd_fake_end();
}

static const struct unit_test tests[] = {
    { "watches", watches },
    { "a watch cut in a revision", watch_cut_in_a_revision },
    { "a watch without changes", watch_without_changes },
};

UNIT_MAIN("kv_etcd_watch", tests)
