/* Transactions: what they do to guests, quotas and names. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/test_policyd_bed.h"

static struct wire_disk *disk(const struct bed *bed, const char *file,
                              const char *vdev)
{
    struct wire_disk *d = ARENA_NEW(answers, struct wire_disk);

    wire_init(&wire_struct_disk, d);
    d->target = bed_path(bed, file);
    d->format = "raw";
    d->vdev = vdev;
    return d;
}

static void several(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    bed_file(&bed, "customers/acme/data", 100l * 1024 * 1024);
    struct wire_operation ops[3] = {
        creation(&bed, "acme", "web"), creation(&bed, "acme", "db"),
        operation(WIRE_OP_DISK_ATTACH, "acme", "db")
    };
    ops[2].disk = *disk(&bed, "customers/acme/data", "xvdb");
    const struct wire_transaction_reply *r = transact(&bed, OPERATOR, ops, 3);
    CHECK_CODE(0);
    CHECK(r && r->n_results == 3);
    if (r && r->n_results == 3) {
        CHECK(strcmp(r->results[0].partition.name, "web") == 0);
        CHECK(strcmp(r->results[1].partition.customer, "acme") == 0);
        CHECK(strcmp(r->results[1].partition.xen_name, "acme.db") == 0);
        CHECK(strcmp(r->results[0].partition.host, "h1") == 0);
        CHECK(uuid_equal(&r->results[1].partition.uuid,
                         &r->results[2].partition.uuid));
    }
    CHECK(usage(&bed, "acme")->guests == 2);
    CHECK(usage(&bed, "acme")->memory.kib == 128 * 1024);
    CHECK(usage(&bed, "acme")->disk.kib == 100 * 1024);
    /* more of this, less of that */
    struct wire_operation more[2] = {
        operation(WIRE_OP_MEMORY_MAX, "acme", "web"),
        operation(WIRE_OP_DISK_DETACH, "", "acme.db"),
    };
    more[0].memory = MEM_MIB(256);
    more[1].device = "xvdb";
    CHECK(transact(&bed, OPERATOR, more, 2));
    CHECK_CODE(0);
    CHECK(usage(&bed, "acme")->memory.kib == 320 * 1024);
    CHECK(usage(&bed, "acme")->disk.kib == 0);
    /* a rename and an end */
    struct wire_operation last[2] = {
        operation(WIRE_OP_RENAME, "acme", "web"),
        operation(WIRE_OP_DESTROY, "acme", "db"),
    };
    last[0].new_name = "www";
    r = transact(&bed, OPERATOR, last, 2);
    CHECK_CODE(0);
    CHECK(r && r->n_results == 2 &&
          strcmp(r->results[0].partition.name, "www") == 0);
    CHECK(r && r->n_results == 2 &&
          strcmp(r->results[1].partition.name, "db") == 0 &&
          strcmp(r->results[1].partition.customer, "acme") == 0);
    CHECK(usage(&bed, "acme")->guests == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 256 * 1024);
    CHECK(find(list(&bed, OPERATOR, "", false), "acme", "www"));
    bed_close(&bed);
}

