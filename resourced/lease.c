/* Leases in memory: who keeps what, until when; and what Xen is told. */
#include "resourced/lease.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/reasons.h"
#include "resourced/host.h"
#include "resourced/lease_impl.h"
#include "resourced/live.h"
#include "resourced/memory.h"
#include "resourced/resource.h"

#define EXPIRES_MOST_MS UINT64_C(86400000)

/* ---- what Xen keeps ---- */

static bool is_to_be_claimed(const struct lease *lease)
{
    return lease->wire.memory.kib && !lease->yielded;
}

/* As many as Xen takes, the oldest first. */
static void claim(struct lease_table *table, bool again)
{
    struct hv *hv = table->host->hv;
    struct lease *lease, *end = NULL;
    struct vdc_error err;
    uint64_t sum = 0;
    int rc = 0;

    TAILQ_FOREACH (lease, &table->all, link)
        if (is_to_be_claimed(lease))
            sum += lease->wire.memory.kib;
    if (again || sum != table->asked.kib)
        rc = hv->domain->reserve(hv, MEM_KIB(sum), &err);
    if (rc)
        log_warning("Xen does not keep the memory of all leases: %s",
                    err.text);
    while (rc && sum) {
        end = end ? TAILQ_PREV(end, lease_list, link)
                  : TAILQ_LAST(&table->all, lease_list);
        if (!is_to_be_claimed(end))
            continue;
        sum -= end->wire.memory.kib;
        rc = hv->domain->reserve(hv, MEM_KIB(sum), NULL);
    }
    if (!rc)
        table->asked = MEM_KIB(sum);
    bool claimed = true;
    TAILQ_FOREACH (lease, &table->all, link) {
        claimed = claimed && lease != end;
        lease->wire.claimed = claimed && is_to_be_claimed(lease);
    }
}

void leases_claim_again(struct host *host)
{
    claim(host->leases, true);
}

/* ---- the database, behind ---- */

static void written(void *arg, int rc, const struct vdc_error *err,
                    uint64_t first_event)
{
    if (rc)
        log_error("a lease is not in the database: %s", err->text);
}

/* What is kept of it; NULL: it is gone. */
static void write_lease(struct host *host, const struct vdc_uuid *id,
                        const struct lease *lease)
{
    struct arena *arena = arena_new();
    struct resource_change resources = { 0 };
    struct store_change change = { 0 };
    struct wire_lease row;

    resources_plan_lease(host->resources, id, lease ? &lease->wire : NULL,
                         arena, &resources);
    resources_into(&resources, &change);
    resources_take(host->resources, &resources);
    if (lease) {
        row = lease->wire;
        row.claimed = false; /* of this process */
        row.expires_ms =
            clock_wall().ms + lease->expires_at_ms - clock_mono().ms;
        change.lease_put = &row;
    } else {
        change.lease_remove = id;
    }
    store_submit(host->store, &change, written, NULL);
    arena_free(arena);
}

/* ---- time ---- */

static void set_timer(struct lease_table *table)
{
    uint64_t now = clock_mono().ms, first = UINT64_MAX;
    const struct lease *lease;

    TAILQ_FOREACH (lease, &table->all, link)
        if (!lease->user && lease->expires_at_ms < first)
            first = lease->expires_at_ms;
    if (first == UINT64_MAX) {
        event_del(table->timer);
        return;
    }
    uint64_t ms = first > now ? first - now : 0;
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };
    event_add(table->timer, &tv);
}

static void lease_free(struct lease_table *table, struct lease *lease)
{
    TAILQ_REMOVE(&table->all, lease, link);
    arena_free(lease->arena);
    free(lease);
}

/* Without claim and timer, which are for all that go together. */
static void forget(struct host *host, struct lease *lease)
{
    struct vdc_uuid id = lease->wire.id;

    lease_free(host->leases, lease);
    write_lease(host, &id, NULL);
}

