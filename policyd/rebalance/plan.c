/*
 * Plans of moves, on a copy of the standing view; see plan.h.
 */
#include "policyd/rebalance/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/evacuate.h"
#include "policyd/placement/rebalance.h"

/* As wire.def has them. */
#define MOVES_MAX 4096

struct question {
    const struct plan_question *asked;
    struct arena *arena;
    const struct wire_move_query *query;
    const struct placement_view *view;
    struct placement_rebalance_options options;
    int64_t *since_ms; /* by guest: when it came where it is */
};

/* ---- what is asked ---- */

static int64_t *all_since(const struct placement_view *view)
{
    uint32_t n = placement_view_guests_end(view);
    int64_t *since = xzalloc((n + 1) * sizeof(*since));

    for (uint32_t i = 0; i < n; i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        since[i] = guest ? guest->since_ms : INT64_MIN;
    }
    return since;
}

/* Who cannot be moved just now; and room that is kept for who is. */
static bool is_held(void *arg, uint32_t guest)
{
    const struct question *q = arg;
    const struct vdc_uuid *uuid = &placement_view_guest(q->view, guest)->uuid;
    const struct assignment *a = book_assignment(q->asked->ops->book, uuid);

    return !a || book_moves(a) ||
           (q->asked->is_held && q->asked->is_held(q->asked->arg, a));
}

static void ask(const struct plan_question *asked, struct arena *arena,
                struct question *ret)
{
    const struct wire_move_query *query = asked->query;
    const struct placement_view *view =
        inventory_view(asked->ops->inventory);
    int64_t *since = all_since(view);

    *ret = (struct question){
        .asked = asked,
        .arena = arena,
        .query = query,
        .view = view,
        .since_ms = since,
        .options = {
            .goal = query->goal == WIRE_MOVE_PACK ? PLACEMENT_GOAL_PACK
                                                  : PLACEMENT_GOAL_EVEN,
            .moving = { .now_ms = (int64_t)clock_wall().ms,
                        .cool_down_ms = (int64_t)query->cool_down_ms,
                        .guest_moved_ms = since,
                        .n_guest_moved = placement_view_guests_end(view),
                        .is_held = is_held,
                        .arg = ret },
            .min_gain = (double)query->min_gain / 1e8,
            .max_moves = query->max_moves,
            .parallel = query->parallel,
            .mib_per_s = query->mib_per_s,
        },
    };
}

/* ---- what is answered ---- */

static const char *host_name(const struct question *q, uint32_t host)
{
    if (host == PLACEMENT_NONE)
        return "";
    return arena_strdup(
        q->arena,
        placement_view_text(q->view,
                            placement_view_host(q->view, host)->name));
}

static const char *guest_name(const struct question *q, uint32_t guest)
{
    const struct assignment *a = book_assignment(
        q->asked->ops->book, &placement_view_guest(q->view, guest)->uuid);

    return a ? arena_printf(q->arena, "%s.%s", a->customer->name,
                            a->name)
             : "";
}

static int64_t wire_score(double score)
{
    return (int64_t)llround(score * 1e8);
}

static void tell_move(const struct question *q,
                      const struct placement_move *move, struct wire_move *ret)
{
    char reason[PLACEMENT_MOVE_REASON_MAX + 1];

    wire_init(&wire_struct_move, ret);
    ret->guest = guest_name(q, move->guest);
    ret->uuid = placement_view_guest(q->view, move->guest)->uuid;
    ret->from = host_name(q, move->from);
    ret->to = host_name(q, move->to);
    ret->wave = move->wave + 1;
    ret->reason = arena_strdup(
        q->arena,
        placement_move_reason(q->view, move, reason, sizeof(reason)));
    ret->gain = wire_score(move->gain);
    ret->memory = move->memory;
    ret->time_ms = move->time_ms;
    ret->backup = host_name(q, move->backup);
}

