/*
 * What is sent and what is printed, for commands that look at things: the
 * whole program against a policyd of the test.
 */
#include "../unit.h"

#include <string.h>

#include "base/clock.h"
#include "tests/unit/xl-ext/answer.h"

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
    answer_ends(0);
    answer_has(answer.out, row);
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
    answer_has(answer.out,
               "web    3     1    -  offline      0.0  all / all\n");
    answer_has(answer.out, "Affinity (Hard / Soft)");
    shows("sched-credit2 -d web", "web    3     512   50  Pool-0\n");
    shows("block-list -o json web", "xvdb");
    answer_json_is("guests.0.name", "web");
    answer_json_is("guests.0.devices.0.devid", "51728");
    CU_ASSERT_PTR_NULL(strstr(answer.out, "xenbr0"));
    shows("vcpu-list -o json web", "vcpus");
    answer_json_is("guests.0.vcpus.1.number", "1");

    /* one that is not there does not hide the other */
    fake_run("block-list db web");
    fake_receive(WIRE_MSG_device_list);
    fake_fail(VDC_E_NOT_FOUND, "no such guest: db", "");
    answer_devices();
    answer_ends(3);
    answer_has(answer.out, "51728");
    answer_has(answer.err, "no such guest: db");
}

static void test_numbers(void)
{
    const struct wire_transaction *t;
    fake_run("block-detach -f web 51728");
    answer_devices();
    t = fake_transact(NULL);
    CU_ASSERT_STRING_EQUAL(t->operations[0].device, "xvdb");
    CU_ASSERT(t->operations[0].force);
    answer_ends(0);
    fake_run("transaction 'network-detach web 0' 'block-detach web xvdc'");
    answer_devices();
    t = fake_transact(NULL);
    CU_ASSERT_STRING_EQUAL(t->operations[0].device, "00:16:3e:00:00:01");
    CU_ASSERT_STRING_EQUAL(t->operations[1].device, "xvdc");
    answer_ends(0);
    fake_run("network-detach web 1");
    answer_devices();
    answer_ends(3);
    answer_has(answer.err, "web has no interface of number 1");
    answer_has(answer.err, "'xl-vdc network-list web'");
}

/* Without a guest: of all that run. */
static void test_all(void)
{
    struct wire_partition partitions[3] = {
        fake_partition("web"),
        fake_partition("off"),
        fake_partition("db"),
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
    answer_ends(0);
    answer_has(answer.out, "acme.web   3     0");
    CU_ASSERT_STRING_EQUAL(answer.err, "");
    fake_run("sched-credit2 -p Pool-1");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_devices();
    answer_devices();
    answer_ends(0);
    CU_ASSERT_PTR_NULL(strstr(answer.out, "web"));
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
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, "3\n");
    reply.partition.domid = 0;
    fake_run("domid web");
    fake_receive(WIRE_MSG_partition_show);
    fake_answer(WIRE_MSG_partition_reply, &reply);
    answer_ends(4);
    answer_has(answer.err, "does not run");

    /* a guest whose name is a number is not what is asked for */
    partitions[0].domid = 7;
    list.partitions = partitions;
    list.n_partitions = 2;
    fake_run("domname 3");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, "web\n");
    fake_run("domname 4");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_ends(3);

    partitions[0].started_ms = clock_wall().ms - 90061000 * UINT64_C(2);
    partitions[1].domid = 0;
    fake_run("uptime");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out, "3      7  2 days,  2:02:0");
    CU_ASSERT_PTR_NULL(strstr(answer.out, "web"));
    fake_run("uptime -s");
    fake_receive(WIRE_MSG_partition_list);
    fake_answer(WIRE_MSG_partition_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out, " up 2 days,  2:02, 3 (7)\n");
}

/* ---- resources and leases ---- */

/* One row and one total. */
static struct wire_resource_list some_resources(void)
{
    static struct wire_resource r;
    static struct wire_resource_total t;
    struct wire_resource_list list;

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
    return list;
}

