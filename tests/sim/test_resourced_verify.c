/* resourced on a simulated host: host_verify finds each kind of difference
 * between database, Xen and xenstore, and mends it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/sim/process.h"
#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"

/* Nothing else than one of this kind is found, and it is mended. */
static const struct wire_difference *check_mends(struct rd *rd,
                                                 const char *kind)
{
    const struct wire_verify_reply *reply = rd_verify(rd, false);

    CU_ASSERT_FATAL(reply != NULL);
    if (reply->n_differences != 1 || rd_differences(reply, kind) != 1)
        for (uint32_t i = 0; i < reply->n_differences; i++)
            printf("\n  looked for %s: %s %s: %s\n", kind,
                   reply->differences[i].name, reply->differences[i].kind,
                   reply->differences[i].text);
    CU_ASSERT_EQUAL(reply->n_differences, 1);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, kind), 1);
    CU_ASSERT(!rd_difference(reply, kind)->repaired);
    CU_ASSERT(rd_difference(reply, kind)->hint[0]);
    reply = rd_verify(rd, true);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, kind), 1);
    const struct wire_difference *found = rd_difference(reply, kind);
    CU_ASSERT(found->repaired);
    if (!found->repaired)
        printf("\n  %s: %s\n", kind, found->hint);
    rd_check_agrees(rd);
    return found;
}

static void test_agrees(void)
{
    struct rd *rd = rd_with_pci();
    struct wire_definition definition;
    struct wire_lease lease;

    rd_check_agrees(rd);
    rd_create_rich(rd, "a", "00:16:3e:00:00:01");
    rd_create_rich(rd, "b", "00:16:3e:00:00:02");
    rd_definition(&definition, "off", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
    rd_lease(&lease, MEM_MIB(64));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    rd_check_agrees(rd);
    const struct wire_verify_reply *reply = rd_verify(rd, true);
    CU_ASSERT_FATAL(reply != NULL);
    CU_ASSERT_EQUAL(reply->partitions, 3);
    CU_ASSERT_EQUAL(reply->domains, 3);
    CU_ASSERT_STRING_EQUAL(reply->host, "h1");
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    rd_check_agrees(rd);
    rd_free(rd);
}

/* What others set in Xen is set back. */
static void test_xen_is_set(void)
{
    struct rd *rd = rd_with_pci();
    struct hv *hv = rd_host(rd);
    const struct hv_domain_ops *xen = hv->domain;
    uint32_t domid = rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    struct hv_sched sched = { .weight = 1000, .cap = 10 };
    struct hv_domain_info info;
    struct hv_vcpu *vcpus;
    size_t n;

    CU_ASSERT_EQUAL(xen->rename(hv, domid, "acme.other", NULL), 0);
    const struct wire_difference *found = check_mends(rd, "name");
    CU_ASSERT_STRING_EQUAL(found->name, "web");
    CU_ASSERT_STRING_EQUAL(found->customer, "acme");
    CU_ASSERT_EQUAL(found->domid, domid);
    CU_ASSERT_EQUAL(xen->info(hv, domid, rd->arena, &info, NULL), 0);
    CU_ASSERT_STRING_EQUAL(info.name, "acme.web");

    CU_ASSERT_EQUAL(xen->set_max_memory(hv, domid, MEM_MIB(512), NULL), 0);
    check_mends(rd, "memory-max");
    CU_ASSERT_EQUAL(xen->info(hv, domid, rd->arena, &info, NULL), 0);
    CU_ASSERT_EQUAL(info.max_memory.kib, 128 * 1024);

    CU_ASSERT_EQUAL(xen->set_vcpus(hv, domid, 4, NULL), 0);
    check_mends(rd, "vcpus");

    CU_ASSERT_EQUAL(xen->set_sched(hv, domid, &sched, NULL), 0);
    check_mends(rd, "sched");
    CU_ASSERT_EQUAL(xen->sched(hv, domid, &sched, NULL), 0);
    CU_ASSERT_EQUAL(sched.weight, 256);
    CU_ASSERT_EQUAL(sched.cap, 0);

    CU_ASSERT_EQUAL(xen->set_affinity(hv, domid, 1, "2", NULL, NULL), 0);
    check_mends(rd, "affinity");
    CU_ASSERT_EQUAL(xen->vcpus(hv, domid, rd->arena, &vcpus, &n, NULL), 0);
    CU_ASSERT_STRING_EQUAL(vcpus[1].cpus, "all");
    rd_free(rd);
}

/* What the guest has follows from Xen. */
static void test_row_is_set(void)
{
    struct rd *rd = rd_with_pci();
    struct hv *hv = rd_host(rd);
    uint32_t domid = rd_create_rich(rd, "web", "00:16:3e:00:00:01");

    CU_ASSERT_EQUAL(
        hv->domain->set_memory_target(hv, domid, MEM_MIB(96), NULL), 0);
    check_mends(rd, "memory-target");
    CU_ASSERT_EQUAL(rd_show(rd, "web")->memory_target.kib, 96 * 1024);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->generation, 2);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->memory_target.kib, 96 * 1024);
    rd_check_agrees(rd);
    rd_free(rd);
}

