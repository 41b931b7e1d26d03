/*
 * Every kind of request with a key, again: after its answer, after policyd or
 * resourced was killed at some moment, and while it runs.  It is done once,
 * and the answer is the first one.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/test_policyd_bed.h"

/* ---- the table of requests ---- */

enum before { ABSENT, STOPPED, RUNNING, PAUSED };

struct row {
    const char *name;
    enum wire_operation_kind kind;
    enum wire_message_number single; /* or 0: as a transaction */
    enum before before;              /* how the guest is then */
    bool keep;
};

#define OP(name, kind, before) \
    { name, WIRE_OP_##kind, (enum wire_message_number)0, before, false }
#define SINGLE(name, kind, message, before)                             \
    { name " alone", WIRE_OP_##kind, WIRE_MSG_partition_##message, before, \
      false }

static const struct row rows[] = {
    OP("create", CREATE, ABSENT),
    OP("start", START, STOPPED),
    OP("destroy", DESTROY, RUNNING),
    { "destroy --keep", WIRE_OP_DESTROY, WIRE_MSG_partition_destroy, RUNNING,
      true },
    OP("rename", RENAME, RUNNING),
    OP("shutdown", SHUTDOWN, RUNNING),
    OP("reboot", REBOOT, RUNNING),
    OP("pause", PAUSE, RUNNING),
    OP("unpause", UNPAUSE, PAUSED),
    OP("mem-set", MEMORY_SET, RUNNING),
    OP("mem-max", MEMORY_MAX, STOPPED),
    OP("vcpu-set", VCPUS, RUNNING),
    OP("vcpu-pin", PIN, RUNNING),
    OP("sched-credit2", SCHED, RUNNING),
    OP("block-attach", DISK_ATTACH, RUNNING),
    OP("block-detach", DISK_DETACH, RUNNING),
    OP("network-attach", NIC_ATTACH, RUNNING),
    OP("network-detach", NIC_DETACH, RUNNING),
    OP("save", SAVE, RUNNING),
    OP("restore", START, STOPPED),
    SINGLE("create", CREATE, create, ABSENT),
    SINGLE("start", START, start, STOPPED),
    SINGLE("destroy", DESTROY, destroy, RUNNING),
    SINGLE("rename", RENAME, rename, RUNNING),
    SINGLE("shutdown", SHUTDOWN, shutdown, RUNNING),
    SINGLE("reboot", REBOOT, reboot, RUNNING),
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

#define MAC "00:16:3e:01:02:03"

static bool is_restore(const struct row *row)
{
    return strcmp(row->name, "restore") == 0;
}

/* What a guest was asked for cannot be taken back: when resourced is killed
 * between that and its own note of it, the guest is asked again.  So with
 * these it is killed when it has answered. */
static bool asks_guest(const struct row *row)
{
    return row->kind == WIRE_OP_SHUTDOWN || row->kind == WIRE_OP_REBOOT;
}

/* The guest as the request finds it; and what it can take away. */
static void prepare(const struct bed *bed, const struct row *row)
{
    struct wire_partition_create order = guest(bed, "web");
    struct wire_disk disk;
    struct wire_nic nic;

    if (row->before == ABSENT)
        return;
    wire_init(&wire_struct_disk, &disk);
    disk.target = bed_path(bed, "customers/acme/data");
    disk.format = "raw";
    disk.vdev = "xvdb";
    wire_init(&wire_struct_nic, &nic);
    nic.mac = MAC;
    order.customer = "acme";
    order.definition.vcpus = 2;
    order.definition.max_memory = MEM_MIB(128);
    order.start = row->before != STOPPED || is_restore(row);
    order.paused = row->before == PAUSED;
    order.definition.disks = &disk;
    order.definition.n_disks = row->kind == WIRE_OP_DISK_DETACH;
    order.definition.nics = &nic;
    order.definition.n_nics = row->kind == WIRE_OP_NIC_DETACH;
    CHECK(create(bed, OPERATOR, &order));
    if (!is_restore(row))
        return;
    struct wire_operation save = operation(WIRE_OP_SAVE, "acme", "web");
    save.file = bed_path(bed, "customers/acme/web.save");
    CHECK(transact(bed, OPERATOR, &save, 1));
}

static struct wire_operation operation_of(const struct bed *bed,
                                          const struct row *row)
{
    struct wire_operation op = row->kind == WIRE_OP_CREATE
                                   ? creation(bed, "acme", "web")
                                   : operation(row->kind, "acme", "web");

    op.start = row->kind == WIRE_OP_CREATE;
    op.keep = row->keep;
    op.new_name = row->kind == WIRE_OP_RENAME ? "www" : "";
    op.memory = MEM_MIB(row->kind == WIRE_OP_MEMORY_MAX ? 256 : 48);
    op.vcpus = 1;
    op.cpus = "0";
    op.weight = 512;
    op.disk.target = bed_path(bed, "customers/acme/data");
    op.disk.format = "raw";
    op.disk.vdev = "xvdb";
    op.device = row->kind == WIRE_OP_NIC_DETACH ? MAC : "xvdb";
    if (row->kind == WIRE_OP_SAVE || is_restore(row))
        op.file = bed_path(bed, "customers/acme/web.save");
    return op;
}

/* As a message; `timeout_ms` tells one request from another. */
struct order {
    enum wire_message_number number;
    struct wire_operation op;
    struct wire_transaction transaction;
    struct wire_partition_create create;
    struct wire_partition_ref ref;
    const void *body;
};

static struct order *order_of(const struct bed *bed, const struct row *row,
                              const char *key, uint64_t timeout_ms)
{
    struct order *order = ARENA_NEW(answers, struct order);

    order->op = operation_of(bed, row);
    wire_init(&wire_struct_transaction, &order->transaction);
    order->transaction.operations = &order->op;
    order->transaction.n_operations = 1;
    order->transaction.key = key;
    order->transaction.timeout_ms = timeout_ms;
    order->create = guest(bed, "web");
    order->create.customer = "acme";
    order->create.key = key;
    order->create.timeout_ms = timeout_ms;
    order->ref = ref("acme", "web");
    order->ref.keep = row->keep;
    order->ref.new_name = order->op.new_name;
    order->ref.key = key;
    order->ref.timeout_ms = timeout_ms;
    order->number = row->single ? row->single : WIRE_MSG_transaction;
    order->body = !row->single ? (const void *)&order->transaction
                  : row->kind == WIRE_OP_CREATE ? (const void *)&order->create
                                                : &order->ref;
    return order;
}

/* ---- answers ---- */

/* With `again` as the first answer has it; *ret_again is what it was. */
static const struct wire_partition *take_answer(const struct order *order,
                                                const void *body, bool *again,
                                                uint8_t **ret,
                                                size_t *ret_size)
{
    bool is_single = order->number != WIRE_MSG_transaction;
    const struct wire_struct *s = is_single
                                      ? &wire_struct_partition_reply
                                      : &wire_struct_transaction_reply;
    struct wire_partition_reply single;
    struct wire_transaction_reply reply;

    *ret_size = 0;
    if (!body)
        return NULL;
    if (is_single) {
        single = *(const struct wire_partition_reply *)body;
        *again = single.again;
        single.again = false;
    } else {
        reply = *(const struct wire_transaction_reply *)body;
        *again = reply.again;
        reply.again = false;
    }
    CHECK(!wire_struct_encode(s, is_single ? (void *)&single : &reply, answers,
                              ret, ret_size, NULL));
    if (is_single)
        return &((const struct wire_partition_reply *)body)->partition;
    return reply.n_results ? &reply.results[0].partition : NULL;
}

static bool same(const uint8_t *a, size_t a_size, const uint8_t *b,
                 size_t b_size)
{
    return a_size && a_size == b_size && memcmp(a, b, a_size) == 0;
}

/* How often the guest was changed, as its host knows it; 0: there is none. */
static uint64_t generation(const struct bed *bed)
{
    const struct wire_partition_list *l;

    for (int i = 0; i < 400; i++) {
        l = list(bed, OPERATOR, "", false);
        if (last_error.code == 0) {
            CHECK(l->n_partitions <= 1);
            return l->n_partitions ? l->partitions[0].generation : 0;
        }
        CHECK(last_error.code == VDC_E_NO_DAEMON ||
              last_error.code == VDC_E_CLOSED);
        sleep_ms(5);
    }
    CHECK(false);
    return 0;
}

/* What a guest is asked for comes when the guest has done it. */
static uint64_t generation_at_last(const struct bed *bed,
                                   const struct row *row, uint64_t expected)
{
    bool asks = asks_guest(row);

    for (int i = 0; asks && i < 400; i++) {
        if (generation(bed) >= expected)
            break;
        sleep_ms(5);
    }
    sleep_ms(asks ? 30 : 0); /* once more would be seen */
    return generation(bed);
}

/* ---- each of them ---- */

enum killed { NOBODY, POLICYD, RESOURCED };

static void kill_and_start(struct bed *bed, enum killed who)
{
    if (who == POLICYD) {
        bed_kill(&bed->policyd, SIGKILL);
        bed_start_policyd(bed);
    } else if (who == RESOURCED) {
        bed_kill(&bed->resourced, SIGKILL);
        bed_start_resourced(bed);
    }
}

/* As a script does it: until somebody is there who can answer. */
static const void *insist(const struct bed *bed, const struct order *order)
{
    const void *body = NULL;

    for (int i = 0; i < 400 && !body; i++) {
        body = ask(bed, OPERATOR, order->number, order->body);
        if (last_error.code != VDC_E_NO_DAEMON &&
            last_error.code != VDC_E_CLOSED)
            break;
        sleep_ms(5);
    }
    return body;
}

static void clean_up(const struct bed *bed)
{
    const struct wire_partition_list *l = list(bed, OPERATOR, "", false);
    struct wire_partition_ref r = ref("acme", "");

    for (uint32_t i = 0; l && i < l->n_partitions; i++) {
        r.name = l->partitions[i].name;
        CHECK(act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    }
    unlink(bed_path(bed, "customers/acme/web.save"));
}

/* Returns by how much the generation has risen; `rise` is expected. */
static uint64_t run_row(struct bed *bed, const struct row *row,
                        enum killed who, unsigned delay_ms, uint64_t rise)
{
    const char *key = arena_printf(answers, "key of %s", row->name);
    const struct order *order = order_of(bed, row, key, 60000);
    const struct order *other = order_of(bed, row, key, 60001);
    uint8_t *first = NULL, *second = NULL;
    size_t first_size, second_size;
    bool again = false;
    struct client c;

    prepare(bed, row);
    uint64_t before = generation(bed);
    if (who != NOBODY) {
        CHECK(client_open(bed, &c, OPERATOR));
        CHECK(client_send(&c, order->number, order->body));
        if (who == RESOURCED && asks_guest(row))
            CHECK(client_wait(&c));
        else
            sleep_ms(delay_ms);
        kill_and_start(bed, who);
        client_close(&c);
    }
    const struct wire_partition *p =
        take_answer(order, insist(bed, order), &again, &first, &first_size);
    CHECK_CODE(0);
    CHECK(p && !strcmp(p->customer, "acme") && !strcmp(p->host, "h1"));
    CHECK(who != NOBODY || !again);
    take_answer(order, ask(bed, OPERATOR, order->number, order->body), &again,
                &second, &second_size);
    CHECK_CODE(0);
    CHECK(again);
    CHECK(same(first, first_size, second, second_size));
    ask(bed, OPERATOR, other->number, other->body);
    CHECK_CODE(VDC_E_CONFLICT);
    CHECK_TEXT("was used for another request");
    uint64_t after = generation_at_last(bed, row, before + rise);
    clean_up(bed);
    /* after its answer it is as good as gone, and still it is answered */
    take_answer(order, ask(bed, OPERATOR, order->number, order->body), &again,
                &second, &second_size);
    CHECK(again && same(first, first_size, second, second_size));
    return after - before;
}

static void run_rows(enum killed who)
{
    static const unsigned delays[] = { 0, 1, 2, 4, 7, 12, 20 };
    const size_t n_delays = sizeof(delays) / sizeof(delays[0]);
    /* of the run in which nobody is killed, which comes first */
    static uint64_t rises[N_ROWS];
    struct bed bed = { .sim = "create_ms=8,destroy_ms=3,attach_ms=2,"
                              "save_ms=5,shutdown_ms=5" };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    bed_file(&bed, "customers/acme/data", 1024 * 1024);
    for (size_t i = 0; i < N_ROWS && !checks_failed; i++) {
        unsigned delay = delays[i % n_delays];
        uint64_t rise = run_row(&bed, &rows[i], who, delay,
                                who == NOBODY ? 1 : rises[i]);
        if (who == NOBODY)
            rises[i] = rise;
        CHECK(rise == rises[i]);
        if (checks_failed)
            printf("    %s, killed after %u ms; rise %d, expected %d\n",
                   rows[i].name, delay, (int)rise, (int)rises[i]);
    }
    bed_close(&bed);
}

static void answered(void)
{
    run_rows(NOBODY);
}

static void policyd_killed(void)
{
    run_rows(POLICYD);
}

static void resourced_killed(void)
{
    run_rows(RESOURCED);
}

/* ---- while the first runs ---- */

static void joined(void)
{
    struct bed bed = { .sim = "create_ms=150", .fault = "fail:create:2" };
    const struct row *row = &rows[0];
    const struct wire_transaction_reply *replies[3];
    struct client c[3];

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    const struct order *order = order_of(&bed, row, "k", 0);
    const struct order *other = order_of(&bed, row, "k", 60000);
    for (int i = 0; i < 3; i++) {
        CHECK(client_open(&bed, &c[i], OPERATOR));
        CHECK(client_send(&c[i], order->number, order->body));
        if (i == 0)
            sleep_ms(20); /* it is the first */
    }
    ask(&bed, OPERATOR, other->number, other->body);
    CHECK_CODE(VDC_E_CONFLICT);
    client_close(&c[1]); /* one that goes holds up nobody */
    replies[0] = client_wait(&c[0]);
    replies[2] = client_wait(&c[2]);
    CHECK(replies[0] && !replies[0]->again);
    CHECK(replies[2] && replies[2]->again);
    CHECK(replies[0] && replies[2] && replies[0]->id == replies[2]->id);
    clean_up(&bed);
    /* the outcome may be a failure; and the first may be gone */
    order = order_of(&bed, row, "k2", 0);
    CHECK(client_send(&c[0], order->number, order->body));
    sleep_ms(20);
    CHECK(client_send(&c[2], order->number, order->body));
    sleep_ms(20);
    client_close(&c[0]);
    CHECK(!client_wait(&c[2]));
    CHECK_CODE(VDC_E_HYPERVISOR);
    client_close(&c[2]);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 0);
    bed_close(&bed);
}

/* A note whose request came to nothing binds nobody. */
static void refused(void)
{
    struct bed bed = { 0 };
    struct wire_operation op;
    struct wire_transaction t;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    CHECK(create(&bed, OPERATOR, &order));
    /* the host says no: it runs */
    op = operation(WIRE_OP_START, "acme", "web");
    wire_init(&wire_struct_transaction, &t);
    t.operations = &op;
    t.n_operations = 1;
    t.key = "k";
    ask(&bed, OPERATOR, WIRE_MSG_transaction, &t);
    CHECK_CODE(VDC_E_WRONG_STATE);
    op.kind = WIRE_OP_PAUSE;
    const struct wire_transaction_reply *reply =
        ask(&bed, OPERATOR, WIRE_MSG_transaction, &t);
    CHECK_CODE(0);
    CHECK(reply && !reply->again);
    /* a client cannot ask for an answer as policyd does */
    t.recall = true;
    t.key = "k3";
    t.n_operations = 0;
    ask(&bed, OPERATOR, WIRE_MSG_transaction, &t);
    CHECK_CODE(VDC_E_BAD_VALUE);
    bed_close(&bed);
}

/* In this order: the first says what the others expect. */
static const struct sim_test tests[] = {
    { "every request again", answered },
    { "policyd killed", policyd_killed },
    { "resourced killed", resourced_killed },
    { "again while it runs", joined },
    { "keys of what was refused", refused },
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    const struct sim_test *const all[] = { tests };

    return sim_tests_run(all, 1, argc, argv);
}
