/* Tests of the watches of every implementation of policyd/kv/kv.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/policyd/kv_conform.h"

#define KV0 kv_world.kv[0]
#define KV1 kv_world.kv[1]

static void watch_sees_changes(void)
{
    struct kv_log log;
    uint64_t first;

    kv_world_set_up();
    struct kv_change two[] = { kv_put_text("a/1", "x"),
                               kv_put_text("b", "y") };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, two, 2, &first), 0);
    kv_log_begin(&log, KV1, "a/", first);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "b", "no"), 0);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "a/2", ""), 0);
    struct kv_change clear = { .kind = KV_DELETE_PREFIX, .key = "a/" };
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, &clear, 1, NULL), 0);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "a/2", "again"), 0);
    kv_wait(&log.n_revisions, 3);
    char *one = xasprintf("a/2= @%" PRIu64 "\na/1=- a/2=- @%" PRIu64
                          "\na/2=again @%" PRIu64 "\n",
                          first + 2, first + 3, first + 4);
    char *other = xasprintf("a/2= @%" PRIu64 "\na/2=- a/1=- @%" PRIu64
                            "\na/2=again @%" PRIu64 "\n",
                            first + 2, first + 3, first + 4);
    CU_ASSERT(strcmp(log.text, one) == 0 || strcmp(log.text, other) == 0);
    CU_ASSERT(log.in_order);
    CU_ASSERT_EQUAL(log.n_lost, 0);
    free(one);
    free(other);
    kv_log_end(&log);
    kv_world_tear_down();
}

static void watch_from_the_past(void)
{
    struct kv_log log;
    struct kv_result r = { 0 };
    char value[16];

    kv_world_set_up();
    kv_read_now(KV0, "", &r);
    for (int i = 0; i < 50; i++) {
        snprintf(value, sizeof(value), "%d", i);
        CU_ASSERT_EQUAL_FATAL(kv_set_now(KV0, "k", value), 0);
    }
    kv_log_begin(&log, KV1, "", r.revision);
    kv_wait(&log.n_revisions, 50);
    CU_ASSERT(log.in_order);
    CU_ASSERT_PTR_EQUAL(strstr(log.text, "k=0 "), log.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(log.text, "k=49 "));
    CU_ASSERT_EQUAL(log.n_lost, 0);
    kv_log_end(&log);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* What is in the store, by what a watch has told. */
#define MODEL_KEYS 20
struct model {
    char values[MODEL_KEYS][16]; /* "" : not there */
    uint64_t modified[MODEL_KEYS];
    unsigned n_revisions;
    uint64_t last;
    bool wrong;
};

static void model_pair(void *arg, const struct kv_pair *pair)
{
    struct model *model = arg;
    unsigned i = (unsigned)atoi(pair->key + 2);

    if (strncmp(pair->key, "m/", 2) || i >= MODEL_KEYS || pair->size > 15 ||
        pair->modified <= model->last) {
        model->wrong = true;
        return;
    }
    /* Nothing goes that was not there. */
    if (!pair->value && !model->values[i][0])
        model->wrong = true;
    memset(model->values[i], 0, sizeof(model->values[i]));
    if (pair->value)
        memcpy(model->values[i], pair->value, pair->size);
    model->modified[i] = pair->modified;
}

static void model_done(void *arg, uint64_t revision)
{
    struct model *model = arg;

    for (size_t i = 0; i < MODEL_KEYS; i++)
        if (model->modified[i] > revision)
            model->wrong = true;
    model->last = revision;
    model->n_revisions++;
}

static void model_lost(void *arg)
{
    ((struct model *)arg)->wrong = true;
}

static char *model_text(const struct model *model)
{
    char *text = xstrdup("");

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        if (!model->values[i][0])
            continue;
        char *more = xasprintf("%sm/%02zu=%s@%" PRIu64 " ", text, i,
                               model->values[i], model->modified[i]);
        free(text);
        text = more;
    }
    return text;
}

/* One to three keys, put or deleted, sometimes all with a prefix. */
static void commit_randomly(unsigned n, struct kv_result *result)
{
    char keys[3][8], value[16];
    struct kv_change changes[3];
    size_t n_changes = 1 + (size_t)rand() % 3;
    unsigned first = (unsigned)rand() % MODEL_KEYS;

    snprintf(value, sizeof(value), "v%u", n);
    for (size_t i = 0; i < n_changes; i++) {
        snprintf(keys[i], sizeof(keys[i]), "m/%02zu",
                 (first + i * 7) % MODEL_KEYS);
        changes[i] =
            rand() % 3 ? kv_put_text(keys[i], value) : kv_delete_key(keys[i]);
    }
    if (rand() % 20 == 0) {
        n_changes = 1;
        changes[0] =
            (struct kv_change){ .kind = KV_DELETE_PREFIX, .key = "m/1" };
    }
    kv_commit(kv_world.kv[n % 2], NULL, 0, changes, n_changes, kv_on_done,
              result);
}

