/* resourced on a simulated host: vCPUs, their CPUs and their share, and pools
 * of a guest, running and stopped. */
#include <string.h>

#include "tests/sim/rd_change.h"
#include "tests/unit/unit.h"

/* ---- vCPUs ---- */

static void test_vcpus(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_VCPUS)->vcpus = 4;
    CU_ASSERT_EQUAL(rd_change_plan(&c, "let web use 4 vCPUs"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_FALSE(c.result->partial);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").vcpus_online, 4);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.vcpus, 4);
    c.op->vcpus = 1;
    c.op->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").vcpus_online, 1);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.vcpus, 4);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.vcpus, 1);
    c.op->vcpus = 5;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "1 to 4 vCPUs, not 5"));
    c.op->vcpus = 0;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    c.op->vcpus = 3;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_WRONG_STATE);
    c.op->live_only = false;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.vcpus, 3);
    rd_end(rd);
}

/* The request stands, and nobody is told that it was heeded. */
static void test_vcpus_ignored(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    rd_behave(rd, "web", "sim.vcpus=ignore");
    rd_change(&c, rd, WIRE_OP_VCPUS)->vcpus = 1;
    c.t.t.timeout_ms = 400;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(c.result->partial);
    CU_ASSERT_STRING_EQUAL(c.result->text,
                           "web uses 2 vCPUs, and was told to use 1");
    CU_ASSERT_PTR_NOT_NULL(strstr(c.result->hint, "vcpu-list"));
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.vcpus, 1);
    rd_behave(rd, "web", "sim.vcpus=follow");
    for (unsigned i = 0; i < 100 && rd_xen(rd, "web").vcpus_online != 1; i++)
        rd_sleep(10);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").vcpus_online, 1);

    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_VCPUS)->vcpus = 3;
    rd_behave(rd, "web", "sim.vcpus=ignore");
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(c.result->partial);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.result->hint, "unpause"));
    rd_end(rd);
}

static void test_vcpus_cancel(void)
{
    struct rd *rd = rd_with_web("");
    struct rd_change c;

    rd_behave(rd, "web", "sim.vcpus=ignore");
    rd_change(&c, rd, WIRE_OP_VCPUS)->vcpus = 4;
    uint32_t id = rd_send_transaction(rd, &c.t);
    rd_sleep(250);
    rd_cancel(rd, id);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, NULL), VDC_E_CANCELLED);
    rd_behave(rd, "web", "sim.vcpus=follow");
    rd_sleep(100);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").vcpus_online, 2);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.vcpus, 2);
    rd_end(rd);
}

static const char *affinities(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct hv_vcpu *vcpus;
    const char *text = "";
    size_t n = 0;

    CU_ASSERT_EQUAL(hv->domain->vcpus(hv, rd_see(rd, "web")->partition.domid,
                                      rd->arena, &vcpus, &n, NULL),
                    0);
    for (size_t i = 0; i < n; i++)
        text = arena_printf(rd->arena, "%s%s/%s ", text, vcpus[i].cpus,
                            vcpus[i].cpus_soft);
    return text;
}

static void test_pin(void)
{
    struct rd *rd = rd_with_web("cpus=8");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_PIN)->cpus = "0-3";
    CU_ASSERT_EQUAL(rd_change_plan(&c, "all vCPUs of web run on CPUs 0-3"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(affinities(rd), "0-3/all 0-3/all 0-3/all 0-3/all ");
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.n_cpus, 1);
    rd_change(&c, rd, WIRE_OP_PIN)->cpus = "7";
    c.op->vcpu = 1;
    c.op->cpus_soft = "6-7";
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_STRING_EQUAL(affinities(rd), "0-3/all 7/6-7 0-3/all 0-3/all ");
    const struct wire_definition *d = &rd_see(rd, "web")->definition;
    CU_ASSERT_EQUAL_FATAL(d->n_cpus, 4);
    CU_ASSERT_STRING_EQUAL(d->cpus[0], "0-3");
    CU_ASSERT_STRING_EQUAL(d->cpus[1], "7");
    CU_ASSERT_STRING_EQUAL(d->cpus_soft[0], "all");
    CU_ASSERT_STRING_EQUAL(d->cpus_soft[1], "6-7");
    /* Undone: each vCPU as it was. */
    rd_change(&c, rd, WIRE_OP_PIN)->cpus = "5";
    rd_add(&c.t, WIRE_OP_PIN, "web")->cpus = "node:7";
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(affinities(rd), "0-3/all 7/6-7 0-3/all 0-3/all ");
    /* The same from its next start on. */
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    rd_change(&c, rd, WIRE_OP_PIN)->cpus = "4";
    c.op->vcpu = 3;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_STRING_EQUAL(affinities(rd), "0-3/all 7/6-7 0-3/all 4/all ");

    rd_change(&c, rd, WIRE_OP_PIN)->cpus = "8,x";
    c.op->cpus_soft = "9";
    c.op->vcpu = 4;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "3 reasons"));
    CU_ASSERT(rd_change_says(&c, "web has no vCPU 4: they are 0 to 3"));
    rd_change(&c, rd, WIRE_OP_PIN);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    rd_end(rd);
}

