/* resourced on a simulated host: what guests do by themselves, what others do
 * to them, what is after kill -9 and after a power cut. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/sim/rd.h"
#include "tests/unit/unit.h"

static struct rd *started(const char *settings)
{
    struct rd *rd = rd_new("");

    rd->settings = settings;
    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

static void set_actions(struct wire_definition *d, enum wire_action action)
{
    d->on_poweroff = d->on_reboot = d->on_crash = d->on_watchdog = action;
}

static void stop_guest(struct rd *rd, const char *name,
                       enum hv_shutdown_reason reason)
{
    CU_ASSERT_EQUAL(hv_sim_guest_stop(rd_host(rd), rd_show(rd, name)->domid,
                                      reason, NULL), 0);
}

static int create_with(struct rd *rd, const char *name,
                       enum wire_action action)
{
    struct wire_definition definition;

    rd_definition(&definition, name, "");
    set_actions(&definition, action);
    return rd_create(rd, &definition, true, NULL);
}

static bool wait_restarts(struct rd *rd, const char *name, unsigned restarts)
{
    for (unsigned i = 0; i < 300; i++) {
        const struct wire_partition *p = rd_show(rd, name);
        if (p && p->restarts == restarts && p->state == WIRE_RUNNING)
            return true;
        rd_sleep(10);
    }
    return false;
}

static void test_stops(void)
{
    static const struct {
        enum hv_shutdown_reason reason;
        const char *text;
        bool crash;
    } rows[] = {
        { HV_SHUTDOWN_POWEROFF, "powered off", false },
        { HV_SHUTDOWN_REBOOT, "rebooted", false },
        { HV_SHUTDOWN_CRASH, "crashed", true },
        { HV_SHUTDOWN_WATCHDOG, "its watchdog fired", true },
    };
    struct rd *rd = started(NULL);
    uint64_t free_before = rd_free_kib(rd);

    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_DESTROY), 0);
        stop_guest(rd, "web", rows[i].reason);
        CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
        CU_ASSERT_STRING_EQUAL(rd_show(rd, "web")->last_stop, rows[i].text);
        CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STOPPED, "web",
                                  rows[i].text), 1);
        CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CRASHED, "web",
                                  rows[i].text), rows[i].crash);
        CU_ASSERT_EQUAL(rd_free_kib(rd), free_before);
        CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    }
    rd_free(rd);
}

static void test_restarts(void)
{
    static const enum hv_shutdown_reason reasons[] = {
        HV_SHUTDOWN_POWEROFF, HV_SHUTDOWN_REBOOT, HV_SHUTDOWN_CRASH,
        HV_SHUTDOWN_WATCHDOG
    };
    struct rd *rd = started("restart_min_interval = 0\n");
    struct vdc_uuid uuid;

    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_RESTART), 0);
    uuid = rd_show(rd, "web")->uuid;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t domid = rd_show(rd, "web")->domid;
        stop_guest(rd, "web", reasons[i]);
        CU_ASSERT(wait_restarts(rd, "web", i + 1));
        CU_ASSERT(rd_show(rd, "web")->domid != domid);
    }
    CU_ASSERT(uuid_equal(&rd_show(rd, "web")->uuid, &uuid));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_REBOOTED, "web", ""), 1);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CRASHED, "web", ""), 2);
    /* Asked for: answered when the new domain runs. */
    CU_ASSERT_EQUAL(rd_shutdown_wait(rd, WIRE_MSG_partition_reboot, "web", 0,
                                     NULL), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->restarts, 5);
    rd_free(rd);
}

/* As xl: a guest that stops within 10 s is not started again. */
static void test_too_fast(void)
{
    struct rd *rd = started(NULL);

    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_RESTART), 0);
    stop_guest(rd, "web", HV_SHUTDOWN_CRASH);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "web")->last_stop,
                           "crashed within 10 s of its start");
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_FAILED, "web", "not started"),
                    1);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_free(rd);
}

static void test_preserve(void)
{
    struct rd *rd = started(NULL);

    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_PRESERVE), 0);
    stop_guest(rd, "web", HV_SHUTDOWN_CRASH);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_PRESERVED, 3000));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "web")->flags, "---sc-");
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL),
                    VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_shutdown, "web", NULL),
                    VDC_E_WRONG_STATE);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    rd_sleep(100);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_PRESERVED);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CRASHED, "web", ""), 1);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_free(rd);
}

static void test_core_dump(void)
{
    struct rd *rd = started("restart_min_interval = 0\n");

    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_COREDUMP_DESTROY), 0);
    stop_guest(rd, "web", HV_SHUTDOWN_CRASH);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    CU_ASSERT_EQUAL(access(rd_path(rd, "dump/acme.web.core"), R_OK), 0);
    CU_ASSERT_EQUAL(create_with(rd, "db", WIRE_COREDUMP_RESTART), 0);
    stop_guest(rd, "db", HV_SHUTDOWN_CRASH);
    CU_ASSERT(wait_restarts(rd, "db", 1));
    CU_ASSERT_EQUAL(access(rd_path(rd, "dump/acme.db.core"), R_OK), 0);
    rd_free(rd);
}

