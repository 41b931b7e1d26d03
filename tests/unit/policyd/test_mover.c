/*
 * The mover that suspends guests: who is asked what in each state, and that
 * whatever the answers are, no two hosts are to have a guest.
 */
#include "policyd/rebalance/mover.h"

#include <string.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

static struct arena *arena;
static struct setup setup;

static struct wire_stored_move begun(bool runs)
{
    struct wire_stored_move move;

    wire_init(&wire_struct_stored_move, &move);
    memset(move.uuid.bytes, 7, sizeof(move.uuid.bytes));
    move.number = UINT64_C(17953040105540);
    move.from = "a";
    move.to = "b";
    move.runs = runs;
    move.generation = 9;
    move.definition.name = "web";
    move.xen_name = "acme.web";
    move.owner = "acme";
    const struct mover_ask ask = { .setup = &setup };
    mover_suspend.plan(&ask, arena, &move);
    return move;
}

/* Where it is defined, by the orders that were carried out. */
struct world {
    bool at_a, at_b, running, file;
};

static bool *at(struct world *w, const char *host)
{
    return strcmp(host, "a") == 0 ? &w->at_a : &w->at_b;
}

/* A host does what it is asked, or nothing. */
static void obey(const struct wire_stored_move *move, const char *host,
                 const struct wire_transaction *order, struct world *w)
{
    for (uint32_t i = 0; i < order->n_operations; i++) {
        const struct wire_operation *op = &order->operations[i];
        CU_ASSERT(uuid_equal(&op->uuid, &move->uuid));
        if (op->kind == WIRE_OP_SAVE || op->kind == WIRE_OP_DESTROY) {
            CU_ASSERT_TRUE(*at(w, host));
            CU_ASSERT_EQUAL(op->if_generation, 9);
            CU_ASSERT_EQUAL(op->kind == WIRE_OP_SAVE, move->runs);
            CU_ASSERT(op->forget);
            w->file = w->running;
            w->running = *at(w, host) = false;
        } else if (op->kind == WIRE_OP_CREATE) {
            CU_ASSERT_FALSE(w->at_a || w->at_b);
            CU_ASSERT(uuid_equal(&op->definition.uuid, &move->uuid));
            CU_ASSERT_STRING_EQUAL(op->owner, "acme");
            CU_ASSERT_STRING_EQUAL(op->xen_name, "acme.web");
            CU_ASSERT_EQUAL(op->epoch, move->number);
            CU_ASSERT_FALSE(op->start);
            *at(w, host) = true;
        } else {
            CU_ASSERT_EQUAL(op->kind, WIRE_OP_START);
            CU_ASSERT_TRUE(*at(w, host) && w->file && op->consume);
            CU_ASSERT_STRING_EQUAL(op->file, move->file);
            w->running = true;
            w->file = false;
        }
    }
}

/* Bit i of `answers`: what is answered to the i-th order. */
static enum wire_move_state walk(bool runs, unsigned answers,
                                 struct world *ret)
{
    struct wire_stored_move move = begun(runs);
    struct wire_transaction order;
    const char *host, *key = "";
    unsigned n = 0;

    *ret = (struct world){ .at_a = true, .running = runs };
    while (move.state != WIRE_MOVE_DONE && move.state != WIRE_MOVE_FAILED &&
           move.state != WIRE_MOVE_KEPT && n < 8) {
        bool ok = answers & 1u << n++;
        mover_suspend.order(&move, arena, &host, &order);
        CU_ASSERT_STRING_EQUAL(host,
                               mover_suspend.owner(&move, move.state));
        /* each state and attempt has its own */
        CU_ASSERT(*order.key && strlen(order.key) <= 63);
        CU_ASSERT(strcmp(order.key, key) != 0);
        key = order.key;
        if (ok)
            obey(&move, host, &order, ret);
        enum wire_move_state next = mover_suspend.next(&move, ok);
        move.attempt = next == move.state ? move.attempt + 1 : 0;
        move.state = next;
        CU_ASSERT_FALSE(ret->at_a && ret->at_b);
    }
    return move.state;
}