/* Two clients change, in flight at once; what a watch tells, put together, is
 * what is there in the end, and the number of its revisions is the store's. */
static void watch_is_complete(void)
{
    struct model model = { 0 }, late = { 0 };
    struct kv_watcher w = { model_pair, model_done, model_lost, &model };
    struct kv_result r = { 0 }, commits = { 0 };
    const unsigned n = 400;

    kv_world_set_up();
    kv_read_now(KV0, "", &r);
    uint64_t begin = r.revision;
    struct kv_watch *watch = kv_watch_new(KV1, "m/", begin, &w);
    for (unsigned i = 0; i < n; i++) {
        commit_randomly(i, &commits);
        if (i % 16 == 15)
            kv_wait(&commits.n_done, i - 8);
    }
    kv_wait(&commits.n_done, n);
    kv_read_now(KV0, "", &r);
    kv_wait(&model.n_revisions, (unsigned)(r.revision - begin));
    CU_ASSERT_EQUAL(model.last, r.revision);
    w.arg = &late;
    struct kv_watch *again = kv_watch_new(KV0, "m/", begin, &w);
    kv_wait(&late.n_revisions, model.n_revisions);
    kv_run_ms(50);
    CU_ASSERT_EQUAL(model.n_revisions, r.revision - begin);
    CU_ASSERT_EQUAL(late.n_revisions, r.revision - begin);
    CU_ASSERT_FALSE(model.wrong);
    CU_ASSERT_FALSE(late.wrong);
    char *text = model_text(&model), *late_text = model_text(&late);
    CU_ASSERT_STRING_EQUAL(text, r.seen);
    CU_ASSERT_STRING_EQUAL(late_text, r.seen);
    free(text);
    free(late_text);
    kv_watch_free(watch);
    kv_watch_free(again);
    kv_result_fini(&r);
    kv_world_tear_down();
}

/* A revision of more than one line can hold. */
static void watch_of_large_changes(void)
{
    struct kv_log log;
    char *large = xzalloc(8001), keys[KV_COMMIT_MAX][16];
    struct kv_change changes[KV_COMMIT_MAX];
    struct kv_result r = { 0 };

    kv_world_set_up();
    kv_read_now(KV0, "", &r);
    memset(large, 'x', 8000);
    for (size_t i = 0; i < KV_COMMIT_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "l/%03zu", i);
        changes[i] = kv_put_text(keys[i], large);
    }
    /* SQLite remembers 4 MiB of changes. */
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL_FATAL(
            kv_commit_now(KV0, NULL, 0, changes, KV_COMMIT_MAX, NULL), 0);
    kv_log_begin(&log, KV1, "l/", r.revision);
    kv_wait(&log.n_revisions, 3);
    unsigned n = 0;
    for (const char *p = log.text; (p = strstr(p, "l/")); p++)
        n++;
    CU_ASSERT_EQUAL(log.n_revisions, 3);
    CU_ASSERT_EQUAL(n, 3 * KV_COMMIT_MAX);
    CU_ASSERT(log.in_order);
    kv_log_end(&log);
    kv_result_fini(&r);
    free(large);
    kv_world_tear_down();
}

static struct kv_watch *own_watch;
static unsigned n_own;

static void free_watch(void *arg, const struct kv_pair *pair)
{
    n_own++;
    kv_watch_free(own_watch);
}

static void never(void *arg, uint64_t revision)
{
    CU_FAIL("called after it was freed");
}

static void watch_freed_in_its_callback(void)
{
    struct kv_watcher w = { free_watch, never, NULL, NULL };
    struct kv_change two[] = { kv_put_text("a", "1"), kv_put_text("b", "1") };
    struct kv_result r = { 0 };

    kv_world_set_up();
    kv_read_now(KV1, "", &r);
    n_own = 0;
    own_watch = kv_watch_new(KV1, "", r.revision, &w);
    CU_ASSERT_EQUAL(kv_commit_now(KV0, NULL, 0, two, 2, NULL), 0);
    kv_wait(&n_own, 1);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "a", "2"), 0);
    kv_run_ms(50);
    CU_ASSERT_EQUAL(n_own, 1);
    kv_result_fini(&r);
    kv_world_tear_down();
}

const struct unit_test kv_conform_watch[] = {
    { "a watch sees changes", watch_sees_changes },
    { "a watch from the past", watch_from_the_past },
    { "a watch is complete", watch_is_complete },
    { "a watch of large changes", watch_of_large_changes },
    { "a watch freed in its callback", watch_freed_in_its_callback },
};
const size_t kv_conform_n_watch =
    sizeof(kv_conform_watch) / sizeof(kv_conform_watch[0]);
