/*
 * vCPUs of simulated guests: how many they use, where they may run, their
 * share.
 */
#include "tests/unit/hv/sim_fixture.h"

#define HOST FAST ",clock=stopped"

static struct hv_vcpu *vcpus_of(struct fixture *f, uint32_t domid, size_t want)
{
    struct hv_vcpu *vcpus;
    size_t n = 0;

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->vcpus(f->hv, domid, f->arena, &vcpus, &n, &f->err), 0);
    CU_ASSERT_EQUAL_FATAL(n, want);
    return vcpus;
}

static uint32_t n_online(struct fixture *f, uint32_t domid, size_t n_vcpus)
{
    struct hv_vcpu *vcpus = vcpus_of(f, domid, n_vcpus);
    uint32_t n = 0;

    for (size_t i = 0; i < n_vcpus; i++)
        n += vcpus[i].online;
    CU_ASSERT_EQUAL(n, fixture_info(f, domid).vcpus_online);
    return n;
}

static const char *node(struct fixture *f, uint32_t domid, unsigned vcpu)
{
    const char *value = "";
    const char *path = arena_printf(
        f->arena, "/local/domain/%u/cpu/%u/availability", domid, vcpu);

    CU_ASSERT_EQUAL(f->hv->store->read(f->hv, path, f->arena, &value, &f->err),
                    0);
    return value;
}

static uint32_t make(struct fixture *f, const char *cmdline, uint32_t vcpus,
                     uint32_t max_vcpus)
{
    struct hv_domain_config config = fixture_config("g");

    config.cmdline = cmdline;
    config.vcpus = vcpus;
    config.max_vcpus = max_vcpus;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(f, &config), 0);
    return f->domid;
}

static void test_follows(void)
{
    struct fixture f;

    fixture_open(&f, HOST);
    uint32_t domid = make(&f, "", 2, 4);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 1); /* it has not booted */
    CU_ASSERT_STRING_EQUAL(node(&f, domid, 1), "online");
    CU_ASSERT_STRING_EQUAL(node(&f, domid, 2), "offline");
    fixture_unpause(&f, domid);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 2);
    CU_ASSERT_EQUAL(f.hv->domain->set_vcpus(f.hv, domid, 4, &f.err), 0);
    CU_ASSERT_STRING_EQUAL(node(&f, domid, 3), "online");
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 2); /* not at once */
    hv_sim_advance(f.hv, 100);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 4);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pause, domid), 0);
    CU_ASSERT_EQUAL(f.hv->domain->set_vcpus(f.hv, domid, 1, &f.err), 0);
    hv_sim_advance(f.hv, 100);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 4); /* when it runs again */
    fixture_unpause(&f, domid);
    hv_sim_advance(f.hv, 100);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 1);
    CU_ASSERT_EQUAL(f.hv->domain->set_vcpus(f.hv, domid, 0, &f.err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(f.hv->domain->set_vcpus(f.hv, domid, 5, &f.err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "1 to 4 vCPUs, not 5"));
    fixture_close(&f);
}

static void test_ignores(void)
{
    struct fixture f;

    fixture_open(&f, HOST);
    uint32_t domid = make(&f, "sim.vcpus=ignore", 2, 4);
    fixture_unpause(&f, domid);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 2);
    CU_ASSERT_EQUAL(f.hv->domain->set_vcpus(f.hv, domid, 3, &f.err), 0);
    hv_sim_advance(f.hv, 100000);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 2);
    CU_ASSERT_STRING_EQUAL(node(&f, domid, 2), "online");
    hv_sim_guest_words(f.hv, domid, "sim.vcpus=follow", &f.err);
    hv_sim_advance(f.hv, 100);
    CU_ASSERT_EQUAL(n_online(&f, domid, 4), 3);
    fixture_close(&f);
}

static void check_cpus(struct fixture *f, uint32_t domid, unsigned vcpu,
                       const char *hard, const char *soft)
{
    struct hv_vcpu *vcpus =
        vcpus_of(f, domid, fixture_info(f, domid).vcpus_max);

    CU_ASSERT_STRING_EQUAL(vcpus[vcpu].cpus, hard);
    CU_ASSERT_STRING_EQUAL(vcpus[vcpu].cpus_soft, soft);
}

