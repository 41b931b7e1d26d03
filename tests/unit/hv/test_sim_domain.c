/*
 * The domain operations of the simulated host: the contract of hv.h, memory
 * accounting, options.
 */
#include <time.h>

#include "tests/unit/hv/sim_fixture.h"

static void test_options(void)
{
    static const char *const bad[][2] = {
        { "memory=8X", "memory=8X" },
        { "memory=1K", "memory=1K" },
        { "cpus=0", "cpus=0" },
        { "cpus=abc", "1 to 4096" },
        { "create_ms=-1", "create_ms=-1" },
        { "create_ms", "create_ms" },
        { "jitter=101", "0 to 100" },
        { "check_files=maybe", "yes or no" },
        { "colour=red", "allowed: state, memory" },
        { "state=", "state=" },
        { "cpu=sse2+avx3", "cpu=sse2+avx3" },
        { "cpu=", "cpu=" },
        { "memory=1G,dom0_memory=2G", "dom0_memory" },
    };
    struct fixture f;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(fixture_try(&f, bad[i][0]), VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, bad[i][1]));
        CU_ASSERT_PTR_NULL(f.hv);
        fixture_close(&f);
    }
    fixture_open(&f, "memory=16G,dom0_memory=2G,cpus=12,,seed=3");
    struct hv_host_info info;
    CU_ASSERT_EQUAL(f.hv->domain->host_info(f.hv, f.arena, &info, &f.err), 0);
    CU_ASSERT_EQUAL(info.total_memory.kib, 16 << 20);
    CU_ASSERT_EQUAL(info.dom0_memory.kib, 2 << 20);
    CU_ASSERT_EQUAL(info.free_memory.kib, 14 << 20);
    CU_ASSERT_EQUAL(info.pcpus, 12);
    CU_ASSERT(info.simulated);
    CU_ASSERT_STRING_EQUAL(info.hypervisor, "simulator");
    CU_ASSERT_NOT_EQUAL(info.boot_id, 0);
    CU_ASSERT_STRING_EQUAL(f.hv->name, "sim");
    unsigned avx2;
    CU_ASSERT(cpu_feature_find("avx2", &avx2) &&
              cpu_set_has(&info.cpu, avx2));
    CU_ASSERT_EQUAL(cpu_set_vendor(&info.cpu).words[0], 1);
    fixture_close(&f);
    fixture_open(&f, "cpu=amd+aes");
    CU_ASSERT_EQUAL(f.hv->domain->host_info(f.hv, f.arena, &info, &f.err), 0);
    char names[64];
    CU_ASSERT_STRING_EQUAL(
        cpu_set_names(&info.cpu, " ", names, sizeof(names)), "amd aes");
    fixture_close(&f);
}

static void test_life(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("web");
    struct hv_domain_info info;

    fixture_open(&f, FAST);
    uint64_t before = fixture_free_kib(&f);
    struct mem needed;
    CU_ASSERT_EQUAL(
        f.hv->domain->memory_needed(f.hv, &config, &needed, &f.err), 0);
    CU_ASSERT(needed.kib > config.memory.kib);
    int rc = f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err);
    CU_ASSERT_EQUAL(f.n_done, 0);
    CU_ASSERT_EQUAL(fixture_wait(&f, rc), 0);
    uint32_t domid = f.domid;
    CU_ASSERT_EQUAL(domid, 1);
    CU_ASSERT_EQUAL(before - fixture_free_kib(&f), needed.kib);
    info = fixture_info(&f, domid);
    CU_ASSERT_STRING_EQUAL(info.name, "web");
    CU_ASSERT(uuid_equal(&info.uuid, &config.uuid));
    CU_ASSERT(info.paused && !info.running && !info.blocked);
    CU_ASSERT_EQUAL(info.current_memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(info.max_memory.kib, 128 * 1024);
    CU_ASSERT_EQUAL(info.vcpus_online, 1);
    CU_ASSERT_EQUAL(info.vcpus_max, 2);
    CU_ASSERT_EQUAL(info.shutdown_reason, HV_SHUTDOWN_NONE);
    CU_ASSERT_EQUAL(fixture_unpause(&f, domid), 0);
    info = fixture_info(&f, domid);
    CU_ASSERT(!info.paused && (info.running || info.blocked));
    CU_ASSERT_EQUAL(
        fixture_wait(
            &f, f.hv->domain->pause(f.hv, domid, fixture_done, &f, &f.err)),
        0);
    CU_ASSERT(fixture_info(&f, domid).paused);
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), 0);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    CU_ASSERT_EQUAL(fixture_destroy(&f, domid), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(f.hv->domain->info(f.hv, domid, f.arena, &info, &f.err),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(fixture_create(&f, "web", ""), 2);
    fixture_close(&f);
}

static void expect_create(struct fixture *f,
                          const struct hv_domain_config *config, int want,
                          const char *text)
{
    uint64_t before = fixture_free_kib(f);
    const char *tree = hv_sim_store_dump(f->hv, f->arena);

    f->domid = 77;
    int rc = fixture_create_config(f, config);
    CU_ASSERT_EQUAL(rc, want);
    if (!strstr(f->err.text, text))
        printf("\nno \"%s\" in \"%s\"\n", text, f->err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->err.text, text));
    CU_ASSERT_EQUAL(fixture_free_kib(f), before);
    CU_ASSERT_EQUAL(fixture_n_domains(f), 1);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f->hv, f->arena), tree);
}

