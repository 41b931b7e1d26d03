/* Rows and totals of resources, as others are shown them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "resourced/channel_rows.h"
#include "resourced/host.h"
#include "resourced/live.h"
#include "resourced/resource.h"
#include "wire/page.h"

#define MOST_TOTALS 64

struct listing {
    struct host *host;
    uint64_t from; /* rows of a higher index */
    const struct wire_resource_query *query;
    const struct channel_rows *channels; /* NULL: none */
    struct arena *arena;
    struct wire_resource *rows;
    uint32_t n_rows;
};

/* ---- rows ---- */

static const struct partition *holder_of(const struct listing *listing,
                                         const struct resource_row *row)
{
    if (row->leased)
        return NULL;
    return registry_by_uuid(&listing->host->partitions, &row->uuid);
}

static bool is_asked_for(const struct listing *listing,
                         const struct resource_row *row)
{
    const struct wire_resource_query *query = listing->query;
    const struct partition *partition;

    if (query->index && query->index != row->index)
        return false;
    if (query->kind && query->kind != row->kind)
        return false;
    if (query->customer[0] && strcmp(query->customer, row->owner) != 0)
        return false;
    if (!uuid_is_zero(&query->uuid))
        return uuid_equal(&query->uuid, &row->uuid);
    if (!query->name[0])
        return true;
    partition = holder_of(listing, row);
    return partition && strcmp(query->name, partition->row.name) == 0;
}

/* Of it in use, as the snapshot tells. */
static int64_t used_of(const struct host *host,
                       const struct partition *partition,
                       const struct resource_row *row)
{
    const struct hv_domain_info *info = NULL;

    if (partition && partition_has_domain(partition))
        info = live_domain(host->live, partition->row.domid);
    if (!info || !uuid_equal(&info->uuid, &partition->row.uuid))
        return -1;
    if (row->kind == WIRE_RESOURCE_MEMORY)
        return (int64_t)info->current_memory.kib;
    if (row->kind == WIRE_RESOURCE_VCPU)
        return strtoul(row->name, NULL, 10) < info->vcpus_online;
    if (row->kind == WIRE_RESOURCE_DOMID)
        return info->domid;
    return -1;
}

static void add_row(void *arg, const struct resource_row *row)
{
    struct listing *listing = arg;

    if (row->index <= listing->from || !is_asked_for(listing, row))
        return;
    const struct partition *partition = holder_of(listing, row);
    struct wire_resource *item = &listing->rows[listing->n_rows++];
    wire_init(&wire_struct_resource, item);
    item->index = row->index;
    item->kind = row->kind;
    item->name = row->name;
    item->uuid = row->uuid;
    item->customer = row->owner;
    item->partition = partition ? partition->row.name : "";
    item->leased = row->leased;
    item->amount = row->amount;
    item->used = used_of(listing->host, partition, row);
    item->backend = row->backend;
    item->detail = row->detail;
    item->generation = row->generation;
    item->since_ms = row->since_ms;
    item->host = listing->host->name;
}

static void count(void *arg, const struct resource_row *row)
{
    ++*(size_t *)arg;
}

/* The table's and the channels'. */
static void each_row(const struct listing *listing, resource_row_fn *fn,
                     void *arg)
{
    const struct channel_rows *channels = listing->channels;

    resources_each(listing->host->resources, fn, arg);
    for (size_t i = 0; channels && i < channels->n_rows; i++)
        fn(arg, &channels->rows[i]);
}

/* By partition (leases come last), kind, name. */
static int compare(const void *a, const void *b)
{
    const struct wire_resource *p = a, *q = b;
    int order = (int)p->leased - (int)q->leased;

    if (!order)
        order = strcmp(p->customer, q->customer);
    if (!order)
        order = strcmp(p->partition, q->partition);
    if (!order)
        order = memcmp(&p->uuid, &q->uuid, sizeof(p->uuid));
    if (!order)
        order = (int)p->kind - (int)q->kind;
    return order ? order : strverscmp(p->name, q->name);
}

static int compare_index(const void *a, const void *b)
{
    const struct wire_resource *p = a, *q = b;

    return p->index < q->index ? -1 : p->index > q->index;
}

/* Keeps as many rows as a page holds, those of the lowest indexes. */
static void cut(struct listing *listing, struct wire_resource_list *ret)
{
    uint32_t n;

    qsort(listing->rows, listing->n_rows, sizeof(*listing->rows),
          compare_index);
    n = wire_page_count(&wire_struct_resource, listing->rows,
                        listing->n_rows);
    if (n < listing->n_rows)
        ret->next = arena_printf(listing->arena, "%" PRIu64,
                                 listing->rows[n - 1].index);
    listing->n_rows = n;
    qsort(listing->rows, n, sizeof(*listing->rows), compare);
}

/* ---- what Xen is asked for ---- */

