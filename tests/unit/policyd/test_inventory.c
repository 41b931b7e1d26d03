/*
 * The standing view: what is free after reports, while guests are being made,
 * when they go; nothing is counted twice.
 */
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "policyd/inventory.h"
#include "tests/unit/unit.h"

#define GIB UINT64_C(1048576)

/* What is queued for the store need never be written. */
struct bed {
    struct event_base *base;
    char database[64];
    struct book *book;
    struct inventory *inventory;
};

static void open_book(struct bed *bed)
{
    struct store *store;

    bed->base = event_base_new();
    strcpy(bed->database, "/tmp/test_inventory.XXXXXX");
    close(mkstemp(bed->database));
    unlink(bed->database);
    const struct store_settings settings = { .address = bed->database };
    CU_ASSERT_EQUAL_FATAL(store_open(bed->base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &bed->book, NULL), 0);
}

static void bed_init(struct bed *bed)
{
    open_book(bed);
    bed->inventory = inventory_new(bed->book);
}

static void bed_fini(struct bed *bed)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[80];

    inventory_free(bed->inventory);
    book_close(bed->book);
    event_base_free(bed->base);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->database, ends[i]);
        unlink(path);
    }
}

static struct assignment *assign(struct bed *bed, const struct vdc_uuid *uuid,
                                 uint64_t kib)
{
    const struct store_assignment row = {
        .uuid = *uuid,
        .customer = NAMES_PROVIDER,
        .name = "g",
        .new_name = "",
        .host = "alpha",
        .state = ASSIGNMENT_CREATING,
        .counts = { .memory = MEM_KIB(kib), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .created_ms = 5,
    };
    struct assignment *a = NULL;

    book_assignment_add(bed->book, &row, NULL, &a, NULL);
    a->in_flight = true;
    return a;
}

static void report(struct bed *bed, uint64_t available, bool later)
{
    const struct inventory_host host = {
        .name = "alpha",
        .reported = true,
        .pcpus = 8,
        .available = MEM_KIB(available),
        /* asked after or before everything that was changed */
        .asked_ms = later ? clock_mono().ms + 1 : 0,
    };

    inventory_put_host(bed->inventory, &host);
}

static uint64_t left(const struct bed *bed)
{
    const struct placement_view *view = inventory_view(bed->inventory);
    uint64_t has = placement_view_host(view, 0)->memory.kib;
    uint64_t used = placement_view_use(view, 0)->memory.kib;

    return has > used ? has - used : 0;
}

/* Decided, as change_place.c does it. */
static int decide(struct bed *bed, uint64_t kib, struct vdc_uuid *ret)
{
    struct placement_request request = {
        .customer = inventory_name(bed->inventory, NAMES_PROVIDER),
        .spec = { .memory = MEM_KIB(kib), .vcpus = 1 },
        .start = true,
        .now_ms = 10,
    };
    struct placement_decision decision;

    uuid_random(&request.uuid);
    *ret = request.uuid;
    int rc = placement_index_choose(
        inventory_index(bed->inventory), inventory_view(bed->inventory),
        &request, placement_policy_find("pack"), &decision, NULL);
    return rc ? rc
              : inventory_put(bed->inventory, &request, &decision, NULL);
}

static void say(struct bed *bed, const struct vdc_uuid *uuid,
                enum wire_partition_state state, uint64_t kib)
{
    struct wire_partition p;

    wire_init(&wire_struct_partition, &p);
    p.uuid = *uuid;
    p.state = state;
    p.memory = MEM_KIB(kib);
    p.vcpus = 1;
    inventory_partition(bed->inventory, &p);
}

/* ---- tests ---- */

static void next_sees_it(void)
{
    struct vdc_uuid a, b;
    struct bed bed;

    bed_init(&bed);
    CU_ASSERT(decide(&bed, GIB, &a) != 0);
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(decide(&bed, 3 * GIB, &a), 0);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    CU_ASSERT_EQUAL(decide(&bed, 2 * GIB, &b), VDC_E_NO_MEMORY);
    /* nothing came of it */
    inventory_drop(bed.inventory, &a);
    CU_ASSERT_EQUAL(left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(decide(&bed, 2 * GIB, &b), 0);
    /* what the book has stays */
    struct assignment *kept = assign(&bed, &b, 2 * GIB);
    inventory_drop(bed.inventory, &b);
    CU_ASSERT_EQUAL(left(&bed), 2 * GIB);
    book_assignment_remove(bed.book, kept, NULL, NULL);
    CU_ASSERT_EQUAL(left(&bed), 4 * GIB);
    bed_fini(&bed);
}

/* A report that has the guest, or not, or is from before, or has half of it:
 * while it is being made it is counted once. */
static void counted_once(void)
{
    struct vdc_uuid uuid;
    struct bed bed;

    bed_init(&bed);
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = assign(&bed, &uuid, 3 * GIB);
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    report(&bed, 3 * GIB, true);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    report(&bed, GIB, true);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    a->in_flight = false;
    say(&bed, &uuid, WIRE_RUNNING, 3 * GIB);
    report(&bed, 4 * GIB, false); /* is from before */
    CU_ASSERT_EQUAL(left(&bed), GIB);
    report(&bed, GIB, true);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    /* Xen needs a little besides */
    report(&bed, GIB - 4096, true);
    CU_ASSERT_EQUAL(left(&bed), GIB - 4096);
    bed_fini(&bed);
}

/* Somebody else takes memory while a guest is being made. */
static void bounds(void)
{
    struct vdc_uuid uuid;
    struct bed bed;

    bed_init(&bed);
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(decide(&bed, GIB, &uuid), 0);
    struct assignment *a = assign(&bed, &uuid, GIB);
    report(&bed, GIB, true);
    CU_ASSERT_EQUAL(left(&bed), GIB); /* it is in it, at the best */
    report(&bed, 6 * GIB, true);
    CU_ASSERT_EQUAL(left(&bed), 5 * GIB); /* it is not, at the worst */
    a->in_flight = false;
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(left(&bed), 4 * GIB);
    bed_fini(&bed);
}

/* After a restart of policyd. */
static void from_the_book(void)
{
    struct vdc_uuid uuid;
    struct bed bed;

    uuid_random(&uuid);
    open_book(&bed);
    struct assignment *a = assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    bed.inventory = inventory_new(bed.book);
    const struct placement_view *view = inventory_view(bed.inventory);
    CU_ASSERT_EQUAL(placement_view_n_guests(view), 1);
    CU_ASSERT_EQUAL(placement_view_host(view, 0)->state, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(placement_view_use(view, 0)->busy_since_ms, 5);
    report(&bed, GIB, false);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    CU_ASSERT_EQUAL(placement_view_host(view, 0)->state, PLACEMENT_UP);
    const struct inventory_host down = { .name = "alpha",
                                         .state = PLACEMENT_DOWN,
                                         .why = "gone" };
    inventory_put_host(bed.inventory, &down);
    CU_ASSERT_EQUAL(decide(&bed, 1024, &uuid), VDC_E_NO_HOST);
    bed_fini(&bed);
}

static struct assignment *assign_since(struct bed *bed, uint64_t created_ms)
{
    struct store_assignment row = {
        .customer = NAMES_PROVIDER,
        .new_name = "",
        .host = "alpha",
        .state = ASSIGNMENT_ACTIVE,
        .counts = { .memory = MEM_KIB(GIB), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .created_ms = created_ms,
        .host_busy_ms = inventory_busy_since(bed->inventory, "alpha"),
    };
    struct assignment *a = NULL;
    char name[24];

    snprintf(name, sizeof(name), "g%u", (unsigned)created_ms);
    row.name = name;
    uuid_random(&row.uuid);
    CU_ASSERT_EQUAL(book_assignment_add(bed->book, &row, NULL, &a, NULL), 0);
    return a;
}

/* Loaded again from the store, as a policyd that is started is. */
static void restart(struct bed *bed)
{
    const struct store_settings settings = { .address = bed->database };
    struct store *store;

    book_drain(bed->book);
    inventory_free(bed->inventory);
    book_close(bed->book);
    CU_ASSERT_EQUAL_FATAL(store_open(bed->base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &bed->book, NULL), 0);
    bed->inventory = inventory_new(bed->book);
}

/* Since when a host has guests, also when those who were the first are gone
 * before policyd is started again. */
static void busy_since(void)
{
    struct bed bed;

    bed_init(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 0);
    struct assignment *first = assign_since(&bed, 1000);
    struct assignment *second = assign_since(&bed, 2000);
    assign_since(&bed, 3000);
    book_assignment_remove(bed.book, first, NULL, NULL);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 1000);
    restart(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 1000);
    second = book_assignment_by_name(
        book_customer(bed.book, NAMES_PROVIDER), "g2000");
    book_assignment_remove(bed.book, second, NULL, NULL);
    restart(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 1000);
    /* it becomes empty, and begins anew */
    struct assignment *last = book_assignment_by_name(
        book_customer(bed.book, NAMES_PROVIDER), "g3000");
    book_assignment_remove(bed.book, last, NULL, NULL);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 0);
    assign_since(&bed, 4000);
    assign_since(&bed, 5000);
    restart(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 4000);
    bed_fini(&bed);
}

static void stops(void)
{
    struct vdc_uuid uuid, other;
    struct bed bed;

    bed_init(&bed);
    report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    report(&bed, GIB, true);
    say(&bed, &uuid, WIRE_STOPPED, 3 * GIB);
    CU_ASSERT_EQUAL(left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(decide(&bed, 2 * GIB, &other), 0);
    CU_ASSERT_EQUAL(left(&bed), 2 * GIB);
    /* it comes again, with less */
    say(&bed, &uuid, WIRE_RUNNING, GIB);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    const struct wire_event stopped = { .kind = WIRE_EVENT_STOPPED,
                                        .uuid = uuid };
    inventory_event(bed.inventory, &stopped);
    CU_ASSERT_EQUAL(left(&bed), 2 * GIB);
    const struct wire_event started = { .kind = WIRE_EVENT_STARTED,
                                        .uuid = uuid };
    inventory_event(bed.inventory, &started);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    /* of one that nobody knows nothing is noted */
    uuid_random(&uuid);
    say(&bed, &uuid, WIRE_RUNNING, GIB);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    CU_ASSERT_EQUAL(inventory_find_guest(bed.inventory, &uuid),
                    PLACEMENT_NONE);
    bed_fini(&bed);
}

static void put_host(struct bed *bed, const char *name,
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

static void assign_protected(struct bed *bed, const char *name)
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
static unsigned renew(struct bed *bed, struct inventory_backups *ret)
{
    unsigned n = 1;

    while (!inventory_renew_backups(bed->inventory, ret))
        n++;
    return n;
}

static uint32_t n_backed(const struct bed *bed, const char *host)
{
    uint32_t at = inventory_find_host(bed->inventory, host);

    return placement_view_use(inventory_view(bed->inventory), at)->n_backed;
}

/* After a restart; when the backup drains, is removed, has no room; and when
 * there is room again. */
static void backups(void)
{
    struct inventory_backups now;
    struct bed bed;
    char name[8];

    open_book(&bed);
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
    bed_fini(&bed);
}

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

static void report_amounts(struct bed *bed, const struct told *told)
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
static int decide_amounts(struct bed *bed, struct vdc_uuid *ret)
{
    struct placement_request request = {
        .customer = inventory_name(bed->inventory, NAMES_PROVIDER),
        .spec = { .memory = MEM_KIB(GIB),
                  .vcpus = 1,
                  .n_disks = 1,
                  .n_devices = 1,
                  .disks = { { inventory_name(bed->inventory, "fast"),
                               100 } },
                  .devices = { { inventory_name(bed->inventory, DEVICE),
                                 1 } } },
        .start = true,
        .now_ms = 10,
    };
    struct placement_decision decision;

    uuid_random(&request.uuid);
    *ret = request.uuid;
    int rc = placement_index_choose(
        inventory_index(bed->inventory), inventory_view(bed->inventory),
        &request, placement_policy_find("pack"), &decision, NULL);
    return rc ? rc
              : inventory_put(bed->inventory, &request, &decision, NULL);
}

static uint64_t pool_left(const struct bed *bed)
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
    struct bed bed;

    tell(&with, WIRE_RESOURCE_POOL, "fast", 150);
    tell(&with, WIRE_RESOURCE_PCI, "", 1);
    tell(&with, WIRE_RESOURCE_PCI, DEVICE, 1);
    tell(&without, WIRE_RESOURCE_POOL, "fast", 50);
    tell(&without, WIRE_RESOURCE_PCI, "", 0);
    bed_init(&bed);
    report_amounts(&bed, &without);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &a), VDC_E_NO_HOST);
    report_amounts(&bed, &with);
    CU_ASSERT(inventory_knows_amounts(bed.inventory));
    CU_ASSERT_EQUAL(pool_left(&bed), 150);
    CU_ASSERT_EQUAL(decide_amounts(&bed, &a), 0);
    CU_ASSERT_EQUAL(pool_left(&bed), 50);
    struct assignment *made = assign(&bed, &a, GIB);
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
    report(&bed, GIB, true);
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
    bed_fini(&bed);
}

static void lease(void)
{
    struct vdc_uuid uuid;
    struct bed bed;

    bed_init(&bed);
    report(&bed, GIB, true);
    inventory_lend(bed.inventory, 0, MEM_KIB(2 * GIB), 1);
    CU_ASSERT_EQUAL(decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    report(&bed, 0, true);
    CU_ASSERT_EQUAL(left(&bed), 0);
    book_assignment_remove(bed.book, a, NULL, NULL);
    CU_ASSERT_EQUAL(left(&bed), 3 * GIB);
    inventory_lend(bed.inventory, 0, MEM_KIB(2 * GIB), -1);
    CU_ASSERT_EQUAL(left(&bed), GIB);
    bed_fini(&bed);
}

/* Thousands come and go, are made at once and reported on at any time: as
 * long as nobody else takes memory, what is left is exact. */
static void comes_and_goes(void)
{
    enum { MOST = 40 };
    struct vdc_uuid uuids[MOST];
    struct assignment *guests[MOST] = { NULL };
    bool is_in[MOST] = { false };
    uint64_t seed = 1, total = 64 * GIB;
    unsigned n_wrong = 0, n_refused = 0;
    struct bed bed;

    bed_init(&bed);
    report(&bed, total, true);
    for (int i = 0; i < (unit_on_valgrind() ? 500 : 8000); i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unsigned at = (unsigned)(seed >> 33) % MOST;
        struct assignment *a = guests[at];
        uint64_t used = 0, reported = 0;
        if (!a) {
            uint64_t kib = GIB * (1 + (seed >> 50) % 4);
            if (decide(&bed, kib, &uuids[at]))
                n_refused++;
            else
                guests[at] = assign(&bed, &uuids[at], kib);
        } else if (a->in_flight && !is_in[at]) {
            is_in[at] = true; /* the host has taken its memory */
        } else if (a->in_flight) {
            a->in_flight = false;
        } else {
            book_assignment_remove(bed.book, a, NULL, NULL);
            guests[at] = NULL;
            is_in[at] = false;
        }
        for (int j = 0; j < MOST; j++) {
            used += guests[j] ? guests[j]->counts.memory.kib : 0;
            reported += is_in[j] ? guests[j]->counts.memory.kib : 0;
        }
        if (i % 3 == 0)
            report(&bed, total - reported, true);
        n_wrong += left(&bed) != total - used;
    }
    CU_ASSERT_EQUAL(n_wrong, 0);
    CU_ASSERT(n_refused > 10);
    bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "the next sees it", next_sees_it },
    { "counted once", counted_once },
    { "bounds", bounds },
    { "from the book", from_the_book },
    { "since when a host is in use", busy_since },
    { "stops", stops },
    { "backups", backups },
    { "pools and devices", amounts },
    { "lease", lease },
    { "comes and goes", comes_and_goes },
};

UNIT_MAIN("policyd: the inventory", tests)