static void test_create_fails(void)
{
    struct fixture f;
    struct hv_domain_config good = fixture_config("web"), config = good;
    struct hv_disk disk = { .target = "/nonexistent/disk",
                            .format = "raw",
                            .vdev = "xvda",
                            .backend = "",
                            .backendtype = "",
                            .script = "" };

    fixture_open(&f, FAST ",memory=2G,dom0_memory=1G");
    config.kernel = "/nonexistent/vmlinuz";
    expect_create(&f, &config, VDC_E_HYPERVISOR, "/nonexistent/vmlinuz");
    config = good;
    config.ramdisk = "/tmp";
    expect_create(&f, &config, VDC_E_HYPERVISOR, "ramdisk /tmp");
    config = good;
    config.memory = config.max_memory = MEM_MIB(1024);
    expect_create(&f, &config, VDC_E_NO_MEMORY, "takes");
    config = good;
    config.kernel = "";
    expect_create(&f, &config, VDC_E_BAD_VALUE, "neither a kernel");
    config = good;
    config.vcpus = 3;
    expect_create(&f, &config, VDC_E_BAD_VALUE, "vCPUs");
    config = good;
    config.name = "Domain-0";
    expect_create(&f, &config, VDC_E_HYPERVISOR, "Domain-0");
    config = good;
    config.n_disks = 1;
    config.disks = &disk;
    expect_create(&f, &config, VDC_E_HYPERVISOR, "/nonexistent/disk");
    disk.target = "/proc/self/exe";
    disk.vdev = "nonsense";
    expect_create(&f, &config, VDC_E_HYPERVISOR, "nonsense");
    disk.vdev = "xvda";
    disk.backend = "no-such-domain";
    expect_create(&f, &config, VDC_E_HYPERVISOR, "no-such-domain");
    fixture_close(&f);
}

static void test_devices(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("web");
    struct hv_disk disks[] = {
        { .target = "/proc/self/exe", .vdev = "xvda", .backend = "" },
        { .target = "", .vdev = "xvdb", .backend = "io" }
    };
    struct hv_nic nic = { .mac = "00:16:3e:00:00:01", .backend = "" };
    const char *value;

    fixture_open(&f, FAST);
    uint32_t io = fixture_create(&f, "io", "");
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    config.n_disks = 2;
    config.disks = disks;
    config.n_nics = 1;
    config.nics = &nic;
    CU_ASSERT_EQUAL(fixture_create_config(&f, &config), 0);
    CU_ASSERT_EQUAL(io, 1);
    CU_ASSERT_EQUAL(
        f.hv->store->read(f.hv, "/local/domain/2/device/vbd/51712/backend",
                          f.arena, &value, &f.err),
        0);
    CU_ASSERT_STRING_EQUAL(value, "/local/domain/0/backend/vbd/2/51712");
    CU_ASSERT_EQUAL(
        f.hv->store->read(f.hv, "/local/domain/1/backend/vbd/2/51728/state",
                          f.arena, &value, &f.err),
        0);
    CU_ASSERT_EQUAL(f.hv->store->read(f.hv,
                                      "/local/domain/0/backend/vif/2/0/mac",
                                      f.arena, &value, &f.err),
                    0);
    CU_ASSERT_STRING_EQUAL(value, nic.mac);
    CU_ASSERT_EQUAL(fixture_destroy(&f, 2), 0);
    /* The backend's own directory of a kind stays, as with libxl. */
    f.hv->store->remove(f.hv, "/local/domain/1/backend", NULL);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    fixture_close(&f);
}

