/* The suite of tests of hv/hv.h: what its tests have in common. */
#include "tests/hv/conform.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "hv/sim/sim.h"

#define TICK_MS 20
#define OP_TIMEOUT_MS 180000

struct event_base *base;
struct hv *hv;
struct arena *arena;
struct vdc_error err;
bool simulated;

static const char *spec;
static unsigned n_checks, n_bad, n_skipped;
static bool skipped; /* the test that runs */
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

bool check_code(const char *file, int line, int want, const char *call, int rc)
{
    return check_at(file, line, rc == want, "%s: %s, not %s%s%s", call,
                    vdc_error_name(rc), vdc_error_name(want), rc ? ": " : "",
                    rc ? err.text : "");
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

static bool never(void *arg)
{
    return false;
}

bool wait_for(bool (*condition)(void *arg), void *arg, unsigned timeout_ms)
{
    uint64_t end_ms = clock_mono().ms + timeout_ms;

    while (!condition(arg)) {
        if (clock_mono().ms >= end_ms)
            return false;
        event_base_loop(base, EVLOOP_ONCE);
    }
    return true;
}

void spin(unsigned ms)
{
    wait_for(never, NULL, ms);
}

/* ---- operations ---- */

void on_done(void *arg, int rc, const struct vdc_error *error)
{
    struct outcome *outcome = arg;

    CHECK(!outcome->done, "`done` came twice");
    outcome->done = true;
    outcome->rc = rc;
    if (rc)
        err = *error;
}

void on_created(void *arg, int rc, const struct vdc_error *error,
                uint32_t domid)
{
    struct outcome *outcome = arg;

    on_done(arg, rc, error);
    outcome->domid = domid;
}

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

int finish(struct outcome *outcome, int rc)
{
    CHECK(!outcome->done, "`done` came before the operation returned");
    if (rc)
        return rc;
    if (!CHECK(wait_for(is_done, outcome, OP_TIMEOUT_MS), "no `done` came")) {
        printf("0 passed, 1 failed\n");
        exit(1); /* its memory is on our stack: nothing can go on */
    }
    return outcome->rc;
}

static const char *setting(const char *name, const char *of_sim,
                           const char *of_xen)
{
    const char *value = getenv(name);

    return value ? value : simulated ? of_sim : of_xen;
}

struct hv_domain_config guest(const char *name)
{
    struct hv_domain_config config = {
        .name = arena_strdup(arena, name),
        .type = HV_DOMAIN_PV,
        .kernel = setting("HV_KERNEL", "/proc/self/exe",
                          "/var/lib/xen-vdc/images/vmlinuz"),
        .ramdisk =
            setting("HV_RAMDISK", "", "/var/lib/xen-vdc/images/initramfs"),
        .cmdline = "console=hvc0",
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

int make(const struct hv_domain_config *config, uint32_t *ret_domid)
{
    struct outcome outcome = { 0 };
    int rc = finish(
        &outcome, hv->domain->create(hv, config, on_created, &outcome, &err));

    *ret_domid = rc ? HV_DOMID_NONE : outcome.domid;
    return rc;
}

uint32_t start(const struct hv_domain_config *config)
{
    uint32_t domid;

    if (!OK(make(config, &domid)))
        return HV_DOMID_NONE;
    OK(hv->domain->watch(hv, domid, &err));
    OK(WAIT(unpause, domid));
    return domid;
}

int ask(uint32_t domid, enum hv_shutdown_reason reason)
{
    for (int i = 0;; i++) {
        int rc = WAIT(shutdown, domid, reason);
        if (rc != VDC_E_WRONG_STATE || i == 100)
            return rc;
        spin(500);
    }
}

void end(uint32_t domid)
{
    struct hv_event event;

    if (domid == HV_DOMID_NONE)
        return;
    hv->domain->unwatch(hv, domid);
    OK(WAIT(destroy, domid));
    OK(hv->domain->watch(hv, domid, &err)); /* dead already is told, too */
    CHECK(wait_event(HV_EVENT_DEATH, domid, 30000, &event), "no death");
    hv->domain->unwatch(hv, domid);
}

struct hv_domain_info info_of(uint32_t domid)
{
    struct hv_domain_info info = { .name = "" };

    OK(hv->domain->info(hv, domid, arena, &info, &err));
    return info;
}

struct hv_host_info host(void)
{
    struct hv_host_info info = { 0 };

    OK(hv->domain->host_info(hv, arena, &info, &err));
    return info;
}

/* Pages of domains that ended a moment ago come back one by one. */
uint64_t free_kib(void)
{
    uint64_t last = host().free_memory.kib;

    if (simulated)
        return last;
    for (int i = 0, same = 0; i < 100 && same < 5; i++) {
        uint64_t now = host().free_memory.kib;
        same = now == last ? same + 1 : 0;
        last = now;
        spin(200);
    }
    return last;
}

void check_free(uint64_t before_kib)
{
    uint64_t now = free_kib();

    /* The last of a domain is freed when each processor has been idle. */
    for (int i = 0; !simulated && i < 50 && now != before_kib; i++) {
        spin(200);
        now = host().free_memory.kib;
    }
    CHECK(now == before_kib, "%llu KiB are free, and %llu before",
          (unsigned long long)now, (unsigned long long)before_kib);
}

bool about(uint64_t a_kib, uint64_t b_kib)
{
    return a_kib <= b_kib + SLACK_KIB && b_kib <= a_kib + SLACK_KIB;
}

/* ---- another toolstack ---- */

static bool has_ended(void *arg)
{
    int *pid = arg, status;
    pid_t r = waitpid(*pid, &status, WNOHANG);

    if (r == 0)
        return false;
    *pid = r > 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : -127;
    return true;
}

/* The exit status of a command of dom0, run beside the loop. */
static int command(const char *const *argv)
{
    int pid = fork();

    if (pid == 0) {
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    return wait_for(has_ended, &pid, OP_TIMEOUT_MS) ? -pid : 127;
}

static int xl_create(const char *name, unsigned mib)
{
    struct hv_domain_config config = guest(name);
    const char *path = file_path("foreign.cfg");
    FILE *f = fopen(path, "w");

    if (!CHECK(f, "cannot write %s", path))
        return VDC_E_IO;
    fprintf(f,
            "name = \"%s\"\ntype = \"pv\"\nkernel = \"%s\"\n"
            "ramdisk = \"%s\"\nmemory = %u\nvcpus = 1\n",
            name, config.kernel, config.ramdisk, mib);
    fclose(f);
    const char *argv[] = { "xl", "create", "-q", "-p", path, NULL };
    int status = command(argv);
    unlink(path);
    return status == 0 ? 0 : VDC_E_HYPERVISOR;
}

static int find_name(const char *name, uint32_t *ret_domid)
{
    struct hv_domain_info *infos;
    size_t n;
    int rc = hv->domain->list(hv, arena, &infos, &n, &err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strcmp(infos[i].name, name) == 0) {
            *ret_domid = infos[i].domid;
            return 0;
        }
    }
    return rc ? rc : VDC_E_NOT_FOUND;
}

int foreign_create(const char *name, unsigned mib, uint32_t *ret_domid)
{
    if (simulated)
        return hv_sim_foreign_create(hv, name, MEM_MIB(mib), "", ret_domid,
                                     &err);
    int rc = xl_create(name, mib);
    return rc ? rc : find_name(name, ret_domid);
}

void foreign_destroy(uint32_t domid)
{
    if (simulated) {
        OK(hv_sim_foreign_destroy(hv, domid, &err));
        return;
    }
    const char *argv[] = { "xl", "destroy", arena_printf(arena, "%u", domid),
                           NULL };
    CHECK(command(argv) == 0, "xl destroy %u", domid);
}

/* ---- events ---- */

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

/* ---- xenstore and files ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *dump_below(const char *path)
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
            dump_below(arena_printf(arena, "%s/%s", path, names[i])));
    if (!*value && !*text) /* an empty folder is as good as none */
        return "";
    return arena_printf(arena, "%s = %s\n%s", path, value, text);
}

const char *store_dump(void)
{
    return arena_printf(arena, "%s%s%s", dump_below("/local/domain"),
                        dump_below("/libxl"), dump_below("/vm"));
}

const char *file_path(const char *name)
{
    return arena_printf(arena, "%s/hv-conform-%d-%s",
                        setting("HV_DIR", "/tmp", "/var/tmp"), (int)getpid(),
                        name);
}

const char *image(const char *name)
{
    const char *path = file_path(name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    CHECK(fd >= 0 && ftruncate(fd, 8 << 20) == 0, "disk image %s", path);
    close(fd);
    return path;
}

/* ---- the whole ---- */

static bool open_host(void)
{
    if (hv_open(spec, base, &hv, &err) != 0) {
        printf("cannot open %s: %s (%s)\n", spec, err.text, err.hint);
        return false;
    }
    hv->on_event = on_event;
    return true;
}

bool reopen(void)
{
    hv_close(hv);
    hv = NULL;
    if (open_host())
        return true;
    printf("0 passed, 1 failed\n");
    exit(1);
}

static unsigned run_tests(const struct test *tests, const char *pattern,
                          unsigned *n_failed)
{
    unsigned n = 0;

    for (; tests->name; tests++) {
        if (pattern && !strstr(tests->name, pattern))
            continue;
        uint64_t start_ms = clock_mono().ms;
        unsigned bad = n_bad, checks = n_checks;
        arena = arena_new();
        events_reset();
        printf("%s ...\n", tests->name);
        fflush(stdout);
        skipped = false;
        tests->run();
        bool ok = n_bad == bad && n_checks > checks;
        skipped = skipped && ok;
        n_skipped += skipped;
        printf("%s: %s, %u checks, %.1f s\n", tests->name,
               skipped ? "skipped"
               : ok    ? "passed"
                       : "FAILED",
               n_checks - checks, (double)(clock_mono().ms - start_ms) / 1000);
        fflush(stdout);
        arena_free(arena);
        n++;
        *n_failed += !ok;
    }
    return n;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
}

/* The host that is made when none is given: small, and quick to lose
 * patience. */
static char *own_host(char *path, size_t size)
{
    snprintf(path, size, "/tmp/hv-conform-%d.state", (int)getpid());
    unlink(path);
    return xasprintf("sim:state=%s,memory=2G,dom0_memory=512M,cpus=4,"
                     "create_ms=4,detach_ms=300,suspend_ms=300,balloon=4G,"
                     "pci=0000:03:00.0+0000:03:00.1",
                     path);
}

int main(int argc, char **argv)
{
    static const struct timeval interval = { 0, TICK_MS * 1000 };
    static const struct test *const all[] = { life_tests, memory_tests,
                                              cpu_tests,  device_tests,
                                              save_tests, error_tests };
    char path[64] = "", *own = argc > 1 ? NULL : own_host(path, sizeof(path));
    const char *pattern = argc > 2 ? argv[2] : NULL;
    unsigned n = 0, n_failed = 0;

    log_init("test_conform", getenv("DEBUG") ? VDC_LOG_DEBUG : VDC_LOG_INFO);
    spec = own ? own : argv[1];
    simulated = strncmp(spec, "sim", 3) == 0;
    base = event_base_new();
    struct event *ticker = event_new(base, -1, EV_PERSIST, tick, NULL);
    event_add(ticker, &interval);
    if (!open_host()) {
        printf("0 passed, 1 failed\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        n += run_tests(all[i], pattern, &n_failed);
    hv_close(hv);
    event_free(ticker);
    event_base_free(base);
    libevent_global_shutdown();
    if (own)
        unlink(path);
    free(own);
    printf("%u passed, %u failed", n - n_failed - n_skipped, n_failed);
    if (n_skipped)
        printf(", %u skipped", n_skipped);
    printf("\n");
    return n_failed || n == 0 ? 1 : 0;
}
