/*
 * How many more fit: against counting by hand, and against placing one by one
 * on random views.
 */
#include <string.h>

#include "policyd/placement/capacity.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define GIB UINT64_C(1048576)

static struct placement_view *hosts_of(struct placement_names *names,
                                       uint32_t n, uint64_t gib,
                                       uint32_t pcpus)
{
    struct placement_view *view = placement_view_new(names);
    char name[16];

    placement_view_set_overcommit(view, 200);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "h%u", i);
        const struct placement_host host = {
            .name = placement_names_add(names, name),
            .memory = MEM_KIB(gib * GIB),
            .pcpus = pcpus,
        };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    return view;
}

static struct placement_capacity
fill(const struct placement_view *view,
     const struct placement_request *request, bool tiered, uint64_t most)
{
    struct placement_capacity result = { 0 };
    struct placement_filling *filling;

    if (placement_filling_new(view, request, placement_policy_find("pack"),
                              tiered, most, &filling, NULL))
        return result;
    while (!placement_filling_step(filling, 7))
        continue;
    result = *placement_filling_result(filling);
    placement_filling_free(filling);
    return result;
}

static struct placement_request asks(uint64_t gib, uint32_t vcpus)
{
    return (struct placement_request){
        .spec = { .memory = MEM_KIB(gib * GIB), .vcpus = vcpus },
        .start = true,
    };
}

static void counted(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = hosts_of(names, 4, 64, 16);
    struct placement_request request = asks(16, 4);
    struct placement_capacity c = fill(view, &request, false, 1000);

    CU_ASSERT_EQUAL(c.n, 16);
    CU_ASSERT(!c.more);
    CU_ASSERT_EQUAL(c.n_tiers, 1);
    CU_ASSERT_EQUAL(c.tiers[0].n, 16);
    CU_ASSERT_EQUAL(c.tiers[0].ended, PLACEMENT_MUST_MEMORY);
    CU_ASSERT_EQUAL(c.tiers[0].n_excluded, 4);
    CU_ASSERT_EQUAL(c.refusal.rc, VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.why.text, "memory: 4 of 4 hosts"));
    /* 32 vCPUs a host */
    request = asks(1, 16);
    c = fill(view, &request, false, 1000);
    CU_ASSERT_EQUAL(c.n, 8);
    CU_ASSERT_EQUAL(c.tiers[0].ended, PLACEMENT_MUST_VCPUS);
    c = fill(view, &request, false, 5);
    CU_ASSERT_EQUAL(c.n, 5);
    CU_ASSERT(c.more);
    /* one that no host can take */
    request = asks(65, 1);
    c = fill(view, &request, false, 1000);
    CU_ASSERT_EQUAL(c.n, 0);
    CU_ASSERT_EQUAL(c.n_tiers, 1);
    CU_ASSERT_EQUAL(c.tiers[0].n, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.why.hint, "less memory"));
    CU_ASSERT_EQUAL(placement_view_n_guests(view), 0);
    placement_view_free(view);
    placement_names_free(names);
}

static void tiered(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = hosts_of(names, 2, 60, 100);
    struct placement_request request = asks(32, 4);
    struct placement_capacity c = fill(view, &request, true, 1000);

    /* 32 and then 28 GiB on each host */
    CU_ASSERT_EQUAL(c.n_tiers, 2);
    CU_ASSERT_EQUAL(c.n, 4);
    CU_ASSERT_EQUAL(c.tiers[0].n, 2);
    CU_ASSERT_EQUAL(c.tiers[0].spec.memory.kib, 32 * GIB);
    CU_ASSERT_EQUAL(c.tiers[1].n, 2);
    CU_ASSERT_EQUAL(c.tiers[1].spec.memory.kib, 28 * GIB);
    CU_ASSERT_EQUAL(c.tiers[1].spec.vcpus, 4);
    /* nothing of the first fits, smaller ones do */
    request = asks(100, 4);
    c = fill(view, &request, true, 1000);
    CU_ASSERT_EQUAL(c.n_tiers, 1);
    CU_ASSERT_EQUAL(c.tiers[0].spec.memory.kib, 60 * GIB);
    CU_ASSERT_EQUAL(c.tiers[0].n, 2);
    /* fewer vCPUs: 200 a host */
    request = asks(1, 150);
    c = fill(view, &request, true, 1000);
    CU_ASSERT_EQUAL(c.tiers[0].n, 2);
    CU_ASSERT_EQUAL(c.tiers[1].spec.vcpus, 50);
    CU_ASSERT_EQUAL(c.tiers[1].n, 2);
    placement_view_free(view);
    placement_names_free(names);
}

