/* Tests of every implementation of policyd/kv/kv.h. */
#include "tests/unit/policyd/kv_conform.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define KV0 kv_world.kv[0]
#define KV1 kv_world.kv[1]

/* ---- reads and commits ---- */

static void puts_and_reads(void)
{
    static const uint8_t bytes[] = { 0, 1, '"', 0xff, 0, '\n' };
    struct kv_result r = { 0 };
    uint64_t first, second;

    kv_world_set_up();
    struct kv_change two[] = { kv_put_text("b/2", "two"),
                               kv_put_text("b/1", "one") };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, two, 2, &first), 0);
    struct kv_change odd[] = {
        { .kind = KV_PUT, .key = "c", .value = bytes, .size = sizeof(bytes) },
        kv_put_text("b/1", "one again"),
        kv_put_text("a ~", "")
    };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, odd, 3, &second), 0);
    CU_ASSERT_EQUAL(second, first + 1);
    kv_read_now(KV1, "b", &r);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.revision, second);
    char *want = xasprintf("b/1=one again@%" PRIu64 " b/2=two@%" PRIu64 " ",
                           second, first);
    CU_ASSERT_STRING_EQUAL(r.seen, want);
    free(want);
    kv_read_now(KV1, "b/1", &r);
    CU_ASSERT_EQUAL(r.last_created, first);
    CU_ASSERT_EQUAL(r.last_modified, second);
    CU_ASSERT_EQUAL(r.last_lease, 0);
    kv_read_now(KV1, "a", &r);
    want = xasprintf("a ~=@%" PRIu64 " ", second);
    CU_ASSERT_STRING_EQUAL(r.seen, want);
    free(want);
    kv_read_now(KV0, "", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 4);
    kv_read_now(KV0, "bb", &r);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.n_pairs, 0);
    CU_ASSERT_EQUAL(r.revision, second);
    struct kv_compare same = {
        .kind = KV_VALUE_IS, .key = "c", .value = bytes, .size = sizeof(bytes)
    };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, &same, 1, NULL, 0, NULL), 0);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void deletes(void)
{
    struct kv_result r = { 0 };
    uint64_t before, after;

    kv_world_set_up();
    struct kv_change many[] = {
        kv_put_text("a/1", "x"), kv_put_text("a/2", "x"),
        kv_put_text("a/~", "x"), kv_put_text("a", "x"),
        kv_put_text("a0", "x"),  kv_put_text("b", "x")
    };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, many, 6, &before), 0);
    struct kv_change none = kv_delete_key("a/");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &none, 1, &after), 0);
    CU_ASSERT_EQUAL(after, before); /* it changed nothing */
    struct kv_change change = { .kind = KV_DELETE_PREFIX, .key = "a/" };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, &after), 0);
    CU_ASSERT_EQUAL(after, before + 1);
    kv_read_now(KV1, "", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.seen, "a=x"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.seen, "a0=x"));
    change = kv_delete_key("a0");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    change = (struct kv_change){ .kind = KV_DELETE_PREFIX, .key = "" };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    kv_read_now(KV1, "", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 0);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static int try_compare(enum kv_compare_kind kind, const char *key,
                       uint64_t revision, const char *value)
{
    struct kv_compare compare = {
        .kind = kind,
        .key = key,
        .revision = revision,
        .value = (const uint8_t *)value,
        .size = value ? strlen(value) : 0,
    };
    struct kv_change change = kv_put_text("tried", "x");

    return kv_commit_now(KV1, &compare, 1, &change, 1, NULL);
}

static void compares(void)
{
    const int no = VDC_E_CONFLICT;
    uint64_t first, second;
    struct kv_change change = kv_put_text("k", "1");

    kv_world_set_up();
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "k", 0, NULL), 0);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", 0, NULL), 0);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, ""), no);
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "k", 1, NULL), no);
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, &first), 0);
    change = kv_put_text("k", "22");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, &second), 0);
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "k", second, NULL), 0);
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "k", first, NULL), no);
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "k", 0, NULL), no);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", first, NULL), 0);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", second, NULL), no);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", 0, NULL), no);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, "22"), 0);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, "2"), no);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, "222"), no);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, ""), no);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", ""), 0);
    CU_ASSERT_EQUAL(try_compare(KV_VALUE_IS, "k", 0, ""), 0);
    change = kv_delete_key("k");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", 0, NULL), 0);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "new"), 0);
    CU_ASSERT_EQUAL(try_compare(KV_CREATED_IS, "k", first, NULL), no);
    kv_world_tear_down();
}

