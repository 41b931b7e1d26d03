/*
 * Tests of policyd/placement/together: all or none; and how near it comes to
 * the best that there is, which small views let one find by trying
 * everything.
 */
#include "policyd/placement/together.h"

#include <string.h>

#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define GUESTS 6

/* ---- all or none ---- */

static uint64_t contents(const struct placement_view *view)
{
    uint64_t sum = placement_view_n_guests(view);

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        const struct placement_use *use = placement_view_use(view, i);
        sum = sum * 31 + use->memory.kib;
        sum = sum * 31 + use->vcpus;
        sum = sum * 31 + use->n_guests;
        sum = sum * 31 + (uint64_t)use->busy_since_ms;
        for (uint32_t j = 0; j < PLACEMENT_HOST_AMOUNTS_MAX; j++)
            sum = sum * 31 + use->pools[j] * 7 + use->devices[j];
    }
    return sum;
}

static bool are_together(const struct world *world,
                         struct placement_request *requests, uint32_t n,
                         const struct placement_decision *decisions,
                         const uint32_t *guests)
{
    const char *why;

    /* each where it may be, beside all that came before or after */
    for (uint32_t i = 0; i < n; i++) {
        struct placement_view *copy = placement_view_copy(world->view);
        uint32_t host = placement_view_guest(copy, guests[i])->host;
        placement_view_remove_guest(copy, guests[i]);
        /* what may be with others only at first was so at its time */
        requests[i].n_groups = 0;
        bool ok = host == decisions[i].winner.host &&
                  world_may(copy, &requests[i], host, &why);
        placement_view_free(copy);
        if (!ok)
            return false;
    }
    return true;
}

static void all_or_none(void)
{
    struct placement_request requests[GUESTS];
    struct placement_decision decisions[GUESTS];
    uint32_t guests[GUESTS], n_all = 0, n_none = 0;

    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct world world;
        struct vdc_error err = { 0 };
        world_init(&world, seed, 1 + (uint32_t)(seed % 6));
        for (int i = 0; i < 10; i++) {
            world_step(&world);
            world_request(&world, &requests[0]);
            world_put(&world, &requests[0],
                      world_below(&world, placement_view_n_hosts(world.view)),
                      PLACEMENT_NONE);
        }
        uint32_t n = 1 + world_below(&world, GUESTS), n_promises;
        for (uint32_t i = 0; i < n; i++)
            world_request(&world, &requests[i]);
        placement_view_promises(world.view, &n_promises);
        uint64_t before = contents(world.view);
        struct placement_index *index = placement_index_new(world.view);
        int rc = placement_place_together(
            world.view, seed % 2 ? index : NULL, requests, n,
            placement_policy_find("pack"), decisions, guests, &err);
        CU_ASSERT_FATAL(world_is_right(world.view));
        if (rc) {
            CU_ASSERT_EQUAL(contents(world.view), before);
            CU_ASSERT_EQUAL(err.code, rc);
            CU_ASSERT(n == 1 || strstr(err.text, "asked for together"));
            n_none++;
        } else {
            if (!n_promises)
                CU_ASSERT(
                    are_together(&world, requests, n, decisions, guests));
            n_all++;
        }
        placement_index_free(index);
        world_fini(&world);
    }
    printf("%u all, %u none ... ", n_all, n_none);
    CU_ASSERT(n_all > 300);
    CU_ASSERT(n_none > 300);
}

/* The index and the scan, and both again. */
static void same_with_index(void)
{
    struct placement_request requests[GUESTS];
    struct placement_decision a[GUESTS], b[GUESTS];
    uint32_t guests[GUESTS];

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct world world;
        world_init(&world, seed, 6);
        for (uint32_t i = 0; i < GUESTS; i++)
            world_request(&world, &requests[i]);
        struct placement_view *copy = placement_view_copy(world.view);
        struct placement_index *index = placement_index_new(copy);
        int rc = placement_place_together(world.view, NULL, requests, GUESTS,
                                          placement_policy_find("pack"), a,
                                          guests, NULL);
        CU_ASSERT_EQUAL(placement_place_together(copy, index, requests, GUESTS,
                                                 placement_policy_find("pack"),
                                                 b, guests, NULL),
                        rc);
        for (uint32_t i = 0; !rc && i < GUESTS; i++)
            CU_ASSERT_EQUAL(a[i].winner.host, b[i].winner.host);
        placement_index_free(index);
        placement_view_free(copy);
        world_fini(&world);
    }
}

