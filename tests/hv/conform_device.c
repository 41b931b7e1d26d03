/* Devices of domains: attach, detach, lists. */
#include "tests/hv/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hv_disk disk_of(const char *vdev, const char *target)
{
    return (struct hv_disk){ .target = target,
                             .format = "raw",
                             .vdev = vdev,
                             .backend = "",
                             .backendtype = "",
                             .script = "" };
}

static struct hv_nic nic_of(const char *mac)
{
    const char *bridge = getenv("HV_BRIDGE");

    return (struct hv_nic){ .mac = mac,
                            .bridge = bridge ? bridge : "xenbr0",
                            .model = "",
                            .ip = "",
                            .script = "",
                            .backend = "",
                            .vifname = "",
                            .gatewaydev = "" };
}

static size_t list(uint32_t domid, struct hv_device **ret)
{
    size_t n = 0;

    OK(hv->domain->devices(hv, domid, arena, ret, &n, &err));
    return n;
}

struct wanted {
    uint32_t domid;
    const char *name;
    struct hv_device device;
};

static bool find(struct wanted *wanted)
{
    struct hv_device *devices;
    size_t n = 0;

    if (hv->domain->devices(hv, wanted->domid, arena, &devices, &n, NULL) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(devices[i].name, wanted->name) == 0) {
            wanted->device = devices[i];
            return true;
        }
    }
    return false;
}

static bool is_connected(void *arg)
{
    struct wanted *wanted = arg;

    return find(wanted) && wanted->device.state == HV_DEVICE_CONNECTED;
}

/* The device, once the guest has connected to it. */
static struct hv_device connected(uint32_t domid, const char *name)
{
    struct wanted wanted = { .domid = domid, .name = name };

    CHECK(wait_for(is_connected, &wanted, GUEST_MS),
          "%s does not connect (state %d)", name, wanted.device.state);
    return wanted.device;
}

static bool has(uint32_t domid, const char *name)
{
    struct wanted wanted = { .domid = domid, .name = name };

    return find(&wanted);
}

static uint32_t start_with(const char *name, const struct hv_disk *disk,
                           const struct hv_nic *nic)
{
    struct hv_domain_config config = guest(name);

    config.n_disks = disk != NULL;
    config.disks = disk;
    config.n_nics = nic != NULL;
    config.nics = nic;
    return start(&config);
}

static void check_disk(const struct hv_device *device, const char *vdev,
                       uint32_t devid, const char *target)
{
    CHECK(device->kind == HV_DEVICE_DISK, "kind");
    CHECK(device->name && strcmp(device->name, vdev) == 0, "name %s",
          device->name);
    CHECK(device->devid == devid, "devid %u", device->devid);
    CHECK(device->backend_domid == 0, "backend %u", device->backend_domid);
    CHECK(device->target && strcmp(device->target, target) == 0, "target %s",
          device->target);
    CHECK(device->backend_path && strncmp(device->backend_path,
                                          "/local/domain/0/backend/", 24) == 0,
          "backend path %s", device->backend_path);
    CHECK(device->event_channel != 0, "no event channel");
}

static void test_disk(void)
{
    const char *first = image("first"), *second = image("second");
    struct hv_disk disk = disk_of("xvda", first);
    struct hv_disk more = disk_of("xvdb", second);
    uint32_t domid = start_with("conform-disk", &disk, NULL);
    struct hv_device *devices;

    if (domid == HV_DOMID_NONE)
        return;
    struct hv_device device = connected(domid, "xvda");
    check_disk(&device, "xvda", 51712, first);
    CHECK(!device.readonly, "read-only");
    const char *before = store_dump();
    more.readonly = true;
    OK(WAIT(disk_attach, domid, &more));
    device = connected(domid, "xvdb");
    check_disk(&device, "xvdb", 51728, second);
    CHECK(device.readonly, "not read-only");
    CHECK(list(domid, &devices) == 2 && devices[0].devid < devices[1].devid,
          "two disks by number");
    ENDS(VDC_E_EXISTS, WAIT(disk_attach, domid, &more));
    CHECK(list(domid, &devices) == 2, "two disks");
    OK(WAIT(disk_detach, domid, "xvdb", false));
    CHECK(!has(domid, "xvdb") && has(domid, "xvda"), "the other one is left");
    ENDS(VDC_E_NOT_FOUND, WAIT(disk_detach, domid, "xvdb", false));
    ENDS(VDC_E_NOT_FOUND, WAIT(disk_detach, domid, "xvdb", true));
    const char *after = store_dump();
    if (!CHECK(strcmp(before, after) == 0, "xenstore has changed"))
        printf("%s", after);
    OK(WAIT(disk_attach, domid, &more)); /* once more, the same */
    connected(domid, "xvdb");
    end(domid);
    unlink(first);
    unlink(second);
}

