/* resourced on a simulated host: leases, and who gets memory beside them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"

/* 3 GiB for guests, and some for Xen's own. */
#define HOST "memory=4G,dom0_memory=1G,pci=0000:03:00.0+0000:03:00.1"
#define POOLS "pools = [ \"licences=4\" ]\n"

static struct rd *started(void)
{
    struct rd *rd = rd_new(HOST);

    rd->settings = POOLS;
    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

static uint64_t reserved_kib(struct rd *rd)
{
    struct hv_host_info info = { 0 };

    CU_ASSERT_EQUAL(
        rd_host(rd)->domain->host_info(rd_host(rd), rd->arena, &info, NULL),
        0);
    return info.reserved_memory.kib;
}

static bool wait_for_leases(struct rd *rd, uint32_t n)
{
    for (int i = 0; i < 500; i++) {
        if (rd_leases(rd)->n_leases == n)
            return true;
        rd_sleep(10);
    }
    return false;
}

static int create(struct rd *rd, const char *name, struct mem memory,
                  const struct vdc_uuid *lease, struct vdc_error *err)
{
    struct rd_transaction t;

    rd_begin(&t);
    struct wire_operation *op = rd_add_create(rd, &t, name, true);
    op->definition.memory = op->definition.max_memory = memory;
    if (lease)
        t.t.lease = *lease;
    return rd_transact(rd, &t, NULL, err);
}

static void test_make(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    uint64_t free_kib = rd_free_kib(rd);

    rd_lease(&lease, MEM_GIB(1));
    lease.vcpus = 2;
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    CU_ASSERT(!uuid_is_zero(&made.id));
    CU_ASSERT(made.claimed);
    CU_ASSERT(made.created_ms > 0);
    CU_ASSERT(made.expires_ms > 50000 && made.expires_ms <= 60000);
    CU_ASSERT_EQUAL(reserved_kib(rd), 1024 * 1024);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib - 1024 * 1024);
    const struct wire_lease_list *list = rd_leases(rd);
    CU_ASSERT_EQUAL_FATAL(list->n_leases, 1);
    CU_ASSERT(uuid_equal(&list->leases[0].id, &made.id));
    CU_ASSERT_EQUAL(list->leases[0].vcpus, 2);
    const struct wire_resource *row = rd_row(rd_resources(rd, NULL, false),
                                             WIRE_RESOURCE_MEMORY, "");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT(row->leased);
    CU_ASSERT(uuid_equal(&row->uuid, &made.id));
    CU_ASSERT_EQUAL(rd_lease_drop(rd, &made.id), 0);
    CU_ASSERT_EQUAL(rd_lease_drop(rd, &made.id), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib);
    CU_ASSERT_EQUAL(rd_resources(rd, NULL, false)->n_resources, 0);
    rd_sleep(50); /* written behind the answer */
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM lease"), 0);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM resource"), 0);
    rd_free(rd);
}

/* All reasons at once, and nothing is kept. */
static void test_refused(void)
{
    struct rd *rd = started();
    struct wire_lease lease;
    struct wire_pool_amount pools[2];
    const char *devices[] = { "0000:09:00.0" };
    struct vdc_error err;

    rd_lease(&lease, MEM_KIB(0));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err), VDC_E_BAD_VALUE);
    rd_lease(&lease, MEM_GIB(8));
    lease.expires_ms = 0;
    for (int i = 0; i < 2; i++)
        wire_init(&wire_struct_pool_amount, &pools[i]);
    pools[0].name = "licences";
    pools[0].amount = 5;
    pools[1].name = "gold";
    pools[1].amount = 1;
    lease.pools = pools;
    lease.n_pools = 2;
    lease.devices = devices;
    lease.n_devices = 1;
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "5 reasons"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "1 ms to 24 h"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "8 GiB are asked for"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "licences has 4 free of 4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no pool gold"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "0000:09:00.0"));
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    rd_free(rd);
}

