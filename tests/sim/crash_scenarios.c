/* What the crash test does to guests: each kind of operation, and mixes. */
#include "tests/sim/crash_scenarios.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/savefile.h"
#include "tests/sim/rd_state.h"

/* ---- what there is before ---- */

static struct wire_operation *add_web(struct rd *rd, struct rd_transaction *t,
                                      const char *name, bool start)
{
    struct wire_disk *disk = ARENA_NEW(rd->arena, struct wire_disk);
    struct wire_nic *nic = ARENA_NEW(rd->arena, struct wire_nic);
    struct wire_operation *op = rd_add_create(rd, t, name, start);

    wire_init(&wire_struct_disk, disk);
    disk->target = arena_printf(rd->arena, "/dev/vg/%s", name);
    disk->format = "raw";
    disk->vdev = "xvda";
    disk->script = "block-test";
    wire_init(&wire_struct_nic, nic);
    nic->mac =
        arena_printf(rd->arena, "00:16:3e:00:00:%02x", (unsigned)name[0]);
    nic->bridge = "xenbr0";
    op->definition.disks = disk;
    op->definition.n_disks = 1;
    op->definition.nics = nic;
    op->definition.n_nics = 1;
    op->definition.vcpus = 1;
    op->definition.max_vcpus = 4;
    op->definition.memory = MEM_MIB(64);
    op->definition.max_memory = MEM_MIB(256);
    memset(op->definition.uuid.bytes, name[0],
           sizeof(op->definition.uuid.bytes));
    return op;
}

static void make(struct rd *rd, const char *name, bool start)
{
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd_begin(&t);
    add_web(rd, &t, name, start);
    if (rd_transact(rd, &t, NULL, &err))
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL(err.code, 0);
}

static void prepare_nothing(struct rd *rd)
{
}

static void prepare_stopped(struct rd *rd)
{
    make(rd, "web", false);
}

static void prepare_running(struct rd *rd)
{
    make(rd, "web", true);
}

static void prepare_three(struct rd *rd)
{
    make(rd, "web", true);
    make(rd, "db", true);
    make(rd, "mail", false);
}

/* ---- what is done ---- */

static void fill_create(struct rd *rd, struct rd_transaction *t)
{
    add_web(rd, t, "web", true);
}

/* 1 GiB of the host's 8 is dom0's. */
static void fill_create_of_dom0(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = add_web(rd, t, "web", true);

    op->host_reserve = MEM_KIB(rd_free_kib(rd));
    op->dom0_keep = MEM_MIB(512);
}

static void fill_define(struct rd *rd, struct rd_transaction *t)
{
    add_web(rd, t, "web", false);
}

static void fill_start(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_START, "web");
}

static void fill_destroy(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_DESTROY, "web");
}

static void fill_destroy_keep(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_DESTROY, "web")->keep = true;
}

static void add_rename(struct rd *rd, struct rd_transaction *t,
                       const char *name, const char *new_name)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_RENAME, name);

    op->new_name = new_name;
    op->new_xen_name = arena_printf(rd->arena, "acme.%s", new_name);
}

static void fill_rename(struct rd *rd, struct rd_transaction *t)
{
    add_rename(rd, t, "web", "www");
}

static void run_shutdown(struct rd *rd)
{
    rd_shutdown_wait(rd, WIRE_MSG_partition_shutdown, "web", 4000, NULL);
}

static void run_reboot(struct rd *rd)
{
    rd_shutdown_wait(rd, WIRE_MSG_partition_reboot, "web", 4000, NULL);
}

static void also_stopped(struct rd *rd)
{
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
}

static void fill_pause(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_PAUSE, "web");
}

static void prepare_paused(struct rd *rd)
{
    struct rd_transaction t;

    make(rd, "web", true);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_PAUSE, "web");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
}

static void fill_unpause(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_UNPAUSE, "web");
}

static void fill_memory(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(128);
}

static void fill_less_memory(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(32);
}

static void fill_memory_live(struct rd *rd, struct rd_transaction *t)
{
    fill_memory(rd, t);
    t->operations[0].live_only = true;
}

static void fill_memory_max(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_MEMORY_MAX, "web")->memory = MEM_MIB(512);
}

static void fill_vcpus(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_VCPUS, "web")->vcpus = 3;
}

static void fill_pin(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_PIN, "web");

    op->cpus = "1-2";
    op->cpus_soft = "2";
}

static void fill_sched(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_SCHED, "web");

    op->weight = 512;
    op->cap = 50;
}