static void test_affinity(void)
{
    struct fixture f;
    char path[64], options[224];

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,cpus=8,state=%s", FAST, path);
    fixture_open(&f, options);
    const struct hv_domain_ops *ops = f.hv->domain;
    uint32_t domid = make(&f, "", 1, 3);
    check_cpus(&f, domid, 2, "all", "all");
    CU_ASSERT_EQUAL(ops->set_affinity(f.hv, domid, -1, "2-5,^3", "0", &f.err),
                    0);
    for (unsigned i = 0; i < 3; i++)
        check_cpus(&f, domid, i, "2,4-5", "0");
    CU_ASSERT_EQUAL(vcpus_of(&f, domid, 3)[1].cpu, 2);
    CU_ASSERT_EQUAL(ops->set_affinity(f.hv, domid, 1, NULL, "all", &f.err), 0);
    check_cpus(&f, domid, 1, "2,4-5", "all");
    check_cpus(&f, domid, 0, "2,4-5", "0");
    /* One of the two is wrong: neither is set. */
    CU_ASSERT_EQUAL(ops->set_affinity(f.hv, domid, -1, "7", "8", &f.err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(ops->set_affinity(f.hv, domid, 3, "7", NULL, &f.err),
                    VDC_E_BAD_VALUE);
    check_cpus(&f, domid, 2, "2,4-5", "0");
    fixture_close(&f);
    fixture_open(&f, options); /* it is the host's, not the process's */
    check_cpus(&f, domid, 2, "2,4-5", "0");
    fixture_close(&f);
    unlink(path);
}

static void test_config(void)
{
    static const char *const hard[] = { "0", "1-2" };
    static const char *const soft[] = { "3" };
    static const char *const wrong[] = { "9" };
    struct fixture f;
    struct hv_domain_config config = fixture_config("g");
    struct hv_sched sched;

    fixture_open(&f, FAST ",cpus=8");
    uint64_t before = fixture_free_kib(&f);
    config.max_vcpus = 3;
    config.n_hard_affinity = 2;
    config.hard_affinity = hard;
    config.n_soft_affinity = 1;
    config.soft_affinity = soft;
    config.cpu_weight = 1000;
    config.cpu_cap = 150;
    config.cpupool = "Pool-0";
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    check_cpus(&f, f.domid, 0, "0", "3");
    check_cpus(&f, f.domid, 1, "1-2", "3");
    check_cpus(&f, f.domid, 2, "all", "3");
    CU_ASSERT_EQUAL(f.hv->domain->sched(f.hv, f.domid, &sched, &f.err), 0);
    CU_ASSERT_EQUAL(sched.weight, 1000);
    CU_ASSERT_EQUAL(sched.cap, 150);
    fixture_destroy(&f, f.domid);
    config.hard_affinity = wrong;
    config.n_hard_affinity = 1;
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), VDC_E_BAD_VALUE);
    config.n_hard_affinity = 0;
    config.cpupool = "Pool-7";
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    fixture_close(&f);
}

/* Affinities are given back with the vCPU that had them. */
static void test_many_affinities(void)
{
    struct fixture f;
    char list[32];
    int rc = 0;

    fixture_open(&f, FAST ",cpus=64,memory=64G");
    const struct hv_domain_ops *ops = f.hv->domain;
    uint32_t domid = make(&f, "", 1, 512);
    uint64_t effects = hv_sim_effects(f.hv);
    for (int i = 0; i < 5000 && rc == 0; i++) {
        snprintf(list, sizeof(list), "%d,%d", i % 64, (i / 64) % 64);
        rc = ops->set_affinity(f.hv, domid, 7, list, list, &f.err);
    }
    CU_ASSERT_EQUAL(rc, 0); /* one after the other */
    CU_ASSERT_EQUAL(hv_sim_effects(f.hv), effects + 5000);
    check_cpus(&f, domid, 7, "7,14", "7,14");
    fixture_destroy(&f, domid);
    domid = make(&f, "", 1, 512);
    for (int i = 0; i < 512; i++)
        check_cpus(&f, domid, (unsigned)i, "all", "all");
    fixture_close(&f);
}

