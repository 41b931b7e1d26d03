/* Helpers of kv_conform.h. */
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/unit/policyd/kv_conform.h"

struct kv_world kv_world;

void kv_world_set_up(void)
{
    struct vdc_error err = { 0 };

    kv_place.set_up();
    kv_world.base = event_base_new();
    int rc = kv_place.open(kv_world.base, &kv_world.kv[0], &err);
    if (rc)
        printf("open: %s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    kv_world.kv[1] = kv_world.kv[0];
    if (!kv_place.one_client)
        CU_ASSERT_EQUAL_FATAL(
            kv_place.open(kv_world.base, &kv_world.kv[1], NULL), 0);
}

void kv_world_tear_down(void)
{
    if (kv_world.kv[1] != kv_world.kv[0])
        kv_close(kv_world.kv[1]);
    kv_close(kv_world.kv[0]);
    event_base_free(kv_world.base);
    kv_place.tear_down();
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    event_base_loopbreak(kv_world.base);
}

void kv_run_ms(uint64_t ms)
{
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };

    struct event *timer = evtimer_new(kv_world.base, on_time, NULL);

    event_add(timer, &tv);
    event_base_dispatch(kv_world.base);
    event_free(timer);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
}

void kv_wait(const unsigned *n, unsigned least)
{
    uint64_t until = clock_mono().ms + 20000 * unit_time_factor();
    struct timeval tv = { 0, 100 * 1000 };
    struct event *tick =
        event_new(kv_world.base, -1, EV_PERSIST, on_tick, NULL);

    event_add(tick, &tv);
    while (*n < least && clock_mono().ms < until)
        event_base_loop(kv_world.base, EVLOOP_ONCE);
    event_free(tick);
    if (*n < least)
        printf("waited in vain: %u of %u\n", *n, least);
    CU_ASSERT_FATAL(*n >= least);
}

/* ---- requests ---- */

void kv_on_done(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct kv_result *r = arg;

    r->n_done++;
    r->code = err->code;
    r->revision = revision;
    r->err = *err;
}

void kv_on_pair(void *arg, const struct kv_pair *pair)
{
    struct kv_result *r = arg;
    char *more;

    CU_ASSERT_PTR_NOT_NULL_FATAL(pair->value);
    if (r->n_pairs++ && strcmp(r->last, pair->key) >= 0)
        r->in_order = false;
    snprintf(r->last, sizeof(r->last), "%s", pair->key);
    r->last_modified = pair->modified;
    r->last_created = pair->created;
    r->last_lease = pair->lease;
    if (pair->size > 100 || r->n_pairs > 100)
        return;
    more =
        xasprintf("%s%s=%.*s@%" PRIu64 " ", r->seen ? r->seen : "", pair->key,
                  (int)pair->size, (const char *)pair->value, pair->modified);
    free(r->seen);
    r->seen = more;
}

void kv_result_fini(struct kv_result *result)
{
    free(result->seen);
    memset(result, 0, sizeof(*result));
}

struct kv_change kv_put_text(const char *key, const char *value)
{
    return (struct kv_change){ .kind = KV_PUT,
                               .key = key,
                               .value = (const uint8_t *)value,
                               .size = strlen(value) };
}

struct kv_change kv_delete_key(const char *key)
{
    return (struct kv_change){ .kind = KV_DELETE, .key = key };
}

int kv_commit_now(struct kv *kv, const struct kv_compare *compares,
                  size_t n_compares, const struct kv_change *changes,
                  size_t n_changes, uint64_t *ret_revision)
{
    struct kv_result r = { 0 };

    kv_commit(kv, compares, n_compares, changes, n_changes, kv_on_done, &r);
    CU_ASSERT_EQUAL(r.n_done, 0); /* never from inside */
    kv_wait(&r.n_done, 1);
    CU_ASSERT_EQUAL(r.n_done, 1);
    if (ret_revision)
        *ret_revision = r.revision;
    return r.code;
}

int kv_set_now(struct kv *kv, const char *key, const char *value)
{
    struct kv_change change = kv_put_text(key, value);

    return kv_commit_now(kv, NULL, 0, &change, 1, NULL);
}