static void test_paused(void)
{
    struct rd *rd = rd_with_pci();
    struct rd_transaction t;
    uint32_t domid = rd_create_rich(rd, "web", "00:16:3e:00:00:01");

    rd_begin(&t);
    rd_add(&t, WIRE_OP_PAUSE, "web");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_check_agrees(rd);
    CU_ASSERT_EQUAL(hv_sim_foreign_unpause(rd_host(rd), domid, NULL), 0);
    check_mends(rd, "paused");
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_PAUSED);
    rd_free(rd);
}

/* The request is in the daemon's socket before the news of the death, so that
 * it sees for itself that the domain is gone. */
static bool verify_before_news(struct rd *rd)
{
    struct wire_verify verify;
    const void *body = NULL;
    uint32_t domid = rd_show(rd, "web")->domid;

    wire_init(&wire_struct_verify, &verify);
    verify.repair = true;
    rd_signal(rd, SIGSTOP);
    uint32_t id = rd_send(rd, WIRE_MSG_host_verify, &verify);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(rd_host(rd), domid, NULL), 0);
    rd_signal(rd, SIGCONT);
    CU_ASSERT_EQUAL_FATAL(rd_answer(rd, id, &body, NULL), 0);
    const struct wire_difference *found = rd_difference(body, "no-domain");
    CU_ASSERT(!found || found->repaired);
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 2000));
    return found != NULL;
}

static void test_no_domain(void)
{
    struct rd *rd = rd_with_pci();
    bool seen = false;
    unsigned n = 0;

    rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    while (!seen && n < 20) {
        seen = verify_before_news(rd);
        n++;
        /* Whichever was first: all agree, and it has stopped once. */
        CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STOPPED, "web", ""), n);
        CU_ASSERT_PTR_NULL(
            rd_row(rd_resources(rd, "web", false), WIRE_RESOURCE_DOMID, ""));
        rd_check_agrees(rd);
        CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    }
    CU_ASSERT(seen);
    rd_free(rd);
}

static void test_xenstore(void)
{
    struct rd *rd = rd_with_pci();
    struct hv *hv = rd_host(rd);
    uint32_t domid = rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    const char *top =
        arena_printf(rd->arena, "/tool/xen-vdc/partition/%u", domid);
    const char *before = rd_store_dump(rd);

    rd_remove_node(rd, top);
    check_mends(rd, "not-published");
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), before);
    rd_remove_node(rd, arena_printf(rd->arena, "%s/record/0", top));
    check_mends(rd, "not-published");
    CU_ASSERT_EQUAL(hv->store->write(hv,
                                     arena_printf(rd->arena, "%s/name", top),
                                     "x", NULL),
                    0);
    check_mends(rd, "not-published");
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), before);
    CU_ASSERT_EQUAL(hv->store->write(hv, "/tool/xen-vdc/partition/4711",
                                     "00000000-0000-4000-8000-000000000001",
                                     NULL),
                    0);
    check_mends(rd, "stale-node");
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), before);
    rd_free(rd);
}

/* What a change makes of the definition is published with it. */
static void test_published_changes(void)
{
    struct rd *rd = rd_with_pci();
    struct rd_transaction t;
    struct wire_operation *op;

    rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    rd_begin(&t);
    op = rd_add(&t, WIRE_OP_RENAME, "web");
    op->new_name = "www";
    op->new_xen_name = "acme.www";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_check_agrees(rd);
    rd_begin(&t);
    op = rd_add(&t, WIRE_OP_DISK_ATTACH, "www");
    op->disk.target = "/bin/false";
    op->disk.format = "raw";
    op->disk.vdev = "xvdb";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_check_agrees(rd);
    CU_ASSERT_EQUAL(rd_destroy(rd, "www", true), 0);
    rd_check_agrees(rd);
    CU_ASSERT_PTR_NULL(strstr(rd_store_dump(rd), "/tool/xen-vdc/partition/"));
    rd_free(rd);
}

