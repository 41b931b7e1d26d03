/* Devices that come and go while the guest runs, and what is left of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/xen/hv/bedtest.h"

#define DISK "/root/test-hotplug.img"
#define DETACH_MS 10000 /* hv.h: libxl's time */

static char mac[] = "00:16:3e:00:00:aa", xvdb[] = "xvdb";
static uint32_t domid;

static int attach_disk(const struct hv_disk *disk, struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(
        &outcome,
        hv->domain->disk_attach(hv, domid, disk, on_done, &outcome, err), err);
}

static int detach_disk(const char *vdev, bool force, struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(&outcome,
                  hv->domain->disk_detach(hv, domid, vdev, force, on_done,
                                          &outcome, err),
                  err);
}

static int attach_nic(const struct hv_nic *nic, struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(
        &outcome,
        hv->domain->nic_attach(hv, domid, nic, on_done, &outcome, err), err);
}

static int detach_nic(const char *name, bool force, struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(
        &outcome,
        hv->domain->nic_detach(hv, domid, name, force, on_done, &outcome, err),
        err);
}

static int pause_guest(struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    return outcome_finish(&outcome,
                  hv->domain->pause(hv, domid, on_done, &outcome, err), err);
}

static struct hv_device *device(const char *name)
{
    struct hv_device *list;
    size_t n;

