/*
 * Placement on thousands of random views: every decision is held against the
 * checker, the index against the scan, and all of it against itself, made
 * again.  100,000 placements; VDC_PLACEMENTS says otherwise.
 */
#include <string.h>

#include "policyd/placement/index.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define PER_WORLD 50
#define GUESTS_MAX 60

/* What has come out, for the closing line. */
static unsigned long n_placed, n_refused, n_changes_tried;
static unsigned long n_first[PLACEMENT_CONSTRAINTS];

static unsigned long n_placements(void)
{
    const char *text = getenv("VDC_PLACEMENTS");
    unsigned long n = text ? strtoul(text, NULL, 10) : 100000;

    return n / (unit_on_valgrind() ? 100 : 1);
}

static bool is_same_candidate(const struct placement_candidate *a,
                              const struct placement_candidate *b)
{
    return a->host == b->host && a->score == b->score &&
           memcmp(a->terms, b->terms, sizeof(a->terms)) == 0;
}

static bool is_same(const struct placement_decision *a,
                    const struct placement_decision *b)
{
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        const struct placement_exclusion *x = &a->excluded[i];
        const struct placement_exclusion *y = &b->excluded[i];
        if (x->n_hosts != y->n_hosts || x->n_only != y->n_only ||
            x->nearest != y->nearest || x->lacks != y->lacks)
            return false;
    }
    return a->version == b->version && a->n_hosts == b->n_hosts &&
           a->rc == b->rc && a->backup == b->backup &&
           is_same_candidate(&a->winner, &b->winner) &&
           is_same_candidate(&a->runner_up, &b->runner_up);
}

/* pack, spread, or any weights. */
static struct placement_policy policy_of(struct world *world)
{
    struct placement_policy policy = *placement_policy_find("pack");

    switch (world_below(world, 3)) {
    case 0:
        break;
    case 1:
        policy = *placement_policy_find("spread");
        break;
    default:
        policy.name = "weighted";
        for (int i = 0; i < PLACEMENT_TERMS; i++)
            policy.weights[i] =
                world_below(world, 3) ? 0 : world_below(world, 5000);
        break;
    }
    return policy;
}

/* ---- one decision ---- */

static bool is_best(const struct world *world,
                    const struct placement_request *request,
                    const struct placement_policy *policy,
                    const struct placement_decision *decision)
{
    const struct placement_view *view = world->view;
    uint32_t winner = decision->winner.host, n_may = 0;
    const char *why;
    double slack = 0.001, cost;

    if (!world_may(view, request, winner, &why))
        return false;
    /* levels are of 1/128, the logarithm of a slope a little off */
    for (int i = 0; i < PLACEMENT_TERM_EMPTY; i++)
        slack += policy->weights[i] / 1000.0 / (PLACEMENT_LEVELS - 1);
    slack += policy->weights[PLACEMENT_TERM_AGE] / 1000.0 * 0.0003;
    cost = world_cost(view, request, policy, winner);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        if (!world_may(view, request, i, &why))
            continue;
        n_may++;
        if (world_cost(view, request, policy, i) + slack < cost)
            return false;
    }
    uint32_t second = decision->runner_up.host;
    return second == PLACEMENT_NONE
               ? n_may == 1
               : second != winner && world_may(view, request, second, &why);
}

/* The request with what one constraint says is lacking mended; false when it
 * is not the request that must change. */
static bool mend(struct placement_request *request,
                 enum placement_constraint constraint, uint64_t lacks)
{
    switch (constraint) {
    case PLACEMENT_MUST_PINNED:
        request->pinned = 0;
        return true;
    case PLACEMENT_MUST_DOMAIN:
        request->domain = 0;
        return true;
    case PLACEMENT_MUST_WANTED:
        request->n_wanted = 0;
        return true;
    case PLACEMENT_MUST_FORBIDDEN:
        request->n_forbidden = 0;
        return true;
    case PLACEMENT_MUST_FEATURES:
        request->cpu = (struct cpu_set){ { 0 } };
        return true;
    case PLACEMENT_MUST_MEMORY:
    case PLACEMENT_MUST_SPARE:
        if (lacks > request->spec.memory.kib)
            return false;
        request->spec.memory.kib -= lacks;
        return true;
    case PLACEMENT_MUST_VCPUS:
        request->spec.vcpus -= (uint32_t)lacks;
        return true;
    case PLACEMENT_MUST_DISK:
        request->spec.disks[0].amount -= lacks;
        return request->spec.n_disks == 1;
    case PLACEMENT_MUST_DEVICES:
        request->spec.devices[0].amount -= lacks;
        return request->spec.n_devices == 1;
    case PLACEMENT_MUST_STATE:
    case PLACEMENT_MUST_DEDICATED:
    case PLACEMENT_MUST_STRICT:
    case PLACEMENT_MUST_ALONE:
    case PLACEMENT_MUST_AFFINITY:
    case PLACEMENT_MUST_ANTI_AFFINITY:
    case PLACEMENT_MUST_PROMISE:
    case PLACEMENT_MUST_BACKUP:
    case PLACEMENT_CONSTRAINTS:
        return false;
    }
    return false;
}

