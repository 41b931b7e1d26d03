/*
 * Random data centers: how they come to be and change; see
 * placement_world.h.
 */
#include "tests/unit/policyd/placement_world.h"

#include <stdio.h>
#include <string.h>

#include "policyd/placement/constraint.h"

#define GIB (UINT64_C(1024) * 1024)

uint64_t world_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t world_below(struct world *world, uint32_t n)
{
    return (uint32_t)(world_random(&world->seed) >> 32) % n;
}

static bool one_in(struct world *world, uint32_t n)
{
    return world_below(world, n) == 0;
}

static uint32_t any(struct world *world, const uint32_t *names, uint32_t n)
{
    return names[world_below(world, n)];
}

#define ANY(world, names) any(world, names, sizeof(names) / sizeof((names)[0]))

/* Some of the names, in any order; how many. */
static uint32_t some(struct world *world, const uint32_t *names, uint32_t n,
                     uint32_t one_in_n, uint32_t *ret)
{
    uint32_t n_ret = 0;

    for (uint32_t i = 0; i < n; i++)
        if (one_in(world, one_in_n))
            ret[n_ret++] = names[n - 1 - i];
    return n_ret;
}

static void name_all(struct world *world, const char *what, uint32_t *names,
                     uint32_t n)
{
    char text[32];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%s%u", what, i + 1);
        names[i] = placement_names_add(world->names, text);
    }
}

static uint32_t amounts(struct world *world, const uint32_t *names,
                        uint64_t unit, uint32_t most, uint32_t one_in_n,
                        struct placement_amount *ret)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < 2; i++)
        if (one_in(world, one_in_n))
            ret[n++] = (struct placement_amount){
                names[1 - i], unit * (1 + world_below(world, most))
            };
    return n;
}

static void random_host(struct world *world, uint32_t name)
{
    struct placement_host host = {
        .name = name,
        .state = one_in(world, 8)
                     ? (enum placement_state)(1 + world_below(world, 3))
                     : PLACEMENT_UP,
        .domain = one_in(world, 5) ? 0 : ANY(world, world->domains),
        .dedicated = one_in(world, 6) ? ANY(world, world->customers) : 0,
        .memory = MEM_KIB(GIB * (8 + 8 * world_below(world, 4))),
        .pcpus = 4 + 4 * world_below(world, 3),
    };

    host.n_pools = amounts(world, world->pools, 10 * GIB, 20, 1, host.pools);
    host.n_devices = amounts(world, world->kinds, 1, 3, 2, host.devices);
    host.n_tags = some(world, world->tags, 3, 2, host.tags);
    for (unsigned i = 0; i < 3; i++)
        if (i < 2 || !one_in(world, 3))
            cpu_set_add(&host.cpu, world->features[i]);
    /* two makers of CPUs */
    cpu_set_add(&host.cpu, one_in(world, 4));
    placement_view_put_host(world->view, &host, NULL, NULL);
}

static void add_host(struct world *world)
{
    char text[32];

    snprintf(text, sizeof(text), "host%u", ++world->n_named);
    random_host(world, placement_names_add(world->names, text));
}

void world_init(struct world *world, uint64_t seed, uint32_t n_hosts)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->now_ms = 1000000;
    world->names = placement_names_new();
    world->view = placement_view_new(world->names);
    name_all(world, "customer", world->customers, 4);
    name_all(world, "group", world->groups, WORLD_GROUPS);
    name_all(world, "tag", world->tags, 3);
    for (unsigned i = 0; i < 3; i++)
        world->features[i] = 50 + i;
    name_all(world, "pool", world->pools, 2);
    name_all(world, "gpu", world->kinds, 2);
    name_all(world, "rack", world->domains, 3);
    if (!one_in(world, 3))
        placement_view_set_overcommit(world->view,
                                      100 + 100 * world_below(world, 4));
    for (uint32_t i = 0; i < n_hosts; i++)
        add_host(world);
}

void world_fini(struct world *world)
{
    placement_view_free(world->view);
    placement_names_free(world->names);
}

void world_request(struct world *world, struct placement_request *ret)
{
    *ret = (struct placement_request){
        .customer = ANY(world, world->customers),
        .spec = { .memory = MEM_KIB(GIB / 2 * (1 + world_below(world, 12))),
                  .vcpus = 1 + world_below(world, 4) },
        .start = !one_in(world, 8),
        .now_ms = world->now_ms,
    };
    ret->spec.n_disks =
        amounts(world, world->pools, 5 * GIB, 6, 2, ret->spec.disks);
    ret->spec.n_devices =
        amounts(world, world->kinds, 1, 2, 8, ret->spec.devices);
    ret->n_groups = some(world, world->groups, 4, 4, ret->groups);
    if (one_in(world, 8))
        ret->n_wanted = some(world, world->tags, 3, 3, ret->wanted);
    if (one_in(world, 8))
        ret->n_forbidden = some(world, world->tags, 3, 3, ret->forbidden);
    if (one_in(world, 6))
        for (unsigned i = 0; i < 3; i++)
            if (one_in(world, 2))
                cpu_set_add(&ret->cpu, world->features[i]);
    if (one_in(world, 15))
        cpu_set_add(&ret->cpu, one_in(world, 2));
    if (one_in(world, 10))
        ret->domain = ANY(world, world->domains);
    if (one_in(world, 5))
        ret->dedication =
            (enum placement_dedication)(1 + world_below(world, 3));
    ret->protected = one_in(world, 4) && !ret->spec.n_devices &&
                     ret->dedication != PLACEMENT_STRICT;
    if (one_in(world, 12))
        ret->pinned =
            placement_view_host(
                world->view,
                world_below(world, placement_view_n_hosts(world->view)))
                ->name;
}

