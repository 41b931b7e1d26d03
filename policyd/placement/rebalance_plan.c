/*
 * From the steps of a search to a plan.  The search may move a guest more than
 * once, or one guest in and its like out; only where guests are in the end
 * counts, so a plan has fewer moves.  These are put in an order, best first,
 * in which each can be done, and in waves of those that can be done at once.
 *
 * When there is no such order the plan is the steps themselves, one by one:
 * they could be done as they were found.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/rebalance_impl.h"
#include "policyd/placement/waves.h"

/* Of how many moves the gain is worked out anew for each wave. */
#define LOOKED_AT 256

struct pending {
    uint32_t guest;
    uint32_t to;
    double gain;
};

/* Who is worth the same, as far as anybody could tell. */
struct kind {
    uint64_t hash;
    uint32_t guest;
    uint32_t at; /* in the pendings */
    struct placement_request request;
};

struct planner {
    struct placement_run *run;
    struct placement_waves waves;
    struct pending *pendings;
    uint32_t n_pendings;
};

/* ---- which moves ---- */

static void find_pendings(struct planner *planner)
{
    const struct placement_run *run = planner->run;
    uint32_t end = placement_view_guests_end(run->start);
    bool *seen = xzalloc(end + 1);

    planner->pendings =
        xzalloc((run->n_raws + 1) * sizeof(*planner->pendings));
    for (uint32_t i = 0; i < run->n_raws; i++) {
        uint32_t guest = run->raws[i].guest;
        uint32_t to = placement_view_guest(run->view, guest)->host;
        if (seen[guest] || to == placement_view_guest(run->start, guest)->host)
            continue;
        seen[guest] = true;
        planner->pendings[planner->n_pendings++] =
            (struct pending){ .guest = guest, .to = to };
    }
    free(seen);
}

static uint64_t hash_of(const void *data, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int by_kind(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* One goes from a to b and its like from b to c: then the one from a to c, and
 * the other stays. */
static void shorten(struct planner *planner, const struct kind *kinds,
                    uint32_t n)
{
    const struct placement_view *start = planner->run->start;
    struct pending *all = planner->pendings;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            struct pending *x = &all[kinds[i].at], *y = &all[kinds[j].at];
            if (i == j || y->to == PLACEMENT_NONE ||
                x->to != placement_view_guest(start, y->guest)->host ||
                memcmp(&kinds[i].request, &kinds[j].request,
                       sizeof(kinds[i].request)) != 0)
                continue;
            x->to = y->to;
            y->to = PLACEMENT_NONE; /* stays */
            if (x->to == placement_view_guest(start, x->guest)->host) {
                x->to = PLACEMENT_NONE;
                break;
            }
            j = UINT32_MAX; /* begins again: it goes elsewhere now */
        }
}

static void shorten_all(struct planner *planner)
{
    const struct placement_run *run = planner->run;
    struct kind *kinds = xzalloc((planner->n_pendings + 1) * sizeof(*kinds));
    uint32_t n = 0, n_left = 0;

    for (uint32_t i = 0; i < planner->n_pendings; i++) {
        uint32_t guest = planner->pendings[i].guest;
        if (placement_view_guest(run->start, guest)->protected)
            continue;
        struct kind *kind = &kinds[n++];
        placement_step_request(run->start, &run->options->moving, guest,
                               &kind->request);
        memset(&kind->request.uuid, 0, sizeof(kind->request.uuid));
        kind->guest = guest;
        kind->at = i;
        kind->hash = hash_of(&kind->request, sizeof(kind->request));
    }
    qsort(kinds, n, sizeof(*kinds), by_kind);
    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && kinds[end].hash == kinds[i].hash; end++)
            continue;
        shorten(planner, kinds + i, end - i);
    }
    for (uint32_t i = 0; i < planner->n_pendings; i++)
        if (planner->pendings[i].to != PLACEMENT_NONE)
            planner->pendings[n_left++] = planner->pendings[i];
    planner->n_pendings = n_left;
    free(kinds);
}

