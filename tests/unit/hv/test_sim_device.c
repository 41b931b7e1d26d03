/*
 * Devices of simulated domains: attach and detach with guests that do not
 * play along, domains that end in the middle, and what is left in the store.
 */
#include "tests/unit/hv/sim_fixture.h"

#define HOST FAST ",clock=stopped"
#define BDF "0000:03:00.0"
#define MAC "00:16:3e:00:00:01"

static const struct hv_disk disk = {
    .target = "/proc/self/exe", .vdev = "xvdb", .backend = "", .readonly = true
};
static const struct hv_nic nic = { .mac = MAC,
                                   .bridge = "br7",
                                   .backend = "" };

/* The three kinds, each with its own functions. */
static int attach(struct fixture *f, enum hv_device_kind kind, uint32_t domid)
{
    const struct hv_domain_ops *ops = f->hv->domain;

    switch (kind) {
    case HV_DEVICE_DISK:
        return ops->disk_attach(f->hv, domid, &disk, fixture_done, f, &f->err);
    case HV_DEVICE_NIC:
        return ops->nic_attach(f->hv, domid, &nic, fixture_done, f, &f->err);
    case HV_DEVICE_PCI:
        return ops->pci_attach(f->hv, domid, BDF, fixture_done, f, &f->err);
    }
    return VDC_E_INTERNAL;
}

static int detach(struct fixture *f, enum hv_device_kind kind, uint32_t domid,
                  bool force)
{
    const struct hv_domain_ops *ops = f->hv->domain;

    switch (kind) {
    case HV_DEVICE_DISK:
        return ops->disk_detach(f->hv, domid, "xvdb", force, fixture_done, f,
                                &f->err);
    case HV_DEVICE_NIC:
        return ops->nic_detach(f->hv, domid, MAC, force, fixture_done, f,
                               &f->err);
    case HV_DEVICE_PCI:
        return ops->pci_detach(f->hv, domid, BDF, force, fixture_done, f,
                               &f->err);
    }
    return VDC_E_INTERNAL;
}

static const char *const names[] = {
    [HV_DEVICE_DISK] = "xvdb", [HV_DEVICE_NIC] = MAC, [HV_DEVICE_PCI] = BDF
};

#define EACH_KIND(kind)                                                    \
    for (enum hv_device_kind kind = HV_DEVICE_DISK; kind <= HV_DEVICE_PCI; \
         kind++)

/* Moves the clock in small steps until the answer is there; gives the
 * milliseconds that it took, at most `ms`. */
static unsigned until_done(struct fixture *f, unsigned ms)
{
    unsigned passed = 0;

    fixture_run(f, &f->n_done, 1, 2);
    while (f->n_done == 0 && passed < ms) {
        hv_sim_advance(f->hv, 100);
        passed += 100;
        fixture_run(f, &f->n_done, 1, 2);
    }
    return passed;
}

static const char *state_of(struct fixture *f, const char *path)
{
    const char *value = "";

    f->hv->store->read(f->hv, path, f->arena, &value, NULL);
    return value;
}

static void test_life(void)
{
    struct fixture f;
    struct hv_device device;

    fixture_open(&f, FAST);
    EACH_KIND(kind)
    {
        char name[2] = { (char)('a' + kind), '\0' };
        uint32_t domid = fixture_start(&f, name, "");
        const char *before = hv_sim_store_dump(f.hv, f.arena);
        CU_ASSERT_EQUAL(fixture_wait(&f, attach(&f, kind, domid)), 0);
        CU_ASSERT(fixture_device(&f, domid, names[kind], &device));
        CU_ASSERT_EQUAL(device.kind, kind);
        CU_ASSERT_EQUAL(device.state, HV_DEVICE_CONNECTED);
        CU_ASSERT_EQUAL(device.backend_domid, 0);
        CU_ASSERT_NOT_EQUAL(device.event_channel, 0);
        CU_ASSERT_STRING_EQUAL(state_of(&f, arena_printf(f.arena, "%s/state",
                                                         device.backend_path)),
                               "4");
        CU_ASSERT_EQUAL(fixture_wait(&f, attach(&f, kind, domid)),
                        VDC_E_EXISTS);
        CU_ASSERT_EQUAL(fixture_wait(&f, detach(&f, kind, domid, false)), 0);
        CU_ASSERT_EQUAL(fixture_wait(&f, detach(&f, kind, domid, false)),
                        VDC_E_NOT_FOUND);
        CU_ASSERT_EQUAL(fixture_wait(&f, detach(&f, kind, domid, true)),
                        VDC_E_NOT_FOUND);
        CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
    }
    fixture_close(&f);
}

