/* Transactions: what is left when something dies in the middle, or when the
 * host has lost what it knew. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/test_policyd_bed.h"

/* policyd knows the guest, and its host does not any more. */
static void unknown_to_host(void)
{
    struct bed bed = { 0 };

    bed_with_web(&bed);
    bed_kill(&bed.resourced, SIGTERM);
    CHECK(unlink(bed_path(&bed, "resourced.db")) == 0);
    unlink(bed_path(&bed, "resourced.sequence"));
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    static const enum wire_operation_kind kinds[] = {
        WIRE_OP_MEMORY_SET, WIRE_OP_VCPUS, WIRE_OP_START, WIRE_OP_PAUSE,
        WIRE_OP_RENAME
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct wire_operation op = operation(kinds[i], "acme", "web");
        op.memory = MEM_MIB(32);
        op.vcpus = 1;
        op.new_name = "www";
        transact(&bed, OPERATOR, &op, 1);
        CHECK_CODE(VDC_E_NOT_FOUND);
        CHECK_TEXT("guest 'web' is assigned to host h1, which does not know");
        CHECK(strstr(last_error.hint, "destroy web"));
    }
    struct wire_operation end = operation(WIRE_OP_DESTROY, "acme", "web");
    CHECK(transact(&bed, OPERATOR, &end, 1));
    CHECK_CODE(0);
    bed_close(&bed);
}

static void empty_host(struct bed *bed)
{
    bed_kill(&bed->resourced, SIGKILL);
    unlink(bed_path(bed, "resourced.db"));
    unlink(bed_path(bed, "resourced.db-wal"));
    unlink(bed_path(bed, "resourced.db-shm"));
    unlink(bed_path(bed, "resourced.sequence"));
    bed_start_resourced(bed);
    CHECK(bed_wait_joined(bed, true));
    sleep_ms(1500); /* the comparison, and one after it */
}

static void is_missing(struct bed *bed)
{
    struct wire_operation op = operation(WIRE_OP_START, "acme", "web");

    transact(bed, OPERATOR, &op, 1);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("guest 'web' is assigned to host h1, which does not know");
}

static bool copy(const char *from, const char *to)
{
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    int c;

    while (in && out && (c = getc(in)) != EOF)
        putc(c, out);
    bool ok = in && out && !ferror(in) && !ferror(out);
    if (in)
        fclose(in);
    return !(out && fclose(out)) && ok;
}

/* One that was found after a restart is forgotten when it goes at once, not
 * when its host loses what it knew later. */
static void found_and_gone(void)
{
    struct bed bed = { 0 };
    const char *db, *old;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    bed_kill(&bed.policyd, SIGTERM);
    db = bed_path(&bed, "policyd.db");
    old = bed_path(&bed, "policyd.old");
    CHECK(copy(db, old));
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    struct wire_operation make = creation(&bed, "acme", "web");
    CHECK(transact(&bed, OPERATOR, &make, 1));
    bed_kill(&bed.policyd, SIGTERM);
    CHECK(rename(old, db) == 0);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    for (int i = 0; i < 100; i++) {
        if (find(list(&bed, OPERATOR, "acme", false), "acme", "web"))
            break;
        sleep_ms(50);
    }
    CHECK(bed_logged(&bed, "is taken over"));
    sleep_ms(2500); /* it is there a look later, and settles */
    empty_host(&bed);
    is_missing(&bed);
    empty_host(&bed);
    is_missing(&bed);
    bed_close(&bed);
}

/* The same of one that was being changed when its host lost it. */
static void changed_and_gone(void)
{
    struct bed bed = { .fault = "hang:create:1" };
    struct wire_operation ops[2] = {
        operation(WIRE_OP_MEMORY_MAX, "acme", "web"),
        operation(WIRE_OP_START, "acme", "web"),
    };
    struct wire_transaction t;
    struct client c;

    bed_with_web(&bed);
    wire_init(&wire_struct_transaction, &t);
    ops[0].memory = MEM_MIB(128);
    t.operations = ops;
    t.n_operations = 2;
    CHECK(client_open(&bed, &c, OPERATOR));
    client_send(&c, WIRE_MSG_transaction, &t);
    sleep_ms(500); /* it is recorded, and under way */
    bed_kill(&bed.policyd, SIGKILL);
    client_close(&c);
    bed_kill(&bed.resourced, SIGKILL);
    bed_start_policyd(&bed);
    empty_host(&bed);
    CHECK(bed_logged(&bed, "what was asked of it is over"));
    is_missing(&bed);
    empty_host(&bed);
    is_missing(&bed);
    bed_close(&bed);
}

