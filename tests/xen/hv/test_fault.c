/* What goes wrong, and what is said and left then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/xen/hv/bedtest.h"

static char *everything(void)
{
    return arena_printf(arena, "%s%s%s", store_below("/local/domain"),
                        store_below("/libxl"), store_below("/vm"));
}

static uint64_t free_kib(void)
{
    struct hv_host_info info = { 0 };

    hv->domain->host_info(hv, arena, &info, NULL);
    return info.free_memory.kib;
}

/* Tries to create it, and checks the code, a word of the text, and that
 * nothing is left. */
static void refuse(const struct hv_domain_config *config, int code,
                   const char *word)
{
    struct vdc_error err = { 0 };
    char *before = everything();
    uint64_t memory = free_kib();
    uint32_t domid;
    int rc = make(config, &domid, &err);

    printf("    %s: %s\n", vdc_error_name(rc), err.text);
    if (err.hint[0])
        printf("      hint: %s\n", err.hint);
    CHECK(rc == code && err.code == code, "%s instead of %s",
          vdc_error_name(rc), vdc_error_name(code));
    CHECK(strstr(err.text, word) != NULL, "\"%s\" is not in it", word);
    CHECK(domid == HV_DOMID_NONE, "a domid");
    if (rc == 0)
        destroy(domid, NULL);
    char *after = everything();
    if (!CHECK(strcmp(before, after) == 0, "xenstore has changed"))
        printf("%s", after);
    for (int i = 0; i < 50 && free_kib() != memory; i++)
        spin(100);
    CHECK(free_kib() == memory, "free memory was %llu KiB, is %llu",
          (unsigned long long)memory, (unsigned long long)free_kib());
}

static void test_files(void)
{
    struct hv_domain_config config = guest("faulty", HV_DOMAIN_PV, "");

    config.kernel = "/nowhere/vmlinuz";
    refuse(&config, VDC_E_NO_FILE, "/nowhere/vmlinuz");
    config.type = HV_DOMAIN_PVH;
    refuse(&config, VDC_E_NO_FILE, "/nowhere/vmlinuz");
    config.kernel = KERNEL;
    config.ramdisk = "/nowhere/initrd";
    refuse(&config, VDC_E_NO_FILE, "/nowhere/initrd");
    config.ramdisk = RAMDISK;
    config.kernel = "/etc/passwd";
    refuse(&config, VDC_E_HYPERVISOR, "faulty");
    config.type = HV_DOMAIN_PV;
    refuse(&config, VDC_E_HYPERVISOR, "faulty");
    config.kernel = "";
    config.bootloader = "/nowhere/pygrub";
    refuse(&config, VDC_E_NO_FILE, "/nowhere/pygrub");
}

static void test_devices(void)
{
    struct hv_domain_config config = guest("faulty", HV_DOMAIN_PVH, "");
    struct hv_disk disk = { .target = "/nowhere/disk.img",
                            .format = "raw",
                            .vdev = "xvda" };
    struct hv_nic nic = { .mac = "00:16:3e:00:00:01", .bridge = "nobridge" };

    config.n_disks = 1;
    config.disks = &disk;
    refuse(&config, VDC_E_HYPERVISOR, "/nowhere/disk.img");
    config.n_disks = 0;
    config.n_nics = 1;
    config.nics = &nic;
    refuse(&config, VDC_E_HYPERVISOR, "nobridge");
    nic.bridge = "";
    nic.backend = "nodomain";
    refuse(&config, VDC_E_NOT_FOUND, "nodomain");
    disk.backend = "nodomain";
    config.n_nics = 0;
    config.n_disks = 1;
    refuse(&config, VDC_E_NOT_FOUND, "nodomain");
}

static void test_values(void)
{
    struct hv_domain_config config = guest("faulty", HV_DOMAIN_PV, "");
    const char *cpus[] = { "0-99" }, *cpuid[] = { "host,nosuchflag=0" };
    struct hv_disk disk = { .target = "/x", .format = "zip", .vdev = "xvda" };
    struct hv_nic nic = { .mac = "00:16:3e:00:00:0g" };

    config.n_nics = 1;
    config.nics = &nic;
    refuse(&config, VDC_E_BAD_VALUE, "00:16:3e:00:00:0g");
    config.n_nics = 0;
    config.n_disks = 1;
    config.disks = &disk;
    refuse(&config, VDC_E_BAD_VALUE, "zip");
    config.n_disks = 0;
    config.n_hard_affinity = 1;
    config.hard_affinity = cpus;
    refuse(&config, VDC_E_BAD_VALUE, "0-99");
    config.n_hard_affinity = 0;
    config.n_cpuid = 1;
    config.cpuid = cpuid;
    refuse(&config, VDC_E_BAD_VALUE, "nosuchflag");
    config.n_cpuid = 0;
    config.tsc_mode = "fast";
    refuse(&config, VDC_E_BAD_VALUE, "fast");
    config.tsc_mode = "";
    config.cpupool = "nopool";
    refuse(&config, VDC_E_HYPERVISOR, "nopool");
    config.cpupool = "";
    config.type = HV_DOMAIN_HVM;
    refuse(&config, VDC_E_UNSUPPORTED, "HVM");
}

