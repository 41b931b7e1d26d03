/*
 * What is sent and what is printed, for commands that change things: the whole
 * program against a policyd of the test.
 */
#include "../unit.h"

#include <string.h>

#include "tests/unit/xl-ext/answer.h"

/* One transaction of one operation, answered as asked for. */
static void changes(const char *line, const char *out)
{
    fake_run(line);
    fake_transact(NULL);
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, out);
    CU_ASSERT_STRING_EQUAL(answer.err, "");
}

static void test_lines(void)
{
    changes("mem-set web 512", "web: has 512 MiB of memory\n");
    changes("mem-max web 512", "web: may grow to 512 MiB\n");
    changes("vcpu-set web 2", "web: 2 of 4 vCPUs online\n");
    changes("vcpu-pin web 1 0-3 2", "web: vCPU 1 on CPUs 0-3, rather on CPUs "
                                    "2\n");
    changes("vcpu-pin web all - 2", "web: all vCPUs rather on CPUs 2\n");
    changes("sched-credit2 -d web -w 512 -c 50", "web: weight 512, cap 50\n");
    changes("sched-credit2 -d web -c 0", "web: cap 0\n");
    changes("block-attach web /dev/x,raw,xvdb", "web: disk xvdb attached\n");
    changes("block-detach web xvdb", "web: disk xvdb detached\n");
    changes("network-detach web 00:16:3E:00:00:01",
            "web: interface 00:16:3e:00:00:01 detached\n");
    changes("pci-attach web 3:0.0", "web: PCI device 0000:03:00.0 "
                                    "attached\n");
    changes("pci-detach web 3:0.0", "web: PCI device 0000:03:00.0 "
                                    "detached\n");
    changes("pause web", "web: running as domain 3 on host alpha\n");
    changes("save web /x/y", "web: saved to /x/y\n");
    changes("save -c web /x/y", "web: saved to /x/y, and runs on\n");
    changes("pool-set web ssd 7", "web: has 7 of pool ssd\n");
    changes("-q mem-set web 512", "");
    changes("transaction 'mem-set web 512' 'rename db dbs' 'destroy old'",
            "web: has 512 MiB of memory\ndb: is dbs now\nold: destroyed and "
            "forgotten\n");
}

static void test_sent(void)
{
    const struct wire_transaction *t;
    fake_run("mem-set web 512");
    t = fake_transact(NULL);
    CU_ASSERT_EQUAL_FATAL(t->n_operations, 1);
    CU_ASSERT_EQUAL(t->timeout_ms, 60000);
    CU_ASSERT(t->operations[0].partial);
    CU_ASSERT_EQUAL(t->operations[0].memory.kib, 512 * 1024);
    CU_ASSERT_STRING_EQUAL(t->key, "");
    CU_ASSERT(!t->dry_run);
    answer_ends(0);
    fake_run("mem-set -t 0 web 512");
    t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 0);
    answer_ends(0);
    fake_run("vcpu-set web 2 --timeout 500ms --key k1 --if-generation 4 "
             "--live-only -C acme");
    t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 500);
    CU_ASSERT_STRING_EQUAL(t->key, "k1");
    CU_ASSERT_EQUAL(t->operations[0].if_generation, 4);
    CU_ASSERT(t->operations[0].live_only);
    CU_ASSERT_STRING_EQUAL(t->operations[0].customer, "acme");
    answer_ends(0);
}

static void test_transaction(void)
{
    fake_run("transaction -C acme --key k --deadline 2m "
             "--lease 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 "
             "'mem-set web 512' 'vcpu-set -C globex db 2' "
             "'xl-vdc block-attach web \"phy:/dev/vg/a b,xvdb,w\"' "
             "'pause --if-generation 9 one two'");
    const struct wire_transaction *t = fake_transact(NULL);
    CU_ASSERT_EQUAL_FATAL(t->n_operations, 5);
    CU_ASSERT_STRING_EQUAL(t->key, "k");
    CU_ASSERT_EQUAL(t->timeout_ms, 120000);
    CU_ASSERT(!uuid_is_zero(&t->lease));
    CU_ASSERT_STRING_EQUAL(t->operations[0].customer, "acme");
    /* all or nothing */
    CU_ASSERT(!t->operations[0].partial);
    CU_ASSERT_STRING_EQUAL(t->operations[1].customer, "globex");
    CU_ASSERT_STRING_EQUAL(t->operations[2].disk.target, "/dev/vg/a b");
    CU_ASSERT_EQUAL(t->operations[3].kind, WIRE_OP_PAUSE);
    CU_ASSERT_STRING_EQUAL(t->operations[4].name, "two");
    CU_ASSERT_EQUAL(t->operations[4].if_generation, 9);
    answer_ends(0);
}