static void test_details(void)
{
    struct fixture f;
    struct hv_device device;
    struct hv_disk wrong = disk;

    fixture_open(&f, FAST);
    uint32_t domid = fixture_start(&f, "g", "");
    CU_ASSERT_EQUAL(fixture_wait(&f, attach(&f, HV_DEVICE_DISK, domid)), 0);
    CU_ASSERT(fixture_device(&f, domid, "xvdb", &device));
    CU_ASSERT_EQUAL(device.devid, 51728);
    CU_ASSERT(device.readonly);
    CU_ASSERT_STRING_EQUAL(device.target, "/proc/self/exe");
    CU_ASSERT_STRING_EQUAL(device.backend_path,
                           "/local/domain/0/backend/vbd/1/51728");
    CU_ASSERT_EQUAL(fixture_wait(&f, attach(&f, HV_DEVICE_NIC, domid)), 0);
    CU_ASSERT(fixture_device(&f, domid, MAC, &device));
    CU_ASSERT_STRING_EQUAL(device.target, "br7");
    wrong.target = "/nowhere/disk.img";
    wrong.vdev = "xvdc";
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, disk_attach, domid, &wrong),
                    VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "/nowhere/disk.img"));
    wrong = disk;
    wrong.vdev = "xvd";
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, disk_attach, domid, &wrong),
                    VDC_E_HYPERVISOR);
    wrong.vdev = "xvdc";
    wrong.backend = "nobody";
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, disk_attach, domid, &wrong),
                    VDC_E_HYPERVISOR);
    CU_ASSERT(!fixture_device(&f, domid, "xvdc", &device));
    CU_ASSERT_EQUAL(
        FIXTURE_WAIT(&f, nic_detach, domid, "00:16:3E:00:00:01", false), 0);
    fixture_close(&f);
}

/* The time that libxl gives a guest, on the host's clock. */
static void test_ignored(void)
{
    struct fixture f;
    struct hv_device device;

    EACH_KIND(kind)
    {
        fixture_open(&f, HOST);
        uint32_t domid = fixture_create(&f, "g", "sim.detach=ignore");
        fixture_unpause(&f, domid);
        const char *before = hv_sim_store_dump(f.hv, f.arena);
        f.n_done = 0;
        CU_ASSERT_EQUAL(attach(&f, kind, domid), 0);
        until_done(&f, 1000);
        CU_ASSERT_EQUAL(f.rc, 0);
        f.n_done = 0;
        CU_ASSERT_EQUAL(detach(&f, kind, domid, false), 0);
        CU_ASSERT_EQUAL(until_done(&f, 20000), 10000);
        CU_ASSERT_EQUAL(f.rc, VDC_E_TIMEOUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, names[kind]));
        CU_ASSERT(fixture_device(&f, domid, names[kind], &device));
        CU_ASSERT_EQUAL(device.state, HV_DEVICE_CONNECTED);
        f.n_done = 0;
        CU_ASSERT_EQUAL(detach(&f, kind, domid, true), 0);
        until_done(&f, 1000);
        CU_ASSERT_EQUAL(f.rc, 0);
        CU_ASSERT(!fixture_device(&f, domid, names[kind], &device));
        CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
        fixture_close(&f);
    }
}