    if (hv->domain->devices(hv, domid, arena, &list, &n, NULL) != 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool is_connected(void *arg)
{
    const struct hv_device *found = device(arg);

    return found && found->state == HV_DEVICE_CONNECTED;
}

/* Loop devices in use, and network interfaces of guests. */
static char *of_dom0(void)
{
    FILE *f = popen("losetup -a; ls /sys/class/net | grep ^vif", "r");
    char *text = arena_strdup(arena, ""), line[256];

    while (f && fgets(line, sizeof(line), f))
        text = arena_printf(arena, "%s%s", text, line);
    if (f)
        pclose(f);
    return text;
}

static char *everything(void)
{
    return arena_printf(
        arena, "%s%s%s%s",
        store_below(arena_printf(arena, "/local/domain/%u/device", domid)),
        store_below("/local/domain/0/backend"),
        store_below(arena_printf(arena, "/libxl/%u/device", domid)),
        of_dom0());
}

/* The kernel lets go of a loop device and of an interface a moment later. */
static void check_as_before(const char *before)
{
    for (int i = 0; i < 50 && strcmp(before, everything()) != 0; i++)
        spin(100);
    if (!CHECK(strcmp(before, everything()) == 0, "something is left"))
        printf("before:\n%safter:\n%s", before, everything());
}

static void test_begin(void)
{
    struct hv_domain_config config = guest("hotplug", HV_DOMAIN_PV, "");
    struct vdc_error err;

    CHECK(system("truncate -s 16M " DISK) == 0, "no disk");
    if (CHECK(make(&config, &domid, &err) == 0, "%s", err.text) &&
        CHECK(unpause(domid, &err) == 0, "%s", err.text))
        CHECK(wait_up(domid), "it did not come up");
}

static void test_disk(void)
{
    struct hv_disk disk = { .target = DISK, .format = "raw", .vdev = "xvdb" };
    struct vdc_error err = { 0 };
    char *before = everything();

    if (!CHECK(attach_disk(&disk, &err) == 0, "%s", err.text))
        return;
    CHECK(wait_for(is_connected, xvdb, 30000), "the guest does not use it");
    const struct hv_device *found = device("xvdb");
    if (CHECK(found != NULL, "not listed")) {
        CHECK(found->kind == HV_DEVICE_DISK && found->devid == 51728, "%u",
              found->devid);
        CHECK(strcmp(found->target, DISK) == 0 && !found->readonly, "%s",
              found->target);
        CHECK(found->backend_domid == 0 && found->event_channel > 0,
              "port %u of domain %u", found->event_channel,
              found->backend_domid);
        CHECK(strncmp(found->backend_path, "/local/domain/0/backend/", 24) ==
                  0,
              "%s", found->backend_path);
    }
    CHECK(attach_disk(&disk, &err) == VDC_E_EXISTS, "twice: %s", err.text);
    CHECK(device("xvdb") != NULL, "the first is gone with the second");
    uint64_t start = now_ms();
    CHECK(detach_disk("xvdb", false, &err) == 0, "%s", err.text);
    printf("    the guest let go in %u ms\n", (unsigned)(now_ms() - start));
    CHECK(device("xvdb") == NULL, "still listed");
    CHECK(detach_disk("xvdb", false, &err) == VDC_E_NOT_FOUND, "%s", err.text);
    check_as_before(before);
}

static void test_disk_refused(void)
{
    struct hv_disk disk = { .target = "/nowhere/disk.img",
                            .format = "raw",
                            .vdev = "xvdc" };
    struct outcome first = { 0 }, second = { 0 };
    struct vdc_error err = { 0 };
    char *before = everything();

    CHECK(attach_disk(&disk, &err) == VDC_E_HYPERVISOR &&
              strstr(err.text, "/nowhere/disk.img"),
          "%s", err.text);
    printf("    %s\n", err.text);
    check_as_before(before);
    /* Neither file nor block device: that would be for QEMU. */
    disk.target = "/dev/null";
    CHECK(attach_disk(&disk, &err) == VDC_E_UNSUPPORTED, "%s", err.text);
    check_as_before(before);
    disk.target = DISK;
    disk.format = "qcow2";
    CHECK(attach_disk(&disk, &err) == VDC_E_UNSUPPORTED, "%s", err.text);
    printf("    %s (%s)\n", err.text, err.hint);
    check_as_before(before);
    disk.format = "zip";
    CHECK(attach_disk(&disk, &err) == VDC_E_BAD_VALUE, "%s", err.text);
    disk.format = "raw";
    disk.vdev = "nodisk";
    CHECK(attach_disk(&disk, &err) != 0, "no such vdev");
    printf("    %s\n", err.text);
    disk.vdev = "xvdc";
    disk.backend = "nodomain";
    CHECK(attach_disk(&disk, &err) == VDC_E_NOT_FOUND, "%s", err.text);
    disk.backend = "";
    check_as_before(before);
    CHECK(hv->domain->disk_attach(hv, domid, &disk, on_done, &first, &err) ==
              0,
          "%s", err.text);
    CHECK(hv->domain->disk_attach(hv, domid, &disk, on_done, &second, &err) ==
              VDC_E_EXISTS,
          "two at once: %s", err.text);
    CHECK(hv->domain->disk_detach(hv, domid, "xvdc", false, on_done, &second,
                                  &err) == VDC_E_BUSY,
          "detached while it is attached: %s", err.text);
    CHECK(wait_for(is_done, &first, 60000) && first.rc == 0, "%s",
          first.err.text);
    CHECK(detach_disk("xvdc", true, &err) == 0, "%s", err.text);
    check_as_before(before);
}

/* A guest that stands still lets nothing go; it must keep what it has. */
static void test_disk_held(void)
{
    struct hv_disk disk = { .target = DISK, .format = "raw", .vdev = "xvdb" };
    struct vdc_error err = { 0 };
    char *before = everything();

    if (!CHECK(attach_disk(&disk, &err) == 0, "%s", err.text) ||
        !CHECK(wait_for(is_connected, xvdb, 30000), "not connected"))
        return;
    char *attached = everything();
    CHECK(pause_guest(&err) == 0, "%s", err.text);
    uint64_t start = now_ms();
    CHECK(detach_disk("xvdb", false, &err) == VDC_E_TIMEOUT, "%s", err.text);
    printf("    after %u ms: %s (%s)\n", (unsigned)(now_ms() - start),
           err.text, err.hint);
    CHECK(now_ms() - start >= DETACH_MS, "too soon");
    if (!CHECK(strcmp(attached, everything()) == 0, "not as it was"))
        printf("%s", everything());
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    spin(2000);
    CHECK(is_connected(xvdb), "it let go after all");
    CHECK(detach_disk("xvdb", false, &err) == 0, "%s", err.text);
    check_as_before(before);
    CHECK(attach_disk(&disk, &err) == 0 && wait_for(is_connected, xvdb, 30000),
          "%s", err.text);
    CHECK(pause_guest(&err) == 0, "%s", err.text);
    start = now_ms();
    CHECK(detach_disk("xvdb", true, &err) == 0, "%s", err.text);
    printf("    by force in %u ms\n", (unsigned)(now_ms() - start));
    check_as_before(before);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
}

static void test_nic(void)
{
    struct hv_nic nic = { .mac = mac, .bridge = "nobridge" };
    struct vdc_error err = { 0 };
    char *before = everything();

    CHECK(attach_nic(&nic, &err) == VDC_E_HYPERVISOR &&
              strstr(err.text, "nobridge"),
          "%s", err.text);
    printf("    %s\n", err.text);
    check_as_before(before);
    nic.bridge = "xenbr0";
    if (!CHECK(attach_nic(&nic, &err) == 0, "%s", err.text))
        return;
    CHECK(wait_for(is_connected, mac, 30000), "the guest does not use it");
    const struct hv_device *found = device(mac);
    if (CHECK(found != NULL, "not listed")) {
        CHECK(found->kind == HV_DEVICE_NIC && found->devid == 0, "devid %u",
              found->devid);
        CHECK(strcmp(found->target, "xenbr0") == 0, "%s", found->target);
        CHECK(found->event_channel > 0, "no port");
    }
    CHECK(attach_nic(&nic, &err) == VDC_E_EXISTS, "twice: %s", err.text);
    nic.mac = "00:16:3E:00:00:AB";
    CHECK(attach_nic(&nic, &err) == 0, "%s", err.text);
    found = device("00:16:3e:00:00:ab");
    CHECK(found && found->devid == 1, "the second");
    CHECK(detach_nic("00:16:3e:00:00:AB", true, &err) == 0, "%s", err.text);
    CHECK(detach_nic(mac, false, &err) == 0, "%s", err.text);
    CHECK(detach_nic(mac, false, &err) == VDC_E_NOT_FOUND, "%s", err.text);
    CHECK(detach_nic("nomac", false, &err) == VDC_E_BAD_VALUE, "%s", err.text);
    check_as_before(before);
}

/* A device that the guest has not looked at yet goes at once. */
static void test_untouched(void)
{
    struct hv_domain_config config = guest("untouched", HV_DOMAIN_PV, "");
    struct hv_disk disk = { .target = DISK, .format = "raw", .vdev = "xvda" };
    struct vdc_error err;
    uint32_t running = domid;

    config.n_disks = 1;
    config.disks = &disk;
    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(device("xvda") && device("xvda")->state == HV_DEVICE_INITIALISING,
          "listed");
    uint64_t start = now_ms();
    CHECK(detach_disk("xvda", false, &err) == 0, "%s", err.text);
    CHECK(now_ms() - start < DETACH_MS, "%u ms", (unsigned)(now_ms() - start));
    CHECK(device("xvda") == NULL, "still there");
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
    CHECK(attach_disk(&disk, &err) == VDC_E_NOT_FOUND, "no domain");
    CHECK(detach_disk("xvda", true, &err) == VDC_E_NOT_FOUND, "no domain");
    domid = running;
}

static void must_not(void *arg, int rc, const struct vdc_error *err)
{
    CHECK(false, "`done` after close");
}

/* Closing while a guest is being asked. */
static void test_abandoned(void)
{
    struct hv_disk disk = { .target = DISK, .format = "raw", .vdev = "xvdb" };
    struct vdc_error err = { 0 };
    struct hv *second;

    if (!CHECK(attach_disk(&disk, &err) == 0, "%s", err.text) ||
        !CHECK(wait_for(is_connected, xvdb, 30000), "not connected") ||
        !CHECK(hv_open("xen", base, &second, &err) == 0, "%s", err.text))
        return;
    CHECK(pause_guest(&err) == 0, "%s", err.text);
    CHECK(second->domain->disk_detach(second, domid, "xvdb", false, must_not,
                                      NULL, &err) == 0,
          "%s", err.text);
    disk.vdev = "xvdd";
    CHECK(second->domain->disk_attach(second, domid, &disk, must_not, NULL,
                                      &err) == 0,
          "%s", err.text);
    hv_close(second);
    spin(1000);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
}

static void test_end(void)
{
    struct vdc_error err;

    CHECK(destroy(domid, &err) == 0, "%s", err.text);
    unlink(DISK);
}

const struct test hotplug_tests[] = {
    { "hotplug: a guest", test_begin },
    { "hotplug: disk", test_disk },
    { "hotplug: disks that cannot be", test_disk_refused },
    { "hotplug: a disk that is held", test_disk_held },
    { "hotplug: networks", test_nic },
    { "hotplug: what was never touched", test_untouched },
    { "hotplug: closed while working", test_abandoned },
    { "hotplug: the end of the guest", test_end },
    { NULL, NULL },
};
