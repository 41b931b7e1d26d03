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
/* Guests whose kinds are found, and steps that are taken, in one step. */
#define AT_ONCE 128

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

enum stage {
    FIND,    /* which moves there are in the end */
    KINDS,   /* of which kind each guest is */
    SHORTEN, /* kind by kind */
    COPY,    /* the view, of which there are to be two more */
    WAVES,   /* wave by wave */
    COPY_AGAIN,
    STEPS,   /* or the steps as they were found */
    SUM_UP,
    PLANNED
};

struct placement_planner {
    struct placement_run *run;
    struct placement_plan *plan;
    struct placement_waves waves;
    bool has_waves; /* begun, and not ended */
    struct placement_view *copy; /* for them; NULL: they have it */
    struct pending *pendings;
    uint32_t n_pendings;

    enum stage stage;
    uint32_t at; /* whose turn it is, in this stage */
    bool in_order;
    struct kind *kinds;
    uint32_t n_kinds;
};

/* ---- which moves ---- */

static void find_pendings(struct placement_planner *planner)
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
 * the other stays.  Of the i-th of `n` whose hashes are the same. */
static void shorten(struct placement_planner *planner,
                    const struct kind *kinds, uint32_t n, uint32_t i)
{
    const struct placement_view *start = planner->run->start;
    struct pending *all = planner->pendings, *x = &all[kinds[i].at];

    for (uint32_t j = 0; j < n; j++) {
        struct pending *y = &all[kinds[j].at];
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

/* True: all kinds are known, and in their order. */
static bool find_kinds(struct placement_planner *planner)
{
    const struct placement_run *run = planner->run;

    for (int n = 0; planner->at < planner->n_pendings; n++) {
        if (n == AT_ONCE)
            return false;
        uint32_t at = planner->at++, guest = planner->pendings[at].guest;
        if (placement_view_guest(run->start, guest)->protected)
            continue;
        struct kind *kind = &planner->kinds[planner->n_kinds++];
        placement_step_request(run->start, &run->options->moving, guest,
                               &kind->request);
        memset(&kind->request.uuid, 0, sizeof(kind->request.uuid));
        kind->guest = guest;
        kind->at = at;
        kind->hash = hash_of(&kind->request, sizeof(kind->request));
    }
    qsort(planner->kinds, planner->n_kinds, sizeof(*planner->kinds), by_kind);
    return true;
}

/* The next one, among its like; true: that was all. */
static bool shorten_once(struct placement_planner *planner)
{
    const struct kind *kinds = planner->kinds;
    uint32_t i = planner->at++, from = i, end = i + 1;

    if (i >= planner->n_kinds)
        return true;
    while (from > 0 && kinds[from - 1].hash == kinds[i].hash)
        from--;
    while (end < planner->n_kinds && kinds[end].hash == kinds[i].hash)
        end++;
    shorten(planner, kinds + from, end - from, i - from);
    return false;
}

static void drop_those_that_stay(struct placement_planner *planner)
{
    uint32_t n_left = 0;

    for (uint32_t i = 0; i < planner->n_pendings; i++)
        if (planner->pendings[i].to != PLACEMENT_NONE)
            planner->pendings[n_left++] = planner->pendings[i];
    planner->n_pendings = n_left;
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
static void order(struct placement_planner *planner)
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

static bool take_wave(struct placement_planner *planner)
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

/* Some of the steps as they were found; true: that was all. */
static bool take_steps(struct placement_planner *planner)
{
    const struct placement_run *run = planner->run;

    for (int n = 0; n < AT_ONCE && planner->at < run->n_raws; n++) {
        const struct placement_raw *raw = &run->raws[planner->at++];
        if (!placement_waves_take(&planner->waves, raw->guest, raw->to))
            return true;
        placement_waves_end_wave(&planner->waves);
    }
    return planner->at == run->n_raws;
}

/* ---- the plan ---- */

static void end_waves(struct placement_planner *planner)
{
    if (planner->has_waves)
        placement_waves_fini(&planner->waves);
    planner->has_waves = false;
}

/* True: they were begun before, and may be filled. */
static bool begin_waves(struct placement_planner *planner)
{
    if (planner->has_waves)
        return true;
    placement_waves_init_with(&planner->waves, planner->run->start,
                              planner->copy, planner->run->options,
                              planner->plan);
    planner->copy = NULL;
    planner->has_waves = true;
    return false;
}

/* True: that was all of the stage. */
static bool go_on(struct placement_planner *planner)
{
    switch (planner->stage) {
    case FIND:
        find_pendings(planner);
        placement_run_release(planner->run);
        planner->kinds =
            xzalloc((planner->n_pendings + 1) * sizeof(*planner->kinds));
        return true;
    case KINDS:
        return find_kinds(planner);
    case SHORTEN:
        return shorten_once(planner);
    case COPY:
    case COPY_AGAIN:
        planner->copy = placement_view_copy(planner->run->start);
        return true;
    case WAVES:
        return begin_waves(planner) &&
               (!planner->n_pendings || !take_wave(planner));
    case STEPS:
        return begin_waves(planner) && take_steps(planner);
    case SUM_UP:
        placement_waves_sum_up(planner->run->start,
                               planner->run->options->wholes, planner->plan);
        return true;
    case PLANNED:
        return true;
    }
    return true;
}

static void next_stage(struct placement_planner *planner)
{
    planner->at = 0;
    switch (planner->stage) {
    case FIND:
        planner->stage = KINDS;
        return;
    case KINDS:
        planner->stage = SHORTEN;
        return;
    case SHORTEN:
        drop_those_that_stay(planner);
        planner->stage = COPY;
        return;
    case COPY:
        planner->stage = WAVES;
        return;
    case WAVES:
        planner->in_order = planner->n_pendings == 0;
        end_waves(planner);
        planner->stage = planner->in_order ? SUM_UP : COPY_AGAIN;
        return;
    case COPY_AGAIN:
        planner->stage = STEPS;
        return;
    case STEPS:
        end_waves(planner);
        planner->stage = SUM_UP;
        return;
    case SUM_UP:
        planner->stage = PLANNED;
        return;
    case PLANNED:
        return;
    }
}

bool placement_planner_step(struct placement_planner *planner)
{
    if (go_on(planner))
        next_stage(planner);
    return planner->stage == PLANNED;
}

bool placement_planner_in_order(const struct placement_planner *planner)
{
    return planner->in_order;
}

struct placement_planner *placement_planner_new(struct placement_run *run,
                                                struct placement_plan *ret)
{
    struct placement_planner *planner = XNEW(struct placement_planner);

    planner->run = run;
    planner->plan = ret;
    return planner;
}

void placement_planner_free(struct placement_planner *planner)
{
    if (!planner)
        return;
    end_waves(planner);
    placement_view_free(planner->copy);
    free(planner->kinds);
    free(planner->pendings);
    free(planner);
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