static void expire(int fd, short what, void *arg)
{
    struct lease_table *table = arg;
    struct lease *lease, *next;
    char id[UUID_TEXT_SIZE];
    uint64_t now = clock_mono().ms;

    for (lease = TAILQ_FIRST(&table->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->user || lease->expires_at_ms > now)
            continue;
        log_info("lease %s has expired", uuid_format(&lease->wire.id, id));
        forget(table->host, lease);
    }
    claim(table, false);
    set_timer(table);
}

/* ---- opening ---- */

static struct lease *lease_new(struct lease_table *table,
                               const struct wire_lease *from,
                               uint64_t expires_ms, struct vdc_error *err)
{
    struct lease *lease = XNEW(struct lease);

    lease->arena = arena_new();
    wire_init(&wire_struct_lease, &lease->wire);
    if (wire_struct_copy(&wire_struct_lease, from, lease->arena, &lease->wire,
                         err)) {
        arena_free(lease->arena);
        free(lease);
        return NULL;
    }
    lease->expires_at_ms = clock_mono().ms + expires_ms;
    TAILQ_INSERT_TAIL(&table->all, lease, link);
    return lease;
}

static int compare_created(const void *a, const void *b)
{
    const struct wire_lease *p = a, *q = b;

    return p->created_ms < q->created_ms   ? -1
           : p->created_ms > q->created_ms ? 1
                                           : 0;
}

static int load(struct lease_table *table, struct vdc_error *err)
{
    struct host *host = table->host;
    struct arena *arena = arena_new();
    struct wire_lease *rows = NULL;
    uint64_t now = clock_wall().ms;
    size_t n_rows = 0;
    int rc = store_leases(host->store, arena, &rows, &n_rows, err);

    if (!rc && n_rows)
        qsort(rows, n_rows, sizeof(*rows), compare_created);
    for (size_t i = 0; !rc && i < n_rows; i++) {
        uint64_t left = rows[i].expires_ms > now ? rows[i].expires_ms - now
                                                 : 0;
        /* No longer than a lease may be, whatever became of the clock. */
        if (left > EXPIRES_MOST_MS)
            left = EXPIRES_MOST_MS;
        if (!left || rows[i].session)
            write_lease(host, &rows[i].id, NULL);
        else if (!lease_new(table, &rows[i], left, err))
            rc = VDC_E_STORE_CORRUPT;
    }
    arena_free(arena);
    return rc;
}

int leases_open(struct host *host, struct lease_table **ret,
                struct vdc_error *err)
{
    struct lease_table *table = XNEW(struct lease_table);

    table->host = host;
    TAILQ_INIT(&table->all);
    table->timer = event_new(host->base, -1, 0, expire, table);
    int rc = load(table, err);
    if (rc) {
        leases_close(table);
        return rc;
    }
    if (!TAILQ_EMPTY(&table->all))
        claim(table, true);
    set_timer(table);
    *ret = table;
    return 0;
}

void leases_close(struct lease_table *table)
{
    struct lease *lease;

    if (!table)
        return;
    while ((lease = TAILQ_FIRST(&table->all)))
        lease_free(table, lease);
    event_free(table->timer);
    free(table);
}

/* ---- whether it can be ---- */

static void bad(struct reasons *reasons, const char *what)
{
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_BAD_VALUE, "%s", what);
    reasons_add(reasons, &err);
}

static void check_expires(uint64_t expires_ms, struct reasons *reasons)
{
    if (expires_ms < 1 || expires_ms > EXPIRES_MOST_MS)
        bad(reasons, "a lease is for 1 ms to 24 h");
}

static uint64_t asked_of_pool(const struct wire_lease *asked, const char *name)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < asked->n_pools; i++)
        if (strcmp(asked->pools[i].name, name) == 0)
            sum += asked->pools[i].amount;
    return sum;
}

static const char *amount_text(const struct resource_pool *pool,
                               uint64_t amount, char *buf, size_t size)
{
    if (pool->unit[0])
        return units_mem_format(MEM_KIB(amount), buf, size);
    snprintf(buf, size, "%llu", (unsigned long long)amount);
    return buf;
}

