/* resourced on a simulated host: who has which resource, and what reading
 * costs. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/process.h"
#include "tests/sim/rd_host.h"
#include "tests/unit/unit.h"

static struct rd *started(const char *options, const char *settings)
{
    struct rd *rd = rd_new(options);

    rd->settings = settings;
    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

static void rich_definition(struct rd *rd, struct wire_definition *ret,
                            const char *name)
{
    struct wire_disk *disk = ARENA_NEW(rd->arena, struct wire_disk);
    struct wire_nic *nic = ARENA_NEW(rd->arena, struct wire_nic);
    struct wire_pool_amount *pool =
        ARENA_NEW(rd->arena, struct wire_pool_amount);
    const char **cpus = ARENA_ARRAY(rd->arena, 1, const char *);

    rd_definition(ret, name, "");
    ret->max_memory = MEM_MIB(128);
    ret->max_vcpus = 11;
    wire_init(&wire_struct_disk, disk);
    disk->target = "/bin/true";
    disk->format = "raw";
    disk->vdev = "xvda";
    disk->size = MEM_GIB(1);
    wire_init(&wire_struct_nic, nic);
    nic->mac = "00:16:3e:00:00:01";
    nic->bridge = "xenbr0";
    wire_init(&wire_struct_pool_amount, pool);
    pool->name = "licences";
    pool->amount = 2;
    cpus[0] = "0-3";
    ret->disks = disk;
    ret->nics = nic;
    ret->pools = pool;
    ret->cpus = cpus;
    ret->n_disks = ret->n_nics = ret->n_pools = ret->n_cpus = 1;
    ret->cpu_weight = 512;
    ret->cpu_cap = 50;
}

#define POOLS "pools = [ \"licences=4\", \"disk=200G\" ]\n"

/* One of each kind, with what is known of it. */
static void test_rows(void)
{
    struct rd *rd = started("", POOLS);
    struct wire_definition definition;
    const struct wire_resource *row;

    rich_definition(rd, &definition, "web");
    CU_ASSERT_EQUAL_FATAL(rd_create(rd, &definition, true, NULL), 0);
    const struct wire_resource_list *list = rd_resources(rd, "web", true);
    CU_ASSERT_EQUAL(list->n_totals, 0);
    row = rd_row(list, WIRE_RESOURCE_MEMORY, "");
    CU_ASSERT_EQUAL_FATAL(row != NULL, true);
    CU_ASSERT_EQUAL(row->amount, 128 * 1024);
    CU_ASSERT_EQUAL(row->used, 64 * 1024);
    CU_ASSERT_STRING_EQUAL(row->customer, "acme");
    CU_ASSERT_STRING_EQUAL(row->partition, "web");
    CU_ASSERT_STRING_EQUAL(row->host, "h1");
    CU_ASSERT_EQUAL(row->generation, 1);
    CU_ASSERT(row->since_ms > 0);
    CU_ASSERT(row->index > 0);
    row = rd_row(list, WIRE_RESOURCE_VCPU, "10");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_STRING_EQUAL(row->detail, "0-3");
    CU_ASSERT_EQUAL(row->used, 0);
    CU_ASSERT_EQUAL(rd_row(list, WIRE_RESOURCE_VCPU, "0")->used, 1);
    row = rd_row(list, WIRE_RESOURCE_CPU, "");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->amount, 512);
    CU_ASSERT_STRING_EQUAL(row->detail, "cap 50");
    row = rd_row(list, WIRE_RESOURCE_DISK, "xvda");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_STRING_EQUAL(row->detail, "/bin/true");
    row = rd_row(list, WIRE_RESOURCE_VIF, "00:16:3e:00:00:01");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_STRING_EQUAL(row->detail, "xenbr0");
    row = rd_row(list, WIRE_RESOURCE_DOMID, "");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->amount, rd_show(rd, "web")->domid);
    row = rd_row(list, WIRE_RESOURCE_EVENT_CHANNELS, "");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->amount, 1023);
    CU_ASSERT(row->used > 0);
    row = rd_row(list, WIRE_RESOURCE_GRANT_FRAMES, "");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT(row->used > 0);
    CU_ASSERT(row->amount >= (uint64_t)row->used);
    row = rd_row(list, WIRE_RESOURCE_POOL, "licences");
    CU_ASSERT_FATAL(row != NULL);
    CU_ASSERT_EQUAL(row->amount, 2);
    rd_free(rd);
}

