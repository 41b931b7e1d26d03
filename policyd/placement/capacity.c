/*
 * How many more guests fit; see capacity.h.
 */
#include "policyd/placement/capacity.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/index.h"

struct placement_filling {
    struct placement_view *view;
    struct placement_request request; /* with the spec of this tier */
    /* For those that are placed one by one; NULL: host by host. */
    struct placement_index *index;
    struct placement_attempt attempt; /* host by host: of this tier */
    uint32_t at;                      /* those before it are full */
    struct placement_policy policy;
    bool tiered;
    bool done;
    bool refused; /* once, so that why is said */
    uint64_t most;
    uint64_t n_tier; /* of this spec */
    struct placement_capacity result;
};

/* What a host takes depends on nothing but what it has left, so how many fit
 * does not depend on which come first. */
static bool is_by_host(const struct placement_attempt *attempt)
{
    uint32_t live =
        placement_constraint_asked(attempt, PLACEMENT_KIND_LIVE);

    return (live & ~(UINT32_C(1) << PLACEMENT_MUST_PINNED)) == 0;
}

/* Begins with the first host; it was asked whether it can be before, and a
 * spec that became smaller can be, too. */
static void begin_tier(struct placement_filling *filling)
{
    int rc = placement_attempt_init(&filling->attempt, filling->view,
                                    &filling->request, &filling->policy, NULL);

    assert(rc == 0);
    (void)rc;
    filling->at = 0;
}

int placement_filling_new(const struct placement_view *view,
                          const struct placement_request *request,
                          const struct placement_policy *policy, bool tiered,
                          uint64_t most, struct placement_filling **ret,
                          struct vdc_error *err)
{
    const struct placement_spec *spec = &request->spec;
    struct placement_attempt attempt;
    int rc = placement_attempt_init(&attempt, view, request, policy, err);

    if (rc)
        return rc;
    if (!spec->memory.kib && !spec->vcpus && !spec->n_disks &&
        !spec->n_devices)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "any number of guests of nothing fit");
    struct placement_filling *filling = XNEW(struct placement_filling);
    filling->request = *request;
    filling->policy = *policy;
    if (is_by_host(&attempt)) {
        filling->view = placement_view_copy_room(view);
        begin_tier(filling);
    } else {
        filling->view = placement_view_copy(view);
        filling->index = placement_index_new(filling->view);
    }
    filling->tiered = tiered;
    filling->most = most;
    *ret = filling;
    return 0;
}

void placement_filling_free(struct placement_filling *filling)
{
    if (!filling)
        return;
    placement_index_free(filling->index);
    placement_view_free(filling->view);
    free(filling);
}

/* ---- a smaller spec ---- */

/* What a constraint is about, that can be asked less of. */
enum part { MEMORY, VCPUS, DISK, NOTHING };

static enum part part_of(enum placement_constraint constraint,
                         const struct placement_spec *spec)
{
    if (constraint == PLACEMENT_MUST_MEMORY ||
        constraint == PLACEMENT_MUST_SPARE ||
        constraint == PLACEMENT_MUST_BACKUP)
        return MEMORY;
    if (constraint == PLACEMENT_MUST_VCPUS)
        return VCPUS;
    if (constraint == PLACEMENT_MUST_DISK && spec->n_disks == 1)
        return DISK;
    return NOTHING;
}

static uint64_t value_of(const struct placement_spec *spec, enum part part)
{
    return part == MEMORY  ? spec->memory.kib
           : part == VCPUS ? spec->vcpus
                           : spec->disks[0].amount;
}

static void set_value(struct placement_spec *spec, enum part part, uint64_t n)
{
    if (part == MEMORY)
        spec->memory = MEM_KIB(n);
    else if (part == VCPUS)
        spec->vcpus = (uint32_t)n;
    else
        spec->disks[0].amount = n;
}

static uint64_t step_of(enum part part)
{
    return part == MEMORY ? PLACEMENT_TIER_MEMORY.kib
           : part == DISK ? PLACEMENT_TIER_DISK.kib
                          : 1;
}

/* The value without what is lacking, in whole steps; 0: nothing is left. */
static uint64_t less(uint64_t value, uint64_t lacks, enum part part,
                     enum placement_constraint constraint)
{
    uint64_t step = step_of(part);

    if (constraint == PLACEMENT_MUST_BACKUP) /* not told in memory */
        lacks = value / 8 > step ? value / 8 : step;
    if (lacks >= value)
        return 0;
    uint64_t left = value - lacks;
    left -= left % step;
    return left == value ? value - step : left;
}

/* The change that leaves the largest part of what is asked; of hosts that
 * lack only one thing, if there are such. */