static void check_pool(struct host *host, const struct wire_lease *asked,
                       const struct wire_pool_amount *of,
                       struct reasons *reasons)
{
    const struct resource_pool *pool =
        resources_pool(host->resources, of->name);
    char wants[32], has[32], all[32];
    struct vdc_error err;

    if (!pool || !of->amount || of->amount > MEM_MAX_KIB) {
        vdc_error_set(&err, VDC_E_BAD_VALUE, "host %s has no pool %s%s",
                      host->name, of->name,
                      pool ? " of which that can be asked" : "");
        vdc_error_hint(&err, "see the pools: xl-vdc resource-list");
        reasons_add(reasons, &err);
        return;
    }
    uint64_t taken = resources_sum(host->resources, WIRE_RESOURCE_POOL,
                                   pool->name, false) +
                     resources_sum(host->resources, WIRE_RESOURCE_POOL,
                                   pool->name, true);
    uint64_t left = taken < pool->total ? pool->total - taken : 0;
    uint64_t sum = asked_of_pool(asked, pool->name);
    if (sum <= left)
        return;
    vdc_error_set(&err, VDC_E_NO_RESOURCE,
                  "the pool %s has %s free of %s, not %s", pool->name,
                  amount_text(pool, left, has, sizeof(has)),
                  amount_text(pool, pool->total, all, sizeof(all)),
                  amount_text(pool, sum, wants, sizeof(wants)));
    vdc_error_hint(&err, "see who has it: xl-vdc resource-list");
    reasons_add(reasons, &err);
}

/* Who has the device; nothing is said of one owner's things to another. */
static void device_is_taken(struct host *host, const struct wire_lease *asked,
                            const struct resource_row *row,
                            struct reasons *reasons)
{
    const struct partition *partition =
        registry_by_uuid(&host->partitions, &row->uuid);
    struct vdc_error err;

    if (asked->owner[0] && strcmp(asked->owner, row->owner) != 0)
        vdc_error_set(&err, VDC_E_NO_RESOURCE, "%s is not free", row->name);
    else if (partition)
        vdc_error_set(&err, VDC_E_NO_RESOURCE, "%s of %s has %s",
                      partition->row.name, row->owner, row->name);
    else
        vdc_error_set(&err, VDC_E_NO_RESOURCE, "a lease of %s keeps %s",
                      row->owner[0] ? row->owner : "the provider", row->name);
    reasons_add(reasons, &err);
}

static bool is_assignable(const struct live_extras *extras, const char *bdf)
{
    for (size_t i = 0; i < extras->n_assignable; i++)
        if (strcasecmp(extras->assignable[i], bdf) == 0)
            return true;
    return false;
}

static void check_devices(struct host *host, const struct wire_lease *asked,
                          struct reasons *reasons)
{
    const struct live_extras *extras;
    struct vdc_error err;

    if (!asked->n_devices)
        return;
    if (live_extras(host->live, &extras, &err)) {
        reasons_add(reasons, &err);
        return;
    }
    for (uint32_t i = 0; i < asked->n_devices; i++) {
        const char *bdf = asked->devices[i];
        const struct resource_row *row =
            resources_find(host->resources, WIRE_RESOURCE_PCI, bdf);
        for (uint32_t j = 0; j < i; j++)
            if (strcasecmp(asked->devices[j], bdf) == 0)
                bad(reasons, "a device is there twice");
        if (row) {
            device_is_taken(host, asked, row, reasons);
        } else if (!is_assignable(extras, bdf)) {
            vdc_error_set(&err, VDC_E_NO_RESOURCE,
                          "host %s has no PCI device %s to give", host->name,
                          bdf);
            vdc_error_hint(&err, "make it assignable: xl "
                                 "pci-assignable-add");
            reasons_add(reasons, &err);
        }
    }
}

static int check(struct host *host, const struct wire_lease *asked,
                 struct vdc_error *err)
{
    struct reasons *reasons = XNEW(struct reasons);
    struct vdc_error why;