static void every_answer(void)
{
    unsigned n_ends[WIRE_MOVE_ABANDONING + 1] = { 0 };

    for (unsigned i = 0; i < 512; i++) {
        bool runs = i & 256;
        struct world w;
        enum wire_move_state end = walk(runs, i & 255, &w);
        n_ends[end]++;
        switch (end) {
        case WIRE_MOVE_DONE:
            CU_ASSERT(w.at_b && !w.at_a && w.running == runs && !w.file);
            break;
        case WIRE_MOVE_FAILED:
            CU_ASSERT(w.at_a && !w.at_b && w.running == runs && !w.file);
            break;
        case WIRE_MOVE_KEPT:
            CU_ASSERT(w.at_a && !w.at_b && !w.running && w.file && runs);
            break;
        case WIRE_MOVE_DEFINING: /* tried for ever */
            CU_ASSERT(!w.at_a && !w.at_b && w.file == runs);
            break;
        case WIRE_MOVE_WAITING:
        case WIRE_MOVE_LEAVING:
        case WIRE_MOVE_ARRIVING:
        case WIRE_MOVE_RETURNING:
        case WIRE_MOVE_NOT_BEGUN:
        case WIRE_MOVE_PREPARING:
        case WIRE_MOVE_ABANDONING:
            CU_FAIL("it is to come to an end");
        }
    }
    CU_ASSERT(n_ends[WIRE_MOVE_DONE] > 0 && n_ends[WIRE_MOVE_FAILED] > 0 &&
              n_ends[WIRE_MOVE_KEPT] > 0 && n_ends[WIRE_MOVE_DEFINING] > 0);
}

/* Who was forgotten by others is defined again, stopped; and what has no file
 * does not end as one whose file is kept. */
static void lost(void)
{
    struct wire_stored_move move = begun(true);
    struct wire_transaction order;
    struct world w = { .at_a = false };
    const char *host;

    move.state = mover_suspend.next(&move, MOVER_LOST);
    CU_ASSERT_EQUAL(move.state, WIRE_MOVE_DEFINING);
    CU_ASSERT_STRING_EQUAL(mover_suspend.owner(&move, move.state), "a");
    mover_suspend.order(&move, arena, &host, &order);
    obey(&move, host, &order, &w);
    CU_ASSERT(w.at_a && !w.at_b && !w.running);
    CU_ASSERT_EQUAL(mover_suspend.next(&move, MOVER_YES), WIRE_MOVE_KEPT);
    CU_ASSERT_EQUAL(mover_suspend.next(&move, MOVER_LOST), WIRE_MOVE_FAILED);
    CU_ASSERT_EQUAL(mover_suspend.next(&move, MOVER_NO), WIRE_MOVE_DEFINING);
}

static struct wire_partition_reply guest(enum wire_partition_state state)
{
    struct wire_partition_reply shown;

    wire_init(&wire_struct_partition_reply, &shown);
    shown.partition.state = state;
    return shown;
}

static int check(const struct wire_partition_reply *shown)
{
    const struct mover_ask ask = { .setup = &setup, .shown = shown };
    struct reasons reasons = { 0 };

    mover_suspend.check(&ask, &reasons);
    return reasons_error(&reasons, NULL);
}

static void who_may(void)
{
    struct wire_partition_reply shown = guest(WIRE_RUNNING);

    CU_ASSERT_EQUAL(check(&shown), 0);
    shown.definition.nomigrate = true;
    CU_ASSERT_EQUAL(check(&shown), VDC_E_UNSUPPORTED);
    for (int state = WIRE_STOPPED; state <= WIRE_MOVING; state++) {
        shown = guest((enum wire_partition_state)state);
        CU_ASSERT_EQUAL(check(&shown) == 0,
                        state == WIRE_STOPPED || state == WIRE_RUNNING);
    }
    setup.move_directory = "";
    shown = guest(WIRE_RUNNING);
    CU_ASSERT_EQUAL(check(&shown), VDC_E_UNSUPPORTED);
    shown = guest(WIRE_STOPPED);
    CU_ASSERT_EQUAL(check(&shown), 0);
    setup.move_directory = "/shared/moves";
}

static void disks(void)
{
    static const struct {
        const char *target;
        bool readonly, may;
    } cases[] = {
        { "/shared/web.img", false, true },
        { "/shared/deep/web.img", false, true },
        { "/dev/vg/web", false, false },
        { "/dev/vg/web", true, true },
        { "/shared.img", false, false },
        { "/sharedweb/x.img", false, false },
        { "/shared/../etc/x.img", false, false },
    };
    const char *shared[] = { "/shared/" };

    setup.shared_paths = (struct setting_list){ 1, shared };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_partition_reply shown = guest(WIRE_STOPPED);
        struct wire_disk disk;
        wire_init(&wire_struct_disk, &disk);
        disk.target = cases[i].target;
        disk.readonly = cases[i].readonly;
        shown.definition.disks = &disk;
        shown.definition.n_disks = 1;
        CU_ASSERT_EQUAL(check(&shown) == 0, cases[i].may);
    }
    setup.shared_paths = (struct setting_list){ 0 };
}

static const struct unit_test tests[] = {
    { "whatever is answered, no two hosts have it", every_answer },
    { "a guest or a file that is gone", lost },
    { "who may be moved", who_may },
    { "disks that all hosts see", disks },
};

int main(void)
{
    setup.move_directory = "/shared/moves";
    arena = arena_new();
    int status = unit_main("policyd/mover", tests,
                           sizeof(tests) / sizeof(tests[0]));
    arena_free(arena);
    return status;
}