void kv_read_now(struct kv *kv, const char *prefix, struct kv_result *result)
{
    kv_result_fini(result);
    result->in_order = true;
    kv_read(kv, prefix, kv_on_pair, kv_on_done, result);
    CU_ASSERT_EQUAL(result->n_done, 0);
    kv_wait(&result->n_done, 1);
    CU_ASSERT_EQUAL(result->n_done, 1);
    CU_ASSERT(result->code || result->in_order);
    if (!result->seen)
        result->seen = xstrdup("");
}

/* ---- watches ---- */

static void log_text(struct kv_log *log, const char *text)
{
    size_t len = strlen(text);

    while (log->len + len + 1 > log->room) {
        log->room = log->room ? log->room * 2 : 1024;
        log->text = xrealloc(log->text, log->room);
    }
    memcpy(log->text + log->len, text, len + 1);
    log->len += len;
}

static void log_pair(void *arg, const struct kv_pair *pair)
{
    struct kv_log *log = arg;
    char *text = pair->value
                     ? xasprintf("%s=%.*s ", pair->key,
                                 pair->size > 100 ? 100 : (int)pair->size,
                                 (const char *)pair->value)
                     : xasprintf("%s=- ", pair->key);

    if (pair->modified <= log->last)
        log->in_order = false;
    log_text(log, text);
    free(text);
}

static void log_done(void *arg, uint64_t revision)
{
    struct kv_log *log = arg;
    char text[32];

    snprintf(text, sizeof(text), "@%" PRIu64 "\n", revision);
    log_text(log, text);
    if (revision <= log->last)
        log->in_order = false;
    log->last = revision;
    log->n_revisions++;
}

static void log_lost(void *arg)
{
    ((struct kv_log *)arg)->n_lost++;
}

void kv_log_begin(struct kv_log *log, struct kv *kv, const char *prefix,
                  uint64_t after)
{
    struct kv_watcher w = { log_pair, log_done, log_lost, log };

    memset(log, 0, sizeof(*log));
    log->in_order = true;
    log->last = after;
    log_text(log, "");
    log->watch = kv_watch_new(kv, prefix, after, &w);
}

void kv_log_end(struct kv_log *log)
{
    kv_watch_free(log->watch);
    free(log->text);
}

/* ---- leases ---- */

static void on_granted(void *arg, uint64_t id)
{
    struct kv_holder *holder = arg;

    holder->n_granted++;
    holder->id = id;
}

static void on_ended(void *arg, const struct vdc_error *why)
{
    struct kv_holder *holder = arg;

    holder->n_ended++;
    holder->why = *why;
}

void kv_holder_begin(struct kv_holder *holder, struct kv *kv, uint64_t ttl_ms)
{
    struct kv_lease_notify notify = { on_granted, on_ended, holder };

    memset(holder, 0, sizeof(*holder));
    holder->lease = kv_lease_new(kv, ttl_ms, &notify);
    CU_ASSERT_EQUAL(holder->n_granted, 0);
    kv_wait(&holder->n_granted, 1);
    CU_ASSERT(holder->id != 0);
}

/* ---- workers ---- */

struct worker {
    struct kv_workers *all;
    struct kv *kv;
    size_t number;
    unsigned left;
    uint64_t random;
    size_t counter;
    uint64_t modified; /* of the counter, as read */
    unsigned value;
    char who[48]; /* "VALUE worker.count" as read */
    char mine[48];
    bool unknown; /* whether `mine` was written */
};

struct kv_workers {
    size_t n;
    unsigned times, n_ended, n_unknown;
    struct worker *workers;
};

static void worker_read(struct worker *w);
static void worker_write(struct worker *w);

static const char *counter_key(size_t i)
{
    static const char *const keys[KV_COUNTERS] = { "counter/0", "counter/1",
                                                   "counter/2", "counter/3",
                                                   "counter/4" };
    return keys[i];
}

static void worker_next(struct worker *w)
{
    w->unknown = false;
    if (--w->left == 0) {
        w->all->n_ended++;
        return;
    }
    w->random =
        w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    w->counter = (w->random >> 33) % KV_COUNTERS;
    worker_read(w);
}

