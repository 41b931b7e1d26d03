/*
 * Moves in waves; see waves.h.
 */
#include "policyd/placement/waves.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

/* ---- one move ---- */

static bool is_ruled(const struct placement_view *view,
                     const struct placement_guest *guest)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (placement_view_rules(view, guest->groups[i], &sides))
            return true;
    return false;
}

static struct placement_load load_of(const struct placement_view *view,
                                     uint32_t host)
{
    uint64_t most = placement_view_host(view, host)->memory.kib;
    const struct placement_use *use = placement_view_use(view, host);
    uint64_t used = use->memory.kib < most ? use->memory.kib : most;

    return (struct placement_load){
        .n_guests = use->n_guests,
        .free_percent = most ? (uint32_t)((most - used) * 100 / most) : 0,
    };
}

static enum placement_move_why why_of(const struct placement_waves *waves,
                                      const struct placement_move *move,
                                      double by_rules)
{
    if (placement_view_host(waves->sure, move->from)->state != PLACEMENT_UP)
        return PLACEMENT_MOVE_LEAVE;
    if (waves->pack)
        return PLACEMENT_MOVE_EMPTY;
    if (by_rules > 0)
        return PLACEMENT_MOVE_RULE;
    return move->gain > 0 ? PLACEMENT_MOVE_EVEN : PLACEMENT_MOVE_ROOM;
}

/* In `sure`, and what is told of it. */
static void do_move(struct placement_waves *waves, uint32_t guest, uint32_t to,
                    uint32_t backup)
{
    const struct placement_guest *g = placement_view_guest(waves->sure, guest);
    struct placement_balance *balance = &waves->balance;
    uint32_t mib_per_s = waves->mib_per_s;
    struct placement_move move = {
        .guest = guest,
        .from = g->host,
        .to = to,
        .backup = backup,
        .wave = waves->plan->n_waves,
        .load_from = load_of(waves->sure, g->host),
        .load_to = load_of(waves->sure, to),
        .memory = g->runs ? g->spec.memory : MEM_KIB(0),
    };
    const uint32_t hosts[4] = { move.from, to, g->backup, backup };
    double before = placement_balance_score(balance);
    double by_rules = placement_balance_rules_gain(waves->sure, g, to);

    placement_step_do(waves->sure, guest, to, backup, waves->moving->now_ms);
    placement_balance_gained(balance, by_rules);
    for (int i = 0; i < 4; i++)
        if (hosts[i] != PLACEMENT_NONE)
            placement_balance_update(balance, hosts[i]);
    move.gain = before - placement_balance_score(balance);
    move.why = why_of(waves, &move, by_rules);
    if (mib_per_s)
        move.time_ms = move.memory.kib * 1000 / 1024 / mib_per_s;
    if (waves->plan->n_moves == waves->moves_max) {
        waves->moves_max = waves->moves_max * 2 + 64;
        waves->plan->moves =
            xrealloc(waves->plan->moves,
                     waves->moves_max * sizeof(*waves->plan->moves));
    }
    waves->plan->moves[waves->plan->n_moves++] = move;
}

void placement_waves_put(struct placement_waves *waves, uint32_t guest,
                         uint32_t to, uint32_t backup)
{
    struct placement_guest twin = *placement_view_guest(waves->during, guest);

    placement_step_do(waves->during, guest, to, backup, waves->moving->now_ms);
    /* nobody is to rely on where it was; what is kept for it until it has
     * gone stays kept */
    twin.n_groups = 0;
    if (twin.backup == to || !twin.runs)
        twin.backup = PLACEMENT_NONE;
    if (waves->n_twins == waves->twins_max) {
        waves->twins_max = waves->twins_max * 2 + 16;
        waves->twins =
            xrealloc(waves->twins, waves->twins_max * sizeof(*waves->twins));
    }
    int rc = placement_view_add_guest(waves->during, &twin,
                                      &waves->twins[waves->n_twins], NULL);
    assert(rc == 0);
    (void)rc;
    waves->n_twins++;
    do_move(waves, guest, to, backup);
}

/* Also while those go that are in this wave already: they have their room on
 * both hosts, and so has this one then. */
bool placement_waves_take(struct placement_waves *waves, uint32_t guest,
                          uint32_t to)
{
    bool ruled =
        is_ruled(waves->during, placement_view_guest(waves->during, guest));
    uint32_t backup;

    if ((ruled && waves->has_ruled) ||
        !placement_step_can(waves->during, waves->moving, guest, to, &backup))
        return false;
    placement_waves_put(waves, guest, to, backup);
    waves->has_ruled = waves->has_ruled || ruled;
    return true;
}

bool placement_waves_is_full(const struct placement_waves *waves)
{
    return waves->n_twins >= waves->parallel;
}

void placement_waves_end_wave(struct placement_waves *waves)
{
    while (waves->n_twins > 0)
        placement_view_remove_guest(waves->during,
                                    waves->twins[--waves->n_twins]);
    waves->has_ruled = false;
    waves->plan->n_waves++;
}

/* ---- the whole ---- */

void placement_waves_init(struct placement_waves *waves,
                          const struct placement_view *view,
                          const struct placement_rebalance_options *options,
                          struct placement_plan *plan)
{
    placement_waves_init_with(waves, view, placement_view_copy(view), options,
                              plan);
}

void placement_waves_init_with(
    struct placement_waves *waves, const struct placement_view *view,
    struct placement_view *copy,
    const struct placement_rebalance_options *options,
    struct placement_plan *plan)
{
    *waves = (struct placement_waves){
        .sure = placement_view_copy(view),
        .during = copy,
        .plan = plan,
        .moving = &options->moving,
        .parallel = options->parallel ? options->parallel : 1,
        .mib_per_s = options->mib_per_s,
        .pack = options->goal == PLACEMENT_GOAL_PACK,
    };
    placement_plan_fini(plan);
    placement_balance_init(&waves->balance, waves->sure, options->wholes);
    plan->before = placement_balance_score(&waves->balance);
}

void placement_waves_fini(struct placement_waves *waves)
{
    placement_balance_fini(&waves->balance);
    placement_view_free(waves->sure);
    placement_view_free(waves->during);
    free(waves->twins);
}

static uint32_t n_used(const struct placement_view *view)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++)
        n += placement_view_use(view, i)->n_guests > 0;
    return n;
}

void placement_waves_sum_up(const struct placement_view *start,
                            const struct placement_whole *wholes,
                            struct placement_plan *plan)
{
    struct placement_view *view = placement_view_copy(start);
    struct placement_balance balance;
    uint64_t longest_ms = 0;

    plan->n_waves = 0;
    plan->memory = MEM_KIB(0);
    plan->time_ms = 0;
    for (uint32_t i = 0; i < plan->n_moves; i++) {
        const struct placement_move *move = &plan->moves[i];
        placement_step_do(view, move->guest, move->to, move->backup, 0);
        plan->memory.kib += move->memory.kib;
        if (move->wave + 1 != plan->n_waves) {
            plan->time_ms += longest_ms;
            longest_ms = 0;
        }
        plan->n_waves = move->wave + 1;
        if (move->time_ms > longest_ms)
            longest_ms = move->time_ms;
    }
    plan->time_ms += longest_ms;
    plan->used_before = n_used(start);
    plan->used_after = n_used(view);
    placement_balance_init(&balance, view, wholes);
    plan->after = placement_balance_score(&balance);
    placement_balance_fini(&balance);
    placement_view_free(view);
}
