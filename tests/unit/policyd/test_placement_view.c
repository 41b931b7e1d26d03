/* Tests of policyd/placement/view: what is kept incrementally is what it
 * would be from scratch; limits; versions; how large it is. */
#include "policyd/placement/view.h"

#include <string.h>

#include "policyd/placement/counts.h"
#include "policyd/placement/index.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

static void names(void)
{
    struct placement_names *names = placement_names_new();
    char text[16];

    CU_ASSERT_EQUAL(placement_names_add(names, ""), 0);
    CU_ASSERT_EQUAL(placement_names_add(names, NULL), 0);
    CU_ASSERT_EQUAL(placement_names_find(names, "x1"), PLACEMENT_NO_NAME);
    for (int again = 0; again < 2; again++)
        for (uint32_t i = 1; i < 5000; i++) {
            snprintf(text, sizeof(text), "x%u", i);
            CU_ASSERT_EQUAL_FATAL(placement_names_add(names, text), i);
        }
    CU_ASSERT_EQUAL(placement_names_find(names, "x4321"), 4321);
    CU_ASSERT_STRING_EQUAL(placement_names_text(names, 4321), "x4321");
    CU_ASSERT_STRING_EQUAL(placement_names_text(names, 0), "");
    CU_ASSERT_STRING_EQUAL(placement_names_text(names, PLACEMENT_NO_NAME),
                           "?");
    CU_ASSERT(placement_names_size(names) > 5000 * 5);
    placement_names_free(names);
    placement_names_free(NULL);
}

/* Against an array that says the same. */
static void counts(void)
{
    struct placement_counts counts = { 0 }, copy;
    static uint32_t plain[4][32][64];
    uint64_t seed = 1, n = unit_on_valgrind() ? 10000 : 200000;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t random = world_random(&seed);
        enum placement_count kind = (enum placement_count)(random % 4);
        uint32_t a = (uint32_t)(random >> 8) % 32;
        uint32_t b = (uint32_t)(random >> 16) % 64;
        uint32_t *mine = &plain[kind][a][b];
        int64_t add = (random >> 32) % 2 || !*mine ? 1 : -(int64_t)*mine;
        *mine += (uint32_t)add;
        placement_counts_add(&counts, kind, a, b, add);
    }
    placement_counts_copy(&copy, &counts);
    uint32_t n_wrong = 0, n_used = 0;
    for (uint32_t i = 0; i < 4 * 32 * 64; i++) {
        uint32_t a = i / 64 % 32, b = i % 64;
        enum placement_count kind = (enum placement_count)(i / 64 / 32);
        n_wrong +=
            placement_counts_get(&counts, kind, a, b) != plain[kind][a][b] ||
            placement_counts_get(&copy, kind, a, b) != plain[kind][a][b];
        n_used += plain[kind][a][b] != 0;
    }
    CU_ASSERT_EQUAL(n_wrong, 0);
    CU_ASSERT_EQUAL(counts.n_used, n_used);
    placement_counts_fini(&counts);
    placement_counts_fini(&copy);
    CU_ASSERT_EQUAL(placement_counts_get(&copy, 0, 1, 1), 0);
}

static void recomputed(void)
{
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct world world;
        struct placement_request request;
        world_init(&world, seed, 6);
        for (int i = 0; i < 200; i++) {
            world_step(&world);
            world_request(&world, &request);
            uint32_t host =
                world_below(&world, placement_view_n_hosts(world.view));
            if (i % 3 == 0)
                world_put(&world, &request, host,
                          world_below(&world, host + 1));
            if (i % 40 == 0)
                CU_ASSERT_FATAL(world_is_right(world.view));
        }
        CU_ASSERT_FATAL(world_is_right(world.view));
        world_fini(&world);
    }
}

static void note(void *arg, uint32_t host)
{
    uint64_t *hosts = arg;

    *hosts |= UINT64_C(1) << host;
}

static void versions(void)
{
    struct placement_names *table = placement_names_new();
    struct placement_view *view = placement_view_new(table);
    struct placement_host host = { .memory = MEM_GIB(4) };
    struct placement_guest guest = { .spec.memory = MEM_GIB(1), .runs = true };
    uint64_t changed = 0;
    uint32_t at;

    for (int i = 0; i < 4; i++) {
        host.name = placement_names_add(
            table, (const char *[]){ "a", "b", "c", "d" }[i]);
        CU_ASSERT_EQUAL(placement_view_put_host(view, &host, &at, NULL), 0);
        CU_ASSERT_EQUAL((int)at, i);
    }
    uint64_t version = placement_view_version(view);
    guest.host = 2;
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, &at, NULL), 0);
    CU_ASSERT_EQUAL(placement_view_version(view), version + 1);
    placement_view_move_guest(view, at, 3, 5);
    CU_ASSERT(placement_view_changes(view, version, note, &changed));
    CU_ASSERT_EQUAL(changed, 0xc);
    CU_ASSERT_EQUAL(placement_view_use(view, 3)->busy_since_ms, 5);
    CU_ASSERT_EQUAL(placement_view_use(view, 2)->n_guests, 0);
    CU_ASSERT_EQUAL(placement_view_remove_host(view, 3, NULL),
                    VDC_E_WRONG_STATE);
    placement_view_remove_guest(view, at);
    CU_ASSERT_PTR_NULL(placement_view_guest(view, at));
    CU_ASSERT_EQUAL(placement_view_remove_host(view, 3, NULL), 0);
    CU_ASSERT_EQUAL(placement_view_n_present(view), 3);
    CU_ASSERT_EQUAL(placement_view_find_host(view, host.name), PLACEMENT_NONE);
    placement_view_set_overcommit(view, 100);
    CU_ASSERT_FALSE(placement_view_changes(view, version, note, &changed));
    version = placement_view_version(view);
    CU_ASSERT(placement_view_changes(view, version, note, &changed));
    for (int i = 0; i < 5000; i++)
        placement_view_set_state(view, 0, PLACEMENT_UP);
    CU_ASSERT_FALSE(placement_view_changes(view, version, note, &changed));
    placement_view_free(view);
    placement_names_free(table);
}