static void not_at_all(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    transact(&bed, OPERATOR, NULL, 0);
    CHECK_CODE(VDC_E_BAD_VALUE);
    struct wire_operation make = creation(&bed, "acme", "web");
    CHECK(transact(&bed, OPERATOR, &make, 1));
    /* the second cannot be, so the first is not */
    struct wire_operation ops[2] = { creation(&bed, "acme", "db"),
                                     operation(WIRE_OP_MEMORY_MAX, "acme",
                                               "web") };
    ops[1].memory = MEM_MIB(128);
    ops[1].if_generation = 999;
    transact(&bed, OPERATOR, ops, 2);
    CHECK_CODE(VDC_E_CONFLICT);
    CHECK(usage(&bed, "acme")->guests == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 64 * 1024);
    ops[1].if_generation = 0;
    ops[1].name = "absent";
    transact(&bed, OPERATOR, ops, 2);
    CHECK_CODE(VDC_E_NOT_FOUND);
    /* the same guest twice; two of one name; what nobody may ask for */
    struct wire_operation twice[2] = {
        operation(WIRE_OP_RENAME, "acme", "web"),
        operation(WIRE_OP_DESTROY, "acme", "web"),
    };
    twice[0].new_name = "www";
    transact(&bed, OPERATOR, twice, 2);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("only one of create, rename and destroy");
    ops[1] = ops[0];
    transact(&bed, OPERATOR, ops, 2);
    CHECK_CODE(VDC_E_EXISTS);
    struct wire_operation own = operation(WIRE_OP_RESTART, "acme", "web");
    transact(&bed, OPERATOR, &own, 1);
    CHECK_CODE(VDC_E_BAD_VALUE);
    /* a dry run */
    struct wire_transaction t;
    wire_init(&wire_struct_transaction, &t);
    t.operations = ops;
    t.n_operations = 1;
    t.dry_run = true;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_transaction, &t));
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 1);
    CHECK(usage(&bed, "acme")->guests == 1);
    bed_close(&bed);
}

