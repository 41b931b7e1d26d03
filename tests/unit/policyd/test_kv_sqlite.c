/* Tests of policyd/kv/kv_sqlite.c: what it has of its own, beside what every
 * implementation of kv.h must do. */
#include "policyd/kv/kv_sqlite.h"

#include <event2/event.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static char folder[64], path[128];
static struct event_base *base;
static struct kv *kv;

/* What the callbacks have seen. */
static int n_done, last_code;
static uint64_t last_revision;
static char seen[4096];
static struct vdc_error last_err;

static void on_done(void *arg, uint64_t revision, const struct vdc_error *err)
{
    n_done++;
    last_code = err->code;
    last_revision = revision;
    last_err = *err;
    if (arg)
        *(int *)arg = err->code ? err->code : 1;
}

static void on_pair(void *arg, const struct kv_pair *pair)
{
    size_t len = strlen(seen);

    snprintf(seen + len, sizeof(seen) - len, "%s=%.*s ", pair->key,
             pair->value ? (int)pair->size : 1,
             pair->value ? (const char *)pair->value : "-");
}

static void wait_done(int n)
{
    while (n_done < n && event_base_loop(base, EVLOOP_ONCE) == 0)
        ;
    CU_ASSERT_EQUAL(n_done, n);
    n_done = 0;
}

static void set_up(void)
{
    strcpy(folder, "/tmp/xen-vdc-kv-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/policyd.db", folder);
    base = event_base_new();
    n_done = 0;
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, NULL), 0);
}

static void tear_down(void)
{
    char command[160];

    kv_close(kv);
    event_base_free(base);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void reopen(void)
{
    kv_close(kv);
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, NULL), 0);
}

static struct kv_change put(const char *key, const char *value)
{
    return (struct kv_change){ .kind = KV_PUT,
                               .key = key,
                               .value = (const uint8_t *)value,
                               .size = strlen(value) };
}

static void ask_put(const char *key, const char *value, int *ret)
{
    const struct kv_change change = put(key, value);

    kv_commit(kv, NULL, 0, &change, 1, on_done, ret);
}

