/* What mends each kind of difference. */
#include <stdlib.h>
#include <string.h>

#include "resourced/event_log.h"
#include "resourced/lease.h"
#include "resourced/lifecycle.h"
#include "resourced/publish.h"
#include "resourced/resource.h"
#include "resourced/transaction.h"
#include "resourced/verify_impl.h"

/* It is locked, or there is none: whoever looked has seen it. */
static struct partition *partition_of(struct verify *v, const struct fix *fix)
{
    return registry_by_uuid(&v->host->partitions, &fix->uuid);
}

static int later(int rc)
{
    return rc ? rc : STEP_LATER;
}

/* ---- the database is set ---- */

/* The news of the domain's end may have come since. */
static bool has_still(struct verify *v, const struct fix *fix)
{
    return partition_of(v, fix)->row.domid == fix->domid;
}

int verify_fix_gone(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    if (has_still(v, fix))
        lifecycle_vanished(v->host, partition_of(v, fix),
                           "its domain was gone when the host was verified");
    return 0;
}

static void note(struct verify *v, struct partition *partition,
                 const struct partition_row *row)
{
    struct event_batch events = { 0 };

    lifecycle_note(v->host, partition, row, &events);
}

/* What is published of it is right, but for what Xen itself knows. */
static void take_domain(struct verify *v, const struct fix *fix,
                        const struct publish_found *found,
                        const struct hv_domain_info *info,
                        struct partition_row *row)
{
    if (found->whole)
        row->live = found->row.live;
    else
        row->live = row->definition;
    row->domid = fix->domid;
    row->boot_id = v->host->boot_id;
    row->paused = info->paused;
    row->wanted_running = true;
    row->generation++;
}

int verify_fix_adopt(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;
    struct partition *partition = partition_of(v, fix);
    struct partition_row row = partition->row;
    struct publish_found found;
    struct hv_domain_info info;
    int rc = publish_find(v->host, fix->domid, v->arena, &found, err);

    if (!rc)
        rc = hv->domain->info(hv, fix->domid, v->arena, &info, err);
    if (!rc)
        rc = hv->domain->watch(hv, fix->domid, err);
    if (rc)
        return rc;
    take_domain(v, fix, &found, &info, &row);
    note(v, partition, &row);
    return 0;
}

static int check_free(struct verify *v, const struct partition_row *row,
                      struct vdc_error *err)
{
    const struct registry *registry = &v->host->partitions;
    const struct partition *other =
        registry_by_name(registry, row->owner, row->name);

    if (!other)
        other = registry_by_xen_name(registry, row->xen_name);
    if (!other)
        return 0;
    return vdc_error_set(err, VDC_E_EXISTS,
                         "another guest has the name %s; rename that",
                         row->name);
}

static uint32_t free_index(struct verify *v, uint32_t index)
{
    const struct partition *partition;

    TAILQ_FOREACH (partition, &v->host->partitions.all, in_all)
        if (partition->row.index == index)
            return store_next_partition(v->host->store);
    return index ? index : store_next_partition(v->host->store);
}

int verify_fix_take_in(struct verify *v, struct fix *fix,
                       struct vdc_error *err)
{
    struct hv *hv = v->host->hv;
    struct partition *partition;
    struct publish_found found;
    struct hv_domain_info info;
    int rc = publish_find(v->host, fix->domid, v->arena, &found, err);

    if (!rc)
        rc = hv->domain->info(hv, fix->domid, v->arena, &info, err);
    if (!rc)
        rc = check_free(v, &found.row, err);
    if (!rc)
        rc = hv->domain->watch(hv, fix->domid, err);
    if (rc)
        return rc;
    take_domain(v, fix, &found, &info, &found.row);
    found.row.index = free_index(v, found.row.index);
    rc = registry_add(&v->host->partitions, &found.row, &partition, err);
    if (!rc)
        note(v, partition, &found.row);
    return rc;
}