static void conflict_changes_nothing(void)
{
    struct kv_result r = { 0 };
    struct kv_compare all[] = {
        { .kind = KV_MODIFIED_IS, .key = "none" },
        { .kind = KV_CREATED_IS, .key = "none/either" },
        { .kind = KV_MODIFIED_IS, .key = "k" }, /* the one that is not so */
    };
    struct kv_change changes[] = { kv_put_text("a", "x"), kv_delete_key("k") };
    uint64_t before;

    kv_world_set_up();
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "v"), 0);
    kv_read_now(KV0, "", &r);
    before = r.revision;
    CU_ASSERT_EQUAL(kv_commit_now(KV1, all, 3, changes, 2, NULL),
                    VDC_E_CONFLICT);
    kv_read_now(KV0, "", &r);
    CU_ASSERT_EQUAL(r.revision, before);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT_EQUAL(kv_commit_now(KV1, all, 2, changes, 2, NULL), 0);
    kv_read_now(KV0, "", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT_STRING_EQUAL(r.last, "a");
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* ---- limits ---- */

static int try_put(const char *key, size_t size)
{
    uint8_t *value = xzalloc(size + 1);
    struct kv_change change = {
        .kind = KV_PUT, .key = key, .value = value, .size = size
    };
    int rc = kv_commit_now(KV0, NULL, 0, &change, 1, NULL);

    free(value);
    return rc;
}

static void limits_of_one(void)
{
    const int bad = VDC_E_BAD_VALUE;
    char key[KV_KEY_MAX + 2];
    struct kv_result r = { 0 };

    kv_world_set_up();
    memset(key, '~', sizeof(key) - 1);
    key[KV_KEY_MAX + 1] = '\0';
    CU_ASSERT_EQUAL(try_put(key, 1), bad);
    kv_read_now(KV0, key, &r);
    CU_ASSERT_EQUAL(r.code, bad);
    key[KV_KEY_MAX] = '\0';
    CU_ASSERT_EQUAL(try_put(key, 1), 0);
    kv_read_now(KV0, key, &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT_STRING_EQUAL(r.last, key);
    CU_ASSERT_EQUAL(try_put("", 1), bad);
    CU_ASSERT_EQUAL(try_put("a\tb", 1), bad);
    CU_ASSERT_EQUAL(try_put("a\xc3\xa4", 1), bad);
    CU_ASSERT_EQUAL(try_put("v", KV_VALUE_MAX + 1), bad);
    CU_ASSERT_EQUAL(try_put("v", KV_VALUE_MAX), bad); /* with its key */
    CU_ASSERT_EQUAL(try_put("v", KV_COMMIT_BYTES_MAX - 1), 0);
    CU_ASSERT_EQUAL(try_compare(KV_MODIFIED_IS, "", 0, NULL), bad);
    kv_read_now(KV0, "", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 2);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void limits_of_many(void)
{
    struct kv_compare compares_[KV_COMMIT_MAX + 1];
    struct kv_change changes[KV_COMMIT_MAX + 1];
    char keys[KV_COMMIT_MAX + 1][16];
    const int bad = VDC_E_BAD_VALUE;
    char *large = xzalloc(KV_COMMIT_BYTES_MAX / 2);

    kv_world_set_up();
    for (size_t i = 0; i <= KV_COMMIT_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key/%03zu", i);
        changes[i] = kv_put_text(keys[i], "x");
        compares_[i] =
            (struct kv_compare){ .kind = KV_MODIFIED_IS, .key = keys[i] };
    }
    CU_ASSERT_EQUAL(
        kv_commit_now(KV0, NULL, 0, changes, KV_COMMIT_MAX + 1, NULL), bad);
    CU_ASSERT_EQUAL(
        kv_commit_now(KV0, compares_, KV_COMMIT_MAX + 1, changes, 1, NULL),
        bad);
    CU_ASSERT_EQUAL(kv_commit_now(KV0, compares_, KV_COMMIT_MAX, changes,
                                  KV_COMMIT_MAX, NULL),
                    0);
    memset(large, 'x', KV_COMMIT_BYTES_MAX / 2 - 1);
    struct kv_change halves[] = { kv_put_text("a", large),
                                  kv_put_text("b", large) };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, halves, 2, NULL), 0);
    struct kv_change over[] = { halves[0], halves[1], kv_delete_key("c") };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, over, 3, NULL), bad);
    free(large);
    kv_world_tear_down();
}

/* ---- long lists and order ---- */

