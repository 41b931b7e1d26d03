/*
 * Names of groups in the inventory.  Customers invent them, so one that nobody
 * is in is forgotten: not at once, as a request that is under way may have its
 * number, and the guest that it makes is to be found by its group.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "policyd/hosts/inventory_impl.h"

struct inventory_fading {
    uint32_t group;
    uint64_t since_ms;
};

void inventory_fade(struct inventory *inv, uint32_t group)
{
    if (placement_view_members(inv->view, group))
        return;
    if (inv->n_fading == inv->fading_max) {
        inv->fading_max = inv->fading_max ? 2 * inv->fading_max : 16;
        inv->fading =
            xrealloc(inv->fading, inv->fading_max * sizeof(*inv->fading));
    }
    inv->fading[inv->n_fading++] =
        (struct inventory_fading){ group, clock_mono().ms };
}

static bool is_used(const struct inventory *inv, uint32_t group)
{
    const struct placement_rule_side *sides;

    return placement_view_members(inv->view, group) ||
           placement_view_rules(inv->view, group, &sides);
}

void inventory_forget_groups(struct inventory *inv, uint64_t mono_ms)
{
    size_t n = 0;

    while (n < inv->n_fading &&
           inv->fading[n].since_ms + INVENTORY_GROUP_KEEP_MS <= mono_ms) {
        uint32_t group = inv->fading[n++].group;
        if (!is_used(inv, group))
            placement_names_forget(inv->names, group);
    }
    /* many at once, so that moving the others up is seldom */
    if (n == 0)
        return;
    inv->n_fading -= n;
    memmove(inv->fading, inv->fading + n,
            inv->n_fading * sizeof(*inv->fading));
}

uint32_t inventory_group(struct inventory *inv, const char *text)
{
    uint32_t group = placement_names_find(inv->names, text);

    if (group != PLACEMENT_NO_NAME)
        return group;
    inventory_forget_groups(inv, clock_mono().ms);
    group = placement_names_add(inv->names, text);
    inventory_fade(inv, group);
    return group;
}