/* The host keeps so many different ones at a time, and no more. */
static void test_too_many_affinities(void)
{
    struct fixture f;
    char list[32];
    int rc = 0, n = 0;

    fixture_open(&f, FAST ",cpus=64,memory=64G");
    const struct hv_domain_ops *ops = f.hv->domain;
    uint32_t a = make(&f, "", 1, 512), b = 0;
    struct hv_domain_config config = fixture_config("b");
    config.max_vcpus = 512;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    b = f.domid;
    for (int i = 0; i < 64 && rc == 0; i++) {
        for (int j = i + 1; j < 64 && rc == 0; j++, n++) {
            snprintf(list, sizeof(list), "%d,%d", i, j);
            rc = ops->set_affinity(f.hv, n < 1024 ? a : b, n / 2 % 512,
                                   n % 2 ? list : NULL, n % 2 ? NULL : list,
                                   &f.err);
        }
    }
    CU_ASSERT_EQUAL(rc, VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(n, 1024);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "1023 different affinities"));
    fixture_destroy(&f, a);
    CU_ASSERT_EQUAL(ops->set_affinity(f.hv, b, -1, "5,9", NULL, &f.err), 0);
    check_cpus(&f, b, 511, "5,9", "all");
    fixture_close(&f);
}

static void test_sched(void)
{
    static const struct hv_sched bad[] = { { 0, 0 },
                                           { 65536, 0 },
                                           { 256, 201 } };
    struct fixture f;
    struct hv_sched sched = { 0 }, full = { 65535, 200 };

    fixture_open(&f, HOST);
    uint32_t domid = make(&f, "", 1, 2);
    CU_ASSERT_EQUAL(f.hv->domain->sched(f.hv, domid, &sched, &f.err), 0);
    CU_ASSERT_EQUAL(sched.weight, 256);
    CU_ASSERT_EQUAL(sched.cap, 0);
    CU_ASSERT_EQUAL(f.hv->domain->set_sched(f.hv, domid, &full, &f.err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(f.hv->domain->set_sched(f.hv, domid, &bad[i], &f.err),
                        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(f.hv->domain->sched(f.hv, domid, &sched, &f.err), 0);
    CU_ASSERT_EQUAL(sched.weight, 65535);
    CU_ASSERT_EQUAL(sched.cap, 200);
    fixture_close(&f);
}

static void test_cpupools(void)
{
    struct fixture f;
    struct hv_cpupool *pools;
    size_t n;

    fixture_open(&f, FAST ",cpus=5");
    make(&f, "", 1, 2);
    CU_ASSERT_EQUAL(f.hv->domain->cpupools(f.hv, f.arena, &pools, &n, &f.err),
                    0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_STRING_EQUAL(pools[0].name, "Pool-0");
    CU_ASSERT_EQUAL(pools[0].n_cpus, 5);
    CU_ASSERT_EQUAL(pools[0].n_domains, 2);
    fixture_close(&f);
}

/* More CPUs than a domain may have vCPUs. */
static void test_large_host(void)
{
    struct fixture f;

    fixture_open(&f, FAST ",cpus=4096");
    CU_ASSERT_EQUAL(fixture_info(&f, 0).vcpus_max, 512);
    uint32_t domid = make(&f, "", 1, 1);
    CU_ASSERT_EQUAL(f.hv->domain->set_affinity(f.hv, domid, 0, "4000-4095",
                                               "all,^0", &f.err),
                    0);
    check_cpus(&f, domid, 0, "4000-4095", "1-4095");
    CU_ASSERT_EQUAL(
        f.hv->domain->set_affinity(f.hv, 0, 511, "4095", NULL, &f.err), 0);
    fixture_close(&f);
}

static const struct unit_test tests[] = {
    { "a guest that follows", test_follows },
    { "a guest that does not", test_ignores },
    { "affinity", test_affinity },
    { "affinity and share from the config", test_config },
    { "many affinities", test_many_affinities },
    { "too many affinities", test_too_many_affinities },
    { "scheduler", test_sched },
    { "CPU pools", test_cpupools },
    { "a large host", test_large_host },
};

UNIT_MAIN("hv/sim cpu", tests)
