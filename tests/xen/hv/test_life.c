/* Domains from create to destroy. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/xen/hv/bedtest.h"

/* The longest that one turn of the loop may take while domains are built.
 * Under emulation, on two busy processors, most of it is other domains' time;
 * on a machine it is some milliseconds. */
#define GAP_MAX_MS 2000

static void check_paused(const struct hv_domain_config *config, uint32_t domid)
{
    struct hv_domain_info info;
    struct vdc_error err;
    const char *console = "";

    if (!CHECK(hv->domain->info(hv, domid, arena, &info, &err) == 0, "%s",
               err.text))
        return;
    CHECK(info.domid == domid && info.paused && !info.shutdown && !info.dying,
          "paused");
    CHECK(strcmp(info.name, config->name) == 0, "\"%s\"", info.name);
    CHECK(uuid_equal(&info.uuid, &config->uuid), "uuid");
    CHECK(info.type == config->type, "type %s",
          hv_domain_type_name(info.type));
    CHECK(info.vcpus_max == config->max_vcpus, "vcpus %u", info.vcpus_max);
    CHECK(info.current_memory.kib <= config->memory.kib + 1024 &&
              info.current_memory.kib >= config->memory.kib - 4096,
          "%llu KiB", (unsigned long long)info.current_memory.kib);
    CHECK(info.max_memory.kib >= config->max_memory.kib, "max memory");
    CHECK(hv->domain->console_path(hv, domid, arena, &console, &err) == 0 &&
              strncmp(console, "/dev/pts/", 9) == 0,
          "console \"%s\"", console);
}

static void check_shutdown(const struct hv_domain_config *config,
                           uint32_t domid, enum hv_shutdown_reason reason)
{
    struct hv_event event;
    struct hv_domain_info info;
    struct vdc_error err;

    if (CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, 90000, &event),
              "no shutdown event")) {
        CHECK(event.reason == reason, "reason %s",
              hv_shutdown_reason_name(event.reason));
        CHECK(uuid_equal(&event.uuid, &config->uuid), "uuid of shutdown");
        CHECK(hv->domain->info(hv, domid, arena, &info, &err) == 0 &&
                  info.shutdown && info.shutdown_reason == reason,
              "info after shutdown");
    }
}

static void check_end(const struct hv_domain_config *config, uint32_t domid)
{
    struct hv_event event;
    struct vdc_error err;

    CHECK(destroy(domid, &err) == 0, "destroy: %s", err.text);
    if (CHECK(wait_event(HV_EVENT_DEATH, domid, 20000, &event),
              "no death event"))
        CHECK(uuid_equal(&event.uuid, &config->uuid), "uuid of death");
    CHECK(destroy(domid, &err) == VDC_E_NOT_FOUND, "destroy again");
    hv->domain->unwatch(hv, domid);
    hv->domain->unwatch(hv, domid);
}

static void live(enum hv_domain_type type, enum hv_shutdown_reason reason,
                 const char *cmdline)
{
    struct hv_domain_config config = guest("life", type, cmdline);
    struct vdc_error err;
    uint32_t domid;

    config.max_vcpus = 2;
    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    printf("    created in the loop with gaps of at most %u ms\n", gap_ms());
    CHECK(gap_ms() < GAP_MAX_MS, "the loop stood for %u ms", gap_ms());
    check_paused(&config, domid);
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "watch: %s", err.text);
    CHECK(unpause(domid, &err) == 0, "unpause: %s", err.text);
    if (reason != HV_SHUTDOWN_CRASH)
        CHECK(ask(domid, reason, &err) == 0, "ask: %s", err.text);
    check_shutdown(&config, domid, reason);
    check_end(&config, domid);
    CHECK(events_count() == 2, "%u events", events_count());
}

static void test_pv_poweroff(void)
{
    live(HV_DOMAIN_PV, HV_SHUTDOWN_POWEROFF, "");
}

static void test_pvh_poweroff(void)
{
    live(HV_DOMAIN_PVH, HV_SHUTDOWN_POWEROFF, "");
}

static void test_pvh_reboot(void)
{
    live(HV_DOMAIN_PVH, HV_SHUTDOWN_REBOOT, "");
}

static void test_pv_crash(void)
{
    live(HV_DOMAIN_PV, HV_SHUTDOWN_CRASH, "vdc.crash=1");
}

