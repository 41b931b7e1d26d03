/* What a running domain has, compared with what the database says it has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hv/cpulist.h"
#include "resourced/domain_config.h"
#include "resourced/live.h"
#include "resourced/publish.h"
#include "resourced/resource_rows.h"
#include "resourced/verify_impl.h"

/* Xen counts in pages, and libxl keeps 1 MiB of its own. */
#define MEMORY_SLACK_KIB 1024
#define WEIGHT_USUAL 256

#define XEN_IS_SET "repair sets Xen to what the database says"

static bool is_near(struct mem a, struct mem b)
{
    uint64_t apart = a.kib > b.kib ? a.kib - b.kib : b.kib - a.kib;

    return apart <= MEMORY_SLACK_KIB;
}

/* ---- memory ---- */

static int verify_memory(struct verify *v, struct partition *partition,
                         const struct hv_domain_info *info,
                         struct vdc_error *err)
{
    const struct wire_definition *d = resource_definition_of(&partition->row);
    struct hv *hv = v->host->hv;
    struct mem most = resource_memory_of(d), target;
    char ours[32], theirs[32];
    int rc = hv->domain->memory_target(hv, info->domid, &target, err);

    if (rc)
        return rc;
    if (!is_near(most, info->max_memory))
        verify_found(
            v, partition, "memory-max", verify_fix_memory_max, XEN_IS_SET,
            "the database says at most %s, Xen %s",
            units_mem_format(most, ours, sizeof(ours)),
            units_mem_format(info->max_memory, theirs, sizeof(theirs)))
            ->mem = most;
    if (!is_near(d->memory, target))
        verify_found(v, partition, "memory-target", verify_fix_memory_target,
                     "repair notes what Xen has: the guest has it",
                     "the database says %s, its balloon was asked for %s",
                     units_mem_format(d->memory, ours, sizeof(ours)),
                     units_mem_format(target, theirs, sizeof(theirs)))
            ->mem = target;
    return 0;
}

/* ---- vCPUs ---- */

/* How many it was told to use; -1: xenstore does not say. */
static int told_vcpus(struct verify *v, uint32_t domid, uint32_t most,
                      int *ret, struct vdc_error *err)
{
    struct hv *hv = v->host->hv;
    int n = 0;

    for (uint32_t i = 0; i < most; i++) {
        const char *value;
        int rc = hv->store->read(
            hv,
            arena_printf(v->arena, "/local/domain/%u/cpu/%u/availability",
                         domid, i),
            v->arena, &value, err);
        if (rc && rc != VDC_E_NOT_FOUND)
            return rc;
        if (rc) {
            *ret = -1;
            return 0;
        }
        n += strcmp(value, "online") == 0;
    }
    *ret = n;
    return 0;
}

static int verify_vcpus(struct verify *v, struct partition *partition,
                        const struct hv_domain_info *info,
                        struct vdc_error *err)
{
    const struct wire_definition *d = resource_definition_of(&partition->row);
    uint32_t most = resource_vcpus_of(d), wanted = d->vcpus ? d->vcpus : 1;
    int told;

    if (most != info->vcpus_max) {
        verify_found(v, partition, "vcpus-max", NULL,
                     "it is right again after its next start",
                     "the database says at most %u vCPUs, Xen %u", most,
                     info->vcpus_max);
        return 0;
    }
    int rc = told_vcpus(v, info->domid, most, &told, err);
    if (!rc && told >= 0 && (uint32_t)told != wanted)
        verify_found(v, partition, "vcpus", verify_fix_vcpus, XEN_IS_SET,
                     "the database says %u vCPUs, it was told to use %d",
                     wanted, told)
            ->number = (int32_t)wanted;
    return rc;
}

static int verify_sched(struct verify *v, struct partition *partition,
                        struct vdc_error *err)
{
    const struct wire_definition *d = resource_definition_of(&partition->row);
    struct hv *hv = v->host->hv;
    uint32_t weight = d->cpu_weight ? d->cpu_weight : WEIGHT_USUAL;
    struct hv_sched sched;
    int rc = hv->domain->sched(hv, partition->row.domid, &sched, err);

