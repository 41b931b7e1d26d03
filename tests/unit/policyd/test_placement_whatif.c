/*
 * What would be if: each change, and what becomes of a host's guests, also on
 * random views.
 */
#include <string.h>

#include "policyd/placement/whatif.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define GIB UINT64_C(1048576)

struct few {
    struct placement_names *names;
    struct placement_view *view;
};

static void few_init(struct few *few, uint32_t n, uint64_t gib)
{
    char name[16];

    few->names = placement_names_new();
    few->view = placement_view_new(few->names);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "h%u", i);
        const struct placement_host host = {
            .name = placement_names_add(few->names, name),
            .memory = MEM_KIB(gib * GIB),
            .pcpus = 8,
        };
        placement_view_put_host(few->view, &host, NULL, NULL);
    }
}

static void few_fini(struct few *few)
{
    placement_view_free(few->view);
    placement_names_free(few->names);
}

static uint32_t put(struct few *few, uint32_t host, uint64_t gib,
                    uint32_t backup)
{
    const struct placement_guest guest = {
        .host = host,
        .spec = { .memory = MEM_KIB(gib * GIB), .vcpus = 2 },
        .runs = true,
        .protected = backup != PLACEMENT_NONE,
        .backup = backup,
    };
    uint32_t at;

    placement_view_add_guest(few->view, &guest, &at, NULL);
    return at;
}

static int choose(const struct few *few, uint64_t gib, uint32_t *ret)
{
    const struct placement_request request = {
        .spec = { .memory = MEM_KIB(gib * GIB), .vcpus = 2 },
        .start = true,
    };
    struct placement_decision d;
    int rc = placement_choose(few->view, &request,
                              placement_policy_find("pack"), &d, NULL);

    *ret = d.winner.host;
    return rc;
}

static void changes(void)
{
    struct placement_whatif change = { .kind = PLACEMENT_IF_STATE,
                                       .state = PLACEMENT_DRAINING };
    struct vdc_error err = { 0 };
    struct few few;
    uint32_t host;

    few_init(&few, 2, 16);
    uint32_t guest = put(&few, 0, 8, PLACEMENT_NONE);
    CU_ASSERT(choose(&few, 4, &host) == 0 && host == 0);
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 4, &host) == 0 && host == 1);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_MEMORY,
                                        .host = 1,
                                        .memory = MEM_KIB(3 * GIB) };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 4, &host) != 0);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_STATE };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 12, &host) != 0);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_GONE,
                                        .guest = guest };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 12, &host) == 0 && host == 0);
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err),
                    VDC_E_NOT_FOUND);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_OVERCOMMIT,
                                        .percent = 12 };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 1, &host) != 0);
    change.percent = 25;
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 1, &host) == 0);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_STATE,
                                        .host = 7 };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err),
                    VDC_E_NOT_FOUND);
    few_fini(&few);
}

static void more_changes(void)
{
    struct vdc_error err = { 0 };
    struct few few;
    uint32_t host;

    few_init(&few, 2, 16);
    uint32_t guest = put(&few, 0, 10, PLACEMENT_NONE);
    struct placement_whatif change = { .kind = PLACEMENT_IF_MOVED,
                                       .guest = guest,
                                       .host = 1 };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 12, &host) == 0 && host == 0);
    const struct placement_promise promise = {
        .name = placement_names_add(few.names, "large"),
        .n_guests = 1,
        .spec = { .memory = MEM_KIB(16 * GIB), .vcpus = 1 },
    };
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_PROMISE,
                                        .promise = &promise };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 12, &host) != 0);
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_NO_PROMISE,
                                        .name = promise.name };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 12, &host) == 0);
    const struct placement_host third = {
        .name = placement_names_add(few.names, "h2"),
        .memory = MEM_KIB(64 * GIB),
        .pcpus = 4,
    };
    change = (struct placement_whatif){ .kind = PLACEMENT_IF_HOST,
                                        .new_host = &third };
    CU_ASSERT_EQUAL(placement_whatif_apply(few.view, &change, &err), 0);
    CU_ASSERT(choose(&few, 40, &host) == 0 && host == 2);
    few_fini(&few);
}