/* By partition, kind, name; numbers in names by their value. */
static void test_order(void)
{
    struct rd *rd = started("", POOLS);
    struct wire_definition definition;

    rich_definition(rd, &definition, "web");
    CU_ASSERT_EQUAL(rd_create_simple(rd, "zoo", ""), 0);
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, NULL), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "app", ""), 0);
    const struct wire_resource_list *list = rd_resources(rd, NULL, false);
    CU_ASSERT_FATAL(list->n_resources > 20);
    for (uint32_t i = 1; i < list->n_resources; i++) {
        const struct wire_resource *a = &list->resources[i - 1];
        const struct wire_resource *b = &list->resources[i];
        int order = strcmp(a->partition, b->partition);
        CU_ASSERT(order <= 0);
        if (order == 0)
            CU_ASSERT(a->kind <= b->kind);
        if (order == 0 && a->kind == b->kind)
            CU_ASSERT(strverscmp(a->name, b->name) < 0);
    }
    rd_free(rd);
}

/* A row that stays the same keeps index, generation and time; one that
 * changes keeps its index; one that comes has a new one. */
static void test_stable(void)
{
    struct rd *rd = started("", NULL);
    struct rd_transaction t;
    struct wire_resource before, vcpu;

    CU_ASSERT_EQUAL_FATAL(rd_create_simple(rd, "web", ""), 0);
    const struct wire_resource_list *list = rd_resources(rd, "web", false);
    before = *rd_row(list, WIRE_RESOURCE_MEMORY, "");
    vcpu = *rd_row(list, WIRE_RESOURCE_VCPU, "0");
    rd_sleep(5);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_MEMORY_MAX, "web")->memory = MEM_MIB(256);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    list = rd_resources(rd, "web", false);
    const struct wire_resource *row = rd_row(list, WIRE_RESOURCE_MEMORY, "");
    CU_ASSERT_EQUAL(row->amount, 256 * 1024);
    CU_ASSERT_EQUAL(row->index, before.index);
    CU_ASSERT_EQUAL(row->generation, before.generation + 1);
    CU_ASSERT(row->since_ms > before.since_ms);
    row = rd_row(list, WIRE_RESOURCE_VCPU, "0");
    CU_ASSERT_EQUAL(row->index, vcpu.index);
    CU_ASSERT_EQUAL(row->generation, vcpu.generation);
    CU_ASSERT_EQUAL(row->since_ms, vcpu.since_ms);
    /* The domid goes with the domain, and comes back as another row. */
    uint64_t domid_index = rd_row(list, WIRE_RESOURCE_DOMID, "")->index;
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    list = rd_resources(rd, "web", false);
    CU_ASSERT_PTR_NULL(rd_row(list, WIRE_RESOURCE_DOMID, ""));
    CU_ASSERT_EQUAL(rd_row(list, WIRE_RESOURCE_MEMORY, "")->used, -1);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    list = rd_resources(rd, "web", false);
    CU_ASSERT(rd_row(list, WIRE_RESOURCE_DOMID, "")->index > domid_index);
    /* And all outlives the daemon. */
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_resource_list *again = rd_resources(rd, "web", false);
    CU_ASSERT_EQUAL_FATAL(again->n_resources, list->n_resources);
    for (uint32_t i = 0; i < list->n_resources; i++) {
        CU_ASSERT_EQUAL(again->resources[i].index, list->resources[i].index);
        CU_ASSERT_EQUAL(again->resources[i].generation,
                        list->resources[i].generation);
        CU_ASSERT_EQUAL(again->resources[i].amount,
                        list->resources[i].amount);
    }
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    CU_ASSERT_EQUAL(rd_resources(rd, NULL, false)->n_resources, 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM resource"), 0);
    rd_free(rd);
}

static void check_memory_total(struct rd *rd, uint64_t assigned)
{
    const struct wire_resource_list *list = rd_resources(rd, NULL, false);
    const struct wire_resource_total *total =
        rd_total(list, WIRE_RESOURCE_MEMORY, "");
    struct hv_host_info info = { 0 };

    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(
        rd_host(rd)->domain->host_info(rd_host(rd), rd->arena, &info, NULL),
        0);
    CU_ASSERT_STRING_EQUAL(total->unit, "KiB");
    CU_ASSERT_EQUAL(total->total, info.total_memory.kib);
    CU_ASSERT_EQUAL(total->free, info.free_memory.kib);
    CU_ASSERT_EQUAL(total->claimed, info.reserved_memory.kib);
    CU_ASSERT_EQUAL(total->assigned, assigned);
    CU_ASSERT_EQUAL(total->total, total->assigned - total->ballooned +
                                      total->foreign + total->claimed +
                                      total->free);
    CU_ASSERT(total->foreign >= info.dom0_memory.kib);
}