/* What is recorded is what the host has. */
static bool counted(const struct bed *bed)
{
    const struct wire_partition_list *l = list(bed, OPERATOR, "acme", false);
    const struct wire_usage *u = usage(bed, "acme");
    uint64_t kib = 0, vcpus = 0;

    for (uint32_t i = 0; i < l->n_partitions; i++) {
        kib += l->partitions[i].max_memory.kib;
        vcpus += l->partitions[i].max_vcpus;
    }
    return u->guests == l->n_partitions && u->memory.kib == kib &&
           u->vcpus == vcpus;
}

/* One of the two dies so long after a transaction of several things. */
static void killed(bool policyd)
{
    static const unsigned delays[] = { 0, 1, 2, 4, 8, 20, 60, 120 };
    struct bed bed = { .sim = "create_ms=40" };

    bed_with_web(&bed);
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        struct wire_operation ops[2] = {
            operation(WIRE_OP_MEMORY_MAX, "acme", "web"),
            creation(&bed, "acme", "db"),
        };
        struct wire_transaction t;
        struct client c;
        bool ok = false;
        ops[0].memory = MEM_MIB(i % 2 ? 64 : 128);
        ops[1].start = true;
        wire_init(&wire_struct_transaction, &t);
        t.operations = ops;
        t.n_operations = 2;
        CHECK(client_open(&bed, &c, OPERATOR));
        client_send(&c, WIRE_MSG_transaction, &t);
        sleep_ms(delays[i]);
        bed_kill(policyd ? &bed.policyd : &bed.resourced, SIGKILL);
        client_close(&c);
        if (policyd)
            bed_start_policyd(&bed);
        else
            bed_start_resourced(&bed);
        CHECK(bed_wait_joined(&bed, true));
        struct wire_partition_ref r = ref("acme", "db");
        for (int j = 0; j < 200 && !ok; j++) {
            ok = counted(&bed);
            sleep_ms(25);
        }
        CHECK(ok);
        for (int j = 0; j < 200; j++) {
            act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
            if (last_error.code != VDC_E_BUSY)
                break;
            sleep_ms(25); /* the create of before may go on */
        }
        CHECK(last_error.code == 0 || last_error.code == VDC_E_NOT_FOUND);
        if (checks_failed) {
            printf("    after %u ms: %s\n", delays[i], last_error.text);
            break;
        }
    }
    bed_close(&bed);
}

static void policyd_killed(void)
{
    killed(true);
}

static void resourced_killed(void)
{
    killed(false);
}

static void damaged(void)
{
    struct bed bed = { 0 };
    const struct wire_host_list *hosts = NULL;
    struct wire_verify v;

    bed_open(&bed);
    bed_start(&bed);
    struct wire_operation make = creation(&bed, "", "web");
    make.start = true;
    CHECK(transact(&bed, OPERATOR, &make, 1));
    wire_init(&wire_struct_verify, &v);
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_host_verify, &v));
    v.host = "h2";
    ask(&bed, OPERATOR, WIRE_MSG_host_verify, &v);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("no such host: h2");
    bed_kill(&bed.resourced, SIGTERM);
    CHECK(bed_wait_joined(&bed, false));
    FILE *f = fopen(bed_path(&bed, "resourced.db"), "w");
    for (int i = 0; i < 500; i++)
        fprintf(f, "this is no database, line %d\n", i);
    fclose(f);
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    hosts = ask(&bed, OPERATOR, WIRE_MSG_host_list, NULL);
    CHECK(hosts && strcmp(hosts->hosts[0].state, "database damaged") == 0);
    CHECK(hosts && strstr(hosts->hosts[0].hint, "host-verify --rebuild"));
    make.definition.name = "more";
    transact(&bed, OPERATOR, &make, 1);
    CHECK_CODE(VDC_E_NO_HOST);
    CHECK_TEXT("database damaged");
    v.host = "h1";
    v.rebuild = true;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_host_verify, &v));
    CHECK_CODE(0);
    hosts = ask(&bed, OPERATOR, WIRE_MSG_host_list, NULL);
    CHECK(hosts && strcmp(hosts->hosts[0].state, "up") == 0);
    CHECK(transact(&bed, OPERATOR, &make, 1));
    bed_close(&bed);
}

const struct sim_test tests_deaths[] = {
    { "a guest that its host does not know", unknown_to_host },
    { "a guest that was found, and its host forgets", found_and_gone },
    { "a guest that was being changed, and its host forgets",
      changed_and_gone },
    { "policyd killed in a transaction", policyd_killed },
    { "resourced killed in a transaction", resourced_killed },
    { "a damaged database of the host", damaged },
    { NULL, NULL },
};