int verify_fix_memory_target(struct verify *v, struct fix *fix,
                             struct vdc_error *err)
{
    struct partition *partition = partition_of(v, fix);
    struct partition_row row = partition->row;

    if (!has_still(v, fix))
        return 0;
    if (!row.live.max_memory.kib)
        row.live.max_memory = row.live.memory;
    row.live.memory = fix->mem;
    row.generation++;
    note(v, partition, &row);
    return 0;
}

static void written(void *arg, int rc, const struct vdc_error *err,
                    uint64_t first_event)
{
    verify_fixed(arg, rc, err);
}

int verify_fix_resources(struct verify *v, struct fix *fix,
                         struct vdc_error *err)
{
    struct host *host = v->host;
    const struct partition *partition = partition_of(v, fix);
    struct resource_change resources = { 0 };
    struct store_change change = { 0 };

    resources_plan(host->resources, &fix->uuid,
                   partition ? &partition->row : NULL, v->arena, &resources);
    resources_into(&resources, &change);
    resources_take(host->resources, &resources);
    store_submit(host->store, &change, written, v);
    return STEP_LATER;
}

/* ---- Xen is set ---- */

int verify_fix_name(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return hv->domain->rename(hv, fix->domid,
                              partition_of(v, fix)->row.xen_name, err);
}

int verify_fix_paused(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    if (fix->number)
        return later(
            hv->domain->pause(hv, fix->domid, verify_fixed, v, err));
    return later(hv->domain->unpause(hv, fix->domid, verify_fixed, v, err));
}

int verify_fix_memory_max(struct verify *v, struct fix *fix,
                          struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return hv->domain->set_max_memory(hv, fix->domid, fix->mem, err);
}

int verify_fix_vcpus(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return hv->domain->set_vcpus(hv, fix->domid, (uint32_t)fix->number, err);
}

int verify_fix_sched(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return hv->domain->set_sched(hv, fix->domid, fix->what, err);
}

int verify_fix_affinity(struct verify *v, struct fix *fix,
                        struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return hv->domain->set_affinity(hv, fix->domid, fix->number, fix->text,
                                    fix->more, err);
}

int verify_fix_disk(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return later(hv->domain->disk_attach(hv, fix->domid, fix->what,
                                         verify_fixed, v, err));
}

int verify_fix_nic(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return later(hv->domain->nic_attach(hv, fix->domid, fix->what,
                                        verify_fixed, v, err));
}

int verify_fix_pci(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;

    return later(hv->domain->pci_attach(hv, fix->domid, fix->text,
                                        verify_fixed, v, err));
}

int verify_fix_claim(struct verify *v, struct fix *fix, struct vdc_error *err)
{
    const struct lease *lease;

    leases_claim_again(v->host);
    if (uuid_is_zero(&fix->uuid))
        return 0;
    lease = lease_find(v->host, &fix->uuid);
    if (!lease || lease->wire.claimed)
        return 0;
    return vdc_error_set(err, VDC_E_NO_MEMORY,
                         "Xen has not so much memory free");
}

/* ---- xenstore is set ---- */

int verify_fix_publish(struct verify *v, struct fix *fix,
                       struct vdc_error *err)
{
    return has_still(v, fix)
               ? publish_again(v->host, partition_of(v, fix), err)
               : 0;
}

int verify_fix_unpublish(struct verify *v, struct fix *fix,
                         struct vdc_error *err)
{
    return unpublish_domain(v->host, fix->domid, err);
}

/* ---- the journal ---- */

static void recovered(void *arg, struct transaction *t, int rc,
                      const struct vdc_error *err)
{
    /* Undone is mended, too. */
    if (t->state == TRANSACTION_FAILED)
        verify_fixed(arg, rc, err);
    else
        verify_fixed(arg, 0, NULL);
}

int verify_fix_journal(struct verify *v, struct fix *fix,
                       struct vdc_error *err)
{
    static const struct transaction_ops ops = { .on_done = recovered };

    transaction_recover(v->host, fix->what, &ops, v);
    return STEP_LATER;
}