    check_expires(asked->expires_ms, reasons);
    if (!asked->memory.kib && !asked->vcpus && !asked->n_pools &&
        !asked->n_devices)
        bad(reasons, "a lease of nothing");
    if (asked->memory.kib &&
        memory_check_lease(host, asked->memory, asked->host_reserve, &why))
        reasons_add(reasons, &why);
    for (uint32_t i = 0; i < asked->n_pools; i++)
        check_pool(host, asked, &asked->pools[i], reasons);
    check_devices(host, asked, reasons);
    int rc = reasons_error(reasons, err);
    free(reasons);
    return rc;
}

/* ---- making and dropping ---- */

int lease_create(struct host *host, const struct wire_lease *asked,
                 const void *session, struct lease **ret,
                 struct vdc_error *err)
{
    struct wire_lease wire = *asked;
    int rc = check(host, asked, err);

    if (rc)
        return rc;
    uuid_random(&wire.id);
    wire.created_ms = clock_wall().ms;
    wire.claimed = false;
    struct lease *lease =
        lease_new(host->leases, &wire, asked->expires_ms, err);
    if (!lease)
        return VDC_E_BAD_VALUE;
    lease->session = asked->session ? session : NULL;
    claim(host->leases, false);
    set_timer(host->leases);
    live_changed(host->live);
    write_lease(host, &lease->wire.id, lease);
    *ret = lease;
    return 0;
}

int lease_renew(struct host *host, struct lease *lease, uint64_t expires_ms,
                struct vdc_error *err)
{
    struct reasons *reasons = XNEW(struct reasons);

    check_expires(expires_ms, reasons);
    int rc = reasons_error(reasons, err);
    free(reasons);
    if (rc)
        return rc;
    lease->expires_at_ms = clock_mono().ms + expires_ms;
    set_timer(host->leases);
    write_lease(host, &lease->wire.id, lease);
    return 0;
}

/* After some are gone. */
static void settle(struct host *host)
{
    claim(host->leases, false);
    set_timer(host->leases);
    live_changed(host->live);
}

void lease_drop(struct host *host, struct lease *lease)
{
    if (lease->user) {
        lease->doomed = true;
        return;
    }
    forget(host, lease);
    settle(host);
}

void leases_drop_session(struct host *host, const void *session)
{
    struct lease *lease, *next;
    bool any = false;

    if (!host->leases)
        return;
    for (lease = TAILQ_FIRST(&host->leases->all); lease; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->session != session)
            continue;
        lease->session = NULL;
        any = true;
        if (lease->user)
            lease->doomed = true;
        else
            forget(host, lease);
    }
    if (any)
        settle(host);
}

/* ---- turning it into an allocation ---- */

int lease_use(struct host *host, const struct vdc_uuid *id,
              struct transaction *t, struct vdc_error *err)
{
    struct lease *lease = lease_find(host, id);
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    /* Whose it is was policyd's to check: an operator may use a customer's. */
    if (!lease) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such lease: %s", text);
        vdc_error_hint(err, "it may have expired: make another");
        return VDC_E_NOT_FOUND;
    }
    if (lease->user && lease->user != t)
        return vdc_error_set(err, VDC_E_BUSY,
                             "another operation is using the lease %s", text);
    lease->user = t;
    set_timer(host->leases);
    return 0;
}

void lease_yield_memory(struct lease *lease, struct host *host)
{
    if (lease->yielded)
        return;
    lease->yielded = true;
    claim(host->leases, false);
}

void lease_stand_again(struct host *host, struct lease *lease)
{
    lease->user = NULL;
    lease->yielded = false;
    if (lease->doomed)
        forget(host, lease);
    settle(host);
}

void lease_used(struct host *host, struct lease *lease, struct arena *arena,
                struct store_change *change,
                struct resource_change *resources)
{
    change->lease_remove = &lease->wire.id;
    resources_plan_lease(host->resources, &lease->wire.id, NULL, arena,
                         resources);
}

void lease_end(struct host *host, struct lease *lease)
{
    lease_free(host->leases, lease);
    settle(host);
}