/* Rows of one partition stand together. */
static int add_usage(struct listing *listing, struct vdc_error *err)
{
    struct hv *hv = listing->host->hv;
    const struct partition *partition = NULL;
    struct hv_usage usage;
    int rc = 0;

    for (uint32_t i = 0; i < listing->n_rows; i++) {
        struct wire_resource *item = &listing->rows[i];
        bool channels = item->kind == WIRE_RESOURCE_EVENT_CHANNELS;
        bool frames = item->kind == WIRE_RESOURCE_GRANT_FRAMES;
        if (item->leased || (!channels && !frames))
            continue;
        if (!partition || !uuid_equal(&partition->row.uuid, &item->uuid)) {
            partition =
                registry_by_uuid(&listing->host->partitions, &item->uuid);
            rc = VDC_E_NOT_FOUND;
            if (partition && partition_has_domain(partition))
                rc = hv->domain->usage(hv, partition->row.domid, &usage, err);
        }
        if (rc && rc != VDC_E_NOT_FOUND)
            return rc;
        if (!rc)
            item->used = channels ? usage.event_channels : usage.grant_frames;
        if (!rc && frames)
            item->amount = usage.max_grant_frames;
    }
    return 0;
}

/* ---- totals ---- */

struct totals {
    const struct listing *listing;
    struct wire_resource_total items[MOST_TOTALS];
    uint32_t n;
    uint64_t assigned[WIRE_RESOURCE_POOL + 1], leased[WIRE_RESOURCE_POOL + 1];
};