static void all_reasons(void)
{
    struct bed bed = { 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_operation make = creation(&bed, "", "web");
    CHECK(transact(&bed, ACME_UID, &make, 1));
    struct wire_operation ops[5] = {
        operation(WIRE_OP_MEMORY_MAX, "", "web"),
        operation(WIRE_OP_PIN, "", "web"),
        operation(WIRE_OP_NIC_ATTACH, "", "web"),
        operation(WIRE_OP_DISK_ATTACH, "", "web"),
        operation(WIRE_OP_PAUSE, "", "absent"),
    };
    ops[0].memory = MEM_MIB(2048);
    ops[2].nic.bridge = "other";
    ops[3].disk = *disk(&bed, "secret", "xvdb");
    transact(&bed, ACME_UID, ops, 5);
    CHECK_CODE(VDC_E_DENIED);
    CHECK_TEXT("5 reasons: ");
    CHECK_TEXT("'vcpu-pin' is for operators");
    CHECK_TEXT("no such guest: absent");
    CHECK_TEXT("there is no bridge 'other' for customers");
    CHECK_TEXT("disk xvdb: no such file");
    CHECK_TEXT("memory quota: 64 MiB used + 1984 MiB asked > 1024 MiB limit");
    static const enum wire_operation_kind for_operators[] = {
        WIRE_OP_PIN, WIRE_OP_SCHED, WIRE_OP_PCI_ATTACH, WIRE_OP_PCI_DETACH,
        WIRE_OP_POOL_SET
    };
    for (size_t i = 0; i < 5; i++) {
        struct wire_operation op = operation(for_operators[i], "", "web");
        transact(&bed, ACME_UID, &op, 1);
        CHECK_CODE(VDC_E_DENIED);
        CHECK_TEXT("is for operators");
    }
    CHECK(usage(&bed, "acme")->memory.kib == 64 * 1024);
    bed_close(&bed);
}

/* What the host has against it is told with what the quota has. */
static void reasons_of_both(void)
{
    struct bed bed = { 0 };

    bed_with_web(&bed);
    struct wire_operation ops[2] = {
        operation(WIRE_OP_MEMORY_MAX, "acme", "web"),
        operation(WIRE_OP_VCPUS, "acme", "web"),
    };
    ops[0].memory = MEM_MIB(2048);
    ops[1].vcpus = 100;
    transact(&bed, OPERATOR, ops, 2);
    CHECK_CODE(VDC_E_QUOTA);
    CHECK_TEXT("3 reasons: ");
    CHECK_TEXT("memory quota: 64 MiB used + 1984 MiB asked > 1024 MiB limit");
    CHECK_TEXT("vcpus quota: 1 used + 99 asked > 8 limit");
    CHECK_TEXT("web can use 1 to 1 vCPUs, not 100");
    ops[0].if_generation = 999;
    transact(&bed, OPERATOR, ops, 1);
    CHECK_TEXT("2 reasons: customer acme: memory quota");
    CHECK_TEXT("web has changed meanwhile");
    /* two of one quota, and what nobody has room for, once */
    struct wire_operation big = creation(&bed, "acme", "big");
    big.definition.memory = big.definition.max_memory = MEM_MIB(1 << 20);
    big.definition.vcpus = big.definition.max_vcpus = 9;
    big.start = true;
    transact(&bed, OPERATOR, &big, 1);
    CHECK_TEXT("3 reasons: customer acme: memory quota");
    CHECK_TEXT("; customer acme: vcpus quota");
    CHECK(!strstr(last_error.text, "big needs"));
    /* without it, those that are known here */
    bed_kill(&bed.resourced, SIGKILL);
    CHECK(bed_wait_joined(&bed, false));
    ops[0].kind = WIRE_OP_STOP;
    transact(&bed, OPERATOR, ops, 1);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("'stop' is not what can be asked for");
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(usage(&bed, "acme")->memory.kib == 64 * 1024);
    bed_close(&bed);
}

/* Each asks for most of what is left, at the same time. */
static void quota_race(void)
{
    struct bed bed = { 0 };
    struct client c[4];
    unsigned n_done = 0, n_refused = 0;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    for (int i = 0; i < 4; i++) {
        struct wire_operation make =
            creation(&bed, "acme", arena_printf(answers, "g%d", i));
        CHECK(transact(&bed, OPERATOR, &make, 1));
    }
    for (int i = 0; i < 4; i++) {
        struct wire_operation op = operation(WIRE_OP_MEMORY_MAX, "acme",
                                             arena_printf(answers, "g%d", i));
        struct wire_transaction t;
        op.memory = MEM_MIB(364); /* 300 more; 768 are left */
        wire_init(&wire_struct_transaction, &t);
        t.operations = &op;
        t.n_operations = 1;
        CHECK(client_open(&bed, &c[i], OPERATOR));
        CHECK(client_send(&c[i], WIRE_MSG_transaction, &t));
    }
    for (int i = 0; i < 4; i++) {
        if (client_wait(&c[i]))
            n_done++;
        else if (last_error.code == VDC_E_QUOTA)
            n_refused++;
        client_close(&c[i]);
    }
    CHECK(n_done == 2);
    CHECK(n_refused == 2);
    CHECK(usage(&bed, "acme")->memory.kib == (256 + 600) * 1024);
    bed_close(&bed);
}

static void interfaces(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    struct wire_operation make[2] = { creation(&bed, "", "a"),
                                      creation(&bed, "", "b") };
    CHECK(transact(&bed, OPERATOR, make, 2));
    struct wire_operation nic = operation(WIRE_OP_NIC_ATTACH, "", "a");
    const struct wire_transaction_reply *r = transact(&bed, OPERATOR, &nic, 1);
    CHECK_CODE(0);
    CHECK(r && r->n_results == 1 &&
          strncmp(r->results[0].device, "00:16:3e:", 9) == 0);
    if (!r || r->n_results != 1)
        return;
    /* it is taken, until it is given back */
    struct wire_operation same = operation(WIRE_OP_NIC_ATTACH, "", "b");
    same.nic.mac = r->results[0].device;
    transact(&bed, OPERATOR, &same, 1);
    CHECK_CODE(VDC_E_EXISTS);
    CHECK_TEXT("is in use");
    struct wire_operation off = operation(WIRE_OP_NIC_DETACH, "", "a");
    off.device = r->results[0].device;
    CHECK(transact(&bed, OPERATOR, &off, 1));
    CHECK(transact(&bed, OPERATOR, &same, 1));
    CHECK_CODE(0);
    bed_close(&bed);
}

static void grown_disks(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    bed_file(&bed, "customers/acme/data", 100l * 1024 * 1024);
    struct wire_operation make = creation(&bed, "acme", "web");
    make.definition.disks = disk(&bed, "customers/acme/data", "xvda");
    make.definition.n_disks = 1;
    CHECK(transact(&bed, OPERATOR, &make, 1));
    bed_file(&bed, "customers/acme/data", 2048l * 1024 * 1024);
    struct wire_partition_ref r = ref("acme", "web");
    act(&bed, OPERATOR, WIRE_MSG_partition_start, &r);
    CHECK_CODE(VDC_E_QUOTA);
    CHECK_TEXT("the disks of guest 'web' have grown");
    CHECK_TEXT("2048 MiB asked > 1024 MiB limit");
    act(&bed, OPERATOR, WIRE_MSG_partition_start, &r); /* as the first time */
    CHECK_CODE(VDC_E_QUOTA);
    bed_file(&bed, "customers/acme/data", 200l * 1024 * 1024);
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_start, &r));
    CHECK_CODE(0);
    CHECK(usage(&bed, "acme")->disk.kib == 200 * 1024);
    bed_close(&bed);
}

