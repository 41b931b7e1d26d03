/*
 * The mover that has hosts send guests: which moves are its own, what is
 * recorded, and each order.  What these come to is in test_mover_model.c.
 */
#include "policyd/rebalance/mover.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct setup setup = { .move_directory = "" };

#define HEX32 "0123456789abcdef0123456789abcdef"

static struct wire_partition_reply guest(enum wire_partition_state state,
                                         enum wire_domain_type type)
{
    struct wire_partition_reply shown;

    wire_init(&wire_struct_partition_reply, &shown);
    shown.partition.state = state;
    shown.definition.type = type;
    return shown;
}

static struct mover_ask ask_of(const struct wire_partition_reply *shown)
{
    return (struct mover_ask){ .setup = &setup,
                               .shown = shown,
                               .from_address = "tls:192.0.2.1:8444",
                               .to_address = "tls:192.0.2.2:8444",
                               .from_certificate = HEX32 HEX32,
                               .to_certificate = HEX32 HEX32,
                               .kib_per_s = 2048 };
}

static struct wire_stored_move begun(enum wire_domain_type type)
{
    const struct wire_partition_reply shown = guest(WIRE_RUNNING, type);
    const struct mover_ask ask = ask_of(&shown);
    struct wire_stored_move move;

    wire_init(&wire_struct_stored_move, &move);
    memset(move.uuid.bytes, 7, sizeof(move.uuid.bytes));
    move.number = UINT64_C(17953040105540);
    move.from = "a";
    move.to = "b";
    move.runs = true;
    move.generation = 9;
    move.definition.name = "web";
    move.definition.memory = MEM_KIB(10 * 1024);
    move.xen_name = "acme.web";
    move.owner = "acme";
    mover_live.plan(&ask, arena, &move);
    return move;
}

/* ---- the beginning ---- */

static void chosen(void)
{
    struct wire_partition_reply shown = guest(WIRE_RUNNING, WIRE_PVH);
    struct mover_ask ask = ask_of(&shown);
    struct vdc_error err = { 0 };

    CU_ASSERT_PTR_EQUAL(mover_choose(&ask), &mover_live);
    CU_ASSERT_EQUAL(mover_check_live(&ask, &err), 0);
    ask.from_address = "unix:/run/x";
    CU_ASSERT_PTR_EQUAL(mover_choose(&ask), &mover_suspend);
    CU_ASSERT_EQUAL(mover_check_live(&ask, &err), VDC_E_UNSUPPORTED);
    ask = ask_of(&shown);
    ask.to_certificate = "";
    CU_ASSERT_PTR_EQUAL(mover_choose(&ask), &mover_suspend);
    ask = ask_of(&shown);
    shown.definition.type = WIRE_PV;
    CU_ASSERT_PTR_EQUAL(mover_choose(&ask), &mover_live);
    CU_ASSERT_EQUAL(mover_check_live(&ask, &err), VDC_E_UNSUPPORTED);
    shown.partition.state = WIRE_STOPPED;
    CU_ASSERT_PTR_EQUAL(mover_choose(&ask), &mover_suspend);
    CU_ASSERT_EQUAL(mover_check_live(&ask, &err), VDC_E_WRONG_STATE);
}

static void recorded(void)
{
    const struct wire_stored_move move = begun(WIRE_PVH);
    const struct wire_stored_move other = begun(WIRE_PV);
    struct wire_stored_move old;

    CU_ASSERT_PTR_EQUAL(mover_of(&move), &mover_live);
    wire_init(&wire_struct_stored_move, &old);
    CU_ASSERT_PTR_EQUAL(mover_of(&old), &mover_suspend);
    CU_ASSERT_EQUAL(move.state, WIRE_MOVE_PREPARING);
    CU_ASSERT(move.live && !other.live);
    CU_ASSERT_STRING_EQUAL(move.address, "192.0.2.2:8444");
    CU_ASSERT_EQUAL(move.epoch, move.number);
    CU_ASSERT_EQUAL(move.n_from_fingerprint, 32);
    CU_ASSERT_EQUAL(move.from_fingerprint[1], 0x23);
    CU_ASSERT_EQUAL(move.to_fingerprint[31], 0xef);
    CU_ASSERT_EQUAL(move.n_ticket, 32);
    CU_ASSERT(memcmp(move.ticket, other.ticket, 32) != 0);
    CU_ASSERT(strstr(mover_live.what(&move, arena), "runs on while") != NULL);
    CU_ASSERT(strstr(mover_live.what(&other, arena),
                     "stands still until it is there") != NULL);
    CU_ASSERT(strstr(mover_live.what(&other, arena),
                     "10 MiB of memory are copied (about 5 s at 2 MiB/s)") !=
              NULL);
}

static void all_reasons(void)
{
    struct wire_partition_reply shown = guest(WIRE_PAUSED, WIRE_PVH);
    const struct mover_ask ask = ask_of(&shown);
    struct reasons reasons = { 0 };
    struct wire_disk disk;

    wire_init(&wire_struct_disk, &disk);
    disk.target = "/dev/vg/web";
    shown.definition.disks = &disk;
    shown.definition.n_disks = 1;
    shown.definition.nomigrate = true;
    shown.live.n_pci = 1;
    mover_live.check(&ask, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 4);
}

