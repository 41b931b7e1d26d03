/*
 * The standing view: what is free after reports, while guests are being made,
 * when they go; nothing is counted twice.
 */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/policyd/inventory_bed.h"
#include "tests/unit/unit.h"

static void say(struct inventory_bed *bed, const struct vdc_uuid *uuid,
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

static void next_sees_it(void)
{
    struct vdc_uuid a, b;
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    CU_ASSERT(inventory_bed_decide(&bed, GIB, &a) != 0);
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 3 * GIB, &a), 0);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 2 * GIB, &b), VDC_E_NO_MEMORY);
    /* nothing came of it */
    inventory_drop(bed.inventory, &a);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 2 * GIB, &b), 0);
    /* what the book has stays */
    struct assignment *kept = inventory_bed_assign(&bed, &b, 2 * GIB);
    inventory_drop(bed.inventory, &b);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 2 * GIB);
    book_assignment_remove(bed.book, kept, NULL, NULL);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 4 * GIB);
    inventory_bed_fini(&bed);
}

/* A report that has the guest, or not, or is from before, or has half of it:
 * while it is being made it is counted once. */
static void counted_once(void)
{
    struct vdc_uuid uuid;
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = inventory_bed_assign(&bed, &uuid, 3 * GIB);
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    inventory_bed_report(&bed, 3 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    inventory_bed_report(&bed, GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    a->in_flight = false;
    say(&bed, &uuid, WIRE_RUNNING, 3 * GIB);
    inventory_bed_report(&bed, 4 * GIB, false); /* is from before */
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    inventory_bed_report(&bed, GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    /* Xen needs a little besides */
    inventory_bed_report(&bed, GIB - 4096, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB - 4096);
    inventory_bed_fini(&bed);
}

/* Somebody else takes memory while a guest is being made. */
static void bounds(void)
{
    struct vdc_uuid uuid;
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, GIB, &uuid), 0);
    struct assignment *a = inventory_bed_assign(&bed, &uuid, GIB);
    inventory_bed_report(&bed, GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed),
                    GIB); /* it is in it, at the best */
    inventory_bed_report(&bed, 6 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed),
                    5 * GIB); /* it is not, at the worst */
    a->in_flight = false;
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 4 * GIB);
    inventory_bed_fini(&bed);
}

/* After a restart of policyd. */
static void from_the_book(void)
{
    struct vdc_uuid uuid;
    struct inventory_bed bed;

    uuid_random(&uuid);
    inventory_bed_open_book(&bed);
    struct assignment *a = inventory_bed_assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    bed.inventory = inventory_new(bed.book);
    const struct placement_view *view = inventory_view(bed.inventory);
    CU_ASSERT_EQUAL(placement_view_n_guests(view), 1);
    CU_ASSERT_EQUAL(placement_view_host(view, 0)->state, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(placement_view_use(view, 0)->busy_since_ms, 5);
    inventory_bed_report(&bed, GIB, false);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    CU_ASSERT_EQUAL(placement_view_host(view, 0)->state, PLACEMENT_UP);
    const struct inventory_host down = { .name = "alpha",
                                         .state = PLACEMENT_DOWN,
                                         .why = "gone" };
    inventory_put_host(bed.inventory, &down);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 1024, &uuid), VDC_E_NO_HOST);
    inventory_bed_fini(&bed);
}

static void report_cpu(struct inventory_bed *bed, const char *feature)
{
    struct inventory_host host = {
        .name = "alpha",
        .reported = true,
        .pcpus = 8,
        .available = MEM_KIB(4 * GIB),
        .asked_ms = clock_mono().ms + 1,
    };

    if (feature)
        cpu_set_add_name(&host.cpu, feature, NULL);
    inventory_put_host(bed->inventory, &host);
}

/* What a guest asked of CPUs is in its record; what its host's can do is in
 * each report anew, and nothing when that does not say. */