    if (!rc && (sched.weight != weight || sched.cap != d->cpu_cap)) {
        struct hv_sched *right = ARENA_NEW(v->arena, struct hv_sched);
        right->weight = weight;
        right->cap = d->cpu_cap;
        verify_found(v, partition, "sched", verify_fix_sched, XEN_IS_SET,
                     "the database says weight %u and cap %u, Xen %u and %u",
                     weight, d->cpu_cap, sched.weight, sched.cap)
            ->what = right;
    }
    return rc;
}

static const char *list_for(const char *const *lists, uint32_t n,
                            uint32_t vcpu)
{
    if (n == 1)
        return lists[0];
    return vcpu < n ? lists[vcpu] : "all";
}

/* Of lists by NUMA nodes nothing is said: only Xen knows the nodes. */
static bool lists_agree(struct verify *v, const char *ours, const char *theirs)
{
    uint32_t n_cpus = live_now(v->host->live)->host.pcpus;
    struct cpulist_host host = {
        .n_cpus = n_cpus,
        .nodes = ARENA_ARRAY(v->arena, n_cpus, uint32_t),
    };
    bool *a = ARENA_ARRAY(v->arena, n_cpus, bool);
    bool *b = ARENA_ARRAY(v->arena, n_cpus, bool);

    if (strstr(ours, "node") || strcmp(ours, theirs) == 0)
        return true;
    return !cpulist_parse(ours, &host, a, NULL) &&
           !cpulist_parse(theirs, &host, b, NULL) &&
           memcmp(a, b, n_cpus * sizeof(*a)) == 0;
}

static int verify_affinity(struct verify *v, struct partition *partition,
                           struct vdc_error *err)
{
    const struct wire_definition *d = resource_definition_of(&partition->row);
    struct hv *hv = v->host->hv;
    struct hv_vcpu *vcpus;
    size_t n_vcpus;
    int rc = hv->domain->vcpus(hv, partition->row.domid, v->arena, &vcpus,
                               &n_vcpus, err);

    for (size_t i = 0; !rc && i < n_vcpus; i++) {
        const char *hard = list_for(d->cpus, d->n_cpus, vcpus[i].number);
        const char *soft =
            list_for(d->cpus_soft, d->n_cpus_soft, vcpus[i].number);
        if (lists_agree(v, hard, vcpus[i].cpus) &&
            lists_agree(v, soft, vcpus[i].cpus_soft))
            continue;
        struct fix *fix = verify_found(
            v, partition, "affinity", verify_fix_affinity, XEN_IS_SET,
            "vCPU %u: the database says %s (soft %s), Xen %s (soft %s)",
            vcpus[i].number, hard, soft, vcpus[i].cpus, vcpus[i].cpus_soft);
        fix->number = (int32_t)vcpus[i].number;
        fix->text = hard;
        fix->more = soft;
    }
    return rc;
}

/* ---- devices ---- */

static const char *word_of(enum hv_device_kind kind)
{
    switch (kind) {
    case HV_DEVICE_DISK:
        return "disk";
    case HV_DEVICE_NIC:
        return "vif";
    case HV_DEVICE_PCI:
        break;
    }
    return "pci";
}

struct device_list {
    struct hv_device *devices;
    size_t n;
    bool *known;
};

static const struct hv_device *find(struct device_list *list,
                                    enum hv_device_kind kind, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->devices[i].kind == kind &&
            strcasecmp(list->devices[i].name, name) == 0) {
            list->known[i] = true;
            return &list->devices[i];
        }
    return NULL;
}

static void missing(struct verify *v, struct partition *partition,
                    enum hv_device_kind kind, const char *name, fix_fn *fn,
                    const void *what)
{
    struct fix *fix = verify_found(
        v, partition, word_of(kind), fn, "repair attaches it",
        "the database says that it has %s, and Xen does not know it", name);

    fix->text = name;
    fix->what = what;
}

static void verify_target(struct verify *v, struct partition *partition,
                          const struct hv_device *device, const char *target)
{
    if (!device->target[0] || !target[0] ||
        strcmp(device->target, target) == 0)
        return;
    verify_found(v, partition, word_of(device->kind), NULL,
                 "detach the one that is wrong, and attach the right one",
                 "%s: the database says %s, Xen %s", device->name, target,
                 device->target);
}