/* What one has, another cannot have. */
static void test_devices_and_pools(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    struct wire_pool_amount pool;
    const char *devices[] = { "0000:03:00.0" };
    struct vdc_error err;

    rd_lease(&lease, MEM_KIB(0));
    wire_init(&wire_struct_pool_amount, &pool);
    pool.name = "licences";
    pool.amount = 3;
    lease.pools = &pool;
    lease.devices = devices;
    lease.n_pools = lease.n_devices = 1;
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2 reasons"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "has 1 free of 4, not 3"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.text, "a lease of acme keeps 0000:03:00.0"));
    /* Another owner is not told whose it is. */
    lease.owner = "rival";
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err),
                    VDC_E_NO_RESOURCE);
    CU_ASSERT_PTR_NULL(strstr(err.text, "acme"));
    const struct wire_resource_list *list = rd_resources(rd, NULL, false);
    CU_ASSERT_EQUAL(rd_total(list, WIRE_RESOURCE_POOL, "licences")->leased, 3);
    CU_ASSERT_EQUAL(rd_total(list, WIRE_RESOURCE_POOL, "licences")->free, 1);
    CU_ASSERT_EQUAL(rd_total(list, WIRE_RESOURCE_PCI, "")->leased, 1);
    CU_ASSERT_EQUAL(rd_total(list, WIRE_RESOURCE_PCI, "")->free, 1);
    CU_ASSERT_EQUAL(rd_lease_drop(rd, &made.id), 0);
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err), 0);
    rd_free(rd);
}

/* A guest that is defined has of a pool what is left, or what its lease
 * keeps. */
static void test_pool_of_guest(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    struct wire_pool_amount pool;
    struct rd_transaction t;
    struct vdc_error err;

    rd_lease(&lease, MEM_KIB(0));
    wire_init(&wire_struct_pool_amount, &pool);
    pool.name = "licences";
    pool.amount = 3;
    lease.pools = &pool;
    lease.n_pools = 1;
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    rd_begin(&t);
    struct wire_operation *op = rd_add_create(rd, &t, "a", false);
    op->definition.pools = &pool;
    op->definition.n_pools = 1;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_NO_RESOURCE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "it can have 1"));
    t.t.lease = made.id;
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), 0);
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
    CU_ASSERT_EQUAL(rd_total(rd_resources(rd, NULL, false),
                             WIRE_RESOURCE_POOL, "licences")->assigned, 3);
    pool.name = "gold";
    memset(&t.t.lease, 0, sizeof(t.t.lease));
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2 reasons"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no pool \"gold\""));
    rd_free(rd);
}

/* Nobody else gets the memory, not even another toolstack; whoever has the
 * lease does. */
static void test_contention(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    struct vdc_error err;
    uint32_t domid;

    rd_lease(&lease, MEM_GIB(2));
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    CU_ASSERT_EQUAL(create(rd, "big", MEM_GIB(2), NULL, &err),
                    VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "leases keep 2 GiB"));
    CU_ASSERT_NOT_EQUAL(hv_sim_foreign_create(rd_host(rd), "thief", MEM_GIB(2),
                                              "", &domid, &err),
                        0);
    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "small", MEM_MIB(64),
                                          "", &domid, NULL),
                    0);
    /* A second lease finds only the rest. */
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, &err), VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(create(rd, "beside", MEM_MIB(512), NULL, &err), 0);
    CU_ASSERT_EQUAL(create(rd, "big", MEM_MIB(2000), &made.id, &err), 0);
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    CU_ASSERT_EQUAL(create(rd, "again", MEM_MIB(64), &made.id, &err),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_differences(rd_verify(rd, false), "claim"), 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM lease"), 0);
    rd_free(rd);
}

/* Two guests of one transaction share what it keeps. */
static void test_two_of_one(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    struct rd_transaction t;

    rd_lease(&lease, MEM_GIB(2));
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    rd_begin(&t);
    t.t.lease = made.id;
    for (int i = 0; i < 2; i++) {
        struct wire_operation *op =
            rd_add_create(rd, &t, i ? "a" : "b", true);
        op->definition.memory = op->definition.max_memory = MEM_MIB(1400);
    }
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    rd_free(rd);
}