/* Refused before anything is asked. */
static void refuses(const char *line, int status, const char *words)
{
    fake_run_alone(line);
    answer_ends(status);
    if (!strstr(answer.err, words))
        printf("    %s\n", line);
    answer_has(answer.err, words);
    CU_ASSERT_STRING_EQUAL(answer.out, "");
}

static void test_refused(void)
{
    refuses("transaction 'list'", 2, "'list' is nothing that a transaction");
    refuses("transaction 'mem-set web x' 'vcpu-set db 0'", 2,
            "2 reasons: step 1: 'x' is not an amount");
    refuses("transaction 'mem-set web x' 'vcpu-set db 0'", 2,
            "step 2: vcpu-set wants a number from 1 to 512, got '0'");
    refuses("transaction 'mem-set --key x web 1'", 2,
            "--key is for the "
            "transaction, not for its step 'mem-set --key x web 1'");
    refuses("transaction 'mem-set -n web 1'", 2, "--dry-run is for");
    refuses("transaction \"mem-set 'web 1\"", 2, "a quote has no end");
    refuses("transaction ''", 2, "a command is missing");
    refuses("transaction 'mme-set web 1'", 2, "did you mean 'mem-set'?");
    refuses("transaction 'pause a b c d e f g h i' 'pause a b c d e f g h'", 2,
            "at most 16");
    refuses("transaction --lease x 'pause a'", 2, "--lease wants the ID");
    refuses("transaction --key '' 'pause a'", 2, "--key wants");
    refuses("pause --key k a b", 2, "--key is for one guest");
    refuses("start --if-generation 3 a b", 2, "--if-generation is for one");
    refuses("mem-set web 1 --deadline soon", 2, "--deadline");
    refuses("mem-set web 1 --timeout soon", 2, "--timeout");
    refuses("customer-set acme", 2, "changes nothing");
    refuses("lease-create", 2, "a lease of nothing");
    refuses("lease-create --memory 1g --expires 2d", 2, "at most a day");
    refuses("lease-create --memory 1g --expires soon", 2,
            "--expires wants how long from now, got 'soon'");
    refuses("token-create --expires 2026-12-01", 2,
            "as 90s, 30m, 12h or 30d; a number alone is seconds, and no date");
    refuses("token-create --expires 0h", 2, "longer than 0, got '0h'");
    refuses("lease-create --pool ssd", 2, "NAME=AMOUNT");
    refuses("lease-create --pci 3", 2, "no PCI device");
    refuses("customer-set acme --vcpus x", 2, "--vcpus wants a number");
    refuses("resource-list --kind discs", 2, "no kind of resource 'discs'");
    refuses("domname web", 2, "'web'");
}

static void test_partial(void)
{
    struct wire_transaction_reply reply;
    struct wire_operation_result r;
    wire_init(&wire_struct_transaction_reply, &reply);
    wire_init(&wire_struct_operation_result, &r);
    r.partition = fake_partition("web");
    r.partition.memory = MEM_MIB(700);
    r.partial = true;
    r.text = "gave 300 MiB of 500 MiB";
    r.hint = "ask again with a longer --deadline";
    reply.results = &r;
    reply.n_results = 1;
    fake_run("mem-set web 500");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(8);
    CU_ASSERT_STRING_EQUAL(answer.out, "web: has 700 MiB of memory, was to "
                                       "have 500 MiB\n");
    CU_ASSERT_STRING_EQUAL(answer.err,
                           "xl-vdc: web: gave 300 MiB of 500 MiB\n"
                           "  ask again with a longer --deadline\n");
    /* one that names it: it is named once, as the user does */
    r.text = "web gave 300 MiB of 500 MiB";
    fake_run("mem-set acme.web 500");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(8);
    CU_ASSERT_STRING_EQUAL(answer.err,
                           "xl-vdc: acme.web: gave 300 MiB of 500 MiB\n"
                           "  ask again with a longer --deadline\n");
    r.text = "gave 300 MiB of 500 MiB";
    fake_run("-o json mem-set web 500");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(8);
    answer_json_is("results.0.text", "gave 300 MiB of 500 MiB");
    answer_json_is("results.0.partition.memory_kib", "716800");
    answer_has(answer.err, "\"name\":\"TIMEOUT\"");
}