static void too_many(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);

    CU_ASSERT_EQUAL(placement_place_together(
                        view, NULL, NULL, PLACEMENT_TOGETHER_MAX + 1,
                        placement_policy_find("pack"), NULL, NULL, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(placement_place_together(view, NULL, NULL, 0,
                                             placement_policy_find("pack"),
                                             NULL, NULL, NULL),
                    0);
    placement_view_free(view);
    placement_names_free(names);
}

/* ---- against the best there is ---- */

#define HOSTS 4
#define MANY 7

struct item {
    uint32_t memory, vcpus;
};

/* The fewest hosts that hold all items from `at` on; above HOSTS: none do. */
static uint32_t fewest(const struct item *items, uint32_t n, uint32_t at,
                       struct item *left, uint32_t n_used, uint32_t best)
{
    if (n_used >= best)
        return best;
    if (at == n)
        return n_used;
    for (uint32_t i = 0; i <= n_used && i < HOSTS; i++) {
        if (left[i].memory < items[at].memory ||
            left[i].vcpus < items[at].vcpus)
            continue;
        left[i].memory -= items[at].memory;
        left[i].vcpus -= items[at].vcpus;
        best = fewest(items, n, at + 1, left,
                      i == n_used ? n_used + 1 : n_used, best);
        left[i].memory += items[at].memory;
        left[i].vcpus += items[at].vcpus;
    }
    return best;
}

static void random_items(uint64_t *seed, struct item *items)
{
    for (uint32_t i = 0; i < MANY; i++) {
        items[i].memory = 1 + (uint32_t)(world_random(seed) >> 33) % 16;
        items[i].vcpus = 1 + (uint32_t)(world_random(seed) >> 33) % 8;
    }
}

/* How many hosts the engine uses; above HOSTS when it finds no way. */
static uint32_t used_by_engine(const struct item *items)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_request requests[MANY] = { 0 };
    struct placement_decision decisions[MANY];
    uint32_t guests[MANY], n = 0;

    for (uint32_t i = 0; i < HOSTS; i++) {
        struct placement_host host = {
            .name = placement_names_add(
                names, (const char *[]){ "a", "b", "c", "d" }[i]),
            .memory = MEM_GIB(20),
            .pcpus = 10,
        };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    placement_view_set_overcommit(view, 100);
    for (uint32_t i = 0; i < MANY; i++) {
        requests[i].start = true;
        requests[i].spec.memory = MEM_GIB(items[i].memory);
        requests[i].spec.vcpus = items[i].vcpus;
    }
    if (placement_place_together(view, NULL, requests, MANY,
                                 placement_policy_find("pack"), decisions,
                                 guests, NULL))
        n = HOSTS + 1;
    for (uint32_t i = 0; n <= HOSTS && i < HOSTS; i++)
        n += placement_view_use(view, i)->n_guests > 0;
    placement_view_free(view);
    placement_names_free(names);
    return n;
}

static void brute_force(void)
{
    uint32_t n_possible = 0, n_missed = 0, n_best = 0, worst = 0;
    uint32_t n = unit_on_valgrind() ? 100 : 5000;
    uint64_t seed = 42;

    for (uint32_t i = 0; i < n; i++) {
        struct item items[MANY], left[HOSTS];
        random_items(&seed, items);
        for (uint32_t j = 0; j < HOSTS; j++)
            left[j] = (struct item){ 20, 10 };
        uint32_t best = fewest(items, MANY, 0, left, 0, HOSTS + 1);
        uint32_t mine = used_by_engine(items);
        CU_ASSERT_FATAL(mine >= best);
        if (best > HOSTS)
            continue;
        n_possible++;
        if (mine > HOSTS) {
            n_missed++;
            continue;
        }
        n_best += mine == best;
        worst = mine - best > worst ? mine - best : worst;
    }
    printf("of %u that are possible %u are found, %u with the fewest hosts, "
           "at worst %u more ... ",
           n_possible, n_possible - n_missed, n_best, worst);
    CU_ASSERT(n_possible > n / 10);
    CU_ASSERT(n_missed * 100 <= n_possible * 3);
    CU_ASSERT(n_best * 100 >= n_possible * 90);
    CU_ASSERT(worst <= 1);
}

static const struct unit_test tests[] = {
    { "all or none", all_or_none },
    { "the same with the index", same_with_index },
    { "too many", too_many },
    { "against brute force", brute_force },
};

UNIT_MAIN("policyd/placement/together", tests)
