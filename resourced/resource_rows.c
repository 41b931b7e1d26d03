/* Rows of resources from partitions and leases, and pools from the
 * settings. */
#include "resourced/resource_rows.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reasons.h"
#include "resourced/text.h"

/* Xen's usual weight, and libxl's limit of event channels. */
#define WEIGHT_USUAL 256
#define EVENT_CHANNELS_USUAL 1023
#define DETAIL_SIZE 256

struct list {
    struct resource_row *rows;
    size_t n;
    struct resource_row like; /* holder and owner */
};

const struct wire_definition *
resource_definition_of(const struct partition_row *row)
{
    bool has_live =
        row->domid != HV_DOMID_NONE && row->live.name && row->live.name[0];

    return has_live ? &row->live : &row->definition;
}

struct mem resource_memory_of(const struct wire_definition *d)
{
    return d->max_memory.kib > d->memory.kib ? d->max_memory : d->memory;
}

uint32_t resource_vcpus_of(const struct wire_definition *d)
{
    uint32_t n = d->max_vcpus > d->vcpus ? d->max_vcpus : d->vcpus;

    return n ? n : 1;
}

static struct resource_row *add(struct list *list,
                                enum wire_resource_kind kind,
                                const char *name, uint64_t amount)
{
    struct resource_row *row = &list->rows[list->n++];

    *row = list->like;
    row->kind = kind;
    row->name = name;
    row->amount = amount;
    row->backend = row->detail = "";
    return row;
}

static const char *tidy(struct arena *arena, const char *text)
{
    char *buf = arena_alloc(arena, strnlen(text, DETAIL_SIZE) + 1);

    return text_tidy(buf, strnlen(text, DETAIL_SIZE - 1) + 1, text);
}

static const char *affinity_of(const struct wire_definition *d, uint32_t vcpu)
{
    if (d->n_cpus == 1)
        return d->cpus[0];
    return vcpu < d->n_cpus ? d->cpus[vcpu] : "all";
}

static void add_cpus(struct list *list, const struct wire_definition *d,
                     struct arena *arena)
{
    uint32_t n = resource_vcpus_of(d);

    for (uint32_t i = 0; i < n; i++)
        add(list, WIRE_RESOURCE_VCPU, arena_printf(arena, "%u", i), 1)
            ->detail = tidy(arena, affinity_of(d, i));
    struct resource_row *row =
        add(list, WIRE_RESOURCE_CPU, "",
            d->cpu_weight ? d->cpu_weight : WEIGHT_USUAL);
    row->detail = d->cpu_cap ? arena_printf(arena, "cap %u", d->cpu_cap)
                             : "no cap";
    if (d->pool[0])
        row->detail =
            arena_printf(arena, "%s, pool %s", row->detail, d->pool);
}

static void add_devices(struct list *list, const struct wire_definition *d,
                        struct arena *arena)
{
    struct resource_row *row;

    for (uint32_t i = 0; i < d->n_disks; i++) {
        const struct wire_disk *disk = &d->disks[i];
        row = add(list, WIRE_RESOURCE_DISK, disk->vdev, disk->size.kib);
        row->backend = disk->backend;
        row->detail = tidy(arena, disk->target);
    }
    for (uint32_t i = 0; i < d->n_nics; i++) {
        const struct wire_nic *nic = &d->nics[i];
        row = add(list, WIRE_RESOURCE_VIF, nic->mac, 1);
        row->backend = nic->backend;
        row->detail = tidy(arena, nic->bridge);
    }
    for (uint32_t i = 0; i < d->n_pci; i++)
        add(list, WIRE_RESOURCE_PCI, d->pci[i], 1);
}

static void add_tables(struct list *list, const struct wire_definition *d)
{
    uint64_t frames =
        d->max_grant_frames > 0 ? (uint64_t)d->max_grant_frames : 0;

    add(list, WIRE_RESOURCE_EVENT_CHANNELS, "",
        d->event_channels ? d->event_channels : EVENT_CHANNELS_USUAL);
    struct resource_row *row =
        add(list, WIRE_RESOURCE_GRANT_FRAMES, "", frames);
    if (d->max_grant_frames < 0)
        row->detail = "the host's default";
}

void resource_rows_of(const struct partition_row *row, struct arena *arena,
                      struct resource_row **ret, size_t *ret_n)
{
    const struct wire_definition *d = resource_definition_of(row);
    size_t most = 5 + resource_vcpus_of(d) + d->n_disks + d->n_nics +
                  d->n_pci + d->n_pools;
    struct list list = {
        .rows = ARENA_ARRAY(arena, most, struct resource_row),
        .like = { .uuid = row->uuid, .owner = row->owner },
    };

