/*
 * The simulated host outlives the process, is shared by several, and loses
 * power.
 */
#include <fcntl.h>
#include <sys/resource.h>

#include "tests/unit/hv/sim_fixture.h"

static char path[64], options[224];

static void new_state(const char *more)
{
    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s%s", FAST, path, more);
}

static void test_reopen(void)
{
    struct fixture f;
    const char *value;

    new_state("");
    fixture_open(&f, options);
    uint64_t boot_id = fixture_boot_id(&f);
    uint32_t domid = fixture_create(&f, "stays", "vdc.crash=5");
    struct hv_domain_info before = fixture_info(&f, domid);
    fixture_unpause(&f, domid);
    uint32_t sleeper = fixture_create(&f, "paused", "vdc.crash=1");
    f.hv->store->write(f.hv, "/tool/xen-vdc/x", "kept", NULL);
    uint64_t effects = hv_sim_effects(f.hv);
    uint64_t free_kib = fixture_free_kib(&f);
    fixture_close(&f);

    fixture_open(&f, options);
    CU_ASSERT_EQUAL(fixture_boot_id(&f), boot_id);
    CU_ASSERT_EQUAL(hv_sim_effects(f.hv), effects);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), free_kib);
    struct hv_domain_info info = fixture_info(&f, domid);
    CU_ASSERT(uuid_equal(&info.uuid, &before.uuid));
    CU_ASSERT_STRING_EQUAL(info.name, "stays");
    CU_ASSERT(info.blocked);
    CU_ASSERT_EQUAL(
        f.hv->store->read(f.hv, "/tool/xen-vdc/x", f.arena, &value, &f.err),
        0);
    CU_ASSERT_STRING_EQUAL(value, "kept");
    hv_sim_advance(f.hv, 5000); /* as if nobody had been there */
    fixture_close(&f);

    fixture_open(&f, options);
    info = fixture_info(&f, domid);
    CU_ASSERT(info.shutdown);
    CU_ASSERT_EQUAL(info.shutdown_reason, HV_SHUTDOWN_CRASH);
    CU_ASSERT(fixture_info(&f, sleeper).paused);
    f.hv->domain->watch(f.hv, domid, &f.err);
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    CU_ASSERT_EQUAL(f.events[0].reason, HV_SHUTDOWN_CRASH);
    fixture_create(&f, "third", "");
    CU_ASSERT_EQUAL(f.domid, 3);
    fixture_close(&f);
    unlink(path);
}

static void test_time_goes_on(void)
{
    struct fixture f;

    new_state("");
    fixture_open(&f, options);
    uint32_t domid = fixture_create(&f, "g", "vdc.poweroff=0.05");
    fixture_unpause(&f, domid);
    fixture_close(&f);
    usleep(80000);
    fixture_open(&f, options);
    CU_ASSERT(fixture_info(&f, domid).shutdown);
    fixture_close(&f);
    unlink(path);
}

static void on_change(void *arg, const char *changed)
{
    (*(int *)arg)++;
}