static void test_totals(void)
{
    struct rd *rd = started("memory=8G,cpus=8", POOLS);
    struct wire_definition definition;
    struct wire_lease lease;
    uint32_t domid;

    check_memory_total(rd, 0);
    rich_definition(rd, &definition, "web");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, NULL), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "app", ""), 0);
    check_memory_total(rd, 192 * 1024);
    rd_definition(&definition, "off", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
    check_memory_total(rd, 256 * 1024);
    rd_lease(&lease, MEM_MIB(512));
    lease.vcpus = 3;
    CU_ASSERT_EQUAL(rd_lease_create(rd, &lease, NULL, NULL), 0);
    check_memory_total(rd, 256 * 1024);
    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "other", MEM_MIB(32),
                                          "", &domid, NULL),
                    0);
    check_memory_total(rd, 256 * 1024);

    const struct wire_resource_list *list = rd_resources(rd, NULL, false);
    const struct wire_resource_total *total;
    total = rd_total(list, WIRE_RESOURCE_MEMORY, "");
    CU_ASSERT_EQUAL(total->leased, 512 * 1024);
    CU_ASSERT_EQUAL(total->claimed, 512 * 1024);
    total = rd_total(list, WIRE_RESOURCE_VCPU, "");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(total->assigned, 13);
    CU_ASSERT_EQUAL(total->leased, 3);
    CU_ASSERT_EQUAL(total->total, 0);
    total = rd_total(list, WIRE_RESOURCE_CPU, "");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(total->total, 8);
    total = rd_total(list, WIRE_RESOURCE_CPU, "Pool-0");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(total->total, 8);
    total = rd_total(list, WIRE_RESOURCE_DOMID, "");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(total->assigned, 2);
    CU_ASSERT_EQUAL(total->foreign, 2);
    CU_ASSERT_EQUAL(total->free + 4, total->total);
    total = rd_total(list, WIRE_RESOURCE_POOL, "licences");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_EQUAL(total->total, 4);
    CU_ASSERT_EQUAL(total->assigned, 2);
    CU_ASSERT_EQUAL(total->free, 2);
    total = rd_total(list, WIRE_RESOURCE_POOL, "disk");
    CU_ASSERT_FATAL(total != NULL);
    CU_ASSERT_STRING_EQUAL(total->unit, "KiB");
    CU_ASSERT_EQUAL(total->free, UINT64_C(200) * 1024 * 1024);
    rd_free(rd);
}

static void test_queries(void)
{
    struct rd *rd = started("", NULL);
    struct wire_resource_query query;
    const struct wire_resource_list *list;
    struct vdc_error err;
    const void *body;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "b", ""), 0);
    wire_init(&wire_struct_resource_query, &query);
    query.kind = WIRE_RESOURCE_MEMORY;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_resource_list, &query, &body, NULL),
                    0);
    list = body;
    CU_ASSERT_EQUAL_FATAL(list->n_resources, 2);
    CU_ASSERT_EQUAL(list->n_totals, 1);
    query.index = list->resources[1].index;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_resource_list, &query, &body, NULL),
                    0);
    list = body;
    CU_ASSERT_EQUAL_FATAL(list->n_resources, 1);
    CU_ASSERT_STRING_EQUAL(list->resources[0].partition, "b");
    CU_ASSERT_EQUAL(list->n_totals, 0);
    query.index = 1234567;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_resource_list, &query, &body, &err),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "1234567"));
    wire_init(&wire_struct_resource_query, &query);
    query.customer = "nobody";
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_resource_list, &query, &body, NULL),
                    0);
    list = body;
    CU_ASSERT_EQUAL(list->n_resources, 0);
    rd_free(rd);
}

/* All that is wrong with the setting is said at once. */
static void test_bad_pools(void)
{
    struct rd *rd = rd_new("");

    rd->settings = "pools = [ \"disk\", \"a=many\", \"b=1\", \"b=2\" ]\n";
    CU_ASSERT(!rd_start(rd));
    CU_ASSERT_EQUAL(rd_wait(rd), 2);
    CU_ASSERT(rd_logged(rd, "3 reasons"));
    CU_ASSERT(rd_logged(rd, "\"disk\" is not NAME=AMOUNT"));
    CU_ASSERT(rd_logged(rd, "the amount of a is neither"));
    CU_ASSERT(rd_logged(rd, "b is there twice"));
    rd_free(rd);
}

/* ---- reading ---- */

static const struct wire_partition *find(const struct wire_partition_list *l,
                                         const char *xen_name)
{
    for (uint32_t i = 0; l && i < l->n_partitions; i++)
        if (strcmp(l->partitions[i].xen_name, xen_name) == 0)
            return &l->partitions[i];
    return NULL;
}