/* In the middle of the wait the guest gives in, shuts down or is destroyed. */
static void test_in_the_middle(void)
{
    struct fixture f;
    static const int want[] = { 0, VDC_E_TIMEOUT, VDC_E_NOT_FOUND };

    for (int what = 0; what < 3; what++) {
        fixture_open(&f, HOST);
        uint32_t domid = fixture_create(&f, "g", "sim.detach=ignore");
        fixture_unpause(&f, domid);
        f.n_done = 0;
        attach(&f, HV_DEVICE_NIC, domid);
        until_done(&f, 1000);
        f.n_done = 0;
        CU_ASSERT_EQUAL(detach(&f, HV_DEVICE_NIC, domid, false), 0);
        CU_ASSERT_EQUAL(until_done(&f, 5000), 5000);
        if (what == 0)
            hv_sim_guest_words(f.hv, domid, "sim.detach=willing", &f.err);
        else if (what == 1)
            hv_sim_guest_stop(f.hv, domid, HV_SHUTDOWN_CRASH, &f.err);
        else
            hv_sim_foreign_destroy(f.hv, domid, &f.err);
        unsigned more = until_done(&f, 20000);
        CU_ASSERT_EQUAL(f.rc, want[what]);
        CU_ASSERT(what == 1 ? more == 5000 : more <= 200);
        fixture_close(&f);
    }
}

/* Before the backend serves it, the domain is destroyed, or what was made of
 * the device is taken away. */
static void attach_disturbed(enum hv_device_kind kind, bool destroy)
{
    struct fixture f;

    fixture_open(&f, HOST ",attach_ms=2000");
    uint32_t domid = fixture_create(&f, "g", "");
    const char *before = hv_sim_store_dump(f.hv, f.arena);
    f.n_done = 0;
    CU_ASSERT_EQUAL(attach(&f, kind, domid), 0);
    CU_ASSERT_EQUAL(until_done(&f, 500), 500);
    if (destroy) {
        hv_sim_foreign_destroy(f.hv, domid, &f.err);
    } else {
        CU_ASSERT_EQUAL(detach(&f, kind, domid, true), 0);
        until_done(&f, 100);
        CU_ASSERT_EQUAL(f.rc, 0);
        f.n_done = 0;
    }
    until_done(&f, 3000);
    CU_ASSERT_EQUAL(f.rc, destroy ? VDC_E_NOT_FOUND : VDC_E_HYPERVISOR);
    if (!destroy)
        CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
    fixture_close(&f);
}

static void test_attach_in_the_middle(void)
{
    EACH_KIND(kind)
    {
        attach_disturbed(kind, true);
        attach_disturbed(kind, false);
    }
}

/* Two at once for the same name: one gets it. */
static void test_two_at_once(void)
{
    struct fixture f, g;

    EACH_KIND(kind)
    {
        fixture_open(&f, HOST ",attach_ms=1000");
        uint32_t domid = fixture_create(&f, "g", "");
        memset(&g, 0, sizeof(g));
        g.hv = f.hv;
        f.n_done = 0;
        CU_ASSERT_EQUAL(attach(&f, kind, domid), 0);
        CU_ASSERT_EQUAL(attach(&g, kind, domid), 0);
        until_done(&f, 5000);
        CU_ASSERT_EQUAL(f.rc, 0);
        CU_ASSERT_EQUAL(g.n_done, 1);
        CU_ASSERT_EQUAL(g.rc, VDC_E_EXISTS);
        fixture_close(&f);
    }
}