static void refused(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = hosts_of(names, 0, 0, 0);
    struct placement_request request = asks(1, 1);
    struct placement_filling *filling;
    struct vdc_error err = { 0 };
    struct placement_capacity c = fill(view, &request, true, 1000);

    CU_ASSERT_EQUAL(c.n, 0);
    CU_ASSERT_STRING_EQUAL(c.why.text, "there is no host");
    request = asks(0, 0);
    CU_ASSERT_EQUAL(placement_filling_new(view, &request,
                                          placement_policy_find("pack"),
                                          false, 1, &filling, &err),
                    VDC_E_BAD_VALUE);
    placement_view_free(view);
    placement_names_free(names);
}

static struct placement_guest guest_of(const struct placement_request *r,
                                       const struct placement_decision *d)
{
    struct placement_guest guest = {
        .customer = r->customer,
        .host = d->winner.host,
        .spec = r->spec,
        .n_groups = r->n_groups,
        .cpu = r->cpu,
        .dedication = r->dedication,
        .runs = r->start,
        .protected = r->protected,
        .backup = d->backup,
    };

    memcpy(guest.groups, r->groups, sizeof(guest.groups));
    return guest;
}

/* On random views: as many as when they are placed one by one with the scan;
 * and what tiers say does fit, and was not more than there is. */
static void random_views(void)
{
    unsigned n_fit = 0, n_tiers = 0;
    uint64_t n_worlds = unit_on_valgrind() ? 20 : 500;

    for (uint64_t seed = 0; seed < n_worlds; seed++) {
        struct placement_decision d;
        struct placement_request request;
        struct world world;
        world_init(&world, seed, 1 + seed % 8);
        for (int i = 0; i < 30; i++) {
            world_step(&world);
            world_request(&world, &request);
            if (!placement_choose(world.view, &request,
                                  placement_policy_find("pack"), &d, NULL))
                world_put(&world, &request, d.winner.host, d.backup);
        }
        world_request(&world, &request);
        struct placement_capacity c =
            fill(world.view, &request, false, 100);
        struct placement_capacity t = fill(world.view, &request, true, 100);
        struct placement_view *copy = placement_view_copy(world.view);
        uint64_t n = 0;
        while (n < 100 &&
               !placement_choose(copy, &request,
                                 placement_policy_find("pack"), &d, NULL)) {
            struct placement_guest guest = guest_of(&request, &d);
            placement_view_add_guest(copy, &guest, NULL, NULL);
            n++;
        }
        CU_ASSERT_EQUAL(c.n, n);
        CU_ASSERT_EQUAL(c.more, n == 100);
        CU_ASSERT(t.n >= n);
        CU_ASSERT(world_is_right(copy));
        for (uint32_t i = 1; i < t.n_tiers; i++)
            CU_ASSERT(t.tiers[i].spec.memory.kib <=
                          t.tiers[i - 1].spec.memory.kib &&
                      t.tiers[i].n > 0);
        n_fit += n > 0;
        n_tiers += t.n_tiers;
        placement_view_free(copy);
        world_fini(&world);
    }
    printf("%u of %u with room, %u tiers ... ", n_fit, (unsigned)n_worlds,
           n_tiers);
    CU_ASSERT(n_fit > n_worlds / 4);
    CU_ASSERT(n_tiers > n_worlds / 2);
}

static const struct unit_test tests[] = {
    { "counted", counted },
    { "tiered", tiered },
    { "refused", refused },
    { "random views", random_views },
};

UNIT_MAIN("policyd/placement: capacity", tests)
