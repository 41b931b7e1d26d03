/* The suite of tests of hv/hv.h: what its tests have in common. */
#include "tests/hv/conform.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/sim/sim.h"

#define OP_TIMEOUT_MS 180000

struct vdc_error err;
bool simulated;

static const char *spec;

bool check_code(const char *file, int line, int want, const char *call, int rc)
{
    return check_at(file, line, rc == want, "%s: %s, not %s%s%s", call,
                    vdc_error_name(rc), vdc_error_name(want), rc ? ": " : "",
                    rc ? err.text : "");
}

/* ---- operations ---- */

int finish(struct outcome *outcome, int rc)
{
    return outcome_finish(outcome, rc, &err);
}

static const char *setting(const char *name, const char *of_sim,
                           const char *of_xen)
{
    const char *value = getenv(name);

    return value ? value : simulated ? of_sim : of_xen;
}

struct hv_domain_config guest(const char *name)
{
    struct hv_domain_config config = plain_guest(name, HV_DOMAIN_PV);

    config.kernel = setting("HV_KERNEL", "/proc/self/exe",
                            "/var/lib/xen-vdc/images/vmlinuz");
    config.ramdisk =
        setting("HV_RAMDISK", "", "/var/lib/xen-vdc/images/initramfs");
    config.cmdline = "console=hvc0";
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

/* ---- xenstore and files ---- */

const char *store_dump(void)
{
    return arena_printf(arena, "%s%s%s", store_below("/local/domain"),
                        store_below("/libxl"), store_below("/vm"));
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

bool reopen(void)
{
    hv_close(hv);
    hv = NULL;
    if (!harness_open(spec))
        harness_give_up();
    return true;
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
    static const struct test *const all[] = { life_tests, memory_tests,
                                              cpu_tests,  device_tests,
                                              save_tests, error_tests };
    char path[64] = "", *own = argc > 1 ? NULL : own_host(path, sizeof(path));

    harness_begin("test_conform");
    spec = own ? own : argv[1];
    simulated = strncmp(spec, "sim", 3) == 0;
    if (!harness_open(spec))
        harness_give_up();
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        harness_run(all[i], argc > 2 ? argv[2] : NULL);
    int status = harness_end();
    if (own)
        unlink(path);
    free(own);
    return status;
}
