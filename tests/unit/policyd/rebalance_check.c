/*
 * The checker of moves; see rebalance_check.h.
 */
#include "tests/unit/policyd/rebalance_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the data center ---- */

void mover_init(struct mover *mover, uint64_t seed, uint32_t n_hosts)
{
    world_init(&mover->world, seed, n_hosts);
}

void mover_fini(struct mover *mover)
{
    world_fini(&mover->world);
}

static bool is_backup(struct world *world,
                      const struct placement_request *request, uint32_t host,
                      uint32_t backup)
{
    struct placement_request moved = *request;
    const char *why;

    /* roughly: where it could be itself, it can be taken over */
    moved.protected = false;
    moved.pinned = 0;
    return backup != host && world_may(world->view, &moved, backup, &why);
}

static void come(struct mover *mover)
{
    struct world *world = &mover->world;
    uint32_t n = placement_view_n_hosts(world->view);
    uint32_t backup = PLACEMENT_NONE;
    struct placement_request request;
    const char *why;

    world_request(world, &request);
    for (int i = 0; i < 4; i++) {
        uint32_t host = world_below(world, n);
        if (!placement_view_host(world->view, host)->name ||
            (world_below(world, 20) &&
             !world_may(world->view, &request, host, &why)))
            continue;
        for (uint32_t j = 0; request.protected && j < n; j++)
            if (is_backup(world, &request, host, j))
                backup = j;
        uint32_t at = world_put(world, &request, host, backup);
        if (at < CHECK_GUESTS_MAX)
            mover->requests[at] = request;
        return;
    }
}

void mover_step(struct mover *mover)
{
    if (world_below(&mover->world, 3) &&
        placement_view_n_guests(mover->world.view) < 60)
        come(mover);
    else
        world_step(&mover->world);
}

static void complete(void *arg, uint32_t guest, struct placement_request *ret)
{
    const struct mover *mover = arg;
    const struct placement_request *asked = &mover->requests[guest];

    ret->pinned = asked->pinned;
    ret->domain = asked->domain;
    ret->n_wanted = asked->n_wanted;
    ret->n_forbidden = asked->n_forbidden;
    memcpy(ret->wanted, asked->wanted, sizeof(ret->wanted));
    memcpy(ret->forbidden, asked->forbidden, sizeof(ret->forbidden));
}

struct placement_moving mover_moving(struct mover *mover)
{
    return (struct placement_moving){ .now_ms = mover->world.now_ms,
                                      .complete = complete,
                                      .arg = mover };
}

/* ---- what is broken anyway ---- */

static bool is_in(const struct placement_guest *guest, uint32_t group)
{
    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (guest->groups[i] == group)
            return true;
    return false;
}

static bool is_near(const struct placement_view *view,
                    enum placement_scope scope, uint32_t a, uint32_t b)
{
    uint32_t domain = placement_view_host(view, a)->domain;

    return a == b || (scope == PLACEMENT_DOMAINS && domain &&
                      placement_view_host(view, b)->domain == domain);
}

/* Whether a guest keeps one side of a rule. */
static bool keeps(const struct placement_view *view, uint32_t guest,
                  const struct placement_rule_side *side)
{
    const struct placement_guest *me = placement_view_guest(view, guest);
    uint32_t n_near = 0, n_far = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *other = placement_view_guest(view, i);
        if (!other || i == guest || !is_in(other, side->other))
            continue;
        if (is_near(view, side->rule->scope, me->host, other->host))
            n_near++;
        else
            n_far++;
    }
    return side->rule->anti ? n_near == 0 : n_near || !n_far;
}

/* Whether a guest that kept a hard rule before no longer does. */
static bool breaks_rule(const struct placement_view *before,
                        const struct placement_view *after)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < placement_view_guests_end(after); i++) {
        const struct placement_guest *guest = placement_view_guest(after, i);
        for (uint32_t j = 0; guest && j < guest->n_groups; j++) {
            uint32_t n = placement_view_rules(after, guest->groups[j], &sides);
            for (uint32_t k = 0; k < n; k++)
                if (sides[k].rule->hard && keeps(before, i, &sides[k]) &&
                    !keeps(after, i, &sides[k]))
                    return true;
        }
    }
    return false;
}