/* What others do is seen by the next read, although reads do not ask Xen. */
static void test_foreign_at_once(void)
{
    struct rd *rd = started("", NULL);
    char name[32];
    uint32_t domid;

    CU_ASSERT_PTR_NOT_NULL(rd_list(rd, true));
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "other-%d", i);
        CU_ASSERT_EQUAL_FATAL(hv_sim_foreign_create(rd_host(rd), name,
                                                    MEM_MIB(16), "", &domid,
                                                    NULL),
                              0);
        CU_ASSERT_PTR_NOT_NULL(find(rd_list(rd, true), name));
        CU_ASSERT_EQUAL(hv_sim_foreign_destroy(rd_host(rd), domid, NULL), 0);
        CU_ASSERT_PTR_NULL(find(rd_list(rd, true), name));
    }
    rd_free(rd);
}

/* After a time without readers the first does not get an old picture. */
static void test_after_idle(void)
{
    struct rd *rd = started("", NULL);
    uint32_t domid;

    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "other", MEM_MIB(16),
                                          "", &domid, NULL),
                    0);
    CU_ASSERT_EQUAL(find(rd_list(rd, true), "other")->state, WIRE_PAUSED);
    CU_ASSERT_EQUAL(hv_sim_foreign_unpause(rd_host(rd), domid, NULL), 0);
    /* Of this Xen tells nobody. */
    rd_sleep(1700);
    CU_ASSERT_EQUAL(find(rd_list(rd, true), "other")->state, WIRE_RUNNING);
    rd_free(rd);
}

/* Our own changes are seen at once. */
static void test_own_at_once(void)
{
    struct rd *rd = started("", NULL);

    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
        const struct wire_partition *p = rd_show(rd, "a");
        CU_ASSERT_FATAL(p != NULL);
        CU_ASSERT_EQUAL(p->state, WIRE_RUNNING);
        CU_ASSERT_EQUAL(p->memory.kib, 64 * 1024);
        CU_ASSERT_EQUAL(p->memory_target.kib, 64 * 1024);
        CU_ASSERT_EQUAL(p->generation, 1);
        CU_ASSERT_EQUAL(rd_destroy(rd, "a", false), 0);
        CU_ASSERT_PTR_NULL(rd_show(rd, "a"));
    }
    rd_free(rd);
}

static void create_many(struct rd *rd, unsigned n)
{
    struct rd_transaction t;
    char name[32];

    for (unsigned i = 0; i < n;) {
        rd_begin(&t);
        for (; i < n && t.t.n_operations < 16; i++) {
            snprintf(name, sizeof(name), "guest-%04u", i);
            rd_add_create(rd, &t, arena_strdup(rd->arena, name), true);
        }
        CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, NULL, NULL), 0);
    }
}

/* What 1,000 domains cost: memory, and the CPU of a list. */
static void test_thousand(void)
{
    enum { N = 1000, LISTS = 20 };
    struct rd *rd = rd_new("memory=128G,create_ms=0,destroy_ms=0,op_ms=0");

    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t empty_kib = rd_status_kib(rd, "VmRSS");
    create_many(rd, N);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, N);
    uint64_t before_us = rd_cpu_us(rd);
    for (int i = 0; i < LISTS; i++)
        CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, N);
    uint64_t list_us = (rd_cpu_us(rd) - before_us) / LISTS;
    before_us = rd_cpu_us(rd);
    const struct wire_resource_list *rows = rd_resources(rd, NULL, false);
    uint64_t rows_us = rd_cpu_us(rd) - before_us;
    uint64_t kib = rd_status_kib(rd, "VmRSS");
    printf("\n  %d domains: a list takes %.2f ms of CPU, all %u resources "
           "%.2f ms; memory %.1f MiB (%.1f MiB without domains; of it %.1f "
           "MiB the simulated host and the program's files)\n",
           N, (double)list_us / 1000, rows->n_resources,
           (double)rows_us / 1000, (double)kib / 1024,
           (double)empty_kib / 1024,
           (double)(rd_status_kib(rd, "RssFile") +
                    rd_status_kib(rd, "RssShmem")) /
               1024);
    CU_ASSERT(list_us < 10000 * unit_time_factor());
    /* Under a sanitizer or valgrind it takes several times the memory. */
    if (!WITH_SANITIZER && unit_time_factor() == 1)
        CU_ASSERT(kib < 20 * 1024);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "rows of each kind", test_rows },
    { "order", test_order },
    { "index, generation, time", test_stable },
    { "totals", test_totals },
    { "queries", test_queries },
    { "bad pools", test_bad_pools },
    { "a domain of others is seen at once", test_foreign_at_once },
    { "after idling", test_after_idle },
    { "what we do is seen at once", test_own_at_once },
    { "1,000 domains", test_thousand },
};

UNIT_MAIN("resourced: resources", tests)
