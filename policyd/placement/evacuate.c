/*
 * To empty one host; see evacuate.h.
 *
 * Its guests are put in units: guests that hard rules hold together are one.
 * Units find their places one after the other, the largest first.
 */
#include "policyd/placement/evacuate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/spare.h"
#include "policyd/placement/together.h"
#include "policyd/placement/waves.h"

/* As many as several guests that are placed together get. */
#define ATTEMPTS 8

struct goer {
    uint32_t guest;
    uint32_t unit; /* the first of it, by its place among the goers */
    uint32_t to;   /* PLACEMENT_NONE: nowhere */
    uint32_t backup;
    struct vdc_error why;
};

struct evacuator {
    const struct placement_view *start; /* the host is not up */
    const struct placement_rebalance_options *options;
    struct placement_rebalance_options mine;
    const struct placement_policy *policy;
    uint32_t host;
    struct goer *goers; /* the guests of a unit side by side */
    uint32_t n;
    uint32_t *units; /* their first goers, in the order of the attempt */
    uint32_t n_units;
    uint32_t *placed; /* those that found a place, as they did */
    uint32_t n_placed;
    struct placement_view *view; /* of the attempt */
};

/* ---- units ---- */

static bool is_in(const struct placement_guest *guest, uint32_t group)
{
    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (guest->groups[i] == group)
            return true;
    return false;
}

static bool are_held_together(const struct placement_view *view,
                              const struct placement_guest *a,
                              const struct placement_guest *b)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < a->n_groups; i++) {
        uint32_t n = placement_view_rules(view, a->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++)
            if (sides[j].rule->hard && !sides[j].rule->anti &&
                is_in(b, sides[j].other))
                return true;
    }
    return false;
}

static void join(struct evacuator *e, uint32_t a, uint32_t b)
{
    uint32_t keep = e->goers[a].unit, lose = e->goers[b].unit;

    for (uint32_t i = 0; i < e->n; i++)
        if (e->goers[i].unit == lose)
            e->goers[i].unit = keep;
}

static int by_unit(const void *a, const void *b)
{
    const struct goer *x = a, *y = b;

    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    return x->guest < y->guest ? -1 : x->guest > y->guest;
}

static uint32_t unit_end(const struct evacuator *e, uint32_t first)
{
    uint32_t end = first + 1;

    while (end < e->n && e->goers[end].unit == e->goers[first].unit)
        end++;
    return end;
}

static uint64_t unit_kib(const struct evacuator *e, uint32_t first)
{
    uint64_t kib = 0;

    for (uint32_t i = first; i < unit_end(e, first); i++) {
        const struct placement_guest *guest =
            placement_view_guest(e->start, e->goers[i].guest);
        kib += guest->runs ? guest->spec.memory.kib : 0;
    }
    return kib;
}

