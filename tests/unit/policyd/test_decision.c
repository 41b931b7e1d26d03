/*
 * Decisions that are kept: found, made again, forgotten by runs.
 */
#include <stdlib.h>
#include <string.h>

#include "policyd/explain/decision.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

static void decide(struct world *world, struct placement_record *record)
{
    world_step(world);
    world_request(world, &record->request);
    uuid_random(&record->request.uuid);
    record->policy = *placement_policy_find("pack");
    placement_choose(world->view, &record->request, &record->policy,
                     &record->decision, NULL);
}

static bool is_same_again(const struct decisions *decisions,
                          const struct decision *d)
{
    struct placement_replay *replay;
    struct placement_decision again;

    if (decisions_replay(decisions, d, &replay, NULL))
        return false;
    bool same =
        placement_replay_run(replay, &again) &&
        uuid_equal(&placement_replay_record(replay)->request.uuid, &d->uuid);
    placement_replay_free(replay);
    return same;
}

/* Whatever is still there can be made again, all the time. */
static void kept(void)
{
    struct decisions *decisions = decisions_new(500);
    struct placement_record record;
    struct vdc_uuid uuids[2000];
    unsigned n_same = 0, n_found = 0, n_runs = 0, n_bytes = 0;
    unsigned n = unit_on_valgrind() ? 600 : 2000;
    struct world world;
    char name[16];

    world_init(&world, 11, 40);
    for (unsigned i = 0; i < n; i++) {
        decide(&world, &record);
        uuids[i] = record.request.uuid;
        snprintf(name, sizeof(name), "g%u", i);
        const struct decision *d = decisions_add(
            decisions, world.view, &record, "acme", name, 1000 + i);
        CU_ASSERT_EQUAL(d->number, i + 1);
        n_runs += d->whole;
        n_bytes += (unsigned)strlen(d->text);
        if (!record.decision.rc &&
            placement_view_n_guests(world.view) < 300)
            world_put(&world, &record.request, record.decision.winner.host,
                      record.decision.backup);
        CU_ASSERT(decisions_count(decisions) <= 500 + 2 * 64);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct decision *d = decisions_find(decisions, &uuids[i]);
        n_found += d != NULL;
        n_same += d && is_same_again(decisions, d);
    }
    printf("%u runs, %u bytes each ... ", n_runs, n_bytes / n);
    CU_ASSERT_EQUAL(n_found, decisions_count(decisions));
    CU_ASSERT(n_found >= 500);
    CU_ASSERT_EQUAL(n_same, n_found);
    CU_ASSERT(n_runs > n / 100);
    CU_ASSERT(n_runs < n / 10);
    CU_ASSERT_PTR_NULL(decisions_find_name(decisions, "acme", "g0"));
    snprintf(name, sizeof(name), "g%u", n - 1);
    CU_ASSERT_PTR_EQUAL(decisions_find_name(decisions, "acme", name),
                        decisions_find(decisions, &uuids[n - 1]));
    CU_ASSERT_PTR_NULL(decisions_find_name(decisions, "globex", name));
    decisions_free(decisions);
    world_fini(&world);
}

/* ---- kept beyond the process ---- */

#define SHELF_MAX 4000

struct shelf {
    struct decision kept[SHELF_MAX]; /* by number; 0: none */
    unsigned n_put, n_dropped;
};

static void put_on(void *arg, const struct decision *d)
{
    struct shelf *shelf = arg;
    struct decision *copy = &shelf->kept[d->number];

    *copy = *d;
    copy->customer = strdup(d->customer);
    copy->guest = strdup(d->guest);
    copy->host = strdup(d->host);
    copy->text = strdup(d->text);
    shelf->n_put++;
}

static void take_off(struct shelf *shelf, uint64_t number)
{
    struct decision *d = &shelf->kept[number];

    free(d->customer);
    free(d->guest);
    free(d->host);
    free(d->text);
    memset(d, 0, sizeof(*d));
}

static void drop_from(void *arg, const struct decision *d)
{
    struct shelf *shelf = arg;

    CU_ASSERT_EQUAL(shelf->kept[d->number].number, d->number);
    take_off(shelf, d->number);
    shelf->n_dropped++;
}

/* After restarts, and when some were lost: what is there can be made again,
 * and new ones go on. */