static void test_not_found(void)
{
    struct fixture f;
    const struct hv_domain_ops *ops;
    const char *path;

    fixture_open(&f, FAST);
    ops = f.hv->domain;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t id = i == 0 ? 5 : i == 1 ? HV_DOMID_MAX + 1 : HV_DOMID_NONE;
        CU_ASSERT_EQUAL(ops->pause(f.hv, id == HV_DOMID_NONE ? 6 : id,
                                   fixture_done, &f, &f.err),
                        VDC_E_NOT_FOUND);
        CU_ASSERT_EQUAL(ops->rename(f.hv, id, "x", &f.err), VDC_E_NOT_FOUND);
        CU_ASSERT_EQUAL(ops->set_memory_target(f.hv, id, MEM_MIB(1), &f.err),
                        VDC_E_NOT_FOUND);
        CU_ASSERT_EQUAL(ops->console_path(f.hv, id, f.arena, &path, &f.err),
                        VDC_E_NOT_FOUND);
    }
    CU_ASSERT_EQUAL(ops->watch(f.hv, HV_DOMID_MAX + 1, &f.err),
                    VDC_E_NOT_FOUND);
    ops->unwatch(f.hv, HV_DOMID_NONE);
    ops->unwatch(f.hv, 5);
    CU_ASSERT_EQUAL(
        ops->shutdown(f.hv, 0, HV_SHUTDOWN_CRASH, fixture_done, &f, &f.err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(ops->destroy(f.hv, 0, fixture_done, &f, &f.err),
                    VDC_E_HYPERVISOR);
    fixture_close(&f);
}

static void test_rename(void)
{
    struct fixture f;

    fixture_open(&f, FAST);
    uint32_t a = fixture_create(&f, "a", "");
    fixture_create(&f, "b", "");
    CU_ASSERT_EQUAL(f.hv->domain->rename(f.hv, a, "b", &f.err),
                    VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "already exists"));
    CU_ASSERT_EQUAL(f.hv->domain->rename(f.hv, a, "", &f.err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(f.hv->domain->rename(f.hv, a, "a", &f.err), 0);
    CU_ASSERT_EQUAL(f.hv->domain->rename(f.hv, a, "c", &f.err), 0);
    CU_ASSERT_STRING_EQUAL(fixture_info(&f, a).name, "c");
    fixture_create(&f, "a", "");
    fixture_close(&f);
}

static void test_same_name_at_once(void)
{
    struct fixture f;
    struct hv_domain_config one = fixture_config("same"),
                            two = fixture_config("same");

    fixture_open(&f, "create_ms=8");
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &one, fixture_created, &f, &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &two, fixture_created, &f, &f.err), 0);
    CU_ASSERT(fixture_run(&f, &f.n_done, 2, 5000));
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 2);
    fixture_close(&f);
}

static void test_destroy_while_created(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("slow");

    fixture_open(&f, "create_ms=1000,destroy_ms=0");
    uint64_t before = fixture_free_kib(&f);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err), 0);
    fixture_run(&f, NULL, 0, 10);
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 2);
    CU_ASSERT_STRING_EQUAL(fixture_info(&f, 1).name, ""); /* half-made */
    CU_ASSERT_EQUAL(fixture_destroy(&f, 1), 0);
    f.n_done = 0;
    CU_ASSERT(fixture_run(&f, &f.n_done, 1, 5000));
    CU_ASSERT_EQUAL(f.rc, VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(f.domid, HV_DOMID_NONE);
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    fixture_close(&f);
}

static void test_latency(void)
{
    struct fixture f;
    struct timespec a, b;

    fixture_open(&f, "create_ms=60,seed=1");
    clock_gettime(CLOCK_MONOTONIC, &a);
    fixture_create(&f, "x", "");
    clock_gettime(CLOCK_MONOTONIC, &b);
    long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    CU_ASSERT(ms >= 58 && ms < 2000);
    fixture_close(&f);
}

static void test_core_dump(void)
{
    struct fixture f;
    char path[64], text[128] = "";

    fixture_open(&f, FAST);
    uint32_t domid = fixture_create(&f, "web", "");
    fixture_state_path(path, sizeof(path));
    CU_ASSERT_EQUAL(
        fixture_wait(&f, f.hv->domain->core_dump(f.hv, domid, path,
                                                 fixture_done, &f, &f.err)),
        0);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof(text), file));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "web"));
    fclose(file);
    unlink(path);
    CU_ASSERT_EQUAL(fixture_wait(&f, f.hv->domain->core_dump(
                                         f.hv, domid, "/nonexistent/core",
                                         fixture_done, &f, &f.err)),
                    VDC_E_HYPERVISOR);
    fixture_close(&f);
}