static bool shrink(struct placement_spec *spec,
                   const struct placement_decision *decision)
{
    enum part best = NOTHING;
    uint64_t best_left = 0, best_part = 0;
    bool only = false;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        only |= decision->excluded[i].n_only > 0 &&
                part_of((enum placement_constraint)i, spec) != NOTHING;
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        const struct placement_exclusion *e = &decision->excluded[i];
        enum placement_constraint constraint = (enum placement_constraint)i;
        enum part part = part_of(constraint, spec);
        if (part == NOTHING || !(only ? e->n_only : e->n_hosts))
            continue;
        uint64_t value = value_of(spec, part);
        uint64_t left = less(value, e->lacks, part, constraint);
        if (left && left * PLACEMENT_ONE / value > best_part) {
            best = part;
            best_left = left;
            best_part = left * PLACEMENT_ONE / value;
        }
    }
    if (best == NOTHING)
        return false;
    set_value(spec, best, best_left);
    return true;
}

/* ---- filling ---- */

/* Of this spec no guest fits any more. */
static void end_tier(struct placement_filling *filling,
                     const struct placement_decision *decision)
{
    struct placement_capacity *result = &filling->result;
    struct placement_tier *tier = &result->tiers[result->n_tiers];
    uint32_t most = 0;

    /* that nothing fits is an answer for the spec that was asked for */
    if (!filling->n_tier && (result->n_tiers || filling->tiered))
        return;
    *tier = (struct placement_tier){ .spec = filling->request.spec,
                                     .n = filling->n_tier,
                                     .ended = PLACEMENT_CONSTRAINTS };
    for (int i = 0; decision && i < PLACEMENT_CONSTRAINTS; i++)
        if (decision->excluded[i].n_hosts > most) {
            most = decision->excluded[i].n_hosts;
            tier->ended = (enum placement_constraint)i;
            tier->n_excluded = most;
        }
    filling->n_tier = 0;
    result->n_tiers++;
}

static void count_one(struct placement_filling *filling)
{
    filling->n_tier++;
    filling->result.n++;
}

/* It is refused: goes on with less, or ends. */
static void refused(struct placement_filling *filling,
                    const struct placement_decision *decision,
                    const struct vdc_error *why)
{
    struct placement_capacity *result = &filling->result;

    if (!filling->refused) {
        filling->refused = true;
        result->refusal = *decision;
        result->why = *why;
    }
    end_tier(filling, decision);
    if (!filling->tiered) {
        filling->done = true;
    } else if (result->n_tiers == PLACEMENT_TIERS_MAX) {
        filling->done = result->more = true;
    } else if (!shrink(&filling->request.spec, decision)) {
        filling->done = true;
    } else if (!filling->index) {
        begin_tier(filling);
    }
}

/* The next on the first host that has room. */
static void put_by_host(struct placement_filling *filling)
{
    struct placement_attempt *attempt = &filling->attempt;
    struct placement_decision decision;
    struct vdc_error why = { 0 };

    for (; filling->at < placement_view_n_hosts(filling->view);
         filling->at++) {
        if (placement_view_host(filling->view, filling->at)->name &&
            placement_constraint_first(attempt, filling->at) ==
                PLACEMENT_CONSTRAINTS) {
            attempt->guest.host = filling->at;
            placement_view_take(filling->view, &attempt->guest);
            count_one(filling);
            return;
        }
    }
    placement_decide(attempt, &filling->policy, PLACEMENT_NONE,
                     PLACEMENT_NONE, &decision, &why);
    refused(filling, &decision, &why);
}

static void put_one(struct placement_filling *filling)
{
    struct placement_decision decision;
    struct vdc_error why = { 0 };
    int rc = placement_index_choose(filling->index, filling->view,
                                    &filling->request, &filling->policy,
                                    &decision, &why);

    if (rc) {
        refused(filling, &decision, &why);
        return;
    }
    const struct placement_guest guest = placement_guest_of(
        &filling->request, decision.winner.host, decision.backup);
    placement_view_add_guest(filling->view, &guest, NULL, NULL);
    count_one(filling);
}

bool placement_filling_step(struct placement_filling *filling, unsigned n)
{
    for (unsigned i = 0; i < n && !filling->done; i++) {
        if (filling->result.n == filling->most) {
            end_tier(filling, NULL);
            filling->done = filling->result.more = true;
            break;
        }
        if (filling->index)
            put_one(filling);
        else
            put_by_host(filling);
    }
    return filling->done;
}

const struct placement_capacity *
placement_filling_result(const struct placement_filling *filling)
{
    return &filling->result;
}

const struct placement_view *
placement_filling_view(const struct placement_filling *filling)
{
    return filling->view;
}