static void names(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    struct wire_partition_create order = guest(&bed, "12");
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("taken for a domid");
    order = guest(&bed, "g12");
    CHECK(create(&bed, OPERATOR, &order));
    struct wire_partition_ref r = ref("", "g12");
    r.new_name = "12";
    act(&bed, OPERATOR, WIRE_MSG_partition_rename, &r);
    CHECK_CODE(VDC_E_BAD_VALUE);
    bed_close(&bed);
}

static void saved(void)
{
    struct bed bed = { 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_operation make = creation(&bed, "", "web");
    make.start = true;
    CHECK(transact(&bed, ACME_UID, &make, 1));
    struct wire_operation save = operation(WIRE_OP_SAVE, "", "web");
    static const char *const outside[] = { "images/x", "x",
                                           "customers/globex/x" };
    for (size_t i = 0; i < 3; i++) {
        save.file = bed_path(&bed, outside[i]);
        transact(&bed, ACME_UID, &save, 1);
        CHECK_CODE(VDC_E_NO_FILE);
        CHECK_TEXT("save: no such file");
    }
    bed_file(&bed, "customers/acme/data", 4096);
    save.file = bed_path(&bed, "customers/acme/data");
    transact(&bed, ACME_UID, &save, 1);
    CHECK_CODE(VDC_E_EXISTS);
    save.file = bed_path(&bed, "customers/acme/web.save");
    CHECK(transact(&bed, ACME_UID, &save, 1));
    CHECK_CODE(0);
    /* the file counts as a disk does */
    struct stat st;
    CHECK(stat(save.file, &st) == 0);
    uint64_t file_kib = ((uint64_t)st.st_size + 1023) / 1024;
    CHECK(file_kib > 0 && usage(&bed, "acme")->disk.kib == file_kib);
    CHECK(usage(&bed, "globex")->disk.kib == 0);
    struct wire_operation start = operation(WIRE_OP_START, "", "web");
    start.file = bed_path(&bed, "customers/acme/data");
    transact(&bed, ACME_UID, &start, 1);
    CHECK_CODE(VDC_E_BAD_VALUE);
    start.file = save.file;
    struct wire_operation other = creation(&bed, "", "other");
    CHECK(transact(&bed, ACME_UID, &other, 1));
    start.name = "other";
    transact(&bed, ACME_UID, &start, 1);
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("of another guest");
    start.name = "web";
    CHECK(transact(&bed, ACME_UID, &start, 1));
    CHECK_CODE(0);
    bed_close(&bed);
}

/* What it would write is held against the quota before it is written. */
static void saved_too_much(void)
{
    struct bed bed = { 0 };
    struct wire_customer_create c;

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_operation make = creation(&bed, "", "web");
    make.start = true;
    make.definition.memory = make.definition.max_memory = MEM_MIB(64);
    CHECK(transact(&bed, ACME_UID, &make, 1));
    wire_init(&wire_struct_customer_create, &c);
    c.name = "acme";
    c.quota.memory_kib = 1024 * 1024;
    c.quota.vcpus = c.quota.guests = 8;
    c.quota.disk_kib = 63 * 1024;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c));
    struct wire_operation save = operation(WIRE_OP_SAVE, "", "web");
    save.file = bed_path(&bed, "customers/acme/web.save");
    transact(&bed, ACME_UID, &save, 1);
    CHECK_CODE(VDC_E_QUOTA);
    CHECK_TEXT("disk quota: 0 MiB used + 64 MiB asked > 63 MiB limit");
    CHECK(access(save.file, F_OK) != 0);
    c.quota.disk_kib = 64 * 1024;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c));
    save.resume = true;
    CHECK(transact(&bed, ACME_UID, &save, 1));
    CHECK_CODE(0);
    save.file = bed_path(&bed, "customers/acme/again.save");
    transact(&bed, ACME_UID, &save, 1);
    CHECK_CODE(VDC_E_QUOTA);
    /* the provider's own rooms are no matter of the customer's quota */
    save.customer = "acme";
    save.file = bed_path(&bed, "again.save");
    CHECK(transact(&bed, OPERATOR, &save, 1));
    CHECK_CODE(0);
    bed_close(&bed);
}