static void death(void)
{
    struct placement_fate *fates;
    struct few few;

    few_init(&few, 3, 16);
    uint32_t kept = put(&few, 0, 6, 1);
    uint32_t large = put(&few, 0, 9, PLACEMENT_NONE);
    put(&few, 2, 8, PLACEMENT_NONE);
    placement_view_set_state(few.view, 0, PLACEMENT_DOWN);
    uint32_t n = placement_whatif_leave(few.view, 0, true,
                                        placement_policy_find("pack"), 0,
                                        &fates);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(fates[0].guest, kept);
    CU_ASSERT(fates[0].by_backup);
    CU_ASSERT_EQUAL(fates[0].host, 1);
    CU_ASSERT_EQUAL(fates[1].guest, large);
    CU_ASSERT(!fates[1].by_backup);
    CU_ASSERT_EQUAL(fates[1].host, 1);
    CU_ASSERT_EQUAL(placement_view_use(few.view, 0)->n_guests, 0);
    free(fates);
    few_fini(&few);

    /* a backup that has died as well */
    few_init(&few, 3, 16);
    put(&few, 0, 12, 1);
    put(&few, 2, 8, PLACEMENT_NONE);
    placement_view_set_state(few.view, 1, PLACEMENT_DOWN);
    placement_view_set_state(few.view, 0, PLACEMENT_DOWN);
    n = placement_whatif_leave(few.view, 0, true,
                               placement_policy_find("pack"), 0, &fates);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_EQUAL(fates[0].host, PLACEMENT_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(fates[0].why.text, "no host can take it"));
    CU_ASSERT_EQUAL(placement_view_use(few.view, 0)->n_guests, 1);
    free(fates);
    few_fini(&few);
}

/* Where a host dies no protected guest is lost, if that was so; whoever goes
 * somewhere fits there; and nothing else has changed. */
static void random_views(void)
{
    unsigned n_guests = 0, n_backed = 0, n_nowhere = 0;
    uint64_t n_worlds = unit_on_valgrind() ? 20 : 1000;

    for (uint64_t seed = 0; seed < n_worlds; seed++) {
        struct placement_request request;
        struct placement_decision d;
        struct placement_fate *fates;
        struct world world;
        world_init(&world, seed, 2 + seed % 8);
        for (int i = 0; i < 60; i++) {
            world_request(&world, &request);
            if (!placement_choose(world.view, &request,
                                  placement_policy_find("spread"), &d, NULL))
                world_put(&world, &request, d.winner.host, d.backup);
        }
        CU_ASSERT(world_survives(world.view));
        struct placement_view *copy = placement_view_copy(world.view);
        uint32_t host = world_below(&world, placement_view_n_hosts(copy));
        bool dies = seed % 2;
        placement_view_set_state(copy, host,
                                 dies ? PLACEMENT_DOWN : PLACEMENT_DRAINING);
        uint32_t n = placement_whatif_leave(
            copy, host, dies, placement_policy_find("pack"), 0, &fates);
        for (uint32_t i = 0; i < n; i++) {
            const struct placement_guest *g =
                placement_view_guest(world.view, fates[i].guest);
            n_guests++;
            n_backed += fates[i].by_backup;
            n_nowhere += fates[i].host == PLACEMENT_NONE;
            CU_ASSERT(fates[i].host != host);
            CU_ASSERT(!(dies && g->protected) || fates[i].by_backup);
            CU_ASSERT_EQUAL(
                placement_view_guest(copy, fates[i].guest)->host,
                fates[i].host == PLACEMENT_NONE ? host : fates[i].host);
            if (fates[i].host == PLACEMENT_NONE)
                CU_ASSERT(fates[i].why.code != 0);
        }
        CU_ASSERT(world_is_right(copy));
        free(fates);
        placement_view_free(copy);
        world_fini(&world);
    }
    printf("%u guests, %u to their backups, %u nowhere ... ", n_guests,
           n_backed, n_nowhere);
    CU_ASSERT(n_backed > n_worlds / 10);
    CU_ASSERT(n_nowhere > n_worlds / 10);
}

static const struct unit_test tests[] = {
    { "changes", changes },
    { "more changes", more_changes },
    { "death", death },
    { "random views", random_views },
};

UNIT_MAIN("policyd/placement: what would be", tests)
