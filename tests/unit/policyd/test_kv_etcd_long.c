/* Tests of policyd/kv/kv_etcd_read.c on real etcds: lists of many pages. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_impl.h"
#include "tests/unit/policyd/test_kv_etcd.h"

/* 384 pairs of 60 KiB: pages of some 70. */
#define LONG_VALUE 60000
#define LONG_STEP 16
#define LONG_ALL (24 * LONG_STEP)

static void put_long_list(struct kv *kv)
{
    char keys[LONG_STEP][16], *values[LONG_STEP];
    struct kv_change changes[LONG_STEP];

    for (int i = 0; i < LONG_STEP; i++)
        values[i] = xzalloc(LONG_VALUE + 1);
    for (int at = 0; at < LONG_ALL; at += LONG_STEP) {
        for (int i = 0; i < LONG_STEP; i++) {
            snprintf(keys[i], sizeof(keys[i]), "long/%04d", at + i);
            memset(values[i], 'a' + (at + i) % 26, LONG_VALUE);
            changes[i] = kv_put_text(keys[i], values[i]);
        }
        CU_ASSERT_EQUAL_FATAL(
            kv_commit_now(kv, NULL, 0, changes, LONG_STEP, NULL), 0);
    }
    for (int i = 0; i < LONG_STEP; i++)
        free(values[i]);
}

static int n_seen;

static void on_long(void *arg, const struct kv_pair *pair)
{
    char key[16];

    snprintf(key, sizeof(key), "long/%04d", n_seen);
    CU_ASSERT_STRING_EQUAL(pair->key, key);
    CU_ASSERT_EQUAL_FATAL(pair->size, LONG_VALUE);
    CU_ASSERT(pair->value[0] == 'a' + n_seen % 26 &&
              pair->value[LONG_VALUE - 1] == 'a' + n_seen % 26);
    n_seen++;
}

void check_long_list(struct kv *kv)
{
    struct kv_result r = { 0 };

    put_long_list(kv);
    n_seen = 0;
    kv_read(kv, "long/", on_long, kv_on_done, &r);
    kv_wait(&r.n_done, 1);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(n_seen, LONG_ALL);
    CU_ASSERT_FALSE(((struct kv_etcd *)kv)->no_grpc);
    kv_result_fini(&r);
}

static void long_list(void)
{
    kv_world_set_up();
    check_long_list(KV0);
    kv_world_tear_down();
}

/* Of those of one size it is not known that the next are much larger. */
static void long_list_gets_large(void)
{
    char *large = xzalloc(1000 * 1000 + 1), key[16];
    struct kv_change changes[KV_COMMIT_MAX];
    char keys[KV_COMMIT_MAX][16];
    struct kv_result r = { .in_order = true };

    kv_world_set_up();
    for (int i = 0; i < KV_COMMIT_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "n/%03d", i);
        changes[i] = kv_put_text(keys[i], "x");
    }
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, changes, KV_COMMIT_MAX, NULL),
                    0);
    memset(large, 'x', 1000 * 1000);
    for (int i = 0; i < 24; i++) {
        snprintf(key, sizeof(key), "n/x%02d", i);
        CU_ASSERT_EQUAL_FATAL(kv_set_now(KV0, key, large), 0);
    }
    kv_read(KV0, "n/", kv_on_pair, kv_on_done, &r);
    kv_wait(&r.n_done, 1);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.n_pairs, KV_COMMIT_MAX + 24);
    CU_ASSERT(r.in_order);
    CU_ASSERT_FALSE(((struct kv_etcd *)KV0)->no_grpc);
    kv_result_fini(&r);
    free(large);
    kv_world_tear_down();
}

static void on_long_close(void *arg, const struct kv_pair *pair)
{
    if (++n_seen == 70) { /* in the first page that comes by gRPC */
        kv_close(KV1);
        KV1 = NULL;
    }
}

static void closed_in_a_long_list(void)
{
    struct kv_result r = { 0 };

    kv_world_set_up();
    put_long_list(KV0);
    n_seen = 0;
    kv_read(KV1, "long/", on_long_close, kv_on_done, &r);
    for (int i = 0; i < 100 && KV1; i++)
        kv_run_ms(100);
    kv_run_ms(100);
    CU_ASSERT_EQUAL(n_seen, 70);
    CU_ASSERT_EQUAL(r.n_done, 0);
    kv_world_tear_down();
}

/* A server that dies while a list is read, and comes back. */
static struct kv_result killed_result;

static void on_long_kill(void *arg, const struct kv_pair *pair)
{
    if (killed_result.n_pairs == 100)
        etcd_server_kill(server, 0);
    kv_on_pair(arg, pair);
}

static void killed_in_a_long_list(void)
{
    own_server(1, NULL);
    settings.request_ms = 15000 * unit_time_factor();
    kv_world_set_up();
    put_long_list(KV0);
    killed_result = (struct kv_result){ .in_order = true };
    kv_read(KV0, "long/", on_long_kill, kv_on_done, &killed_result);
    while (killed_result.n_pairs <= 100)
        kv_run_ms(50);
    kv_run_ms(300);
    etcd_server_start(server, 0, false);
    kv_wait(&killed_result.n_done, 1);
    CU_ASSERT_EQUAL(killed_result.code, 0);
    CU_ASSERT_EQUAL(killed_result.n_pairs, LONG_ALL);
    CU_ASSERT(killed_result.in_order);
    kv_result_fini(&killed_result);
    kv_world_tear_down();
}

const struct unit_test kv_etcd_long[] = {
    { "a long list", long_list },
    { "a long list gets large", long_list_gets_large },
    { "closed in a long list", closed_in_a_long_list },
    { "killed in a long list", killed_in_a_long_list },
};
const size_t kv_etcd_n_long = sizeof(kv_etcd_long) / sizeof(kv_etcd_long[0]);