static void tell_plan(const struct question *q,
                      const struct placement_plan *plan,
                      struct wire_move_plan *ret)
{
    wire_init(&wire_struct_move_plan, ret);
    ret->before = wire_score(plan->before);
    ret->after = wire_score(plan->after);
    ret->used_before = plan->used_before;
    ret->used_after = plan->used_after;
    ret->of_hosts = placement_view_n_present(q->view);
    ret->waves = plan->n_waves;
    ret->memory = plan->memory;
    ret->time_ms = plan->time_ms;
    ret->of_moves = plan->n_moves;
    ret->n_moves = plan->n_moves < MOVES_MAX ? plan->n_moves : MOVES_MAX;
    ret->moves =
        ARENA_ARRAY(q->arena, ret->n_moves, struct wire_move);
    for (uint32_t i = 0; i < ret->n_moves; i++)
        tell_move(q, &plan->moves[i], &ret->moves[i]);
}

static int rebalance(struct question *q, struct wire_move_plan *ret,
                     struct vdc_error *err)
{
    struct placement_plan plan;
    int rc = placement_rebalance(q->view, &q->options, &plan, err);

    if (rc)
        return rc;
    tell_plan(q, &plan, ret);
    placement_plan_fini(&plan);
    return 0;
}

/* ---- emptying a host ---- */

static void tell_stuck(const struct question *q,
                       const struct placement_evacuation *evacuation,
                       struct wire_move_plan *ret)
{
    uint32_t n = evacuation->n_stuck;

    ret->of_stuck = n;
    ret->n_stuck = n < MOVES_MAX ? n : MOVES_MAX;
    ret->stuck =
        ARENA_ARRAY(q->arena, ret->n_stuck, struct wire_move_stuck);
    ret->n_stuck = 0;
    for (uint32_t i = 0; i < n && ret->n_stuck < MOVES_MAX; i++) {
        const struct placement_stuck *stuck = &evacuation->stuck[i];
        struct wire_move_stuck *to = &ret->stuck[ret->n_stuck];
        if (!*guest_name(q, stuck->guest)) { /* it is only room */
            ret->of_stuck--;
            continue;
        }
        ret->n_stuck++;
        wire_init(&wire_struct_move_stuck, to);
        to->guest = guest_name(q, stuck->guest);
        to->uuid = placement_view_guest(q->view, stuck->guest)->uuid;
        explain_error(&stuck->why, q->arena, &to->error);
    }
}

static void tell_backups(const struct question *q,
                         const struct placement_evacuation *evacuation,
                         struct wire_move_plan *ret)
{
    uint32_t n = evacuation->n_rebacked;

    ret->n_backups = n < MOVES_MAX ? n : MOVES_MAX;
    ret->backups = ARENA_ARRAY(q->arena, ret->n_backups,
                               struct wire_move_backup);
    for (uint32_t i = 0; i < ret->n_backups; i++) {
        const struct placement_rebacked *rebacked = &evacuation->rebacked[i];
        struct wire_move_backup *to = &ret->backups[i];
        wire_init(&wire_struct_move_backup, to);
        to->guest = guest_name(q, rebacked->guest);
        to->backup = host_name(q, rebacked->backup);
    }
}

static int evacuate(struct question *q, struct wire_move_plan *ret,
                    struct vdc_error *err)
{
    struct placement_evacuation evacuation;
    uint32_t host =
        inventory_find_host(q->asked->ops->inventory, q->query->host);

    if (host == PLACEMENT_NONE) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s",
                      q->query->host);
        vdc_error_hint(err, "'xl-vdc host-list' shows them");
        return VDC_E_NOT_FOUND;
    }
    int rc = placement_evacuate(q->view, host, &q->options,
                                placement_policy_find("spread"), &evacuation,
                                err);
    if (rc)
        return rc;
    tell_plan(q, &evacuation.plan, ret);
    tell_stuck(q, &evacuation, ret);
    tell_backups(q, &evacuation, ret);
    placement_evacuation_fini(&evacuation);
    return 0;
}

int plan_make(const struct plan_question *asked, struct arena *arena,
              struct wire_move_plan *ret, struct vdc_error *err)
{
    struct question q;

    ask(asked, arena, &q);
    int rc = asked->evacuates ? evacuate(&q, ret, err)
                              : rebalance(&q, ret, err);
    free(q.since_ms);
    return rc;
}
