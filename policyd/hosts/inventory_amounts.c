/*
 * Memory, pools and devices of hosts in the standing view; see inventory.h.
 *
 * What is free in the view is what the host said, and guests that were being
 * made meanwhile are counted once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/hosts/inventory_impl.h"

uint64_t inventory_within(const struct inventory_bounds *bounds)
{
    uint64_t most = bounds->free + bounds->used;
    uint64_t least = most - bounds->uncertain, known = bounds->known;

    if (known > most || bounds->is_first)
        known = most;
    return known < least ? least : known;
}

bool inventory_is_clear(const struct inventory_bounds *bounds)
{
    return bounds->is_first || bounds->known >= bounds->free + bounds->used;
}

/* ---- memory ---- */

static uint64_t uncertain_kib(const struct inventory *inv, uint32_t at,
                              uint64_t asked_ms)
{
    uint64_t kib = 0;

    for (uint32_t i = placement_view_use(inv->view, at)->first_guest;
         i != PLACEMENT_NONE; i = placement_view_guest(inv->view, i)->next) {
        const struct placement_guest *guest =
            placement_view_guest(inv->view, i);
        if (guest->runs && inventory_is_uncertain(inv, i, asked_ms))
            kib += guest->spec.memory.kib;
    }
    return kib;
}

struct mem inventory_memory(const struct inventory *inv, uint32_t at,
                            struct mem available, uint64_t asked_ms)
{
    struct inventory_bounds bounds = {
        .known = placement_view_host(inv->view, at)->memory.kib,
        /* of the first report all is in it that is known */
        .is_first = !placement_view_host(inv->view, at)->pcpus,
        .free = available.kib,
        .used = placement_view_use(inv->view, at)->memory.kib,
    };

    /* most reports say what is known, and thousands come at a time */
    if (!inventory_is_clear(&bounds))
        bounds.uncertain = uncertain_kib(inv, at, asked_ms);
    uint64_t kib = inventory_within(&bounds);
    return MEM_KIB(kib < MEM_MAX_KIB ? kib : MEM_MAX_KIB);
}

/* ---- of one kind ---- */

struct kind {
    bool devices; /* or pools */
    const struct placement_amount *old;
    uint32_t n_old;
    struct placement_amount *ret;
    uint32_t *n_ret;
};

static uint64_t of_guest(const struct placement_guest *guest, bool devices,
                         uint32_t name)
{
    const struct placement_amount *has =
        devices ? guest->spec.devices : guest->spec.disks;
    uint32_t n = devices ? guest->spec.n_devices : guest->spec.n_disks;

    /* as the view counts it */
    for (uint32_t i = 0; i < n && (guest->runs || !devices); i++)
        if (has[i].name == name)
            return has[i].amount;
    return 0;
}

/* In the order in which the view has them. */
static void add(const struct kind *kind, uint32_t name, uint64_t amount)
{
    uint32_t at = (*kind->n_ret)++;

    while (at > 0 && kind->ret[at - 1].name > name) {
        kind->ret[at] = kind->ret[at - 1];
        at--;
    }
    kind->ret[at] = (struct placement_amount){ name, amount };
}

static bool has(const struct kind *kind, uint32_t name)
{
    for (uint32_t i = 0; i < *kind->n_ret; i++)
        if (kind->ret[i].name == name)
            return true;
    return false;
}

/* False: there is no place for it. */
static bool take(const struct inventory *inv, uint32_t at, uint64_t asked_ms,
                 const struct kind *kind, uint32_t name, uint64_t available)
{
    struct inventory_bounds bounds = { .is_first = true, .free = available };

    if (has(kind, name))
        return true;
    if (*kind->n_ret == PLACEMENT_HOST_AMOUNTS_MAX)
        return false;
    for (uint32_t i = 0; i < kind->n_old; i++)
        if (kind->old[i].name == name) {
            bounds.known = kind->old[i].amount;
            bounds.is_first = false;
        }
    for (uint32_t i = placement_view_use(inv->view, at)->first_guest;
         i != PLACEMENT_NONE; i = placement_view_guest(inv->view, i)->next) {
        uint64_t n = of_guest(placement_view_guest(inv->view, i),
                              kind->devices, name);
        bounds.used += n;
        if (n && inventory_is_uncertain(inv, i, asked_ms))
            bounds.uncertain += n;
    }
    uint64_t n = inventory_within(&bounds);
    add(kind, name, n < MEM_MAX_KIB ? n : MEM_MAX_KIB);
    return true;
}

/* ---- of the host ---- */

/* A device that a guest in the view has is not among the free ones, and is
 * there. */
static bool keep_used(const struct inventory *inv, uint32_t at,
                      uint64_t asked_ms, const struct kind *kind)
{
    bool ok = true;

    for (uint32_t i = 0; i < kind->n_old; i++)
        if (placement_view_use(inv->view, at)->devices[i])
            ok &= take(inv, at, asked_ms, kind, kind->old[i].name, 0);
    return ok;
}

static void note_vague(struct inventory *inv, uint32_t at, bool vague)
{
    if (at >= inv->vague_max) {
        uint32_t old = inv->vague_max;
        inv->vague_max = at + at / 4 + 16;
        inv->vague =
            xrealloc(inv->vague, inv->vague_max * sizeof(*inv->vague));
        memset(inv->vague + old, 0,
               (inv->vague_max - old) * sizeof(*inv->vague));
    }
    inv->vague[at] = vague;
}

void inventory_take_amounts(struct inventory *inv, uint32_t at,
                            const struct inventory_host *host,
                            struct placement_host *row)
{
    const struct placement_host *old = placement_view_host(inv->view, at);
    const struct kind pools = { false, old->pools, old->n_pools, row->pools,
                                &row->n_pools };
    const struct kind devices = { true, old->devices, old->n_devices,
                                  row->devices, &row->n_devices };
    uint64_t n_free = 0, n_named = 0;
    bool ok = true, told = false;

    memset(row->pools, 0, sizeof(row->pools));
    memset(row->devices, 0, sizeof(row->devices));
    row->n_pools = row->n_devices = 0;
    for (uint32_t i = 0; i < host->n_totals; i++) {
        const struct wire_resource_total *total = &host->totals[i];
        bool is_device = total->kind == WIRE_RESOURCE_PCI;
        if (is_device && !*total->name) {
            told = true;
            n_free = total->free;
        } else if (is_device || total->kind == WIRE_RESOURCE_POOL) {
            n_named += is_device;
            ok &= take(inv, at, host->asked_ms, is_device ? &devices : &pools,
                       placement_names_add(inv->names, total->name),
                       total->free < MEM_MAX_KIB ? total->free : MEM_MAX_KIB);
        }
    }
    ok &= keep_used(inv, at, host->asked_ms, &devices);
    note_vague(inv, at, !ok || !told || n_named < n_free);
}

bool inventory_knows_amounts(const struct inventory *inv)
{
    uint32_t n = placement_view_n_hosts(inv->view);

    for (uint32_t i = 0; i < n && i < inv->vague_max; i++)
        if (inv->vague[i] &&
            placement_view_host(inv->view, i)->state == PLACEMENT_UP)
            return false;
    return true;
}