static void add_up(void *arg, const struct resource_row *row)
{
    struct totals *totals = arg;
    uint64_t *sums = row->leased ? totals->leased : totals->assigned;

    /* The amount of a domid is the number itself. */
    sums[row->kind] += row->kind == WIRE_RESOURCE_DOMID ? 1 : row->amount;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* One more, of which the caller need not fill what is 0 in any case; NULL
 * when it was not asked for. */
static struct wire_resource_total *add_total(struct totals *totals,
                                             enum wire_resource_kind kind,
                                             const char *name,
                                             const char *unit)
{
    enum wire_resource_kind asked = totals->listing->query->kind;

    if ((asked && asked != kind) || totals->n == MOST_TOTALS)
        return NULL;
    struct wire_resource_total *total = &totals->items[totals->n++];
    wire_init(&wire_struct_resource_total, total);
    total->kind = kind;
    total->name = name;
    total->unit = unit;
    total->host = totals->listing->host->name;
    total->assigned = totals->assigned[kind];
    total->leased = totals->leased[kind];
    return total;
}

/* What our domains have taken of what they are assigned. */
static uint64_t taken_by_ours(const struct host *host)
{
    const struct live_snapshot *now = live_now(host->live);
    uint64_t sum = 0;

    for (size_t i = 0; i < now->n_domains; i++)
        if (registry_by_uuid(&host->partitions, &now->domains[i].uuid))
            sum += now->domains[i].current_memory.kib;
    return sum;
}

static void total_memory(struct totals *totals)
{
    const struct host *host = totals->listing->host;
    const struct hv_host_info *info = &live_now(host->live)->host;
    struct wire_resource_total *total =
        add_total(totals, WIRE_RESOURCE_MEMORY, "", "KiB");

    if (!total)
        return;
    uint64_t taken = taken_by_ours(host);
    total->total = info->total_memory.kib;
    total->free = info->free_memory.kib;
    total->claimed = info->reserved_memory.kib;
    total->ballooned = less(total->assigned, taken);
    /* Xen's own needs for our domains are there, too. */
    total->foreign =
        less(total->total, total->free + total->claimed +
                               less(total->assigned, total->ballooned));
}

/* vCPUs share the CPUs: their number is limited by nothing. */
static void total_cpus(struct totals *totals,
                       const struct live_extras *extras)
{
    const struct host *host = totals->listing->host;
    struct wire_resource_total *total;

    add_total(totals, WIRE_RESOURCE_VCPU, "", "vCPU");
    total = add_total(totals, WIRE_RESOURCE_CPU, "", "pCPU");
    if (total) {
        total->assigned = total->leased = 0;
        total->total = live_now(host->live)->host.pcpus;
    }
    for (size_t i = 0; i < extras->n_pools; i++) {
        total = add_total(totals, WIRE_RESOURCE_CPU, extras->pools[i].name,
                          "pCPU");
        if (!total)
            return;
        total->assigned = total->leased = 0;
        total->total = extras->pools[i].n_cpus;
    }
}

static void total_pci(struct totals *totals, const struct live_extras *extras)
{
    const struct host *host = totals->listing->host;
    struct wire_resource_total *total =
        add_total(totals, WIRE_RESOURCE_PCI, "", "");
    uint64_t known = 0;

    if (!total)
        return;
    /* Those of stopped guests and of leases are assignable still. */
    for (size_t i = 0; i < extras->n_assignable; i++)
        known += resources_find(host->resources, WIRE_RESOURCE_PCI,
                                extras->assignable[i]) != NULL;
    total->free = extras->n_assignable - known;
    total->total = total->free + total->assigned + total->leased;
}

static void total_domids(struct totals *totals)
{
    const struct host *host = totals->listing->host;
    const struct live_snapshot *now = live_now(host->live);
    struct wire_resource_total *total =
        add_total(totals, WIRE_RESOURCE_DOMID, "", "");

    if (!total)
        return;
    total->total = HV_DOMID_MAX + 1;
    total->foreign = less(now->n_domains, total->assigned);
    total->free = less(total->total, now->n_domains);
}

static void total_channels(struct totals *totals)
{
    const struct channel_rows *channels = totals->listing->channels;
    struct wire_resource_total *total = NULL;

    if (channels)
        total = add_total(totals, WIRE_RESOURCE_CHANNEL, "", "");
    if (!total)
        return;
    total->total = channels->limit;
    total->free = less(total->total, total->assigned);
}

static void total_pools(struct totals *totals)
{
    const struct host *host = totals->listing->host;
    const struct resource_pool *pools;
    size_t n;

    pools = resources_pools(host->resources, &n);
    for (size_t i = 0; i < n; i++) {
        struct wire_resource_total *total = add_total(
            totals, WIRE_RESOURCE_POOL, pools[i].name, pools[i].unit);
        if (!total)
            return;
        total->total = pools[i].total;
        total->assigned = resources_sum(host->resources, WIRE_RESOURCE_POOL,
                                        pools[i].name, false);
        total->leased = resources_sum(host->resources, WIRE_RESOURCE_POOL,
                                      pools[i].name, true);
        total->free = less(total->total, total->assigned + total->leased);
    }
}

static int add_totals(const struct listing *listing,
                      struct wire_resource_list *ret, struct vdc_error *err)
{
    struct host *host = listing->host;
    struct totals *totals = ARENA_NEW(listing->arena, struct totals);
    const struct live_extras *extras;
    int rc = live_extras(host->live, &extras, err);

    if (rc)
        return rc;
    totals->listing = listing;
    each_row(listing, add_up, totals);
    total_memory(totals);
    total_cpus(totals, extras);
    add_total(totals, WIRE_RESOURCE_DISK, "", "KiB");
    add_total(totals, WIRE_RESOURCE_VIF, "", "");
    total_pci(totals, extras);
    total_domids(totals);
    add_total(totals, WIRE_RESOURCE_EVENT_CHANNELS, "", "");
    add_total(totals, WIRE_RESOURCE_GRANT_FRAMES, "", "");
    total_channels(totals);
    total_pools(totals);
    ret->totals = totals->items;
    ret->n_totals = totals->n;
    return 0;
}

int resources_list(struct host *host, const struct wire_resource_query *query,
                   const struct channel_rows *channels, struct arena *arena,
                   struct wire_resource_list *ret,
                   struct vdc_error *err)
{
    bool all = !query->customer[0] && !query->name[0] && !query->index &&
               uuid_is_zero(&query->uuid) && !query->from[0];
    struct listing listing = { .host = host,
                               .query = query,
                               .channels = channels,
                               .arena = arena };
    size_t most = 0;
    int rc = wire_page_number(query->from, &listing.from, err);

    if (rc)
        return rc;
    each_row(&listing, count, &most);
    listing.rows = ARENA_ARRAY(arena, most, struct wire_resource);
    each_row(&listing, add_row, &listing);
    if (query->index && !listing.n_rows)
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "host %s has no resource %llu", host->name,
                             (unsigned long long)query->index);
    wire_init(&wire_struct_resource_list, ret);
    cut(&listing, ret);
    if (query->live)
        rc = add_usage(&listing, err);
    if (!rc && all)
        rc = add_totals(&listing, ret, err);
    if (rc)
        return rc;
    ret->resources = listing.rows;
    ret->n_resources = listing.n_rows;
    return 0;
}

/* ---- the report ---- */

static void total_free_devices(struct totals *totals,
                               const struct live_extras *extras)
{
    const struct host *host = totals->listing->host;

    for (size_t i = 0; i < extras->n_assignable; i++) {
        const char *name = extras->assignable[i];
        if (resources_find(host->resources, WIRE_RESOURCE_PCI, name))
            continue;
        struct wire_resource_total *total =
            add_total(totals, WIRE_RESOURCE_PCI, name, "");
        if (!total)
            return;
        total->assigned = total->leased = 0;
        total->total = total->free = 1;
    }
}

void resources_report(struct host *host, struct arena *arena,
                      struct wire_host *ret)
{
    struct wire_resource_query query;
    struct listing listing = { .host = host, .query = &query, .arena = arena };
    struct totals *totals = ARENA_NEW(arena, struct totals);
    const struct live_extras *extras;

    if (!host->resources)
        return;
    wire_init(&wire_struct_resource_query, &query);
    totals->listing = &listing;
    each_row(&listing, add_up, totals);
    total_pools(totals);
    if (!live_extras(host->live, &extras, NULL)) {
        total_pci(totals, extras);
        total_free_devices(totals, extras);
    }
    ret->totals = totals->items;
    ret->n_totals = (uint32_t)totals->n;
}
