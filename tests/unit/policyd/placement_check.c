/*
 * The checker: whether a guest may be on a host, worked out from the bare
 * list of hosts, guests, rules and promises, and as slowly as is plainest.
 * Nothing of the engine's is used but what tells these facts.
 */
#include <string.h>

#include "tests/unit/policyd/placement_world.h"

/* ---- what is taken ---- */

static uint64_t amount_of(const struct placement_amount *amounts, uint32_t n,
                          uint32_t name)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += amounts[i].name == name ? amounts[i].amount : 0;
    return sum;
}

static void take(const struct placement_host *host,
                 const struct placement_spec *spec, bool runs,
                 struct placement_use *use)
{
    for (uint32_t i = 0; i < host->n_pools; i++)
        use->pools[i] +=
            amount_of(spec->disks, spec->n_disks, host->pools[i].name);
    if (!runs)
        return;
    for (uint32_t i = 0; i < host->n_devices; i++)
        use->devices[i] +=
            amount_of(spec->devices, spec->n_devices, host->devices[i].name);
    use->memory.kib += spec->memory.kib;
    use->vcpus += spec->vcpus;
}

void world_use(const struct placement_view *view, uint32_t host,
               struct placement_use *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->vcpus_most = placement_view_use(view, host)->vcpus_most;
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (!guest || guest->host != host)
            continue;
        take(placement_view_host(view, host), &guest->spec, guest->runs, ret);
        ret->n_guests++;
        ret->n_strict += guest->dedication == PLACEMENT_STRICT;
        ret->n_implicit += guest->dedication == PLACEMENT_STRICT ||
                           guest->dedication == PLACEMENT_PREFERRED;
    }
}

static bool has_room(const struct placement_host *host,
                     const struct placement_use *use,
                     const struct placement_spec *spec, bool start,
                     const char **why)
{
    *why = "memory";
    if (start && use->memory.kib + spec->memory.kib > host->memory.kib &&
        spec->memory.kib)
        return false;
    *why = "vcpus";
    if (start && spec->vcpus && use->vcpus_most != UINT64_MAX &&
        use->vcpus + spec->vcpus > use->vcpus_most)
        return false;
    *why = "disk";
    for (uint32_t i = 0; i < spec->n_disks; i++) {
        uint32_t at = 0;
        while (at < host->n_pools &&
               host->pools[at].name != spec->disks[i].name)
            at++;
        if (spec->disks[i].amount &&
            (at == host->n_pools ||
             use->pools[at] + spec->disks[i].amount > host->pools[at].amount))
            return false;
    }
    *why = "devices";
    for (uint32_t i = 0; start && i < spec->n_devices; i++) {
        uint32_t at = 0;
        while (at < host->n_devices &&
               host->devices[at].name != spec->devices[i].name)
            at++;
        if (spec->devices[i].amount &&
            (at == host->n_devices ||
             use->devices[at] + spec->devices[i].amount >
                 host->devices[at].amount))
            return false;
    }
    return true;
}

/* ---- who is where ---- */

static bool is_in(const struct placement_guest *guest, uint32_t group)
{
    for (uint32_t i = 0; i < guest->n_groups; i++)
        if (guest->groups[i] == group)
            return true;
    return false;
}

static bool is_same_place(const struct placement_view *view, uint32_t a,
                          uint32_t b, enum placement_scope scope)
{
    uint32_t domain = placement_view_host(view, a)->domain;

    if (a == b)
        return true;
    return scope == PLACEMENT_DOMAINS && domain &&
           placement_view_host(view, b)->domain == domain;
}

static bool keeps_rule(const struct placement_view *view, uint32_t host,
                       const struct placement_rule *rule, uint32_t other)
{
    uint32_t n_near = 0, n_far = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (!guest || !is_in(guest, other))
            continue;
        if (is_same_place(view, host, guest->host, rule->scope))
            n_near++;
        else
            n_far++;
    }
    return rule->anti ? n_near == 0 : n_near > 0 || n_far == 0;
}