static void cpu_features(void)
{
    struct placement_request request = { .start = true };
    struct placement_decision decision;
    struct vdc_uuid uuid;
    struct inventory_bed bed;

    uuid_random(&uuid);
    inventory_bed_open_book(&bed);
    struct store_assignment row = {
        .uuid = uuid,
        .customer = NAMES_PROVIDER,
        .name = "g",
        .new_name = "",
        .host = "alpha",
        .state = ASSIGNMENT_ACTIVE,
        .counts = { .memory = MEM_KIB(GIB), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .placing = "protected cpu:000080 acme/db ",
    };
    struct assignment *a = NULL;
    CU_ASSERT_EQUAL(book_assignment_add(bed.book, &row, NULL, &a, NULL), 0);
    bed.inventory = inventory_new(bed.book);
    const struct placement_view *view = inventory_view(bed.inventory);
    const struct placement_guest *guest =
        placement_view_guest(view, inventory_find_guest(bed.inventory, &uuid));
    unsigned aes;
    CU_ASSERT(cpu_feature_find("aes", &aes));
    CU_ASSERT(cpu_set_has(&guest->cpu, aes));
    CU_ASSERT_EQUAL(cpu_set_count(&guest->cpu), 1);
    CU_ASSERT(guest->protected && guest->n_groups == 1);

    request.spec.memory = MEM_KIB(GIB);
    cpu_set_add(&request.cpu, aes);
    report_cpu(&bed, "aes");
    CU_ASSERT_EQUAL(placement_index_choose(
                        inventory_index(bed.inventory), view, &request,
                        placement_policy_find("pack"), &decision, NULL),
                    0);
    report_cpu(&bed, NULL);
    CU_ASSERT_EQUAL(placement_index_choose(
                        inventory_index(bed.inventory), view, &request,
                        placement_policy_find("pack"), &decision, NULL),
                    VDC_E_NO_HOST);
    inventory_bed_fini(&bed);
}

static struct assignment *assign_since(struct inventory_bed *bed,
                                       uint64_t created_ms)
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
static void restart(struct inventory_bed *bed)
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
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 0);
    struct assignment *first = assign_since(&bed, 1000);
    struct assignment *second = assign_since(&bed, 2000);
    assign_since(&bed, 3000);
    book_assignment_remove(bed.book, first, NULL, NULL);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 1000);
    restart(&bed);
    CU_ASSERT_EQUAL(inventory_busy_since(bed.inventory, "alpha"), 1000);
    second = book_assignment_by_name(book_customer(bed.book, NAMES_PROVIDER),
                                     "g2000");
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
    inventory_bed_fini(&bed);
}

static void stops(void)
{
    struct vdc_uuid uuid, other;
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    inventory_bed_report(&bed, 4 * GIB, true);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = inventory_bed_assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    inventory_bed_report(&bed, GIB, true);
    say(&bed, &uuid, WIRE_STOPPED, 3 * GIB);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 4 * GIB);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 2 * GIB, &other), 0);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 2 * GIB);
    /* it comes again, with less */
    say(&bed, &uuid, WIRE_RUNNING, GIB);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    const struct wire_event stopped = { .kind = WIRE_EVENT_STOPPED,
                                        .uuid = uuid };
    inventory_event(bed.inventory, &stopped);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 2 * GIB);
    const struct wire_event started = { .kind = WIRE_EVENT_STARTED,
                                        .uuid = uuid };
    inventory_event(bed.inventory, &started);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    /* of one that nobody knows nothing is noted */
    uuid_random(&uuid);
    say(&bed, &uuid, WIRE_RUNNING, GIB);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    CU_ASSERT_EQUAL(inventory_find_guest(bed.inventory, &uuid),
                    PLACEMENT_NONE);
    inventory_bed_fini(&bed);
}

