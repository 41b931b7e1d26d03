/*
 * resourced on a simulated host: after ten thousand transactions of all
 * ends (done, refused, failed, cancelled, too late, asked by a client that was
 * gone before the answer), with subscribers that come and go, it has as many
 * descriptors open as before, and ends with nothing left.
 *
 * VDC_TRANSACTIONS=N does so many.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/rd.h"
#include "tests/unit/unit.h"

#define N_TRANSACTIONS 10000
#define N_A_ROUND 8 /* transactions */
#define N_WARM_UP 20 /* rounds */
#define N_FAULTS 30

static struct {
    unsigned done, refused, failed, cancelled, late, dropped;
} sum;

static void count(int rc)
{
    if (rc == 0)
        sum.done++;
    else if (rc == VDC_E_NOT_FOUND)
        sum.refused++;
    else if (rc == VDC_E_HYPERVISOR)
        sum.failed++;
    else if (rc == VDC_E_CANCELLED)
        sum.cancelled++;
    else if (rc == VDC_E_TIMEOUT)
        sum.late++;
    else
        CU_FAIL("another answer");
}

static void do_one(struct rd *rd, enum wire_operation_kind kind,
                   const char *name)
{
    struct rd_transaction t;

    rd_begin(&t);
    struct wire_operation *op = rd_add(&t, kind, name);
    op->weight = 300;
    count(rd_transact(rd, &t, NULL, NULL));
}

/* The guest gives nothing, so that this is under way until somebody ends it:
 * the deadline, when there is one, or we. */
static void ask_of_mean(struct rd *rd, uint64_t timeout_ms)
{
    struct rd_transaction t;

    rd_begin(&t);
    t.t.timeout_ms = timeout_ms;
    rd_add(&t, WIRE_OP_MEMORY_SET, "mean")->memory = MEM_MIB(32);
    uint32_t id = rd_send_transaction(rd, &t);
    if (!timeout_ms)
        rd_cancel(rd, id);
    count(rd_answer(rd, id, NULL, NULL));
}

/* Another client: asks, and does not stay for the answer. */
static void ask_and_go(struct rd *rd)
{
    struct rd other = *rd;
    struct rd_transaction t;

    other.fd = -1;
    CU_ASSERT_FATAL(rd_connect(&other));
    rd_begin(&t);
    rd_add(&t, WIRE_OP_SCHED, "mean")->weight = 200;
    CU_ASSERT(rd_send_transaction(&other, &t) != 0);
    rd_disconnect(&other);
    sum.dropped++;
}

/* One that wants all events, and goes; its last words are half a message. */
static void subscribe_and_go(struct rd *rd)
{
    struct rd other = *rd;
    struct wire_events_query query;

    other.fd = -1;
    CU_ASSERT_FATAL(rd_connect(&other));
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    query.since = UINT64_MAX;
    CU_ASSERT(rd_send(&other, WIRE_MSG_events, &query) != 0);
    CU_ASSERT_EQUAL(write(other.fd, "\0\0", 2), 2);
    rd_disconnect(&other);
}

static void round_of_all(struct rd *rd)
{
    struct rd_transaction t;
    struct arena *arena = rd->arena;

    rd->arena = arena_new();
    rd_begin(&t);
    rd_add_create(rd, &t, "web", true);
    count(rd_transact(rd, &t, NULL, NULL));
    subscribe_and_go(rd);
    ask_and_go(rd);
    do_one(rd, WIRE_OP_PAUSE, "web");
    ask_of_mean(rd, 0);
    ask_of_mean(rd, 1);
    do_one(rd, WIRE_OP_SCHED, "web");
    do_one(rd, WIRE_OP_START, "nobody");
    do_one(rd, WIRE_OP_DESTROY, "web");
    arena_free(rd->arena);
    rd->arena = arena;
}

/* When the connections that were closed are seen to be. */
static unsigned descriptors_at_rest(struct rd *rd, unsigned wanted)
{
    unsigned n = rd_descriptors(rd);

    for (unsigned i = 0; i < 500 && n > wanted; i++) {
        rd_sleep(10);
        n = rd_descriptors(rd);
    }
    return n;
}

static const char *some_faults(struct rd *rd, unsigned every)
{
    const char *all = "";

    for (unsigned i = 1; i <= N_FAULTS; i++)
        all = arena_printf(rd->arena, "%s%sfail:create:%u", all,
                           i > 1 ? ";" : "", 1 + i * every);
    return all;
}

static void test_descriptors(void)
{
    const char *text = getenv("VDC_TRANSACTIONS");
    unsigned n_rounds =
        (text ? (unsigned)atoi(text) : N_TRANSACTIONS) / N_A_ROUND;
    struct rd *rd = rd_new("create_ms=0,destroy_ms=0,op_ms=0,memory=4G,"
                           "balloon=64G");

    rd->log_level = "warning";
    rd->settings = "undo_wait = 1\nrestart_min_interval = 0\n";
    rd->fault = some_faults(rd, (n_rounds + N_WARM_UP) / (N_FAULTS + 1));
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "mean", "sim.balloon=never"), 0);
    unsigned alone = rd_descriptors(rd);
    for (unsigned i = 0; i < N_WARM_UP; i++)
        round_of_all(rd);
    unsigned before = descriptors_at_rest(rd, alone);
    CU_ASSERT_EQUAL(before, alone);
    for (unsigned i = 0; i < n_rounds; i++)
        round_of_all(rd);
    CU_ASSERT_EQUAL(descriptors_at_rest(rd, before), before);
    printf("\n    %u done, %u refused, %u failed, %u cancelled, %u too late, "
           "%u of clients that were gone; %u descriptors before and %u after ",
           sum.done, sum.refused, sum.failed, sum.cancelled, sum.late,
           sum.dropped, before, rd_descriptors(rd));
    CU_ASSERT(sum.done >= 2 * n_rounds);
    CU_ASSERT(sum.refused >= n_rounds);
    CU_ASSERT(sum.failed >= 10);
    CU_ASSERT(sum.cancelled >= n_rounds);
    CU_ASSERT(sum.late >= n_rounds);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "as many after ten thousand transactions", test_descriptors },
};

UNIT_MAIN("resourced: descriptors", tests)
