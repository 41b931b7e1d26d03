/* resourced on a simulated host: disks, network interfaces and PCI devices of
 * a guest, running and stopped. */
#include <string.h>
#include <unistd.h>

#include "tests/sim/rd_change.h"
#include "tests/unit/unit.h"

#define MAC "00:16:3e:0a:0b:0c"

static bool journal_is_empty(struct rd *rd)
{
    rd_kill(rd);
    bool empty = rd_journal_rows(rd) == 0;
    return rd_start(rd) && empty;
}

/* ---- disks ---- */

static void add_disk(struct rd_change *c, struct rd *rd, const char *target,
                     const char *vdev)
{
    rd_change(c, rd, WIRE_OP_DISK_ATTACH);
    c->op->disk.target = target;
    c->op->disk.format = "raw";
    c->op->disk.vdev = vdev;
}

static int detach(struct rd_change *c, struct rd *rd,
                  enum wire_operation_kind kind, const char *device)
{
    rd_change(c, rd, kind)->device = device;
    return rd_change_do(c);
}

static void test_disks(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    add_disk(&c, rd, rd_file(rd, "data"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_plan(&c, "to web as xvdb"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(c.result->device, "xvdb");
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "xvdb ");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.n_disks, 1);
    add_disk(&c, rd, rd_file(rd, "more"), "xvdc");
    c.op->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.n_disks, 1);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.n_disks, 2);
    /* By number, as xl does: 202 << 8 | 1 << 4. */
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_DISK_DETACH, "51728"), 0);
    CU_ASSERT_STRING_EQUAL(c.result->device, "xvdb");
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "xvdc ");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.n_disks, 0);
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_DISK_DETACH, "xvdb"),
                    VDC_E_NOT_FOUND);
    CU_ASSERT(rd_change_says(&c, "web has no disk xvdb"));

    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    add_disk(&c, rd, rd_path(rd, "data"), "xvda");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    add_disk(&c, rd, rd_path(rd, "more"), "xvdq1");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_DISK_DETACH, "51712"), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "xvdq1 ");
    /* 1 << 28 | 16 << 8 | 1 */
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_DISK_DETACH, "268439553"), 0);
    rd_end(rd);
}

/* All names are looked at before there is anything of the guest. */
static void test_disk_names(void)
{
    struct rd *rd = rd_with_web("");
    struct wire_definition definition;
    struct wire_disk disks[4];
    static const char *const names[] = { "xvdb", "51744", "xvdb0", "xvdb" };
    struct vdc_error err = { 0 };

    rd_definition(&definition, "db", "");
    for (unsigned i = 0; i < 4; i++) {
        wire_init(&wire_struct_disk, &disks[i]);
        disks[i].target = "/bin/true";
        disks[i].format = "raw";
        disks[i].readonly = true;
        disks[i].vdev = names[i];
    }
    definition.disks = disks;
    definition.n_disks = 4;
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "3 reasons"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"51744\" is no name of a disk"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"xvdb0\" is no name of a disk"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "db has two disks xvdb"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "db"));
    /* Letters as in "xvdaa" are more than 26 disks. */
    disks[0].vdev = "xvdaa";
    definition.n_disks = 1;
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "xvdaa ");
    rd_end(rd);
}