static void fill(size_t n_commits)
{
    char keys[KV_COMMIT_MAX][16];
    struct kv_change changes[KV_COMMIT_MAX];

    for (size_t c = 0; c < n_commits; c++) {
        for (size_t i = 0; i < KV_COMMIT_MAX; i++) {
            snprintf(keys[i], sizeof(keys[i]), "n/%05zu", i * n_commits + c);
            changes[i] = kv_put_text(keys[i], "value");
        }
        CU_ASSERT_EQUAL_FATAL(
            kv_commit_now(KV0, NULL, 0, changes, KV_COMMIT_MAX, NULL), 0);
    }
}

static void reads_pages_of_one_revision(void)
{
    struct kv_result r = { .in_order = true }, small = { 0 };
    struct kv_result done = { 0 };
    size_t n = 25 * KV_COMMIT_MAX;

    kv_world_set_up();
    fill(25);
    kv_read_now(KV0, "n/00000", &small);
    uint64_t before = small.revision;
    /* Changed while it is read: it shows what was there at the call. */
    kv_read(KV0, "n/", kv_on_pair, kv_on_done, &r);
    struct kv_change change = { .kind = KV_DELETE_PREFIX, .key = "n/" };
    kv_commit(KV0, NULL, 0, &change, 1, kv_on_done, &done);
    kv_wait(&r.n_done, 1);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.n_pairs, n);
    CU_ASSERT(r.in_order);
    CU_ASSERT_EQUAL(r.revision, before);
    kv_wait(&done.n_done, 1);
    CU_ASSERT_EQUAL(done.code, 0);
    kv_read_now(KV1, "n/", &small);
    CU_ASSERT_EQUAL(small.n_pairs, 0);
    kv_result_fini(&r);
    kv_result_fini(&small);
    kv_world_tear_down();
}

/* More at once than an answer may hold. */
static void reads_large_values(void)
{
    char *large = xzalloc(1000 * 1000 + 1), key[16];
    struct kv_result r = { 0 };

    kv_world_set_up();
    memset(large, 'x', 1000 * 1000);
    for (unsigned i = 0; i < 24; i++) {
        snprintf(key, sizeof(key), "large/%02u", i);
        CU_ASSERT_EQUAL_FATAL(kv_set_now(KV0, key, large), 0);
    }
    kv_read_now(KV1, "large/", &r);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.n_pairs, 24);
    kv_result_fini(&r);
    free(large);
    kv_world_tear_down();
}

#define ROUNDS 40

static void requests_in_the_order_of_calls(void)
{
    struct kv_result reads[ROUNDS] = { 0 }, commits[ROUNDS] = { 0 };
    char values[ROUNDS][16];

    kv_world_set_up();
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", i);
        struct kv_change change = kv_put_text("k", values[i]);
        struct kv_compare compare = { .kind = KV_VALUE_IS, .key = "k" };
        if (i > 0) {
            compare.value = (const uint8_t *)values[i - 1];
            compare.size = strlen(values[i - 1]);
        }
        kv_commit(KV0, &compare, i > 0, &change, 1, kv_on_done, &commits[i]);
        kv_read(KV0, "k", kv_on_pair, kv_on_done, &reads[i]);
    }
    kv_wait(&reads[ROUNDS - 1].n_done, 1);
    for (int i = 0; i < ROUNDS; i++) {
        CU_ASSERT_EQUAL(commits[i].n_done, 1);
        CU_ASSERT_EQUAL(commits[i].code, 0);
        CU_ASSERT_EQUAL(reads[i].n_done, 1);
        char *want = xasprintf("k=%d@%" PRIu64 " ", i, commits[i].revision);
        CU_ASSERT_STRING_EQUAL(reads[i].seen ? reads[i].seen : "", want);
        free(want);
        kv_result_fini(&reads[i]);
    }
    kv_world_tear_down();
}

/* 10 workers, 100 times each, on both clients. */
static void counters_are_exact(void)
{
    kv_world_set_up();
    struct kv_workers *workers = kv_workers_begin(10, 100);
    kv_wait(kv_workers_ended(workers), 10);
    kv_workers_check(workers);
    kv_world_tear_down();
}

/* ---- ends ---- */

static unsigned n_ended;

static void ignore_pair(void *arg, const struct kv_pair *pair)
{
}

static void count_done(void *arg, uint64_t revision,
                       const struct vdc_error *err)
{
    n_ended++;
}

static void close_first(void *arg, uint64_t revision,
                        const struct vdc_error *err)
{
    bool same = kv_world.kv[1] == kv_world.kv[0];

    n_ended++;
    kv_close(kv_world.kv[0]);
    kv_world.kv[0] = NULL;
    if (same)
        kv_world.kv[1] = NULL;
}