/* Its kernel has gone: the restart cannot be, the domain is not left. */
static void test_restart_fails(void)
{
    struct rd *rd = started("restart_min_interval = 0\n");
    struct wire_definition definition;
    const char *kernel = rd_path(rd, "kernel");
    FILE *f = fopen(kernel, "w");

    fclose(f);
    rd_definition(&definition, "web", "");
    definition.kernel = kernel;
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, NULL), 0);
    unlink(kernel);
    stop_guest(rd, "web", HV_SHUTDOWN_REBOOT);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT(rd_events(rd, WIRE_EVENT_FAILED, "web", "") >= 1);
    rd_free(rd);
}

/* The new domain cannot be built after the old one was ended. */
static void test_rebuild_fails(void)
{
    struct rd *rd = rd_new("");

    rd->settings = "restart_min_interval = 0\n";
    rd->fault = "fail:create:2";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_RESTART), 0);
    CU_ASSERT_EQUAL(rd_shutdown_wait(rd, WIRE_MSG_partition_reboot, "web", 0,
                                     NULL), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_FAILED, "web", ""), 1);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

static void test_outside(void)
{
    struct rd *rd = started(NULL);

    CU_ASSERT_EQUAL(create_with(rd, "web", WIRE_RESTART), 0);
    const char *node = "/tool/xen-vdc/partition/";
    CU_ASSERT_PTR_NOT_NULL(strstr(rd_store_dump(rd), node));
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(
                        rd_host(rd), rd_show(rd, "web")->domid, NULL), 0);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "web")->last_stop,
                           "destroyed outside of xen-vdc");
    CU_ASSERT_PTR_NULL(strstr(rd_store_dump(rd), node));
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    rd_free(rd);
}

static void test_shutdown_timeout(void)
{
    struct rd *rd = started(NULL);
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", "sim.ignore_shutdown"), 0);
    CU_ASSERT_EQUAL(rd_shutdown_wait(rd, WIRE_MSG_partition_shutdown, "web",
                                     300, &err), VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "web has not shut down"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "destroy --keep"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    rd_free(rd);
}

/* Whenever the cancel comes, before the guest is asked or after, the wait
 * ends. */
static void test_wait_cancelled(void)
{
    static const unsigned delays[] = { 0, 0, 1, 2, 3, 5, 10, 40 };
    struct rd *rd = started(NULL);
    struct wire_partition_ref ref;
    struct vdc_error err;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", "sim.ignore_shutdown"), 0);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    ref.wait = true;
    ref.timeout_ms = 3000;
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        uint32_t id = rd_send(rd, WIRE_MSG_partition_shutdown, &ref);
        if (i > 0)
            rd_sleep(delays[i]);
        rd_cancel(rd, id);
        CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &err), VDC_E_CANCELLED);
    }
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

/* Guests do not notice; what they do meanwhile is followed afterwards. */
static void test_killed(void)
{
    struct rd *rd = started("restart_min_interval = 0\n");

    CU_ASSERT_EQUAL(create_with(rd, "a", WIRE_DESTROY), 0);
    CU_ASSERT_EQUAL(create_with(rd, "b", WIRE_DESTROY), 0);
    CU_ASSERT_EQUAL(create_with(rd, "c", WIRE_DESTROY), 0);
    CU_ASSERT_EQUAL(create_with(rd, "d", WIRE_RESTART), 0);
    uint32_t a = rd_show(rd, "a")->domid, b = rd_show(rd, "b")->domid;
    uint32_t c = rd_show(rd, "c")->domid, d = rd_show(rd, "d")->domid;
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_domains(rd), 4);
    hv_sim_guest_stop(rd_host(rd), b, HV_SHUTDOWN_POWEROFF, NULL);
    hv_sim_foreign_destroy(rd_host(rd), c, NULL);
    hv_sim_guest_stop(rd_host(rd), d, HV_SHUTDOWN_REBOOT, NULL);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "a")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_show(rd, "a")->domid, a);
    CU_ASSERT(rd_wait_state(rd, "b", WIRE_STOPPED, 3000));
    CU_ASSERT_EQUAL(rd_show(rd, "c")->state, WIRE_STOPPED);
    CU_ASSERT(wait_restarts(rd, "d", 1));
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    rd_free(rd);
}

static int create_on_boot(struct rd *rd, const char *name, enum wire_on_boot b,
                          bool start)
{
    struct wire_definition definition;

    rd_definition(&definition, name, "");
    definition.on_boot = b;
    return rd_create(rd, &definition, start, NULL);
}

