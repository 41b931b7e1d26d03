/*
 * Faults on demand: calls that fail, never answer, or kill the process; and
 * that what a killed process leaves can be cleaned up.
 */
#include "tests/unit/hv/sim_fixture.h"

static void test_syntax(void)
{
    static const char *const bad[][2] = {
        { "fail", "KIND:CALL:K" },
        { "fail:create", "KIND:CALL:K" },
        { "break:create:1", "hang-after" },
        { "fail:creates:1", "memory_needed" },
        { "fail:create:0", "from 1" },
        { "fail:create:x", "from 1" },
        { "fail:create:1;fail:create:-1", "from 1" },
    };
    struct fixture f;

    fixture_open(&f, FAST);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(hv_sim_fault(f.hv, bad[i][0], &f.err),
                        VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, bad[i][1]));
    }
    CU_ASSERT_EQUAL(
        hv_sim_fault(f.hv, ";fail:*:7;crash-after:destroy:2;", &f.err), 0);
    CU_ASSERT_EQUAL(hv_sim_fault(f.hv, NULL, &f.err), 0);
    fixture_close(&f);
    setenv("VDC_SIM_FAULT", "nonsense", 1);
    CU_ASSERT_EQUAL(fixture_try(&f, FAST), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "VDC_SIM_FAULT"));
    fixture_close(&f);
    setenv("VDC_SIM_FAULT", "fail:list:1", 1);
    fixture_open(&f, FAST);
    unsetenv("VDC_SIM_FAULT");
    struct hv_domain_info *infos;
    size_t n;
    CU_ASSERT_EQUAL(f.hv->domain->list(f.hv, f.arena, &infos, &n, &f.err),
                    VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(f.hv->domain->list(f.hv, f.arena, &infos, &n, &f.err), 0);
    fixture_close(&f);
}

static void test_fail(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("x");
    const char *value;

    fixture_open(&f, FAST);
    uint64_t before = fixture_free_kib(&f);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    hv_sim_fault(f.hv, "fail:create:2;fail:store_read:1;refuse:pause:1", NULL);
    uint32_t domid = fixture_create(&f, "a", "");
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "simulated fault"));
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 2);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv, "/tool", f.arena, &value, &f.err),
                    VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv, "/tool", f.arena, &value, &f.err),
                    0);
    f.n_done = 0;
    CU_ASSERT_EQUAL(f.hv->domain->pause(f.hv, domid, fixture_done, &f, &f.err),
                    VDC_E_HYPERVISOR);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(f.n_done, 0);
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    fixture_close(&f);
}

static void test_hang(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("x");

    fixture_open(&f, FAST);
    hv_sim_fault(f.hv, "hang:create:1;hang-after:create:2", NULL);
    for (size_t i = 1; i <= 2; i++) {
        CU_ASSERT_EQUAL(
            f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err),
            0);
        fixture_run(&f, NULL, 0, 20);
        CU_ASSERT_EQUAL(f.n_done, 0);
        CU_ASSERT_EQUAL(fixture_n_domains(&f), i);
    }
    CU_ASSERT_STRING_EQUAL(fixture_info(&f, 1).name, "x");
    fixture_close(&f);
}

static void test_any(void)
{
    struct fixture f;
    int n_failed = 0;

    fixture_open(&f, FAST);
    hv_sim_fault(f.hv, "fail:*:3", NULL);
    for (int i = 1; i <= 5; i++) {
        int rc = f.hv->store->write(f.hv, "/tool/x", "1", &f.err);
        n_failed += rc != 0;
        CU_ASSERT_EQUAL(rc, i == 3 ? VDC_E_HYPERVISOR : 0);
    }
    CU_ASSERT_EQUAL(n_failed, 1);
    CU_ASSERT_EQUAL(hv_sim_calls(f.hv), 5);
    fixture_close(&f);
}

/* ---- crashes ---- */

/* What a daemon might do with a host; every answer must be success. */
static void work(const char *options, const char *fault)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("work");
    struct hv_nic nic = { .mac = "00:16:3e:00:00:01", .backend = "" };

    if (fault)
        setenv("VDC_SIM_FAULT", fault, 1);
    fixture_open(&f, options);
    unsetenv("VDC_SIM_FAULT");
    config.n_nics = 1;
    config.nics = &nic;
    if (fixture_create_config(&f, &config) != 0)
        _exit(1);
    uint32_t domid = f.domid;
    f.hv->store->write(f.hv, "/tool/xen-vdc/1", "x", NULL);
    fixture_unpause(&f, domid);
    f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(70), NULL);
    f.hv->domain->rename(f.hv, domid, "other", NULL);
    fixture_destroy(&f, domid);
    f.hv->store->remove(f.hv, "/tool/xen-vdc", NULL);
    fixture_close(&f);
}