static void fill_disk(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_DISK_ATTACH, "web");

    op->disk.target = "/dev/vg/data";
    op->disk.format = "raw";
    op->disk.vdev = "xvdb";
    op->disk.script = "block-test";
}

static void fill_disk_detach(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_DISK_DETACH, "web")->device = "xvda";
}

static void fill_nic(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_NIC_ATTACH, "web");

    op->nic.mac = "00:16:3e:00:00:99";
    op->nic.bridge = "xenbr1";
}

static void fill_nic_detach(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_NIC_DETACH, "web")->device = "00:16:3e:00:00:77";
}

static void fill_pci(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_PCI_ATTACH, "web")->device = "0000:03:00.0";
}

static void prepare_pci(struct rd *rd)
{
    struct rd_transaction t;

    make(rd, "web", true);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_PCI_ATTACH, "web")->device = "0000:03:00.0";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
}

static void fill_pci_detach(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_PCI_DETACH, "web")->device = "0000:03:00.0";
}

static void add_save(struct rd *rd, struct rd_transaction *t, const char *name)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_SAVE, name);

    op->file = rd_path(rd, "guest.save");
}

static void fill_save(struct rd *rd, struct rd_transaction *t)
{
    add_save(rd, t, "web");
}

static void fill_checkpoint(struct rd *rd, struct rd_transaction *t)
{
    add_save(rd, t, "web");
    t->operations[0].resume = true;
}

/* A file of an older state of it is there. */
static void prepare_old_save(struct rd *rd)
{
    struct savefile_head head = { .saved_ms = RD_OLD_SAVE_MS };

    prepare_running(rd);
    head.uuid = rd_show(rd, "web")->uuid;
    int fd = open(rd_path(rd, "guest.save"), O_WRONLY | O_CREAT, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(savefile_write(fd, &head, NULL), 0);
    close(fd);
}

static void fill_save_over(struct rd *rd, struct rd_transaction *t)
{
    add_save(rd, t, "web");
    t->operations[0].replace = true;
}

static void fill_checkpoint_over(struct rd *rd, struct rd_transaction *t)
{
    fill_save_over(rd, t);
    t->operations[0].resume = true;
}

static void prepare_saved(struct rd *rd)
{
    struct rd_transaction t;

    make(rd, "web", true);
    rd_begin(&t);
    add_save(rd, &t, "web");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
}

static void fill_restore(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_START, "web")->file = rd_path(rd, "guest.save");
}

/* A guest goes to another host: it leaves, and comes (back, here). */
static void fill_save_forget(struct rd *rd, struct rd_transaction *t)
{
    add_save(rd, t, "web");
    t->operations[0].forget = true;
}

static void prepare_away(struct rd *rd)
{
    struct rd_transaction t;

    make(rd, "web", true);
    rd_begin(&t);
    fill_save_forget(rd, &t);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
}

static void fill_arrive(struct rd *rd, struct rd_transaction *t)
{
    const struct wire_operation *made = add_web(rd, t, "web", false);
    struct vdc_uuid uuid = made->definition.uuid;
    struct wire_operation *op = rd_add(t, WIRE_OP_START, "web");

    op->uuid = uuid;
    op->file = rd_path(rd, "guest.save");
    op->consume = true;
}

static void fill_pool(struct rd *rd, struct rd_transaction *t)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_POOL_SET, "web");

    op->pool = "licences";
    op->amount = 3;
}

/* A lease that a create uses up. */
static void prepare_lease(struct rd *rd)
{
    struct wire_lease lease;

    wire_init(&wire_struct_lease, &lease);
    lease.owner = "acme";
    lease.memory = MEM_MIB(512);
    lease.expires_ms = 3600000;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_create, &lease, NULL, NULL), 0);
    /* It is written behind the answer; what comes after it is after it. */
    make(rd, "other", false);
    CU_ASSERT_EQUAL(rd_destroy(rd, "other", false), 0);
}

const struct wire_lease_list *crash_leases(struct rd *rd)
{
    struct wire_lease_ref ref;
    const void *body = NULL;

    wire_init(&wire_struct_lease_ref, &ref);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_list, &ref, &body, NULL), 0);
    return body;
}

static void fill_create_leased(struct rd *rd, struct rd_transaction *t)
{
    const struct wire_lease_list *list = crash_leases(rd);

    add_web(rd, t, "web", true);
    if (list && list->n_leases)
        t->t.lease = list->leases[0].id;
}

/* ---- several in one ---- */

/* A guest is given more of everything, and started by way of it. */
static void fill_grow(struct rd *rd, struct rd_transaction *t)
{
    fill_memory(rd, t);
    fill_vcpus(rd, t);
    fill_disk(rd, t);
    fill_sched(rd, t);
}