static void test_pvh_crash(void)
{
    /* Without this word Linux 6.1 ends a PVH guest's panic with a reset, which
     * Xen takes for a reboot. */
    live(HV_DOMAIN_PVH, HV_SHUTDOWN_CRASH, "vdc.crash=1 xen_legacy_crash");
}

/* Asked before it has run at all: it obeys when it does. */
static void test_early(void)
{
    struct hv_domain_config config = guest("early", HV_DOMAIN_PVH, "");
    struct outcome outcome = { 0 };
    struct vdc_error err;
    uint32_t domid;

    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "%s", err.text);
    CHECK(ask(domid, HV_SHUTDOWN_POWEROFF, &err) == 0, "%s", err.text);
    CHECK(hv->domain->shutdown(hv, domid, HV_SHUTDOWN_CRASH, on_done, &outcome,
                               &err) == VDC_E_BAD_VALUE,
          "asked to crash");
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    check_shutdown(&config, domid, HV_SHUTDOWN_POWEROFF);
    check_end(&config, domid);
}

/* Watched only after it has shut down; unwatched before it dies. */
static void test_late_watch(void)
{
    struct hv_domain_config config =
        guest("late", HV_DOMAIN_PV, "vdc.poweroff=0");
    struct hv_domain_info info = { 0 };
    struct hv_event event;
    struct vdc_error err;
    uint32_t domid;

    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    for (int i = 0; i < 600 && !info.shutdown; i++) {
        spin(100);
        hv->domain->info(hv, domid, arena, &info, NULL);
    }
    CHECK(info.shutdown && events_count() == 0, "shut down, and no event");
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "%s", err.text);
    CHECK(events_count() == 0, "an event before the loop ran");
    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, 5000, &event) &&
              event.reason == HV_SHUTDOWN_POWEROFF,
          "told late");
    hv->domain->unwatch(hv, domid);
    events_reset();
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
    spin(1000);
    CHECK(events_count() == 0, "an event after unwatch");
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "%s", err.text);
    CHECK(wait_event(HV_EVENT_DEATH, domid, 5000, &event), "dead already");
    hv->domain->unwatch(hv, domid);
}

static void test_two_at_once(void)
{
    struct hv_domain_config a = guest("one", HV_DOMAIN_PV, "");
    struct hv_domain_config b = guest("two", HV_DOMAIN_PVH, "");
    struct outcome first = { 0 }, second = { 0 };
    struct vdc_error err;

    CHECK(hv->domain->create(hv, &a, on_created, &first, &err) == 0, "%s",
          err.text);
    CHECK(hv->domain->create(hv, &b, on_created, &second, &err) == 0, "%s",
          err.text);
    CHECK(wait_for(is_done, &first, 120000) &&
              wait_for(is_done, &second, 120000),
          "both done");
    printf("    two at once with gaps of at most %u ms\n", gap_ms());
    CHECK(gap_ms() < GAP_MAX_MS, "the loop stood for %u ms", gap_ms());
    CHECK(first.rc == 0, "%s", first.err.text);
    CHECK(second.rc == 0, "%s", second.err.text);
    CHECK(first.domid != second.domid, "the same domid");
    struct outcome end[2] = { { 0 } };
    CHECK(hv->domain->destroy(hv, first.domid, on_done, &end[0], &err) == 0,
          "%s", err.text);
    CHECK(hv->domain->destroy(hv, second.domid, on_done, &end[1], &err) == 0,
          "%s", err.text);
    CHECK(wait_for(is_done, &end[0], 60000) && end[0].rc == 0, "%s",
          end[0].err.text);
    CHECK(wait_for(is_done, &end[1], 60000) && end[1].rc == 0, "%s",
          end[1].err.text);
}

/* The output of a command in dom0; a child that is not libxl's. */
static const char *command(const char *line)
{
    char buf[8192];
    FILE *f = popen(line, "r");

    if (!f)
        return "";
    size_t n = fread(buf, 1, sizeof(buf) - 1, f);
    buf[n] = '\0';
    int status = pclose(f);
    CHECK(status == 0, "\"%s\" ended with %d", line, status);
    return arena_strdup(arena, buf);
}

static const char *read_under(uint32_t domid, const char *path)
{
    const char *value = "(none)";

    hv->store->read(hv, arena_printf(arena, path, domid), arena, &value, NULL);
    return value;
}