/* Of a refusal: nobody may; each host is counted once; the one change does
 * make it fit, and a little less of it does not. */
static bool is_refused_well(const struct world *world,
                            const struct placement_request *request,
                            const struct placement_decision *decision)
{
    const struct placement_view *view = world->view;
    uint32_t n = 0, n_promises;
    const char *why;

    placement_view_promises(view, &n_promises);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++)
        if (world_may(view, request, i, &why))
            return false;
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        const struct placement_exclusion *e = &decision->excluded[i];
        struct placement_request mended = *request, nearly = *request;
        n += e->n_hosts;
        n_first[i] += e->n_hosts;
        /* with less memory it may be one that a promise is not for */
        if (!e->n_only || n_promises ||
            !mend(&mended, (enum placement_constraint)i, e->lacks))
            continue;
        n_changes_tried++;
        if (!world_may(view, &mended, e->nearest, &why))
            return false;
        if (mend(&nearly, (enum placement_constraint)i, e->lacks - 1) &&
            e->lacks > 1 && i >= PLACEMENT_MUST_MEMORY &&
            world_may(view, &nearly, e->nearest, &why))
            return false;
    }
    return n == placement_view_n_present(view);
}

/* ---- many ---- */

/* What is counted without looking at hosts is what looking at them says. */
static bool is_counted_well(const struct world *world,
                            const struct placement_request *request,
                            const struct placement_policy *policy,
                            struct placement_index *index,
                            const struct placement_decision *scanned)
{
    uint32_t n_hosts = placement_view_n_hosts(world->view);
    uint32_t counts[PLACEMENT_CONSTRAINTS + 1] = { 0 };
    struct placement_decision counted;
    struct placement_verdict verdict;
    int rc = placement_index_count(index, request, policy, &counted, NULL);

    for (uint32_t i = 0; i < n_hosts; i++)
        if (!placement_explain(world->view, request, policy, i, &verdict,
                               NULL))
            counts[verdict.failed]++;
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        if (counts[i] != counted.excluded[i].n_hosts)
            return false;
    return rc == scanned->rc &&
           counted.winner.host == scanned->winner.host &&
           counted.winner.score == scanned->winner.score &&
           counted.runner_up.host == scanned->runner_up.host &&
           counted.backup == scanned->backup &&
           counted.n_hosts == scanned->n_hosts;
}

static bool step(struct world *world, struct placement_index *index,
                 uint64_t *sum)
{
    struct placement_decision scanned, indexed;
    struct placement_policy policy = policy_of(world);
    struct placement_request request;

    for (uint32_t i = world_below(world, 3); i > 0; i--)
        world_step(world);
    world_request(world, &request);
    int rc = placement_choose(world->view, &request, &policy, &scanned, NULL);
    int rc_index = placement_index_choose(index, world->view, &request,
                                          &policy, &indexed, NULL);
    *sum = *sum * 31 + scanned.winner.host;
    *sum = *sum * 31 + (uint64_t)scanned.winner.score;
    *sum = *sum * 31 + scanned.runner_up.host;
    if (rc != rc_index || !is_same(&scanned, &indexed)) {
        printf("seed %llu: scan %d, index %d\n",
               (unsigned long long)world->seed, (int)scanned.winner.host,
               (int)indexed.winner.host);
        return false;
    }
    if (!is_counted_well(world, &request, &policy, index, &scanned))
        return false;
    if (rc) {
        n_refused++;
        return is_refused_well(world, &request, &scanned);
    }
    n_placed++;
    if (!is_best(world, &request, &policy, &scanned))
        return false;
    if (placement_view_n_guests(world->view) < GUESTS_MAX &&
        world_below(world, 4))
        world_put(world, &request, scanned.winner.host, scanned.backup);
    return true;
}