static struct hv_sched share(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct hv_sched sched = { 0 };

    CU_ASSERT_EQUAL(hv->domain->sched(hv, rd_see(rd, "web")->partition.domid,
                                      &sched, NULL),
                    0);
    return sched;
}

static void test_sched(void)
{
    struct rd *rd = rd_started("", NULL, "fail:set_sched:3");
    struct rd_change c;

    rd_create_web(rd, "", true);
    rd_change(&c, rd, WIRE_OP_SCHED)->weight = 512;
    CU_ASSERT_EQUAL(rd_change_plan(&c, "give web the weight 512"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_SCHED)->cap = 150;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(share(rd).weight, 512);
    CU_ASSERT_EQUAL(share(rd).cap, 150);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.cpu_weight, 512);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.cpu_cap, 150);
    /* The third call fails: the pause before it is undone. */
    rd_change(&c, rd, WIRE_OP_PAUSE);
    rd_add(&c.t, WIRE_OP_SCHED, "web")->cap = 0;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    CU_ASSERT_EQUAL(share(rd).cap, 150);

    rd_change(&c, rd, WIRE_OP_SCHED)->weight = 65536;
    c.op->cap = 401;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "2 reasons"));
    CU_ASSERT(rd_change_says(&c, "1 to 65535, not 65536"));
    CU_ASSERT(rd_change_says(&c, "0 to 400"));
    rd_change(&c, rd, WIRE_OP_SCHED);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    rd_change(&c, rd, WIRE_OP_SCHED)->weight = 0;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    rd_change(&c, rd, WIRE_OP_SCHED)->weight = 128;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_EQUAL(share(rd).weight, 128);
    CU_ASSERT_EQUAL(share(rd).cap, 150);
    rd_end(rd);
}

/* ---- pools ---- */

static void set_pool(struct rd_change *c, struct rd *rd, const char *name,
                     const char *pool, uint64_t amount)
{
    rd_change(c, rd, WIRE_OP_POOL_SET)->pool = pool;
    c->op->name = name;
    c->op->amount = amount;
}

static void test_pools(void)
{
    struct rd *rd =
        rd_started("", "pools = [ \"disk=10G\", \"licences=4\" ]\n", NULL);
    struct rd_change c;

    rd_create_web(rd, "", true);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    set_pool(&c, rd, "web", "licences", 3);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "let web have 3 of licences"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    set_pool(&c, rd, "db", "licences", 2);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "the host has 4, and of that it can have 1"));
    set_pool(&c, rd, "db", "disk", 11 << 20);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_RESOURCE);
    CU_ASSERT(rd_change_says(&c, "the host has 10 GiB"));
    set_pool(&c, rd, "db", "tapes", 1);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NOT_FOUND);
    CU_ASSERT(rd_change_says(&c, "no pool \"tapes\""));
    /* As the operation before leaves it. */
    set_pool(&c, rd, "web", "licences", 1);
    struct wire_operation *op = rd_add(&c.t, WIRE_OP_POOL_SET, "db");
    op->pool = "licences";
    op->amount = 3;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "db")->definition.pools[0].amount, 3);
    set_pool(&c, rd, "db", "licences", 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "db")->definition.n_pools, 0);
    CU_ASSERT_EQUAL(rd_see(rd, "db")->live.n_pools, 0);
    rd_end(rd);
}

static const struct unit_test tests[] = {
    { "vCPUs", test_vcpus },
    { "a guest that does not heed", test_vcpus_ignored },
    { "vCPUs cancelled", test_vcpus_cancel },
    { "affinity", test_pin },
    { "share", test_sched },
    { "pools", test_pools },
};

UNIT_MAIN("resourced: vCPUs and pools of guests", tests)
