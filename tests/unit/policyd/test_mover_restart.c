/*
 * The mover that starts guests anew whose host is off: who is asked what, and
 * where the guest is assigned after each answer.
 */
#include <string.h>

#include "base/arena.h"
#include "policyd/rebalance/mover.h"
#include "tests/unit/unit.h"

static struct arena *arena;

static struct wire_stored_move begun(void)
{
    struct wire_stored_move move;

    wire_init(&wire_struct_stored_move, &move);
    memset(move.uuid.bytes, 7, sizeof(move.uuid.bytes));
    move.number = move.epoch = 1795;
    move.state = WIRE_MOVE_ARRIVING;
    move.restart = move.runs = true;
    move.from = "dead";
    move.to = "b";
    move.definition.name = "web";
    move.xen_name = "acme.web";
    move.owner = "acme";
    return move;
}

static void test_chosen(void)
{
    struct wire_stored_move move = begun();

    CU_ASSERT_PTR_EQUAL(mover_of(&move), &mover_restart);
    move.restart = false;
    CU_ASSERT_PTR_EQUAL(mover_of(&move), &mover_suspend);
}

static void test_order(void)
{
    struct wire_stored_move move = begun();
    struct wire_transaction order;
    const char *host;

    mover_restart.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(host, "b");
    CU_ASSERT_EQUAL(order.n_operations, 2);
    CU_ASSERT_EQUAL(order.operations[0].kind, WIRE_OP_CREATE);
    CU_ASSERT_EQUAL(order.operations[0].epoch, 1795);
    CU_ASSERT_FALSE(order.operations[0].start);
    CU_ASSERT_EQUAL(order.operations[1].kind, WIRE_OP_START);
    CU_ASSERT_STRING_EQUAL(order.operations[1].file, "");
    /* asked again it is the same order */
    char *key = arena_strdup(arena, order.key);
    move.attempt = 3;
    mover_restart.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_EQUAL(order.key, key);
    /* that of the next try is another */
    move.number++;
    mover_restart.order(&move, arena, &host, &order);
    CU_ASSERT_STRING_NOT_EQUAL(order.key, key);
}

/* Only a no that is sure gives it back; it is the target's otherwise. */
static void test_answers(void)
{
    const struct wire_stored_move move = begun();

    CU_ASSERT_EQUAL(mover_restart.next(&move, MOVER_YES), WIRE_MOVE_DONE);
    CU_ASSERT_EQUAL(mover_restart.next(&move, MOVER_NO), WIRE_MOVE_FAILED);
    CU_ASSERT_EQUAL(mover_restart.doubt(&move), MOVER_RECALL);
    CU_ASSERT_STRING_EQUAL(mover_restart.owner(&move, WIRE_MOVE_ARRIVING),
                           "b");
    CU_ASSERT_STRING_EQUAL(mover_restart.owner(&move, WIRE_MOVE_DONE), "b");
    CU_ASSERT_STRING_EQUAL(mover_restart.owner(&move, WIRE_MOVE_FAILED),
                           "dead");
    CU_ASSERT(mover_restart.looks(&move, VDC_E_EXISTS));
    CU_ASSERT(mover_restart.looks(&move, VDC_E_CONFLICT));
    CU_ASSERT_FALSE(mover_restart.looks(&move, VDC_E_NO_MEMORY));
    CU_ASSERT_EQUAL(mover_restart.looked(&move, VDC_E_EXISTS, MOVER_THERE),
                    MOVER_YES);
    CU_ASSERT_EQUAL(mover_restart.looked(&move, VDC_E_CONFLICT, MOVER_GONE),
                    MOVER_NO);
}

/* What is bound to its host is not started elsewhere. */
static void test_definition(void)
{
    const char *shared[] = { "/shared" };
    struct setup setup = { .shared_paths = { 1, shared } };
    struct wire_disk disk = { .target = "/shared/a.img", .vdev = "xvda" };
    struct wire_definition d = { .disks = &disk, .n_disks = 1 };
    struct reasons reasons = { 0 };

    mover_check_definition(&setup, &d, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 0);
    disk.target = "/local/a.img";
    mover_check_definition(&setup, &d, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 1);
    disk.readonly = true;
    d.n_pci = 1;
    d.nomigrate = true;
    mover_check_definition(&setup, &d, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 3);
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "chosen", test_chosen },
        { "order", test_order },
        { "answers", test_answers },
        { "definition", test_definition },
    };
    arena = arena_new();
    int status =
        unit_main("mover_restart", tests, sizeof(tests) / sizeof(tests[0]));
    arena_free(arena);
    return status;
}
