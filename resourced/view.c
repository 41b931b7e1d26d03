/* What others are shown: the partitions in memory joined with what Xen said
 * last.  The database is not asked. */
#include "resourced/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "resourced/boot.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/live.h"
#include "resourced/resource_rows.h"
#include "resourced/text.h"
#include "wire/page.h"

/* As xl list prints it. */
static const char *flags(const struct hv_domain_info *info,
                         struct arena *arena)
{
    bool crashed =
        info->shutdown && info->shutdown_reason == HV_SHUTDOWN_CRASH;

    return arena_printf(arena, "%c%c%c%c%c%c", info->running ? 'r' : '-',
                        info->blocked ? 'b' : '-', info->paused ? 'p' : '-',
                        info->shutdown ? 's' : '-', crashed ? 'c' : '-',
                        info->dying ? 'd' : '-');
}

static enum wire_partition_state
state_in_transaction(const struct partition *partition,
                     enum wire_partition_state otherwise)
{
    const struct operation *op =
        transaction_operation_on(partition->transaction, partition);

    if (!op)
        return otherwise;
    switch (op->kind) {
    case WIRE_OP_CREATE:
    case WIRE_OP_START:
    case WIRE_OP_RESTART:
        return WIRE_STARTING;
    case WIRE_OP_DESTROY:
    case WIRE_OP_STOP:
    case WIRE_OP_SHUTDOWN:
    case WIRE_OP_SAVE:
        return WIRE_STOPPING;
    case WIRE_OP_SEND:
        return WIRE_MOVING;
    case WIRE_OP_NONE:
    case WIRE_OP_REBOOT:
    case WIRE_OP_RENAME:
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
    case WIRE_OP_MEMORY_SET:
    case WIRE_OP_MEMORY_MAX:
    case WIRE_OP_VCPUS:
    case WIRE_OP_PIN:
    case WIRE_OP_SCHED:
    case WIRE_OP_DISK_ATTACH:
    case WIRE_OP_DISK_DETACH:
    case WIRE_OP_NIC_ATTACH:
    case WIRE_OP_NIC_DETACH:
    case WIRE_OP_PCI_ATTACH:
    case WIRE_OP_PCI_DETACH:
    case WIRE_OP_POOL_SET:
        break;
    }
    return otherwise;
}

static enum wire_partition_state state_of(const struct partition *partition,
                                          const struct hv_domain_info *info)
{
    enum wire_partition_state state = WIRE_RUNNING;

    if (!partition_has_domain(partition))
        state = WIRE_STOPPED;
    else if (partition->row.preserved)
        state = WIRE_PRESERVED;
    else if (info && info->shutdown)
        state = WIRE_STOPPING; /* what follows is about to be done */
    else if (partition->stop_asked_until.ms > clock_mono().ms)
        state = WIRE_STOPPING;
    else if (info && info->paused)
        state = WIRE_PAUSED;
    if (partition->transaction &&
        !transaction_has_ended(partition->transaction))
        state = state_in_transaction(partition, state);
    return state;
}

static void fill_live(const struct hv_domain_info *info, uint64_t sampled_ms,
                      struct arena *arena, struct wire_partition *ret)
{
    ret->sampled_ms = sampled_ms;
    ret->domid = info->domid;
    ret->type = info->type == HV_DOMAIN_PV ? WIRE_PV : WIRE_PVH;
    ret->memory = info->current_memory;
    ret->max_memory = info->max_memory;
    ret->vcpus = info->vcpus_online;
    ret->max_vcpus = info->vcpus_max;
    ret->cpu_time_ns = info->cpu_time_ns;
    ret->flags = flags(info, arena);
}

static void fill(const struct host *host, const struct partition *partition,
                 const struct hv_domain_info *info, uint64_t sampled_ms,
                 struct arena *arena, struct wire_partition *ret)
{
    const struct partition_row *row = &partition->row;
    const struct wire_definition *has = resource_definition_of(row);

