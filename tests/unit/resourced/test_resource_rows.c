/*
 * Rows of resources as a function of partitions and leases, and the setting
 * `pools`.
 */
#include <string.h>

#include "resourced/resource_rows.h"
#include "tests/unit/unit.h"

static struct partition_row partition(void)
{
    struct partition_row row = {
        .owner = "acme", .name = "web", .xen_name = "acme.web",
        .domid = HV_DOMID_NONE, .last_stop = "",
    };

    uuid_random(&row.uuid);
    wire_init(&wire_struct_definition, &row.definition);
    row.definition.name = "web";
    row.definition.memory = MEM_MIB(64);
    row.definition.vcpus = 2;
    row.live = row.definition;
    return row;
}

static const struct resource_row *find(const struct resource_row *rows,
                                       size_t n,
                                       enum wire_resource_kind kind,
                                       const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind == kind && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static void test_stopped(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition();
    struct resource_row *rows;
    size_t n;

    /* What the domain had does not count any more. */
    row.live.memory = MEM_MIB(512);
    resource_rows_of(&row, arena, &rows, &n);
    CU_ASSERT_EQUAL(n, 6);
    const struct resource_row *memory =
        find(rows, n, WIRE_RESOURCE_MEMORY, "");
    CU_ASSERT_FATAL(memory != NULL);
    CU_ASSERT_EQUAL(memory->amount, 64 * 1024);
    CU_ASSERT_STRING_EQUAL(memory->owner, "acme");
    CU_ASSERT(uuid_equal(&memory->uuid, &row.uuid));
    CU_ASSERT(!memory->leased);
    CU_ASSERT_PTR_NULL(find(rows, n, WIRE_RESOURCE_DOMID, ""));
    const struct resource_row *cpu = find(rows, n, WIRE_RESOURCE_CPU, "");
    CU_ASSERT_FATAL(cpu != NULL);
    CU_ASSERT_EQUAL(cpu->amount, 256);
    CU_ASSERT_STRING_EQUAL(cpu->detail, "no cap");
    const struct resource_row *frames =
        find(rows, n, WIRE_RESOURCE_GRANT_FRAMES, "");
    CU_ASSERT_FATAL(frames != NULL);
    CU_ASSERT_EQUAL(frames->amount, 0);
    CU_ASSERT_STRING_EQUAL(frames->detail, "the host's default");
    for (size_t i = 1; i < n; i++)
        CU_ASSERT(resource_row_compare(&rows[i - 1], &rows[i]) < 0);
    arena_free(arena);
}

static void test_running(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition();
    const char *cpus[] = { "0-3", "4" };
    struct resource_row *rows;
    size_t n;

    row.domid = 7;
    row.live.memory = MEM_MIB(32);
    row.live.max_memory = MEM_MIB(512);
    row.live.max_vcpus = 3;
    row.live.cpus = cpus;
    row.live.n_cpus = 2;
    row.live.cpu_cap = 50;
    row.live.pool = "fast";
    resource_rows_of(&row, arena, &rows, &n);
    CU_ASSERT_EQUAL(find(rows, n, WIRE_RESOURCE_MEMORY, "")->amount,
                    512 * 1024);
    CU_ASSERT_EQUAL(find(rows, n, WIRE_RESOURCE_DOMID, "")->amount, 7);
    CU_ASSERT_STRING_EQUAL(find(rows, n, WIRE_RESOURCE_VCPU, "0")->detail,
                           "0-3");
    CU_ASSERT_STRING_EQUAL(find(rows, n, WIRE_RESOURCE_VCPU, "1")->detail,
                           "4");
    CU_ASSERT_STRING_EQUAL(find(rows, n, WIRE_RESOURCE_VCPU, "2")->detail,
                           "all");
    CU_ASSERT_STRING_EQUAL(find(rows, n, WIRE_RESOURCE_CPU, "")->detail,
                           "cap 50, pool fast");
    arena_free(arena);
}

/* A target longer than a row can hold is cut between two characters. */
static void test_long_detail(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition();
    struct wire_disk disk;
    struct resource_row *rows;
    char target[1024];
    size_t n;

    for (size_t i = 0; i + 2 < sizeof(target); i += 2)
        memcpy(target + i, "\xc3\xa4", 3);
    wire_init(&wire_struct_disk, &disk);
    disk.vdev = "xvda";
    disk.target = target;
    row.definition.disks = &disk;
    row.definition.n_disks = 1;
    resource_rows_of(&row, arena, &rows, &n);
    const struct resource_row *found =
        find(rows, n, WIRE_RESOURCE_DISK, "xvda");
    CU_ASSERT_FATAL(found != NULL);
    CU_ASSERT(strlen(found->detail) >= 252);
    CU_ASSERT(strlen(found->detail) <= 255);
    CU_ASSERT_EQUAL(strlen(found->detail) % 2, 0);
    arena_free(arena);
}

static void test_lease(void)
{
    struct arena *arena = arena_new();
    struct wire_lease lease;
    struct wire_pool_amount pool;
    const char *devices[] = { "0000:03:00.0" };
    struct resource_row *rows;
    size_t n;

    wire_init(&wire_struct_lease, &lease);
    resource_rows_of_lease(&lease, arena, &rows, &n);
    CU_ASSERT_EQUAL(n, 0);
    wire_init(&wire_struct_pool_amount, &pool);
    pool.name = "disk";
    pool.amount = 5;
    lease.owner = "acme";
    lease.memory = MEM_MIB(1);
    lease.vcpus = 3;
    lease.pools = &pool;
    lease.devices = devices;
    lease.n_pools = lease.n_devices = 1;
    resource_rows_of_lease(&lease, arena, &rows, &n);
    CU_ASSERT_EQUAL(n, 4);
    CU_ASSERT_EQUAL(find(rows, n, WIRE_RESOURCE_VCPU, "")->amount, 3);
    CU_ASSERT_EQUAL(find(rows, n, WIRE_RESOURCE_POOL, "disk")->amount, 5);
    CU_ASSERT_PTR_NOT_NULL(find(rows, n, WIRE_RESOURCE_PCI, devices[0]));
    for (size_t i = 0; i < n; i++)
        CU_ASSERT(rows[i].leased);
    arena_free(arena);
}

static int parse(struct arena *arena, const char **items, size_t n,
                 struct resource_pool **ret, size_t *ret_n,
                 struct vdc_error *err)
{
    struct setting_list list = { n, items };

    return resource_pools_parse(&list, arena, ret, ret_n, err);
}

static void test_pools(void)
{
    struct arena *arena = arena_new();
    const char *good[] = { "disk=200G", "licences=4", "none=0", "big=1.5T" };
    struct resource_pool *pools;
    size_t n;

    CU_ASSERT_EQUAL(parse(arena, good, 4, &pools, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 4);
    CU_ASSERT_STRING_EQUAL(pools[0].name, "disk");
    CU_ASSERT_STRING_EQUAL(pools[0].unit, "KiB");
    CU_ASSERT_EQUAL(pools[0].total, UINT64_C(200) * 1024 * 1024);
    CU_ASSERT_STRING_EQUAL(pools[1].unit, "");
    CU_ASSERT_EQUAL(pools[1].total, 4);
    CU_ASSERT_EQUAL(pools[3].total, UINT64_C(1536) * 1024 * 1024);
    CU_ASSERT_EQUAL(parse(arena, good, 0, &pools, &n, NULL), 0);
    CU_ASSERT_EQUAL(n, 0);
    arena_free(arena);
}

static void test_bad_pools(void)
{
    static const char *const bad[] = { "disk",   "=4",     "disk=",
                                       "a b=1",  "a=-1",   "a=1x",
                                       "a=99999999999999999999", "a=1=2" };
    struct arena *arena = arena_new();
    struct resource_pool *pools = NULL;
    struct vdc_error err;
    size_t n = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *items[] = { bad[i] };
        CU_ASSERT_EQUAL(parse(arena, items, 1, &pools, &n, &err),
                        VDC_E_BAD_CONFIG);
        CU_ASSERT_PTR_NULL(pools);
    }
    const char *twice[] = { "a=1", "a=2", "b" };
    CU_ASSERT_EQUAL(parse(arena, twice, 3, &pools, &n, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "2 reasons"));
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "a stopped guest", test_stopped },
    { "a running guest", test_running },
    { "a long detail", test_long_detail },
    { "a lease", test_lease },
    { "pools", test_pools },
    { "bad pools", test_bad_pools },
};

UNIT_MAIN("resourced: rows of resources", tests)
