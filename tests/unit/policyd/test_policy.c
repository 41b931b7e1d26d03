/* Tests of policyd/policies/policy.c. */
#include "policyd/policies/policy.h"

#include <string.h>

#include "tests/unit/unit.h"

static const char *bridges[] = { "xenbr0", "lan" };
static const struct setting_list bridge_list = { 2, bridges };
static const struct policy policy = { &bridge_list };

static void minimal(struct wire_definition *d)
{
    wire_init(&wire_struct_definition, d);
    d->name = "web";
    d->kernel = "/boot/k";
    d->memory = MEM_MIB(64);
}

static int check(struct wire_definition *d, bool restricted,
                 struct vdc_error *err)
{
    struct reasons reasons = { 0 };

    policy_check(&policy, "acme", restricted, d, &reasons);
    return reasons_error(&reasons, err);
}

static void defaults(void)
{
    struct wire_definition d;
    struct wire_nic nic;

    minimal(&d);
    wire_init(&wire_struct_nic, &nic);
    d.nics = &nic;
    d.n_nics = 1;
    CU_ASSERT_EQUAL(check(&d, true, NULL), 0);
    CU_ASSERT_EQUAL(d.max_memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(d.vcpus, 1);
    CU_ASSERT_EQUAL(d.max_vcpus, 1);
    CU_ASSERT_STRING_EQUAL(nic.bridge, "xenbr0");
}

/* Names that the kernel gives no device, operators do not either. */
static void bridges_named(void)
{
    static const char *const bad[] = {
        "../../x", "/", ".", "..", "a b", "a\tb", "a\nb", "br:1",
        "sixteen-long-aaa", "thirty-four-characters-of-a-bridge"
    };
    static const char *const good[] = {
        "x", "xenbr0", "br0.100", "fifteen-long-aa", "..."
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct reasons reasons = { 0 };
        struct wire_nic nic;
        wire_init(&wire_struct_nic, &nic);
        nic.bridge = bad[i];
        policy_check_nic(&policy, "acme", false, "vif", &nic, &reasons);
        CU_ASSERT_EQUAL(reasons_error(&reasons, NULL), VDC_E_BAD_VALUE);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CU_ASSERT(policy_bridge_valid(good[i], false));
    CU_ASSERT(policy_bridge_valid("ovsbr0.100:200:300", true));
    CU_ASSERT_FALSE(policy_bridge_valid("../../x", true));
}

/* Each thing that customers may not set: refused by name, to operators not. */
#define REFUSED(key, statement)                               \
    do {                                                      \
        struct vdc_error err = { 0 };                         \
        struct wire_definition d;                             \
        minimal(&d);                                          \
        statement;                                            \
        CU_ASSERT_EQUAL(check(&d, true, &err), VDC_E_DENIED); \
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'" key));    \
        minimal(&d);                                          \
        statement;                                            \
        CU_ASSERT_EQUAL(check(&d, false, &err), 0);           \
    } while (0)

static void refused(void)
{
    const char *one[] = { "0" };

    REFUSED("bootloader", d.bootloader = "pygrub");
    REFUSED("pool", d.pool = "p");
    REFUSED("driver_domain", d.driver_domain = true);
    REFUSED("cpus", (d.cpus = one, d.n_cpus = 1));
    REFUSED("cpus_soft", (d.cpus_soft = one, d.n_cpus_soft = 1));
    REFUSED("cpu_weight", d.cpu_weight = 512);
    REFUSED("max_event_channels", d.event_channels = 9);
    REFUSED("max_grant_frames", d.max_grant_frames = 64);
    REFUSED("max_maptrack_frames", d.max_maptrack_frames = 64);
    REFUSED("max_grant_version", d.max_grant_version = 1);
    REFUSED("tsc_mode", d.tsc_mode = "native");
    REFUSED("nestedhvm", d.nestedhvm = WIRE_YES);
    REFUSED("pvshim_path", d.pvshim_path = "/x");
    REFUSED("pvshim_cmdline", d.pvshim_extra = "x");
    REFUSED("nomigrate", d.nomigrate = true);
    REFUSED("on_crash", d.on_crash = WIRE_COREDUMP_RESTART);
    REFUSED("pci", (d.pci = one, d.n_pci = 1));
    struct wire_pool_amount amount = { "fast", 1, 0 };
    REFUSED("pools", (d.pools = &amount, d.n_pools = 1));
    REFUSED("vdc_host_tags", (d.host_tags = one, d.n_host_tags = 1));
    REFUSED("vdc_dedicated", d.dedication = WIRE_PREFERRED);
    REFUSED("vdc_protected", d.protected = true);
    REFUSED("vdc_host", d.host = "h1");
    REFUSED("vdc_domain", d.domain = "rack1");
    const char *others[] = { "bob/db" };
    REFUSED("vdc_groups", (d.groups = others, d.n_groups = 1));
}

static void all_at_once(void)
{
    struct vdc_error err = { 0 };
    struct wire_definition d;
    struct wire_nic nic;

    minimal(&d);
    wire_init(&wire_struct_nic, &nic);
    nic.script = "/x";
    nic.mac = "?";
    d.nics = &nic;
    d.n_nics = 1;
    d.kernel = "";
    d.pool = "p";
    CU_ASSERT_EQUAL(check(&d, true, &err), VDC_E_DENIED);
    CU_ASSERT_EQUAL(strncmp(err.text, "4 reasons: ", 11), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'pool'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'script' of vif 00"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'?' is not the MAC"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'kernel' is missing"));
}

static void refused_devices(void)
{
    struct wire_disk disk;
    struct wire_nic nic;

#define WITH_DISK(statement)                                  \
    (wire_init(&wire_struct_disk, &disk), disk.vdev = "xvda", \
     disk.format = "raw", statement, d.disks = &disk, d.n_disks = 1)
#define WITH_NIC(statement) \
    (wire_init(&wire_struct_nic, &nic), statement, d.nics = &nic, d.n_nics = 1)
    REFUSED("script' of disk xvda", WITH_DISK(disk.script = "/x"));
    REFUSED("backend' of disk xvda", WITH_DISK(disk.backend = "nas"));
    REFUSED("format' of disk xvda", WITH_DISK(disk.format = "qcow2"));
    REFUSED("script' of vif 00", WITH_NIC(nic.script = "/x"));
    REFUSED("backend' of vif 00", WITH_NIC(nic.backend = "net"));
    REFUSED("vifname' of vif 00", WITH_NIC(nic.vifname = "eth0"));
    REFUSED("gatewaydev' of vif 00", WITH_NIC(nic.gatewaydev = "eth0"));
    REFUSED("mtu' of vif 00", WITH_NIC(nic.mtu = 68));
    REFUSED("other'", WITH_NIC(nic.bridge = "other"));
    struct wire_definition d;
    minimal(&d);
    WITH_NIC(nic.bridge = "lan");
    CU_ASSERT_EQUAL(check(&d, true, NULL), 0);
    WITH_NIC(nic.ip = "10.0.0.1; reboot");
    CU_ASSERT_EQUAL(check(&d, true, NULL), VDC_E_BAD_VALUE);
    WITH_NIC(nic.ip = "10.0.0.1/24 fe80::1");
    CU_ASSERT_EQUAL(check(&d, true, NULL), 0);
}

static void nonsense(void)
{
    struct vdc_error err = { 0 };
    struct wire_definition d;

#define NONSENSE(statement, words)                                \
    do {                                                          \
        minimal(&d);                                              \
        statement;                                                \
        CU_ASSERT_EQUAL(check(&d, false, &err), VDC_E_BAD_VALUE); \
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));          \
    } while (0)
    NONSENSE(d.memory.kib = 0, "'memory'");
    NONSENSE(d.max_memory.kib = 1, "'maxmem'");
    NONSENSE(d.memory.kib = UINT64_MAX, "'memory'");
    NONSENSE((d.vcpus = 3, d.max_vcpus = 2), "'maxvcpus'");
    NONSENSE(d.vcpus = 100000, "512");
    NONSENSE(d.kernel = "", "'kernel'");
    const char *features[] = { "avx2", "avx3" };
    NONSENSE((d.cpu_features = features, d.n_cpu_features = 2), "'avx3'");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'vdc_cpu_features'"));
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean avx?");
    minimal(&d);
    d.cpu_features = features;
    d.n_cpu_features = 1;
    CU_ASSERT_EQUAL(check(&d, true, NULL), 0);
}

static void macs(void)
{
    CU_ASSERT(policy_mac_valid("00:16:3e:01:02:ff"));
    CU_ASSERT(policy_mac_valid("0A:16:3E:01:02:FF"));
    CU_ASSERT_FALSE(policy_mac_valid("01:16:3e:01:02:ff"));
    CU_ASSERT_FALSE(policy_mac_valid("00:00:00:00:00:00"));
    CU_ASSERT_FALSE(policy_mac_valid("00:16:3e:01:02:f"));
    CU_ASSERT_FALSE(policy_mac_valid("00:16:3e:01:02:fg"));
    CU_ASSERT_FALSE(policy_mac_valid("00-16-3e-01-02-ff"));
    CU_ASSERT_FALSE(policy_mac_valid(""));
}

static const struct unit_test tests[] = {
    { "what is left out", defaults },
    { "what customers may not set", refused },
    { "what customers may not set of devices", refused_devices },
    { "what makes no sense", nonsense },
    { "all reasons at once", all_at_once },
    { "MAC addresses", macs },
    { "names of bridges", bridges_named },
};

UNIT_MAIN("policyd/policy", tests)