static void loaded(void)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    const struct decisions_keeper keeper = { put_on, drop_from, shelf };
    struct placement_record record;
    unsigned n_same = 0, n = 0, n_lost = 0, n_left_out = 0;
    unsigned n_lives = unit_on_valgrind() ? 2 : 8;
    struct world world;

    world_init(&world, 5, 20);
    for (unsigned life = 0; life < n_lives; life++) {
        struct decisions *decisions = decisions_new(300);
        size_t n_kept = 0;
        for (unsigned i = 0; i < SHELF_MAX; i++) {
            /* the power was cut */
            if (life % 2 && i % 61 == 60 && shelf->kept[i].number) {
                take_off(shelf, i);
                n_lost++;
            }
            n_kept += shelf->kept[i].number != 0;
            if (shelf->kept[i].number)
                decisions_load(decisions, &shelf->kept[i]);
        }
        n_left_out += (unsigned)(n_kept - decisions_count(decisions));
        decisions_set_keeper(decisions, &keeper);
        for (unsigned i = 0; i < SHELF_MAX; i++) {
            const struct decision *d =
                shelf->kept[i].number
                    ? decisions_find(decisions, &shelf->kept[i].uuid)
                    : NULL;
            n += d != NULL;
            n_same += d && is_same_again(decisions, d);
        }
        for (unsigned i = 0; i < 400; i++) {
            decide(&world, &record);
            if (i == 200)
                decisions_break(decisions);
            const struct decision *d = decisions_add(
                decisions, world.view, &record, "acme", "web", i);
            CU_ASSERT(d->whole || (i != 0 && i != 200));
            if (i % 50 == 0)
                CU_ASSERT(is_same_again(decisions, d));
        }
        decisions_free(decisions);
    }
    printf("%u made again, %u lost, %u left out ... ", n_same, n_lost,
           n_left_out);
    CU_ASSERT_EQUAL(n_same, n);
    CU_ASSERT(n > (n_lives - 1) * 100);
    CU_ASSERT(n_lost > 1 && n_left_out > 1);
    CU_ASSERT_EQUAL(shelf->n_put, n_lives * 400);
    CU_ASSERT(shelf->n_dropped > n_lives * 50);
    for (unsigned i = 0; i < SHELF_MAX; i++)
        take_off(shelf, i);
    free(shelf);
    world_fini(&world);
}

/* The last of several about one guest is it. */
static void last_one(void)
{
    struct decisions *decisions = decisions_new(10);
    struct placement_record record;
    struct world world;

    world_init(&world, 3, 4);
    decide(&world, &record);
    const struct decision *first =
        decisions_add(decisions, world.view, &record, "acme", "web", 1);
    const struct decision *second =
        decisions_add(decisions, world.view, &record, "acme", "web", 2);
    CU_ASSERT(first->whole);
    CU_ASSERT_PTR_EQUAL(decisions_find(decisions, &record.request.uuid),
                        second);
    CU_ASSERT(is_same_again(decisions, first));
    CU_ASSERT(is_same_again(decisions, second));
    decisions_free(decisions);
    world_fini(&world);
}

/* ---- where there are many hosts ---- */

struct parts {
    unsigned n, n_first; /* entries without a decision; that begin a run */
    struct decisions *copy;
};

static void count_part(void *arg, const struct decision *d)
{
    struct parts *parts = arg;

    parts->n += uuid_is_zero(&d->uuid);
    parts->n_first += uuid_is_zero(&d->uuid) && d->whole;
    decisions_load(parts->copy, d);
}

static void ignore(void *arg, const struct decision *d)
{
}

/* Runs begin with a view that was written in parts while it was changed, and
 * each decision can be made again, also by who has read them. */
static void in_parts(void)
{
    struct parts parts = { .copy = decisions_new(SIZE_MAX) };
    const struct decisions_keeper keeper = { count_part, ignore, &parts };
    struct decisions *decisions = decisions_new(100000);
    unsigned n = unit_on_valgrind() ? 20 : 2500, n_whole = 0, n_again = 0;
    unsigned n_same = 0;
    struct placement_record record;
    struct world world;

    world_init(&world, 3, 1300);
    decisions_set_keeper(decisions, &keeper);
    while (decisions_prepare(decisions, world.view))
        world_step(&world);
    for (unsigned i = 0; i < n; i++) {
        decide(&world, &record);
        if (i == n / 2)
            decisions_break(decisions);
        /* as the loop does */
        if (i % 3 == 0)
            decisions_prepare(decisions, world.view);
        const struct decision *d = decisions_add(
            decisions, world.view, &record, "acme", "web", 1 + i);
        n_whole += d->whole;
        if (!record.decision.rc)
            world_put(&world, &record.request, record.decision.winner.host,
                      record.decision.backup);
        if (i % 131 && i != n / 2 && i + 1 != n)
            continue;
        n_again += 2;
        n_same += is_same_again(decisions, d);
        d = decisions_find(parts.copy, &record.request.uuid);
        n_same += d && is_same_again(parts.copy, d);
    }
    printf("%u parts of %u views, %u whole ones ... ", parts.n, parts.n_first,
           n_whole);
    CU_ASSERT_EQUAL(n_same, n_again);
    CU_ASSERT_EQUAL(decisions_count(decisions), n);
    CU_ASSERT(parts.n_first >= 1 && parts.n >= 11 * parts.n_first);
    CU_ASSERT(unit_on_valgrind() || parts.n_first > 1);
    decisions_free(decisions);
    decisions_free(parts.copy);
    world_fini(&world);
}

static const struct unit_test tests[] = {
    { "kept", kept },
    { "the last one", last_one },
    { "loaded", loaded },
    { "in parts", in_parts },
};

UNIT_MAIN("policyd: decisions that are kept", tests)