static bool keeps_rules(const struct placement_view *view,
                        const struct placement_request *request, uint32_t host,
                        const char **why)
{
    const struct placement_rule_side *sides;

    for (uint32_t i = 0; i < request->n_groups; i++) {
        uint32_t n = placement_view_rules(view, request->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++) {
            *why = sides[j].rule->anti ? "anti-affinity" : "affinity";
            if (sides[j].rule->hard &&
                !keeps_rule(view, host, sides[j].rule, sides[j].other))
                return false;
        }
    }
    return true;
}

static bool keeps_dedication(const struct placement_view *view,
                             const struct placement_request *request,
                             uint32_t host, const char **why)
{
    uint32_t dedicated = placement_view_host(view, host)->dedicated;
    bool strict = request->dedication == PLACEMENT_STRICT;
    bool implicit = strict || request->dedication == PLACEMENT_PREFERRED;

    *why = "dedicated";
    if (request->dedication == PLACEMENT_EXPLICIT
            ? !dedicated || dedicated != request->customer
            : dedicated != 0)
        return false;
    *why = "alone or strict";
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (!guest || guest->host != host)
            continue;
        bool friend = guest->customer == request->customer && implicit &&
                      (guest->dedication == PLACEMENT_STRICT ||
                       guest->dedication == PLACEMENT_PREFERRED);
        if (!friend && (strict || guest->dedication == PLACEMENT_STRICT))
            return false;
    }
    /* nor would another strict one like it */
    struct placement_use use;
    world_use(view, host, &use);
    if (request->dedication != PLACEMENT_PREFERRED || !use.n_strict)
        return true;
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (guest && guest->host == host &&
            guest->customer != request->customer &&
            (guest->dedication == PLACEMENT_STRICT ||
             guest->dedication == PLACEMENT_PREFERRED))
            return false;
    }
    return true;
}

/* ---- when a host dies ---- */

static bool is_protected(const struct placement_guest *guest)
{
    return guest && guest->protected && guest->runs;
}

/* What comes to `backup` when `host` dies. */
static uint64_t comes_kib(const struct placement_view *view, uint32_t host,
                          uint32_t backup)
{
    uint64_t kib = 0;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (is_protected(guest) && guest->host == host &&
            guest->backup == backup)
            kib += guest->spec.memory.kib;
    }
    return kib;
}

static uint64_t reserve_kib(const struct placement_view *view, uint32_t backup)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        uint64_t kib = comes_kib(view, i, backup);
        most = kib > most ? kib : most;
    }
    return most;
}

bool world_survives(const struct placement_view *view)
{
    struct placement_use use;

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (is_protected(guest) &&
            (guest->backup == PLACEMENT_NONE || guest->backup == guest->host ||
             placement_view_host(view, guest->backup)->state != PLACEMENT_UP))
            return false;
    }
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        world_use(view, i, &use);
        for (uint32_t dies = 0; dies < placement_view_n_hosts(view); dies++) {
            uint64_t kib = comes_kib(view, dies, i);
            if (kib && use.memory.kib + kib >
                           placement_view_host(view, i)->memory.kib)
                return false;
        }
    }
    return true;
}

/* ---- promises ---- */

static uint64_t fit_on(const struct placement_view *view, uint32_t host,
                       struct placement_use use,
                       const struct placement_spec *spec)
{
    const struct placement_host *h = placement_view_host(view, host);
    const char *why;
    uint64_t n = 0;

    if (!h->name || h->state != PLACEMENT_UP || h->dedicated || use.n_strict)
        return 0;
    use.memory.kib += use.reserve.kib;
    while (has_room(h, &use, spec, true, &why)) {
        take(h, spec, true, &use);
        n++;
    }
    return n;
}

