/*
 * Decisions on random views written as text, read and made again: the same in
 * every bit, always.  20,000 decisions; VDC_PLACEMENTS says otherwise.
 */
#include <string.h>

#include "policyd/placement/index.h"
#include "policyd/placement/replay.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define PER_WORLD 40

static unsigned long n_whole, n_changes, n_refused;
static uint64_t n_bytes_whole, n_bytes_changes;

static unsigned long n_decisions(void)
{
    const char *text = getenv("VDC_PLACEMENTS");
    unsigned long n = text ? strtoul(text, NULL, 10) : 20000;

    return n / (unit_on_valgrind() ? 100 : 1);
}

static struct placement_policy policy_of(struct world *world)
{
    struct placement_policy policy =
        *placement_policy_find(world_below(world, 2) ? "pack" : "spread");

    if (world_below(world, 3) == 0) {
        policy.name = "weighted";
        for (int i = 0; i < PLACEMENT_TERMS; i++)
            policy.weights[i] = world_below(world, 5000);
    }
    return policy;
}

/* Decides something, and puts the guest there. */
static void decide(struct world *world, struct placement_index *index,
                   struct placement_record *record)
{
    for (uint32_t i = world_below(world, 5); i > 0; i--)
        world_step(world);
    world_request(world, &record->request);
    uuid_random(&record->request.uuid);
    record->policy = policy_of(world);
    placement_index_choose(index, world->view, &record->request,
                           &record->policy, &record->decision, NULL);
}

static void put(struct world *world, const struct placement_record *record)
{
    if (!record->decision.rc &&
        placement_view_n_guests(world->view) < 60)
        world_put(world, &record->request, record->decision.winner.host,
                  record->decision.backup);
}

static bool live(uint64_t seed)
{
    struct placement_replay *replay = placement_replay_new();
    struct placement_decision again;
    struct placement_record record;
    struct world world;
    uint64_t since = 0;
    bool ok = true, whole;
    uint32_t n_hosts;

    world_init(&world, seed, 1 + (uint32_t)(seed % 12));
    struct placement_index *index = placement_index_new(world.view);
    for (int i = 0; ok && i < PER_WORLD; i++) {
        decide(&world, index, &record);
        n_refused += record.decision.rc != 0;
        char *text = placement_record_write(
            world.view, since, seed % 3 ? UINT32_MAX : 2, &record, &n_hosts,
            &whole);
        since = placement_view_version(world.view);
        *(whole ? &n_whole : &n_changes) += 1;
        *(whole ? &n_bytes_whole : &n_bytes_changes) += strlen(text);
        ok = !placement_replay_read(replay, text, strlen(text), NULL) &&
             placement_replay_run(replay, &again) &&
             placement_record_is_same(&record.decision, &again);
        if (!ok)
            printf("world %llu, %d: %s\n", (unsigned long long)seed, i, text);
        free(text);
        put(&world, &record);
    }
    placement_index_free(index);
    world_fini(&world);
    placement_replay_free(replay);
    return ok;
}

static void replayed(void)
{
    unsigned long n = n_decisions() / PER_WORLD;

    for (unsigned long i = 0; i < n; i++)
        CU_ASSERT_FATAL(live(i));
    printf("%lu decisions, %lu refused, %lu on whole views (%llu bytes each), "
           "%lu on changes (%llu) ... ",
           n * PER_WORLD, n_refused, n_whole,
           (unsigned long long)(n_bytes_whole / n_whole), n_changes,
           (unsigned long long)(n_bytes_changes / n_changes));
    CU_ASSERT(n_refused > n);
    CU_ASSERT(n_whole > n);
    CU_ASSERT(n_changes > n);
}

/* A decision that is not what follows from its inputs is found out. */
static void forged(void)
{
    unsigned n_found = 0, n = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct placement_replay *replay = placement_replay_new();
        struct placement_decision again;
        struct placement_record record;
        struct world world;
        uint32_t n_hosts;
        bool whole;
        world_init(&world, seed, 4);
        decide(&world, NULL, &record);
        if (!record.decision.rc) {
            n++;
            switch (seed % 3) {
            case 0:
                record.decision.winner.score++;
                break;
            case 1:
                record.decision.winner.host ^= 1;
                break;
            default:
                record.decision.n_hosts++;
                break;
            }
            char *text = placement_record_write(world.view, 0, UINT32_MAX,
                                                &record, &n_hosts, &whole);
            CU_ASSERT_EQUAL(
                placement_replay_read(replay, text, strlen(text), NULL), 0);
            n_found += !placement_replay_run(replay, &again);
            free(text);
        }
        placement_replay_free(replay);
        world_fini(&world);
    }
    CU_ASSERT(n > 50);
    CU_ASSERT_EQUAL(n_found, n);
}