static void check_everything(uint32_t domid)
{
    const char *text = command(
        "xl vcpu-list full; xl sched-credit2 -d full; xl list -l full");
    CHECK(strstr(text, "\"weight\"") || strstr(text, "512"), "weight 512");
    CHECK(strstr(text, "\"event_channels\": 200") != NULL, "event channels");
    CHECK(strstr(text, "\"disable_migrate\": \"True\"") != NULL, "nomigrate");
    CHECK(strstr(text, "\"tsc_mode\": \"native\"") != NULL, "tsc mode");
    CHECK(strstr(text, "\"max_grant_frames\": 48") != NULL, "grant frames");
    CHECK(strcmp(read_under(domid, "/local/domain/0/backend/vif/%u/0/bridge"),
                 "xenbr0") == 0,
          "bridge");
    CHECK(strcmp(read_under(domid, "/local/domain/0/backend/vif/%u/0/rate"),
                 "50000,50000") == 0,
          "rate %s",
          read_under(domid, "/local/domain/0/backend/vif/%u/0/rate"));
    CHECK(strcmp(read_under(domid, "/local/domain/%u/device/vif/0/mac"),
                 "00:16:3e:12:34:5a") == 0,
          "mac");
    CHECK(strcmp(read_under(domid, "/local/domain/0/backend/vif/%u/0/vifname"),
                 "full.eth") == 0,
          "vifname");
    CHECK(
        strcmp(read_under(domid, "/local/domain/0/backend/vbd/%u/51712/mode"),
               "r") == 0,
        "read-only disk");
    CHECK(strstr(text, "/0") || strstr(text, "0 /"), "affinity");
}

static void test_full(void)
{
    struct hv_domain_config config = guest("full", HV_DOMAIN_PVH, "");
    const char *hard[] = { "0-1,^1" }, *soft[] = { "nodes:0" };
    const char *cpuid[] = { "host,tm=0,sse3=0",
                            "1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
    struct hv_disk disk = { .target = "/var/tmp/hv-test-disk.img",
                            .format = "raw",
                            .vdev = "xvda",
                            .readonly = true };
    struct hv_nic nic = { .mac = "00:16:3e:12:34:5a",
                          .bridge = "xenbr0",
                          .vifname = "full.eth",
                          .rate_bytes = 1000000,
                          .rate_interval_us = 50000,
                          .mtu = 1400 };
    struct vdc_error err;
    uint32_t domid;
    int fd = open(disk.target, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    CHECK(fd >= 0 && ftruncate(fd, 8 << 20) == 0, "disk image");
    close(fd);
    config.max_memory = MEM_MIB(160);
    config.max_vcpus = 2;
    config.n_hard_affinity = config.n_soft_affinity = 1;
    config.hard_affinity = hard;
    config.soft_affinity = soft;
    config.cpu_weight = 512;
    config.cpu_cap = 50;
    config.cpupool = "Pool-0";
    config.n_disks = config.n_nics = 1;
    config.disks = &disk;
    config.nics = &nic;
    config.nomigrate = true;
    config.rtc_timeoffset_s = 3600;
    config.event_channels = 200;
    config.max_grant_frames = 48;
    config.max_maptrack_frames = 100;
    config.max_grant_version = 1;
    config.tsc_mode = "native";
    config.nestedhvm = HV_NO;
    config.n_cpuid = 2;
    config.cpuid = cpuid;
    if (CHECK(make(&config, &domid, &err) == 0, "%s", err.text)) {
        check_everything(domid);
        CHECK(hv->domain->set_memory_target(hv, domid, MEM_MIB(96), &err) == 0,
              "%s", err.text);
        CHECK(strcmp(read_under(domid, "/local/domain/%u/memory/target"),
                     "98304") == 0,
              "memory target %s",
              read_under(domid, "/local/domain/%u/memory/target"));
        CHECK(destroy(domid, &err) == 0, "%s", err.text);
    }
    unlink(disk.target);
}

static void test_dump(void)
{
    static const char path[] = "/var/tmp/hv-test-core";
    struct hv_domain_config config = guest("dump", HV_DOMAIN_PV, "");
    struct outcome outcome = { 0 };
    struct vdc_error err;
    struct stat st = { 0 };
    uint32_t domid;

    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    spin(6000);
    gap_reset();
    CHECK(hv->domain->core_dump(hv, domid, path, on_done, &outcome, &err) == 0,
          "%s", err.text);
    CHECK(wait_for(is_done, &outcome, 120000) && outcome.rc == 0, "%s",
          outcome.err.text);
    printf("    dumped with gaps of at most %u ms\n", gap_ms());
    CHECK(gap_ms() < GAP_MAX_MS, "the loop stood for %u ms", gap_ms());
    CHECK(stat(path, &st) == 0 && st.st_size > 120 << 20, "%lld bytes",
          (long long)st.st_size);
    unlink(path);
    memset(&outcome, 0, sizeof(outcome));
    CHECK(hv->domain->core_dump(hv, domid, "/nowhere/core", on_done, &outcome,
                                &err) == 0,
          "%s", err.text);
    CHECK(wait_for(is_done, &outcome, 60000) && outcome.rc != 0, "no folder");
    printf("    %s\n", outcome.err.text);
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
}

static bool has_ended(void *arg)
{
    pid_t *pid = arg;

    return waitpid(*pid, NULL, WNOHANG) != 0;
}

/* Saved by another program and resumed, then shut down: both are told. */
static void test_suspend(void)
{
    struct hv_domain_config config = guest("saved", HV_DOMAIN_PV, "");
    struct hv_event event;
    struct vdc_error err;
    uint32_t domid;

    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(hv->domain->watch(hv, domid, &err) == 0, "%s", err.text);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    spin(8000);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("xl", "xl", "save", "-c", "saved", "/var/tmp/hv-test-save",
               NULL);
        _exit(127);
    }
    CHECK(wait_for(has_ended, &pid, 60000), "xl save");
    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, 10000, &event) &&
              event.reason == HV_SHUTDOWN_SUSPEND,
          "suspend is told");
    spin(1500);
    events_reset();
    CHECK(ask(domid, HV_SHUTDOWN_POWEROFF, &err) == 0, "%s", err.text);
    check_shutdown(&config, domid, HV_SHUTDOWN_POWEROFF);
    check_end(&config, domid);
    unlink("/var/tmp/hv-test-save");
}

