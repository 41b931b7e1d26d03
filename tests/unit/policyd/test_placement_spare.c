/*
 * Tests of policyd/placement/spare: whichever host dies, there is room for
 * its protected guests; from what placement itself has put, and by a
 * checker's account.
 */
#include "policyd/placement/spare.h"

#include <string.h>

#include "policyd/placement/index.h"
#include "tests/unit/policyd/placement_world.h"
#include "tests/unit/unit.h"

#define HOSTS 8

struct center {
    struct world world;
    struct placement_index *index;
    unsigned n_placed, n_refused, n_spare, n_backup, n_lost;
};

static void center_init(struct center *center, uint64_t seed)
{
    char text[8];

    memset(center, 0, sizeof(*center));
    world_init(&center->world, seed, 0);
    for (uint32_t i = 0; i < HOSTS; i++) {
        snprintf(text, sizeof(text), "h%u", i);
        struct placement_host host = {
            .name = placement_names_add(center->world.names, text),
            .memory = MEM_GIB(16 + 8 * world_below(&center->world, 3)),
        };
        placement_view_put_host(center->world.view, &host, NULL, NULL);
    }
    center->index = placement_index_new(center->world.view);
}

static void center_fini(struct center *center)
{
    placement_index_free(center->index);
    world_fini(&center->world);
}

static void come(struct center *center)
{
    struct placement_decision decision, scanned;
    const struct placement_policy *policy = placement_policy_find(
        world_below(&center->world, 2) ? "pack" : "spread");
    struct placement_request request = {
        .customer = 1,
        .spec.memory = MEM_GIB(1 + world_below(&center->world, 6)),
        .start = true,
        .protected = world_below(&center->world, 3) > 0,
    };

    int rc = placement_index_choose(center->index, center->world.view,
                                    &request, policy, &decision, NULL);
    CU_ASSERT_EQUAL(
        placement_choose(center->world.view, &request, policy, &scanned, NULL),
        rc);
    CU_ASSERT_EQUAL(decision.winner.host, scanned.winner.host);
    CU_ASSERT_EQUAL(decision.backup, scanned.backup);
    if (rc) {
        center->n_refused++;
        center->n_spare += decision.excluded[PLACEMENT_MUST_SPARE].n_hosts > 0;
        center->n_backup +=
            decision.excluded[PLACEMENT_MUST_BACKUP].n_hosts > 0;
        return;
    }
    CU_ASSERT_EQUAL(decision.backup != PLACEMENT_NONE, request.protected);
    center->n_placed++;
    world_put(&center->world, &request, decision.winner.host, decision.backup);
}

static void leave(struct center *center)
{
    uint32_t end = placement_view_guests_end(center->world.view);
    uint32_t guest = end ? world_below(&center->world, end) : 0;

    if (placement_view_guest(center->world.view, guest))
        placement_view_remove_guest(center->world.view, guest);
}

/* ---- what is kept ---- */

static void any_host_may_die(void)
{
    unsigned n_spare = 0, n_backup = 0, n_placed = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct center center;
        center_init(&center, seed);
        for (int i = 0; i < 100; i++) {
            if (world_below(&center.world, 6))
                come(&center);
            else
                leave(&center);
            CU_ASSERT_FATAL(world_survives(center.world.view));
        }
        CU_ASSERT(world_is_right(center.world.view));
        n_spare += center.n_spare;
        n_backup += center.n_backup;
        n_placed += center.n_placed;
        center_fini(&center);
    }
    printf("%u placed, %u refused for the spare, %u for want of a backup "
           "... ",
           n_placed, n_spare, n_backup);
    CU_ASSERT(n_spare > 100);
    CU_ASSERT(n_backup > 50);
}

/* Another backup for a guest that has lost its own, if there is one. */
static void find_backup(struct center *center, uint32_t at)
{
    const struct placement_guest *guest =
        placement_view_guest(center->world.view, at);
    struct placement_request request = {
        .customer = guest->customer,
        .spec = guest->spec,
        .start = true,
        .protected = true,
    };
    struct placement_attempt attempt;

    placement_view_set_backup(center->world.view, at, PLACEMENT_NONE);
    CU_ASSERT_EQUAL(
        placement_attempt_init(&attempt, center->world.view, &request,
                               placement_policy_find("pack"), NULL),
        0);
    uint32_t backup = placement_spare_backup(&attempt, guest->host);
    center->n_lost += backup == PLACEMENT_NONE;
    placement_view_set_backup(center->world.view, at, backup);
}

/* The host dies; its protected guests run where they were promised to. */
static void die(struct center *center, uint32_t host)
{
    struct placement_view *view = center->world.view;

    placement_view_set_state(view, host, PLACEMENT_DOWN);
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (!guest || guest->host != host)
            continue;
        uint32_t to = guest->protected ? guest->backup : PLACEMENT_NONE;
        if (to == PLACEMENT_NONE) {
            placement_view_remove_guest(view, i);
            continue;
        }
        placement_view_set_backup(view, i, PLACEMENT_NONE);
        placement_view_move_guest(view, i, to, 0);
        CU_ASSERT(placement_view_use(view, to)->memory.kib <=
                  placement_view_host(view, to)->memory.kib);
    }
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++)
        if (placement_view_guest(view, i) && !placement_spare_holds(view, i))
            find_backup(center, i);
}