/* ---- orders ---- */

static void at_target(const struct wire_stored_move *move,
                      enum wire_transaction_stage stage)
{
    struct wire_transaction order;
    const char *host;

    mover_live.order(move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(host, "b");
    CU_ASSERT_EQUAL(order.stage, stage);
    CU_ASSERT_EQUAL(order.n_operations, 2);
    CU_ASSERT_STRING_EQUAL(order.key, mover_key(move, "t", arena));
    CU_ASSERT(strlen(order.key) <= 63);
    const struct wire_operation *op = order.operations;
    CU_ASSERT_EQUAL(op[0].kind, WIRE_OP_CREATE);
    CU_ASSERT_STRING_EQUAL(op[0].owner, "acme");
    CU_ASSERT_STRING_EQUAL(op[0].xen_name, "acme.web");
    CU_ASSERT_EQUAL(op[0].epoch, move->epoch);
    CU_ASSERT(uuid_equal(&op[0].definition.uuid, &move->uuid));
    CU_ASSERT_EQUAL(op[1].kind, WIRE_OP_START);
    CU_ASSERT(op[1].stream && !op[1].live);
    CU_ASSERT(uuid_equal(&op[1].uuid, &move->uuid));
    CU_ASSERT_STRING_EQUAL(op[1].host, "a");
    CU_ASSERT_PTR_EQUAL(op[1].fingerprint, move->from_fingerprint);
    CU_ASSERT_PTR_EQUAL(op[1].ticket, move->ticket);
    CU_ASSERT_EQUAL(op[1].n_ticket, 32);
    CU_ASSERT_EQUAL(op[1].epoch, move->epoch);
}

static void orders(void)
{
    struct wire_stored_move move = begun(WIRE_PVH);
    struct wire_transaction order;
    const char *host;

    at_target(&move, WIRE_STAGE_EXPECT);
    move.state = WIRE_MOVE_ARRIVING;
    at_target(&move, WIRE_STAGE_RELEASED);
    move.state = WIRE_MOVE_ABANDONING;
    move.attempt = 3; /* of the same transaction */
    at_target(&move, WIRE_STAGE_ABANDONED);
    move.state = WIRE_MOVE_LEAVING;
    mover_live.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(host, "a");
    CU_ASSERT_EQUAL(order.stage, WIRE_STAGE_NOW);
    CU_ASSERT_EQUAL(order.n_operations, 1);
    CU_ASSERT_STRING_EQUAL(order.key, mover_key(&move, "s", arena));
    const struct wire_operation *op = order.operations;
    CU_ASSERT_EQUAL(op->kind, WIRE_OP_SEND);
    CU_ASSERT_EQUAL(op->if_generation, 9);
    CU_ASSERT_STRING_EQUAL(op->address, "192.0.2.2:8444");
    CU_ASSERT_STRING_EQUAL(op->host, "b");
    CU_ASSERT_PTR_EQUAL(op->fingerprint, move.to_fingerprint);
    CU_ASSERT_EQUAL(op->epoch, move.epoch);
    CU_ASSERT(op->live && op->kib_per_s == 2048);
    move.state = WIRE_MOVE_RETURNING;
    mover_live.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(host, "a");
    CU_ASSERT_EQUAL(order.n_operations, 2);
    CU_ASSERT_EQUAL(order.operations[0].epoch, move.epoch);
    CU_ASSERT(order.operations[1].kind == WIRE_OP_START &&
              !order.operations[1].stream && !*order.operations[1].file);
    move.state = WIRE_MOVE_DEFINING;
    mover_live.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(host, "a");
    CU_ASSERT_EQUAL(order.n_operations, 1);
}

/* Until the guest is there each host must know the other by what it had. */
static void certificates(void)
{
    struct wire_stored_move move = begun(WIRE_PVH);
    uint32_t n = 7;

    for (int i = 0; i < 2; i++) {
        move.state = i ? WIRE_MOVE_LEAVING : WIRE_MOVE_PREPARING;
        CU_ASSERT(mover_needs_certificate(&move, "a"));
        CU_ASSERT(mover_needs_certificate(&move, "b"));
        CU_ASSERT(!mover_needs_certificate(&move, "c"));
    }
    move.state = WIRE_MOVE_ARRIVING;
    CU_ASSERT(!mover_needs_certificate(&move, "a"));
    move.state = WIRE_MOVE_LEAVING;
    move.stream = false;
    CU_ASSERT(!mover_needs_certificate(&move, "a"));
    CU_ASSERT_EQUAL(mover_fingerprint(HEX32 HEX32, arena, &n)[1], 0x23);
    CU_ASSERT_EQUAL(n, 32);
    mover_fingerprint("", arena, &n);
    CU_ASSERT_EQUAL(n, 0);
}

static const struct unit_test tests[] = {
    { "which mover it is", chosen },
    { "what is recorded", recorded },
    { "all that is in its way", all_reasons },
    { "orders", orders },
    { "certificates", certificates },
};

int main(void)
{
    arena = arena_new();
    int status = unit_main("policyd/mover_live", tests,
                           sizeof(tests) / sizeof(tests[0]));
    arena_free(arena);
    return status;
}
