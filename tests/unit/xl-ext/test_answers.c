/*
 * What is sent and what is printed, for commands that change things and that
 * look at them: the whole program against a policyd of the test.
 */
#include "../unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "tests/unit/xl-ext/fake_policyd.h"

static struct fake_result result;

static void ends(int status)
{
    result = fake_end();
    if (result.status != status)
        printf("    status %d, wanted %d\n    out: %s\n    err: %s\n",
               result.status, status, result.out, result.err);
    CU_ASSERT_EQUAL(result.status, status);
}

static void has(const char *where, const char *text)
{
    if (!strstr(where, text))
        printf("    wanted: %s\n    got:    %s\n", text, where);
    CU_ASSERT_PTR_NOT_NULL(strstr(where, text));
}

/* One transaction of one operation, answered as asked for. */
static void changes(const char *line, const char *out)
{
    fake_run(line);
    fake_transact(NULL);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, out);
    CU_ASSERT_STRING_EQUAL(result.err, "");
}

/* The value at the path of keys and numbers, in what was printed. */
static const struct json_value *at(const char *text, struct arena *arena,
                                   const char *where)
{
    const struct json_value *value = NULL;
    char *copy = arena_strdup(arena, where), *save = NULL;
    if (json_parse(text, strlen(text), arena, &value, NULL))
        return NULL;
    for (char *w = strtok_r(copy, ".", &save); w && value;
         w = strtok_r(NULL, ".", &save)) {
        if (value->type == JSON_ARRAY) {
            size_t i = (size_t)(*w - '0');
            value = i < value->n_items ? &value->items[i] : NULL;
        } else {
            value = json_get(value, w);
        }
    }
    return value;
}

static void json_is(const char *where, const char *wanted)
{
    struct arena *arena = arena_new();
    const struct json_value *value = at(result.out, arena, where);
    const char *got = value ? value->text ? value->text : "?" : "nothing";
    if (strcmp(got, wanted))
        printf("    %s: %s, wanted %s\n", where, got, wanted);
    CU_ASSERT_STRING_EQUAL(got, wanted);
    arena_free(arena);
}

/* ---- changes ---- */

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
    ends(0);
    fake_run("mem-set -t 0 web 512");
    t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 0);
    ends(0);
    fake_run("vcpu-set web 2 --timeout 500ms --key k1 --if-generation 4 "
             "--live-only -C acme");
    t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 500);
    CU_ASSERT_STRING_EQUAL(t->key, "k1");
    CU_ASSERT_EQUAL(t->operations[0].if_generation, 4);
    CU_ASSERT(t->operations[0].live_only);
    CU_ASSERT_STRING_EQUAL(t->operations[0].customer, "acme");
    ends(0);
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
    ends(0);
}

/* Refused before anything is asked. */
static void refuses(const char *line, int status, const char *words)
{
    fake_run_alone(line);
    ends(status);
    if (!strstr(result.err, words))
        printf("    %s\n", line);
    has(result.err, words);
    CU_ASSERT_STRING_EQUAL(result.out, "");
}

