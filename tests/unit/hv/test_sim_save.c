/*
 * Saving, resuming and restoring simulated guests; guests that do not
 * suspend, files that are damaged, processes that die in the middle.
 */
#include <errno.h>
#include <fcntl.h>

#include "tests/unit/hv/sim_fixture.h"

#define HOST FAST ",clock=stopped"

static int temporary(char *path, size_t size)
{
    fixture_state_path(path, size);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    unlink(path);
    return fd;
}

static int restore(struct fixture *f, const struct hv_domain_config *config,
                   int fd)
{
    return fixture_wait(f,
                        f->hv->domain->restore(f->hv, config, fd,
                                               fixture_created, f, &f->err));
}

static const char *asked(struct fixture *f, uint32_t domid)
{
    const char *value = "(none)";

    f->hv->store->read(
        f->hv,
        arena_printf(f->arena, "/local/domain/%u/control/shutdown", domid),
        f->arena, &value, NULL);
    return value;
}

static void test_resume(void)
{
    struct fixture f;
    char path[64];
    int fd = temporary(path, sizeof(path));

    fixture_open(&f, HOST);
    uint32_t domid = fixture_start(&f, "g", "vdc.crash=100");
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, domid), VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, save, domid, fd), 0);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_SUSPEND);
    struct hv_domain_info info = fixture_info(&f, domid);
    CU_ASSERT(info.shutdown);
    CU_ASSERT_EQUAL(info.shutdown_reason, HV_SHUTDOWN_SUSPEND);
    CU_ASSERT_STRING_EQUAL(asked(&f, domid), "");
    CU_ASSERT(lseek(fd, 0, SEEK_CUR) > 20);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, save, domid, fd), VDC_E_WRONG_STATE);
    hv_sim_advance(f.hv, 90000); /* it does nothing meanwhile */
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, domid), 0);
    info = fixture_info(&f, domid);
    CU_ASSERT(!info.shutdown && info.blocked);
    hv_sim_advance(f.hv, 20000);
    CU_ASSERT(fixture_run(&f, &f.n_events, 2, 1000)); /* told again */
    CU_ASSERT_EQUAL(f.events[1].reason, HV_SHUTDOWN_CRASH);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, domid), VDC_E_WRONG_STATE);
    close(fd);
    fixture_close(&f);
}

/* Watched by one process and resumed by another. */
static void test_resumed_by_another(void)
{
    struct fixture f, g;
    char path[64], options[224], file[64];
    int fd = temporary(file, sizeof(file));

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    fixture_open(&f, options);
    fixture_open(&g, options);
    uint32_t domid = fixture_start(&f, "g", "");
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&g, save, domid, fd), 0);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 2000));
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_SUSPEND);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&g, resume, domid), 0);
    hv_sim_guest_stop(g.hv, domid, HV_SHUTDOWN_POWEROFF, &g.err);
    CU_ASSERT(fixture_run(&f, &f.n_events, 2, 2000));
    CU_ASSERT_EQUAL(f.events[1].reason, HV_SHUTDOWN_POWEROFF);
    fixture_close(&f);
    fixture_close(&g);
    close(fd);
    unlink(path);
}

/* A guest takes with it what it has and what it does. */
static void test_restore(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");
    struct hv_nic nic = { .mac = "00:16:3e:00:00:01", .backend = "" };
    struct hv_device device;
    char path[64], rest[8] = "";
    int fd = temporary(path, sizeof(path));

    fixture_open(&f, HOST);
    config.cmdline = "vdc.reboot=100 sim.detach=ignore";
    config.max_vcpus = 4;
    config.n_nics = 1;
    config.nics = &nic;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    uint32_t domid = f.domid;
    fixture_unpause(&f, domid);
    f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(100), &f.err);
    f.hv->domain->set_vcpus(f.hv, domid, 3, &f.err);
    hv_sim_advance(f.hv, 60000);
    uint64_t cpu_ns = fixture_info(&f, domid).cpu_time_ns;
    CU_ASSERT_EQUAL(write(fd, "head", 4), 4);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, save, domid, fd), 0);
    CU_ASSERT_EQUAL(write(fd, "tail", 4), 4);
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), 0);
    uint64_t before = fixture_free_kib(&f);
    lseek(fd, 4, SEEK_SET);
    config.cmdline = ""; /* it is what was saved that counts */
    CU_ASSERT_EQUAL_FATAL(restore(&f, &config, fd), 0);
    domid = f.domid;
    CU_ASSERT_EQUAL(read(fd, rest, sizeof(rest)), 4);
    CU_ASSERT_STRING_EQUAL(rest, "tail");
    struct hv_domain_info info = fixture_info(&f, domid);
    CU_ASSERT(info.paused);
    CU_ASSERT_STRING_EQUAL(info.name, "g");
    CU_ASSERT_EQUAL(info.current_memory.kib, 100 * 1024);
    CU_ASSERT_EQUAL(info.vcpus_online, 3);
    CU_ASSERT(info.cpu_time_ns >= cpu_ns);
    CU_ASSERT(before - fixture_free_kib(&f) >= 100 * 1024);
    f.hv->domain->watch(f.hv, domid, &f.err);
    fixture_unpause(&f, domid);
    CU_ASSERT(fixture_device(&f, domid, nic.mac, &device));
    CU_ASSERT_EQUAL(device.state, HV_DEVICE_CONNECTED);
    hv_sim_advance(f.hv, 39000); /* of the hundred seconds 40 were left */
    CU_ASSERT(!fixture_info(&f, domid).shutdown);
    hv_sim_advance(f.hv, 2000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown_reason,
                    HV_SHUTDOWN_REBOOT);
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    close(fd);
    fixture_close(&f);
}