static void hosts_die(void)
{
    unsigned n_dead = 0, n_whole = 0;

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct center center;
        center_init(&center, seed);
        for (int i = 0; i < 12 + (int)(seed % 40); i++)
            come(&center);
        for (uint32_t host = 0; host < HOSTS / 2; host++) {
            die(&center, host);
            CU_ASSERT_FATAL(world_is_right(center.world.view));
            n_dead++;
            if (center.n_lost)
                break; /* there is no room for one more */
            CU_ASSERT_FATAL(world_survives(center.world.view));
            n_whole++;
        }
        center_fini(&center);
    }
    printf("%u hosts died, after %u all was protected again ... ", n_dead,
           n_whole);
    CU_ASSERT(n_whole > 300);
    CU_ASSERT(n_dead > n_whole);
}

/* ---- what is said ---- */

static void texts(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_host host = { .memory = MEM_GIB(10) };
    struct placement_request request = { .spec.memory = MEM_GIB(4),
                                         .start = true,
                                         .protected = true };
    const struct placement_policy *pack = placement_policy_find("pack");
    struct placement_decision decision;
    struct vdc_error err = { 0 };

    host.name = placement_names_add(names, "a");
    placement_view_put_host(view, &host, NULL, NULL);
    CU_ASSERT_EQUAL(placement_choose(view, &request, pack, &decision, &err),
                    VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "no host can take it: backup: if host a died, no "
                           "other would have the room");
    CU_ASSERT_STRING_EQUAL(err.hint, "do without protection, or add a host");
    host.name = placement_names_add(names, "b");
    placement_view_put_host(view, &host, NULL, NULL);
    CU_ASSERT_EQUAL(placement_choose(view, &request, pack, &decision, &err),
                    0);
    CU_ASSERT_EQUAL(decision.winner.host, 0);
    CU_ASSERT_EQUAL(decision.backup, 1);
    struct placement_guest guest = {
        .spec = request.spec, .runs = true, .protected = true, .backup = 1
    };
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, NULL, NULL), 0);
    CU_ASSERT_EQUAL(placement_view_use(view, 1)->reserve.kib, MEM_GIB(4).kib);
    CU_ASSERT_EQUAL(placement_view_remove_host(view, 1, NULL),
                    VDC_E_WRONG_STATE);
    request.protected = false;
    request.spec.memory = MEM_GIB(7);
    CU_ASSERT_EQUAL(placement_choose(view, &request, pack, &decision, &err),
                    VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(decision.excluded[PLACEMENT_MUST_SPARE].n_only, 1);
    CU_ASSERT_EQUAL(decision.excluded[PLACEMENT_MUST_SPARE].lacks,
                    MEM_GIB(1).kib);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.text, "spare: 1 of 2 hosts (host b keeps 4096 MiB of its "
                         "10240 MiB free for when another dies, 7168 MiB "
                         "asked)"));
    request.spec.memory = MEM_GIB(6);
    CU_ASSERT_EQUAL(placement_choose(view, &request, pack, &decision, &err),
                    0);
    request.protected = true;
    request.dedication = PLACEMENT_STRICT;
    CU_ASSERT_EQUAL(placement_choose(view, &request, pack, &decision, &err),
                    VDC_E_UNSUPPORTED);
    placement_view_free(view);
    placement_names_free(names);
}

/* A stopped guest's backup is removed, and another host gets its index. */
static void backup_removed(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = placement_view_new(names);
    struct placement_host host = { .memory = MEM_GIB(10), .pcpus = 8 };
    struct placement_guest guest = { .spec = { .memory = MEM_GIB(4),
                                               .vcpus = 1 },
                                     .protected = true,
                                     .backup = 1 };
    uint32_t at;

    for (const char *name = "ab"; *name; name++) {
        host.name = placement_names_add(names, *name == 'a' ? "a" : "b");
        placement_view_put_host(view, &host, NULL, NULL);
    }
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, &at, NULL), 0);
    CU_ASSERT_EQUAL(placement_view_remove_host(view, 1, NULL), 0);
    guest = *placement_view_guest(view, at);
    CU_ASSERT_EQUAL(guest.backup, PLACEMENT_NONE);
    placement_view_remove_guest(view, at);
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &guest, &at, NULL), 0);
    placement_view_free(view);
    placement_names_free(names);
}

static const struct unit_test tests[] = {
    { "any host may die", any_host_may_die },
    { "hosts die", hosts_die },
    { "texts", texts },
    { "a backup that is removed", backup_removed },
};

UNIT_MAIN("policyd/placement/spare", tests)