static void fill_start_and_grow(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_START, "mail");
    rd_add(t, WIRE_OP_PAUSE, "mail");
    rd_add(t, WIRE_OP_VCPUS, "db")->vcpus = 2;
    fill_nic(rd, t);
    rd_add(t, WIRE_OP_DESTROY, "db")->keep = true;
}

static void fill_two_creates(struct rd *rd, struct rd_transaction *t)
{
    add_web(rd, t, "web", true);
    add_web(rd, t, "db", true);
}

static void fill_exchange(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_DESTROY, "web");
    rd_add(t, WIRE_OP_START, "mail");
    add_rename(rd, t, "db", "base");
}

static void fill_names(struct rd *rd, struct rd_transaction *t)
{
    add_rename(rd, t, "web", "third");
    add_rename(rd, t, "db", "web");
    add_rename(rd, t, "third", "db");
    rd_add(t, WIRE_OP_START, "mail");
}

static void fill_all_gone(struct rd *rd, struct rd_transaction *t)
{
    rd_add(t, WIRE_OP_DESTROY, "web");
    rd_add(t, WIRE_OP_DESTROY, "db")->keep = true;
    rd_add(t, WIRE_OP_DESTROY, "mail");
}

const struct scenario crash_scenarios[] = {
    { "create", prepare_nothing, fill_create, NULL, NULL },
    { "create of dom0's memory", prepare_nothing, fill_create_of_dom0, NULL,
      NULL },
    { "define", prepare_nothing, fill_define, NULL, NULL },
    { "start", prepare_stopped, fill_start, NULL, NULL },
    { "destroy", prepare_running, fill_destroy, NULL, NULL },
    { "destroy --keep", prepare_running, fill_destroy_keep, NULL, NULL },
    { "rename", prepare_running, fill_rename, NULL, NULL },
    { "shutdown", prepare_running, NULL, run_shutdown, NULL },
    { "reboot", prepare_running, NULL, run_reboot, also_stopped },
    { "pause", prepare_running, fill_pause, NULL, NULL },
    { "unpause", prepare_paused, fill_unpause, NULL, NULL },
    { "mem-set, more", prepare_running, fill_memory, NULL, NULL },
    { "mem-set, less", prepare_running, fill_less_memory, NULL, NULL },
    { "mem-set, live", prepare_running, fill_memory_live, NULL, NULL },
    { "mem-max", prepare_running, fill_memory_max, NULL, NULL },
    { "vcpu-set", prepare_running, fill_vcpus, NULL, NULL },
    { "vcpu-pin", prepare_running, fill_pin, NULL, NULL },
    { "sched-credit2", prepare_running, fill_sched, NULL, NULL },
    { "block-attach", prepare_running, fill_disk, NULL, NULL },
    { "block-detach", prepare_running, fill_disk_detach, NULL, NULL },
    { "network-attach", prepare_running, fill_nic, NULL, NULL },
    { "network-detach", prepare_running, fill_nic_detach, NULL, NULL },
    { "pci-attach", prepare_running, fill_pci, NULL, NULL },
    { "pci-detach", prepare_pci, fill_pci_detach, NULL, NULL },
    { "pool-set", prepare_running, fill_pool, NULL, NULL },
    { "pool-set when stopped", prepare_stopped, fill_pool, NULL, NULL },
    { "save", prepare_running, fill_save, NULL, NULL },
    { "save, run on", prepare_running, fill_checkpoint, NULL, NULL },
    { "save over an older one", prepare_old_save, fill_save_over, NULL, NULL },
    { "save over an older one, run on", prepare_old_save,
      fill_checkpoint_over, NULL, NULL },
    { "restore", prepare_saved, fill_restore, NULL, NULL },
    { "save, and forget it", prepare_running, fill_save_forget, NULL, NULL },
    { "define and restore, and the file goes", prepare_away, fill_arrive,
      NULL, NULL },
    { "four changes of one", prepare_running, fill_grow, NULL, NULL },
    { "start, changes, destroy", prepare_three, fill_start_and_grow, NULL,
      NULL },
    { "create with a lease", prepare_lease, fill_create_leased, NULL, NULL },
    { "two creates", prepare_nothing, fill_two_creates, NULL, NULL },
    { "destroy, start, rename", prepare_three, fill_exchange, NULL, NULL },
    { "names in a ring, start", prepare_three, fill_names, NULL, NULL },
    { "three destroys", prepare_three, fill_all_gone, NULL, NULL },
};

const size_t crash_n_scenarios =
    sizeof(crash_scenarios) / sizeof(crash_scenarios[0]);
