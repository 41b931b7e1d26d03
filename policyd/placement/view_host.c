/*
 * The view's hosts; see view.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/view_impl.h"

static int by_name(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static int check(const struct placement_host *host, struct vdc_error *err)
{
    if (!host->name)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "a host without a name");
    if (host->n_pools > PLACEMENT_HOST_AMOUNTS_MAX ||
        host->n_devices > PLACEMENT_HOST_AMOUNTS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a host has at most %d pools, and kinds of "
                             "devices",
                             PLACEMENT_HOST_AMOUNTS_MAX);
    if (host->n_tags > PLACEMENT_TAGS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a host has at most %d tags",
                             PLACEMENT_TAGS_MAX);
    if (host->memory.kib > MEM_MAX_KIB || host->pcpus > PLACEMENT_VCPUS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "more memory or pCPUs than a host can have");
    for (uint32_t i = 0; i < host->n_pools; i++)
        if (host->pools[i].amount > MEM_MAX_KIB)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a pool larger than any can be");
    return 0;
}

static void remember_name(struct placement_view *view, uint32_t name,
                          uint32_t host_and_1)
{
    if (name >= view->host_names_max) {
        uint32_t old = view->host_names_max;
        view->host_names_max = (name + 1) * 2;
        view->host_of_name =
            xrealloc(view->host_of_name,
                     view->host_names_max * sizeof(*view->host_of_name));
        memset(view->host_of_name + old, 0,
               (view->host_names_max - old) * sizeof(*view->host_of_name));
    }
    view->host_of_name[name] = host_and_1;
}

void placement_view_name_host(struct placement_view *view, uint32_t name,
                              uint32_t host)
{
    remember_name(view, name, host + 1);
}

static uint32_t add(struct placement_view *view)
{
    for (uint32_t i = 0;
         view->n_present < view->n_hosts && i < view->n_hosts; i++)
        if (!view->hosts[i].name)
            return i;
    if (view->n_hosts == view->hosts_max) {
        view->hosts_max = view->hosts_max ? view->hosts_max * 2 : 16;
        view->hosts =
            xrealloc(view->hosts, view->hosts_max * sizeof(*view->hosts));
        view->uses =
            xrealloc(view->uses, view->hosts_max * sizeof(*view->uses));
    }
    memset(&view->hosts[view->n_hosts], 0, sizeof(*view->hosts));
    view->uses[view->n_hosts] =
        (struct placement_use){ .first_guest = PLACEMENT_NONE,
                                .first_backed = PLACEMENT_NONE };
    return view->n_hosts++;
}

static bool same_names(const struct placement_amount *a, uint32_t n_a,
                       const struct placement_amount *b, uint32_t n_b)
{
    for (uint32_t i = 0; n_a == n_b && i < n_a; i++)
        if (a[i].name != b[i].name)
            return false;
    return n_a == n_b;
}

/* Whether its guests count for the same on both. */
static bool counts_alike(const struct placement_host *a,
                         const struct placement_host *b)
{
    return a->domain == b->domain &&
           same_names(a->pools, a->n_pools, b->pools, b->n_pools) &&
           same_names(a->devices, a->n_devices, b->devices, b->n_devices);
}

int placement_view_put_host(struct placement_view *view,
                            const struct placement_host *host,
                            uint32_t *ret_host, struct vdc_error *err)
{
    int rc = check(host, err);

    if (rc)
        return rc;
    uint32_t at = placement_view_find_host(view, host->name);
    if (at == PLACEMENT_NONE) {
        at = add(view);
        view->n_present++;
        placement_view_name_host(view, host->name, at);
    }
    struct placement_host *mine = &view->hosts[at], to = *host;
    /* what is searched by name is in order */
    qsort(to.pools, to.n_pools, sizeof(*to.pools), by_name);
    qsort(to.devices, to.n_devices, sizeof(*to.devices), by_name);
    qsort(to.tags, to.n_tags, sizeof(*to.tags), by_name);
    /* reports mostly change nothing but memory */
    bool is_same = counts_alike(mine, &to);
    placement_view_begin(view, at);
    if (!is_same)
        placement_view_count_all(view, at, -1);
    *mine = to;
    view->uses[at].vcpus_most =
        view->overcommit_percent
            ? (uint64_t)mine->pcpus * view->overcommit_percent / 100
            : UINT64_MAX;
    if (!is_same)
        placement_view_count_all(view, at, 1);
    placement_view_end(view, at);
    if (ret_host)
        *ret_host = at;
    return 0;
}

/* Of guests that do not run, or are not protected any more: another host may
 * get its index. */
static void forget_backup(struct placement_view *view, uint32_t host)
{
    for (uint32_t i = 0; i < view->guests_end; i++)
        if (view->guests[i].backup == host)
            view->guests[i].backup = PLACEMENT_NONE;
}

int placement_view_remove_host(struct placement_view *view, uint32_t host,
                               struct vdc_error *err)
{
    assert(host < view->n_hosts && view->hosts[host].name);
    if (view->uses[host].n_guests)
        return vdc_error_set(
            err, VDC_E_WRONG_STATE, "there are %u guests on host %s",
            view->uses[host].n_guests,
            placement_view_text(view, view->hosts[host].name));
    if (view->uses[host].n_backed)
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "host %s is the backup of %u guests",
                             placement_view_text(view, view->hosts[host].name),
                             view->uses[host].n_backed);
    view->n_present--;
    placement_view_begin(view, host);
    forget_backup(view, host);
    remember_name(view, view->hosts[host].name, 0);
    view->hosts[host] = (struct placement_host){ .state = PLACEMENT_DOWN };
    view->uses[host] =
        (struct placement_use){ .first_guest = PLACEMENT_NONE,
                                .first_backed = PLACEMENT_NONE };
    placement_view_end(view, host);
    return 0;
}

void placement_view_set_state(struct placement_view *view, uint32_t host,
                              enum placement_state state)
{
    assert(host < view->n_hosts);
    placement_view_begin(view, host);
    view->hosts[host].state = state;
    placement_view_end(view, host);
}

void placement_view_set_busy_since(struct placement_view *view, uint32_t host,
                                   int64_t ms)
{
    assert(host < view->n_hosts);
    if (!view->uses[host].n_guests)
        return;
    placement_view_begin(view, host);
    view->uses[host].busy_since_ms = ms;
    placement_view_end(view, host);
}

uint32_t placement_view_n_hosts(const struct placement_view *view)
{
    return view->n_hosts;
}

uint32_t placement_view_n_present(const struct placement_view *view)
{
    return view->n_present;
}

const struct placement_host *
placement_view_host(const struct placement_view *view, uint32_t host)
{
    assert(host < view->n_hosts);
    return &view->hosts[host];
}

const struct placement_use *
placement_view_use(const struct placement_view *view, uint32_t host)
{
    assert(host < view->n_hosts);
    return &view->uses[host];
}

uint32_t placement_view_find_host(const struct placement_view *view,
                                  uint32_t name)
{
    if (!name || name >= view->host_names_max)
        return PLACEMENT_NONE;
    /* 0 wraps to PLACEMENT_NONE */
    return view->host_of_name[name] - 1;
}
