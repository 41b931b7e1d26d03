/*
 * The nodes of the store that libxl makes for a domain.
 */
#include "hv/sim/sim_nodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sim/sim_devnodes.h"
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
    sim_tree_write(state, "/local/domain/0/backend/pci", "", NULL);
    sim_nodes_set_target(state, dom0);
}

void sim_nodes_set_target(struct sim_state *state, const struct sim_slot *slot)
{
    sim_tree_writef(state, NULL, number(slot->target_kib),
                    "/local/domain/%u/memory/target", slot->domid);
}

void sim_nodes_set_max(struct sim_state *state, const struct sim_slot *slot)
{
    sim_tree_writef(state, NULL, number(slot->max_kib),
                    "/local/domain/%u/memory/static-max", slot->domid);
}

void sim_nodes_set_vcpus(struct sim_state *state, const struct sim_slot *slot)
{
    for (uint32_t i = 0; i < slot->max_vcpus; i++)
        sim_tree_writef(
            state, NULL, i < slot->asked_vcpus ? "online" : "offline",
            "/local/domain/%u/cpu/%u/availability", slot->domid, i);
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
        rc = sim_tree_writef(state, err,
                             i < slot->asked_vcpus ? "online" : "offline",
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

void sim_nodes_destroy(struct sim_state *state, const struct sim_slot *slot)
{
    char uuid[UUID_TEXT_SIZE];

    sim_devnodes_remove_backends(state, slot->domid);
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
