/*
 * Memory of the simulated host: maximum, target, what is claimed, who gets
 * what is left, and the counts of tables.
 */
#include "tests/unit/hv/sim_fixture.h"

#define HOST FAST ",clock=stopped,memory=2G,dom0_memory=1G"

static int reserve(struct fixture *f, unsigned mib)
{
    return f->hv->domain->reserve(f->hv, MEM_MIB(mib), &f->err);
}

static uint64_t target_of(struct fixture *f, uint32_t domid)
{
    struct mem target = { 0 };

    CU_ASSERT_EQUAL(
        f->hv->domain->memory_target(f->hv, domid, &target, &f->err), 0);
    return target.kib / 1024;
}

static void test_maximum(void)
{
    struct fixture f;
    const char *value;

    fixture_open(&f, HOST);
    uint32_t domid = fixture_start(&f, "g", "");
    CU_ASSERT_EQUAL(target_of(&f, domid), 64);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_max_memory(f.hv, domid, MEM_MIB(100), &f.err), 0);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).max_memory.kib, 100 * 1024);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv,
                                      "/local/domain/1/memory/static-max",
                                      f.arena, &value, &f.err),
                    0);
    CU_ASSERT_STRING_EQUAL(value, "102400");
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(101), &f.err),
        VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(target_of(&f, domid), 64);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_max_memory(f.hv, domid, MEM_KIB(65535), &f.err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "what it has is 64 MiB"));
    /* Its balloon is on the way up, and must stay allowed to get there. */
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(90), &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_max_memory(f.hv, domid, MEM_MIB(80), &f.err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "its target is 90 MiB"));
    CU_ASSERT_EQUAL(fixture_info(&f, domid).max_memory.kib, 100 * 1024);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_max_memory(f.hv, domid, MEM_MIB(4096), &f.err), 0);
    CU_ASSERT_EQUAL(target_of(&f, domid), 90);
    fixture_close(&f);
}

static void test_reserve(void)
{
    struct fixture f;

    fixture_open(&f, HOST);
    uint64_t all = fixture_free_kib(&f);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 0);
    CU_ASSERT_EQUAL(reserve(&f, 600), 0);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 600 * 1024);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), all - 600 * 1024);
    CU_ASSERT_EQUAL(reserve(&f, 1025), VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "1 GiB"));
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 600 * 1024);
    CU_ASSERT_EQUAL(reserve(&f, 1024), 0); /* with what it has already */
    CU_ASSERT_EQUAL(fixture_free_kib(&f), 0);
    CU_ASSERT_EQUAL(reserve(&f, 0), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), all);
    fixture_close(&f);
}

static void test_others_cannot_take(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("mine");
    uint32_t domid;

    fixture_open(&f, HOST);
    CU_ASSERT_EQUAL(reserve(&f, 960), 0);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    CU_ASSERT_EQUAL(
        hv_sim_foreign_create(f.hv, "xl", MEM_MIB(64), "", &domid, &f.err),
        VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    CU_ASSERT_EQUAL(
        hv_sim_foreign_create(f.hv, "xl", MEM_MIB(32), "", &domid, &f.err), 0);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 960 * 1024);
    CU_ASSERT_EQUAL(reserve(&f, 860), 0); /* room for ours */
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), 0);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(f.hv, domid, &f.err), 0);
    CU_ASSERT_EQUAL(fixture_destroy(&f, f.domid), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), (1024 - 860) * 1024);
    fixture_close(&f);
}

/* A balloon stops at the claim, and goes on when it is given back. */
static void test_balloon_stops(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");

    fixture_open(&f, HOST);
    config.max_memory = MEM_MIB(512);
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    uint32_t domid = f.domid;
    fixture_unpause(&f, domid);
    uint64_t spare = fixture_free_kib(&f);
    CU_ASSERT_EQUAL(
        f.hv->domain->reserve(f.hv, MEM_KIB(spare - 100 * 1024), &f.err), 0);
    f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(512), &f.err);
    hv_sim_advance(f.hv, 100000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, 164 * 1024);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), 0);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), spare - 100 * 1024);
    CU_ASSERT_EQUAL(reserve(&f, 0), 0);
    hv_sim_advance(f.hv, 1000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, 512 * 1024);
    /* dom0 cannot take it either. */
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, 0, MEM_MIB(512), &f.err), 0);
    hv_sim_advance(f.hv, 1000);
    spare = fixture_free_kib(&f);
    CU_ASSERT_EQUAL(f.hv->domain->reserve(f.hv, MEM_KIB(spare), &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->domain->set_memory_target(f.hv, 0, MEM_MIB(1024), &f.err), 0);
    hv_sim_advance(f.hv, 100000);
    CU_ASSERT_EQUAL(fixture_info(&f, 0).current_memory.kib, 512 * 1024);
    fixture_close(&f);
}