/* 60 seconds of the host's clock; then the guest runs on as if nothing had
 * been. */
static void test_ignored(void)
{
    struct fixture f;
    char path[64];
    int fd = temporary(path, sizeof(path));

    fixture_open(&f, HOST);
    uint32_t domid = fixture_create(&f, "g", "sim.suspend=ignore");
    f.hv->domain->watch(f.hv, domid, &f.err);
    f.n_done = 0;
    f.hv->domain->unpause(f.hv, domid, fixture_done, &f, &f.err);
    fixture_run(&f, &f.n_done, 1, 1000);
    f.n_done = 0;
    CU_ASSERT_EQUAL(
        f.hv->domain->save(f.hv, domid, fd, fixture_done, &f, &f.err), 0);
    for (int i = 0; i < 599; i++) {
        fixture_run(&f, NULL, 0, 0);
        hv_sim_advance(f.hv, 100);
    }
    CU_ASSERT_EQUAL(f.n_done, 0);
    CU_ASSERT_STRING_EQUAL(asked(&f, domid), "suspend");
    hv_sim_advance(f.hv, 100);
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
    CU_ASSERT_EQUAL(f.rc, VDC_E_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(asked(&f, domid), "");
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
    CU_ASSERT(!fixture_info(&f, domid).shutdown);
    CU_ASSERT_EQUAL(f.n_events, 0);
    close(fd);
    fixture_close(&f);
}

/* One that does not run is not even asked. */
static void test_paused(void)
{
    struct fixture f;
    char path[64];
    int fd = temporary(path, sizeof(path));

    fixture_open(&f, FAST);
    uint32_t domid = fixture_create(&f, "g", "");
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, save, domid, fd), VDC_E_WRONG_STATE);
    CU_ASSERT_STRING_EQUAL(asked(&f, domid), "");
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
    fixture_close(&f);
}

/* It ends in the middle, before and after it has suspended. */
static void test_in_the_middle(void)
{
    struct fixture f;
    char path[64];

    for (int what = 0; what < 4; what++) {
        bool suspends = what & 1, destroyed = what & 2;
        int fd = temporary(path, sizeof(path));
        fixture_open(&f, HOST ",save_ms=5000");
        uint32_t domid =
            fixture_start(&f, "g", suspends ? "" : "sim.suspend=ignore");
        f.n_done = 0;
        CU_ASSERT_EQUAL(
            f.hv->domain->save(f.hv, domid, fd, fixture_done, &f, &f.err), 0);
        fixture_run(&f, NULL, 0, 5);
        CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown, suspends);
        if (destroyed)
            hv_sim_foreign_destroy(f.hv, domid, &f.err);
        else if (!suspends)
            hv_sim_guest_stop(f.hv, domid, HV_SHUTDOWN_CRASH, &f.err);
        hv_sim_advance(f.hv, 6000);
        CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
        CU_ASSERT_EQUAL(f.rc, destroyed  ? VDC_E_NOT_FOUND
                              : suspends ? 0
                                         : VDC_E_HYPERVISOR);
        CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR) > 0, suspends && !destroyed);
        close(fd);
        fixture_close(&f);
    }
}

static void test_no_room(void)
{
    struct fixture f;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    fixture_open(&f, FAST);
    uint32_t domid = fixture_start(&f, "g", "");
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, save, domid, fd), VDC_E_DISK_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, strerror(ENOSPC)));
    CU_ASSERT(fixture_info(&f, domid).blocked); /* it runs on */
    close(fd);
    fixture_close(&f);
}