static void verify_known(struct verify *v, struct partition *partition,
                         const struct hv_domain_config *config,
                         struct device_list *list)
{
    const struct hv_device *device;

    for (size_t i = 0; i < config->n_disks; i++) {
        const struct hv_disk *disk = &config->disks[i];
        device = find(list, HV_DEVICE_DISK, disk->vdev);
        if (!device)
            missing(v, partition, HV_DEVICE_DISK, disk->vdev, verify_fix_disk,
                    disk);
        else if (!disk->script[0])
            verify_target(v, partition, device, disk->target);
    }
    for (size_t i = 0; i < config->n_nics; i++) {
        const struct hv_nic *nic = &config->nics[i];
        device = find(list, HV_DEVICE_NIC, nic->mac);
        if (!device)
            missing(v, partition, HV_DEVICE_NIC, nic->mac, verify_fix_nic,
                    nic);
        else
            verify_target(v, partition, device, nic->bridge);
    }
    for (size_t i = 0; i < config->n_pci; i++)
        if (!find(list, HV_DEVICE_PCI, config->pci[i]))
            missing(v, partition, HV_DEVICE_PCI, config->pci[i],
                    verify_fix_pci, NULL);
}

int verify_devices(struct verify *v, struct partition *partition,
                   struct vdc_error *err)
{
    const struct partition_row *row = &partition->row;
    struct hv *hv = v->host->hv;
    struct hv_domain_config *config =
        ARENA_NEW(v->arena, struct hv_domain_config);
    struct partition_row as_live = *row;
    struct device_list list;
    int rc = hv->domain->devices(hv, row->domid, v->arena, &list.devices,
                                 &list.n, err);

    if (rc)
        return rc;
    list.known = ARENA_ARRAY(v->arena, list.n, bool);
    as_live.definition = *resource_definition_of(row);
    domain_config_fill(v->host, &as_live, v->arena, config);
    config->n_pci = as_live.definition.n_pci;
    config->pci = as_live.definition.pci;
    verify_known(v, partition, config, &list);
    for (size_t i = 0; i < list.n; i++)
        if (!list.known[i] && list.devices[i].state < HV_DEVICE_CLOSING)
            verify_found(v, partition, word_of(list.devices[i].kind), NULL,
                         "detach it with what attached it, or attach it with "
                         "xl-vdc",
                         "Xen has %s (%s), which the database does not know",
                         list.devices[i].name, list.devices[i].target);
    return 0;
}

/* ---- all of it ---- */

static void verify_name(struct verify *v, struct partition *partition,
                        const struct hv_domain_info *info)
{
    if (strcmp(info->name, partition->row.xen_name) != 0)
        verify_found(v, partition, "name", verify_fix_name, XEN_IS_SET,
                     "the database says %s, Xen %s", partition->row.xen_name,
                     info->name[0] ? info->name : "nothing");
    if (info->paused == partition->row.paused || info->shutdown)
        return;
    verify_found(v, partition, "paused", verify_fix_paused, XEN_IS_SET,
                 "the database says that it %s, in Xen it %s",
                 partition->row.paused ? "stands still" : "runs",
                 info->paused ? "stands still" : "runs")
        ->number = partition->row.paused;
}

int verify_domain(struct verify *v, struct partition *partition,
                  const struct hv_domain_info *info, struct vdc_error *err)
{
    bool right = true;
    int rc = 0;

    verify_name(v, partition, info);
    /* What a dead one had is of no interest. */
    if (!info->shutdown) {
        rc = verify_memory(v, partition, info, err);
        if (!rc)
            rc = verify_vcpus(v, partition, info, err);
        if (!rc)
            rc = verify_sched(v, partition, err);
        if (!rc)
            rc = verify_affinity(v, partition, err);
        if (!rc)
            rc = verify_devices(v, partition, err);
    }
    if (!rc)
        rc = publish_check(v->host, partition, &right, err);
    if (!rc && !right)
        verify_found(v, partition, "not-published", verify_fix_publish,
                     "repair writes it",
                     "xenstore does not have what it should of domain %u",
                     info->domid);
    return rc;
}