static void test_thousand_rounds(void)
{
    struct fixture f;
    uint32_t last = 0;

    fixture_open(&f, FAST);
    uint64_t before = fixture_free_kib(&f);
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    for (int i = 0; i < 1000; i++) {
        uint32_t domid = fixture_create(&f, "round", "");
        if (domid != last + 1)
            CU_FAIL("domids do not increase");
        last = domid;
        if (fixture_destroy(&f, domid) != 0)
            CU_FAIL("destroy");
    }
    CU_ASSERT_EQUAL(fixture_free_kib(&f), before);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    fixture_close(&f);
}

static double cpu_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void test_many(void)
{
    struct fixture f;
    struct hv_domain_info *infos;
    char name[16];
    size_t n;
    enum { MANY = 4096 };

    fixture_open(&f, FAST ",memory=1T");
    const char *tree = hv_sim_store_dump(f.hv, f.arena);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        struct hv_domain_config config = fixture_config(name);
        if (f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err))
            CU_FAIL("create");
        if (i == 999) {
            CU_ASSERT(fixture_run(&f, &f.n_done, 1000, 60000));
            double t = cpu_ms();
            CU_ASSERT_EQUAL(
                f.hv->domain->list(f.hv, f.arena, &infos, &n, &f.err), 0);
            t = cpu_ms() - t;
            printf("1,000 domains listed in %.2f ms\n", t);
            CU_ASSERT(t < 10);
        }
    }
    CU_ASSERT(fixture_run(&f, &f.n_done, MANY, 60000));
    CU_ASSERT_EQUAL(f.hv->domain->list(f.hv, f.arena, &infos, &n, &f.err), 0);
    CU_ASSERT_EQUAL(n, MANY + 1);
    for (size_t i = 0; i < n; i++)
        if (infos[i].domid != i)
            CU_FAIL("not in the order of domids");
    f.n_done = 0;
    for (size_t i = 1; i < n; i++)
        if (f.hv->domain->destroy(f.hv, infos[i].domid, fixture_done, &f,
                                  &f.err))
            CU_FAIL("destroy");
    CU_ASSERT(fixture_run(&f, &f.n_done, MANY, 60000));
    CU_ASSERT_EQUAL(fixture_n_domains(&f), 1);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), tree);
    fixture_close(&f);
}

static void close_in_done(void *arg, int rc, const struct vdc_error *err)
{
    struct fixture *f = arg;

    f->n_done++;
    hv_close(f->hv);
    f->hv = NULL;
}

static void test_close(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("web");

    hv_close(NULL);
    fixture_open(&f, FAST);
    uint32_t domid = fixture_create(&f, "x", "");
    f.n_done = 0;
    CU_ASSERT_EQUAL(
        f.hv->domain->create(f.hv, &config, fixture_created, &f, &f.err), 0);
    hv_close(f.hv);
    f.hv = NULL;
    fixture_run(&f, NULL, 0, 20);
    CU_ASSERT_EQUAL(f.n_done, 0); /* abandoned */
    fixture_close(&f);
    fixture_open(&f, FAST);
    domid = fixture_create(&f, "x", "");
    CU_ASSERT_EQUAL(
        f.hv->domain->pause(f.hv, domid, close_in_done, &f, &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->domain->pause(f.hv, domid, close_in_done, &f, &f.err), 0);
    f.n_done = 0;
    fixture_run(&f, &f.n_done, 2, 50);
    CU_ASSERT_EQUAL(f.n_done, 1);
    fixture_close(&f);
}

static const struct unit_test tests[] = {
    { "options", test_options },
    { "life of a domain", test_life },
    { "create fails and leaves nothing", test_create_fails },
    { "devices", test_devices },
    { "no such domain", test_not_found },
    { "rename", test_rename },
    { "two creates of a name at once", test_same_name_at_once },
    { "destroy of a half-made domain", test_destroy_while_created },
    { "latency", test_latency },
    { "core dump", test_core_dump },
    { "1,000 rounds", test_thousand_rounds },
    { "4,096 domains", test_many },
    { "close", test_close },
};

UNIT_MAIN("hv/sim domain", tests)