static void test_disk_refused(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    add_disk(&c, rd, "/nowhere/data", "xvd9");
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "2 reasons"));
    CU_ASSERT(rd_change_says(&c, "\"xvd9\" is no name of a disk"));
    CU_ASSERT(rd_change_says(&c, "/nowhere/data cannot be read"));
    add_disk(&c, rd, rd_file(rd, "data"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "web has a disk xvdb already"));
    CU_ASSERT(rd_change_says(&c, "web has it as xvdb"));
    /* By another name of the same file, to another guest. */
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    const char *other = rd_path(rd, "other");
    CU_ASSERT_EQUAL(symlink(rd_path(rd, "data"), other), 0);
    add_disk(&c, rd, other, "xvda");
    c.op->name = "db";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "web has it as xvdb"));
    c.op->disk.readonly = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    /* It changes hands. */
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_DISK_DETACH, "web")->device = "xvdb";
    struct wire_operation *op = rd_add(&c.t, WIRE_OP_DISK_ATTACH, "db");
    op->disk.target = other;
    op->disk.vdev = "xvda";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "xvda ");
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "");
    /* Both only read. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "db", true), 0);
    add_disk(&c, rd, other, "xvda");
    c.op->disk.readonly = true;
    rd_add(&c.t, WIRE_OP_DISK_DETACH, "db")->device = "xvda";
    op = rd_add(&c.t, WIRE_OP_DISK_ATTACH, "db");
    op->disk = c.op->disk;
    struct wire_operation *rename = rd_add(&c.t, WIRE_OP_RENAME, "db");
    rename->new_name = "base";
    rd_add(&c.t, WIRE_OP_START, "base");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "base"), "xvda ");
    rd_end(rd);
}

static struct wire_operation *add_create(struct rd_change *c, const char *name,
                                         struct wire_disk *disk, bool start)
{
    struct wire_operation *op = rd_add_create(c->rd, &c->t, name, start);

    op->definition.disks = disk;
    op->definition.n_disks = disk ? 1 : 0;
    return op;
}

/* What is to run may not write to what another has. */
static void test_disk_of_another(void)
{
    struct rd *rd = rd_with_web("");
    struct wire_operation *op;
    struct wire_disk disk;
    struct rd_change c;

    add_disk(&c, rd, rd_file(rd, "data"), "xvdb");
    disk = c.op->disk;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_begin(&c.t);
    op = add_create(&c, "db", &disk, true);
    op->definition.kernel = "/nowhere/kernel";
    op->definition.ramdisk = "/nowhere/ramdisk";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_FILE);
    CU_ASSERT(rd_change_says(&c, "3 reasons"));
    CU_ASSERT(rd_change_says(&c, "the ramdisk /nowhere/ramdisk"));
    CU_ASSERT(rd_change_says(&c, "web has it as xvdb, and one of them"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "db"));
    /* One that is stopped writes nothing: it is refused when it starts. */
    rd_begin(&c.t);
    add_create(&c, "db", &disk, false);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "db", &c.err),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.err.text, "web has it as xvdb"));
    /* The end of the other comes after all else in the transaction. */
    rd_change(&c, rd, WIRE_OP_DESTROY);
    rd_add(&c.t, WIRE_OP_START, "db");
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "db", NULL), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL),
                    VDC_E_NO_RESOURCE);
    /* Two that are made together, and one with one disk twice. */
    disk.target = rd_file(rd, "more");
    rd_begin(&c.t);
    add_create(&c, "a", &disk, true);
    add_create(&c, "b", &disk, true);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "a has it as xvdb"));
    struct wire_disk twice[] = { disk, disk };
    twice[1].vdev = "xvdc";
    rd_begin(&c.t);
    add_create(&c, "a", twice, true)->definition.n_disks = 2;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    disk.readonly = true;
    rd_begin(&c.t);
    add_create(&c, "a", &disk, true);
    add_create(&c, "b", &disk, true);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_end(rd);
}