/* ---- devices ---- */

static void test_devices(void)
{
    struct rd *rd = rd_with_pci();
    struct rd_transaction t;
    uint32_t domid = rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    const char *vbd =
        arena_printf(rd->arena, "/local/domain/%u/device/vbd/51712", domid);
    const char *vif =
        arena_printf(rd->arena, "/local/domain/%u/device/vif/0", domid);

    rd_begin(&t);
    rd_add(&t, WIRE_OP_PCI_ATTACH, "web")->device = "0000:03:00.0";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_check_agrees(rd);
    /* As libxl would leave it when somebody detached it. */
    rd_remove_node(rd, vbd);
    rd_remove_node(
        rd, arena_printf(rd->arena, "/libxl/%u/device/vbd/51712", domid));
    rd_remove_node(rd, arena_printf(rd->arena,
                                    "/local/domain/0/backend/vbd/%u/51712",
                                    domid));
    check_mends(rd, "disk");
    rd_remove_node(rd, vif);
    rd_remove_node(rd,
                   arena_printf(rd->arena, "/libxl/%u/device/vif/0", domid));
    rd_remove_node(
        rd,
        arena_printf(rd->arena, "/local/domain/0/backend/vif/%u/0", domid));
    check_mends(rd, "vif");
    rd_free(rd);
}

/* ---- rows ---- */