static void test_dry_run(void)
{
    static const char *plan[] = { "detach disk xvdb of web" };
    struct wire_transaction_reply reply;
    wire_init(&wire_struct_transaction_reply, &reply);
    reply.plan = plan;
    reply.n_plan = 1;
    fake_run("block-detach -n web xvdb");
    const struct wire_transaction *t = fake_receive(WIRE_MSG_transaction);
    CU_ASSERT(t->dry_run);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out,
                           "web: nothing was done; this would be:\n"
                           "    detach disk xvdb of web\n");
    fake_run("pause -n web");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(0);
    answer_has(answer.out, "web: nothing was done");
    answer_has(answer.out, "    detach disk xvdb of web\n");
}

static void test_again(void)
{
    struct wire_transaction_reply reply;
    struct wire_operation_result r;
    wire_init(&wire_struct_transaction_reply, &reply);
    wire_init(&wire_struct_operation_result, &r);
    r.partition = fake_partition("web");
    r.device = "00:16:3e:12:34:56";
    reply.results = &r;
    reply.n_results = 1;
    reply.again = true;
    fake_run("network-attach --key k web bridge=b");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, "web: interface 00:16:3e:12:34:56 "
                                       "attached\n");
    answer_has(answer.err, "it was done before with this key");
    /* an answer of another shape is not believed */
    reply.n_results = 0;
    fake_run("mem-set web 1");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    answer_ends(11);
}

static void test_several(void)
{
    fake_run("-o json unpause web db one");
    fake_transact(NULL);
    fake_receive(WIRE_MSG_transaction);
    fake_fail(VDC_E_WRONG_STATE, "db is not paused", "");
    fake_transact(NULL);
    answer_ends(4);
    answer_json_is("results.0.partition.name", "web");
    answer_json_is("results.1.error.name", "WRONG_STATE");
    answer_json_is("results.2.partition.name", "one");
}

/* The other messages have the same options. */
static void test_keys(void)
{
    struct wire_partition_reply reply;
    wire_init(&wire_struct_partition_reply, &reply);
    reply.partition = fake_partition("web");
    fake_run("create --key k --deadline 1m --lease "
             "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 name=web kernel=/k "
             "memory=64");
    const struct wire_partition_create *create =
        fake_receive(WIRE_MSG_partition_create);
    CU_ASSERT_STRING_EQUAL(create->key, "k");
    CU_ASSERT_EQUAL(create->timeout_ms, 60000);
    CU_ASSERT(!uuid_is_zero(&create->lease));
    fake_answer(WIRE_MSG_partition_reply, &reply);
    answer_ends(0);
    fake_run("-o json shutdown web");
    fake_receive(WIRE_MSG_partition_shutdown);
    fake_answer(WIRE_MSG_partition_reply, &reply);
    answer_ends(0);
    CU_ASSERT_PTR_NULL(strstr(answer.out, "definition"));
    CU_ASSERT_PTR_NULL(strstr(answer.out, "live"));
    answer_json_is("results.0.partition.name", "web");
    fake_run("start --key k --if-generation 5 --lease "
             "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 web");
    const struct wire_partition_ref *ref =
        fake_receive(WIRE_MSG_partition_start);
    CU_ASSERT_STRING_EQUAL(ref->key, "k");
    CU_ASSERT_EQUAL(ref->if_generation, 5);
    CU_ASSERT(!uuid_is_zero(&ref->lease));
    fake_answer(WIRE_MSG_partition_reply, &reply);
    answer_ends(0);
    fake_run("start -p --deadline 1m --key k web");
    const struct wire_transaction *t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 60000);
    CU_ASSERT_EQUAL(t->operations[0].kind, WIRE_OP_START);
    CU_ASSERT(t->operations[0].paused);
    answer_ends(0);
    answer_has(answer.out, "web: running as domain 3");
    fake_run("destroy --key k web");
    ref = fake_receive(WIRE_MSG_partition_destroy);
    CU_ASSERT_STRING_EQUAL(ref->key, "k");
    fake_answer(WIRE_MSG_partition_reply, &reply);
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, "web: destroyed and forgotten\n");
}

static const struct unit_test tests[] = {
    { "a line for each kind of change", test_lines },
    { "a change as it is sent", test_sent },
    { "transaction as it is sent", test_transaction },
    { "what is refused before it is sent", test_refused },
    { "mem-set that got less", test_partial },
    { "--dry-run", test_dry_run },
    { "a key that was known", test_again },
    { "several guests, one of which fails", test_several },
    { "keys, deadlines and leases of create, start, destroy", test_keys },
};

UNIT_MAIN("xl-ext/changes", tests)