static void test_disk_wrong(void)
{
    struct hv_domain_config config = guest("conform-nodisk");
    struct hv_disk disk = disk_of("xvdc", file_path("not-there"));
    struct hv_device *devices;
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    const char *before = store_dump();
    CHECK(WAIT(disk_attach, domid, &disk) != 0, "a file that is not there");
    disk.vdev = "nonsense";
    CHECK(WAIT(disk_attach, domid, &disk) != 0, "a vdev that is none");
    disk = disk_of("xvdc", image("third"));
    disk.backend = "conform-nobody";
    CHECK(WAIT(disk_attach, domid, &disk) != 0, "a backend that is not there");
    unlink(disk.target);
    CHECK(list(domid, &devices) == 0, "a disk is left");
    CHECK(strcmp(before, store_dump()) == 0, "xenstore has changed");
    end(domid);
}

static void test_nic(void)
{
    struct hv_nic nic = nic_of("00:16:3e:00:77:02");
    struct hv_nic more = nic_of("00:16:3e:00:77:0A");
    uint32_t domid = start_with("conform-nic", NULL, &nic);
    struct hv_device *devices;

    if (domid == HV_DOMID_NONE)
        return;
    struct hv_device device = connected(domid, nic.mac);
    CHECK(device.kind == HV_DEVICE_NIC && device.devid == 0, "the first");
    CHECK(device.target && strcmp(device.target, nic.bridge) == 0, "bridge %s",
          device.target);
    const char *before = store_dump();
    OK(WAIT(nic_attach, domid, &more));
    device = connected(domid, "00:16:3e:00:77:0a");
    CHECK(device.kind == HV_DEVICE_NIC && device.devid == 1, "devid %u",
          device.devid);
    CHECK(device.event_channel != 0, "no event channel");
    ENDS(VDC_E_EXISTS, WAIT(nic_attach, domid, &more));
    CHECK(list(domid, &devices) == 2, "two networks");
    OK(WAIT(nic_detach, domid, "00:16:3e:00:77:0a", false));
    CHECK(list(domid, &devices) == 1, "one network");
    ENDS(VDC_E_NOT_FOUND, WAIT(nic_detach, domid, "00:16:3e:00:77:0a", false));
    const char *after = store_dump();
    if (!CHECK(strcmp(before, after) == 0, "xenstore has changed"))
        printf("%s", after);
    end(domid);
}

static void test_order(void)
{
    struct hv_domain_config config = guest("conform-order");
    const char *path = image("order");
    struct hv_disk disks[] = { disk_of("xvdb", path), disk_of("xvda", path) };
    struct hv_nic nics[] = { nic_of("00:16:3e:00:77:05"),
                             nic_of("00:16:3e:00:77:04") };
    static const char *const names[] = { "xvda", "xvdb", "00:16:3e:00:77:05",
                                         "00:16:3e:00:77:04" };
    struct hv_device *devices;
    uint32_t domid;

    disks[0].readonly = disks[1].readonly = true;
    config.n_disks = config.n_nics = 2;
    config.disks = disks;
    config.nics = nics;
    if (OK(make(&config, &domid))) {
        size_t n = list(domid, &devices);
        CHECK(n == 4, "%zu devices", n);
        for (size_t i = 0; i < n && i < 4; i++) {
            CHECK(strcmp(devices[i].name, names[i]) == 0, "%zu is %s", i,
                  devices[i].name);
            CHECK(devices[i].state != HV_DEVICE_CONNECTED,
                  "%s is connected to a guest that does not run",
                  devices[i].name);
        }
        end(domid);
    }
    unlink(path);
}

/* A guest that stands still does not let go, and keeps what it has. */
static void test_keeps(void)
{
    struct hv_nic nic = nic_of("00:16:3e:00:77:06");
    uint32_t domid = start_with("conform-keeps", NULL, &nic);
    struct hv_device *devices;

    if (domid == HV_DOMID_NONE)
        return;
    connected(domid, nic.mac);
    if (!simulated)
        spin(5000); /* from the driver to a system that is up */
    OK(WAIT(pause, domid));
    const char *before = store_dump();
    ENDS(VDC_E_TIMEOUT, WAIT(nic_detach, domid, nic.mac, false));
    CHECK(has(domid, nic.mac), "it has lost the device");
    const char *after = store_dump();
    if (!CHECK(strcmp(before, after) == 0, "xenstore has changed"))
        printf("%s", after);
    OK(WAIT(unpause, domid));
    spin(simulated ? 100 : 2000);
    connected(domid, nic.mac);
    OK(WAIT(nic_detach, domid, nic.mac, false));
    OK(WAIT(nic_attach, domid, &nic));
    connected(domid, nic.mac);
    OK(WAIT(pause, domid));
    OK(WAIT(nic_detach, domid, nic.mac, true));
    CHECK(list(domid, &devices) == 0, "it has the device still");
    end(domid);
}