static void test_power_cut(void)
{
    struct rd *rd = started("start_parallel = 1\n");

    CU_ASSERT_EQUAL(create_on_boot(rd, "last", WIRE_BOOT_LAST, true), 0);
    CU_ASSERT_EQUAL(create_on_boot(rd, "stopped", WIRE_BOOT_LAST, false), 0);
    CU_ASSERT_EQUAL(create_on_boot(rd, "start", WIRE_BOOT_START, false), 0);
    CU_ASSERT_EQUAL(create_on_boot(rd, "off", WIRE_BOOT_OFF, true), 0);
    rd_kill(rd);
    hv_sim_power_cut(rd_host(rd));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT(rd_wait_state(rd, "last", WIRE_RUNNING, 3000));
    CU_ASSERT(rd_wait_state(rd, "start", WIRE_RUNNING, 3000));
    CU_ASSERT_EQUAL(rd_show(rd, "off")->state, WIRE_STOPPED);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "off")->last_stop,
                           "the host went down");
    CU_ASSERT_EQUAL(rd_show(rd, "stopped")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STARTED, "last", "booted"), 1);
    /* The daemon alone started again is no boot. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "start", true), 0);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    rd_sleep(100);
    CU_ASSERT_EQUAL(rd_show(rd, "start")->state, WIRE_STOPPED);
    rd_free(rd);
}

/* One that cannot be started does not keep the others from it. */
static void test_boot_fails(void)
{
    struct rd *rd = started("start_parallel = 1\n");

    CU_ASSERT_EQUAL(create_on_boot(rd, "a", WIRE_BOOT_LAST, true), 0);
    CU_ASSERT_EQUAL(create_on_boot(rd, "b", WIRE_BOOT_LAST, true), 0);
    rd_kill(rd);
    hv_sim_power_cut(rd_host(rd));
    rd->fault = "fail:create:3"; /* the first after the boot */
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT(rd_wait_state(rd, "b", WIRE_RUNNING, 3000));
    CU_ASSERT_EQUAL(rd_show(rd, "a")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_FAILED, "a", ""), 1);
    rd_free(rd);
}

static void test_disk_full(void)
{
    struct rd *rd = started(NULL);
    struct vdc_error err = { 0 };
    char name[32];
    int rc = 0;
    unsigned n = 0;

    rd_kill(rd);
    rd->file_limit = 300 * 1024;
    CU_ASSERT_FATAL(rd_start(rd));
    while (rc == 0 && n < 1000) {
        struct wire_definition definition;
        snprintf(name, sizeof(name), "g%u", n);
        rd_definition(&definition, name, "");
        definition.memory = definition.max_memory = MEM_MIB(1);
        rc = rd_create(rd, &definition, true, &err);
        n += rc == 0;
    }
    if (rc != VDC_E_DISK_FULL)
        printf("%u: %s\n", n, err.text);
    CU_ASSERT_EQUAL(rc, VDC_E_DISK_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "free space"));
    /* It goes on, and nothing of the last one is there. */
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, n);
    CU_ASSERT_EQUAL(rd_domains(rd), n);
    rd_kill(rd);
    rd->file_limit = 0;
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, n);
    CU_ASSERT_EQUAL(rd_create_simple(rd, name, ""), 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

static void test_store_newer(void)
{
    struct rd *rd = started(NULL);

    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    rd_sql(rd, "PRAGMA user_version = 99");
    rd_sql(rd, "UPDATE meta SET schema = 99");
    CU_ASSERT(!rd_start(rd));
    CU_ASSERT_EQUAL(rd_wait(rd), 9);
    CU_ASSERT(rd_logged(rd, "made by a newer version"));
    rd_free(rd);
}

static void overwrite(const char *path, long at, const char *text)
{
    FILE *f = fopen(path, "r+");

    CU_ASSERT_FATAL(f != NULL);
    fseek(f, at, SEEK_SET);
    fwrite(text, 1, strlen(text), f);
    fclose(f);
}

static void test_store_corrupt(void)
{
    static const char noise[] = "this is not what SQLite wrote here......";
    struct rd *rd = started(NULL);

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    overwrite(rd_path(rd, "db"), 4096, noise);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), VDC_E_STORE_CORRUPT);
    CU_ASSERT(rd_logged(rd, "is damaged"));
    CU_ASSERT(rd_logged(rd, "--rebuild"));
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    overwrite(rd_path(rd, "db"), 0, noise);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_PTR_NULL(rd_list(rd, true));
    /* The guest does not care. */
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

static void test_two_daemons(void)
{
    struct rd *rd = started(NULL);
    struct rd second = *rd;

    rd_spawn(&second);
    CU_ASSERT_NOT_EQUAL(rd_wait(&second), 0);
    CU_ASSERT(rd_logged(rd, "another"));
    CU_ASSERT(rd_connect(rd));
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "guests stop", test_stops },
    { "guests are built anew", test_restarts },
    { "not too fast", test_too_fast },
    { "preserve", test_preserve },
    { "core dump", test_core_dump },
    { "restart cannot begin", test_restart_fails },
    { "restart fails half-way", test_rebuild_fails },
    { "destroyed by somebody else", test_outside },
    { "shutdown is ignored", test_shutdown_timeout },
    { "a wait that is cancelled", test_wait_cancelled },
    { "kill -9 with guests", test_killed },
    { "power cut", test_power_cut },
    { "a start at boot fails", test_boot_fails },
    { "disk full", test_disk_full },
    { "newer database", test_store_newer },
    { "damaged database", test_store_corrupt },
    { "two daemons", test_two_daemons },
};

UNIT_MAIN("resourced: guests", tests)
