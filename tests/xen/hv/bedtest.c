/* The harness of the tests in the bed. */
#include "tests/xen/hv/bedtest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define TICK_MS 20
#define OP_TIMEOUT_MS 120000

struct event_base *base;
struct hv *hv;
struct arena *arena;

static unsigned n_checks, n_bad;
static uint64_t last_tick, longest_gap;
static struct hv_event events[64];
static unsigned n_events;

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

struct hv_domain_config guest(const char *name, enum hv_domain_type type,
                              const char *cmdline)
{
    struct hv_domain_config config = {
        .name = arena_strdup(arena, name),
        .type = type,
        .kernel = KERNEL,
        .ramdisk = RAMDISK,
        .cmdline = arena_printf(arena, "console=hvc0 %s", cmdline),
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

void on_done(void *arg, int rc, const struct vdc_error *err)
{
    struct outcome *outcome = arg;

    CHECK(!outcome->done, "`done` came twice");
    outcome->done = true;
    outcome->rc = rc;
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

int finish(struct outcome *outcome, int rc, struct vdc_error *err)
{
    CHECK(!outcome->done, "`done` came before the operation returned");
    if (rc)
        return rc;
    if (!CHECK(wait_for(is_done, outcome, OP_TIMEOUT_MS), "no `done` came")) {
        printf("0 passed, 1 failed\n");
        exit(1); /* its memory is on our stack: nothing can go on */
    }
    if (err)
        *err = outcome->err;
    return outcome->rc;
}

static const char *console_log(const char *name)
{
    return arena_printf(arena, "/var/log/xen/console/guest-%s.log", name);
}

int make(const struct hv_domain_config *config, uint32_t *ret_domid,
         struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    /* xenconsoled appends: what an earlier guest of this name said goes. */
    unlink(console_log(config->name));
    int rc = hv->domain->create(hv, config, on_created, &outcome, err);

    rc = finish(&outcome, rc, err);
    *ret_domid = rc ? HV_DOMID_NONE : outcome.domid;
    return rc;
}

int unpause(uint32_t domid, struct vdc_error *err)
{
    struct outcome outcome = { 0 };
    int rc = hv->domain->unpause(hv, domid, on_done, &outcome, err);

    return finish(&outcome, rc, err);
}

int destroy(uint32_t domid, struct vdc_error *err)
{
    struct outcome outcome = { 0 };
    int rc = hv->domain->destroy(hv, domid, on_done, &outcome, err);

    return finish(&outcome, rc, err);
}

int ask(uint32_t domid, enum hv_shutdown_reason reason, struct vdc_error *err)
{
    for (int i = 0;; i++) {
        struct outcome outcome = { 0 };
        int rc =
            hv->domain->shutdown(hv, domid, reason, on_done, &outcome, err);
        rc = finish(&outcome, rc, err);
        if (rc != VDC_E_WRONG_STATE || i == 100)
            return rc;
        spin(500);
    }
}

uint64_t now_ms(void)
{
    return clock_mono().ms;
}

static bool says_up(void *arg)
{
    static char text[65536];
    FILE *f = fopen(arg, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    return strstr(text, " is up after ") != NULL;
}

bool wait_up(uint32_t domid)
{
    struct hv_domain_info info;

    return hv->domain->info(hv, domid, arena, &info, NULL) == 0 &&
           wait_for(says_up, (void *)console_log(info.name), 90000);
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

static const struct hv_event *find_event(enum hv_event_kind kind,
                                         uint32_t domid)
{
    for (unsigned i = 0; i < n_events; i++)
        if (events[i].kind == kind && events[i].domid == domid)
            return &events[i];
    return NULL;
}

struct wanted {
    enum hv_event_kind kind;
    uint32_t domid;
};

static bool has_come(void *arg)
{
    const struct wanted *wanted = arg;

    return find_event(wanted->kind, wanted->domid) != NULL;
}

bool wait_event(enum hv_event_kind kind, uint32_t domid, unsigned timeout_ms,
                struct hv_event *ret)
{
    struct wanted wanted = { kind, domid };

    if (!wait_for(has_come, &wanted, timeout_ms))
        return false;
    *ret = *find_event(kind, domid);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *store_dump(const char *path)
{
    const char *value, **names;
    size_t n;
    char *text;

    if (hv->store->read(hv, path, arena, &value, NULL) != 0)
        return arena_strdup(arena, "");
    text = arena_printf(arena, "%s = %s\n", path, value);
    if (hv->store->list(hv, path, arena, &names, &n, NULL) != 0)
        return text;
    qsort(names, n, sizeof(names[0]), by_name);
    /* A folder that is empty is as good as none: /vm and /libxl stay when the
     * last domain has gone. */
    if (n == 0 && value[0] == '\0')
        return arena_strdup(arena, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(
            arena, "%s%s", text,
            store_dump(arena_printf(arena, "%s/%s", path, names[i])));
    return text;
}

static unsigned run_tests(const struct test *tests, const char *pattern,
                          unsigned *n_failed)
{
    unsigned n = 0;

    for (; tests->name; tests++) {
        if (pattern && !strstr(tests->name, pattern))
            continue;
        uint64_t start = clock_mono().ms;
        unsigned bad = n_bad, checks = n_checks;
        arena = arena_new();
        events_reset();
        gap_reset();
        printf("%s ...\n", tests->name);
        fflush(stdout);
        tests->run();
        bool ok = n_bad == bad && n_checks > checks;
        printf("%s: %s, %u checks, %.1f s, longest gap %u ms\n", tests->name,
               ok ? "passed" : "FAILED", n_checks - checks,
               (double)(clock_mono().ms - start) / 1000, gap_ms());
        fflush(stdout);
        arena_free(arena);
        n++;
        if (!ok)
            ++*n_failed;
    }
    return n;
}

/* Argument: run only the tests whose names contain it. */
int main(int argc, char **argv)
{
    static const struct timeval interval = { 0, TICK_MS * 1000 };
    const char *pattern = argc > 1 ? argv[1] : NULL;
    struct vdc_error err;
    unsigned n, n_failed = 0;

    log_init("test_hv_xen", getenv("DEBUG") ? VDC_LOG_DEBUG : VDC_LOG_INFO);
    base = event_base_new();
    struct event *ticker = event_new(base, -1, EV_PERSIST, tick, NULL);
    event_add(ticker, &interval);
    if (pattern && strcmp(pattern, "--hold") == 0)
        return hold();
    if (hv_open("xen", base, &hv, &err) != 0) {
        printf("cannot open Xen: %s (%s)\n0 passed, 1 failed\n", err.text,
               err.hint);
        return 1;
    }
    hv->on_event = on_event;
    n = run_tests(store_tests, pattern, &n_failed);
    n += run_tests(fault_tests, pattern, &n_failed);
    n += run_tests(life_tests, pattern, &n_failed);
    n += run_tests(change_tests, pattern, &n_failed);
    n += run_tests(hotplug_tests, pattern, &n_failed);
    n += run_tests(reserve_tests, pattern, &n_failed);
    if (pattern && strncmp(pattern, "slow", 4) == 0)
        n += run_tests(slow_tests, pattern, &n_failed);
    hv_close(hv);
    event_free(ticker);
    event_base_free(base);
    libevent_global_shutdown();
    printf("%u passed, %u failed\n", n - n_failed, n_failed);
    return n_failed || n == 0 ? 1 : 0;
}