static void find_units(struct evacuator *e)
{
    const struct placement_view *view = e->start;

    e->goers = xzalloc((placement_view_use(view, e->host)->n_guests + 1) *
                       sizeof(*e->goers));
    e->units = xzalloc((placement_view_use(view, e->host)->n_guests + 1) *
                       sizeof(*e->units));
    e->placed = xzalloc((placement_view_use(view, e->host)->n_guests + 1) *
                        sizeof(*e->placed));
    for (uint32_t g = placement_view_use(view, e->host)->first_guest;
         g != PLACEMENT_NONE; g = placement_view_guest(view, g)->next) {
        e->goers[e->n] = (struct goer){ .guest = g, .unit = e->n };
        e->n++;
    }
    for (uint32_t i = 0; i < e->n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (e->goers[i].unit != e->goers[j].unit &&
                are_held_together(
                    view, placement_view_guest(view, e->goers[i].guest),
                    placement_view_guest(view, e->goers[j].guest)))
                join(e, i, j);
    qsort(e->goers, e->n, sizeof(*e->goers), by_unit);
    for (uint32_t i = 0; i < e->n; i = unit_end(e, i)) {
        uint32_t at = e->n_units++;
        /* by insertion: of equal ones the first stays first */
        for (; at > 0 && unit_kib(e, e->units[at - 1]) < unit_kib(e, i); at--)
            e->units[at] = e->units[at - 1];
        e->units[at] = i;
    }
}

/* ---- where to ---- */

/* The host that is to be empty is nowhere to go, and not to be brought up. */
static bool leave_out_host(struct placement_view *view, uint32_t host)
{
    uint32_t next, g = placement_view_use(view, host)->first_guest;

    for (; g != PLACEMENT_NONE; g = next) {
        next = placement_view_guest(view, g)->next;
        placement_view_remove_guest(view, g);
    }
    return !placement_view_remove_host(view, host, NULL);
}

/* What placement says of the guest if it were not there: without the host,
 * unless another counts on it. */
static void explain(struct evacuator *e, struct goer *goer)
{
    struct placement_view *view = placement_view_copy(e->view);
    struct placement_request request;
    struct placement_decision decision;

    placement_step_request(view, &e->options->moving, goer->guest, &request);
    placement_view_remove_guest(view, goer->guest);
    if (!placement_choose(view, &request, e->policy, &decision, &goer->why)) {
        vdc_error_set(&goer->why, VDC_E_NO_HOST,
                      "a host has room, but a promise or guests elsewhere "
                      "that must be with it would suffer");
        vdc_error_hint(&goer->why, "move it by itself, or change the rule of "
                                   "its group");
    } else if (leave_out_host(view, e->host)) {
        struct vdc_error why = { 0 };
        if (placement_choose(view, &request, e->policy, &decision, &why))
            goer->why = why;
        if (!decision.n_hosts)
            vdc_error_set(&goer->why, VDC_E_NO_HOST, "there is no other host");
    }
    placement_view_free(view);
}

static bool place_one(struct evacuator *e, struct goer *goer)
{
    struct placement_rank best = { .host = PLACEMENT_NONE };
    struct placement_request request;
    struct placement_attempt attempt;
    uint32_t backup;

    placement_step_request(e->view, &e->options->moving, goer->guest,
                           &request);
    if (placement_attempt_init(&attempt, e->view, &request, e->policy,
                               &goer->why))
        return false;
    for (uint32_t i = 0; i < placement_view_n_hosts(e->view); i++) {
        if (!placement_step_is_cool(&e->options->moving, i) ||
            !placement_step_can(e->view, &e->options->moving, goer->guest, i,
                                &backup))
            continue;
        struct placement_rank rank =
            placement_score_rank(&attempt, e->policy, i);
        if (best.host != PLACEMENT_NONE &&
            !placement_rank_before(&rank, &best))
            continue;
        best = rank;
        goer->backup = backup;
    }
    if (best.host == PLACEMENT_NONE) {
        explain(e, goer);
        return false;
    }
    goer->to = best.host;
    return true;
}

/* Whether it is not with any of those it must be with, by one side. */
static bool is_lonely(const struct placement_view *view,
                      const struct placement_guest *guest,
                      const struct placement_rule_side *side)
{
    uint64_t self = is_in(guest, side->other);

    return side->rule->hard && !side->rule->anti &&
           placement_view_members(view, side->other) > self &&
           placement_view_near(view, side->other, side->rule->scope,
                               guest->host) == self;
}

/* Whether nobody is left alone who was not before. */
static bool keeps_company(const struct placement_view *before,
                          const struct placement_view *after)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < placement_view_guests_end(after); i++) {
        const struct placement_guest *guest = placement_view_guest(after, i);
        for (uint32_t j = 0; guest && j < guest->n_groups; j++) {
            uint32_t n = placement_view_rules(after, guest->groups[j], &sides);
            for (uint32_t k = 0; k < n; k++)
                if (is_lonely(after, guest, &sides[k]) &&
                    !is_lonely(before, placement_view_guest(before, i),
                               &sides[k]))
                    return false;
        }
    }
    return true;
}