static void on_written(void *arg, uint64_t revision,
                       const struct vdc_error *err)
{
    struct worker *w = arg;

    if (err->code == 0) {
        worker_next(w);
        return;
    }
    /* Only these: anything else is a fault of what is tested. */
    CU_ASSERT(err->code == VDC_E_CONFLICT || err->code == VDC_E_CLOSED ||
              err->code == VDC_E_STORE);
    if (err->code == VDC_E_CLOSED && !w->unknown) {
        w->unknown = true;
        w->all->n_unknown++;
    }
    /* One that is not known may still happen.  The same again can happen
     * only if that does not; and after a conflict neither can. */
    if (w->unknown && err->code != VDC_E_CONFLICT)
        worker_write(w);
    else
        worker_read(w);
}

static void worker_write(struct worker *w)
{
    const char *key = counter_key(w->counter);
    struct kv_compare compare = { .kind = KV_MODIFIED_IS,
                                  .key = key,
                                  .revision = w->modified };
    char own[32];

    /* The second key is this worker's own: that it is there says so, whatever
     * others have done to the counter since. */
    snprintf(own, sizeof(own), "own/%zu", w->number);
    snprintf(w->mine, sizeof(w->mine), "%u", w->left);
    snprintf(w->who, sizeof(w->who), "%u", w->value + 1);
    struct kv_change changes[] = { kv_put_text(key, w->who),
                                   kv_put_text(own, w->mine) };
    kv_commit(w->kv, &compare, 1, changes, 2, on_written, w);
}

static void on_counter(void *arg, const struct kv_pair *pair)
{
    struct worker *w = arg;

    if (pair->size >= sizeof(w->who))
        return;
    w->modified = pair->modified;
    memcpy(w->who, pair->value, pair->size);
    w->who[pair->size] = '\0';
    w->value = (unsigned)atoi(w->who);
}

static void on_counter_read(void *arg, uint64_t revision,
                            const struct vdc_error *err)
{
    struct worker *w = arg;

    if (err->code) {
        CU_ASSERT_EQUAL(err->code, VDC_E_STORE);
        worker_read(w);
        return;
    }
    worker_write(w);
}

static void on_own(void *arg, const struct kv_pair *pair)
{
    struct worker *w = arg;

    if (pair->size == strlen(w->mine) &&
        memcmp(pair->value, w->mine, pair->size) == 0)
        w->who[0] = '!';
}

/* Whether the commit of which that was not known has happened. */
static void on_own_read(void *arg, uint64_t revision,
                        const struct vdc_error *err)
{
    struct worker *w = arg;

    if (err->code) {
        worker_read(w);
    } else if (w->who[0] == '!') {
        worker_next(w);
    } else {
        w->unknown = false;
        worker_read(w);
    }
}

static void worker_read(struct worker *w)
{
    char own[32];

    w->modified = w->value = 0;
    w->who[0] = '\0';
    if (!w->unknown) {
        kv_read(w->kv, counter_key(w->counter), on_counter, on_counter_read,
                w);
        return;
    }
    snprintf(own, sizeof(own), "own/%zu", w->number);
    kv_read(w->kv, own, on_own, on_own_read, w);
}

struct kv_workers *kv_workers_begin(size_t n, unsigned times)
{
    struct kv_workers *all = XNEW(struct kv_workers);

    CU_ASSERT_FATAL(n <= 10); /* own/1 is no beginning of another */
    all->n = n;
    all->times = times;
    all->workers = xzalloc(n * sizeof(all->workers[0]));
    for (size_t i = 0; i < n; i++) {
        struct worker *w = &all->workers[i];
        w->all = all;
        w->kv = kv_world.kv[i % 2];
        w->number = i;
        w->random = i + 1;
        w->left = times + 1;
        worker_next(w);
    }
    return all;
}

const unsigned *kv_workers_ended(const struct kv_workers *workers)
{
    return &workers->n_ended;
}

void kv_workers_check(struct kv_workers *workers)
{
    unsigned sum = 0;
    struct kv_result r = { 0 };

    for (size_t i = 0; i < KV_COUNTERS; i++) {
        kv_read_now(kv_world.kv[0], counter_key(i), &r);
        const char *value = r.seen ? strchr(r.seen, '=') : NULL;
        sum += value ? (unsigned)atoi(value + 1) : 0;
    }
    CU_ASSERT_EQUAL(sum, workers->n * workers->times);
    if (workers->n_unknown)
        printf("\n  (%u commits of which the outcome was looked for)\n  ",
               workers->n_unknown);
    kv_result_fini(&r);
    free(workers->workers);
    free(workers);
}