static void set_customer(void)
{
    struct bed bed = { 0 };
    const char *user = "54003";
    struct wire_customer_create c;

    bed_with_web(&bed);
    struct wire_operation make = creation(&bed, "acme", "web");
    wire_init(&wire_struct_customer_create, &c);
    c.name = "acme";
    c.quota.memory_kib = 1024; /* less than it has */
    c.dry_run = true;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c));
    c.dry_run = false;
    const struct wire_customer_list *l =
        ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c);
    CHECK(l && l->n_customers == 1 &&
          l->customers[0].usage.memory.kib == 64 * 1024 &&
          l->customers[0].quota.memory_kib == 1024 &&
          l->customers[0].quota.vcpus == -1 && l->customers[0].n_logins == 1);
    CHECK(bed_logged(&bed, "what it has it keeps"));
    struct wire_partition_ref web = ref("acme", "web");
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_start, &web));
    make.definition.name = "more";
    transact(&bed, OPERATOR, &make, 1);
    CHECK_CODE(VDC_E_QUOTA);
    c.users = &user;
    c.n_users = 1;
    c.quota.memory_kib = -1;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c));
    CHECK(transact(&bed, OPERATOR, &make, 1));
    /* what cannot be */
    c.name = "globex";
    ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c);
    CHECK_CODE(VDC_E_EXISTS);
    c.name = "nobody";
    ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c);
    CHECK_CODE(VDC_E_NOT_FOUND);
    c.name = "provider";
    ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c);
    CHECK_CODE(VDC_E_DENIED);
    bed_kill(&bed.policyd, SIGKILL);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    const struct wire_customer_ref acme = { "acme", false, 0 };
    l = ask(&bed, OPERATOR, WIRE_MSG_customer_list, &acme);
    CHECK(l && l->customers[0].quota.memory_kib == -1 &&
          l->customers[0].n_logins == 1 &&
          l->customers[0].logins[0].uid == 54003);
    bed_close(&bed);
}

const struct sim_test tests_changes[] = {
    { "several things at once", several },
    { "wholly or not at all", not_at_all },
    { "all reasons at once", all_reasons },
    { "reasons of policyd and resourced", reasons_of_both },
    { "quotas and changes at once", quota_race },
    { "interfaces and their MACs", interfaces },
    { "disks that grew", grown_disks },
    { "names of digits", names },
    { "saved guests", saved },
    { "saved guests and quotas", saved_too_much },
    { "another quota", set_customer },
    { NULL, NULL },
};