static void test_resources(void)
{
    struct wire_resource_list list = some_resources();

    fake_run("resource-list -C acme --kind memory --live web db");
    const struct wire_resource_query *q = fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_STRING_EQUAL(q->customer, "acme");
    CU_ASSERT_STRING_EQUAL(q->name, "web");
    CU_ASSERT_EQUAL(q->kind, WIRE_RESOURCE_MEMORY);
    CU_ASSERT(q->live);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    q = fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_STRING_EQUAL(q->name, "db");
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out,
               "  117  memory  -     512 MiB  256 MiB  web    acme  ");
    fake_run("resource-list --totals");
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out, "memory  -     4 GiB ");
    fake_run("resource-show 117");
    q = fake_receive(WIRE_MSG_resource_list);
    CU_ASSERT_EQUAL(q->index, 117);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out, "amount               512 MiB\n"
                           "used                 256 MiB\n");
    fake_run("resource-show 117");
    fake_receive(WIRE_MSG_resource_list);
    list.n_resources = 0;
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    answer_ends(3);
    fake_run("resource-list -o json web db");
    list.n_resources = 1;
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    fake_receive(WIRE_MSG_resource_list);
    fake_answer(WIRE_MSG_resource_list_reply, &list);
    answer_ends(0);
    answer_json_is("resources.1.index", "117");
    answer_json_is("totals.0.total", "4194304");
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
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out,
                           "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11\n");
    wire_init(&wire_struct_lease, &lease);
    lease.owner = "acme";
    lease.memory = MEM_GIB(2);
    lease.expires_ms = 61000;
    fake_run("lease-list -C acme");
    const struct wire_lease_ref *ref = fake_receive(WIRE_MSG_lease_list);
    CU_ASSERT_STRING_EQUAL(ref->owner, "acme");
    fake_answer(WIRE_MSG_lease_list_reply, &list);
    answer_ends(0);
    answer_has(answer.out,
               "acme    2 GiB  no           0  -      -     1 min 1 s\n");
    fake_run("lease-renew 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11");
    ref = fake_receive(WIRE_MSG_lease_renew);
    CU_ASSERT_EQUAL(ref->expires_ms, 600000);
    fake_answer(WIRE_MSG_lease_list_reply, &list);
    answer_ends(0);
    struct wire_empty ok = { 0 };
    fake_run("lease-drop x 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11");
    fake_receive(WIRE_MSG_lease_drop);
    fake_answer(WIRE_MSG_ok, &ok);
    answer_ends(2);
    CU_ASSERT_STRING_EQUAL(answer.out, "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11:"
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
    answer_ends(0);
    CU_ASSERT_STRING_EQUAL(answer.out, "alpha: 1 guest and 3 domains looked "
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
    answer_ends(13);
    answer_has(answer.out,
               "no-domain  acme.web   -  no        the database has "
               "domain 3, Xen has not  start it again\n");
    answer_has(answer.err, "1 difference is left");
    answer_has(answer.err, "kept as /var/lib/x.db.damaged");
    differences[0].repaired = true;
    fake_run("-o json host-verify --repair");
    fake_receive(WIRE_MSG_host_verify);
    fake_answer(WIRE_MSG_host_verify_reply, &reply);
    answer_ends(0);
    answer_json_is("differences.1.kind", "memory");
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
    const struct wire_customer_ref *ref = fake_receive(WIRE_MSG_customer_list);
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
    answer_ends(0);
    answer_has(answer.out, "nothing was done");
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
    answer_ends(0);
    answer_has(answer.out,
               "alpha  resourced is not reached  -              -      -"
               "       -          -       -        -         -\n");
    answer_has(answer.err, "xl-vdc: alpha: start it\n");
    fake_run("host-list -o json");
    fake_receive(WIRE_MSG_host_list);
    fake_answer(WIRE_MSG_host_list_reply, &list);
    answer_ends(0);
    answer_json_is("hosts.0.hint", "start it");
    CU_ASSERT_STRING_EQUAL(answer.err, "");
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
    answer_ends(0);
    answer_has(answer.out, "41  ");
    answer_has(answer.out, "  missed ");
    answer_has(answer.err, "not all events are there");
}

static const struct unit_test tests[] = {
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
