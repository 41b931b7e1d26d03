/*
 * The nodes of the store that libxl makes for a domain.
 */
#include "hv/sim/sim_nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sim/sim_tree.h"

static const char *number(uint64_t n)
{
    static char text[4][24];
    static unsigned i;

    i = (i + 1) % 4;
    snprintf(text[i], sizeof(text[i]), "%" PRIu64, n);
    return text[i];
}

void sim_nodes_boot(struct sim_state *state)
{
    const struct sim_slot *dom0 = &state->slots[0];

    sim_tree_write(state, "/tool", "", NULL);
    sim_tree_write(state, "/vm", "", NULL);
    sim_tree_write(state, "/libxl", "", NULL);
    sim_tree_write(state, "/local/domain/0/name", "Domain-0", NULL);
    sim_tree_write(state, "/local/domain/0/domid", "0", NULL);
    sim_tree_write(state, "/local/domain/0/memory/static-max",
                   number(dom0->max_kib), NULL);
    sim_tree_write(state, "/local/domain/0/backend/vbd", "", NULL);
    sim_tree_write(state, "/local/domain/0/backend/vif", "", NULL);
    sim_tree_write(state, "/local/domain/0/backend/console", "", NULL);
    sim_nodes_set_target(state, dom0);
}

void sim_nodes_set_target(struct sim_state *state, const struct sim_slot *slot)
{
    sim_tree_writef(state, NULL, number(slot->target_kib),
                    "/local/domain/%u/memory/target", slot->domid);
}

static int create_local(struct sim_state *state, const struct sim_slot *slot,
                        const struct hv_domain_config *config,
                        const char *uuid, struct vdc_error *err)
{
    uint32_t id = slot->domid;
    const struct hv_store_access guests[] = { { 0, id }, { id, 0 } };
    static const char *const own[] = { "control/shutdown", "data", "device" };
    char path[96], vm[64];
    int rc;

    snprintf(path, sizeof(path), "/local/domain/%u", id);
    if ((rc = sim_tree_write(state, path, "", err)))
        return rc;
    sim_tree_set_access(state, path, &guests[0]);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    if ((rc = sim_tree_writef(state, err, vm, "%s/vm", path)) ||
        (rc = sim_tree_writef(state, err, config->name, "%s/name", path)) ||
        (rc = sim_tree_writef(state, err, number(id), "%s/domid", path)) ||
        (rc = sim_tree_writef(state, err, number(slot->max_kib),
                              "%s/memory/static-max", path)) ||
        (rc = sim_tree_writef(state, err, number(slot->target_kib),
                              "%s/memory/target", path)) ||
        (rc = sim_tree_writef(state, err, "1",
                              "%s/control/platform-feature-xs_reset_watches",
                              path)))
        return rc;
    for (uint32_t i = 0; i < slot->max_vcpus; i++) {
        rc =
            sim_tree_writef(state, err, i < slot->vcpus ? "online" : "offline",
                            "%s/cpu/%u/availability", path, i);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        char node[128];
        snprintf(node, sizeof(node), "%s/%s", path, own[i]);
        if ((rc = sim_tree_write(state, node, "", err)))
            return rc;
        sim_tree_set_access(state, node, &guests[1]);
    }
    return 0;
}

int sim_nodes_create(struct sim_state *state, const struct sim_slot *slot,
                     const struct hv_domain_config *config,
                     struct vdc_error *err)
{
    char uuid[UUID_TEXT_SIZE];
    uint32_t id = slot->domid;
    int rc;

    uuid_format(&slot->uuid, uuid);
    if ((rc = create_local(state, slot, config, uuid, err)) ||
        (rc = sim_tree_writef(state, err, uuid, "/vm/%s/uuid", uuid)) ||
        (rc =
             sim_tree_writef(state, err, config->name, "/vm/%s/name", uuid)) ||
        (rc = sim_tree_writef(state, err, hv_domain_type_name(slot->type),
                              "/libxl/%u/type", id)))
        return rc;
    return 0;
}

/* The number of a block device, as in Xen's protocol for block devices. */
static int vdev_number(const char *vdev, uint32_t *ret)
{
    static const struct {
        const char *prefix;
        uint32_t base, shift, n;
    } kinds[] = { { "xvd", 202 << 8, 4, 16 },
                  { "sd", 8 << 8, 4, 16 },
                  { "hd", 3 << 8, 6, 2 } };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(vdev, kinds[i].prefix, len) != 0)
            continue;
        char *end;
        uint32_t disk = (uint32_t)(vdev[len] - 'a');
        if (vdev[len] < 'a' || disk >= 26)
            return -1;
        unsigned long part = strtoul(vdev + len + 1, &end, 10);
        if (*end || part >= 1ul << kinds[i].shift)
            return -1;
        if (disk < kinds[i].n)
            *ret = kinds[i].base | disk << kinds[i].shift | (uint32_t)part;
        else if (i == 0)
            *ret = 1u << 28 | disk << 8 | (uint32_t)part;
        else
            return -1;
        return 0;
    }
    return -1;
}

/* The two ends of a device, and libxl's own note of it. */
static int device_nodes(struct sim_state *state, uint32_t id,
                        uint32_t backend_id, const char *kind,
                        uint32_t number_, const char *what, const char *value,
                        struct vdc_error *err)
{
    char front[128], back[128], note[128];
    const struct hv_store_access of_guest = { id, backend_id };
    const struct hv_store_access of_backend = { backend_id, id };
    int rc;

    snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", id, kind,
             number_);
    snprintf(back, sizeof(back), "/local/domain/%u/backend/%s/%u/%u",
             backend_id, kind, id, number_);
    snprintf(note, sizeof(note), "/libxl/%u/device/%s/%u", id, kind, number_);
    if ((rc = sim_tree_write(state, front, "", err)) ||
        (rc = sim_tree_write(state, back, "", err)))
        return rc;
    sim_tree_set_access(state, front, &of_guest);
    sim_tree_set_access(state, back, &of_backend);
    if ((rc = sim_tree_writef(state, err, back, "%s/backend", front)) ||
        (rc = sim_tree_writef(state, err, number(backend_id), "%s/backend-id",
                              front)) ||
        (rc = sim_tree_writef(state, err, "4", "%s/state", front)) ||
        (rc = sim_tree_writef(state, err, front, "%s/frontend", back)) ||
        (rc = sim_tree_writef(state, err, number(id), "%s/frontend-id",
                              back)) ||
        (rc = sim_tree_writef(state, err, "4", "%s/state", back)) ||
        (rc = sim_tree_writef(state, err, value, "%s/%s", back, what)) ||
        (rc = sim_tree_writef(state, err, front, "%s/frontend", note)) ||
        (rc = sim_tree_writef(state, err, back, "%s/backend", note)))
        return rc;
    return 0;
}

static int backend_domid(struct sim_state *state, const char *name,
                         uint32_t *ret, struct vdc_error *err)
{
    *ret = *name ? sim_nodes_find_name(state, name) : 0;
    if (*ret == HV_DOMID_NONE)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: the backend domain \"%s\" does not exist",
                             name);
    return 0;
}

int sim_nodes_devices(struct sim_state *state, const struct sim_slot *slot,
                      const struct hv_domain_config *config,
                      struct vdc_error *err)
{
    uint32_t back, vdev;
    int rc = device_nodes(state, slot->domid, 0, "console", 0, "protocol",
                          "vt100", err);

    for (size_t i = 0; rc == 0 && i < config->n_disks; i++) {
        const struct hv_disk *disk = &config->disks[i];
        if (vdev_number(disk->vdev, &vdev) != 0)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "libxl: invalid vdev \"%s\" of a disk",
                                 disk->vdev);
        if ((rc = backend_domid(state, disk->backend, &back, err)))
            return rc;
        rc = device_nodes(state, slot->domid, back, "vbd", vdev, "params",
                          disk->target, err);
    }
    for (size_t i = 0; rc == 0 && i < config->n_nics; i++) {
        const struct hv_nic *nic = &config->nics[i];
        if ((rc = backend_domid(state, nic->backend, &back, err)))
            return rc;
        rc = device_nodes(state, slot->domid, back, "vif", (uint32_t)i, "mac",
                          nic->mac, err);
    }
    return rc;
}

/* The ends of its devices in other domains. */
static void remove_backends(struct sim_state *state, uint32_t id)
{
    char path[64];

    snprintf(path, sizeof(path), "/libxl/%u/device", id);
    uint32_t kind = sim_tree_find(state, path);
    kind = kind ? state->nodes[kind].first_child : 0;
    for (; kind; kind = state->nodes[kind].next) {
        uint32_t device = state->nodes[kind].first_child;
        for (; device; device = state->nodes[device].next) {
            uint32_t node = sim_tree_child(state, device, "backend");
            char back[TREE_VALUE_MAX + 1];
            snprintf(back, sizeof(back), "%s",
                     node ? sim_tree_value(state, node) : "");
            sim_tree_remove(state, back);
            /* Its parent is the kind's directory for this guest. */
            char *slash = strrchr(back, '/');
            if (slash)
                *slash = '\0';
            uint32_t dir = sim_tree_find(state, back);
            if (slash && dir && state->nodes[dir].first_child == 0)
                sim_tree_remove(state, back);
        }
    }
}

void sim_nodes_destroy(struct sim_state *state, const struct sim_slot *slot)
{
    char uuid[UUID_TEXT_SIZE];

    remove_backends(state, slot->domid);
    sim_tree_removef(state, "/vm/%s", uuid_format(&slot->uuid, uuid));
    sim_tree_removef(state, "/local/domain/%u", slot->domid);
    sim_tree_removef(state, "/libxl/%u", slot->domid);
}

static const char *child_name(const struct sim_state *state, uint32_t domains,
                              uint32_t domid)
{
    char id[16];

    snprintf(id, sizeof(id), "%u", domid);
    uint32_t node = domains ? sim_tree_child(state, domains, id) : 0;
    node = node ? sim_tree_child(state, node, "name") : 0;
    return node ? sim_tree_value(state, node) : "";
}

const char *sim_nodes_domain_name(const struct sim_state *state,
                                  uint32_t domid)
{
    return child_name(state, sim_tree_find(state, "/local/domain"), domid);
}

int sim_nodes_set_domain_name(struct sim_state *state,
                              const struct sim_slot *slot, const char *name,
                              struct vdc_error *err)
{
    char uuid[UUID_TEXT_SIZE];
    int rc = sim_tree_writef(state, err, name, "/local/domain/%u/name",
                             slot->domid);

    return rc ? rc
              : sim_tree_writef(state, err, name, "/vm/%s/name",
                                uuid_format(&slot->uuid, uuid));
}

uint32_t sim_nodes_find_name(struct sim_state *state, const char *name)
{
    uint32_t domains = sim_tree_find(state, "/local/domain");
    uint32_t node = domains ? state->nodes[domains].first_child : 0;

    /* By the store, as libxl does; a node that was left behind is no domain.
     */
    for (; node; node = state->nodes[node].next) {
        uint32_t name_node = sim_tree_child(state, node, "name");
        if (!name_node || strcmp(sim_tree_value(state, name_node), name) != 0)
            continue;
        uint32_t domid =
            (uint32_t)strtoul(sim_tree_name(state, node), NULL, 10);
        if (sim_state_find(state, domid))
            return domid;
    }
    return HV_DOMID_NONE;
}
