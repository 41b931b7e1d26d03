/* resourced on a simulated host: an old copy of its database is put back, and
 * host_verify finds what has changed since. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"

static void copy_database(struct rd *rd, const char *from, const char *to)
{
    char *command = xasprintf("cp %s/%s %s/%s", rd->dir, from, rd->dir, to);

    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    free(command);
}

static void attach_xvdb(struct rd_transaction *t, const char *guest,
                        const char *target)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_DISK_ATTACH, guest);

    op->disk.target = target;
    op->disk.format = "raw";
    op->disk.vdev = "xvdb";
}

/* After a boot of dom0 alone: without the file that would tell. */
static void put_back(struct rd *rd)
{
    copy_database(rd, "yesterday", "db");
    CU_ASSERT_EQUAL(unlink(rd_path(rd, "sequence")), 0);
}

/* Somebody put back a copy of yesterday: what runs since is found in
 * xenstore, what stopped since has no domain. */
static void test_old_copy(void)
{
    struct rd *rd = rd_with_pci();
    struct rd_transaction t;
    struct wire_definition definition;

    rd_create_rich(rd, "stays", "00:16:3e:00:00:01");
    rd_definition(&definition, "off", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
    rd_stop(rd);
    copy_database(rd, "db", "yesterday");
    CU_ASSERT_FATAL(rd_start(rd));
    uint32_t new_domid = rd_create_rich(rd, "new", "00:16:3e:00:00:02");
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "off", NULL), 0);
    uint32_t off_domid = rd_show(rd, "off")->domid;
    rd_begin(&t);
    attach_xvdb(&t, "stays", "/bin/false");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_stop(rd);
    put_back(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_PTR_NULL(rd_show(rd, "new"));

    const struct wire_verify_reply *reply = rd_verify(rd, false);
    CU_ASSERT_FATAL(reply != NULL);
    CU_ASSERT_EQUAL(rd_differences(reply, "unknown-partition"), 1);
    CU_ASSERT_EQUAL(rd_differences(reply, "unknown-domain"), 1);
    CU_ASSERT_EQUAL(rd_differences(reply, "disk"), 1);
    CU_ASSERT_EQUAL(reply->n_differences, 3);
    reply = rd_verify(rd, true);
    CU_ASSERT(rd_difference(reply, "unknown-partition")->repaired);
    CU_ASSERT(rd_difference(reply, "unknown-domain")->repaired);
    CU_ASSERT(!rd_difference(reply, "disk")->repaired);
    CU_ASSERT_PTR_NOT_NULL(strstr(rd_difference(reply, "disk")->text, "xvdb"));
    const struct wire_partition *p = rd_show(rd, "new");
    CU_ASSERT_FATAL(p != NULL);
    CU_ASSERT_EQUAL(p->domid, new_domid);
    CU_ASSERT_EQUAL(p->state, WIRE_RUNNING);
    CU_ASSERT_STRING_EQUAL(p->customer, "acme");
    CU_ASSERT_EQUAL(rd_show(rd, "off")->domid, off_domid);
    reply = rd_verify(rd, false);
    CU_ASSERT_EQUAL(reply->n_differences, 1); /* the disk */
    /* They are guests as all others. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "new", false), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "off", false), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "stays", false), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_check_agrees(rd);
    rd_free(rd);
}

/* What changed since the copy was made: what Xen misses is attached, what is
 * another is told. */
static void test_old_devices(void)
{
    struct rd *rd = rd_with_pci();
    struct rd_transaction t;

    rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    rd_begin(&t);
    rd_add(&t, WIRE_OP_PCI_ATTACH, "web")->device = "0000:03:00.0";
    attach_xvdb(&t, "web", "/bin/cat");
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_stop(rd);
    copy_database(rd, "db", "yesterday");
    CU_ASSERT_FATAL(rd_start(rd));
    rd_begin(&t);
    rd_add(&t, WIRE_OP_PCI_DETACH, "web")->device = "0000:03:00.0";
    rd_add(&t, WIRE_OP_DISK_DETACH, "web")->device = "xvdb";
    attach_xvdb(&t, "web", "/bin/false");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_stop(rd);
    put_back(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_verify_reply *reply = rd_verify(rd, true);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, "pci"), 1);
    CU_ASSERT(rd_difference(reply, "pci")->repaired);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, "disk"), 1);
    CU_ASSERT(!rd_difference(reply, "disk")->repaired);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(rd_difference(reply, "disk")->text, "/bin/false"));
    reply = rd_verify(rd, false);
    CU_ASSERT_EQUAL(rd_differences(reply, "pci"), 0);
    CU_ASSERT_EQUAL(rd_differences(reply, "disk"), 1);
    rd_free(rd);
}

/* Another toolstack makes a domain with the uuid of a guest of ours. */
static void test_same_uuid(void)
{
    struct rd *rd = rd_with_pci();
    struct wire_definition definition;

    rd_definition(&definition, "off", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
    rd_stop(rd);
    copy_database(rd, "db", "yesterday");
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "off", NULL), 0);
    uint32_t domid = rd_show(rd, "off")->domid;
    rd_stop(rd);
    put_back(rd);
    rd_remove_node(
        rd, arena_printf(rd->arena, "/tool/xen-vdc/partition/%u", domid));
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_verify_reply *reply = rd_verify(rd, true);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, "unknown-domain"), 1);
    CU_ASSERT(!rd_difference(reply, "unknown-domain")->repaired);
    CU_ASSERT_EQUAL(rd_difference(reply, "unknown-domain")->domid, domid);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_EQUAL(rd_show(rd, "off")->state, WIRE_STOPPED);
    rd_free(rd);
}

