/*
 * Whether a guest may be on another host, by all that placement knows; see
 * move_impl.h.
 */
#include <string.h>

#include "base/clock.h"
#include "policyd/change/change.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/step.h"
#include "policyd/rebalance/move_impl.h"

struct place {
    struct operations *ops;
    const struct wire_stored_move *record;
};

/* The view does not say it of guests that were made before it could. */
static void complete(void *arg, uint32_t guest,
                     struct placement_request *request)
{
    const struct place *place = arg;
    const struct wire_stored_move *record = place->record;
    struct placement_request full;

    place_request(place->ops, record->owner, &record->definition,
                  record->runs, &full);
    request->pinned = full.pinned;
    request->domain = full.domain;
    request->n_wanted = full.n_wanted;
    memcpy(request->wanted, full.wanted, sizeof(full.wanted));
    request->n_forbidden = full.n_forbidden;
    memcpy(request->forbidden, full.forbidden, sizeof(full.forbidden));
}

/* Of that host alone: what others are does not help. */
static bool explain_host(const struct placement_view *view,
                         const struct placement_request *request,
                         const struct placement_policy *policy, uint32_t to,
                         struct reasons *reasons)
{
    struct placement_attempt attempt;
    struct vdc_error err;
    char text[256];

    if (placement_attempt_init(&attempt, view, request, policy, NULL))
        return false;
    for (uint32_t bits = attempt.asked; bits; bits &= bits - 1) {
        enum placement_constraint failed =
            placement_constraint_first_of(&attempt, bits & -bits, to);
        if (failed == PLACEMENT_CONSTRAINTS)
            continue;
        vdc_error_set(&err, VDC_E_NO_HOST, "%s",
                      placement_constraint_why(&attempt, failed, to, text,
                                               sizeof(text)));
        vdc_error_hint(&err, "%s",
                       placement_constraint_change(&attempt, failed, to, text,
                                                   sizeof(text)));
        reasons_add(reasons, &err);
    }
    return reasons->n_errors > 0;
}

/* Which constraints they are. */
static void explain(const struct place *place, struct placement_view *view,
                    const struct placement_moving *moving, uint32_t guest,
                    uint32_t to, struct reasons *reasons)
{
    const struct placement_policy *policy =
        place_policy(place->ops, place->record->owner);
    struct placement_decision decision;
    struct placement_request request;
    uint32_t name = placement_view_host(view, to)->name;
    struct vdc_error err = { 0 };

    placement_step_request(view, moving, guest, &request);
    if (request.pinned && request.pinned != name) {
        vdc_error_set(&err, VDC_E_NO_HOST, "it may be on host %s only",
                      placement_view_text(view, request.pinned));
        vdc_error_hint(&err, "vdc_host of its domain file says so");
        reasons_add(reasons, &err);
        return;
    }
    placement_view_remove_guest(view, guest);
    if (explain_host(view, &request, policy, to, reasons))
        return;
    request.pinned = name;
    if (!placement_choose(view, &request, policy, &decision, &err))
        vdc_error_set(&err, VDC_E_NO_HOST,
                      "a rule of groups or a promise would not be kept");
    reasons_add(reasons, &err);
}

int move_check_place(const struct move *move,
                     const struct wire_stored_move *record,
                     struct vdc_error *err)
{
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &record->uuid);
    struct place place = { ops, record };
    const struct placement_moving moving = {
        .now_ms = (int64_t)clock_wall().ms,
        .complete = complete,
        .arg = &place,
    };
    uint32_t guest = inventory_find_guest(ops->inventory, &record->uuid);
    uint32_t to = inventory_find_host(ops->inventory, record->to);
    struct reasons reasons = { 0 };
    uint32_t backup;
    int rc = 0;

    if (guest == PLACEMENT_NONE || to == PLACEMENT_NONE)
        return vdc_error_set(err, VDC_E_NO_HOST,
                             "nothing is known of host %s yet", record->to);
    struct placement_view *view =
        placement_view_copy(inventory_view(ops->inventory));
    if (!placement_step_can(view, &moving, guest, to, &backup)) {
        explain(&place, view, &moving, guest, to, &reasons);
        rc = reasons_error(&reasons, err);
        vdc_error_prefix(err, "guest '%s' cannot go to host %s now",
                         a ? a->name : "", record->to);
    }
    placement_view_free(view);
    return rc;
}