static void spread_reason(struct evacuator *e, uint32_t first,
                          const struct vdc_error *why)
{
    for (uint32_t i = first; i < unit_end(e, first); i++)
        e->goers[i].why = *why;
}

/* All of a unit are taken off and placed together, in a copy; on one host, if
 * it is not PLACEMENT_NONE. */
static int try_unit(struct evacuator *e, uint32_t first, uint32_t host,
                    struct vdc_error *why)
{
    uint32_t n = unit_end(e, first) - first;
    struct placement_view *view = placement_view_copy(e->view);
    struct placement_request *requests = xzalloc(n * sizeof(*requests));
    struct placement_decision *decisions = xzalloc(n * sizeof(*decisions));
    uint32_t *guests = xzalloc(n * sizeof(*guests));
    struct goer *goers = e->goers + first;

    for (uint32_t i = 0; i < n; i++) {
        placement_step_request(view, &e->options->moving, goers[i].guest,
                               &requests[i]);
        if (host != PLACEMENT_NONE && !requests[i].pinned)
            requests[i].pinned = placement_view_host(view, host)->name;
    }
    for (uint32_t i = 0; i < n; i++)
        placement_view_remove_guest(view, goers[i].guest);
    int rc = placement_place_together(view, NULL, requests, n, e->policy,
                                      decisions, guests, why);
    for (uint32_t i = 0; !rc && i < n; i++) {
        goers[i].to = decisions[i].winner.host;
        goers[i].backup = decisions[i].backup;
    }
    free(requests);
    free(decisions);
    free(guests);
    placement_view_free(view);
    return rc;
}

/* Where it was put may be cool, and must leave nobody else alone. */
static int check_unit(struct evacuator *e, uint32_t first,
                      struct vdc_error *why)
{
    struct placement_view *after = placement_view_copy(e->view);
    bool cool = true;

    for (uint32_t i = first; i < unit_end(e, first); i++) {
        const struct goer *goer = &e->goers[i];
        cool = cool && placement_step_is_cool(&e->options->moving, goer->to);
        placement_step_do(after, goer->guest, goer->to, goer->backup,
                          e->options->moving.now_ms);
    }
    bool ok = keeps_company(e->view, after);
    placement_view_free(after);
    if (!cool)
        return vdc_error_set(why, VDC_E_NO_HOST,
                             "the host that has room was changed a short "
                             "time ago");
    return ok ? 0
              : vdc_error_set(why, VDC_E_NO_HOST,
                              "guests elsewhere would not be with those any "
                              "more that they must be with");
}

static bool place_unit(struct evacuator *e, uint32_t first)
{
    uint32_t n_hosts = placement_view_n_hosts(e->view);
    struct vdc_error why = { 0 };
    int rc = try_unit(e, first, PLACEMENT_NONE, &why);

    if (!rc)
        rc = check_unit(e, first, &why);
    /* the best host for one may be too small for all */
    for (uint32_t host = 0; rc && host < n_hosts; host++) {
        if (placement_view_host(e->view, host)->state != PLACEMENT_UP ||
            !placement_view_host(e->view, host)->name)
            continue;
        rc = try_unit(e, first, host, NULL);
        if (!rc)
            rc = check_unit(e, first, NULL);
    }
    if (rc)
        spread_reason(e, first, &why);
    return rc == 0;
}