static void test_refused(void)
{
    refuses("transaction 'list'", 2, "'list' is nothing that a transaction");
    refuses("transaction 'mem-set web x' 'vcpu-set db 0'", 2,
            "2 reasons: step 1: 'x' is not an amount");
    refuses("transaction 'mem-set web x' 'vcpu-set db 0'", 2,
            "step 2: vcpu-set wants a number from 1 to 512, got '0'");
    refuses("transaction 'mem-set --key x web 1'", 2, "--key is for the "
            "transaction, not for its step 'mem-set --key x web 1'");
    refuses("transaction 'mem-set -n web 1'", 2, "--dry-run is for");
    refuses("transaction \"mem-set 'web 1\"", 2, "a quote has no end");
    refuses("transaction ''", 2, "a command is missing");
    refuses("transaction 'mme-set web 1'", 2, "did you mean 'mem-set'?");
    refuses("transaction 'pause a b c d e f g h i' 'pause a b c d e f g h'",
            2, "at most 16");
    refuses("transaction --lease x 'pause a'", 2, "--lease wants the ID");
    refuses("transaction --key '' 'pause a'", 2, "--key wants");
    refuses("pause --key k a b", 2, "--key is for one guest");
    refuses("start --if-generation 3 a b", 2, "--if-generation is for one");
    refuses("mem-set web 1 --deadline soon", 2, "--deadline");
    refuses("mem-set web 1 --timeout soon", 2, "--timeout");
    refuses("customer-set acme", 2, "changes nothing");
    refuses("lease-create", 2, "a lease of nothing");
    refuses("lease-create --memory 1g --expires 2d", 2, "at most a day");
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
    ends(8);
    CU_ASSERT_STRING_EQUAL(result.out, "web: has 700 MiB of memory, was to "
                                       "have 500 MiB\n");
    CU_ASSERT_STRING_EQUAL(result.err,
                           "xl-vdc: web: gave 300 MiB of 500 MiB\n"
                           "  ask again with a longer --deadline\n");
    /* one that names it: it is named once, as the user does */
    r.text = "web gave 300 MiB of 500 MiB";
    fake_run("mem-set acme.web 500");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    ends(8);
    CU_ASSERT_STRING_EQUAL(result.err,
                           "xl-vdc: acme.web: gave 300 MiB of 500 MiB\n"
                           "  ask again with a longer --deadline\n");
    r.text = "gave 300 MiB of 500 MiB";
    fake_run("-o json mem-set web 500");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    ends(8);
    json_is("results.0.text", "gave 300 MiB of 500 MiB");
    json_is("results.0.partition.memory_kib", "716800");
    has(result.err, "\"name\":\"TIMEOUT\"");
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
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out,
                           "web: nothing was done; this would be:\n"
                           "    detach disk xvdb of web\n");
    fake_run("pause -n web");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    ends(0);
    has(result.out, "web: nothing was done");
    has(result.out, "    detach disk xvdb of web\n");
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
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, "web: interface 00:16:3e:12:34:56 "
                                       "attached\n");
    has(result.err, "it was done before with this key");
    /* an answer of another shape is not believed */
    reply.n_results = 0;
    fake_run("mem-set web 1");
    fake_receive(WIRE_MSG_transaction);
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    ends(11);
}

static void test_several(void)
{
    fake_run("-o json unpause web db one");
    fake_transact(NULL);
    fake_receive(WIRE_MSG_transaction);
    fake_fail(VDC_E_WRONG_STATE, "db is not paused", "");
    fake_transact(NULL);
    ends(4);
    json_is("results.0.partition.name", "web");
    json_is("results.1.error.name", "WRONG_STATE");
    json_is("results.2.partition.name", "one");
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
    ends(0);
    fake_run("-o json shutdown web");
    fake_receive(WIRE_MSG_partition_shutdown);
    fake_answer(WIRE_MSG_partition_reply, &reply);
    ends(0);
    CU_ASSERT_PTR_NULL(strstr(result.out, "definition"));
    CU_ASSERT_PTR_NULL(strstr(result.out, "live"));
    json_is("results.0.partition.name", "web");
    fake_run("start --key k --if-generation 5 --lease "
             "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 web");
    const struct wire_partition_ref *ref =
        fake_receive(WIRE_MSG_partition_start);
    CU_ASSERT_STRING_EQUAL(ref->key, "k");
    CU_ASSERT_EQUAL(ref->if_generation, 5);
    CU_ASSERT(!uuid_is_zero(&ref->lease));
    fake_answer(WIRE_MSG_partition_reply, &reply);
    ends(0);
    fake_run("start -p --deadline 1m --key k web");
    const struct wire_transaction *t = fake_transact(NULL);
    CU_ASSERT_EQUAL(t->timeout_ms, 60000);
    CU_ASSERT_EQUAL(t->operations[0].kind, WIRE_OP_START);
    CU_ASSERT(t->operations[0].paused);
    ends(0);
    has(result.out, "web: running as domain 3");
    fake_run("destroy --key k web");
    ref = fake_receive(WIRE_MSG_partition_destroy);
    CU_ASSERT_STRING_EQUAL(ref->key, "k");
    fake_answer(WIRE_MSG_partition_reply, &reply);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, "web: destroyed and forgotten\n");
}

/* ---- devices ---- */

