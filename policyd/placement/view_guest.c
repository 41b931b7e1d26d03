/*
 * The view's guests, and what hosts have left because of them; see view.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/view_impl.h"

/* ---- counting ---- */

static void count_amounts(const struct placement_amount *has, uint32_t n_has,
                          const struct placement_amount *asks, uint32_t n_asks,
                          int sign, uint64_t *used)
{
    for (uint32_t i = 0; i < n_asks; i++)
        for (uint32_t j = 0; j < n_has; j++)
            if (has[j].name == asks[i].name) {
                used[j] += sign > 0 ? asks[i].amount : -asks[i].amount;
                break;
            }
}

void placement_view_count(const struct placement_host *host,
                          const struct placement_guest *guest, int sign,
                          struct placement_use *use)
{
    const struct placement_spec *spec = &guest->spec;
    uint32_t one = sign > 0 ? 1 : UINT32_MAX;

    use->n_guests += one;
    if (guest->dedication == PLACEMENT_STRICT)
        use->n_strict += one;
    if (guest->dedication == PLACEMENT_STRICT ||
        guest->dedication == PLACEMENT_PREFERRED)
        use->n_implicit += one;
    count_amounts(host->pools, host->n_pools, spec->disks, spec->n_disks, sign,
                  use->pools);
    if (!guest->runs)
        return;
    use->memory.kib += sign > 0 ? spec->memory.kib : -spec->memory.kib;
    use->vcpus += sign > 0 ? spec->vcpus : -(uint64_t)spec->vcpus;
    count_amounts(host->devices, host->n_devices, spec->devices,
                  spec->n_devices, sign, use->devices);
}

static bool is_in_twice(const struct placement_guest *guest, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (guest->groups[j] == guest->groups[i])
            return true;
    return false;
}

static void count(struct placement_view *view,
                  const struct placement_guest *guest, int sign)
{
    const struct placement_host *host = &view->hosts[guest->host];
    struct placement_counts *counts = &view->counts;

    placement_view_count(host, guest, sign, &view->uses[guest->host]);
    if (guest->dedication == PLACEMENT_STRICT ||
        guest->dedication == PLACEMENT_PREFERRED)
        placement_counts_add(counts, PLACEMENT_COUNT_CUSTOMER_HOST,
                             guest->customer, guest->host, sign);
    for (uint32_t i = 0; i < guest->n_groups; i++) {
        if (is_in_twice(guest, i))
            continue;
        placement_counts_add(counts, PLACEMENT_COUNT_GROUP_HOST,
                             guest->groups[i], guest->host, sign);
        placement_counts_add(counts, PLACEMENT_COUNT_GROUP, guest->groups[i],
                             0, sign);
        if (host->domain)
            placement_counts_add(counts, PLACEMENT_COUNT_GROUP_DOMAIN,
                                 guest->groups[i], host->domain, sign);
    }
}

void placement_view_count_all(struct placement_view *view, uint32_t host,
                              int sign)
{
    for (uint32_t i = view->uses[host].first_guest; i != PLACEMENT_NONE;
         i = view->guests[i].next)
        count(view, &view->guests[i], sign);
}

/* ---- the list of a host ---- */

static void attach(struct placement_view *view, uint32_t at, int64_t now_ms)
{
    struct placement_guest *guest = &view->guests[at];
    struct placement_use *use = &view->uses[guest->host];

    placement_view_begin(view, guest->host);
    if (use->n_guests == 0)
        use->busy_since_ms = now_ms;
    guest->previous = PLACEMENT_NONE;
    guest->next = use->first_guest;
    if (guest->next != PLACEMENT_NONE)
        view->guests[guest->next].previous = at;
    use->first_guest = at;
    count(view, guest, 1);
    placement_view_end(view, guest->host);
}