/* One that must stay keeps those that must be with it. */
static bool may_go(struct evacuator *e, uint32_t first)
{
    struct placement_moving moving = e->options->moving;

    /* this host is changed on purpose */
    moving.host_changed_ms = NULL;
    for (uint32_t i = first; i < unit_end(e, first); i++) {
        enum placement_stay stay =
            placement_step_stay(e->start, &moving, e->goers[i].guest);
        if (stay == PLACEMENT_STAY_NOT)
            continue;
        struct vdc_error why = { 0 };
        vdc_error_set(&why, VDC_E_WRONG_STATE, "%s",
                      placement_step_stay_text(stay));
        vdc_error_hint(&why, stay == PLACEMENT_STAY_DOWN
                                 ? "recover it elsewhere"
                                 : "stop it, or wait");
        spread_reason(e, first, &why);
        if (unit_end(e, first) > first + 1)
            for (uint32_t j = first; j < unit_end(e, first); j++)
                if (j != i)
                    vdc_error_prefix(&e->goers[j].why,
                                     "a guest that it must be with cannot "
                                     "go");
        return false;
    }
    return true;
}

static bool place(struct evacuator *e, uint32_t first)
{
    uint32_t end = unit_end(e, first);

    if (!may_go(e, first) ||
        !(end - first == 1 ? place_one(e, &e->goers[first])
                           : place_unit(e, first))) {
        for (uint32_t i = first; i < end; i++)
            e->goers[i].to = PLACEMENT_NONE;
        return false;
    }
    for (uint32_t i = first; i < end; i++)
        placement_step_do(e->view, e->goers[i].guest, e->goers[i].to,
                          e->goers[i].backup, e->options->moving.now_ms);
    return true;
}

/* ---- attempts ---- */

static bool is_placed(const struct evacuator *e, uint32_t first)
{
    for (uint32_t i = 0; i < e->n_placed; i++)
        if (e->placed[i] == first)
            return true;
    return false;
}

/* *ret_failed: the first unit that found no place, by its place in the order;
 * n_units: none. */
static void pass(struct evacuator *e, uint32_t *ret_failed)
{
    *ret_failed = e->n_units;
    for (uint32_t i = 0; i < e->n_units; i++) {
        uint32_t first = e->units[i];
        if (is_placed(e, first))
            continue;
        if (place(e, first))
            e->placed[e->n_placed++] = first;
        else if (*ret_failed == e->n_units &&
                 e->goers[first].why.code != VDC_E_WRONG_STATE)
            *ret_failed = i;
    }
}

/* How many guests stay. Where some went less is kept for the death of this
 * host, so others may follow. */
static uint32_t attempt(struct evacuator *e, uint32_t *ret_failed)
{
    uint32_t n_stay = e->n, before;

    placement_view_free(e->view);
    e->view = placement_view_copy(e->start);
    e->n_placed = 0;
    do {
        before = e->n_placed;
        pass(e, ret_failed);
    } while (e->n_placed > before && *ret_failed < e->n_units);
    for (uint32_t i = 0; i < e->n_placed; i++)
        n_stay -= unit_end(e, e->placed[i]) - e->placed[i];
    return n_stay;
}

static void move_first(struct evacuator *e, uint32_t k)
{
    uint32_t moved = e->units[k];

    memmove(e->units + 1, e->units, k * sizeof(*e->units));
    e->units[0] = moved;
}

static void find_places(struct evacuator *e)
{
    uint32_t failed, again, least = attempt(e, &failed);
    uint32_t *best = xzalloc((e->n_units + 1) * sizeof(*best));

    memcpy(best, e->units, e->n_units * sizeof(*best));
    for (int i = 1; i < ATTEMPTS && failed > 0 && failed < e->n_units; i++) {
        move_first(e, failed);
        uint32_t n = attempt(e, &failed);
        if (n < least) {
            least = n;
            memcpy(best, e->units, e->n_units * sizeof(*best));
        }
    }
    memcpy(e->units, best, e->n_units * sizeof(*best));
    attempt(e, &again);
    free(best);
}

/* ---- what comes out ---- */