static void test_resources(void)
{
    struct rd *rd = rd_with_pci();

    rd_create_rich(rd, "web", "00:16:3e:00:00:01");
    rd_stop(rd);
    CU_ASSERT_EQUAL(
        rd_sql(rd, "DELETE FROM resource WHERE kind = 4 OR kind = 5"), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    check_mends(rd, "resource");
    CU_ASSERT_PTR_NOT_NULL(
        rd_row(rd_resources(rd, "web", false), WIRE_RESOURCE_DISK, "xvda"));
    rd_stop(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    rd_check_agrees(rd);
    rd_free(rd);
}

static void test_claim(void)
{
    struct rd *rd = rd_with_pci();
    struct hv *hv = rd_host(rd);
    struct wire_lease lease;

    rd_lease(&lease, MEM_MIB(64));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    /* Another process of ours takes the claim over. */
    CU_ASSERT_EQUAL(hv->domain->reserve(hv, MEM_MIB(16), NULL), 0);
    check_mends(rd, "claim");
    rd_free(rd);
}

static void limit_files(struct rd *rd, uint64_t size)
{
    struct rlimit limit;

    CU_ASSERT_EQUAL_FATAL(prlimit(rd->pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = size;
    CU_ASSERT_EQUAL_FATAL(prlimit(rd->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* The disk is full when a transaction ends: its row stays in the journal, and
 * nobody works on it any more. */
static void test_journal(void)
{
    struct rd *rd = rd_new("create_ms=300");
    const uint64_t large = UINT64_C(1) << 40;
    struct rd_transaction t;
    struct vdc_error err;

    rd->file_limit = large;
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
    rd_begin(&t);
    rd_add_create(rd, &t, "b", true);
    uint32_t id = rd_send_transaction(rd, &t);
    rd_sleep(100);
    limit_files(rd, 4096);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &err), VDC_E_DISK_FULL);
    limit_files(rd, large);
    const struct wire_difference *found = check_mends(rd, "journal");
    CU_ASSERT_PTR_NOT_NULL(strstr(found->text, "is open"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "b"));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    rd_check_agrees(rd);
    rd_stop(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

/* One that a transaction is working on is left out; two at a time are not
 * taken on. */
static void test_beside_transactions(void)
{
    struct rd *rd = rd_new("create_ms=400");
    struct rd_transaction t;
    const void *body;
    struct wire_verify verify;

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
    rd_begin(&t);
    rd_add_create(rd, &t, "b", true);
    uint32_t id = rd_send_transaction(rd, &t);
    rd_sleep(50);
    wire_init(&wire_struct_verify, &verify);
    verify.repair = true;
    uint32_t verify_id = rd_send(rd, WIRE_MSG_host_verify, &verify);
    CU_ASSERT_EQUAL_FATAL(rd_answer(rd, verify_id, &body, NULL), 0);
    const struct wire_verify_reply *reply = body;
    CU_ASSERT_EQUAL(reply->n_differences, 0);
    CU_ASSERT_EQUAL(reply->partitions, 1);
    CU_ASSERT_EQUAL(rd_answer(rd, id, &body, NULL), 0);
    rd_check_agrees(rd);
    rd_free(rd);
}

/* 200 guests, and as many requests between the turns. */
static void test_many(void)
{
    struct rd *rd = rd_new("memory=64G,create_ms=0,destroy_ms=0,op_ms=0");
    struct rd_transaction t;
    struct wire_verify verify;
    const void *body;
    char name[16];

    CU_ASSERT_FATAL(rd_start(rd));
    for (int i = 0; i < 200;) {
        rd_begin(&t);
        for (; t.t.n_operations < 10; i++) {
            snprintf(name, sizeof(name), "g%d", i);
            rd_add_create(rd, &t, arena_strdup(rd->arena, name), true);
        }
        CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, NULL, NULL), 0);
    }
    wire_init(&wire_struct_verify, &verify);
    uint64_t us = rd_cpu_us(rd);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_verify, &verify, &body, NULL),
                    0);
    us = rd_cpu_us(rd) - us;
    const struct wire_verify_reply *reply = body;
    CU_ASSERT_EQUAL(reply->n_differences, 0);
    CU_ASSERT_EQUAL(reply->partitions, 200);
    printf("\n  200 guests verified in %.1f ms of CPU\n", (double)us / 1000);
    rd_free(rd);
}

/* To look needs no room on the disk, though a lease waits for some. */
static void test_disk_full(void)
{
    struct rd *rd = rd_new("");
    struct wire_lease lease;

    rd->file_limit = UINT64_C(1) << 40;
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    limit_files(rd, 4096);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), VDC_E_DISK_FULL);
    rd_lease(&lease, MEM_MIB(64));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    rd_check_agrees(rd);
    rd_free(rd);
}

/* What must be written and cannot be is tried again and again, with the
 * memory of one try. */
#define STUCK 40

static void test_disk_full_long(void)
{
    struct rd *rd = rd_new("destroy_ms=3000");
    struct rd_transaction t;
    struct wire_frame frame;
    uint64_t first, last;

    rd->file_limit = UINT64_C(1) << 40;
    CU_ASSERT_FATAL(rd_start(rd));
    for (unsigned i = 0; i < STUCK; i++)
        CU_ASSERT_EQUAL_FATAL(
            rd_create_simple(rd, arena_printf(rd->arena, "g%u", i), ""), 0);
    for (unsigned i = 0; i < STUCK; i++) {
        rd_begin(&t);
        rd_add(&t, WIRE_OP_DESTROY, arena_printf(rd->arena, "g%u", i));
        CU_ASSERT(rd_send_transaction(rd, &t) != 0);
    }
    rd_sleep(1500); /* all are in the journal */
    limit_files(rd, 4096);
    for (int i = 0; i < 1000 && rd_domains(rd); i++)
        rd_sleep(10);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_sleep(500); /* the first try */
    first = rd_status_kib(rd, "VmRSS");
    for (unsigned i = 0; i < STUCK; i++) { /* told after the fifth */
        CU_ASSERT_FATAL(rd_receive(rd, &frame, 20000));
        CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_error);
    }
    last = rd_status_kib(rd, "VmRSS");
    printf("\n    %u that cannot end: %d KiB more after four more tries, ",
           STUCK, (int)(last - first));
    CU_ASSERT(WITH_SANITIZER || last < first + 2048);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "all agrees", test_agrees },
    { "Xen is set", test_xen_is_set },
    { "the row is set", test_row_is_set },
    { "paused", test_paused },
    { "no domain", test_no_domain },
    { "xenstore", test_xenstore },
    { "changes are published", test_published_changes },
    { "devices", test_devices },
    { "rows of resources", test_resources },
    { "claim", test_claim },
    { "journal", test_journal },
    { "beside transactions", test_beside_transactions },
    { "many guests", test_many },
    { "a full disk", test_disk_full },
    { "a full disk for long", test_disk_full_long },
};

UNIT_MAIN("resourced: verify", tests)