static bool keeps_promises(const struct placement_view *view,
                           const struct placement_request *request,
                           uint32_t host, uint32_t backup)
{
    uint32_t n;
    const struct placement_promise *all = placement_view_promises(view, &n);

    for (uint32_t i = 0; i < n; i++) {
        const struct placement_spec *spec = &all[i].spec;
        uint64_t before = 0, after = 0;
        if (all[i].customer ? all[i].customer == request->customer
                            : request->spec.memory.kib >= spec->memory.kib &&
                                  request->spec.vcpus >= spec->vcpus)
            continue;
        for (uint32_t j = 0; j < placement_view_n_hosts(view); j++) {
            struct placement_use use;
            world_use(view, j, &use);
            use.reserve.kib = reserve_kib(view, j);
            before += fit_on(view, j, use, spec);
            if (j == host) {
                take(placement_view_host(view, j), &request->spec,
                     request->start, &use);
                use.n_strict += request->dedication == PLACEMENT_STRICT;
            }
            if (j == backup) {
                uint64_t kib =
                    comes_kib(view, host, j) + request->spec.memory.kib;
                if (kib > use.reserve.kib)
                    use.reserve.kib = kib;
            }
            after += fit_on(view, j, use, spec);
        }
        if (after < before && after < all[i].n_guests)
            return false;
    }
    return true;
}

/* ---- all of it ---- */

static bool has(const uint32_t *names, uint32_t n, uint32_t name)
{
    while (n > 0)
        if (names[--n] == name)
            return true;
    return false;
}

static bool is_suitable(const struct placement_host *host,
                        const struct placement_request *request,
                        const char **why)
{
    *why = "removed, pinned or not up";
    if (!host->name || (request->pinned && request->pinned != host->name) ||
        host->state != PLACEMENT_UP)
        return false;
    *why = "domain";
    if (request->domain && request->domain != host->domain)
        return false;
    *why = "tags or features";
    for (uint32_t i = 0; i < request->n_wanted; i++)
        if (!has(host->tags, host->n_tags, request->wanted[i]))
            return false;
    for (uint32_t i = 0; i < host->n_tags; i++)
        if (has(request->forbidden, request->n_forbidden, host->tags[i]))
            return false;
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        if (cpu_set_has(&request->cpu, i) && !cpu_set_has(&host->cpu, i))
            return false;
    return true;
}

static bool has_pools_of(const struct placement_host *host,
                         const struct placement_spec *spec)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < spec->n_disks; i++)
        for (uint32_t j = 0; j < host->n_pools; j++)
            n += host->pools[j].name == spec->disks[i].name;
    return n == spec->n_disks;
}

static bool may_be_backup(const struct placement_view *view,
                          const struct placement_request *request,
                          uint32_t host, uint32_t backup)
{
    struct placement_request moved = *request;
    const struct placement_host *h = placement_view_host(view, backup);
    struct placement_use use;
    const char *why;
    uint64_t kib = comes_kib(view, host, backup) + request->spec.memory.kib;

    moved.pinned = 0;
    if (backup == host || !is_suitable(h, &moved, &why) ||
        !has_pools_of(h, &request->spec))
        return false;
    if (request->dedication == PLACEMENT_EXPLICIT
            ? !h->dedicated || h->dedicated != request->customer
            : h->dedicated != 0)
        return false;
    world_use(view, backup, &use);
    if (reserve_kib(view, backup) > kib)
        kib = reserve_kib(view, backup);
    return use.memory.kib + kib <= h->memory.kib &&
           keeps_promises(view, request, host, backup);
}

static bool has_backup(const struct placement_view *view,
                       const struct placement_request *request, uint32_t host)
{
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++)
        if (may_be_backup(view, request, host, i))
            return true;
    return !request->protected || !request->start;
}

bool world_may(const struct placement_view *view,
               const struct placement_request *request, uint32_t host,
               const char **why)
{
    const struct placement_host *h = placement_view_host(view, host);
    struct placement_use use;

    if (!is_suitable(h, request, why) ||
        !keeps_dedication(view, request, host, why))
        return false;
    world_use(view, host, &use);
    if (!has_room(h, &use, &request->spec, request->start, why) ||
        !keeps_rules(view, request, host, why))
        return false;
    *why = "promise";
    if (!keeps_promises(view, request, host, PLACEMENT_NONE))
        return false;
    *why = "spare";
    if (request->start && request->spec.memory.kib &&
        reserve_kib(view, host) &&
        use.memory.kib + request->spec.memory.kib + reserve_kib(view, host) >
            h->memory.kib)
        return false;
    *why = "backup";
    return has_backup(view, request, host);
}