/* What a guest has never looked at goes without its doing. */
static void test_untouched(void)
{
    struct hv_domain_config config = guest("conform-untouched");
    struct hv_nic nic = nic_of("00:16:3e:00:77:0b");
    uint32_t domid;

    const char *none = store_dump();
    config.n_nics = 1;
    config.nics = &nic;
    if (!OK(make(&config, &domid)))
        return;
    CHECK(has(domid, nic.mac), "it has no device");
    OK(WAIT(nic_detach, domid, nic.mac, false));
    CHECK(!has(domid, nic.mac), "it has the device still");
    end(domid);
    CHECK(strcmp(none, store_dump()) == 0, "xenstore has changed");
}

static void test_attach_paused(void)
{
    struct hv_domain_config config = guest("conform-late");
    struct hv_nic nic = nic_of("00:16:3e:00:77:07");
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    OK(WAIT(nic_attach, domid, &nic));
    CHECK(has(domid, nic.mac), "it has no device");
    OK(WAIT(unpause, domid));
    connected(domid, nic.mac);
    end(domid);
}

static size_t n_assignable(const char ***ret)
{
    size_t n = 0;

    OK(hv->domain->pci_assignable(hv, arena, ret, &n, &err));
    return n;
}

static void test_pci_none(void)
{
    struct hv_domain_config config = guest("conform-nopci");
    const char **bdfs;
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    ENDS(VDC_E_NO_RESOURCE, WAIT(pci_attach, domid, "0000:7f:1f.7"));
    ENDS(VDC_E_NOT_FOUND, WAIT(pci_detach, domid, "0000:7f:1f.7", false));
    printf("    %zu assignable PCI devices\n", n_assignable(&bdfs));
    end(domid);
}

/* Needs a device that is assignable, and on real Xen an IOMMU and a guest
 * with the driver xen-pcifront: without a device nothing is tried. */
static void test_pci(void)
{
    struct hv_domain_config config = guest("conform-pci");
    const char **bdfs, **left;
    size_t n = n_assignable(&bdfs);
    uint32_t domid;

    if (n == 0) {
        skip("no PCI device is assignable");
        return;
    }
    const char *bdf = bdfs[0], *store = store_dump();
    config.n_pci = 1;
    config.pci = &bdf;
    domid = start(&config);
    if (domid == HV_DOMID_NONE)
        return;
    CHECK(has(domid, bdf), "it has no %s", bdf);
    struct hv_device device = connected(domid, bdf);
    CHECK(device.kind == HV_DEVICE_PCI, "kind");
    CHECK(n_assignable(&left) == n - 1, "it is assignable still");
    ENDS(VDC_E_EXISTS, WAIT(pci_attach, domid, bdf));
    OK(WAIT(pci_detach, domid, bdf, false));
    CHECK(!has(domid, bdf), "it has %s still", bdf);
    CHECK(n_assignable(&left) == n, "it is not assignable again");
    OK(WAIT(pci_attach, domid, bdf));
    CHECK(has(domid, bdf), "it has no %s", bdf);
    connected(domid, bdf);
    OK(WAIT(pci_detach, domid, bdf, true));
    CHECK(!has(domid, bdf), "it has %s still", bdf);
    CHECK(n_assignable(&left) == n, "it is not assignable again");
    OK(WAIT(pci_attach, domid, bdf));
    end(domid);
    CHECK(n_assignable(&left) == n, "a dead domain has it");
    const char *after = store_dump();
    if (!CHECK(strcmp(store, after) == 0, "xenstore has changed"))
        printf("%s", after);
}

static void test_usage(void)
{
    const char *path = image("usage");
    struct hv_disk disk = disk_of("xvda", path);
    struct hv_nic nic = nic_of("00:16:3e:00:77:08");
    uint32_t domid = start_with("conform-usage", &disk, NULL);
    struct hv_usage before = { 0 }, after = { 0 };

    if (domid == HV_DOMID_NONE)
        return;
    connected(domid, "xvda");
    OK(hv->domain->usage(hv, domid, &before, &err));
    CHECK(before.event_channels > 0, "no event channels");
    CHECK(before.grant_frames > 0 &&
              before.grant_frames <= before.max_grant_frames,
          "%u grant frames of %u", before.grant_frames,
          before.max_grant_frames);
    OK(WAIT(nic_attach, domid, &nic));
    connected(domid, nic.mac);
    OK(hv->domain->usage(hv, domid, &after, &err));
    CHECK(after.event_channels > before.event_channels,
          "%u event channels, and %u before", after.event_channels,
          before.event_channels);
    end(domid);
    unlink(path);
}

const struct test device_tests[] = {
    { "device: disk", test_disk },
    { "device: disks that cannot be", test_disk_wrong },
    { "device: network", test_nic },
    { "device: order", test_order },
    { "device: a guest that keeps one", test_keeps },
    { "device: what was never looked at", test_untouched },
    { "device: attached to a guest that does not run", test_attach_paused },
    { "device: PCI, what cannot be", test_pci_none },
    { "device: PCI", test_pci },
    { "device: usage of tables", test_usage },
    { NULL, NULL },
};
