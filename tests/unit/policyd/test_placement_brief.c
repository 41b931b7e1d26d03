/*
 * Decisions in words for anybody: they name nothing of others, count every
 * host, and what they say would help does help.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/placement/brief.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

/* As placement_world.c calls them. */
static bool names_something(const char *text)
{
    static const char *const words[] = { "customer", "promise1", "promise2",
                                         "promise0", "rule",     "rack",
                                         "host1",    "host2",    "host3" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* "memory: 3 of 7 hosts; ..." */
static uint32_t count_hosts(const char *text)
{
    uint32_t n = 0;

    for (const char *at = strstr(text, ": "); at; at = strstr(at + 1, ": "))
        n += (uint32_t)strtoul(at + 2, NULL, 10);
    return n;
}

static void refusals(void)
{
    unsigned n_refused = 0, n_helped = 0;
    uint64_t n_worlds = unit_on_valgrind() ? 20 : 1000;

    for (uint64_t seed = 0; seed < n_worlds; seed++) {
        struct placement_decision d;
        struct placement_request request;
        struct vdc_error err = { 0 };
        struct world world;
        world_init(&world, seed, 1 + seed % 8);
        for (int i = 0; i < 40; i++) {
            world_step(&world);
            world_request(&world, &request);
            int rc = placement_choose(world.view, &request,
                                      placement_policy_find("pack"), &d,
                                      &err);
            if (!rc) {
                world_put(&world, &request, d.winner.host, d.backup);
                continue;
            }
            n_refused++;
            CU_ASSERT_EQUAL(placement_brief_refusal(&request, &d, &err), rc);
            CU_ASSERT_EQUAL(err.code, rc);
            CU_ASSERT(!names_something(err.text));
            CU_ASSERT(!names_something(err.hint));
            CU_ASSERT_EQUAL(count_hosts(err.text), d.n_hosts);
            const char *most = strstr(err.hint, "less memory: at most ");
            uint32_t n_promises;
            placement_view_promises(world.view, &n_promises);
            if (!most || n_promises)
                continue;
            n_helped++;
            request.spec.memory = MEM_MIB(strtoull(most + 21, NULL, 10));
            CU_ASSERT_EQUAL(placement_choose(world.view, &request,
                                             placement_policy_find("pack"),
                                             &d, NULL),
                            0);
        }
        world_fini(&world);
    }
    printf("%u refused, %u helped ... ", n_refused, n_helped);
    CU_ASSERT(n_refused > n_worlds);
    CU_ASSERT(n_helped > n_worlds / 10);
}

static void reasons(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    const struct placement_policy *policy = placement_policy_find("pack");
    const struct placement_request request = {
        .spec = { .memory = MEM_MIB(64), .vcpus = 1 },
        .start = true,
    };
    struct placement_decision d;
    struct vdc_error err = { 0 };
    char text[PLACEMENT_REASON_MAX + 1];

    CU_ASSERT(placement_choose(view, &request, policy, &d, NULL) != 0);
    CU_ASSERT_STRING_EQUAL(
        placement_brief_reason(view, policy, &d, text, sizeof(text)), "");
    placement_brief_refusal(&request, &d, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "there is no host");
    for (int i = 0; i < 2; i++) {
        const struct placement_host host = {
            .name = placement_names_add(names, i ? "beta" : "alpha"),
            .memory = MEM_MIB(i ? 1000 : 500),
            .pcpus = 1,
        };
        placement_view_put_host(view, &host, NULL, NULL);
        CU_ASSERT_EQUAL(placement_choose(view, &request, policy, &d, NULL),
                        0);
        CU_ASSERT_STRING_EQUAL(
            placement_brief_reason(view, policy, &d, text, sizeof(text)),
            i ? "host alpha: by pack of 2 hosts"
              : "host alpha: by pack of 1 host");
    }
    placement_view_free(view);
    placement_names_free(names);
}

static const struct unit_test tests[] = {
    { "refusals", refusals },
    { "reasons", reasons },
};

UNIT_MAIN("policyd/placement: words for anybody", tests)