/* The exit status as a shell has it. */
static int work_in_child(const char *options, const char *fault)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        work(options, fault);
        _exit(0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* As a daemon does when it comes back: everything that is not dom0 goes. */
static void clean_up(struct fixture *f)
{
    struct hv_domain_info *infos;
    size_t n;

    CU_ASSERT_EQUAL(f->hv->domain->list(f->hv, f->arena, &infos, &n, &f->err),
                    0);
    for (size_t i = 1; i < n; i++)
        CU_ASSERT_EQUAL(fixture_destroy(f, infos[i].domid), 0);
    f->hv->store->remove(f->hv, "/tool/xen-vdc", NULL);
}

static void test_crash_at_every_effect(void)
{
    static const char *const kinds[] = { "crash-before", "crash-after" };
    struct fixture f;
    char path[64], options[224], fault[64];
    int n_points = 0;

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    fixture_open(&f, options);
    uint64_t before = fixture_free_kib(&f);
    char *tree = xstrdup(hv_sim_store_dump(f.hv, f.arena));
    uint64_t boot_id = fixture_boot_id(&f);
    work(options, NULL);
    uint64_t n_effects = hv_sim_effects(f.hv);
    CU_ASSERT(n_effects >= 13);
    for (size_t kind = 0; kind < 2; kind++) {
        for (uint64_t k = 1; k <= n_effects; k++, n_points++) {
            hv_sim_fault(f.hv, NULL, NULL); /* counts from 0 */
            snprintf(fault, sizeof(fault), "%s:*:%d", kinds[kind], (int)k);
            CU_ASSERT_EQUAL(work_in_child(options, fault), 137);
            clean_up(&f);
            CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
            CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
        }
    }
    hv_sim_fault(f.hv, NULL, NULL);
    snprintf(fault, sizeof(fault), "crash-after:*:%d", (int)n_effects + 1);
    CU_ASSERT_EQUAL(work_in_child(options, fault), 0);
    CU_ASSERT_EQUAL(fixture_boot_id(&f), boot_id);
    printf("%d crash points\n", n_points);
    free(tree);
    fixture_close(&f);
    unlink(path);
}

static void test_crash_happens_once(void)
{
    char path[64], options[224];

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    CU_ASSERT_EQUAL(work_in_child(options, "crash-before:destroy:2"), 137);
    struct fixture f;
    fixture_open(&f, options);
    CU_ASSERT(fixture_info(&f, 1).dying);
    CU_ASSERT_STRING_EQUAL(fixture_info(&f, 1).name, "other");
    clean_up(&f);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    fixture_close(&f);
    /* The same fault again: its count has passed. */
    CU_ASSERT_EQUAL(work_in_child(options, "crash-before:destroy:2"), 0);
    unlink(path);
}

static void test_half_made_domain(void)
{
    char path[64], options[224];
    struct fixture f;

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    CU_ASSERT_EQUAL(work_in_child(options, "crash-after:create:1"), 137);
    fixture_open(&f, options);
    struct hv_domain_info info = fixture_info(&f, 1);
    CU_ASSERT_STRING_EQUAL(info.name, "");
    CU_ASSERT(!uuid_is_zero(&info.uuid));
    CU_ASSERT(info.paused);
    fixture_close(&f);
    unlink(path);
}

/* SIGKILL at any instruction, not only between effects. */
static void test_kill_anywhere(void)
{
    char path[64], options[224];
    struct fixture f;
    int n_kills = 0;

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    fixture_open(&f, options);
    uint64_t before = fixture_free_kib(&f);
    char *tree = xstrdup(hv_sim_store_dump(f.hv, f.arena));
    for (; n_kills < 200; n_kills++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            for (;;)
                work(options, NULL);
        usleep((useconds_t)(500 + n_kills * 37));
        kill(pid, SIGKILL);
        CU_ASSERT_EQUAL_FATAL(waitpid(pid, NULL, 0), pid);
        clean_up(&f);
        if (fixture_free_kib(&f) != before ||
            strcmp(hv_sim_store_dump(f.hv, f.arena), tree) != 0) {
            CU_FAIL("the state is not as it was");
            break;
        }
    }
    printf("%d kills, %d effects\n", n_kills, (int)hv_sim_effects(f.hv));
    free(tree);
    fixture_close(&f);
    unlink(path);
}

static const struct unit_test tests[] = {
    { "syntax", test_syntax },
    { "fail and refuse", test_fail },
    { "hang", test_hang },
    { "any call", test_any },
    { "crash at every effect", test_crash_at_every_effect },
    { "a crash happens once", test_crash_happens_once },
    { "a half-made domain", test_half_made_domain },
    { "kill -9 anywhere", test_kill_anywhere },
};

UNIT_MAIN("hv/sim faults", tests)