static void test_foreign(void)
{
    struct fixture a, b;
    struct hv_store_watch *watch;
    uint32_t domid = 0;
    int n_changes = 0;

    new_state("");
    fixture_open(&a, options);
    fixture_open(&b, options);
    a.hv->store->watch(a.hv, "/tool/t", on_change, &n_changes, &watch, &a.err);
    fixture_run(&a, &n_changes, 1, 1000);
    CU_ASSERT_EQUAL(hv_sim_foreign_create(b.hv, "foreign", MEM_MIB(32), "",
                                          &domid, &b.err),
                    0);
    CU_ASSERT_EQUAL(hv_sim_foreign_unpause(b.hv, domid, &b.err), 0);
    CU_ASSERT_EQUAL(hv_sim_effects(a.hv), 0);
    CU_ASSERT_STRING_EQUAL(fixture_info(&a, domid).name, "foreign");
    a.hv->domain->watch(a.hv, domid, &a.err);
    b.hv->store->write(b.hv, "/tool/t/1", "x", NULL);
    fixture_run(&b, NULL, 0, 2);
    CU_ASSERT(fixture_run(&a, &n_changes, 2, 500));
    CU_ASSERT_EQUAL(hv_sim_guest_stop(b.hv, domid, HV_SHUTDOWN_CRASH, &b.err),
                    0);
    CU_ASSERT_EQUAL(hv_sim_guest_stop(b.hv, domid, HV_SHUTDOWN_CRASH, &b.err),
                    VDC_E_WRONG_STATE);
    fixture_run(&b, NULL, 0, 2);
    CU_ASSERT(fixture_run(&a, &a.n_events, 1, 500));
    CU_ASSERT_EQUAL(a.events[0].reason, HV_SHUTDOWN_CRASH);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(b.hv, domid, &b.err), 0);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(b.hv, domid, &b.err),
                    VDC_E_NOT_FOUND);
    fixture_close(&b); /* tells as well */
    CU_ASSERT(fixture_run(&a, &a.n_events, 2, 500));
    CU_ASSERT_EQUAL(a.events[1].kind, HV_EVENT_DEATH);
    fixture_close(&a);
    unlink(path);
}

static void power_cut(bool by_deleting)
{
    struct fixture f;
    struct hv_store_watch *watch;
    int n_changes = 0;
    const char *value;

    new_state(",memory=4G,create_ms=60000");
    fixture_open(&f, options);
    uint64_t boot_id = fixture_boot_id(&f);
    uint64_t free_kib = fixture_free_kib(&f);
    uint32_t domid = 0;
    hv_sim_foreign_create(f.hv, "g", MEM_MIB(64), "", &domid, &f.err);
    f.hv->domain->watch(f.hv, domid, &f.err);
    f.hv->store->watch(f.hv, "/tool", on_change, &n_changes, &watch, &f.err);
    f.hv->store->write(f.hv, "/tool/x", "1", NULL);
    struct hv_domain_config config = fixture_config("slow");
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err), 0);
    fixture_run(&f, NULL, 0, 20);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 3);
    f.n_events = n_changes = 0;
    if (by_deleting)
        unlink(path);
    else
        hv_sim_power_cut(f.hv);
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 3000));
    CU_ASSERT_EQUAL(f.rc, VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "lost power"));
    CU_ASSERT(fixture_run(&f, &f.n_events, 1, 1000));
    CU_ASSERT_EQUAL(f.events[0].kind, HV_EVENT_DEATH);
    CU_ASSERT(fixture_run(&f, &n_changes, 1, 1000));
    CU_ASSERT_NOT_EQUAL(fixture_boot_id(&f), boot_id);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), free_kib);
    CU_ASSERT_EQUAL(
        f.hv->store->read(f.hv, "/tool/x", f.arena, &value, &f.err),
        VDC_E_NOT_FOUND);
    hv_sim_foreign_create(f.hv, "g", MEM_MIB(64), "", &domid, &f.err);
    CU_ASSERT_EQUAL(domid, 1);
    fixture_close(&f);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
}

static void test_power_cut(void)
{
    power_cut(false);
}

static void test_deleted(void)
{
    power_cut(true);
}

static void write_file(const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, size), (ssize_t)size);
    close(fd);
}

static void test_bad_files(void)
{
    struct fixture f;

    new_state("");
    write_file("something else", 14);
    CU_ASSERT_EQUAL(fixture_try(&f, options), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, path));
    fixture_close(&f);
    write_file("vdcsimst\377\0\0\0xxxxxxxx", 20);
    CU_ASSERT_EQUAL(fixture_try(&f, options), VDC_E_STORE_NEWER);
    fixture_close(&f);
    unlink(path);
    fixture_open(&f, options);
    fixture_close(&f);
    CU_ASSERT_EQUAL(truncate(path, 100000), 0);
    CU_ASSERT_EQUAL(fixture_try(&f, options), VDC_E_STORE_CORRUPT);
    fixture_close(&f);
    unlink(path);
    CU_ASSERT_EQUAL(fixture_try(&f, "state=/nonexistent/x"), VDC_E_NO_FILE);
    fixture_close(&f);
    CU_ASSERT_EQUAL(fixture_try(&f, "state=/dev/null"), VDC_E_BAD_VALUE);
    fixture_close(&f);
}