/* What was to use it fails: it stands as before. */
static void test_undone(void)
{
    struct rd *rd = rd_new(HOST);
    struct wire_lease lease, made;
    struct vdc_error err;

    rd->fault = "fail:unpause:1";
    CU_ASSERT_FATAL(rd_start(rd));
    rd_lease(&lease, MEM_GIB(2));
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    CU_ASSERT_EQUAL(create(rd, "big", MEM_MIB(2000), &made.id, &err),
                    VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(reserved_kib(rd), 2 * 1024 * 1024);
    const struct wire_lease_list *list = rd_leases(rd);
    CU_ASSERT_EQUAL_FATAL(list->n_leases, 1);
    CU_ASSERT(list->leases[0].claimed);
    CU_ASSERT_EQUAL(create(rd, "big", MEM_MIB(2000), &made.id, &err), 0);
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
    rd_free(rd);
}

static void test_owner(void)
{
    struct rd *rd = started();
    struct wire_lease lease, made;
    struct wire_lease_ref ref;
    struct rd_transaction t;

    rd_lease(&lease, MEM_GIB(1));
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    wire_init(&wire_struct_lease_ref, &ref);
    ref.id = made.id;
    ref.owner = "rival";
    ref.expires_ms = 1000;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_drop, &ref, NULL, NULL),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_renew, &ref, NULL, NULL),
                    VDC_E_NOT_FOUND);
    const void *body;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_list, &ref, &body, NULL), 0);
    CU_ASSERT_EQUAL(((const struct wire_lease_list *)body)->n_leases, 0);
    rd_begin(&t);
    rd_add_create(rd, &t, "a", true);
    t.t.lease = made.id;
    /* An operator's transaction may use a customer's lease: who may is for
     * policyd to say. */
    t.t.owner = "provider";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
    rd_free(rd);
}

static void test_expiry(void)
{
    struct rd *rd = started();
    struct wire_lease lease, first, second;
    struct wire_lease_ref ref;
    struct vdc_error err;

    rd_lease(&lease, MEM_MIB(256));
    lease.expires_ms = 300;
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &first, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &second, NULL), 0);
    wire_init(&wire_struct_lease_ref, &ref);
    ref.id = second.id;
    ref.expires_ms = 90000000;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_renew, &ref, NULL, &err),
                    VDC_E_BAD_VALUE);
    ref.expires_ms = 30000;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_renew, &ref, NULL, NULL), 0);
    CU_ASSERT(wait_for_leases(rd, 1));
    CU_ASSERT(uuid_equal(&rd_leases(rd)->leases[0].id, &second.id));
    CU_ASSERT_EQUAL(reserved_kib(rd), 256 * 1024);
    ref.id = first.id;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_lease_renew, &ref, NULL, NULL),
                    VDC_E_NOT_FOUND);
    rd_free(rd);
}

/* A client that makes a lease of its session, and is then killed. */
static pid_t client_with_lease(struct rd *rd, int told)
{
    struct wire_lease lease;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid)
        return pid;
    rd->fd = -1;
    rd_lease(&lease, MEM_MIB(512));
    lease.session = true;
    char ok = rd_connect(rd) && !rd_lease_create(rd, &lease, NULL, NULL);
    if (write(told, &ok, 1) == 1)
        pause();
    _exit(1);
}

static void test_session(void)
{
    struct rd *rd = started();
    struct wire_lease lease;
    int pipes[2];
    char ok = 0;

    rd_lease(&lease, MEM_MIB(128));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    pid_t pid = client_with_lease(rd, pipes[1]);
    CU_ASSERT_EQUAL(read(pipes[0], &ok, 1), 1);
    CU_ASSERT_EQUAL(ok, 1);
    CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 2);
    CU_ASSERT_EQUAL(reserved_kib(rd), 640 * 1024);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CU_ASSERT(wait_for_leases(rd, 1));
    CU_ASSERT_EQUAL(reserved_kib(rd), 128 * 1024);
    close(pipes[0]);
    close(pipes[1]);
    rd_free(rd);
}

static void test_restart(void)
{
    struct rd *rd = started();
    struct wire_lease lease, kept;

    rd_lease(&lease, MEM_MIB(512));
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, &kept, NULL), 0);
    lease.session = true;
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    lease.session = false;
    lease.expires_ms = 200;
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    rd_sleep(50); /* written behind the answer */
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM lease"), 3);
    rd_sleep(250);
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_lease_list *list = rd_leases(rd);
    CU_ASSERT_EQUAL_FATAL(list->n_leases, 1);
    CU_ASSERT(uuid_equal(&list->leases[0].id, &kept.id));
    CU_ASSERT(list->leases[0].claimed);
    CU_ASSERT(list->leases[0].expires_ms < 60000);
    CU_ASSERT(list->leases[0].expires_ms > 40000);
    CU_ASSERT_EQUAL(reserved_kib(rd), 512 * 1024);
    CU_ASSERT_EQUAL(create(rd, "a", MEM_MIB(500), &kept.id, NULL), 0);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM lease"), 0);
    rd_free(rd);
}