static void answer_devices(void)
{
    struct wire_device_list list;
    struct wire_device devices[3];
    struct wire_vcpu vcpus[2];
    wire_init(&wire_struct_device_list, &list);
    for (size_t i = 0; i < 3; i++)
        wire_init(&wire_struct_device, &devices[i]);
    devices[0].kind = WIRE_RESOURCE_DISK;
    devices[0].name = "xvdb";
    devices[0].devid = 51728;
    devices[0].state = 4;
    devices[0].target = "/dev/vg/x";
    devices[0].backend_path = "/local/domain/0/backend/vbd/3/51728";
    devices[1].kind = WIRE_RESOURCE_VIF;
    devices[1].name = "00:16:3e:00:00:01";
    devices[1].state = 4;
    devices[1].target = "xenbr0";
    devices[1].event_channel = 12;
    devices[2].kind = WIRE_RESOURCE_PCI;
    devices[2].name = "0000:03:00.0";
    devices[2].state = 4;
    wire_init(&wire_struct_vcpu, &vcpus[0]);
    wire_init(&wire_struct_vcpu, &vcpus[1]);
    vcpus[0].online = true;
    vcpus[0].cpu = 5;
    vcpus[0].time_ns = UINT64_C(1500000000);
    vcpus[0].cpus = "0-3";
    vcpus[1].number = 1;
    list.devices = devices;
    list.n_devices = 3;
    list.vcpus = vcpus;
    list.n_vcpus = 2;
    list.weight = 512;
    list.cap = 50;
    list.pool = "Pool-0";
    list.partition = fake_partition("web");
    fake_receive(WIRE_MSG_device_list);
    fake_answer(WIRE_MSG_device_list_reply, &list);
}

static void shows(const char *line, const char *row)
{
    fake_run(line);
    answer_devices();
    ends(0);
    has(result.out, row);
}

static void test_lists(void)
{
    shows("block-list web", "51728  0   3       4      0       "
                            "/local/domain/0/backend/vbd/3/51728  xvdb  w "
                            "    /dev/vg/x  web\n");
    shows("network-list web", "0    0   00:16:3e:00:00:01  0       4      12 "
                              "              xenbr0  web\n");
    shows("pci-list web", "0000:03:00.0  4      web\n");
    shows("vcpu-list web", "web    3     0    5  online       1.5  0-3 / "
                           "all\n");
    has(result.out, "web    3     1    -  offline      0.0  all / all\n");
    has(result.out, "Affinity (Hard / Soft)");
    shows("sched-credit2 -d web", "web    3     512   50  Pool-0\n");
    shows("block-list -o json web", "xvdb");
    json_is("guests.0.name", "web");
    json_is("guests.0.devices.0.devid", "51728");
    CU_ASSERT_PTR_NULL(strstr(result.out, "xenbr0"));
    shows("vcpu-list -o json web", "vcpus");
    json_is("guests.0.vcpus.1.number", "1");

    /* one that is not there does not hide the other */
    fake_run("block-list db web");
    fake_receive(WIRE_MSG_device_list);
    fake_fail(VDC_E_NOT_FOUND, "no such guest: db", "");
    answer_devices();
    ends(3);
    has(result.out, "51728");
    has(result.err, "no such guest: db");
}

static void test_numbers(void)
{
    const struct wire_transaction *t;
    fake_run("block-detach -f web 51728");
    answer_devices();
    t = fake_transact(NULL);
    CU_ASSERT_STRING_EQUAL(t->operations[0].device, "xvdb");
    CU_ASSERT(t->operations[0].force);
    ends(0);
    fake_run("transaction 'network-detach web 0' 'block-detach web xvdc'");
    answer_devices();
    t = fake_transact(NULL);
    CU_ASSERT_STRING_EQUAL(t->operations[0].device, "00:16:3e:00:00:01");
    CU_ASSERT_STRING_EQUAL(t->operations[1].device, "xvdc");
    ends(0);
    fake_run("network-detach web 1");
    answer_devices();
    ends(3);
    has(result.err, "web has no interface of number 1");
    has(result.err, "'xl-vdc network-list web'");
}