static void closed_in_a_callback(void)
{
    struct kv_change change = kv_put_text("a", "1");

    kv_world_set_up();
    n_ended = 0;
    kv_commit(KV0, NULL, 0, &change, 1, close_first, NULL);
    kv_commit(KV0, NULL, 0, &change, 1, count_done, NULL);
    kv_read(KV0, "", ignore_pair, count_done, NULL);
    kv_wait(&n_ended, 1);
    kv_run_ms(50);
    CU_ASSERT_EQUAL(n_ended, 1);
    kv_world_tear_down();
}

static void closed_with_work_under_way(void)
{
    struct kv_change change = kv_put_text("a", "1");

    kv_world_set_up();
    n_ended = 0;
    for (int i = 0; i < 10; i++) {
        kv_commit(KV0, NULL, 0, &change, 1, count_done, NULL);
        kv_read(KV0, "", ignore_pair, count_done, NULL);
    }
    event_base_loop(kv_world.base, EVLOOP_NONBLOCK);
    unsigned n = n_ended;
    close_first(NULL, 0, NULL);
    kv_run_ms(50);
    CU_ASSERT_EQUAL(n_ended, n + 1);
    kv_world_tear_down();
}

/* ---- leases ---- */

static void lease_ended_takes_its_keys(void)
{
    struct kv_holder holder;
    struct kv_log log;
    struct kv_result r = { 0 };

    kv_world_set_up();
    kv_holder_begin(&holder, KV0, 5000);
    struct kv_change two[] = { kv_put_text("l/1", "x"),
                               kv_put_text("l/2", "x") };
    two[0].lease = two[1].lease = holder.id;
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, two, 2, NULL), 0);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "l/2", "mine"), 0); /* no lease */
    kv_read_now(KV1, "l/1", &r);
    CU_ASSERT_EQUAL(r.last_lease, holder.id);
    kv_log_begin(&log, KV1, "l/", r.revision);
    kv_lease_free(holder.lease);
    kv_wait(&log.n_revisions, 1);
    CU_ASSERT_PTR_EQUAL(strstr(log.text, "l/1=- @"), log.text);
    kv_read_now(KV1, "l/", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT_STRING_EQUAL(r.last, "l/2");
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, two, 2, NULL),
                    VDC_E_BAD_VALUE);
    two[0].lease = two[1].lease = 12345;
    CU_ASSERT_EQUAL(kv_commit_now(KV1, NULL, 0, two, 2, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(holder.n_ended, 0);
    kv_log_end(&log);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void lease_is_kept(void)
{
    struct kv_holder holder;
    struct kv_result r = { 0 };

    kv_world_set_up();
    kv_holder_begin(&holder, KV0, 1000);
    struct kv_change change = kv_put_text("held", "x");
    change.lease = holder.id;
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &change, 1, NULL), 0);
    kv_run_ms(4500);
    CU_ASSERT_EQUAL(holder.n_ended, 0);
    CU_ASSERT_EQUAL(holder.n_granted, 1);
    kv_read_now(KV1, "held", &r);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    kv_lease_free(holder.lease);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void says_what_it_is(void)
{
    struct kv_result r = { 0 };
    struct vdc_error why = { 0 };

    kv_world_set_up();
    CU_ASSERT(strlen(kv_name(KV0)) > 4);
    kv_read_now(KV0, "", &r);
    CU_ASSERT(kv_up(KV0, &why));
    CU_ASSERT_EQUAL(why.code, 0);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static const struct unit_test all[] = {
    { "puts and reads", puts_and_reads },
    { "deletes", deletes },
    { "comparisons of every kind", compares },
    { "a conflict changes nothing", conflict_changes_nothing },
    { "limits of keys and values", limits_of_one },
    { "limits of a commit", limits_of_many },
    { "a long list, of one revision", reads_pages_of_one_revision },
    { "a list of large values", reads_large_values },
    { "requests in the order of calls", requests_in_the_order_of_calls },
    { "counters of ten workers", counters_are_exact },
    { "closed in a callback", closed_in_a_callback },
    { "closed with work under way", closed_with_work_under_way },
    { "a lease that ended takes its keys", lease_ended_takes_its_keys },
    { "a lease is kept", lease_is_kept },
    { "it says what it is", says_what_it_is },
};

size_t kv_conform_tests(struct unit_test *to)
{
    size_t n = sizeof(all) / sizeof(all[0]);

    if (n + kv_conform_n_watch > KV_CONFORM_MAX)
        abort();
    memcpy(to, all, sizeof(all));
    memcpy(to + n, kv_conform_watch,
           kv_conform_n_watch * sizeof(*kv_conform_watch));
    return n + kv_conform_n_watch;
}
