/*
 * What operations make of a guest; see effect.h.
 */
#include "policyd/change/effect.h"

#include <string.h>
#include <strings.h>

#include "policyd/customers/quota.h"

int effect_init(struct effect *effect,
                const struct wire_partition_reply *shown, struct arena *arena,
                struct vdc_error *err)
{
    int rc = wire_struct_copy(&wire_struct_definition, &shown->definition,
                              arena, &effect->definition, err);

    if (!rc)
        rc = wire_struct_copy(&wire_struct_definition, &shown->live, arena,
                              &effect->live, err);
    if (!rc)
        effect->runs = *shown->live.name != '\0';
    effect->saved = MEM_KIB(0);
    return rc;
}

bool effect_counts(enum wire_operation_kind kind)
{
    return kind == WIRE_OP_CREATE || kind == WIRE_OP_MEMORY_MAX ||
           kind == WIRE_OP_VCPUS || kind == WIRE_OP_DISK_ATTACH ||
           kind == WIRE_OP_DISK_DETACH || kind == WIRE_OP_NIC_ATTACH ||
           kind == WIRE_OP_NIC_DETACH || kind == WIRE_OP_SAVE;
}

static void add_disk(struct wire_definition *d, const struct wire_disk *disk,
                     struct arena *arena)
{
    struct wire_disk *disks =
        ARENA_ARRAY(arena, d->n_disks + 1, struct wire_disk);

    if (d->n_disks)
        memcpy(disks, d->disks, d->n_disks * sizeof(*disks));
    disks[d->n_disks++] = *disk;
    d->disks = disks;
}

static void remove_disk(struct wire_definition *d, const char *vdev)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->n_disks; i++)
        if (strcmp(d->disks[i].vdev, vdev) != 0)
            d->disks[n++] = d->disks[i];
    d->n_disks = n;
}

static void add_nic(struct wire_definition *d, const struct wire_nic *nic,
                    struct arena *arena)
{
    struct wire_nic *nics = ARENA_ARRAY(arena, d->n_nics + 1, struct wire_nic);

    if (d->n_nics)
        memcpy(nics, d->nics, d->n_nics * sizeof(*nics));
    nics[d->n_nics++] = *nic;
    d->nics = nics;
}

static void remove_nic(struct wire_definition *d, const char *mac)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->n_nics; i++)
        if (strcasecmp(d->nics[i].mac, mac) != 0)
            d->nics[n++] = d->nics[i];
    d->n_nics = n;
}

static void change(struct wire_definition *d, const struct wire_operation *op,
                   struct arena *arena)
{
    if (op->kind == WIRE_OP_MEMORY_MAX) {
        d->max_memory = op->memory;
    } else if (op->kind == WIRE_OP_VCPUS) {
        d->vcpus = op->vcpus;
        if (d->max_vcpus < op->vcpus)
            d->max_vcpus = op->vcpus;
    } else if (op->kind == WIRE_OP_DISK_ATTACH) {
        add_disk(d, &op->disk, arena);
    } else if (op->kind == WIRE_OP_DISK_DETACH) {
        remove_disk(d, op->device);
    } else if (op->kind == WIRE_OP_NIC_ATTACH) {
        add_nic(d, &op->nic, arena);
    } else if (op->kind == WIRE_OP_NIC_DETACH) {
        remove_nic(d, op->device);
    }
}

void effect_apply(struct effect *effect, const struct wire_operation *op,
                  struct arena *arena)
{
    if (op->kind == WIRE_OP_CREATE) {
        effect->definition = op->definition;
        effect->runs = false;
        return;
    }
    if (op->kind == WIRE_OP_SAVE && effect->runs)
        effect->saved.kib += effect->live.memory.kib;
    if (!op->live_only)
        change(&effect->definition, op, arena);
    if (effect->runs)
        change(&effect->live, op, arena);
}

void effect_usage(const struct effect *effect, struct wire_usage *ret)
{
    struct wire_usage live;

    wire_init(&wire_struct_usage, &live);
    quota_of_definition(&effect->definition, ret);
    if (effect->runs)
        quota_of_definition(&effect->live, &live);
    if (ret->memory.kib < live.memory.kib)
        ret->memory = live.memory;
    if (ret->vcpus < live.vcpus)
        ret->vcpus = live.vcpus;
    if (ret->disk.kib < live.disk.kib)
        ret->disk = live.disk;
    if (ret->networks < live.networks)
        ret->networks = live.networks;
    ret->disk.kib += effect->saved.kib;
}

static const char *add_macs(const char *text, const struct wire_definition *d,
                            struct arena *arena)
{
    for (uint32_t i = 0; i < d->n_nics; i++)
        if (*d->nics[i].mac && !strcasestr(text, d->nics[i].mac))
            text = arena_printf(arena, "%s%s%s", text, *text ? " " : "",
                                d->nics[i].mac);
    return text;
}

const char *effect_macs(const struct effect *effect, struct arena *arena)
{
    const char *text = add_macs("", &effect->definition, arena);

    return effect->runs ? add_macs(text, &effect->live, arena) : text;
}