/* What would come to a host by the worst death of another. */
static uint64_t reserve_of(const struct placement_view *view, uint32_t backup)
{
    uint64_t most = 0;

    for (uint32_t dies = 0; dies < placement_view_n_hosts(view); dies++) {
        uint64_t kib = 0;
        for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
            const struct placement_guest *guest =
                placement_view_guest(view, i);
            if (guest && guest->protected && guest->runs &&
                guest->host == dies && guest->backup == backup)
                kib += guest->spec.memory.kib;
        }
        most = kib > most ? kib : most;
    }
    return most;
}

static bool is_over(const struct placement_view *view, uint32_t host,
                    bool with_reserve)
{
    const struct placement_host *h = placement_view_host(view, host);
    struct placement_use use;

    world_use(view, host, &use);
    if (with_reserve)
        use.memory.kib += reserve_of(view, host);
    if (use.memory.kib > h->memory.kib || use.vcpus > use.vcpus_most)
        return true;
    for (uint32_t i = 0; i < h->n_pools; i++)
        if (use.pools[i] > h->pools[i].amount)
            return true;
    for (uint32_t i = 0; i < h->n_devices; i++)
        if (use.devices[i] > h->devices[i].amount)
            return true;
    return false;
}

static bool gets_over(const struct placement_view *before,
                      const struct placement_view *after)
{
    for (uint32_t i = 0; i < placement_view_n_hosts(after); i++)
        if ((is_over(after, i, false) && !is_over(before, i, false)) ||
            (is_over(after, i, true) && !is_over(before, i, true)))
            return true;
    return false;
}

/* The view's own rooms are held to a count from scratch by other tests. */
static bool loses_promise(const struct placement_view *before,
                          const struct placement_view *after)
{
    uint32_t n;
    const struct placement_promise *old = placement_view_promises(before, &n);
    const struct placement_promise *now = placement_view_promises(after, &n);

    for (uint32_t i = 0; i < n; i++)
        if (now[i].room < old[i].room && now[i].room < now[i].n_guests)
            return true;
    return false;
}

/* ---- moves ---- */

static void request_of(const struct mover *mover,
                       const struct placement_view *view, uint32_t guest,
                       struct placement_request *ret)
{
    const struct placement_guest *g = placement_view_guest(view, guest);

    /* what the view has was perhaps changed since it was asked for */
    *ret = mover->requests[guest];
    ret->customer = g->customer;
    ret->spec = g->spec;
    ret->start = g->runs;
    ret->cpu = g->cpu;
    ret->dedication = g->dedication;
    ret->protected = g->protected;
    ret->n_groups = g->n_groups;
    memcpy(ret->groups, g->groups, sizeof(ret->groups));
}

void check_do(struct placement_view *view, const struct placement_move *move)
{
    placement_view_set_backup(view, move->guest, PLACEMENT_NONE);
    placement_view_move_guest(view, move->guest, move->to, 0);
    placement_view_set_backup(view, move->guest, move->backup);
}

static const char *check_backup(const struct placement_view *view,
                                const struct placement_move *move)
{
    const struct placement_guest *guest =
        placement_view_guest(view, move->guest);

    if (!guest->protected || !guest->runs)
        return "";
    if (move->backup == PLACEMENT_NONE || move->backup == move->to)
        return "no backup";
    return placement_view_host(view, move->backup)->state == PLACEMENT_UP
               ? ""
               : "a backup that is not up";
}

/* The worlds have two makers, of which a host has one. */
static bool is_other_maker(const struct placement_view *view,
                           const struct placement_move *move)
{
    const struct placement_host *from = placement_view_host(view, move->from);
    const struct placement_host *to = placement_view_host(view, move->to);

    return cpu_set_has(&from->cpu, 0) != cpu_set_has(&to->cpu, 0);
}

const char *check_move(const struct mover *mover,
                       const struct placement_view *view,
                       const struct placement_move *move)
{
    struct placement_view *without = placement_view_copy(view);
    struct placement_view *after = placement_view_copy(view);
    const struct placement_guest *guest =
        placement_view_guest(view, move->guest);
    struct placement_request request;
    const char *why = "", *what = check_backup(view, move);

    request_of(mover, view, move->guest, &request);
    placement_view_remove_guest(without, move->guest);
    check_do(after, move);
    if (guest->host != move->from || move->from == move->to)
        what = "it is not there";
    else if (placement_view_host(view, move->from)->state == PLACEMENT_DOWN)
        what = "from a host that is down";
    else if (guest->runs && guest->spec.n_devices)
        what = "it has devices";
    else if (guest->runs && is_other_maker(view, move))
        what = "CPUs of another maker";
    else if (!world_may(without, &request, move->to, &why))
        what = why;
    else if (breaks_rule(view, after))
        what = "another guest's rule";
    else if (gets_over(view, after))
        what = "more than a host has";
    else if (loses_promise(view, after))
        what = "a promise";
    placement_view_free(without);
    placement_view_free(after);
    return what;
}