static void lease(void)
{
    struct vdc_uuid uuid;
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    inventory_bed_report(&bed, GIB, true);
    inventory_lend(bed.inventory, 0, MEM_KIB(2 * GIB), 1);
    CU_ASSERT_EQUAL(inventory_bed_decide(&bed, 3 * GIB, &uuid), 0);
    struct assignment *a = inventory_bed_assign(&bed, &uuid, 3 * GIB);
    a->in_flight = false;
    inventory_bed_report(&bed, 0, true);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 0);
    book_assignment_remove(bed.book, a, NULL, NULL);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), 3 * GIB);
    inventory_lend(bed.inventory, 0, MEM_KIB(2 * GIB), -1);
    CU_ASSERT_EQUAL(inventory_bed_left(&bed), GIB);
    inventory_bed_fini(&bed);
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
    struct inventory_bed bed;

    inventory_bed_init(&bed);
    inventory_bed_report(&bed, total, true);
    for (int i = 0; i < (unit_on_valgrind() ? 500 : 8000); i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        unsigned at = (unsigned)(seed >> 33) % MOST;
        struct assignment *a = guests[at];
        uint64_t used = 0, reported = 0;
        if (!a) {
            uint64_t kib = GIB * (1 + (seed >> 50) % 4);
            if (inventory_bed_decide(&bed, kib, &uuids[at]))
                n_refused++;
            else
                guests[at] = inventory_bed_assign(&bed, &uuids[at], kib);
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
            inventory_bed_report(&bed, total - reported, true);
        n_wrong += inventory_bed_left(&bed) != total - used;
    }
    CU_ASSERT_EQUAL(n_wrong, 0);
    CU_ASSERT(n_refused > 10);
    inventory_bed_fini(&bed);
}

/* ---- names of groups ---- */

static struct assignment *assign_to(struct inventory_bed *bed,
                                    const char *groups)
{
    struct store_assignment row = { .name = "g",
                                    .customer = "provider",
                                    .host = "alpha",
                                    .new_name = "",
                                    .macs = "",
                                    .reason = "",
                                    .state = ASSIGNMENT_CREATING };
    struct assignment *a;

    uuid_random(&row.uuid);
    row.placing = (char *)groups;
    wire_init(&wire_struct_usage, &row.counts);
    CU_ASSERT_EQUAL_FATAL(book_assignment_add(bed->book, &row, NULL, &a, NULL),
                          0);
    return a;
}

static const char *text_of(const struct inventory_bed *bed, uint32_t name)
{
    return placement_view_text(inventory_view(bed->inventory), name);
}

static void groups(void)
{
    uint64_t later = clock_mono().ms + 2 * INVENTORY_GROUP_KEEP_MS;
    uint32_t names[1000];
    struct inventory_bed bed;
    char text[32];

    inventory_bed_init(&bed);
    uint32_t member = inventory_group(bed.inventory, "acme/web");
    uint32_t none = inventory_group(bed.inventory, "acme/none");
    struct assignment *a = assign_to(&bed, "acme/web ");
    CU_ASSERT_EQUAL(inventory_group(bed.inventory, "acme/web"), member);
    /* not before its time */
    inventory_forget_groups(bed.inventory, clock_mono().ms);
    CU_ASSERT_EQUAL(inventory_group(bed.inventory, "acme/none"), none);
    inventory_forget_groups(bed.inventory, later);
    CU_ASSERT_STRING_EQUAL(text_of(&bed, member), "acme/web");
    CU_ASSERT_STRING_EQUAL(text_of(&bed, none), "?");
    CU_ASSERT_NOT_EQUAL(inventory_group(bed.inventory, "acme/none"), none);
    /* with its last guest */
    CU_ASSERT_EQUAL(book_assignment_remove(bed.book, a, NULL, NULL), 0);
    CU_ASSERT_STRING_EQUAL(text_of(&bed, member), "acme/web");
    inventory_forget_groups(bed.inventory, later);
    CU_ASSERT_STRING_EQUAL(text_of(&bed, member), "?");
    /* others are found as before, however many go */
    uint32_t kept = inventory_name(bed.inventory, "a host");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "acme/%u", i);
        names[i] = inventory_group(bed.inventory, text);
        if (i % 3 == 0)
            assign_to(&bed, text);
    }
    inventory_forget_groups(bed.inventory, later);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "acme/%u", i);
        CU_ASSERT_EQUAL(inventory_group(bed.inventory, text) == names[i],
                        i % 3 == 0);
    }
    CU_ASSERT_EQUAL(inventory_name(bed.inventory, "a host"), kept);
    inventory_bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "the next sees it", next_sees_it },
    { "counted once", counted_once },
    { "bounds", bounds },
    { "from the book", from_the_book },
    { "CPU features", cpu_features },
    { "since when a host is in use", busy_since },
    { "stops", stops },
    { "lease", lease },
    { "comes and goes", comes_and_goes },
    { "names of groups", groups },
};

UNIT_MAIN("policyd: the inventory", tests)