static void take_unit(struct placement_waves *waves, struct evacuator *e,
                      uint32_t first)
{
    uint32_t end = unit_end(e, first);

    if (end - first > 1) {
        if (waves->n_twins)
            placement_waves_end_wave(waves);
        for (uint32_t i = first; i < end; i++)
            placement_waves_put(waves, e->goers[i].guest, e->goers[i].to,
                                e->goers[i].backup);
        placement_waves_end_wave(waves);
        return;
    }
    struct goer *goer = &e->goers[first];
    if (!placement_waves_is_full(waves) &&
        placement_waves_take(waves, goer->guest, goer->to))
        return;
    if (waves->n_twins)
        placement_waves_end_wave(waves);
    if (placement_waves_take(waves, goer->guest, goer->to))
        return;
    /* another backup than it was placed with may stand in its way */
    goer->to = PLACEMENT_NONE;
    vdc_error_set(&goer->why, VDC_E_NO_HOST,
                  "the place that was found for it is taken by backups");
    vdc_error_hint(&goer->why, "try again when the others have gone");
}

static void find_backups(struct evacuator *e, struct placement_waves *waves,
                         struct placement_evacuation *ret)
{
    static const struct placement_policy any = { .name = "any" };
    struct placement_view *view = waves->sure;
    uint32_t n = placement_view_use(view, e->host)->n_backed;

    ret->rebacked = xzalloc((n + 1) * sizeof(*ret->rebacked));
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        struct placement_request request;
        struct placement_attempt attempt;
        uint32_t backup = PLACEMENT_NONE;
        if (!guest || !guest->protected || !guest->runs ||
            guest->backup != e->host || guest->host == e->host)
            continue;
        uint32_t on = guest->host;
        placement_view_set_backup(view, i, PLACEMENT_NONE);
        placement_step_request(view, &e->options->moving, i, &request);
        /* there it would begin anew */
        request.cpu = guest->cpu;
        if (!placement_attempt_init(&attempt, view, &request, &any, NULL))
            backup = placement_spare_backup(&attempt, on);
        placement_view_set_backup(view, i, backup);
        ret->rebacked[ret->n_rebacked++] =
            (struct placement_rebacked){ i, backup };
    }
}

static void report(struct evacuator *e, struct placement_evacuation *ret)
{
    struct placement_waves waves;

    placement_waves_init(&waves, e->start, &e->mine, &ret->plan);
    for (uint32_t i = 0; i < e->n_placed; i++)
        take_unit(&waves, e, e->placed[i]);
    if (waves.n_twins)
        placement_waves_end_wave(&waves);
    find_backups(e, &waves, ret);
    placement_waves_fini(&waves);
    placement_waves_sum_up(e->start, e->options->wholes, &ret->plan);
    ret->stuck = xzalloc((e->n + 1) * sizeof(*ret->stuck));
    for (uint32_t i = 0; i < e->n; i++)
        if (e->goers[i].to == PLACEMENT_NONE)
            ret->stuck[ret->n_stuck++] =
                (struct placement_stuck){ e->goers[i].guest, e->goers[i].why };
}

int placement_evacuate(const struct placement_view *view, uint32_t host,
                       const struct placement_rebalance_options *options,
                       const struct placement_policy *policy,
                       struct placement_evacuation *ret, struct vdc_error *err)
{
    struct evacuator e = {
        .options = options, .mine = *options, .policy = policy, .host = host
    };

    if (host >= placement_view_n_hosts(view) ||
        !placement_view_host(view, host)->name)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such host");
    struct placement_view *start = placement_view_copy(view);
    if (placement_view_host(view, host)->state == PLACEMENT_UP)
        placement_view_set_state(start, host, PLACEMENT_DRAINING);
    e.start = start;
    e.mine.goal = PLACEMENT_GOAL_EVEN;
    *ret = (struct placement_evacuation){ 0 };
    find_units(&e);
    find_places(&e);
    report(&e, ret);
    placement_view_free(e.view);
    placement_view_free(start);
    free(e.goers);
    free(e.units);
    free(e.placed);
    return 0;
}

void placement_evacuation_fini(struct placement_evacuation *evacuation)
{
    placement_plan_fini(&evacuation->plan);
    free(evacuation->stuck);
    free(evacuation->rebacked);
    *evacuation = (struct placement_evacuation){ 0 };
}