/* ---- the order ---- */

static int by_gain(const void *a, const void *b)
{
    const struct pending *x = a, *y = b;

    if (x->gain < y->gain || x->gain > y->gain)
        return x->gain > y->gain ? -1 : 1;
    return x->guest < y->guest ? -1 : x->guest > y->guest;
}

/* The first are looked at for each wave, all when that might have changed
 * much.  Empty hosts come one after the other, as they were found. */
static void order(struct planner *planner)
{
    double score = placement_balance_score(&planner->waves.balance), then;
    uint32_t n = planner->n_pendings;

    if (planner->run->options->goal == PLACEMENT_GOAL_PACK)
        return;
    if (planner->waves.plan->n_waves % 64 && n > LOOKED_AT)
        n = LOOKED_AT;
    for (uint32_t i = 0; i < n; i++) {
        struct pending *pending = &planner->pendings[i];
        placement_balance_preview(&planner->waves.balance, pending->guest,
                                  &pending->to, 1, &then);
        pending->gain = isinf(then) ? -INFINITY : score - then;
    }
    qsort(planner->pendings, n, sizeof(*planner->pendings), by_gain);
}

static bool take_wave(struct planner *planner)
{
    struct placement_waves *waves = &planner->waves;
    uint32_t n = planner->n_pendings, n_left = 0;

    order(planner);
    for (uint32_t i = 0; i < n; i++) {
        struct pending pending = planner->pendings[i];
        if (placement_waves_is_full(waves) ||
            !placement_waves_take(waves, pending.guest, pending.to))
            planner->pendings[n_left++] = pending;
    }
    planner->n_pendings = n_left;
    if (n_left < n)
        placement_waves_end_wave(waves);
    return n_left < n;
}

/* The steps as they were found. */
static void take_raws(struct planner *planner)
{
    const struct placement_run *run = planner->run;

    for (uint32_t i = 0; i < run->n_raws; i++) {
        if (!placement_waves_take(&planner->waves, run->raws[i].guest,
                                  run->raws[i].to))
            break;
        placement_waves_end_wave(&planner->waves);
    }
}

/* ---- the plan ---- */

bool placement_run_plan(struct placement_run *run, struct placement_plan *ret)
{
    struct planner planner = { .run = run };
    struct placement_waves *waves = &planner.waves;

    find_pendings(&planner);
    shorten_all(&planner);
    placement_waves_init(waves, run->start, run->options, ret);
    while (planner.n_pendings > 0 && take_wave(&planner))
        continue;
    bool in_order = planner.n_pendings == 0;
    if (!in_order) {
        placement_waves_fini(waves);
        placement_waves_init(waves, run->start, run->options, ret);
        take_raws(&planner);
    }
    placement_waves_fini(waves);
    placement_waves_sum_up(run->start, run->options->wholes, ret);
    free(planner.pendings);
    return in_order;
}

/* Not more moves than are wanted, and of those only up to the best score, or
 * to the last that leaves its host empty. */
void placement_run_cut(const struct placement_rebalance_options *options,
                       const struct placement_view *start,
                       struct placement_plan *plan)
{
    double gain = 0, best = 0;
    uint32_t n = 0;

    if (!options->max_moves || plan->n_moves <= options->max_moves)
        return;
    for (uint32_t i = 0; i < options->max_moves; i++) {
        const struct placement_move *move = &plan->moves[i];
        bool ends =
            move->why == PLACEMENT_MOVE_LEAVE || move->load_from.n_guests == 1;
        gain += move->gain;
        if (options->goal == PLACEMENT_GOAL_PACK ? ends : gain > best) {
            best = gain;
            n = i + 1;
        }
    }
    plan->n_moves = n;
    placement_waves_sum_up(start, options->wholes, plan);
}
