/*
 * Backups of protected guests in the standing view; see inventory.h.
 */
#include "base/clock.h"
#include "policyd/hosts/inventory_impl.h"
#include "policyd/placement/spare.h"
#include "policyd/placement/whatif.h"

/* At once: looking at a guest is a matter of nanoseconds, looking for a host
 * one of microseconds where there are many. */
#define LOOKS_AT_ONCE 4096
#define SEARCHES_AT_ONCE 16

/* Whether it was searched for one. */
static bool look_at_backup(struct inventory *inv, uint32_t guest)
{
    const struct placement_guest *g = placement_view_guest(inv->view, guest);
    uint64_t before = placement_view_version(inv->view);
    struct placement_request request;

    if (!g || !g->protected || !g->runs)
        return false;
    inv->backups.n_protected++;
    if (placement_spare_holds(inv->view, guest))
        return false;
    placement_whatif_request(inv->view, guest, (int64_t)clock_wall().ms,
                             &request);
    if (placement_spare_renew(inv->view, &request, guest))
        inv->backups.n_renewed++;
    else
        inv->backups.n_without++;
    inv->known_version += placement_view_version(inv->view) - before;
    return true;
}

bool inventory_renew_backups(struct inventory *inv,
                             struct inventory_backups *ret)
{
    uint64_t version = placement_view_version(inv->view);
    uint32_t looks = 0, searches = 0;

    if (inv->next_guest == 0) {
        if (inv->known_version == version)
            inv->next_guest = placement_view_guests_end(inv->view);
        else
            inv->backups = (struct inventory_backups){ 0 };
        inv->backups.n_renewed = 0;
        inv->known_version = version;
    }
    while (inv->next_guest < placement_view_guests_end(inv->view)) {
        if (looks++ == LOOKS_AT_ONCE || searches == SEARCHES_AT_ONCE)
            return false;
        searches += look_at_backup(inv, inv->next_guest++);
    }
    inv->next_guest = 0;
    *ret = inv->backups;
    return true;
}

uint32_t inventory_without_backup(const struct inventory *inv,
                                  const char *host)
{
    uint32_t at = inventory_find_host(inv, host), n = 0;

    if (at == PLACEMENT_NONE)
        return 0;
    for (uint32_t i = placement_view_use(inv->view, at)->first_guest;
         i != PLACEMENT_NONE; i = placement_view_guest(inv->view, i)->next)
        n += !placement_spare_holds(inv->view, i);
    return n;
}