static bool live(uint64_t seed, uint64_t *sum)
{
    struct world world;
    bool ok = true;

    world_init(&world, seed, 1 + (uint32_t)(seed % 10));
    struct placement_index *index = placement_index_new(world.view);
    for (int i = 0; ok && i < PER_WORLD; i++)
        ok = step(&world, index, sum);
    ok = ok && world_is_right(world.view);
    if (!ok)
        printf("world %llu\n", (unsigned long long)seed);
    placement_index_free(index);
    world_fini(&world);
    return ok;
}

static void checked(void)
{
    unsigned long n = n_placements() / PER_WORLD;
    uint64_t sum = 0;

    for (unsigned long i = 0; i < n; i++)
        CU_ASSERT_FATAL(live(i, &sum));
    printf("%lu placed, %lu refused, %lu changes tried that would let one "
           "fit ... ",
           n_placed, n_refused, n_changes_tried);
    /* otherwise this would prove little */
    CU_ASSERT(n_placed > n * PER_WORLD / 5);
    CU_ASSERT(n_refused > n * PER_WORLD / 20);
    CU_ASSERT(n_changes_tried > n);
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        CU_ASSERT(n_first[i] > n / 50);
}

/* The same world again, and a copy of it, decide the same. */
static void replayed(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t first = 0, again = 0;
        CU_ASSERT_FATAL(live(seed, &first));
        CU_ASSERT_FATAL(live(seed, &again));
        CU_ASSERT_EQUAL(first, again);
    }
    /* on whatever machine this runs */
    uint64_t sum = 0;
    for (uint64_t seed = 1000; seed < 1020; seed++)
        CU_ASSERT_FATAL(live(seed, &sum));
    printf("sum %llx ... ", (unsigned long long)sum);
}

static void copied(void)
{
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct placement_decision a, b;
        struct placement_request request;
        struct world world;
        world_init(&world, seed, 8);
        for (int i = 0; i < 60; i++) {
            world_step(&world);
            world_request(&world, &request);
            if (!placement_choose(world.view, &request,
                                  placement_policy_find("pack"), &a, NULL))
                world_put(&world, &request, a.winner.host, a.backup);
        }
        struct placement_view *copy = placement_view_copy(world.view);
        CU_ASSERT(world_is_right(copy));
        for (int i = 0; i < 10; i++) {
            world_request(&world, &request);
            placement_choose(world.view, &request,
                             placement_policy_find("pack"), &a, NULL);
            placement_choose(copy, &request, placement_policy_find("pack"), &b,
                             NULL);
            CU_ASSERT_FATAL(is_same(&a, &b));
        }
        /* what changes in one does not in the other */
        for (uint32_t i = 0; i < placement_view_n_hosts(copy); i++)
            placement_view_set_state(copy, i, PLACEMENT_DOWN);
        CU_ASSERT(placement_choose(copy, &request,
                                   placement_policy_find("pack"), &b,
                                   NULL) != 0);
        placement_choose(world.view, &request, placement_policy_find("pack"),
                         &b, NULL);
        CU_ASSERT(is_same(&a, &b));
        placement_view_free(copy);
        CU_ASSERT(world_is_right(world.view));
        world_fini(&world);
    }
}

/* More hosts and classes than the index keeps, and longer. */
static void index_is_scan(void)
{
    struct placement_request request, requests[100];
    struct placement_decision a, b;
    struct world world;
    unsigned n_same = 0, n = unit_on_valgrind() ? 500 : 10000;

    world_init(&world, 7, 150);
    struct placement_index *index = placement_index_new(world.view);
    for (int i = 0; i < 100; i++)
        world_request(&world, &requests[i]);
    for (unsigned i = 0; i < n; i++) {
        struct placement_policy policy =
            *placement_policy_find(i % 4 ? "pack" : "spread");
        world_step(&world);
        request = requests[world_below(&world, i % 3 ? 100 : 10)];
        request.now_ms = world.now_ms;
        placement_choose(world.view, &request, &policy, &a, NULL);
        placement_index_choose(index, world.view, &request, &policy, &b, NULL);
        n_same += is_same(&a, &b) &&
                  is_counted_well(&world, &request, &policy, index, &a);
        if (!a.rc)
            world_put(&world, &request, a.winner.host, a.backup);
    }
    CU_ASSERT_EQUAL(n_same, n);
    CU_ASSERT(placement_index_size(index) > 150 * 6);
    placement_index_free(index);
    world_fini(&world);
}

static const struct unit_test tests[] = {
    { "checked", checked },
    { "replayed", replayed },
    { "copied", copied },
    { "the index is the scan", index_is_scan },
};

UNIT_MAIN("policyd/placement: random views", tests)