static void test_faults(void)
{
    static const char *const calls[] = { [HV_DEVICE_DISK] = "disk",
                                         [HV_DEVICE_NIC] = "nic",
                                         [HV_DEVICE_PCI] = "pci" };
    struct fixture f;
    struct hv_device device;

    EACH_KIND(kind)
    {
        fixture_open(&f, HOST);
        uint32_t domid = fixture_create(&f, "g", "");
        const char *before = hv_sim_store_dump(f.hv, f.arena);
        hv_sim_fault(f.hv,
                     arena_printf(f.arena,
                                  "fail:%s_attach:1;refuse:%s_attach:2;"
                                  "hang:%s_attach:3;hang-after:%s_attach:4;"
                                  "fail:%s_detach:1",
                                  calls[kind], calls[kind], calls[kind],
                                  calls[kind], calls[kind]),
                     NULL);
        f.n_done = 0;
        CU_ASSERT_EQUAL(attach(&f, kind, domid), 0);
        until_done(&f, 1000);
        CU_ASSERT_EQUAL(f.rc, VDC_E_HYPERVISOR);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "simulated fault"));
        CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
        CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
        CU_ASSERT_EQUAL(attach(&f, kind, domid), VDC_E_HYPERVISOR);
        f.n_done = 0;
        CU_ASSERT_EQUAL(attach(&f, kind, domid), 0); /* hangs */
        CU_ASSERT_EQUAL(until_done(&f, 2000), 2000);
        CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
        CU_ASSERT_EQUAL(attach(&f, kind, domid), 0); /* hangs after */
        CU_ASSERT_EQUAL(until_done(&f, 2000), 2000);
        CU_ASSERT(fixture_device(&f, domid, names[kind], &device));
        CU_ASSERT_EQUAL(detach(&f, kind, domid, true), 0);
        until_done(&f, 2000);
        CU_ASSERT_EQUAL(f.rc, VDC_E_HYPERVISOR);
        CU_ASSERT(fixture_device(&f, domid, names[kind], &device));
        fixture_close(&f);
    }
}

static void test_pci(void)
{
    struct fixture f;
    struct hv_domain_config config = fixture_config("with");
    static const char *const bdfs[] = { "0000:03:00.1" };

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
    config.n_pci = 1;
    config.pci = bdfs;
    CU_ASSERT_EQUAL_FATAL(fixture_create_config(&f, &config), 0);
    uint32_t with = f.domid;
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 1);
    uint32_t domid = fixture_start(&f, "g", "");
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_attach, domid, bdfs[0]),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "domain 1's"));
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_detach, domid, bdfs[0], true),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_attach, domid, "0000:04:00.0"),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_attach, domid, "nonsense"),
                    VDC_E_NO_RESOURCE);
    struct hv_domain_config other = fixture_config("other");
    other.n_pci = 1;
    other.pci = bdfs;
    CU_ASSERT_EQUAL(fixture_create_config(&f, &other), VDC_E_NO_RESOURCE);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_attach, with, BDF), 0);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 0);
    struct hv_device *devices;
    size_t n;
    f.hv->domain->devices(f.hv, with, f.arena, &devices, &n, &f.err);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_STRING_EQUAL(devices[0].name, BDF);
    CU_ASSERT_STRING_EQUAL(devices[1].name, bdfs[0]);
    CU_ASSERT_EQUAL(fixture_destroy(&f, with), 0);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, pci_attach, domid, bdfs[0]), 0);
    hv_sim_power_cut(f.hv);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
    fixture_close(&f);
}

static void test_pci_option(void)
{
    static const char *const bad[] = {
        "pci=", "pci=03:00.0", "pci=0000:03:00.0+", "pci=0000-03-00-0",
        "pci=0000:03:00.0+0000:03:00.0+0000:03:00.0+0000:03:00.0+"
        "0000:03:00.0+0000:03:00.0+0000:03:00.0+0000:03:00.0+"
        "0000:03:00.0+0000:03:00.0+0000:03:00.0+0000:03:00.0+"
        "0000:03:00.0+0000:03:00.0+0000:03:00.0+0000:03:00.0+"
        "0000:03:00.0"
    };
    struct fixture f;
    char path[64], options[224];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(fixture_try(&f, bad[i]), VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "none, or at most 16"));
        fixture_close(&f);
    }
    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "pci=none,state=%s", path);
    fixture_open(&f, options);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 0);
    fixture_close(&f);
    snprintf(options, sizeof(options), "state=%s", path);
    fixture_open(&f, options); /* as it was made */
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 0);
    fixture_close(&f);
    snprintf(options, sizeof(options), "pci=" BDF ",state=%s", path);
    CU_ASSERT_EQUAL(fixture_try(&f, options), VDC_E_BAD_VALUE);
    fixture_close(&f);
    unlink(path);
    fixture_open(&f, "pci=0000:0a:1f.7");
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 1);
    fixture_close(&f);
}