static void forget_promises(struct placement_view *view)
{
    uint32_t n;
    const struct placement_promise *promises =
        placement_view_promises(view, &n);

    while (n > 0)
        placement_view_remove_promise(view, promises[--n].name);
}

/* While a guest goes it is on both hosts, and each of the two is the other's
 * backup without more room than it has anyway. */
static void put_on_both(struct placement_view *view,
                        const struct placement_move *move)
{
    struct placement_guest twin = *placement_view_guest(view, move->guest);

    if (twin.backup == move->to)
        placement_view_set_backup(view, move->guest, PLACEMENT_NONE);
    twin.host = move->to;
    twin.backup = move->backup == move->from ? PLACEMENT_NONE : move->backup;
    twin.n_groups = 0;
    placement_view_add_guest(view, &twin, NULL, NULL);
}

const char *check_wave(const struct mover *mover,
                       const struct placement_view *view,
                       const struct placement_move *moves, uint32_t n)
{
    struct placement_view *both = placement_view_copy(view);
    const char *what = "", *why;

    for (uint32_t i = 0; i < n; i++)
        put_on_both(both, &moves[i]);
    if (gets_over(view, both))
        what = "more than a host has, at once";
    else if (loses_promise(view, both))
        what = "a promise, at once";
    placement_view_free(both);
    for (uint32_t i = 0; i < n && !*what && n > 1; i++) {
        struct placement_request request;
        struct placement_view *rest = placement_view_copy(view);
        forget_promises(rest);
        request_of(mover, view, moves[i].guest, &request);
        for (uint32_t j = 0; j < n; j++)
            if (j != i)
                put_on_both(rest, &moves[j]);
        placement_view_remove_guest(rest, moves[i].guest);
        /* what is on both hosts is not to help, only to hinder */
        if (!world_may(rest, &request, moves[i].to, &why))
            what = why;
        placement_view_free(rest);
    }
    return what;
}

const char *check_together(const struct mover *mover,
                           const struct placement_view *view,
                           const struct placement_move *moves, uint32_t n)
{
    struct placement_view *after = placement_view_copy(view);
    const char *what = "", *why;

    for (uint32_t i = 0; i < n; i++)
        check_do(after, &moves[i]);
    if (breaks_rule(view, after))
        what = "another guest's rule";
    else if (gets_over(view, after))
        what = "more than a host has";
    for (uint32_t i = 0; i < n && !*what; i++) {
        struct placement_view *without = placement_view_copy(after);
        struct placement_request request;
        /* one of them may use what is promised to its customer */
        forget_promises(without);
        request_of(mover, view, moves[i].guest, &request);
        placement_view_remove_guest(without, moves[i].guest);
        if (!world_may(without, &request, moves[i].to, &why))
            what = why;
        else
            what = check_backup(view, &moves[i]);
        placement_view_free(without);
    }
    placement_view_free(after);
    return what;
}

const char *check_one_of(const struct mover *mover,
                         const struct placement_view *start,
                         const struct placement_view *view,
                         const struct placement_move *move)
{
    struct placement_view *rest = placement_view_copy(view);

    forget_promises(rest);
    const char *what = check_move(mover, rest, move);
    placement_view_free(rest);
    if (*what)
        return what;
    struct placement_view *after = placement_view_copy(view);
    check_do(after, move);
    if (loses_promise(start, after))
        what = "a promise, in a wave";
    placement_view_free(after);
    return what;
}

const char *check_plan(const struct mover *mover, struct placement_view *view,
                       const struct placement_plan *plan)
{
    const char *what = "";

    for (uint32_t i = 0, end; i < plan->n_moves && !*what; i = end) {
        struct placement_view *start = placement_view_copy(view);
        for (end = i; end < plan->n_moves &&
                      plan->moves[end].wave == plan->moves[i].wave;
             end++)
            continue;
        what = check_wave(mover, view, &plan->moves[i], end - i);
        for (uint32_t j = i; j < end && !*what; j++) {
            what = end - i == 1
                       ? check_move(mover, view, &plan->moves[j])
                       : check_one_of(mover, start, view, &plan->moves[j]);
            check_do(view, &plan->moves[j]);
        }
        placement_view_free(start);
    }
    return what;
}

