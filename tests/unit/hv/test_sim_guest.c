/*
 * Simulated guests: their command line, shutdown, balloon, events, console.
 */
#include <fcntl.h>
#include <poll.h>

#include "tests/unit/hv/sim_fixture.h"

static uint32_t start(struct fixture *f, const char *name, const char *cmdline)
{
    uint32_t domid = fixture_create(f, name, cmdline);

    CU_ASSERT_EQUAL(f->hv->domain->watch(f->hv, domid, &f->err), 0);
    CU_ASSERT_EQUAL(fixture_unpause(f, domid), 0);
    return domid;
}

static int ask(struct fixture *f, uint32_t domid,
               enum hv_shutdown_reason reason)
{
    return fixture_wait(f, f->hv->domain->shutdown(f->hv, domid, reason,
                                                   fixture_done, f, &f->err));
}

static void test_own(void)
{
    static const struct {
        const char *cmdline;
        enum hv_shutdown_reason reason;
    } cases[] = {
        { "console=hvc0 vdc.crash=2 ro", HV_SHUTDOWN_CRASH },
        { "vdc.poweroff=2", HV_SHUTDOWN_POWEROFF },
        { "vdc.reboot=1.5", HV_SHUTDOWN_REBOOT },
    };
    struct fixture f;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture_open(&f, FAST);
        uint32_t domid = start(&f, "g", cases[i].cmdline);
        hv_sim_advance(f.hv, 1000);
        fixture_run(&f, NULL, 0, 5);
        CU_ASSERT_EQUAL(f.n_events, 0);
        hv_sim_advance(f.hv, 1000);
        CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
        CU_ASSERT_EQUAL(f.events[0].kind, HV_EVENT_SHUTDOWN);
        CU_ASSERT_EQUAL(f.events[0].reason, cases[i].reason);
        CU_ASSERT_EQUAL(f.events[0].domid, domid);
        struct hv_domain_info info = fixture_info(&f, domid);
        CU_ASSERT(info.shutdown && !info.running && !info.blocked);
        CU_ASSERT_EQUAL(info.shutdown_reason, cases[i].reason);
        CU_ASSERT(info.cpu_time_ns > 0);
        CU_ASSERT(uuid_equal(&info.uuid, &f.events[0].uuid));
        fixture_close(&f);
    }
}

static void test_nonsense_cmdline(void)
{
    struct fixture f;

    fixture_open(&f, FAST);
    uint32_t domid = start(&f, "g",
                           "vdc.crash= vdc.poweroff=-3 vdc.rebootx=1 "
                           "sim.balloon=fast = =x sim.shutdown_ms");
    hv_sim_advance(f.hv, 1000000);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_events, 0);
    CU_ASSERT(fixture_info(&f, domid).blocked);
    fixture_close(&f);
}

static void test_paused_does_nothing(void)
{
    struct fixture f;

    fixture_open(&f, FAST);
    uint32_t domid = start(&f, "g", "vdc.poweroff=1");
    fixture_wait(&f,
                 f.hv->domain->pause(f.hv, domid, fixture_done, &f, &f.err));
    hv_sim_advance(f.hv, 5000);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_events, 0);
    fixture_unpause(&f, domid);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    fixture_close(&f);
}

static void test_shutdown(void)
{
    struct fixture f;
    const char *word;

    fixture_open(&f, FAST);
    uint32_t domid = start(&f, "g", "");
    CU_ASSERT_EQUAL(ask(&f, domid, HV_SHUTDOWN_REBOOT), 0);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_REBOOT);
    f.n_events = 0;
    domid = start(&f, "deaf", "sim.ignore_shutdown");
    CU_ASSERT_EQUAL(ask(&f, domid, HV_SHUTDOWN_POWEROFF), 0);
    hv_sim_advance(f.hv, 100000);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_events, 0);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv, "/local/domain/2/control/shutdown",
                                      f.arena, &word, &f.err),
                    0);
    CU_ASSERT_STRING_EQUAL(word, "poweroff");
    domid = start(&f, "slow", "sim.shutdown_ms=60000");
    CU_ASSERT_EQUAL(ask(&f, domid, HV_SHUTDOWN_POWEROFF), 0);
    hv_sim_advance(f.hv, 59000);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_events, 0);
    hv_sim_advance(f.hv, 1000);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_POWEROFF);
    fixture_close(&f);
}

/* The guest's memory in MiB after so many milliseconds with this target. */
static uint64_t balloon(const char *options, const char *cmdline,
                        unsigned target_mib, unsigned ms)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");

    fixture_open(&f, options);
    config.cmdline = cmdline;
    config.memory = MEM_MIB(512);
    config.max_memory = MEM_MIB(1024);
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), 0);
    uint32_t domid = f.domid;
    fixture_unpause(&f, domid);
    uint64_t sum =
        fixture_free_kib(&f) + fixture_info(&f, domid).current_memory.kib;
    CU_ASSERT_EQUAL(f.hv->domain->set_memory_target(
                        f.hv, domid, MEM_MIB(target_mib), &f.err),
                    0);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, 512 * 1024);
    hv_sim_advance(f.hv, ms);
    fixture_run(&f, NULL, 0, 3);
    uint64_t has = fixture_info(&f, domid).current_memory.kib;
    CU_ASSERT_EQUAL(fixture_free_kib(&f) + has, sum);
    fixture_close(&f);
    return has / 1024;
}