/* Without a guest: of all that run. */
static void test_all(void)
{
    struct wire_partition partitions[3] = {
        fake_partition("web"), fake_partition("off"), fake_partition("db"),
    };
    struct wire_partition_list list;
    wire_init(&wire_struct_partition_list, &list);
    partitions[1].domid = 0;
    partitions[1].state = WIRE_STOPPED;
    partitions[2].customer = "globex";
    list.partitions = partitions;
    list.n_partitions = 3;
    fake_run("vcpu-list");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_devices();
    fake_receive(WIRE_MSG_device_list);
    fake_fail(VDC_E_WRONG_STATE, "it has stopped", "");
    ends(0);
    has(result.out, "acme.web   3     0");
    CU_ASSERT_STRING_EQUAL(result.err, "");
    fake_run("sched-credit2 -p Pool-1");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_devices();
    answer_devices();
    ends(0);
    CU_ASSERT_PTR_NULL(strstr(result.out, "web"));
}

/* ---- numbers and times ---- */

static void test_identity(void)
{
    struct wire_partition_reply reply;
    struct wire_partition partitions[2] = { fake_partition("3"),
                                            fake_partition("web") };
    struct wire_partition_list list;
    wire_init(&wire_struct_partition_reply, &reply);
    wire_init(&wire_struct_partition_list, &list);
    reply.partition = fake_partition("web");
    fake_run("domid web");
    fake_receive(WIRE_MSG_partition_show);
    fake_answer(WIRE_MSG_partition_reply, &reply);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, "3\n");
    reply.partition.domid = 0;
    fake_run("domid web");
    fake_receive(WIRE_MSG_partition_show);
    fake_answer(WIRE_MSG_partition_reply, &reply);
    ends(4);
    has(result.err, "does not run");

    /* a guest whose name is a number is not what is asked for */
    partitions[0].domid = 7;
    list.partitions = partitions;
    list.n_partitions = 2;
    fake_run("domname 3");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, "web\n");
    fake_run("domname 4");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    ends(3);

    partitions[0].started_ms = clock_wall().ms - 90061000 * UINT64_C(2);
    partitions[1].domid = 0;
    fake_run("uptime");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    ends(0);
    has(result.out, "3      7  2 days,  2:02:0");
    CU_ASSERT_PTR_NULL(strstr(result.out, "web"));
    fake_run("uptime -s");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    ends(0);
    has(result.out, " up 2 days,  2:02, 3 (7)\n");
}

/* ---- resources and leases ---- */

static void test_resources(void)
{
    struct wire_resource_list list;
    struct wire_resource r;
    struct wire_resource_total t;
    wire_init(&wire_struct_resource_list, &list);
    wire_init(&wire_struct_resource, &r);
    wire_init(&wire_struct_resource_total, &t);
    r.index = 117;
    r.kind = WIRE_RESOURCE_MEMORY;
    r.customer = "acme";
    r.partition = "web";
    r.amount = 524288;
    r.used = 262144;
    t.kind = WIRE_RESOURCE_MEMORY;
    t.unit = "KiB";
    t.total = 4194304;
    t.free = 1048576;
    t.host = "alpha";
    list.resources = &r;
    list.n_resources = 1;
    list.totals = &t;
    list.n_totals = 1;
    fake_run("resource-list -C acme --kind memory --live web db");
    const struct wire_resource_query *q =
        fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_STRING_EQUAL(q->customer, "acme");
    CU_ASSERT_STRING_EQUAL(q->name, "web");
    CU_ASSERT_EQUAL(q->kind, WIRE_RESOURCE_MEMORY);
    CU_ASSERT(q->live);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    q = fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_STRING_EQUAL(q->name, "db");
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    ends(0);
    has(result.out, "  117  memory  -     512 MiB  256 MiB  web    acme  ");
    fake_run("resource-list --totals");
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    ends(0);
    has(result.out, "memory  -     4 GiB ");
    fake_run("resource-show 117");
    q = fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_EQUAL(q->index, 117);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    ends(0);
    has(result.out, "amount               512 MiB\n"
                    "used                 256 MiB\n");
    fake_run("resource-show 117");
    fake_receive(WIRE_MSG_resource_list);
    list.n_resources = 0;
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    ends(3);
    fake_run("resource-list -o json web db");
    list.n_resources = 1;
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    ends(0);
    json_is("resources.1.index", "117");
    json_is("totals.0.total", "4194304");
}