    wire_init(&wire_struct_partition, ret);
    ret->uuid = row->uuid;
    ret->customer = row->owner;
    ret->name = row->name;
    ret->xen_name = row->xen_name;
    ret->managed = true;
    ret->state = state_of(partition, info);
    ret->type = row->definition.type;
    ret->memory = has->memory;
    ret->max_memory = resource_memory_of(has);
    ret->vcpus = has->vcpus;
    ret->max_vcpus = resource_vcpus_of(has);
    ret->host = host->name;
    ret->created_ms = row->created_ms;
    ret->started_ms = row->started_ms;
    ret->stopped_ms = row->stopped_ms;
    ret->last_stop = row->last_stop;
    ret->on_boot = row->definition.on_boot;
    ret->restarts = row->restarts;
    ret->generation = row->generation;
    ret->held = boot_is_held(host, partition);
    if (info) {
        enum wire_domain_type type = ret->type;
        struct mem max_memory = ret->max_memory;
        fill_live(info, sampled_ms, arena, ret);
        /* As it was defined: Xen adds some room of its own to the one, and
         * calls a PVH domain HVM. */
        ret->max_memory = max_memory;
        ret->type = type;
        ret->memory_target = has->memory;
    }
}

static void fill_foreign(const struct host *host,
                         const struct hv_domain_info *info,
                         struct arena *arena, struct wire_partition *ret)
{
    char *name = arena_alloc(arena, 64);
    char *xen_name = arena_alloc(arena, 128);

    wire_init(&wire_struct_partition, ret);
    ret->uuid = info->uuid;
    ret->name = text_tidy(name, 64, info->name);
    ret->xen_name = text_tidy(xen_name, 128, info->name);
    ret->host = host->name;
    ret->state = info->shutdown ? WIRE_PRESERVED
                 : info->paused ? WIRE_PAUSED
                                : WIRE_RUNNING;
    fill_live(info, live_now(host->live)->taken_ms, arena, ret);
}

int view_partition(struct host *host, const struct partition *partition,
                   struct arena *arena, struct wire_partition *ret,
                   struct vdc_error *err)
{
    struct hv *hv = host->hv;
    struct hv_domain_info info;
    bool live = false;

    if (partition_has_domain(partition)) {
        int rc = hv->domain->info(hv, partition->row.domid, arena, &info, err);
        if (rc && rc != VDC_E_NOT_FOUND)
            return rc;
        live = rc == 0;
    }
    fill(host, partition, live ? &info : NULL, clock_mono().ms, arena, ret);
    return 0;
}

/* Domains by domid, then what has none, by name. */
static int compare(const void *a, const void *b)
{
    const struct wire_partition *p = a, *q = b;
    bool p_stopped = p->managed && !p->domid;
    bool q_stopped = q->managed && !q->domid;

    if (p_stopped != q_stopped)
        return p_stopped ? 1 : -1;
    if (p->domid != q->domid)
        return p->domid < q->domid ? -1 : 1;
    return strcmp(p->name, q->name);
}

static bool is_asked_for(const struct wire_partition_query *query,
                         const struct partition *partition)
{
    return !query->customer[0] ||
           strcmp(query->customer, partition->row.owner) == 0;
}

/* The partition whose domain this is, as far as we know. */
static const struct partition *partition_of(const struct host *host,
                                            const struct hv_domain_info *info)
{
    const struct partition *partition =
        registry_by_uuid(&host->partitions, &info->uuid);

    if (!partition)
        return NULL;
    if (partition->row.domid == info->domid)
        return partition;
    /* One that is being built, or is going away. */
    return partition->transaction || info->dying ? partition : NULL;
}

/* What the snapshot has of its domain. */
static const struct hv_domain_info *
info_of(const struct host *host, const struct partition *partition)
{
    const struct hv_domain_info *info;

    if (!partition_has_domain(partition))
        return NULL;
    info = live_domain(host->live, partition->row.domid);
    return info && uuid_equal(&info->uuid, &partition->row.uuid) ? info : NULL;
}

void view_partition_read(const struct host *host,
                         const struct partition *partition,
                         struct arena *arena, struct wire_partition *ret)
{
    fill(host, partition, info_of(host, partition),
         live_now(host->live)->taken_ms, arena, ret);
}

/* ---- lists ---- */

/* What is to be listed, by what it keeps for ever: ours by their index, then
 * those that are being made and have none yet (it will be the highest), then
 * domains of others. */
struct listed {
    uint64_t place;
    const struct partition *partition;
    const struct hv_domain_info *foreign;
};

#define PLACE_OF_NEW ((uint64_t)UINT32_MAX)
#define PLACE_OF_FOREIGN (UINT64_C(1) << 32)

static uint64_t place_of(const struct partition *partition)
{
    return partition->row.index ? partition->row.index : PLACE_OF_NEW;
}