/* A crash in the middle of using one: it is there again, or used up. */
static void test_crash(void)
{
    static const char *const faults[] = {
        "crash-before:create:1", "crash-after:create:2",
        "crash-before:unpause:1", "crash-after:unpause:1"
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct rd *rd = rd_new(HOST);
        struct wire_lease lease, made;
        rd->fault = faults[i];
        CU_ASSERT_FATAL(rd_start(rd));
        rd_lease(&lease, MEM_GIB(2));
        CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
        rd_sleep(50);
        CU_ASSERT_EQUAL(create(rd, "a", MEM_GIB(1), &made.id, NULL),
                        VDC_E_CLOSED);
        rd_wait(rd);
        CU_ASSERT_FATAL(rd_start(rd));
        CU_ASSERT_EQUAL(rd_domains(rd), 0);
        CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 1);
        CU_ASSERT_EQUAL(reserved_kib(rd), 2 * 1024 * 1024);
        CU_ASSERT_EQUAL(rd_verify(rd, false)->n_differences, 0);
        CU_ASSERT_EQUAL(create(rd, "a", MEM_GIB(1), &made.id, NULL), 0);
        CU_ASSERT_EQUAL(rd_leases(rd)->n_leases, 0);
        rd_free(rd);
    }
}

/* Xen says no: the lease says so, and keeps what it can in resourced. */
static void test_not_claimed(void)
{
    struct rd *rd = rd_new(HOST);
    struct wire_lease lease, made;
    struct vdc_error err;

    rd->fault = "fail:reserve:1";
    CU_ASSERT_FATAL(rd_start(rd));
    rd_lease(&lease, MEM_GIB(2));
    CU_ASSERT_EQUAL_FATAL(rd_lease_create(rd, &lease, &made, NULL), 0);
    CU_ASSERT(!made.claimed);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    CU_ASSERT_EQUAL(create(rd, "big", MEM_GIB(2), NULL, &err),
                    VDC_E_NO_MEMORY);
    const struct wire_verify_reply *reply = rd_verify(rd, false);
    CU_ASSERT_EQUAL(rd_differences(reply, "lease"), 1);
    reply = rd_verify(rd, true);
    CU_ASSERT_EQUAL_FATAL(rd_differences(reply, "lease"), 1);
    CU_ASSERT(rd_difference(reply, "lease")->repaired);
    CU_ASSERT(rd_leases(rd)->leases[0].claimed);
    CU_ASSERT_EQUAL(reserved_kib(rd), 2 * 1024 * 1024);
    rd_free(rd);
}

/* What making and dropping one costs, as the loop sees it. */
static void test_cost(void)
{
    enum { N = 5000 };
    struct rd *rd = started();
    struct wire_lease lease, made;

    rd_lease(&lease, MEM_MIB(64));
    uint64_t cpu_us = rd_cpu_us(rd), ms = clock_mono().ms;
    for (int i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, &made, NULL), 0);
        CU_ASSERT_EQUAL(rd_lease_drop(rd, &made.id), 0);
    }
    cpu_us = rd_cpu_us(rd) - cpu_us;
    printf("\n  a lease made and dropped: %.1f us of CPU, %.1f us until both "
           "are answered\n",
           (double)cpu_us / N, (double)(clock_mono().ms - ms) * 1000 / N);
    CU_ASSERT(cpu_us / N < 1000);
    CU_ASSERT_EQUAL(reserved_kib(rd), 0);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "made, listed, dropped", test_make },
    { "refused with all reasons", test_refused },
    { "devices and pools", test_devices_and_pools },
    { "pools of guests", test_pool_of_guest },
    { "contention", test_contention },
    { "two guests of one lease", test_two_of_one },
    { "the user is undone", test_undone },
    { "owners", test_owner },
    { "expiry", test_expiry },
    { "the session's client is killed", test_session },
    { "restart", test_restart },
    { "crash in the middle of its use", test_crash },
    { "Xen does not claim", test_not_claimed },
    { "cost", test_cost },
};

UNIT_MAIN("resourced: leases", tests)