static void test_leases(void)
{
    struct wire_lease_list list;
    struct wire_lease lease;
    wire_init(&wire_struct_lease_list, &list);
    fake_run("lease-create -m 2G --vcpus 2 --pool ssd=100 --pool hdd=7 "
             "--pci 3:0.0 -e 5m -o name");
    lease = *(const struct wire_lease *)fake_receive(WIRE_MSG_lease_create);
    CU_ASSERT_EQUAL(lease.memory.kib, 2 * 1024 * 1024);
    CU_ASSERT_EQUAL(lease.vcpus, 2);
    CU_ASSERT_EQUAL_FATAL(lease.n_pools, 2);
    CU_ASSERT_STRING_EQUAL(lease.pools[1].name, "hdd");
    CU_ASSERT_EQUAL(lease.pools[1].amount, 7);
    CU_ASSERT_EQUAL_FATAL(lease.n_devices, 1);
    CU_ASSERT_STRING_EQUAL(lease.devices[0], "0000:03:00.0");
    CU_ASSERT_EQUAL(lease.expires_ms, 300000);
    uuid_from_text("4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11", &lease.id);
    lease.claimed = true;
    list.leases = &lease;
    list.n_leases = 1;
    fake_answer(WIRE_MSG_lease_list_reply, &list);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out,
                           "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11\n");
    wire_init(&wire_struct_lease, &lease);
    lease.owner = "acme";
    lease.memory = MEM_GIB(2);
    lease.expires_ms = 61000;
    fake_run("lease-list -C acme");
    const struct wire_lease_ref *ref = fake_receive(WIRE_MSG_lease_list);
    CU_ASSERT_STRING_EQUAL(ref->owner, "acme");
    fake_answer(WIRE_MSG_lease_list_reply, &list);
    ends(0);
    has(result.out, "acme    2 GiB  no           0  -      -     1 min 1 s\n");
    fake_run("lease-renew 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11");
    ref = fake_receive(WIRE_MSG_lease_renew);
    CU_ASSERT_EQUAL(ref->expires_ms, 600000);
    fake_answer(WIRE_MSG_lease_list_reply, &list);
    ends(0);
    struct wire_empty ok = { 0 };
    fake_run("lease-drop x 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11");
    fake_receive(WIRE_MSG_lease_drop);
    fake_answer(WIRE_MSG_ok, &ok);
    ends(2);
    CU_ASSERT_STRING_EQUAL(result.out, "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11:"
                                       " dropped\n");
}

static void test_verify(void)
{
    struct wire_verify_reply reply;
    struct wire_difference differences[2];
    wire_init(&wire_struct_verify_reply, &reply);
    reply.host = "alpha";
    reply.partitions = 1;
    reply.domains = 3;
    fake_run("host-verify");
    const struct wire_verify *verify = fake_receive(WIRE_MSG_host_verify);
    CU_ASSERT(!verify->repair && !verify->rebuild);
    fake_answer(WIRE_MSG_host_verify_reply, &reply);
    ends(0);
    CU_ASSERT_STRING_EQUAL(result.out, "alpha: 1 guest and 3 domains looked "
                                       "at: all agrees\n");
    for (size_t i = 0; i < 2; i++)
        wire_init(&wire_struct_difference, &differences[i]);
    differences[0].kind = "no-domain";
    differences[0].customer = "acme";
    differences[0].name = "web";
    differences[0].text = "the database has domain 3, Xen has not";
    differences[0].hint = "start it again";
    differences[1].kind = "memory";
    differences[1].repaired = true;
    reply.differences = differences;
    reply.n_differences = 2;
    reply.kept = "/var/lib/x.db.damaged";
    fake_run("host-verify --repair --rebuild");
    verify = fake_receive(WIRE_MSG_host_verify);
    CU_ASSERT(verify->repair && verify->rebuild);
    fake_answer(WIRE_MSG_host_verify_reply, &reply);
    ends(13);
    has(result.out, "no-domain  acme.web   -  no        the database has "
                    "domain 3, Xen has not  start it again\n");
    has(result.err, "1 difference is left");
    has(result.err, "kept as /var/lib/x.db.damaged");
    differences[0].repaired = true;
    fake_run("-o json host-verify --repair");
    fake_receive(WIRE_MSG_host_verify);
    fake_answer(WIRE_MSG_host_verify_reply, &reply);
    ends(0);
    json_is("differences.1.kind", "memory");
}