uint32_t world_put(struct world *world,
                   const struct placement_request *request, uint32_t host,
                   uint32_t backup)
{
    struct placement_guest guest = placement_guest_of(request, host, backup);
    uint32_t at = PLACEMENT_NONE;

    placement_view_add_guest(world->view, &guest, &at, NULL);
    return at;
}

/* ---- changes ---- */

static uint32_t some_guest(struct world *world)
{
    uint32_t end = placement_view_guests_end(world->view);

    for (uint32_t i = 0; i < 4 && end; i++) {
        uint32_t guest = world_below(world, end);
        if (placement_view_guest(world->view, guest))
            return guest;
    }
    return PLACEMENT_NONE;
}

/* PLACEMENT_NONE when it hits one that was removed. */
static uint32_t some_host(struct world *world)
{
    uint32_t host = world_below(world, placement_view_n_hosts(world->view));

    return placement_view_host(world->view, host)->name ? host
                                                        : PLACEMENT_NONE;
}

static void change_rule(struct world *world)
{
    char text[32];

    snprintf(text, sizeof(text), "rule%u", world_below(world, 5));
    struct placement_rule rule = {
        .name = placement_names_add(world->names, text),
        .group = ANY(world, world->groups),
        .other = ANY(world, world->groups),
        .anti = !one_in(world, 3),
        .hard = one_in(world, 2),
        .scope = one_in(world, 2) ? PLACEMENT_HOSTS : PLACEMENT_DOMAINS,
    };
    if (one_in(world, 2))
        rule.other = rule.group;
    if (one_in(world, 3))
        placement_view_remove_rule(world->view, rule.name);
    else
        placement_view_put_rule(world->view, &rule, NULL);
}

static void change_promise(struct world *world)
{
    char text[32];

    snprintf(text, sizeof(text), "promise%u", world_below(world, 3));
    struct placement_promise promise = {
        .name = placement_names_add(world->names, text),
        .customer = one_in(world, 2) ? ANY(world, world->customers) : 0,
        .n_guests = 1 + world_below(world, 4),
        .spec = { .memory = MEM_KIB(GIB * (4 + world_below(world, 12))),
                  .vcpus = 1 + world_below(world, 4) },
    };
    promise.spec.n_disks =
        amounts(world, world->pools, 5 * GIB, 4, 4, promise.spec.disks);
    if (one_in(world, 2))
        placement_view_remove_promise(world->view, promise.name);
    else
        placement_view_put_promise(world->view, &promise, NULL);
}

static void change_host(struct world *world)
{
    uint32_t host = some_host(world);

    if (host == PLACEMENT_NONE)
        return;
    if (one_in(world, 3))
        random_host(world, placement_view_host(world->view, host)->name);
    else if (one_in(world, 4))
        placement_view_set_busy_since(
            world->view, host, world->now_ms - world_below(world, 1000000000));
    else if (one_in(world, 4) &&
             !placement_view_use(world->view, host)->n_guests)
        placement_view_remove_host(world->view, host, NULL);
    else
        placement_view_set_state(
            world->view, host,
            one_in(world, 3)
                ? (enum placement_state)(1 + world_below(world, 3))
                : PLACEMENT_UP);
}

static void change_guest(struct world *world)
{
    uint32_t guest = some_guest(world);
    uint32_t host = some_host(world);

    if (guest == PLACEMENT_NONE)
        return;
    if (host != PLACEMENT_NONE && one_in(world, 4))
        placement_view_move_guest(world->view, guest, host, world->now_ms);
    else if (one_in(world, 4))
        placement_view_set_backup(world->view, guest, host);
    else
        placement_view_remove_guest(world->view, guest);
}

void world_step(struct world *world)
{
    /* seconds to days: ages of all sizes */
    world->now_ms += world_below(world, 1000)
                     << (world_below(world, 20) ? world_below(world, 16) : 20);
    if (one_in(world, 200))
        placement_view_set_overcommit(world->view,
                                      100 * world_below(world, 5));
    else if (one_in(world, 40))
        add_host(world);
    else if (one_in(world, 10))
        change_host(world);
    else if (one_in(world, 12))
        change_rule(world);
    else if (one_in(world, 20))
        change_promise(world);
    else
        change_guest(world);
}