static void test_other_machine(void)
{
    struct fixture f;
    char other[200];
    struct hv_host_info info;

    new_state(",memory=4G");
    fixture_open(&f, options);
    fixture_close(&f);
    snprintf(other, sizeof(other), "state=%s,memory=5G", path);
    CU_ASSERT_EQUAL(fixture_try(&f, other), VDC_E_BAD_VALUE);
    fixture_close(&f);
    snprintf(other, sizeof(other), "state=%s", path);
    fixture_open(&f, other);
    CU_ASSERT_EQUAL(f.hv->domain->host_info(f.hv, f.arena, &info, &f.err), 0);
    CU_ASSERT_EQUAL(info.total_memory.kib, 4 << 20);
    fixture_close(&f);
    unlink(path);
}

/* The order in which 60 creates end. */
static void run_of_seed(unsigned seed, char *ret_order, size_t size)
{
    struct fixture f;
    char text[128], name[16];

    snprintf(text, sizeof(text),
             "clock=jump,create_ms=3600000,jitter=90,seed=%u", seed);
    fixture_open(&f, text);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        struct hv_domain_config config = fixture_config(name);
        CU_ASSERT_EQUAL(
            f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err),
            0);
    }
    ret_order[0] = '\0';
    for (int i = 1; i <= 60; i++) {
        CU_ASSERT(fixture_run(&f, &f.n_done, i, 5000));
        snprintf(ret_order + strlen(ret_order), size - strlen(ret_order),
                 "%s ", fixture_info(&f, f.domid).name);
    }
    fixture_close(&f);
}

static void test_one_seed_one_run(void)
{
    char first[512], again[512], other[512];

    run_of_seed(1, first, sizeof(first));
    run_of_seed(1, again, sizeof(again));
    run_of_seed(2, other, sizeof(other));
    CU_ASSERT_STRING_EQUAL(first, again);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
}

static void test_stopped_clock(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");

    fixture_open(&f, "clock=stopped,create_ms=8");
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err), 0);
    fixture_run(&f, NULL, 0, 30);
    CU_ASSERT_EQUAL(f.n_done, 0);
    hv_sim_advance(f.hv, 7);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_done, 0);
    hv_sim_advance(f.hv, 1);
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 1000));
    fixture_close(&f);
}

static long used_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
}

static void test_idle(void)
{
    struct fixture f;

    new_state("");
    fixture_open(&f, options);
    uint32_t domid = fixture_create(&f, "g", "");
    fixture_unpause(&f, domid);
    fixture_run(&f, NULL, 0, 50);
    long before = used_us();
    fixture_run(&f, NULL, 0, 500);
    long us = used_us() - before;
    printf("idle: %ld us of CPU in 0.5 s\n", us);
    CU_ASSERT(us < 10000);
    fixture_close(&f);
    unlink(path);
}

static const struct unit_test tests[] = {
    { "reopen", test_reopen },
    { "time goes on while nobody is there", test_time_goes_on },
    { "foreign domains", test_foreign },
    { "power cut", test_power_cut },
    { "power cut by deleting the file", test_deleted },
    { "bad files", test_bad_files },
    { "another machine's options", test_other_machine },
    { "one seed, one run", test_one_seed_one_run },
    { "stopped clock", test_stopped_clock },
    { "idle", test_idle },
};

UNIT_MAIN("hv/sim state", tests)