static void limits(void)
{
    struct placement_names *table = placement_names_new();
    struct placement_view *view = placement_view_new(table);
    struct placement_host host = { 0 };
    struct placement_guest guest = { 0 };
    struct placement_rule rule = { 0 };
    struct placement_promise promise = { 0 };

    CU_ASSERT_EQUAL(placement_view_put_host(view, &host, NULL, NULL),
                    VDC_E_BAD_VALUE);
    host.name = placement_names_add(table, "h");
    host.n_tags = PLACEMENT_TAGS_MAX + 1;
    CU_ASSERT_EQUAL(placement_view_put_host(view, &host, NULL, NULL),
                    VDC_E_BAD_VALUE);
    host.n_tags = 0;
    host.n_pools = PLACEMENT_HOST_AMOUNTS_MAX + 1;
    CU_ASSERT_EQUAL(placement_view_put_host(view, &host, NULL, NULL),
                    VDC_E_BAD_VALUE);
    host.n_pools = 0;
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, NULL, NULL),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(placement_view_put_host(view, &host, NULL, NULL), 0);
    guest.n_groups = PLACEMENT_GROUPS_MAX + 1;
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, NULL, NULL),
                    VDC_E_BAD_VALUE);
    guest.n_groups = 0;
    guest.spec.n_disks = 2;
    guest.spec.disks[0].name = guest.spec.disks[1].name = host.name;
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, NULL, NULL),
                    VDC_E_BAD_VALUE);
    guest.spec.n_disks = 1;
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, NULL, NULL), 0);
    CU_ASSERT_EQUAL(placement_view_put_rule(view, &rule, NULL),
                    VDC_E_BAD_VALUE);
    promise.name = host.name;
    CU_ASSERT_EQUAL(placement_view_put_promise(view, &promise, NULL),
                    VDC_E_BAD_VALUE);
    promise.spec.vcpus = 1;
    for (uint32_t i = 1; i <= PLACEMENT_PROMISES_MAX; i++) {
        promise.name = i;
        CU_ASSERT_EQUAL(placement_view_put_promise(view, &promise, NULL), 0);
    }
    promise.name++;
    CU_ASSERT_EQUAL(placement_view_put_promise(view, &promise, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(placement_view_n_guests(view), 1);
    placement_view_free(view);
    placement_view_free(NULL);
    placement_names_free(table);
}

/* 10,000 hosts and 150,000 guests with an index of 18 classes. */
static void large(void)
{
    struct placement_names *table = placement_names_new();
    struct placement_view *view = placement_view_new(table);
    struct placement_index *index = placement_index_new(view);
    struct placement_decision decision;
    uint32_t n_hosts = unit_on_valgrind() ? 100 : 10000;
    char text[32];

    for (uint32_t i = 0; i < n_hosts; i++) {
        snprintf(text, sizeof(text), "host%u", i);
        struct placement_host host = { .name =
                                           placement_names_add(table, text),
                                       .memory = MEM_GIB(512),
                                       .pcpus = 64 };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    placement_view_set_overcommit(view, 100);
    for (uint32_t i = 0; i < 15 * n_hosts; i++) {
        snprintf(text, sizeof(text), "customer%u", i % 1000);
        struct placement_guest guest = {
            .customer = placement_names_add(table, text),
            .host = i * 7 % n_hosts,
            .spec = { .memory = MEM_GIB(1 + i % 18), .vcpus = 1 + i % 4 },
            .n_groups = 1,
            .groups = { 1 + i % (n_hosts / 2) },
            .runs = true,
        };
        placement_view_add_guest(view, &guest, NULL, NULL);
    }
    for (uint64_t i = 1; i <= 18; i++) {
        struct placement_request request = {
            .spec = { .memory = MEM_GIB(i), .vcpus = 1 }, .start = true
        };
        CU_ASSERT_EQUAL(placement_index_choose(index, view, &request,
                                               placement_policy_find("pack"),
                                               &decision, NULL),
                        0);
    }
    size_t size = placement_view_size(view) + placement_names_size(table) +
                  placement_index_size(index);
    printf("%u hosts, %u guests, 18 classes: %zu MiB ... ",
           placement_view_n_present(view), placement_view_n_guests(view),
           size >> 20);
    CU_ASSERT(size < (size_t)100 << 20);
    placement_index_free(index);
    placement_view_free(view);
    placement_names_free(table);
}

static const struct unit_test tests[] = {
    { "names", names },           { "counts", counts },
    { "recomputed", recomputed }, { "versions", versions },
    { "limits", limits },         { "large", large },
};

UNIT_MAIN("policyd/placement/view", tests)