/* ---- the score ---- */

static double deviation(const double *values, uint32_t n)
{
    double mean = 0, sum = 0;

    for (uint32_t i = 0; i < n; i++)
        mean += values[i] / n;
    for (uint32_t i = 0; i < n; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return n ? sqrt(sum / n) : 0;
}

static double rule_score(const struct placement_view *view,
                         const struct placement_rule_side *side)
{
    const struct placement_rule *rule = side->rule;
    double weight = rule->hard ? 2 : 1, sum = 0;
    uint32_t n_places = 0;

    for (uint32_t h = 0; h < placement_view_n_hosts(view); h++) {
        uint32_t n_group = 0, n_other = 0;
        bool first = true;
        for (uint32_t i = 0; i < h; i++)
            first = first && !is_near(view, rule->scope, i, h);
        for (uint32_t i = 0; first && i < placement_view_guests_end(view);
             i++) {
            const struct placement_guest *guest =
                placement_view_guest(view, i);
            if (!guest || !is_near(view, rule->scope, guest->host, h))
                continue;
            n_group += is_in(guest, rule->group);
            n_other += is_in(guest, rule->other);
        }
        n_places += n_group > 0;
        if (rule->group == rule->other)
            sum += rule->anti && n_group ? n_group - 1 : 0;
        else if (rule->anti)
            sum += n_group < n_other ? n_group : n_other;
        else
            sum += (n_other ? 0 : n_group) + (n_group ? 0 : n_other);
    }
    if (!rule->anti && rule->group == rule->other && n_places)
        sum += n_places - 1;
    return weight * sum;
}

static double all_rules(const struct placement_view *view)
{
    double sum = 0;

    /* names are small numbers; each rule once, by its first group */
    for (uint32_t group = 1; group < 200; group++) {
        const struct placement_rule_side *sides;
        uint32_t n = placement_view_rules(view, group, &sides);
        for (uint32_t i = 0; i < n; i++)
            if (sides[i].rule->group == group && sides[i].group == group &&
                sides[i].other == sides[i].rule->other)
                sum += rule_score(view, &sides[i]);
    }
    return sum;
}

double check_score(const struct placement_view *view)
{
    double parts[5][CHECK_GUESTS_MAX], score = all_rules(view);
    uint32_t n = 0;

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        const struct placement_host *h = placement_view_host(view, i);
        struct placement_use use;
        double pools = 0, used = 0;
        if (!h->name)
            continue;
        world_use(view, i, &use);
        if (h->state != PLACEMENT_UP) {
            score += 20.0 * use.n_guests;
            continue;
        }
        for (uint32_t j = 0; j < h->n_pools; j++) {
            pools += (double)h->pools[j].amount;
            used += (double)use.pools[j];
        }
        uint64_t reserve = reserve_of(view, i);
        double memory = (double)h->memory.kib;
        parts[0][n] = (memory - (double)use.memory.kib) / memory;
        parts[1][n] = pools > 0 ? (pools - used) / pools : 1;
        parts[2][n] = (double)use.vcpus / h->pcpus;
        parts[3][n] = use.n_guests;
        parts[4][n] = (double)reserve / memory;
        score += 0.25 * parts[4][n];
        if (use.memory.kib + reserve > h->memory.kib)
            score += use.n_guests + placement_view_use(view, i)->n_backed;
        n++;
    }
    for (int i = 0; i < 5; i++)
        score += (i == 3 ? 4 : 1) * deviation(parts[i], n);
    return score;
}

/* ---- small data centers ---- */

uint32_t plain_host(struct placement_view *view, const char *name,
                    uint64_t gib)
{
    struct placement_host host = {
        .name = placement_names_add(placement_view_names(view), name),
        .memory = MEM_KIB(gib * 1024 * 1024),
        .pcpus = 16,
    };
    uint32_t at = 0;

    if (placement_view_put_host(view, &host, &at, NULL))
        abort();
    return at;
}

uint32_t plain_guest(struct placement_view *view, uint32_t host, uint64_t gib,
                     uint32_t group)
{
    struct placement_guest guest = {
        .customer = 1,
        .host = host,
        .spec = { .memory = MEM_KIB(gib * 1024 * 1024), .vcpus = 1 },
        .runs = true,
        .n_groups = group ? 1 : 0,
        .groups = { group },
        .backup = PLACEMENT_NONE,
    };
    uint32_t at = 0;

    if (placement_view_add_guest(view, &guest, &at, NULL))
        abort();
    return at;
}