/* A guest that does not let go keeps it, unless it is taken. */
static void test_disk_held(void)
{
    struct rd *rd = rd_with_web("detach_ms=300");
    struct rd_change c;

    add_disk(&c, rd, rd_file(rd, "data"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_behave(rd, "web", "sim.detach=ignore");
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_DISK_DETACH, "xvdb"),
                    VDC_E_TIMEOUT);
    CU_ASSERT(rd_change_says(&c, "web does not let its disk xvdb go"));
    CU_ASSERT(rd_change_says(&c, "--force"));
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "xvdb ");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.n_disks, 1);
    c.op->force = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "");
    /* Somebody else took it away: what was wanted is so. */
    add_disk(&c, rd, rd_path(rd, "data"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_end(rd);
}

/* xvdb is replaced by another, and what comes after that fails. */
static void test_disk_undone(void)
{
    struct rd *rd = rd_started("", NULL, "fail:set_sched:1");
    struct rd_change c;

    rd_create_web(rd, "", true);
    add_disk(&c, rd, rd_file(rd, "old"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    add_disk(&c, rd, rd_file(rd, "new"), "xvdb");
    struct wire_operation add = *c.op;
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_DISK_DETACH, "web")->device = "xvdb";
    *rd_add(&c.t, WIRE_OP_DISK_ATTACH, "web") = add;
    rd_add(&c.t, WIRE_OP_SCHED, "web")->weight = 1;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "xvdb ");
    const char *dump = rd_store_dump(rd);
    CU_ASSERT_PTR_NOT_NULL(strstr(dump, "/old"));
    CU_ASSERT_PTR_NULL(strstr(dump, "/new"));
    CU_ASSERT(journal_is_empty(rd));
    rd_free(rd);
}

static void test_disk_fails(void)
{
    struct rd *rd =
        rd_started("", NULL, "fail:disk_attach:1;crash-after:disk_attach:3");
    struct rd_change c;

    rd_create_web(rd, "", true);
    const char *store = rd_store_dump(rd);
    add_disk(&c, rd, rd_file(rd, "data"), "xvdb");
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), store);
    /* Killed when it is half attached: gone after the restart. */
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_CLOSED);
    rd_wait(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.n_disks, 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_end(rd);
}

/* ---- networks ---- */

static void test_nics(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_NIC_ATTACH)->nic.bridge = "xenbr0";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    const char *mac = c.result->device;
    CU_ASSERT_EQUAL(strncmp(mac, "00:16:3e:", 9), 0);
    CU_ASSERT_EQUAL(strncmp(rd_xen_devices(rd, "web"), mac, 17), 0);
    CU_ASSERT_STRING_EQUAL(rd_see(rd, "web")->definition.nics[0].mac, mac);
    rd_change(&c, rd, WIRE_OP_NIC_ATTACH)->nic.mac = "00:16:3E:0A:0B:0C";
    CU_ASSERT_EQUAL(rd_change_plan(&c, MAC), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(c.result->device, MAC);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "web has an interface " MAC " already"));
    /* Nobody else may have it, running or not. */
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    c.op->name = "db";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "web has the MAC " MAC));
    static const char *const bad[] = { "00:16:3e:0a:0b", "01:16:3e:0a:0b:0c",
                                       "00-16-3e-0a-0b-0c", "x" };
    for (unsigned i = 0; i < 4; i++) {
        c.op->nic.mac = bad[i];
        CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    }
    /* By Xen's number; by address in any case. */
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_NIC_DETACH, "0"), 0);
    CU_ASSERT_STRING_EQUAL(c.result->device, mac);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), MAC " ");
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_NIC_DETACH, "0"), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_NIC_DETACH, "00:16:3E:0A:0B:0C"),
                    0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.n_nics, 0);
    rd_end(rd);
}

static void test_nic_undone(void)
{
    struct rd *rd =
        rd_started("", NULL, "fail:set_sched:1;crash-before:set_sched:2");
    struct rd_change c;

    rd_create_web(rd, "", true);
    rd_change(&c, rd, WIRE_OP_NIC_ATTACH)->nic.mac = MAC;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    for (unsigned i = 0; i < 2; i++) {
        rd_change(&c, rd, WIRE_OP_NIC_DETACH)->device = MAC;
        rd_add(&c.t, WIRE_OP_NIC_ATTACH, "web")->nic.bridge = "br1";
        rd_add(&c.t, WIRE_OP_SCHED, "web")->weight = 1;
        int rc = rd_change_do(&c);
        CU_ASSERT_EQUAL(rc, i == 0 ? VDC_E_HYPERVISOR : VDC_E_CLOSED);
        if (rc == VDC_E_CLOSED) {
            rd_wait(rd);
            CU_ASSERT_FATAL(rd_start(rd));
        }
        CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), MAC " ");
        CU_ASSERT_EQUAL(rd_see(rd, "web")->live.n_nics, 1);
    }
    rd_end(rd);
}

/* ---- PCI devices, addresses ---- */

