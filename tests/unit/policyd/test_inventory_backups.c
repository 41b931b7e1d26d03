/* Tests of policyd/hosts/inventory_backups.c: where room is kept for guests
 * that are protected. */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/policyd/inventory_bed.h"
#include "tests/unit/unit.h"

static void put_host(struct inventory_bed *bed, const char *name,
                     enum placement_state state, uint64_t kib)
{
    const struct inventory_host host = {
        .name = name,
        .state = state,
        .why = "",
        .reported = true,
        .pcpus = 8,
        .available = MEM_KIB(kib),
        .asked_ms = clock_mono().ms + 1,
    };

    inventory_put_host(bed->inventory, &host);
}

static void assign_protected(struct inventory_bed *bed, const char *name)
{
    struct store_assignment row = {
        .customer = NAMES_PROVIDER,
        .name = name,
        .new_name = "",
        .host = "alpha",
        .state = ASSIGNMENT_ACTIVE,
        .counts = { .memory = MEM_KIB(GIB), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .placing = "protected ",
        .created_ms = 5,
    };
    struct assignment *a;

    uuid_random(&row.uuid);
    CU_ASSERT_EQUAL(book_assignment_add(bed->book, &row, NULL, &a, NULL), 0);
}

/* How often it had to be called. */
static unsigned renew(struct inventory_bed *bed, struct inventory_backups *ret)
{
    unsigned n = 1;

    while (!inventory_renew_backups(bed->inventory, ret))
        n++;
    return n;
}

static uint32_t n_backed(const struct inventory_bed *bed, const char *host)
{
    uint32_t at = inventory_find_host(bed->inventory, host);

    return placement_view_use(inventory_view(bed->inventory), at)->n_backed;
}

/* After a restart; when the backup drains, is removed, has no room; and when
 * there is room again. */
static void backups(void)
{
    struct inventory_backups now;
    struct inventory_bed bed;
    char name[8];

    inventory_bed_open_book(&bed);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        assign_protected(&bed, name);
    }
    bed.inventory = inventory_new(bed.book);
    put_host(&bed, "alpha", PLACEMENT_UP, GIB);
    renew(&bed, &now);
    CU_ASSERT_EQUAL(now.n_protected, 40);
    CU_ASSERT_EQUAL(now.n_without, 40);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "alpha"), 40);
    put_host(&bed, "beta", PLACEMENT_UP, 100 * GIB);
    CU_ASSERT(renew(&bed, &now) > 1); /* not all at once */
    CU_ASSERT_EQUAL(now.n_renewed, 40);
    CU_ASSERT_EQUAL(now.n_without, 0);
    CU_ASSERT_EQUAL(n_backed(&bed, "beta"), 40);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "alpha"), 0);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "none"), 0);
    /* nothing has changed */
    CU_ASSERT_EQUAL(renew(&bed, &now), 1);
    CU_ASSERT_EQUAL(now.n_renewed, 0);
    CU_ASSERT_EQUAL(now.n_protected, 40);

    put_host(&bed, "beta", PLACEMENT_DRAINING, 100 * GIB);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "alpha"), 40);
    put_host(&bed, "gamma", PLACEMENT_UP, 10 * GIB);
    renew(&bed, &now);
    CU_ASSERT_EQUAL(now.n_renewed, 10);
    CU_ASSERT_EQUAL(now.n_without, 30);
    CU_ASSERT_EQUAL(n_backed(&bed, "gamma"), 10);
    CU_ASSERT_EQUAL(n_backed(&bed, "beta"), 0);
    /* it has less than it is to keep free */
    put_host(&bed, "gamma", PLACEMENT_UP, 9 * GIB);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "alpha"), 40);
    renew(&bed, &now);
    CU_ASSERT_EQUAL(now.n_without, 31);
    CU_ASSERT_EQUAL(inventory_without_backup(bed.inventory, "alpha"), 31);
    inventory_remove_host(bed.inventory, "gamma");
    CU_ASSERT_EQUAL(inventory_find_host(bed.inventory, "gamma"),
                    PLACEMENT_NONE);
    put_host(&bed, "beta", PLACEMENT_UP, 100 * GIB);
    renew(&bed, &now);
    CU_ASSERT_EQUAL(now.n_without, 0);
    CU_ASSERT_EQUAL(n_backed(&bed, "beta"), 40);
    CU_ASSERT_EQUAL(
        placement_view_use(inventory_view(bed.inventory), 0)->busy_since_ms,
        5);
    inventory_bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "backups", backups },
};

UNIT_MAIN("policyd: the inventory, backups", tests)