/* A saved guest, as bytes. */
static size_t saved_bytes(struct fixture *f, char *buf, size_t size)
{
    char path[64];
    int fd = temporary(path, sizeof(path));
    uint32_t domid = fixture_start(f, "saved", "vdc.crash=1000");

    CU_ASSERT_EQUAL(FIXTURE_WAIT(f, save, domid, fd), 0);
    ssize_t n = pread(fd, buf, size, 0);
    CU_ASSERT_FATAL(n > 0 && (size_t)n < size);
    CU_ASSERT_EQUAL(fixture_destroy(f, domid), 0);
    close(fd);
    return (size_t)n;
}

static int restore_bytes(struct fixture *f,
                         const struct hv_domain_config *config,
                         const char *bytes, size_t size)
{
    char path[64];
    int fd = temporary(path, sizeof(path));

    CU_ASSERT_EQUAL(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    int rc = restore(f, config, fd);
    close(fd);
    return rc;
}

static void test_damaged(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("again");
    char good[512], bad[512];
    const size_t head = strlen("xen-vdc simulated guest 1");
    int n_tried = 0;

    fixture_open(&f, FAST);
    size_t size = saved_bytes(&f, good, sizeof(good));
    uint64_t before = fixture_free_kib(&f);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    for (size_t i = 0; i < size; i++, n_tried++) /* cut off */
        CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, i),
                        i < head ? VDC_E_BAD_VALUE : VDC_E_HYPERVISOR);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++, n_tried++) {
            memcpy(bad, good, size);
            bad[i] ^= (char)(1 << bit);
            CU_ASSERT_EQUAL(restore_bytes(&f, &config, bad, size),
                            i < head ? VDC_E_BAD_VALUE : VDC_E_HYPERVISOR);
        }
    }
    memset(bad, 'x', sizeof(bad));
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, bad, sizeof(bad)),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(restore(&f, &config, -1), VDC_E_IO);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), 0);
    printf("%d damaged guests\n", n_tried + 2);
    fixture_close(&f);
}

/* A good guest, and a domain that cannot be it. */
static void test_does_not_fit(void)
{
    struct fixture f;
    struct hv_domain_config config;
    char good[512];
    uint32_t domid;

    fixture_open(&f, FAST ",memory=2G,dom0_memory=1G");
    size_t size = saved_bytes(&f, good, sizeof(good));
    uint64_t before = fixture_free_kib(&f);
    config = fixture_config("again");
    config.type = HV_DOMAIN_PVH;
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    config = fixture_config("again");
    config.memory = config.max_memory = MEM_MIB(32);
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    config = fixture_config("again");
    config.max_vcpus = 8;
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    config = fixture_config("again");
    CU_ASSERT_EQUAL(
        hv_sim_foreign_create(f.hv, "big", MEM_MIB(980), "", &domid, &f.err),
        0);
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(f.hv, domid, &f.err), 0);
    hv_sim_fault(f.hv, "fail:restore:1;hang:restore:2", NULL);
    CU_ASSERT_EQUAL(restore_bytes(&f, &config, good, size), VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "simulated fault"));
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    fixture_close(&f);
}

/* The process dies after the guest has suspended: the next one can let it
 * run on. */
static void test_crash(void)
{
    struct fixture f;
    char path[64], options[224], name[64];
    int status, file = temporary(name, sizeof(name));

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("VDC_SIM_FAULT", "crash-after:save:2", 1);
        fixture_open(&f, options);
        uint32_t domid = fixture_start(&f, "g", "");
        FIXTURE_WAIT(&f, save, domid, file);
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fixture_open(&f, options);
    CU_ASSERT_EQUAL(fixture_info(&f, 1).shutdown_reason, HV_SHUTDOWN_SUSPEND);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, resume, 1), 0);
    CU_ASSERT(fixture_info(&f, 1).blocked);
    fixture_close(&f);
    close(file);
    unlink(path);
}

static const struct unit_test tests[] = {
    { "resume", test_resume },
    { "resumed by another", test_resumed_by_another },
    { "restore", test_restore },
    { "a guest that does not suspend", test_ignored },
    { "a guest that is paused", test_paused },
    { "save, and something happens", test_in_the_middle },
    { "no room", test_no_room },
    { "damaged files", test_damaged },
    { "domains that do not fit", test_does_not_fit },
    { "a crash in the middle", test_crash },
};

UNIT_MAIN("hv/sim save", tests)
