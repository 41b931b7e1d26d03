/* Tests of policyd/change/effect.c. */
#include "policyd/change/effect.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct arena *arena;
static struct effect effect;

static void begin(bool runs)
{
    struct wire_partition_reply shown;
    struct wire_disk disks[2];
    struct wire_nic nic;

    arena = arena_new();
    wire_init(&wire_struct_partition_reply, &shown);
    wire_init(&wire_struct_disk, &disks[0]);
    wire_init(&wire_struct_disk, &disks[1]);
    wire_init(&wire_struct_nic, &nic);
    disks[0].vdev = "xvda";
    disks[0].size = MEM_MIB(10);
    disks[1].vdev = "xvdb";
    disks[1].size = MEM_MIB(5);
    nic.mac = "00:16:3e:00:00:01";
    shown.definition.name = "web";
    shown.definition.max_memory = MEM_MIB(100);
    shown.definition.max_vcpus = 2;
    shown.definition.disks = disks;
    shown.definition.n_disks = 2;
    shown.definition.nics = &nic;
    shown.definition.n_nics = 1;
    if (runs)
        shown.live = shown.definition;
    memset(&effect, 0, sizeof(effect));
    CU_ASSERT_EQUAL_FATAL(effect_init(&effect, &shown, arena, NULL), 0);
    CU_ASSERT_EQUAL(effect.runs, runs);
}

static struct wire_usage usage(void)
{
    struct wire_usage u;

    effect_usage(&effect, &u);
    return u;
}

static struct wire_operation op_of(enum wire_operation_kind kind)
{
    struct wire_operation op;

    wire_init(&wire_struct_operation, &op);
    op.kind = kind;
    return op;
}

static void memory_and_vcpus(void)
{
    struct wire_operation op = op_of(WIRE_OP_MEMORY_MAX);

    begin(true);
    op.memory = MEM_MIB(300);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 300 * 1024);
    op.memory = MEM_MIB(50);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 50 * 1024);
    op = op_of(WIRE_OP_VCPUS);
    op.vcpus = 1; /* within what it may have */
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().vcpus, 2);
    op.vcpus = 5;
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().vcpus, 5);
    /* what does not count */
    op = op_of(WIRE_OP_MEMORY_SET);
    op.memory = MEM_MIB(999);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 50 * 1024);
    CU_ASSERT_EQUAL(usage().guests, 1);
    arena_free(arena);
}

/* As much as the guest has now, a file each time. */
static void saving(void)
{
    struct wire_operation op = op_of(WIRE_OP_SAVE);

    begin(true);
    uint64_t before = usage().disk.kib;
    effect.live.memory = MEM_MIB(40);
    effect_apply(&effect, &op, arena);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, before + 80 * 1024);
    arena_free(arena);
    begin(false);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, before);
    arena_free(arena);
}

/* What is changed for the time counts as long as it is more. */
static void live_only(void)
{
    struct wire_operation op = op_of(WIRE_OP_MEMORY_MAX);

    begin(true);
    op.live_only = true;
    op.memory = MEM_MIB(300);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 300 * 1024);
    op.memory = MEM_MIB(10);
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 100 * 1024);
    arena_free(arena);
    begin(false); /* nothing runs */
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 100 * 1024);
    arena_free(arena);
}

static void disks(void)
{
    struct wire_operation on = op_of(WIRE_OP_DISK_ATTACH);
    struct wire_operation off = op_of(WIRE_OP_DISK_DETACH);

    begin(true);
    CU_ASSERT_EQUAL(usage().disk.kib, 15 * 1024);
    off.device = "xvdb";
    effect_apply(&effect, &off, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, 10 * 1024);
    on.disk.vdev = "xvdc";
    on.disk.size = MEM_MIB(7);
    effect_apply(&effect, &on, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, 17 * 1024);
    on.disk.readonly = true;
    on.disk.vdev = "xvdd";
    effect_apply(&effect, &on, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, 17 * 1024);
    off.device = "none";
    effect_apply(&effect, &off, arena);
    CU_ASSERT_EQUAL(usage().disk.kib, 17 * 1024);
    arena_free(arena);
}

static void interfaces(void)
{
    struct wire_operation on = op_of(WIRE_OP_NIC_ATTACH);
    struct wire_operation off = op_of(WIRE_OP_NIC_DETACH);

    begin(true);
    on.live_only = true;
    on.nic.mac = "00:16:3e:00:00:02";
    effect_apply(&effect, &on, arena);
    CU_ASSERT_STRING_EQUAL(effect_macs(&effect, arena),
                           "00:16:3e:00:00:01 00:16:3e:00:00:02");
    off.device = "00:16:3E:00:00:01";
    effect_apply(&effect, &off, arena);
    CU_ASSERT_STRING_EQUAL(effect_macs(&effect, arena), "00:16:3e:00:00:02");
    arena_free(arena);
}

static void made(void)
{
    struct wire_operation op = op_of(WIRE_OP_CREATE);

    arena = arena_new();
    memset(&effect, 0, sizeof(effect));
    op.definition.max_memory = MEM_MIB(9);
    op.definition.max_vcpus = 3;
    effect_apply(&effect, &op, arena);
    CU_ASSERT_EQUAL(usage().memory.kib, 9 * 1024);
    CU_ASSERT_EQUAL(usage().guests, 1);
    for (int kind = 0; kind <= WIRE_OP_SEND; kind++) {
        /* what is said not to count does not */
        struct wire_operation any = op_of((enum wire_operation_kind)kind);
        any.memory = MEM_MIB(1);
        any.vcpus = 9;
        any.disk.size = MEM_MIB(1);
        struct wire_usage before = usage();
        if (effect_counts(any.kind))
            continue;
        effect_apply(&effect, &any, arena);
        CU_ASSERT_EQUAL(before.memory.kib, usage().memory.kib);
        CU_ASSERT_EQUAL(before.vcpus, usage().vcpus);
        CU_ASSERT_EQUAL(before.disk.kib, usage().disk.kib);
    }
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "memory and vCPUs", memory_and_vcpus },
    { "files that it is saved to", saving },
    { "changes for the time", live_only },
    { "disks", disks },
    { "interfaces", interfaces },
    { "guests that are made", made },
};

UNIT_MAIN("policyd/effect", tests)