static void test_pci(void)
{
    struct rd *rd = rd_with_web("pci=0000:03:00.0+0000:03:00.1");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_PCI_ATTACH)->device = "03:00.1";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(c.result->device, "0000:03:00.1");
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "web"), "0000:03:00.1 ");
    CU_ASSERT_STRING_EQUAL(rd_see(rd, "web")->definition.pci[0],
                           "0000:03:00.1");
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    c.op->name = "db";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "web has 0000:03:00.1"));
    c.op->device = "0000:04:00.0";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "pci-assignable-add"));
    static const char *const bad[] = { "0000:03:00.8", "3:0.0", "",
                                       "0000:03:00.0x" };
    for (unsigned i = 0; i < 4; i++) {
        c.op->device = bad[i];
        CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    }
    /* It changes hands, and back when what follows fails. */
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_PCI_DETACH, "web")->device = "0000:03:00.1";
    rd_add(&c.t, WIRE_OP_PCI_ATTACH, "db")->device = "0000:03:00.1";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "0000:03:00.1 ");
    /* A guest that is stopped has it all the same. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "db", true), 0);
    rd_change(&c, rd, WIRE_OP_PCI_ATTACH)->device = "0000:03:00.1";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "db", NULL), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "0000:03:00.1 ");
    CU_ASSERT_EQUAL(detach(&c, rd, WIRE_OP_PCI_DETACH, "03:00.1"),
                    VDC_E_NOT_FOUND);
    c.op->name = "db";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "");
    rd_end(rd);
}

static void test_pci_of_another(void)
{
    struct rd *rd = rd_with_web("pci=0000:03:00.0+0000:03:00.1");
    const char *devices[] = { "03:00.1", "0000:03:00.1", "1.0", "04:00.0" };
    struct wire_operation *op;
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_PCI_ATTACH)->device = "03:00.0";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_begin(&c.t);
    op = add_create(&c, "db", NULL, true);
    op->definition.pci = devices;
    op->definition.n_pci = 4;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "3 reasons"));
    CU_ASSERT(rd_change_says(&c, "db has 0000:03:00.1 twice"));
    CU_ASSERT(rd_change_says(&c, "\"1.0\" is no PCI device"));
    CU_ASSERT(rd_change_says(&c, "has no PCI device 0000:04:00.0"));
    devices[0] = "03:00.0";
    op->definition.n_pci = 1;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "web has 0000:03:00.0"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "db"));
    /* A stopped guest has its devices, too. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    op->start = false;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    devices[0] = "03:00.1";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(rd_see(rd, "db")->definition.pci[0],
                           "0000:03:00.1");
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "db", NULL), 0);
    CU_ASSERT_STRING_EQUAL(rd_xen_devices(rd, "db"), "0000:03:00.1 ");
    rd_end(rd);
}

static void test_mac_of_another(void)
{
    struct rd *rd = rd_with_web("");
    struct wire_nic nics[2];
    struct wire_operation *op;
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_NIC_ATTACH)->nic.mac = MAC;
    nics[0] = nics[1] = c.op->nic;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_begin(&c.t);
    op = add_create(&c, "db", NULL, false);
    op->definition.nics = nics;
    op->definition.n_nics = 1;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_EXISTS);
    CU_ASSERT(rd_change_says(&c, "web has the MAC " MAC));
    nics[0].mac = nics[1].mac = "00:16:3e:00:00:01";
    op->definition.n_nics = 2;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "db has two interfaces 00:16:3e:00:00:01"));
    nics[1].mac = "";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_end(rd);
}

static const struct unit_test tests[] = {
    { "disks", test_disks },
    { "disks refused", test_disk_refused },
    { "names of disks", test_disk_names },
    { "a disk that another has", test_disk_of_another },
    { "a disk that is held", test_disk_held },
    { "a disk replaced, and undone", test_disk_undone },
    { "attach fails, and is killed", test_disk_fails },
    { "network interfaces", test_nics },
    { "network interfaces undone", test_nic_undone },
    { "PCI devices", test_pci },
    { "PCI devices that another has", test_pci_of_another },
    { "addresses that another has", test_mac_of_another },
};

UNIT_MAIN("resourced: devices of guests", tests)