bool world_is_right(const struct placement_view *view)
{
    uint32_t n;
    const struct placement_promise *promises =
        placement_view_promises(view, &n);
    uint32_t n_guests = 0;

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        struct placement_use use = *placement_view_use(view, i), mine;
        world_use(view, i, &mine);
        mine.first_guest = use.first_guest;
        mine.first_backed = use.first_backed;
        mine.n_backed = use.n_backed;
        mine.busy_since_ms = use.busy_since_ms;
        mine.reserve.kib = reserve_kib(view, i);
        if (memcmp(&use, &mine, sizeof(use)) != 0)
            return false;
        n_guests += use.n_guests;
        for (uint32_t g = use.first_guest; g != PLACEMENT_NONE;
             g = placement_view_guest(view, g)->next)
            mine.n_guests--;
        if (mine.n_guests)
            return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t room = 0;
        for (uint32_t j = 0; j < placement_view_n_hosts(view); j++)
            room += fit_on(view, j, *placement_view_use(view, j),
                           &promises[i].spec);
        if (room != promises[i].room)
            return false;
    }
    return n_guests == placement_view_n_guests(view);
}

/* ---- scores ---- */

/* ln(x) for x of at least 1. */
static double ln(double x)
{
    double sum = 0;

    for (; x > 1.001; x /= 1.001)
        sum += 0.00099950033308353; /* ln(1.001) */
    return sum + (x - 1);
}

static uint32_t soft_ones(const struct placement_view *view,
                          const struct placement_request *request,
                          uint32_t host)
{
    const struct placement_rule_side *sides;
    uint32_t n_broken = 0;

    for (uint32_t i = 0; i < request->n_groups; i++) {
        uint32_t n = placement_view_rules(view, request->groups[i], &sides);
        for (uint32_t j = 0; j < n; j++)
            n_broken += !sides[j].rule->hard &&
                        !keeps_rule(view, host, sides[j].rule, sides[j].other);
    }
    return n_broken;
}

static bool is_shared(const struct placement_view *view,
                      const struct placement_request *request, uint32_t host)
{
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        if (guest && guest->host == host &&
            (guest->customer != request->customer ||
             (guest->dedication != PLACEMENT_STRICT &&
              guest->dedication != PLACEMENT_PREFERRED)))
            return request->dedication == PLACEMENT_PREFERRED;
    }
    return false;
}

double world_cost(const struct placement_view *view,
                  const struct placement_request *request,
                  const struct placement_policy *policy, uint32_t host)
{
    const struct placement_host *h = placement_view_host(view, host);
    struct placement_use use;
    double terms[PLACEMENT_TERMS] = { 0 }, cost = 0;

    world_use(view, host, &use);
    double hours = (double)(request->now_ms -
                            placement_view_use(view, host)->busy_since_ms) /
                   3600000;
    if (request->start) {
        use.memory.kib += request->spec.memory.kib;
        use.vcpus += request->spec.vcpus;
    }
    double memory = 1 - (double)use.memory.kib / (double)h->memory.kib;
    double vcpus = use.vcpus_most == UINT64_MAX
                       ? 1
                       : 1 - (double)use.vcpus / (double)use.vcpus_most;
    memory = memory < 0 ? 0 : memory;
    vcpus = vcpus < 0 ? 0 : vcpus;
    terms[PLACEMENT_TERM_FIT] = memory < vcpus ? memory : vcpus;
    terms[PLACEMENT_TERM_LOAD] = 1 - terms[PLACEMENT_TERM_FIT];
    terms[PLACEMENT_TERM_MEMORY] = memory;
    terms[PLACEMENT_TERM_VCPUS] = vcpus;
    terms[PLACEMENT_TERM_EMPTY] = use.n_guests == 0;
    if (use.n_guests && hours > 0)
        terms[PLACEMENT_TERM_AGE] = -ln(1 + hours);
    terms[PLACEMENT_TERM_SOFT] = soft_ones(view, request, host);
    terms[PLACEMENT_TERM_SHARED] = is_shared(view, request, host);
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        cost += policy->weights[i] / 1000.0 * terms[i];
    return cost;
}
