/* Tests of policyd/hosts/inventory_amounts.c: what else than memory and vCPUs
 * a host has. */
#include "base/clock.h"
#include "tests/unit/policyd/inventory_bed.h"
#include "tests/unit/unit.h"

#define DEVICE "0000:03:00.0"

struct told {
    struct wire_resource_total items[PLACEMENT_HOST_AMOUNTS_MAX + 4];
    uint32_t n;
};

static void tell(struct told *told, enum wire_resource_kind kind,
                 const char *name, uint64_t n_free)
{
    struct wire_resource_total *total = &told->items[told->n++];

    wire_init(&wire_struct_resource_total, total);
    total->kind = kind;
    total->name = name;
    total->free = n_free;
}

static void report_amounts(struct inventory_bed *bed, const struct told *told)
{
    const struct inventory_host host = {
        .name = "alpha",
        .reported = true,
        .pcpus = 8,
        .available = MEM_KIB(100 * GIB),
        .asked_ms = clock_mono().ms + 1,
        .totals = told->items,
        .n_totals = told->n,
    };

    inventory_put_host(bed->inventory, &host);
}

/* With one device and 100 of a pool. */
static int decide_amounts(struct inventory_bed *bed, struct vdc_uuid *ret)
{
    struct placement_request request = {
        .spec = { .memory = MEM_KIB(GIB),
                  .vcpus = 1,
                  .n_disks = 1,
                  .n_devices = 1,
                  .disks = { { inventory_name(bed->inventory, "fast"), 100 } },
                  .devices = { { inventory_name(bed->inventory, DEVICE),
                                 1 } } },
    };

    return inventory_bed_put(bed, &request, ret);
}

static uint64_t pool_left(const struct inventory_bed *bed)
{
    const struct placement_view *view = inventory_view(bed->inventory);
    const struct placement_host *host = placement_view_host(view, 0);

    CU_ASSERT_EQUAL_FATAL(host->n_pools, 1);
    return host->pools[0].amount - placement_view_use(view, 0)->pools[0];
}

/* Pools and devices: counted once while a guest is made, gone when it has
 * them, there again after it. */
static void amounts(void)
{
    struct told with = { .n = 0 }, without = { .n = 0 }, many = { .n = 0 };
    struct vdc_uuid a, b;
    struct inventory_bed bed;

    tell(&with, WIRE_RESOURCE_POOL, "fast", 150);
    tell(&with, WIRE_RESOURCE_PCI, "", 1);
    tell(&with, WIRE_RESOURCE_PCI, DEVICE, 1);
    tell(&without, WIRE_RESOURCE_POOL, "fast", 50);
    tell(&without, WIRE_RESOURCE_PCI, "", 0);
    inventory_bed_init(&bed);
    report_amounts(&bed, &without);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &a), VDC_E_NO_HOST);
    report_amounts(&bed, &with);
    CU_ASSERT(inventory_knows_amounts(bed.inventory));
    CU_ASSERT_EQUAL(pool_left(&bed), 150);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &a), 0);
    CU_ASSERT_EQUAL(pool_left(&bed), 50);
    struct assignment *made = inventory_bed_assign(&bed, &a, GIB);
    /* it is not in the report, and then it is */
    report_amounts(&bed, &with);
    CU_ASSERT_EQUAL(pool_left(&bed), 50);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &b), VDC_E_NO_HOST);
    report_amounts(&bed, &without);
    CU_ASSERT_EQUAL(pool_left(&bed), 50);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &b), VDC_E_NO_HOST);
    made->in_flight = false;
    report_amounts(&bed, &without);
    CU_ASSERT_EQUAL(pool_left(&bed), 50);
    book_assignment_remove(bed.book, made, NULL, NULL);
    report_amounts(&bed, &with);
    CU_ASSERT_EQUAL(pool_left(&bed), 150);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &b), 0);

    /* one that does not say, and one that has too many */
    inventory_bed_report(&bed, GIB, true);
    CU_ASSERT(!inventory_knows_amounts(bed.inventory));
    tell(&many, WIRE_RESOURCE_PCI, "", 9);
    for (int i = 0; i < 9; i++)
        tell(&many, WIRE_RESOURCE_PCI, &"abcdefghi"[i], 1);
    report_amounts(&bed, &many);
    CU_ASSERT(!inventory_knows_amounts(bed.inventory));
    many.n--;
    report_amounts(&bed, &many);
    CU_ASSERT(!inventory_knows_amounts(bed.inventory));
    report_amounts(&bed, &without);
    CU_ASSERT(inventory_knows_amounts(bed.inventory));
    inventory_bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "pools and devices", amounts },
};

UNIT_MAIN("policyd: the inventory, amounts", tests)
