/* resourced on a simulated host: what clients can say about a transaction:
 * keys, generations, deadlines, cancel. */
#include <string.h>

#include "tests/sim/rd_change.h"
#include "tests/unit/unit.h"

static struct rd *started(const char *options)
{
    return rd_started(options,
                      "restart_min_interval = 0\nmemory_wait = 2\n"
                      "undo_wait = 1\n",
                      NULL);
}

static void test_generation(void)
{
    struct rd *rd = started("");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    rd_begin(&t);
    rd_add_rename(rd, &t, "web", "www");
    t.operations[0].if_generation = 1;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "www")->generation, 2);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "www")->if_generation = 1;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "renamed"));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    t.operations[0].if_generation = 2;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), 0);
    rd_free(rd);
}

static void test_key(void)
{
    struct rd *rd = started("create_ms=100");
    const struct wire_transaction_reply *reply;
    const void *first = NULL, *second = NULL;
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd_begin(&t);
    t.t.key = "one";
    rd_add_create(rd, &t, "web", true);
    /* Both at the same time: the second waits for the first. */
    uint32_t a = rd_send_transaction(rd, &t), b = rd_send_transaction(rd, &t);
    CU_ASSERT_EQUAL_FATAL(rd_answer(rd, a, &first, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(rd_answer(rd, b, &second, NULL), 0);
    const struct wire_transaction_reply *one = first, *two = second;
    CU_ASSERT(!one->again && two->again);
    CU_ASSERT_EQUAL(one->id, two->id);
    CU_ASSERT(uuid_equal(&one->results[0].partition.uuid,
                         &two->results[0].partition.uuid));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    /* Another request, or another owner. */
    rd_begin(&t);
    t.t.key = "one";
    rd_add_create(rd, &t, "db", true);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "one"));
    t.t.owner = "other";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, &reply, NULL), 0);
    /* A refusal is not kept: what was wrong may be right later. */
    rd_begin(&t);
    t.t.key = "two";
    rd_add(&t, WIRE_OP_START, "web");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(!reply->again);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(reply->again);
    rd_free(rd);
}

/* What failed half-way fails again in the same words, undone once. */
static void test_key_of_failure(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;
    struct vdc_error err = { 0 }, again = { 0 };

    rd->fault = "fail:create:1";
    CU_ASSERT_FATAL(rd_start(rd));
    rd_begin(&t);
    t.t.key = "one";
    rd_add_create(rd, &t, "web", true);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &again), VDC_E_HYPERVISOR);
    CU_ASSERT_STRING_EQUAL(err.text, again.text);
    t.t.key = "two";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), 0);
    rd_free(rd);
}

/* Who asks for an answer may want that there is none later either. */
static void test_closed_key(void)
{
    struct rd *rd = started("");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd_begin(&t);
    t.t.key = "one";
    t.t.close = true;
    rd_add_create(rd, &t, "web", false);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_BAD_VALUE);
    rd_begin(&t);
    t.t.key = "one";
    t.t.recall = t.t.close = true;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_CONFLICT);
    rd_begin(&t);
    t.t.key = "one";
    rd_add_create(rd, &t, "web", false);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_CONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too late"));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    t.t.key = "two";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    /* what has an answer is what it was */
    rd_begin(&t);
    t.t.key = "two";
    t.t.recall = t.t.close = true;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_free(rd);
}

static void test_cancel(void)
{
    struct rd *rd = started("create_ms=300");
    struct rd_transaction t;
    struct vdc_error err = { 0 };
    struct wire_frame frame;

    uint64_t free_kib = rd_free_kib(rd);
    rd_begin(&t);
    rd_add_create(rd, &t, "web", true);
    rd_add_create(rd, &t, "db", true);
    uint32_t id = rd_send_transaction(rd, &t);
    rd_sleep(350); /* in the middle of the second */
    rd_cancel(rd, id);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &err), VDC_E_CANCELLED);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib);
    /* One that waits goes at once; the one before it does not notice. */
    uint32_t first = rd_send_transaction(rd, &t);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "web");
    uint32_t second = rd_send_transaction(rd, &t);
    rd_cancel(rd, second);
    CU_ASSERT(rd_receive(rd, &frame, 3000) && frame.id == second);
    CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_error);
    CU_ASSERT(rd_receive(rd, &frame, 3000) && frame.id == first);
    CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_transaction_reply);
    /* Too late, and of nothing at all. */
    rd_cancel(rd, first);
    rd_cancel(rd, 12345);
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    rd_free(rd);
}

static void test_cancel_wait(void)
{
    struct rd *rd = started("");
    struct wire_partition_ref ref;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", "sim.ignore_shutdown"), 0);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    ref.wait = true;
    uint32_t id = rd_send(rd, WIRE_MSG_partition_shutdown, &ref);
    rd_sleep(100);
    rd_cancel(rd, id);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &err), VDC_E_CANCELLED);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

static void test_deadline(void)
{
    struct rd *rd = started("create_ms=300");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd_begin(&t);
    t.t.timeout_ms = 350;
    rd_add_create(rd, &t, "web", true);
    rd_add_create(rd, &t, "db", true);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_TIMEOUT);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    t.t.timeout_ms = 20000;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), 0);
    /* In the queue, too. */
    rd_begin(&t);
    rd_add_create(rd, &t, "a", true);
    uint32_t first = rd_send_transaction(rd, &t);
    rd_begin(&t);
    t.t.timeout_ms = 50;
    rd_add(&t, WIRE_OP_DESTROY, "a");
    uint32_t second = rd_send_transaction(rd, &t);
    CU_ASSERT_EQUAL(rd_answer(rd, second, NULL, &err), VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "waited"));
    CU_ASSERT_EQUAL(rd_answer(rd, first, NULL, &err), 0);
    rd_free(rd);
}

/* Requests by name mean what the name means when it is their turn. */
static void test_names_in_queue(void)
{
    struct rd *rd = started("create_ms=200");
    struct rd_transaction t;
    struct wire_frame frame;

    rd_begin(&t);
    rd_add_create(rd, &t, "web", true);
    rd_send_transaction(rd, &t);
    rd_begin(&t);
    rd_add_rename(rd, &t, "web", "www");
    rd_send_transaction(rd, &t);
    rd_begin(&t);
    rd_add_create(rd, &t, "web", true);
    rd_send_transaction(rd, &t);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "www");
    rd_send_transaction(rd, &t);
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_FATAL(rd_receive(rd, &frame, 5000));
        CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_transaction_reply);
    }
    CU_ASSERT_PTR_NULL(rd_show(rd, "www"));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "if still as I saw it", test_generation },
    { "keys", test_key },
    { "the key of a failure", test_key_of_failure },
    { "a key that is closed", test_closed_key },
    { "cancel", test_cancel },
    { "cancel while waiting for the guest", test_cancel_wait },
    { "deadline", test_deadline },
    { "names in the queue", test_names_in_queue },
};

UNIT_MAIN("resourced: what is asked with a transaction", tests)