/* ---- customers, hosts, events ---- */

static void test_customer_set(void)
{
    struct wire_customer_list list;
    struct wire_customer customer;
    wire_init(&wire_struct_customer_list, &list);
    wire_init(&wire_struct_customer, &customer);
    customer.name = "acme";
    customer.quota.memory_kib = 1024;
    customer.quota.vcpus = 8;
    customer.quota.guests = 3;
    list.customers = &customer;
    list.n_customers = 1;
    fake_run("customer-set acme --vcpus 16 --guests none --user bob -n");
    const struct wire_customer_ref *ref =
        fake_receive(WIRE_MSG_customer_list);
    CU_ASSERT_STRING_EQUAL(ref->name, "acme");
    fake_answer(WIRE_MSG_customer_list_reply, &list);
    const struct wire_customer_create *set =
        fake_receive(WIRE_MSG_customer_set);
    CU_ASSERT_STRING_EQUAL(set->name, "acme");
    CU_ASSERT_EQUAL(set->quota.memory_kib, 1024);
    CU_ASSERT_EQUAL(set->quota.vcpus, 16);
    CU_ASSERT_EQUAL(set->quota.guests, -1);
    CU_ASSERT_EQUAL(set->quota.disk_kib, -1);
    CU_ASSERT_EQUAL_FATAL(set->n_users, 1);
    CU_ASSERT_STRING_EQUAL(set->users[0], "bob");
    CU_ASSERT(set->dry_run);
    fake_answer(WIRE_MSG_customer_list_reply, &list);
    ends(0);
    has(result.out, "nothing was done");
}

static void test_unknown_host(void)
{
    struct wire_host_list list;
    struct wire_host host;
    wire_init(&wire_struct_host_list, &list);
    wire_init(&wire_struct_host, &host);
    host.name = "alpha";
    host.state = "resourced is not reached";
    host.hint = "start it";
    list.hosts = &host;
    list.n_hosts = 1;
    fake_run("host-list");
    fake_receive(WIRE_MSG_host_list);
    fake_answer(WIRE_MSG_host_list_reply, &list);
    ends(0);
    has(result.out, "alpha  resourced is not reached  -              -      -"
                    "       -          -       -        -         -\n");
    has(result.err, "xl-vdc: alpha: start it\n");
    fake_run("host-list -o json");
    fake_receive(WIRE_MSG_host_list);
    fake_answer(WIRE_MSG_host_list_reply, &list);
    ends(0);
    json_is("hosts.0.hint", "start it");
    CU_ASSERT_STRING_EQUAL(result.err, "");
}

static void test_missed(void)
{
    struct wire_event event;
    struct wire_empty ok = { 0 };
    wire_init(&wire_struct_event, &event);
    event.kind = WIRE_EVENT_MISSED;
    event.number = 41;
    fake_run("events --since 1000 --follow");
    const struct wire_events_query *query = fake_receive(WIRE_MSG_events);
    CU_ASSERT_EQUAL(query->since, 1000);
    CU_ASSERT(query->follow);
    fake_answer(WIRE_MSG_event, &event);
    fake_answer(WIRE_MSG_ok, &ok);
    ends(0);
    has(result.out, "41  ");
    has(result.out, "  missed ");
    has(result.err, "not all events are there");
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
    { "lists of devices and vCPUs", test_lists },
    { "devices by number", test_numbers },
    { "lists without a guest", test_all },
    { "domid, domname, uptime", test_identity },
    { "resource-list, resource-show", test_resources },
    { "leases", test_leases },
    { "host-verify", test_verify },
    { "customer-set", test_customer_set },
    { "host-list of a host that is not reached", test_unknown_host },
    { "events that are missed", test_missed },
};

UNIT_MAIN("xl-ext/answers", tests)
