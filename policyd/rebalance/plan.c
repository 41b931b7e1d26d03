/*
 * Plans of moves, on a copy of the standing view; see plan.h.
 */
#include "policyd/rebalance/plan.h"

#include <event2/event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/inventory.h"
#include "policyd/metrics/metrics.h"
#include "policyd/placement/evacuate.h"
#include "policyd/placement/rebalance.h"

/* As wire.def has them. */
#define MOVES_MAX 4096
/* Of each turn of the loop; then others have theirs. */
#define TURN_US 4000

enum held { NOT_ASKED, HELD, NOT_HELD };

struct question {
    LIST_ENTRY(question) link;
    struct plan_question asked;
    struct wire_move_query query;
    struct arena *arena;
    const struct placement_view *view; /* that the plan is of */
    struct placement_rebalance_options options;
    int64_t *since_ms; /* by guest: when it came where it is */
    uint8_t *held;     /* by guest: enum held, as it was asked for first */
    struct placement_rebalancing *rebalancing; /* NULL: not begun */
    struct event *timer;
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
static bool find_held(const struct question *q, uint32_t guest)
{
    const struct vdc_uuid *uuid = &placement_view_guest(q->view, guest)->uuid;
    const struct assignment *a = book_assignment(q->asked.ops->book, uuid);

    return !a || book_moves(a) ||
           (q->asked.is_held && q->asked.is_held(q->asked.arg, a));
}

/* The same all the time, while guests begin and end to move. */
static bool is_held(void *arg, uint32_t guest)
{
    const struct question *q = arg;

    if (q->held[guest] == NOT_ASKED)
        q->held[guest] = find_held(q, guest) ? HELD : NOT_HELD;
    return q->held[guest] == HELD;
}

static void ask(struct question *q)
{
    const struct wire_move_query *query = &q->query;
    const struct placement_view *view =
        inventory_view(q->asked.ops->inventory);

    q->view = view;
    q->since_ms = all_since(view);
    q->held = xzalloc(placement_view_guests_end(view) + 1);
    q->options = (struct placement_rebalance_options){
        .goal = query->goal == WIRE_MOVE_PACK ? PLACEMENT_GOAL_PACK
                                              : PLACEMENT_GOAL_EVEN,
        .moving = { .now_ms = (int64_t)clock_wall().ms,
                    .cool_down_ms = (int64_t)query->cool_down_ms,
                    .guest_moved_ms = q->since_ms,
                    .n_guest_moved = placement_view_guests_end(view),
                    .is_held = is_held,
                    .arg = q },
        .min_gain = (double)query->min_gain / 1e8,
        .max_moves = query->max_moves,
        .parallel = query->parallel,
        .mib_per_s = query->mib_per_s,
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
        q->asked.ops->book, &placement_view_guest(q->view, guest)->uuid);

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
    ret->moves = ARENA_ARRAY(
        q->arena, plan->n_moves < MOVES_MAX ? plan->n_moves : MOVES_MAX,
        struct wire_move);
    for (uint32_t i = 0; i < plan->n_moves && ret->n_moves < MOVES_MAX; i++) {
        struct wire_move *to = &ret->moves[ret->n_moves];
        tell_move(q, &plan->moves[i], to);
        if (*to->guest)
            ret->n_moves++;
        else /* it went while it was planned */
            ret->of_moves--;
    }
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
        inventory_find_host(q->asked.ops->inventory, q->query.host);

    if (host == PLACEMENT_NONE) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s",
                      q->query.host);
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

/* ---- in pieces ---- */

static void free_question(struct question *q)
{
    LIST_REMOVE(q, link);
    placement_rebalancing_free(q->rebalancing);
    event_free(q->timer);
    free(q->since_ms);
    free(q->held);
    free(q);
}

static void end(struct question *q, struct wire_move_plan *plan,
                const struct vdc_error *err)
{
    const struct plan_question asked = q->asked;

    free_question(q);
    asked.done(asked.arg, plan, err);
}

static void go_on_soon(const struct question *q)
{
    const struct timeval at_once = { 0, 0 };

    evtimer_add(q->timer, &at_once);
}

/* True: that was all. */
static bool go_on(struct question *q)
{
    uint64_t begun_us = metrics_now_us();
    bool all;

    do
        all = placement_rebalancing_step(q->rebalancing);
    while (!all && metrics_now_us() - begun_us < TURN_US);
    return all;
}

static int begin_rebalance(struct question *q, struct vdc_error *err)
{
    int rc = placement_rebalancing_new(q->view, &q->options, &q->rebalancing,
                                       err);

    if (!rc)
        q->view = placement_rebalancing_view(q->rebalancing);
    return rc;
}

/* It may be over after that. */
static void begin(struct question *q)
{
    struct wire_move_plan plan;
    struct vdc_error err = { 0 };
    int rc;

    ask(q);
    if (q->asked.evacuates)
        rc = evacuate(q, &plan, &err);
    else
        rc = begin_rebalance(q, &err);
    if (rc || q->asked.evacuates)
        end(q, &plan, rc ? &err : NULL);
    else
        go_on_soon(q);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct question *q = arg;
    struct wire_move_plan plan;
    struct vdc_error err = { 0 };

    if (q->asked.is_unwanted && q->asked.is_unwanted(q->asked.arg)) {
        vdc_error_set(&err, VDC_E_CANCELLED, "nobody waits for it any more");
        end(q, NULL, &err);
    } else if (!q->rebalancing) {
        begin(q);
    } else if (go_on(q)) {
        tell_plan(q, placement_rebalancing_plan(q->rebalancing), &plan);
        end(q, &plan, NULL);
    } else {
        go_on_soon(q);
    }
}

void plan_begin(const struct plan_question *question, struct arena *arena)
{
    struct operations *ops = question->ops;
    struct question *q = XNEW(struct question);

    q->asked = *question;
    q->query = *question->query;
    q->arena = arena;
    q->timer = evtimer_new(ops->base, on_timer, q);
    LIST_INSERT_HEAD(&ops->plans, q, link);
    go_on_soon(q);
}

void plans_stop(struct operations *ops)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_CLOSED, "policyd is being stopped");
    while (!LIST_EMPTY(&ops->plans))
        end(LIST_FIRST(&ops->plans), NULL, &err);
}