/* ---- a new one: its guests may have gone elsewhere before ---- */

static void make_anew(struct rd *rd)
{
    struct wire_verify verify;
    int fd = open(rd_path(rd, "db"), O_RDWR);

    CU_ASSERT_EQUAL(pwrite(fd, "?", 1, 3), 1);
    close(fd);
    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_verify, &verify);
    verify.rebuild = true;
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, NULL), 0);
}

static unsigned n_held(struct rd *rd)
{
    const struct wire_partition_list *list = rd_list(rd, false);
    unsigned n = 0;

    for (uint32_t i = 0; i < list->n_partitions; i++)
        n += list->partitions[i].held;
    return n;
}

/* What policyd says. */
static int release(struct rd *rd, const char *name, uint64_t epoch)
{
    struct wire_boot_release order;
    struct wire_boot_guest guest;

    wire_init(&wire_struct_boot_release, &order);
    wire_init(&wire_struct_boot_guest, &guest);
    guest.uuid = rd_show(rd, name)->uuid;
    guest.epoch = epoch;
    order.guests = &guest;
    order.n_guests = 1;
    return rd_call(rd, WIRE_MSG_boot_release, &order, NULL, NULL);
}

static bool runs(struct rd *rd, const char *name)
{
    return rd_wait_state(rd, name, WIRE_RUNNING, 8000 * unit_time_factor());
}

/* After a boot none of them is started by itself before policyd has said that
 * it is to run here; others are. */
static void test_held(void)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    struct wire_definition off;
    struct rd *rd = rd_new("");

    CU_ASSERT_FATAL(rd_start(rd));
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(rd_create_simple(rd, names[i], ""), 0);
    rd_definition(&off, "off", "");
    CU_ASSERT_EQUAL(rd_create(rd, &off, false, NULL), 0);
    rd_stop(rd);
    make_anew(rd);
    CU_ASSERT_EQUAL(n_held(rd), 5);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "fresh", ""), 0);
    CU_ASSERT_EQUAL(release(rd, "a", 7), 0);
    CU_ASSERT_EQUAL(n_held(rd), 4);
    rd_stop(rd);
    hv_sim_power_cut(rd_host(rd));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(rd_start(rd));
        CU_ASSERT(runs(rd, "fresh") && runs(rd, "a"));
        rd_sleep(500);
        CU_ASSERT_EQUAL(rd_domains(rd), 2);
        CU_ASSERT_EQUAL(n_held(rd), 4);
        rd_kill(rd);
    }
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(release(rd, "b", 0), 0); /* says nothing */
    CU_ASSERT_EQUAL(release(rd, "c", 9), 0);
    CU_ASSERT_EQUAL(release(rd, "c", 8), 0); /* is late */
    CU_ASSERT_EQUAL(release(rd, "off", 1), 0);
    CU_ASSERT(runs(rd, "c"));
    CU_ASSERT_EQUAL(rd_show(rd, "b")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_show(rd, "off")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(n_held(rd), 2);
    /* On request each may be started. */
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "b", NULL), 0);
    rd_stop(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM epoch WHERE epoch = 9"),
                    1);
    rd_free(rd);
}

/* After a boot those that are protected wait for policyd, too, whether they
 * ever moved or not; what one is told of them is no epoch of theirs. */
static void test_protected(void)
{
    struct wire_definition d;
    struct rd *rd = rd_new("");

    CU_ASSERT_FATAL(rd_start(rd));
    rd_definition(&d, "a", "");
    d.protected = true;
    CU_ASSERT_EQUAL(rd_create(rd, &d, true, NULL), 0);
    rd_definition(&d, "b", "");
    d.protected = true;
    CU_ASSERT_EQUAL(rd_create(rd, &d, true, NULL), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "plain", ""), 0);
    CU_ASSERT_EQUAL(n_held(rd), 0);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd)); /* the host has not booted */
    CU_ASSERT_EQUAL(n_held(rd), 0);
    rd_stop(rd);
    hv_sim_power_cut(rd_host(rd));
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT(runs(rd, "plain"));
    CU_ASSERT_EQUAL(n_held(rd), 2);
    CU_ASSERT_EQUAL(release(rd, "a", 1), 0);
    CU_ASSERT(runs(rd, "a"));
    CU_ASSERT_EQUAL(n_held(rd), 1);
    CU_ASSERT_EQUAL(rd_show(rd, "b")->state, WIRE_STOPPED);
    /* whoever starts it by hand is not told again */
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "b", NULL), 0);
    CU_ASSERT_EQUAL(n_held(rd), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "b", true), 0);
    CU_ASSERT_EQUAL(release(rd, "b", 1), 0);
    rd_sleep(500);
    CU_ASSERT_EQUAL(rd_show(rd, "b")->state, WIRE_STOPPED);
    rd_stop(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM epoch"), 0);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "an old copy of the database", test_old_copy },
    { "devices, and an old copy", test_old_devices },
    { "a domain with the same uuid", test_same_uuid },
    { "made anew: held", test_held },
    { "protected: held after a boot", test_protected },
};

UNIT_MAIN("resourced: an old copy of the database", tests)