/* Networks are numbered on from the last; ports are never the same. */
static void test_numbers(void)
{
    struct fixture f;
    char mac[18];
    struct hv_nic more = nic;
    struct hv_device *devices;
    size_t n;

    fixture_open(&f, FAST);
    uint32_t domid = fixture_start(&f, "g", "");
    for (unsigned i = 0; i < 20; i++) {
        snprintf(mac, sizeof(mac), "00:16:3e:00:01:%02x", i);
        more.mac = mac;
        CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_attach, domid, &more), 0);
    }
    CU_ASSERT_EQUAL(
        FIXTURE_WAIT(&f, nic_detach, domid, "00:16:3e:00:01:05", false), 0);
    more.mac = "00:16:3e:00:02:00";
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_attach, domid, &more), 0);
    f.hv->domain->devices(f.hv, domid, f.arena, &devices, &n, &f.err);
    CU_ASSERT_EQUAL_FATAL(n, 20);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(devices[i].devid, i < 5 ? i : i + 1);
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_NOT_EQUAL(devices[i].event_channel,
                                devices[j].event_channel);
    }
    fixture_close(&f);
}

/* A backend in a driver domain, which then dies. */
static void test_backend_domain(void)
{
    struct fixture f;
    struct hv_device device;
    struct hv_nic away = nic;

    fixture_open(&f, FAST);
    uint32_t driver = fixture_start(&f, "driver", "");
    uint32_t domid = fixture_start(&f, "g", "");
    away.backend = "driver";
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_attach, domid, &away), 0);
    CU_ASSERT(fixture_device(&f, domid, MAC, &device));
    CU_ASSERT_EQUAL(device.backend_domid, driver);
    CU_ASSERT_STRING_EQUAL(device.backend_path,
                           "/local/domain/1/backend/vif/2/0");
    fixture_destroy(&f, driver);
    CU_ASSERT(fixture_device(&f, domid, MAC, &device));
    CU_ASSERT_STRING_EQUAL(device.target, "br7");
    CU_ASSERT_EQUAL(FIXTURE_WAIT(&f, nic_detach, domid, MAC, true), 0);
    CU_ASSERT(!fixture_device(&f, domid, MAC, &device));
    fixture_close(&f);
}

/* What one process attaches another sees and detaches. */
static void test_two_processes(void)
{
    struct fixture f, g;
    struct hv_device device;
    char path[64], options[224];

    fixture_state_path(path, sizeof(path));
    snprintf(options, sizeof(options), "%s,state=%s", FAST, path);
    fixture_open(&f, options);
    uint32_t domid = fixture_start(&f, "g", "");
    const char *before = hv_sim_store_dump(f.hv, f.arena);
    EACH_KIND(kind)
    CU_ASSERT_EQUAL(fixture_wait(&f, attach(&f, kind, domid)), 0);
    fixture_open(&g, options);
    CU_ASSERT(fixture_device(&g, domid, BDF, &device));
    CU_ASSERT_EQUAL(fixture_n_assignable(&g), 1);
    EACH_KIND(kind)
    CU_ASSERT_EQUAL(fixture_wait(&g, detach(&g, kind, domid, false)), 0);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
    CU_ASSERT_EQUAL(fixture_n_assignable(&f), 2);
    fixture_close(&f);
    fixture_close(&g);
    unlink(path);
}

static const struct unit_test tests[] = {
    { "attach and detach", test_life },
    { "details", test_details },
    { "a guest that does not let go", test_ignored },
    { "detach, and something happens", test_in_the_middle },
    { "attach, and something happens", test_attach_in_the_middle },
    { "two at once", test_two_at_once },
    { "faults", test_faults },
    { "PCI devices", test_pci },
    { "PCI devices of the host", test_pci_option },
    { "numbers", test_numbers },
    { "a driver domain", test_backend_domain },
    { "two processes", test_two_processes },
};

UNIT_MAIN("hv/sim device", tests)
