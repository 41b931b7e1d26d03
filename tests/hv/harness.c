/* See harness.h. */
#include "tests/hv/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define TICK_MS 20
#define OP_TIMEOUT_MS 180000

struct event_base *base;
struct hv *hv;
struct arena *arena;

static struct event *ticker;
static unsigned n_checks, n_bad;            /* checks */
static unsigned n_run, n_failed, n_skipped; /* tests */
static bool skipped;                        /* the test that runs */
static uint64_t last_tick, longest_gap;
static struct hv_event events[64];
static unsigned n_events;

/* ---- checks ---- */

bool check_at(const char *file, int line, bool ok, const char *format, ...)
{
    va_list args;

    n_checks++;
    if (ok)
        return true;
    n_bad++;
    printf("    %s:%d: ", strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
           line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return false;
}

void skip(const char *format, ...)
{
    va_list args;

    skipped = true;
    printf("    skipped: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

/* ---- the loop ---- */

uint64_t now_ms(void)
{
    return clock_mono().ms;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
    uint64_t now = clock_mono().ms;

    if (now - last_tick > longest_gap)
        longest_gap = now - last_tick;
    last_tick = now;
}

void gap_reset(void)
{
    last_tick = clock_mono().ms;
    longest_gap = 0;
}

unsigned gap_ms(void)
{
    return (unsigned)longest_gap;
}

static bool never(void *arg)
{
    return false;
}

bool wait_for(bool (*condition)(void *arg), void *arg, unsigned timeout_ms)
{
    uint64_t end = clock_mono().ms + timeout_ms;

    while (!condition(arg)) {
        if (clock_mono().ms >= end)
            return false;
        event_base_loop(base, EVLOOP_ONCE);
    }
    return true;
}

void spin(unsigned ms)
{
    wait_for(never, NULL, ms);
}

void on_done(void *arg, int rc, const struct vdc_error *err)
{
    struct outcome *outcome = arg;

    CHECK(!outcome->done, "`done` came twice");
    outcome->done = true;
    outcome->rc = rc;
    if (rc)
        outcome->err = *err;
}

void on_created(void *arg, int rc, const struct vdc_error *err, uint32_t domid)
{
    struct outcome *outcome = arg;

    on_done(arg, rc, err);
    outcome->domid = domid;
}

bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

int outcome_finish(struct outcome *outcome, int rc, struct vdc_error *err)
{
    CHECK(!outcome->done, "`done` came before the operation returned");
    if (rc)
        return rc;
    /* Its memory is on a stack: nothing can go on. */
    if (!CHECK(wait_for(is_done, outcome, OP_TIMEOUT_MS), "no `done` came"))
        harness_give_up();
    if (err)
        *err = outcome->err;
    return outcome->rc;
}

static void on_event(void *arg, const struct hv_event *event)
{
    if (n_events < sizeof(events) / sizeof(events[0]))
        events[n_events++] = *event;
}

void events_reset(void)
{
    n_events = 0;
}

unsigned events_count(void)
{
    return n_events;
}

struct wanted {
    enum hv_event_kind kind;
    uint32_t domid;
    const struct hv_event *found;
};

static bool has_come(void *arg)
{
    struct wanted *wanted = arg;

    for (unsigned i = 0; i < n_events; i++)
        if (events[i].kind == wanted->kind && events[i].domid == wanted->domid)
            wanted->found = &events[i];
    return wanted->found;
}

bool wait_event(enum hv_event_kind kind, uint32_t domid, unsigned timeout_ms,
                struct hv_event *ret)
{
    struct wanted wanted = { kind, domid, NULL };

    if (!wait_for(has_come, &wanted, timeout_ms))
        return false;
    *ret = *wanted.found;
    return true;
}

/* ---- guests and what there is of them ---- */

struct hv_domain_config plain_guest(const char *name, enum hv_domain_type type)
{
    struct hv_domain_config config = {
        .name = arena_strdup(arena, name),
        .type = type,
        .kernel = "",
        .ramdisk = "",
        .cmdline = "",
        .bootloader = "",
        .memory = MEM_MIB(128),
        .max_memory = MEM_MIB(128),
        .vcpus = 1,
        .max_vcpus = 1,
        .cpupool = "",
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .max_grant_version = -1,
        .tsc_mode = "",
        .pvshim_path = "",
        .pvshim_cmdline = "",
        .pvshim_extra = "",
    };

    uuid_random(&config.uuid);
    return config;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *store_below(const char *path)
{
    const char *value, **names;
    size_t n;

    if (hv->store->read(hv, path, arena, &value, NULL) != 0 ||
        hv->store->list(hv, path, arena, &names, &n, NULL) != 0)
        return "";
    qsort(names, n, sizeof(names[0]), by_name);
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(
            arena, "%s%s", text,
            store_below(arena_printf(arena, "%s/%s", path, names[i])));
    if (!*value && !*text) /* an empty folder is as good as none */
        return "";
    return arena_printf(arena, "%s = %s\n%s", path, value, text);
}

/* ---- the whole ---- */

void harness_begin(const char *name)
{
    static const struct timeval interval = { 0, TICK_MS * 1000 };

    log_init(name, getenv("DEBUG") ? VDC_LOG_DEBUG : VDC_LOG_INFO);
    base = event_base_new();
    ticker = event_new(base, -1, EV_PERSIST, tick, NULL);
    event_add(ticker, &interval);
}

bool harness_open(const char *spec)
{
    struct vdc_error err;

    if (hv_open(spec, base, &hv, &err) != 0) {
        printf("cannot open %s: %s (%s)\n", spec, err.text, err.hint);
        return false;
    }
    hv->on_event = on_event;
    return true;
}

static void run_test(const struct test *test)
{
    uint64_t start_ms = now_ms();
    unsigned bad = n_bad, checks = n_checks;

    arena = arena_new();
    events_reset();
    gap_reset();
    skipped = false;
    printf("%s ...\n", test->name);
    fflush(stdout);
    test->run();
    bool ok = n_bad == bad && n_checks > checks;
    skipped = skipped && ok;
    printf("%s: %s, %u checks, %.1f s, longest gap %u ms\n", test->name,
           skipped ? "skipped"
           : ok    ? "passed"
                   : "FAILED",
           n_checks - checks, (double)(now_ms() - start_ms) / 1000, gap_ms());
    fflush(stdout);
    arena_free(arena);
    n_run++;
    n_failed += !ok;
    n_skipped += skipped;
}

void harness_run(const struct test *tests, const char *pattern)
{
    for (; tests->name; tests++)
        if (!pattern || strstr(tests->name, pattern))
            run_test(tests);
}

void harness_give_up(void)
{
    printf("0 passed, 1 failed\n");
    exit(1);
}

int harness_end(void)
{
    hv_close(hv);
    event_free(ticker);
    event_base_free(base);
    libevent_global_shutdown();
    printf("%u passed, %u failed", n_run - n_failed - n_skipped, n_failed);
    if (n_skipped)
        printf(", %u skipped", n_skipped);
    printf("\n");
    return n_failed || n_run == 0 ? 1 : 0;
}