/* Cut anywhere, or with any byte changed, it is refused or read: nothing
 * worse. */
static void damaged(void)
{
    struct placement_decision again;
    struct placement_record record;
    struct world world;
    unsigned n_refused_here = 0;
    uint32_t n_hosts;
    bool whole;

    world_init(&world, 3, 3);
    for (int i = 0; i < 20; i++) {
        decide(&world, NULL, &record);
        put(&world, &record);
    }
    char *text = placement_record_write(world.view, 0, UINT32_MAX, &record,
                                        &n_hosts, &whole);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += unit_on_valgrind() ? 97 : 1) {
        struct placement_replay *replay = placement_replay_new();
        CU_ASSERT(placement_replay_read(replay, text, i, NULL) != 0);
        placement_replay_free(replay);
        replay = placement_replay_new();
        char kept = text[i];
        text[i] = "0x]9"[i % 4];
        if (placement_replay_read(replay, text, len, NULL))
            n_refused_here++;
        else
            placement_replay_run(replay, &again);
        text[i] = kept;
        placement_replay_free(replay);
    }
    CU_ASSERT(n_refused_here > len / (unit_on_valgrind() ? 400 : 4));
    free(text);
    world_fini(&world);
}

/* One that follows another than the one before is refused. */
static void out_of_order(void)
{
    struct placement_replay *replay = placement_replay_new();
    struct placement_record record;
    struct vdc_error err = { 0 };
    struct world world;
    uint32_t n_hosts;
    uint64_t since;
    bool whole;
    char *texts[3];

    world_init(&world, 5, 30);
    for (int i = 0; i < 3; i++) {
        since = i ? record.decision.version : 0;
        world_request(&world, &record.request);
        record.policy = *placement_policy_find("pack");
        placement_choose(world.view, &record.request, &record.policy,
                         &record.decision, NULL);
        texts[i] = placement_record_write(world.view, since, UINT32_MAX,
                                          &record, &n_hosts, &whole);
        CU_ASSERT_EQUAL(whole, i == 0);
        placement_view_set_state(world.view, (uint32_t)i, PLACEMENT_DOWN);
        CU_ASSERT_EQUAL(n_hosts, i == 0 ? 30 : 1);
    }
    CU_ASSERT(placement_replay_read(replay, texts[1], strlen(texts[1]),
                                    &err) != 0);
    placement_replay_free(replay);
    replay = placement_replay_new();
    CU_ASSERT_EQUAL(placement_replay_read(replay, texts[0], strlen(texts[0]),
                                          &err),
                    0);
    CU_ASSERT_EQUAL(placement_replay_read(replay, texts[2], strlen(texts[2]),
                                          &err),
                    VDC_E_BAD_VALUE);
    placement_replay_free(replay);
    for (int i = 0; i < 3; i++)
        free(texts[i]);
    world_fini(&world);
}

/* Records from before CPU features were known: nothing says "cpu" in them,
 * neither of hosts nor of the request. */
static void before_features(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    const struct placement_host host = {
        .name = placement_names_add(names, "h1"),
        .memory = MEM_GIB(8),
        .pcpus = 4,
    };
    struct placement_record record = {
        .request = { .spec = { .memory = MEM_GIB(1), .vcpus = 1 },
                     .start = true },
        .policy = *placement_policy_find("pack"),
    };
    struct placement_replay *replay = placement_replay_new();
    struct placement_decision again;
    uint32_t n_hosts;
    bool whole;

    placement_view_put_host(view, &host, NULL, NULL);
    placement_choose(view, &record.request, &record.policy, &record.decision,
                     NULL);
    char *text = placement_record_write(view, 0, UINT32_MAX, &record, &n_hosts,
                                        &whole);
    CU_ASSERT_PTR_NULL(strstr(text, "\"cpu\""));
    CU_ASSERT_EQUAL(placement_replay_read(replay, text, strlen(text), NULL),
                    0);
    CU_ASSERT(placement_replay_run(replay, &again));
    CU_ASSERT_EQUAL(again.winner.host, 0);
    free(text);
    placement_replay_free(replay);
    placement_view_free(view);
    placement_names_free(names);
}

static const struct unit_test tests[] = {
    { "replayed", replayed },
    { "forged", forged },
    { "damaged", damaged },
    { "out of order", out_of_order },
    { "from before CPU features", before_features },
};

UNIT_MAIN("policyd/placement: decisions as text", tests)