    add(&list, WIRE_RESOURCE_MEMORY, "", resource_memory_of(d).kib);
    add_cpus(&list, d, arena);
    add_devices(&list, d, arena);
    if (row->domid != HV_DOMID_NONE)
        add(&list, WIRE_RESOURCE_DOMID, "", row->domid);
    add_tables(&list, d);
    for (uint32_t i = 0; i < d->n_pools; i++)
        add(&list, WIRE_RESOURCE_POOL, d->pools[i].name, d->pools[i].amount);
    qsort(list.rows, list.n, sizeof(*list.rows), resource_row_compare);
    *ret = list.rows;
    *ret_n = list.n;
}

void resource_rows_of_lease(const struct wire_lease *lease,
                            struct arena *arena, struct resource_row **ret,
                            size_t *ret_n)
{
    size_t most = 2 + lease->n_devices + lease->n_pools;
    struct list list = {
        .rows = ARENA_ARRAY(arena, most, struct resource_row),
        .like = { .uuid = lease->id, .owner = lease->owner, .leased = true },
    };

    if (lease->memory.kib)
        add(&list, WIRE_RESOURCE_MEMORY, "", lease->memory.kib);
    if (lease->vcpus)
        add(&list, WIRE_RESOURCE_VCPU, "", lease->vcpus);
    for (uint32_t i = 0; i < lease->n_devices; i++)
        add(&list, WIRE_RESOURCE_PCI, lease->devices[i], 1);
    for (uint32_t i = 0; i < lease->n_pools; i++)
        add(&list, WIRE_RESOURCE_POOL, lease->pools[i].name,
            lease->pools[i].amount);
    qsort(list.rows, list.n, sizeof(*list.rows), resource_row_compare);
    *ret = list.rows;
    *ret_n = list.n;
}

int resource_row_compare(const void *a, const void *b)
{
    const struct resource_row *p = a, *q = b;

    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    return strverscmp(p->name, q->name);
}

bool resource_row_same(const struct resource_row *a,
                       const struct resource_row *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
           uuid_equal(&a->uuid, &b->uuid) &&
           strcmp(a->owner, b->owner) == 0 && a->leased == b->leased &&
           a->amount == b->amount && strcmp(a->backend, b->backend) == 0 &&
           strcmp(a->detail, b->detail) == 0;
}

/* ---- the setting ---- */

static bool is_name(const char *text, size_t len)
{
    if (len == 0 || len > 63)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    return true;
}

static int parse_amount(const char *text, struct resource_pool *ret,
                        struct vdc_error *err)
{
    char *end;
    struct mem mem;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (isdigit((unsigned char)text[0]) && !*end) {
        if (errno || n > MEM_MAX_KIB)
            return vdc_error_set(err, VDC_E_BAD_CONFIG, "%s is too much",
                                 text);
        ret->total = n;
        ret->unit = "";
        return 0;
    }
    int rc = units_mem_parse(text, 1, &mem, err);
    if (rc)
        return rc;
    ret->total = mem.kib;
    ret->unit = "KiB";
    return 0;
}

static int parse_pool(const char *text, struct arena *arena,
                      const struct resource_pool *others, size_t n_others,
                      struct resource_pool *ret, struct vdc_error *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;

    if (!equals || !is_name(text, len))
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "pools: \"%.80s\" is not NAME=AMOUNT, where a "
                             "name has letters, digits, \"-\", \"_\" and "
                             "\".\"", text);
    ret->name = arena_strndup(arena, text, len);
    for (size_t i = 0; i < n_others; i++)
        if (strcmp(others[i].name, ret->name) == 0)
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "pools: %s is there twice", ret->name);
    int rc = parse_amount(equals + 1, ret, err);
    if (rc)
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "pools: the amount of %s is neither a number (\"4\") "
                      "nor an amount of space (\"200G\"): \"%.80s\"",
                      ret->name, equals + 1);
    return rc ? VDC_E_BAD_CONFIG : 0;
}

int resource_pools_parse(const struct setting_list *list, struct arena *arena,
                         struct resource_pool **ret, size_t *ret_n,
                         struct vdc_error *err)
{
    struct resource_pool *pools =
        ARENA_ARRAY(arena, list->n_items, struct resource_pool);
    struct reasons *reasons = ARENA_NEW(arena, struct reasons);
    struct vdc_error why;
    size_t n = 0;

    for (size_t i = 0; i < list->n_items; i++) {
        if (!list->items[i][0])
            continue;
        if (parse_pool(list->items[i], arena, pools, n, &pools[n], &why))
            reasons_add(reasons, &why);
        else
            n++;
    }
    int rc = reasons_error(reasons, err);
    if (rc)
        return rc;
    *ret = pools;
    *ret_n = n;
    return 0;
}