static void test_balloon(void)
{
    CU_ASSERT_EQUAL(balloon(FAST, "", 256, 1000), 256);
    CU_ASSERT_EQUAL(balloon(FAST, "", 1024, 1000), 1024);
    CU_ASSERT_EQUAL(balloon(FAST, "sim.balloon=none", 256, 100000), 512);
    CU_ASSERT_EQUAL(balloon(FAST, "sim.balloon=partly", 256, 100000), 384);
    CU_ASSERT_EQUAL(balloon(FAST, "sim.balloon=slow", 256, 17000), 256);
    uint64_t half = balloon(FAST, "sim.balloon=slow", 256, 8000);
    CU_ASSERT(half >= 383 && half <= 386);
    /* No more than the host has. */
    uint64_t all =
        balloon(FAST ",memory=2G,dom0_memory=1300M", "", 1024, 1000);
    CU_ASSERT(all > 700 && all <= 748);
}

static void test_bad_targets(void)
{
    struct fixture f;

    fixture_open(&f, FAST);
    uint32_t domid = fixture_create(&f, "g", "");
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(129), &f.err),
        VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, domid, MEM_KIB(0), &f.err),
        VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, 0, MEM_MIB(100), &f.err),
        VDC_E_HYPERVISOR);
    uint64_t before = fixture_free_kib(&f);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, 0, MEM_MIB(512), &f.err), 0);
    hv_sim_advance(f.hv, 1000);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before + 512 * 1024);
    fixture_close(&f);
}

static void test_watch(void)
{
    struct fixture f;

    fixture_open(&f, FAST);
    uint32_t down = fixture_create(&f, "down", "vdc.crash=0");
    fixture_unpause(&f, down);
    uint32_t gone = fixture_create(&f, "gone", "");
    struct hv_domain_info info = fixture_info(&f, gone);
    fixture_destroy(&f, gone);
    fixture_run(&f, NULL, 0, 5);
    CU_ASSERT_EQUAL(f.n_events, 0); /* nobody watched */
    f.hv->domain->watch(f.hv, down, &f.err);
    f.hv->domain->watch(f.hv, gone, &f.err);
    CU_ASSERT_EQUAL(f.n_events, 0);
    CU_ASSERT(fixture_run(&f, &f.n_events, 2, 1000));
    CU_ASSERT_EQUAL(f.events[0].kind, HV_EVENT_SHUTDOWN);
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_CRASH);
    CU_ASSERT_EQUAL(f.events[1].kind, HV_EVENT_DEATH);
    CU_ASSERT_EQUAL(f.events[1].domid, gone);
    CU_ASSERT(uuid_equal(&f.events[1].uuid, &info.uuid));
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(f.hv, down, &f.err), 0);
    CU_ASSERT(fixture_run(&f, &f.n_events, 3, 1000));
    CU_ASSERT_EQUAL(f.events[2].kind, HV_EVENT_DEATH);
    CU_ASSERT_EQUAL(f.events[2].domid, down);
    uint32_t quiet = fixture_create(&f, "quiet", "");
    f.hv->domain->watch(f.hv, quiet, &f.err);
    f.hv->domain->unwatch(f.hv, quiet);
    fixture_destroy(&f, quiet);
    fixture_run(&f, NULL, 0, 5);
    CU_ASSERT_EQUAL(f.n_events, 3);
    fixture_close(&f);
}

static void test_many_events(void)
{
    struct fixture f;
    char name[16];
    enum { MANY = 1500 };

    fixture_open(&f, FAST ",memory=1T");
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        start(&f, name, i % 2 ? "vdc.crash=1000" : "vdc.poweroff=1000");
    }
    hv_sim_advance(f.hv, 2000000); /* more at once than the row keeps */
    CU_ASSERT(fixture_run(&f, &f.n_events, MANY, 10000));
    fixture_run(&f, NULL, 0, 5);
    CU_ASSERT_EQUAL(f.n_events, MANY);
    fixture_close(&f);
}

static bool reads(int fd, const char *want)
{
    char buf[512] = "";
    size_t n = 0;
    struct pollfd p = { fd, POLLIN, 0 };

    while (!strstr(buf, want) && n < sizeof(buf) - 1 && poll(&p, 1, 20) > 0) {
        ssize_t r = read(fd, buf + n, sizeof(buf) - 1 - n);
        if (r <= 0)
            break;
        n += (size_t)r;
    }
    return strstr(buf, want) != NULL;
}

static void test_console(void)
{
    struct fixture f;
    const char *path, *again, *tty;

    fixture_open(&f, FAST);
    uint32_t domid = start(&f, "web", "");
    CU_ASSERT_EQUAL(
        f.hv->domain->console_path(f.hv, domid, f.arena, &path, &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->domain->console_path(f.hv, domid, f.arena, &again, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(path, again);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv, "/local/domain/1/console/tty",
                                      f.arena, &tty, &f.err),
                    0);
    CU_ASSERT_STRING_EQUAL(path, tty);
    int fd = open(path, O_RDWR | O_NOCTTY);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(reads(fd, "simulated guest web\r\n"));
    CU_ASSERT_EQUAL(write(fd, "hello\r", 6), 6);
    fixture_run(&f, NULL, 0, 20);
    CU_ASSERT(reads(fd, "hello\r\nsimulated guest web\r\n"));
    close(fd);
    fixture_destroy(&f, domid);
    fixture_run(&f, NULL, 0, 5);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    fixture_close(&f);
}

static const struct unit_test tests[] = {
    { "what a guest does by itself", test_own },
    { "nonsense on the command line", test_nonsense_cmdline },
    { "a paused guest does nothing", test_paused_does_nothing },
    { "shutdown", test_shutdown },
    { "balloon", test_balloon },
    { "targets that cannot be", test_bad_targets },
    { "events from before the watch", test_watch },
    { "many events at once", test_many_events },
    { "console", test_console },
};

UNIT_MAIN("hv/sim guest", tests)
