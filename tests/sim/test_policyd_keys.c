/* Requests with keys, and requests that are cancelled. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/test_policyd_etcd.h"

static const struct wire_transaction_reply *keyed(const struct bed *bed,
                                                  uid_t uid, const char *key,
                                                  struct wire_operation *op)
{
    struct wire_transaction t;

    wire_init(&wire_struct_transaction, &t);
    t.operations = op;
    t.n_operations = 1;
    t.key = key;
    return ask(bed, uid, WIRE_MSG_transaction, &t);
}

static void repeated(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_operation make = creation(&bed, "acme", "web");
    const struct wire_transaction_reply *first =
        keyed(&bed, OPERATOR, "k1", &make);
    CHECK(first && !first->again);
    const struct wire_transaction_reply *second =
        keyed(&bed, OPERATOR, "k1", &make);
    CHECK(second && second->again && second->id == first->id);
    CHECK(first && second &&
          uuid_equal(&first->results[0].partition.uuid,
                     &second->results[0].partition.uuid));
    CHECK(usage(&bed, "acme")->guests == 1);
    /* another request with the same key */
    struct wire_operation other = make;
    other.definition.memory = MEM_MIB(65);
    keyed(&bed, OPERATOR, "k1", &other);
    CHECK_CODE(VDC_E_CONFLICT);
    CHECK_TEXT("the key 'k1' was used for another request");
    /* a single request; and what is there no more */
    struct wire_partition_ref r = ref("acme", "web");
    r.key = "k2";
    for (int i = 0; i < 2; i++) {
        CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
        CHECK_CODE(0);
    }
    bed_kill(&bed.policyd, SIGKILL);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    second = keyed(&bed, OPERATOR, "k1", &make);
    CHECK(second && second->again);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 0);
    /* a failure is no answer that is kept */
    struct wire_operation pause = operation(WIRE_OP_PAUSE, "acme", "absent");
    keyed(&bed, OPERATOR, "k3", &pause);
    CHECK_CODE(VDC_E_NOT_FOUND);
    make.definition.name = "other";
    CHECK(keyed(&bed, OPERATOR, "k3", &make));
    bed_close(&bed);
}

/* policyd died between the host's answer and its own note of it. */
static void not_noted(void)
{
    struct bed bed = { 0 };
    struct wire_nic nic;

    if (!need_sqlite())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    wire_init(&wire_struct_nic, &nic);
    struct wire_operation make = creation(&bed, "acme", "web");
    make.definition.nics = &nic;
    make.definition.n_nics = 1;
    const struct wire_transaction_reply *first =
        keyed(&bed, OPERATOR, "k", &make);
    CHECK(first);
    bed_kill(&bed.policyd, SIGTERM);
    if (system(arena_printf(answers,
                            "sqlite3 %s/policyd.db 'DELETE FROM pair WHERE "
                            "key LIKE \"answer/%%\"'",
                            bed.dir)))
        skipped = "no sqlite3 program, so no answer is forgotten";
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    const struct wire_transaction_reply *second =
        keyed(&bed, OPERATOR, "k", &make);
    CHECK_CODE(0);
    CHECK(second && second->again);
    CHECK(first && second && second->id == first->id &&
          uuid_equal(&first->results[0].partition.uuid,
                     &second->results[0].partition.uuid));
    CHECK(usage(&bed, "acme")->guests == 1);
    bed_close(&bed);
}

static void other_owners(void)
{
    struct bed bed = { 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_operation make = creation(&bed, "", "web");
    const struct wire_transaction_reply *a = keyed(&bed, ACME_UID, "k", &make);
    const struct wire_transaction_reply *g =
        keyed(&bed, GLOBEX_UID, "k", &make);
    CHECK(a && g && !g->again);
    CHECK(a && g &&
          !uuid_equal(&a->results[0].partition.uuid,
                      &g->results[0].partition.uuid));
    CHECK(g && strcmp(g->results[0].partition.customer, "globex") == 0);
    struct wire_operation pause = operation(WIRE_OP_PAUSE, "acme", "web");
    keyed(&bed, OPERATOR, "k", &pause); /* stopped: refused; but no conflict */
    CHECK(last_error.code != VDC_E_CONFLICT);
    bed_close(&bed);
}

static void send_cancel(struct client *c, uint32_t id)
{
    const struct wire_cancel cancel = { .request = id };

    CHECK(client_send(c, WIRE_MSG_cancel, &cancel));
}

static void cancelled(void)
{
    struct bed bed = { .sim = "create_ms=1500" };
    struct client c;
    struct wire_frame frame;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "slow");
    struct wire_transaction t;
    struct wire_operation op = creation(&bed, "acme", "slow");
    order.customer = "acme";
    op.start = true;
    wire_init(&wire_struct_transaction, &t);
    t.operations = &op;
    t.n_operations = 1;
    for (int i = 0; i < 4; i++) {
        /* single and as a transaction; at once and when it is under way */
        CHECK(client_open(&bed, &c, OPERATOR));
        if (i % 2)
            CHECK(client_send(&c, WIRE_MSG_transaction, &t));
        else
            CHECK(client_send(&c, WIRE_MSG_partition_create, &order));
        uint32_t id = c.id;
        if (i / 2)
            sleep_ms(300);
        send_cancel(&c, id + 77); /* not known: ignored */
        send_cancel(&c, id);
        send_cancel(&c, id);
        client_wait(&c);
        CHECK_CODE(VDC_E_CANCELLED);
        /* a cancel has no answer, and the connection goes on */
        CHECK(client_call(&c, WIRE_MSG_version, NULL));
        CHECK(!client_receive(&c, &frame, 100));
        client_close(&c);
        CHECK(usage(&bed, "acme")->guests == 0);
        CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 0);
    }
    /* too late */
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_call(&c, WIRE_MSG_transaction, &t));
    send_cancel(&c, c.id);
    CHECK(client_call(&c, WIRE_MSG_version, NULL));
    client_close(&c);
    CHECK(usage(&bed, "acme")->guests == 1);
    bed_close(&bed);
}

const struct sim_test tests_keys[] = {
    { "the same request again", repeated },
    { "an answer that was not noted", not_noted },
    { "keys of others", other_owners },
    { "requests cancelled", cancelled },
    { NULL, NULL },
};
