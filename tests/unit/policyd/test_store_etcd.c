/* Tests of policyd/store/store.c on a real etcd: two stores on one, and
 * commits of which nobody knows for a while. */
#include "policyd/store/store.h"

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "tests/etcd_server.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct etcd_server *server;
static struct store_settings settings;

static void set_up(void)
{
    static char address[128];

    base = event_base_new();
    server = etcd_server_new(1, NULL);
    snprintf(address, sizeof(address), "etcd:%s",
             etcd_server_endpoints(server)[0]);
    settings.address = address;
    settings.prefix = "test/";
}

static void tear_down(void)
{
    etcd_server_free(server);
    event_base_free(base);
}

/* ---- what a store says ---- */

static unsigned n_lost, n_refused, n_loaded;

static void on_refused(void *arg, const struct vdc_error *why)
{
    n_refused++;
}

static void on_lost(void *arg, const struct vdc_error *why)
{
    n_lost++;
}

static int on_load(void *arg, enum store_record record, const char *id,
                   const void *body, struct vdc_error *err)
{
    n_loaded++;
    return 0;
}

static struct store *open_store(void)
{
    const struct store_notify notify = { .refused = on_refused,
                                         .lost = on_lost };
    struct store *store;

    n_loaded = n_refused = n_lost = 0;
    CU_ASSERT_EQUAL_FATAL(store_open(base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(store_load(store, on_load, NULL, NULL), 0);
    store_set_notify(store, &notify);
    return store;
}

static int put_customer(struct store *store, const char *name,
                        struct vdc_error *err)
{
    struct wire_customer body;
    const struct store_change change = { STORE_PUT, STORE_CUSTOMER, name,
                                         &body };

    wire_init(&wire_struct_customer, &body);
    body.name = name;
    return store_commit(store, &change, 1, NULL, err);
}

/* Who thinks that it leads changes nothing once another has begun. */
static void fenced(void)
{
    struct vdc_error err = { 0 };

    set_up();
    struct store *old = open_store();
    CU_ASSERT_EQUAL(put_customer(old, "a", NULL), 0);
    CU_ASSERT_EQUAL(store_settle(old, NULL), 0);
    struct store *new = open_store();
    CU_ASSERT_EQUAL(n_loaded, 1);
    CU_ASSERT_EQUAL(put_customer(old, "late", NULL), 0);
    CU_ASSERT_EQUAL(put_customer(old, "later", NULL), 0);
    CU_ASSERT_EQUAL(store_settle(old, &err), VDC_E_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another policyd"));
    CU_ASSERT_EQUAL(n_refused, 1);
    CU_ASSERT_EQUAL(n_lost, 1);
    CU_ASSERT_EQUAL(put_customer(old, "latest", &err), VDC_E_STORE);
    CU_ASSERT_EQUAL(put_customer(new, "b", NULL), 0);
    CU_ASSERT_EQUAL(store_settle(new, NULL), 0);
    store_close(old);
    store_close(new);
    new = open_store();
    CU_ASSERT_EQUAL(n_loaded, 2);
    store_close(new);
    tear_down();
}

static void on_settled(void *arg, const struct vdc_error *why)
{
    *(int *)arg = why->code ? why->code : 1;
}

static void run_ms(unsigned ms)
{
    uint64_t until = clock_mono().ms + ms;

    while (clock_mono().ms < until) {
        const struct timeval tv = { 0, 10000 };
        event_base_loopexit(base, &tv);
        event_base_dispatch(base);
    }
}

/* etcd stands still, or dies, with a commit on its way: it is held until it
 * is known what became of it, and happens once or not at all. */
static void outcome_unknown(void)
{
    unsigned n_made = 0;

    set_up();
    struct store *store = open_store();
    for (int i = 0; i < 6; i++) {
        char name[16];
        int settled = 0;
        bool is_killed = i % 2;
        snprintf(name, sizeof(name), "c%d", i);
        etcd_server_stop(server, 0);
        if (put_customer(store, name, NULL)) {
            etcd_server_continue(server, 0);
            run_ms(3000);
            continue;
        }
        CU_ASSERT(store_wait(store, on_settled, &settled));
        run_ms(300);
        CU_ASSERT_EQUAL(settled, 0);
        if (is_killed) {
            etcd_server_kill(server, 0);
            run_ms(100);
            etcd_server_start(server, 0, true);
        } else {
            etcd_server_continue(server, 0);
        }
        for (int j = 0; j < 200 && !settled; j++)
            run_ms(50);
        CU_ASSERT(settled == 1 || settled == VDC_E_STORE);
        n_made += settled == 1;
    }
    CU_ASSERT(n_made >= 3);
    CU_ASSERT_EQUAL(n_lost, 0);
    store_close(store);
    store = open_store();
    CU_ASSERT_EQUAL(n_loaded, n_made);
    store_close(store);
    tear_down();
}

/* Many commits share one of etcd's. */
static void many_at_a_time(void)
{
    enum { N = 2000 };
    char name[16];

    set_up();
    struct store *store = open_store();
    uint64_t begun = clock_mono().ms;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "c%d", i % 1500);
        CU_ASSERT_EQUAL_FATAL(put_customer(store, name, NULL), 0);
    }
    CU_ASSERT_EQUAL(store_settle(store, NULL), 0);
    printf("%d commits in %llu ms\n", N,
           (unsigned long long)(clock_mono().ms - begun));
    store_close(store);
    store = open_store();
    CU_ASSERT_EQUAL(n_loaded, 1500);
    store_close(store);
    tear_down();
}

static const struct unit_test tests[] = {
    { "a stale one is fenced", fenced },
    { "outcome unknown", outcome_unknown },
    { "many at a time", many_at_a_time },
};

int main(void)
{
    const char *missing = etcd_server_missing();

    if (missing) {
        printf("skipped: %s\n0 passed, 0 failed, 1 skipped\n", missing);
        return 77;
    }
    return unit_main("policyd/store on etcd", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
