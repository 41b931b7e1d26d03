/*
 * Which host a new guest of a change gets: on the standing view, so that what
 * is decided next sees it there; see change.h.
 */
#include <string.h>

#include "base/clock.h"
#include "policyd/change.h"
#include "policyd/decision.h"
#include "policyd/inventory.h"
#include "policyd/policies.h"

bool change_is_to_place(const struct change *change, uint32_t i)
{
    const struct change_guest *guest = change->guest_of[i];

    return guest && guest->book == CHANGE_CREATES &&
           change->order.operations[i].kind == WIRE_OP_CREATE;
}

void place_request(struct operations *ops, const char *customer,
                   const struct wire_definition *definition, bool start,
                   struct placement_request *ret)
{
    uint32_t vcpus = definition->vcpus;

    *ret = (struct placement_request){
        .uuid = definition->uuid,
        .customer = inventory_name(ops->inventory, customer),
        .spec = { .memory = definition->memory,
                  .vcpus = vcpus < PLACEMENT_VCPUS_MAX ? vcpus
                                                       : PLACEMENT_VCPUS_MAX },
        .start = start,
        .now_ms = (int64_t)clock_wall().ms,
    };
}

const struct placement_policy *place_policy(const struct operations *ops,
                                            const char *customer)
{
    return &policies_for(ops->policies, customer)->placement;
}

/* What was decided is remembered if nothing else is in the way of it, and it
 * is not only tried. */
static void remember(struct change *change,
                     const struct placement_record *record,
                     const struct change_guest *guest)
{
    struct operations *ops = change->request->ops;

    if (!change->reasons.n_errors && !change->order.dry_run)
        decisions_add(ops->decisions, inventory_view(ops->inventory), record,
                      guest->customer, guest->name, clock_wall().ms);
}

static int place_one(struct change *change, uint32_t i, struct vdc_error *err)
{
    struct operations *ops = change->request->ops;
    const struct wire_operation *op = &change->order.operations[i];
    struct change_guest *guest = change->guest_of[i];
    struct placement_view *view = inventory_view(ops->inventory);
    struct placement_record record = {
        .policy = *place_policy(ops, guest->customer),
    };

    place_request(ops, guest->customer, &op->definition, op->start,
                  &record.request);
    record.request.uuid = guest->uuid;
    bool decided;
    int rc = change_choose(change, i, &record, &decided, err);
    if (decided && (rc == 0 || rc == VDC_E_NO_HOST || rc == VDC_E_NO_MEMORY))
        remember(change, &record, guest);
    if (rc)
        return rc;
    guest->host = arena_strdup(
        change->request->arena,
        placement_view_text(
            view,
            placement_view_host(view, record.decision.winner.host)->name));
    guest->placed = true;
    return inventory_put(ops->inventory, &record.request, &record.decision,
                         err);
}

/* A lease's memory is not available to others, but to this. */
static void lend(struct change *change, int sign)
{
    struct inventory *inventory = change->request->ops->inventory;
    uint32_t host = inventory_find_host(inventory, change->host.name);

    if (host == PLACEMENT_NONE || !change->lease.memory.kib)
        return;
    inventory_lend(inventory, host, change->lease.memory, sign);
    change->lent = sign > 0;
}

void change_place(struct change *change)
{
    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct vdc_error err = { 0 };
        if (!change_is_to_place(change, i))
            continue;
        if (!change->lent)
            lend(change, 1);
        if (place_one(change, i, &err)) {
            change->unplaced[i] = true;
            change_refuse(change, &err);
        }
    }
}

void change_unplace(struct change *change)
{
    struct inventory *inventory = change->request->ops->inventory;

    for (uint32_t i = 0; i < change->n_guests; i++)
        if (change->guests[i].placed)
            inventory_drop(inventory, &change->guests[i].uuid);
    if (change->lent)
        lend(change, -1);
}