static void test_memory(void)
{
    struct hv_domain_config config = guest("huge", HV_DOMAIN_PV, "");
    struct vdc_error err;
    struct mem needed = { 0 };

    CHECK(hv->domain->memory_needed(hv, &config, &needed, &err) == 0, "%s",
          err.text);
    printf("    128 MiB PV take %llu KiB\n", (unsigned long long)needed.kib);
    CHECK(needed.kib >= 128 * 1024 && needed.kib < 160 * 1024, "needed");
    config.type = HV_DOMAIN_PVH;
    CHECK(hv->domain->memory_needed(hv, &config, &needed, &err) == 0, "%s",
          err.text);
    printf("    128 MiB PVH take %llu KiB\n", (unsigned long long)needed.kib);
    config.memory = config.max_memory = MEM_GIB(64);
    refuse(&config, VDC_E_NO_MEMORY, "64");
    config.type = HV_DOMAIN_PV;
    refuse(&config, VDC_E_NO_MEMORY, "huge");
}

static void test_names(void)
{
    struct hv_domain_config config = guest("taken", HV_DOMAIN_PV, "");
    struct outcome first = { 0 }, second = { 0 };
    struct vdc_error err;
    uint32_t other;

    CHECK(hv->domain->create(hv, &config, on_created, &first, &err) == 0, "%s",
          err.text);
    CHECK(hv->domain->create(hv, &config, on_created, &second, &err) ==
              VDC_E_EXISTS,
          "twice at once");
    printf("    %s\n", err.text);
    CHECK(wait_for(is_done, &first, 60000) && first.rc == 0, "%s",
          first.err.text);
    uuid_random(&config.uuid);
    refuse(&config, VDC_E_EXISTS, "taken");
    config.name = "other";
    if (CHECK(make(&config, &other, &err) == 0, "%s", err.text)) {
        CHECK(hv->domain->rename(hv, other, "taken", &err) == VDC_E_EXISTS,
              "rename to a name that is taken");
        CHECK(hv->domain->rename(hv, other, "another", &err) == 0, "%s",
              err.text);
        struct hv_domain_info info;
        CHECK(hv->domain->info(hv, other, arena, &info, &err) == 0 &&
                  strcmp(info.name, "another") == 0,
              "renamed");
        CHECK(destroy(other, &err) == 0, "%s", err.text);
    }
    CHECK(destroy(first.domid, &err) == 0, "%s", err.text);
}

static void test_no_domain(void)
{
    struct vdc_error err = { 0 };
    const char *path;

    CHECK(destroy(30000, &err) == VDC_E_NOT_FOUND, "destroy: %s", err.text);
    CHECK(unpause(30000, &err) == VDC_E_NOT_FOUND, "unpause: %s", err.text);
    CHECK(ask(30000, HV_SHUTDOWN_POWEROFF, &err) == VDC_E_NOT_FOUND,
          "shutdown: %s", err.text);
    CHECK(hv->domain->rename(hv, 30000, "x", &err) == VDC_E_NOT_FOUND,
          "rename: %s", err.text);
    CHECK(hv->domain->console_path(hv, 30000, arena, &path, &err) ==
              VDC_E_NOT_FOUND,
          "console: %s", err.text);
    CHECK(hv->domain->set_memory_target(hv, 30000, MEM_MIB(64), &err) ==
              VDC_E_NOT_FOUND,
          "memory: %s", err.text);
    CHECK(destroy(0, &err) == VDC_E_BAD_VALUE, "dom0: %s", err.text);
    CHECK(ask(0, HV_SHUTDOWN_POWEROFF, &err) == VDC_E_BAD_VALUE, "dom0: %s",
          err.text);
}

static uint32_t domid_of(const char *name)
{
    struct hv_domain_info *list;
    size_t n;

    if (hv->domain->list(hv, arena, &list, &n, NULL) != 0)
        return HV_DOMID_NONE;
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].domid;
    return HV_DOMID_NONE;
}

static void must_not(void *arg, int rc, const struct vdc_error *err,
                     uint32_t domid)
{
    CHECK(false, "`done` after close");
}

static void must_not_done(void *arg, int rc, const struct vdc_error *err)
{
    CHECK(false, "`done` after close");
}

/* Closing with a create and a destroy under way: neither is reported, and
 * both go on by themselves. */
static void test_abandoned(void)
{
    struct hv_domain_config config = guest("abandoned", HV_DOMAIN_PV, "");
    struct hv_domain_config victim = guest("victim", HV_DOMAIN_PV, "");
    struct vdc_error err;
    struct hv *second;
    uint32_t domid;

    if (!CHECK(make(&victim, &domid, &err) == 0, "%s", err.text) ||
        !CHECK(hv_open("xen", base, &second, &err) == 0, "%s", err.text))
        return;
    CHECK(second->domain->watch(second, domid, &err) == 0, "watch");
    CHECK(second->domain->create(second, &config, must_not, NULL, &err) == 0,
          "%s", err.text);
    CHECK(second->domain->destroy(second, domid, must_not_done, NULL, &err) ==
              0,
          "%s", err.text);
    hv_close(second);
    for (int i = 0; i < 100 && domid_of("abandoned") == HV_DOMID_NONE; i++)
        spin(100);
    spin(5000);
    CHECK(domid_of("abandoned") != HV_DOMID_NONE, "it was not made");
    destroy(domid_of("abandoned"), NULL);
    if (domid_of("victim") != HV_DOMID_NONE)
        CHECK(destroy(domid, &err) == 0, "%s", err.text);
    CHECK(domid_of("victim") == HV_DOMID_NONE, "the victim is still there");
}

const struct test fault_tests[] = {
    { "fault: files", test_files },
    { "fault: devices", test_devices },
    { "fault: values", test_values },
    { "fault: memory", test_memory },
    { "fault: names", test_names },
    { "fault: no such domain", test_no_domain },
    { "fault: closed while working", test_abandoned },
    { NULL, NULL },
};