static char *everything(void)
{
    return arena_printf(arena, "%s%s%s", store_below("/local/domain"),
                        store_below("/libxl"), store_below("/vm"));
}

/* Xen's free memory once it stands still: pages of domains that ended a
 * moment ago come back one by one. */
static uint64_t free_settled_kib(void)
{
    struct hv_host_info info = { 0 };
    uint64_t last = 0;

    for (int i = 0, same = 0; i < 100 && same < 5; i++) {
        hv->domain->host_info(hv, arena, &info, NULL);
        same = info.free_memory.kib == last ? same + 1 : 0;
        last = info.free_memory.kib;
        spin(200);
    }
    return last;
}

static void test_rounds(void)
{
    struct hv_nic nic = { .mac = "00:16:3e:12:34:5b", .bridge = "xenbr0" };
    struct vdc_error err;
    uint64_t before = free_settled_kib();
    char *store = everything();

    for (int i = 0; i < 5; i++) {
        struct hv_domain_config config =
            guest("round", i % 2 ? HV_DOMAIN_PVH : HV_DOMAIN_PV, "");
        uint32_t domid;
        config.n_nics = 1;
        config.nics = &nic;
        if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
            return;
        unsigned made = gap_ms();
        gap_reset();
        CHECK(unpause(domid, &err) == 0, "%s", err.text);
        spin(1500);
        unsigned ran = gap_ms();
        gap_reset();
        CHECK(destroy(domid, &err) == 0, "%s", err.text);
        printf("    longest gap %u ms to create, %u to run, %u to destroy\n",
               made, ran, gap_ms());
    }
    uint64_t after = free_settled_kib();
    CHECK(before > 0 && after == before, "free memory %llu KiB, then %llu",
          (unsigned long long)before, (unsigned long long)after);
    char *now = everything();
    if (!CHECK(strcmp(store, now) == 0, "xenstore has changed"))
        printf("%s", now);
}

const struct test life_tests[] = {
    { "life: PV, asked to power off", test_pv_poweroff },
    { "life: PVH, asked to power off", test_pvh_poweroff },
    { "life: PVH, asked to reboot", test_pvh_reboot },
    { "life: PV crashes", test_pv_crash },
    { "life: PVH crashes", test_pvh_crash },
    { "life: PVH asked before it runs", test_early },
    { "life: watched late", test_late_watch },
    { "life: two at once", test_two_at_once },
    { "life: every field", test_full },
    { "life: core dump", test_dump },
    { "life: saved and resumed", test_suspend },
    { "life: five rounds leave nothing", test_rounds },
    { NULL, NULL },
};
