/* Rows, leases, journal and xenstore, compared with what they follow from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resourced/lease.h"
#include "resourced/publish.h"
#include "resourced/resource.h"
#include "resourced/transaction.h"
#include "resourced/verify_impl.h"

/* ---- resources ---- */

void verify_resources(struct verify *v, struct partition *partition)
{
    const struct partition_row *row = &partition->row;
    struct resource_change change = { 0 };

    resources_plan(v->host->resources, &row->uuid, row, v->arena, &change);
    if (!change.n_put && !change.n_remove)
        return;
    verify_found(v, partition, "resource", verify_fix_resources,
                 "repair writes them anew",
                 "of its rows of resources %zu are missing or wrong, %zu too "
                 "many", change.n_put, change.n_remove);
}

struct orphans {
    struct verify *v;
    struct vdc_uuid last; /* rows of a holder come together */
};

static void look_at_row(void *arg, const struct resource_row *row)
{
    struct orphans *orphans = arg;
    struct verify *v = orphans->v;
    char id[UUID_TEXT_SIZE];

    if (uuid_equal(&row->uuid, &orphans->last))
        return;
    orphans->last = row->uuid;
    if (row->leased ? lease_find(v->host, &row->uuid) != NULL
                    : registry_by_uuid(&v->host->partitions, &row->uuid) !=
                          NULL)
        return;
    verify_found(v, NULL, "resource", verify_fix_resources,
                 "repair removes them",
                 "rows of resources belong to %s %s, which is not there",
                 row->leased ? "lease" : "guest", uuid_format(&row->uuid, id))
        ->uuid = row->uuid;
}

int verify_holders(struct verify *v, struct vdc_error *err)
{
    struct orphans orphans = { .v = v };

    resources_each(v->host->resources, look_at_row, &orphans);
    return 0;
}

/* ---- leases ---- */

int verify_leases(struct verify *v, struct vdc_error *err)
{
    struct host *host = v->host;
    struct wire_lease_list list;
    struct hv_host_info info;
    char ours[32], theirs[32], id[UUID_TEXT_SIZE];
    struct mem claimed = leases_memory_claimed(host);
    int rc = host->hv->domain->host_info(host->hv, v->arena, &info, err);

    if (rc)
        return rc;
    if (info.reserved_memory.kib != claimed.kib)
        verify_found(v, NULL, "claim", verify_fix_claim,
                     "repair claims it anew",
                     "leases have %s claimed in Xen, which keeps %s",
                     units_mem_format(claimed, ours, sizeof(ours)),
                     units_mem_format(info.reserved_memory, theirs,
                                      sizeof(theirs)));
    leases_list(host, "", v->arena, &list);
    for (uint32_t i = 0; i < list.n_leases; i++) {
        const struct wire_lease *lease = &list.leases[i];
        const struct lease *now = lease_find(host, &lease->id);
        if (!lease->memory.kib || lease->claimed || !now || now->user)
            continue;
        struct fix *fix = verify_found(
            v, NULL, "lease", verify_fix_claim, "repair asks Xen again",
            "the memory of lease %s, %s, is not kept by Xen",
            uuid_format(&lease->id, id),
            units_mem_format(lease->memory, ours, sizeof(ours)));
        fix->uuid = lease->id;
        v->reply.differences[fix->at].uuid = lease->id;
        v->reply.differences[fix->at].customer =
            arena_strdup(v->arena, lease->owner);
    }
    return 0;
}

/* ---- the journal ---- */

static bool is_under_way(const struct host *host, uint64_t id)
{
    const struct transaction *t;

    TAILQ_FOREACH (t, &host->transactions, link)
        if (t->id == id)
            return true;
    return false;
}

int verify_journal(struct verify *v, struct vdc_error *err)
{
    struct journal_entry *entries;
    size_t n_entries;
    int rc = store_journal(v->host->store, v->arena, &entries, &n_entries,
                           err);

    for (size_t i = 0; !rc && i < n_entries; i++)
        if (!is_under_way(v->host, entries[i].id))
            verify_found(v, NULL, "journal", verify_fix_journal,
                         entries[i].passed ? "repair brings it to its end"
                                           : "repair undoes it",
                         "transaction %llu is open, and nobody works on it",
                         (unsigned long long)entries[i].id)
                ->what = &entries[i];
    return rc;
}

/* ---- xenstore ---- */

int verify_unknown_domain(struct verify *v, struct partition *partition,
                          const struct hv_domain_info *info,
                          struct vdc_error *err)
{
    struct publish_found found;
    int rc = publish_find(v->host, info->domid, v->arena, &found, err);
    bool ours = !rc && uuid_equal(&found.uuid, &partition->row.uuid) &&
                !partition_has_domain(partition);

    if (rc && rc != VDC_E_NOT_FOUND)
        return rc;
    struct fix *fix = verify_found(
        v, partition, "unknown-domain", ours ? verify_fix_adopt : NULL,
        ours ? "repair notes that it is its domain"
             : "end it, or destroy the guest: two domains have one uuid",
        "Xen has a domain %u (%s) with its uuid, of which the database does "
        "not know", info->domid, info->name);
    fix->domid = v->reply.differences[fix->at].domid = info->domid;
    return 0;
}

static const struct hv_domain_info *domain_of(const struct verify *v,
                                              uint32_t domid)
{
    for (size_t i = 0; i < v->n_domains; i++)
        if (v->domains[i].domid == domid && !v->domains[i].dying)
            return &v->domains[i];
    return NULL;
}

static void unknown_partition(struct verify *v, uint32_t domid,
                              const struct publish_found *found)
{
    struct fix *fix = verify_found(
        v, NULL, "unknown-partition",
        found->whole ? verify_fix_take_in : NULL,
        found->whole ? "repair takes it in from xenstore"
                     : "what xenstore has of it is not whole: define it anew",
        "xenstore says that domain %u is %s of %s, which the database does "
        "not know", domid, found->name[0] ? found->name : "a guest",
        found->owner[0] ? found->owner : "somebody");
    struct wire_difference *item = &v->reply.differences[fix->at];

    item->uuid = fix->uuid = found->uuid;
    item->domid = fix->domid = domid;
}

static int verify_node(struct verify *v, uint32_t domid, struct vdc_error *err)
{
    const struct hv_domain_info *info = domain_of(v, domid);
    const struct partition *partition;
    struct publish_found found;
    bool stale = false;
    int rc = publish_is_stale(v->host, domid, &stale, err);

    if (rc)
        return rc;
    if (stale) {
        verify_found(v, NULL, "stale-node", verify_fix_unpublish,
                     "repair removes it",
                     "xenstore has a node of domain %u, which is not there",
                     domid)
            ->domid = domid;
        return 0;
    }
    rc = publish_find(v->host, domid, v->arena, &found, err);
    if (rc)
        return rc == VDC_E_NOT_FOUND ? 0 : rc;
    partition = registry_by_uuid(&v->host->partitions, &found.uuid);
    if (info && !partition)
        unknown_partition(v, domid, &found);
    return 0;
}

int verify_published(struct verify *v, struct vdc_error *err)
{
    uint32_t *domids;
    size_t n_domids;
    int rc = publish_list(v->host, v->arena, &domids, &n_domids, err);

    for (size_t i = 0; !rc && i < n_domids; i++)
        rc = verify_node(v, domids[i], err);
    return rc;
}