static uint64_t has_after(struct fixture *f, uint32_t domid, unsigned s)
{
    for (unsigned i = 0; i < s; i++) {
        hv_sim_advance(f->hv, 1000);
        fixture_free_kib(f); /* guests do what is due */
    }
    return fixture_info(f, domid).current_memory.kib / 1024;
}

/* As Linux's, it does not try for ever. */
static void test_balloon_gives_up(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");

    fixture_open(&f, HOST);
    const struct hv_domain_ops *ops = f.hv->domain;
    config.max_memory = MEM_MIB(512);
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    uint32_t domid = f.domid;
    fixture_unpause(&f, domid);
    uint64_t spare = fixture_free_kib(&f);
    ops->reserve(f.hv, MEM_KIB(spare), &f.err);
    ops->set_memory_target(f.hv, domid, MEM_MIB(200), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 8), 64);
    ops->reserve(f.hv, MEM_KIB(0), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 9), 200); /* its last try */
    ops->reserve(f.hv, MEM_KIB(fixture_free_kib(&f)), &f.err);
    ops->set_memory_target(f.hv, domid, MEM_MIB(300), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 30), 200);
    ops->reserve(f.hv, MEM_KIB(0), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 600), 200); /* too late */
    ops->set_memory_target(f.hv, domid, MEM_MIB(300), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 30), 200); /* no news */
    ops->set_memory_target(f.hv, domid, MEM_MIB(301), &f.err);
    CU_ASSERT_EQUAL(has_after(&f, domid, 2), 301);
    fixture_close(&f);
}

/* Another process, which ends well, or dies as by kill -9, after it has
 * claimed. */
static void claim_in_child(const char *options, unsigned mib, bool dies)
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct fixture f;
        fixture_open(&f, options);
        int rc = reserve(&f, mib);
        if (dies)
            kill(getpid(), SIGKILL);
        fixture_close(&f);
        _exit(rc ? 1 : 0);
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(dies ? WIFSIGNALED(status) : WEXITSTATUS(status) == 0, 1);
}

/* What a process claimed that was killed stays claimed until one of ours opens
 * the host; a tool is none. */
static void test_claim_of_the_dead(void)
{
    struct fixture f;
    char path[64], options[224], tool[96];
    struct hv *hv;
    struct hv_host_info info;

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", HOST, path);
    snprintf(tool, sizeof(tool), "state=%s", path);
    for (int dies = 0; dies < 2; dies++) {
        claim_in_child(options, 700, dies);
        struct arena *arena = arena_new();
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_EQUAL_FATAL(hv_sim_open(tool, NULL, &hv, NULL), 0);
            hv->domain->host_info(hv, arena, &info, NULL);
            CU_ASSERT_EQUAL(info.reserved_memory.kib, dies ? 700 * 1024 : 0);
            hv->close(hv);
        }
        arena_free(arena);
        fixture_open(&f, options);
        CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 0);
        CU_ASSERT_EQUAL(fixture_free_kib(&f), 1024 * 1024);
        fixture_close(&f);
    }
    unlink(path);
}

/* One that closes the host takes no claim from its successor. */
static void test_claim_of_another(void)
{
    struct fixture f, g;
    char path[64], options[224];

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", HOST, path);
    fixture_open(&f, options);
    CU_ASSERT_EQUAL(reserve(&f, 700), 0);
    fixture_open(&g, options);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 0);
    CU_ASSERT_EQUAL(reserve(&g, 200), 0);
    fixture_close(&f);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&g), 200 * 1024);
    fixture_close(&g);
    unlink(path);
}