static void detach(struct placement_view *view, uint32_t at)
{
    struct placement_guest *guest = &view->guests[at];
    struct placement_use *use = &view->uses[guest->host];

    placement_view_begin(view, guest->host);
    if (guest->next != PLACEMENT_NONE)
        view->guests[guest->next].previous = guest->previous;
    if (guest->previous != PLACEMENT_NONE)
        view->guests[guest->previous].next = guest->next;
    else
        use->first_guest = guest->next;
    count(view, guest, -1);
    if (use->n_guests == 0)
        use->busy_since_ms = 0;
    placement_view_end(view, guest->host);
}

/* ---- from outside ---- */

static int check_amounts(const struct placement_amount *amounts, uint32_t n,
                         uint64_t most, struct vdc_error *err)
{
    if (n > PLACEMENT_AMOUNTS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a guest uses at most %d pools, and kinds of "
                             "devices",
                             PLACEMENT_AMOUNTS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (amounts[i].amount > most || !amounts[i].name)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "more of a pool or of devices than any host "
                                 "can have");
        for (uint32_t j = 0; j < i; j++)
            if (amounts[j].name == amounts[i].name)
                return vdc_error_set(err, VDC_E_BAD_VALUE,
                                     "a pool or kind of devices twice");
    }
    return 0;
}

int placement_view_check_spec(const struct placement_spec *spec,
                              struct vdc_error *err)
{
    int rc;

    if (spec->memory.kib > MEM_MAX_KIB || spec->vcpus > PLACEMENT_VCPUS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "more memory or vCPUs than a guest can have");
    rc = check_amounts(spec->disks, spec->n_disks, MEM_MAX_KIB, err);
    return rc ? rc
              : check_amounts(spec->devices, spec->n_devices, UINT16_MAX, err);
}

static uint32_t take_slot(struct placement_view *view)
{
    uint32_t at = view->free_guest;

    if (at != PLACEMENT_NONE) {
        view->free_guest = view->guests[at].next;
        return at;
    }
    if (view->guests_end == view->guests_max) {
        /* by a quarter: it is most of what a large view consists of */
        view->guests_max += view->guests_max / 4 + 64;
        view->guests =
            xrealloc(view->guests, view->guests_max * sizeof(*view->guests));
    }
    return view->guests_end++;
}

int placement_view_add_guest(struct placement_view *view,
                             const struct placement_guest *guest,
                             uint32_t *ret_guest, struct vdc_error *err)
{
    int rc = placement_view_check_spec(&guest->spec, err);

    if (rc)
        return rc;
    if (guest->n_groups > PLACEMENT_GROUPS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a guest is in at most %d groups",
                             PLACEMENT_GROUPS_MAX);
    if (guest->host >= view->n_hosts || !view->hosts[guest->host].name)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such host");
    uint32_t at = take_slot(view);
    view->guests[at] = *guest;
    view->n_guests++;
    attach(view, at, guest->since_ms);
    if (ret_guest)
        *ret_guest = at;
    return 0;
}

void placement_view_remove_guest(struct placement_view *view, uint32_t guest)
{
    assert(placement_view_guest(view, guest));
    detach(view, guest);
    view->guests[guest].host = PLACEMENT_NONE;
    view->guests[guest].next = view->free_guest;
    view->free_guest = guest;
    view->n_guests--;
}

void placement_view_move_guest(struct placement_view *view, uint32_t guest,
                               uint32_t host, int64_t now_ms)
{
    assert(placement_view_guest(view, guest));
    assert(host < view->n_hosts && view->hosts[host].name);
    detach(view, guest);
    view->guests[guest].host = host;
    attach(view, guest, now_ms);
}

const struct placement_guest *
placement_view_guest(const struct placement_view *view, uint32_t guest)
{
    if (guest >= view->guests_end ||
        view->guests[guest].host == PLACEMENT_NONE)
        return NULL;
    return &view->guests[guest];
}

uint32_t placement_view_guests_end(const struct placement_view *view)
{
    return view->guests_end;
}

uint32_t placement_view_n_guests(const struct placement_view *view)
{
    return view->n_guests;
}
