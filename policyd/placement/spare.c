/*
 * Which host is a guest's backup; see spare.h.
 */
#include "policyd/placement/spare.h"

#include <assert.h>

/* A pool's volumes are the same everywhere, so it need only be there. */
static bool has_pools(const struct placement_host *host,
                      const struct placement_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_disks; i++) {
        uint32_t j = 0;
        while (j < host->n_pools && host->pools[j].name != spec->disks[i].name)
            j++;
        if (j == host->n_pools)
            return false;
    }
    return true;
}

/* What it would have to keep free more than now, or UINT64_MAX. */
static uint64_t growth_of(const struct placement_attempt *attempt,
                          uint32_t fixed, uint32_t host, uint32_t backup)
{
    const struct placement_host *h =
        placement_view_host(attempt->view, backup);
    const struct placement_use *use =
        placement_view_use(attempt->view, backup);
    uint64_t kib = placement_view_backed(attempt->view, backup, host).kib +
                   attempt->memory.kib;
    uint64_t lacks;

    if (backup == host || !h->name)
        return UINT64_MAX;
    if (kib < use->reserve.kib)
        kib = use->reserve.kib;
    if (use->memory.kib + kib > h->memory.kib ||
        !placement_constraint_meets(attempt, fixed, backup) ||
        !has_pools(h, &attempt->request->spec) ||
        placement_constraint_promise(attempt, host, backup, &lacks))
        return UINT64_MAX;
    return kib - use->reserve.kib;
}

uint32_t placement_spare_backup(const struct placement_attempt *attempt,
                                uint32_t host)
{
    uint32_t n = placement_view_n_hosts(attempt->view);
    uint32_t fixed = placement_constraint_asked(attempt, PLACEMENT_KIND_FIXED);
    /* a multiplicative hash: neighbours begin far from each other */
    uint32_t begin = (uint32_t)((uint64_t)(host * 2654435769u) * n >> 32);
    uint32_t best = PLACEMENT_NONE;
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = begin + i < n ? begin + i : begin + i - n;
        uint64_t growth = growth_of(attempt, fixed, host, at);
        if (growth < least) {
            least = growth;
            best = at;
        }
        if (least == 0 || (i >= PLACEMENT_PROBES && best != PLACEMENT_NONE))
            break;
    }
    return best;
}

bool placement_spare_holds(const struct placement_view *view, uint32_t guest)
{
    const struct placement_guest *g = placement_view_guest(view, guest);

    if (!g->protected || !g->runs)
        return true;
    if (g->backup == PLACEMENT_NONE || g->backup == g->host)
        return false;
    const struct placement_host *host = placement_view_host(view, g->backup);
    const struct placement_use *use = placement_view_use(view, g->backup);
    const struct cpu_set lacks = cpu_set_lacks(&host->cpu, &g->cpu);
    return host->state == PLACEMENT_UP && cpu_set_is_empty(&lacks) &&
           use->memory.kib + use->reserve.kib <= host->memory.kib;
}

bool placement_spare_renew(struct placement_view *view,
                           const struct placement_request *request,
                           uint32_t guest)
{
    static const struct placement_policy any = { .name = "any" };
    struct placement_guest copy = *placement_view_guest(view, guest);
    int64_t since_ms = placement_view_use(view, copy.host)->busy_since_ms;
    struct placement_attempt attempt;
    uint32_t at;

    /* promises are asked as if it came anew */
    placement_view_remove_guest(view, guest);
    copy.backup = PLACEMENT_NONE;
    if (!placement_attempt_init(&attempt, view, request, &any, NULL))
        copy.backup = placement_spare_backup(&attempt, copy.host);
    int rc = placement_view_add_guest(view, &copy, &at, NULL);
    /* the slot that became free last is taken first */
    assert(rc == 0 && at == guest);
    (void)rc;
    placement_view_set_busy_since(view, copy.host, since_ms);
    return copy.backup != PLACEMENT_NONE;
}