static void test_power_cut(void)
{
    struct fixture f;

    fixture_open(&f, HOST);
    CU_ASSERT_EQUAL(reserve(&f, 300), 0);
    hv_sim_power_cut(f.hv);
    CU_ASSERT_EQUAL(fixture_reserved_kib(&f), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), 1024 * 1024);
    fixture_close(&f);
}

/* What a guest does is changed while it runs. */
static void test_new_words(void)
{
    struct fixture f;

    fixture_open(&f, HOST);
    uint32_t domid = fixture_start(&f, "g", "sim.balloon=none");
    f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(32), &f.err);
    hv_sim_advance(f.hv, 10000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(target_of(&f, domid), 32);
    CU_ASSERT_EQUAL(
        hv_sim_guest_words(f.hv, domid, "sim.balloon=willing", &f.err), 0);
    hv_sim_advance(f.hv, 1000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, 32 * 1024);
    CU_ASSERT_EQUAL(
        hv_sim_guest_words(f.hv, domid, "sim.balloon=slow", &f.err), 0);
    f.hv->domain->set_memory_target(f.hv, domid, MEM_MIB(64), &f.err);
    hv_sim_advance(f.hv, 1000);
    hv_sim_guest_words(f.hv, domid, "sim.balloon=none", &f.err);
    uint64_t half = fixture_info(&f, domid).current_memory.kib;
    CU_ASSERT(half > 40 * 1024 && half < 56 * 1024);
    hv_sim_advance(f.hv, 10000);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).current_memory.kib, half);
    hv_sim_guest_words(f.hv, domid, "vdc.crash=2", &f.err);
    hv_sim_advance(f.hv, 1999);
    CU_ASSERT(!fixture_info(&f, domid).shutdown);
    hv_sim_advance(f.hv, 1);
    CU_ASSERT_EQUAL(fixture_info(&f, domid).shutdown_reason,
                    HV_SHUTDOWN_CRASH);
    CU_ASSERT_EQUAL(hv_sim_guest_words(f.hv, 77, "", &f.err), VDC_E_NOT_FOUND);
    fixture_close(&f);
}

static struct hv_usage usage_of(struct fixture *f, uint32_t domid)
{
    struct hv_usage usage = { 0 };

    CU_ASSERT_EQUAL(f->hv->domain->usage(f->hv, domid, &usage, &f->err), 0);
    return usage;
}

static void test_usage(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");
    const struct hv_nic nic = { .mac = "00:16:3e:00:00:01", .backend = "" };

    fixture_open(&f, HOST);
    config.max_grant_frames = 20;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    uint32_t domid = f.domid;
    struct hv_usage paused = usage_of(&f, domid);
    CU_ASSERT_EQUAL(paused.max_grant_frames, 20);
    CU_ASSERT(paused.grant_frames > 0);
    fixture_unpause(&f, domid);
    struct hv_usage runs = usage_of(&f, domid);
    CU_ASSERT(runs.event_channels > paused.event_channels);
    CU_ASSERT(runs.grant_frames > paused.grant_frames);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_attach, domid, &nic), 0);
    CU_ASSERT_EQUAL(usage_of(&f, domid).event_channels,
                    runs.event_channels + 1);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_detach, domid, nic.mac, false), 0);
    CU_ASSERT_EQUAL(usage_of(&f, domid).event_channels, runs.event_channels);
    f.hv->domain->set_vcpus(f.hv, domid, 2, &f.err);
    hv_sim_advance(f.hv, 100);
    CU_ASSERT(usage_of(&f, domid).event_channels > runs.event_channels);
    fixture_close(&f);
}

static const struct unit_test tests[] = {
    { "maximum", test_maximum },
    { "reserve", test_reserve },
    { "what is claimed is not for others", test_others_cannot_take },
    { "a balloon stops at the claim", test_balloon_stops },
    { "a balloon gives up", test_balloon_gives_up },
    { "what a dead process claimed", test_claim_of_the_dead },
    { "what another process claims", test_claim_of_another },
    { "a power cut", test_power_cut },
    { "a guest that changes its mind", test_new_words },
    { "usage of tables", test_usage },
};

UNIT_MAIN("hv/sim memory", tests)