static int compare_places(const void *a, const void *b)
{
    const struct listed *p = a, *q = b;

    return p->place < q->place ? -1 : p->place > q->place;
}

static uint32_t find_listed(const struct host *host,
                            const struct wire_partition_query *query,
                            uint64_t from, struct listed *ret)
{
    const struct live_snapshot *now = live_now(host->live);
    bool foreign = query->foreign && !query->customer[0];
    const struct partition *partition;
    uint32_t n = 0;

    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (place_of(partition) > from && is_asked_for(query, partition))
            ret[n++] = (struct listed){ .place = place_of(partition),
                                        .partition = partition };
    for (size_t i = 0; foreign && i < now->n_domains; i++) {
        const struct hv_domain_info *info = &now->domains[i];
        uint64_t place = PLACE_OF_FOREIGN + info->domid;
        if (place > from && !partition_of(host, info))
            ret[n++] = (struct listed){ .place = place, .foreign = info };
    }
    qsort(ret, n, sizeof(*ret), compare_places);
    return n;
}

int view_list(const struct host *host,
              const struct wire_partition_query *query, struct arena *arena,
              struct wire_partition_list *ret, struct vdc_error *err)
{
    size_t most =
        live_now(host->live)->n_domains + host->partitions.n_partitions;
    struct listed *listed = ARENA_ARRAY(arena, most, struct listed);
    struct wire_partition *all =
        ARENA_ARRAY(arena, most, struct wire_partition);
    uint64_t from = 0;
    int rc = wire_page_number(query->from, &from, err);

    if (rc)
        return rc;
    uint32_t n = find_listed(host, query, from, listed);
    for (uint32_t i = 0; i < n; i++) {
        if (listed[i].foreign)
            fill_foreign(host, listed[i].foreign, arena, &all[i]);
        else
            view_partition_read(host, listed[i].partition, arena, &all[i]);
    }
    wire_init(&wire_struct_partition_list, ret);
    ret->partitions = all;
    ret->n_partitions = wire_page_count(&wire_struct_partition, all, n);
    /* The new ones are few, and are not told of apart. */
    while (ret->n_partitions && ret->n_partitions < n &&
           listed[ret->n_partitions].place ==
               listed[ret->n_partitions - 1].place)
        ret->n_partitions++;
    if (ret->n_partitions < n)
        ret->next = arena_printf(arena, "%" PRIu64,
                                 listed[ret->n_partitions - 1].place);
    qsort(all, ret->n_partitions, sizeof(*all), compare);
    return 0;
}

static void count_domains(const struct host *host, struct wire_host *ret)
{
    const struct live_snapshot *now = live_now(host->live);
    const struct partition *partition;

    for (size_t i = 0; i < now->n_domains; i++)
        ret->foreign += now->domains[i].domid != 0 &&
                        !partition_of(host, &now->domains[i]);
    TAILQ_FOREACH (partition, &host->partitions.all, in_all) {
        const struct hv_domain_info *info = info_of(host, partition);
        ret->partitions++;
        ret->running += info != NULL;
        ret->vcpus += info ? info->vcpus_online : 0;
    }
}

void view_host(const struct host *host, uint8_t cpu[CPU_SET_SIZE],
               struct wire_host *ret)
{
    const struct hv_host_info *info = &live_now(host->live)->host;

    wire_init(&wire_struct_host, ret);
    ret->name = host->name;
    ret->hypervisor = info->hypervisor;
    ret->simulated = info->simulated;
    ret->state = host->damage.code ? "database damaged" : "up";
    ret->hint = host->damage.code ? host->damage.hint : "";
    ret->total_memory = info->total_memory;
    ret->free_memory = info->free_memory;
    ret->available_memory = info->free_memory;
    ret->dom0_memory = info->dom0_memory;
    ret->pcpus = info->pcpus;
    ret->n_cpu = (uint32_t)cpu_set_write(&info->cpu, cpu);
    ret->cpu = cpu;
    ret->capabilities = info->capabilities;
    ret->scheduler = info->scheduler;
    ret->boot_id = info->boot_id;
    count_domains(host, ret);
    if (!host->leases)
        return;
    /* What leases keep without Xen's help is not for others either. */
    uint64_t free = info->free_memory.kib + info->reserved_memory.kib;
    uint64_t kept = leases_memory(host, NULL).kib;
    ret->available_memory = MEM_KIB(free > kept ? free - kept : 0);
}