static const char *list(const char *prefix)
{
    *seen = '\0';
    kv_read(kv, prefix, on_pair, on_done, NULL);
    wait_done(1);
    return seen;
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Those of one turn share a transaction; one of them fails alone. */
static void group(void)
{
    int results[4] = { 0 };
    const struct kv_compare no = { .kind = KV_MODIFIED_IS,
                                   .key = "a",
                                   .revision = 99 };
    const struct kv_change two[] = { put("b", "2"), put("c", "3") };

    set_up();
    ask_put("a", "1", &results[0]);
    kv_commit(kv, &no, 1, two, 2, on_done, &results[1]);
    ask_put("d", "4", &results[2]);
    ask_put("", "no key", &results[3]);
    CU_ASSERT_EQUAL(n_done, 0); /* never from inside the call */
    wait_done(4);
    CU_ASSERT_EQUAL(results[0], 1);
    CU_ASSERT_EQUAL(results[1], VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(results[2], 1);
    CU_ASSERT_EQUAL(results[3], VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(list(""), "a=1 d=4 ");
    uint64_t revision = last_revision;
    reopen();
    CU_ASSERT_STRING_EQUAL(list(""), "a=1 d=4 ");
    CU_ASSERT_EQUAL(last_revision, revision);
    ask_put("a", "5", NULL);
    wait_done(1);
    CU_ASSERT_EQUAL(last_revision, revision + 1);
    tear_down();
}

/* What does not fit refuses itself, and nothing else of its turn. */
static void disk_full(void)
{
    static char large[900 * 1024];
    struct rlimit old, small;
    struct stat st;
    char wal[160];
    int results[3] = { 0 };

    set_up();
    signal(SIGXFSZ, SIG_IGN);
    memset(large, 'x', sizeof(large) - 1);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    CU_ASSERT_EQUAL(stat(wal, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)st.st_size + 200 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    ask_put("a", "1", &results[0]);
    ask_put("b", large, &results[1]);
    ask_put("c", "3", &results[2]);
    wait_done(3);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(results[0], 1);
    CU_ASSERT_EQUAL(results[1], VDC_E_DISK_FULL);
    CU_ASSERT_EQUAL(results[2], 1);
    CU_ASSERT_STRING_EQUAL(list(""), "a=1 c=3 ");
    ask_put("b", large, &results[1]);
    wait_done(1);
    CU_ASSERT_EQUAL(results[1], 1);
    signal(SIGXFSZ, SIG_DFL);
    tear_down();
}

static void on_granted(void *arg, uint64_t id)
{
    *(uint64_t *)arg = id;
    n_done++;
}

static void on_ended(void *arg, const struct vdc_error *why)
{
    *(uint64_t *)arg = 0;
    n_done++;
}

/* A lease ends when its process slept too long, and with the process. */
static void leases(void)
{
    uint64_t id = 0;
    const struct kv_lease_notify notify = { on_granted, on_ended, &id };

    set_up();
    struct kv_lease *lease = kv_lease_new(kv, 1000, &notify);
    wait_done(1);
    CU_ASSERT_NOT_EQUAL_FATAL(id, 0);
    struct kv_change change = put("leader", "me");
    change.lease = id;
    kv_commit(kv, NULL, 0, &change, 1, on_done, NULL);
    wait_done(1);
    CU_ASSERT_EQUAL(last_code, 0);
    CU_ASSERT_STRING_EQUAL(list(""), "leader=me ");
    clock_test_set((struct mono){ clock_mono().ms + 5000 }, clock_wall());
    wait_done(1);
    clock_test_release();
    CU_ASSERT_EQUAL(id, 0);
    CU_ASSERT_STRING_EQUAL(list(""), "");
    kv_commit(kv, NULL, 0, &change, 1, on_done, NULL);
    wait_done(1);
    CU_ASSERT_EQUAL(last_code, VDC_E_BAD_VALUE);
    kv_lease_free(lease);

    /* one that was killed did not tell the file */
    ask_put("leader", "me", NULL);
    wait_done(1);
    uint64_t revision = last_revision;
    kv_close(kv);
    run_sql("UPDATE pair SET lease = 7");
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, NULL), 0);
    CU_ASSERT_STRING_EQUAL(list(""), "");
    CU_ASSERT(last_revision > revision);
    tear_down();
}

static unsigned n_lost;

static void on_lost(void *arg)
{
    n_lost++;
    n_done++;
}

static void on_revision(void *arg, uint64_t revision)
{
    n_done++;
}

/* Changes of long ago are not kept. */
static void history_ends(void)
{
    const struct kv_watcher watcher = { on_pair, on_revision, on_lost, NULL };
    uint64_t early;

    set_up();
    ask_put("a", "0", NULL);
    wait_done(1);
    early = last_revision;
    for (int i = 0; i < KV_SQLITE_HISTORY; i++)
        ask_put("a", "1", NULL);
    wait_done(KV_SQLITE_HISTORY);
    struct kv_watch *watch = kv_watch_new(kv, "a", early, &watcher);
    *seen = '\0';
    wait_done(KV_SQLITE_HISTORY);
    CU_ASSERT_EQUAL(strlen(seen), KV_SQLITE_HISTORY * 4 < sizeof(seen)
                                      ? KV_SQLITE_HISTORY * 4
                                      : sizeof(seen) - 1);
    kv_watch_free(watch);
    CU_ASSERT_EQUAL(n_lost, 0);
    watch = kv_watch_new(kv, "a", early - 1, &watcher);
    wait_done(1);
    CU_ASSERT_EQUAL(n_lost, 1);
    kv_watch_free(watch);
    uint64_t now = last_revision;
    reopen();
    watch = kv_watch_new(kv, "a", now - 1, &watcher);
    wait_done(1);
    CU_ASSERT_EQUAL(n_lost, 2);
    kv_watch_free(watch);
    tear_down();
}

static void close_on_done(void *arg, uint64_t revision,
                          const struct vdc_error *err)
{
    n_done++;
    kv_close(kv);
}

static void never(void *arg, uint64_t revision, const struct vdc_error *err)
{
    CU_FAIL("called after kv_close");
}

static void closed_in_callback(void)
{
    const struct kv_change change = put("a", "1");

    set_up();
    kv_commit(kv, NULL, 0, &change, 1, close_on_done, NULL);
    kv_commit(kv, NULL, 0, &change, 1, never, NULL);
    kv_read(kv, "", on_pair, never, NULL);
    wait_done(1);
    event_base_loop(base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, NULL), 0);
    CU_ASSERT_STRING_EQUAL(list(""), "a=1 ");
    tear_down();
}

static void cannot_be_opened(void)
{
    struct vdc_error err = { 0 };
    struct kv *second;

    set_up();
    CU_ASSERT_EQUAL(kv_sqlite_open(base, path, NULL, &second, &err),
                    VDC_E_BUSY);
    kv_close(kv);
    run_sql("PRAGMA user_version = 99");
    CU_ASSERT_EQUAL(kv_sqlite_open(base, path, NULL, &kv, &err),
                    VDC_E_STORE_NEWER);
    run_sql("PRAGMA user_version = 1");
    CU_ASSERT_EQUAL(kv_sqlite_open(base, path, NULL, &kv, &err), VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "earlier format"));
    run_sql("PRAGMA user_version = 10; PRAGMA application_id = 7");
    CU_ASSERT_EQUAL(kv_sqlite_open(base, path, NULL, &kv, &err), VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another program's"));
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, &err), 0);
    tear_down();
}

static const struct unit_test tests[] = {
    { "a turn's commits", group },
    { "disk full", disk_full },
    { "leases", leases },
    { "history ends", history_ends },
    { "closed in a callback", closed_in_callback },
    { "cannot be opened", cannot_be_opened },
};

UNIT_MAIN("policyd/kv/kv_sqlite", tests)
