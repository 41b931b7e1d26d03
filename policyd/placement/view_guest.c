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
    if (guest->n_groups)
        view->n_grouped += sign > 0 ? 1 : UINT32_MAX;
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

/* ---- backups ---- */

static bool has_backup(const struct placement_guest *guest)
{
    return guest->protected && guest->runs && guest->backup != PLACEMENT_NONE;
}

/* The most that comes to it from one host. */
static uint64_t most_backed(const struct placement_view *view, uint32_t backup)
{
    uint64_t most = 0;

    for (uint32_t i = view->uses[backup].first_backed; i != PLACEMENT_NONE;
         i = view->guests[i].next_backed) {
        uint64_t kib =
            placement_view_backed(view, backup, view->guests[i].host).kib;
        most = kib > most ? kib : most;
    }
    return most;
}

static void back(struct placement_view *view, uint32_t at)
{
    struct placement_guest *guest = &view->guests[at];
    struct placement_use *use = &view->uses[guest->backup];

    placement_view_begin(view, guest->backup);
    guest->previous_backed = PLACEMENT_NONE;
    guest->next_backed = use->first_backed;
    if (guest->next_backed != PLACEMENT_NONE)
        view->guests[guest->next_backed].previous_backed = at;
    use->first_backed = at;
    use->n_backed++;
    placement_counts_add(&view->counts, PLACEMENT_COUNT_BACKUP, guest->backup,
                         guest->host, (int64_t)guest->spec.memory.kib);
    uint64_t kib = placement_view_backed(view, guest->backup, guest->host).kib;
    if (kib > use->reserve.kib)
        use->reserve.kib = kib;
    placement_view_end(view, guest->backup);
}

static void unback(struct placement_view *view, uint32_t at)
{
    struct placement_guest *guest = &view->guests[at];
    struct placement_use *use = &view->uses[guest->backup];

    placement_view_begin(view, guest->backup);
    if (guest->next_backed != PLACEMENT_NONE)
        view->guests[guest->next_backed].previous_backed =
            guest->previous_backed;
    if (guest->previous_backed != PLACEMENT_NONE)
        view->guests[guest->previous_backed].next_backed = guest->next_backed;
    else
        use->first_backed = guest->next_backed;
    use->n_backed--;
    uint64_t kib = placement_view_backed(view, guest->backup, guest->host).kib;
    placement_counts_add(&view->counts, PLACEMENT_COUNT_BACKUP, guest->backup,
                         guest->host, -(int64_t)guest->spec.memory.kib);
    if (kib == use->reserve.kib)
        use->reserve.kib = most_backed(view, guest->backup);
    placement_view_end(view, guest->backup);
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
    if (has_backup(guest))
        back(view, at);
}

static void detach(struct placement_view *view, uint32_t at)
{
    struct placement_guest *guest = &view->guests[at];
    struct placement_use *use = &view->uses[guest->host];

    if (has_backup(guest))
        unback(view, at);
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
    if (guest->protected && guest->backup != PLACEMENT_NONE &&
        (guest->backup >= view->n_hosts || !view->hosts[guest->backup].name))
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such backup host");
    uint32_t at = take_slot(view);
    view->guests[at] = *guest;
    view->n_guests++;
    attach(view, at, guest->since_ms);
    if (ret_guest)
        *ret_guest = at;
    return 0;
}

void placement_view_take(struct placement_view *view,
                         const struct placement_guest *guest)
{
    assert(guest->host < view->n_hosts && view->hosts[guest->host].name);
    placement_view_begin(view, guest->host);
    placement_view_count(&view->hosts[guest->host], guest, 1,
                         &view->uses[guest->host]);
    placement_view_end(view, guest->host);
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

void placement_view_set_backup(struct placement_view *view, uint32_t guest,
                               uint32_t backup)
{
    assert(placement_view_guest(view, guest));
    assert(backup == PLACEMENT_NONE ||
           (backup < view->n_hosts && view->hosts[backup].name));
    if (has_backup(&view->guests[guest]))
        unback(view, guest);
    view->guests[guest].backup = backup;
    if (has_backup(&view->guests[guest]))
        back(view, guest);
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
