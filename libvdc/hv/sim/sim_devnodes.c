/*
 * Devices of simulated domains, as nodes of the store.
 */
#include "hv/sim/sim_devnodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_tree.h"

static const char *const kind_names[] = {
    [HV_DEVICE_DISK] = "vbd", [HV_DEVICE_NIC] = "vif", [HV_DEVICE_PCI] = "pci"
};

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
        const char *p = vdev + len;
        uint32_t disk = 0; /* "a" is 1, "aa" 27, until one is taken off */
        for (; *p >= 'a' && *p <= 'z' && disk < 1u << 20; p++)
            disk = disk * 26 + (uint32_t)(*p - 'a') + 1;
        if (disk == 0 || disk-- > 1u << 20)
            return -1;
        unsigned long part = strtoul(p, &end, 10);
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

/* ---- reading ---- */

static const char *read_under(const struct sim_state *state, const char *path,
                              const char *name)
{
    char full[192];

    snprintf(full, sizeof(full), "%s/%s", path, name);
    return sim_tree_read(state, full);
}

static uint32_t read_number(const struct sim_state *state, const char *path,
                            const char *name)
{
    return (uint32_t)strtoul(read_under(state, path, name), NULL, 10);
}

/* libxl's notes of a domain's devices of a kind; 0 when there are none. */
static uint32_t notes_of(const struct sim_state *state, uint32_t domid,
                         const char *kind)
{
    char path[96];

    snprintf(path, sizeof(path), "/libxl/%u/device/%s", domid, kind);
    return sim_tree_find(state, path);
}

static void read_note(const struct sim_state *state, uint32_t domid,
                      const char *kind, uint32_t note, struct sim_devnode *ret)
{
    const char *id = sim_tree_name(state, note);
    uint32_t front = sim_tree_child(state, note, "frontend");
    uint32_t back = sim_tree_child(state, note, "backend");

    ret->devid = (uint32_t)strtoul(id, NULL, 10);
    snprintf(ret->note, sizeof(ret->note), "/libxl/%u/device/%s/%.10s", domid,
             kind, id);
    snprintf(ret->front, sizeof(ret->front), "%s",
             front ? sim_tree_value(state, front) : "");
    snprintf(ret->back, sizeof(ret->back), "%s",
             back ? sim_tree_value(state, back) : "");
}

static bool is_named(const struct sim_state *state,
                     const struct sim_devnode *device, const char *name)
{
    uint32_t number;

    if (device->kind == HV_DEVICE_DISK)
        return vdev_number(name, &number) == 0 && number == device->devid;
    return strcasecmp(read_under(state, device->note, "mac"), name) == 0;
}

static bool find_pci(const struct sim_state *state, const char *bdf,
                     uint32_t *ret)
{
    for (uint32_t i = 0; i < state->machine.n_pci; i++) {
        if (strcasecmp(state->machine.pci[i], bdf) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool sim_devnodes_find(const struct sim_state *state, uint32_t domid,
                       enum hv_device_kind kind, const char *name,
                       struct sim_devnode *ret)
{
    uint32_t dir = notes_of(state, domid, kind_names[kind]);
    uint32_t note = dir ? state->nodes[dir].first_child : 0;
    struct sim_devnode device = { .kind = kind };

    if (kind == HV_DEVICE_PCI && (!find_pci(state, name, &device.pci) ||
                                  state->pci_owner[device.pci] != domid))
        return false;
    for (; note; note = state->nodes[note].next) {
        read_note(state, domid, kind_names[kind], note, &device);
        if (kind == HV_DEVICE_PCI || is_named(state, &device, name)) {
            *ret = device;
            return true;
        }
    }
    return false;
}

/* ---- making ---- */

/* A node below the backend's end, and below libxl's note. */
struct detail {
    const char *name;
    const char *value;
};

static const char *number(uint64_t n)
{
    static char text[4][24];
    static unsigned i;

    i = (i + 1) % 4;
    snprintf(text[i], sizeof(text[i]), "%llu", (unsigned long long)n);
    return text[i];
}

/* The two ends of a device, and libxl's own note of it. */
static int add(struct sim_state *state, uint32_t id, uint32_t backend_id,
               const char *kind, uint32_t devid, const struct detail *details,
               struct vdc_error *err)
{
    char front[128], back[128], note[128];
    const struct hv_store_access of_guest = { id, backend_id };
    const struct hv_store_access of_backend = { backend_id, id };
    int rc;

    snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", id, kind,
             devid);
    snprintf(back, sizeof(back), "/local/domain/%u/backend/%s/%u/%u",
             backend_id, kind, id, devid);
    snprintf(note, sizeof(note), "/libxl/%u/device/%s/%u", id, kind, devid);
    if ((rc = sim_tree_write(state, front, "", err)) ||
        (rc = sim_tree_write(state, back, "", err)))
        return rc;
    sim_tree_set_access(state, front, &of_guest);
    sim_tree_set_access(state, back, &of_backend);
    if ((rc = sim_tree_writef(state, err, back, "%s/backend", front)) ||
        (rc = sim_tree_writef(state, err, number(backend_id), "%s/backend-id",
                              front)) ||
        (rc = sim_tree_writef(state, err, "1", "%s/state", front)) ||
        (rc = sim_tree_writef(state, err, front, "%s/frontend", back)) ||
        (rc = sim_tree_writef(state, err, number(id), "%s/frontend-id",
                              back)) ||
        (rc = sim_tree_writef(state, err, "1", "%s/online", back)) ||
        (rc = sim_tree_writef(state, err, "1", "%s/state", back)) ||
        (rc = sim_tree_writef(state, err, front, "%s/frontend", note)) ||
        (rc = sim_tree_writef(state, err, back, "%s/backend", note)))
        return rc;
    for (; rc == 0 && details->name; details++) { /* libxl keeps a copy */
        rc = sim_tree_writef(state, err, details->value, "%s/%s", back,
                             details->name);
        if (rc == 0)
            rc = sim_tree_writef(state, err, details->value, "%s/%s", note,
                                 details->name);
    }
    return rc;
}

static int backend_domid(struct sim_state *state, const char *name,
                         uint32_t *ret, struct vdc_error *err)
{
    *ret = name && *name ? sim_nodes_find_name(state, name) : 0;
    if (*ret == HV_DOMID_NONE)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: the backend domain \"%s\" does not exist",
                             name);
    return 0;
}

static int has_already(uint32_t domid, const char *what, const char *name,
                       struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_EXISTS, "domain %u has a %s %s already",
                         domid, what, name);
}

int sim_devnodes_add_disk(struct sim_state *state, const struct sim_slot *slot,
                          const struct hv_disk *disk, struct vdc_error *err)
{
    struct sim_devnode other;
    uint32_t back, devid;

    if (vdev_number(disk->vdev, &devid) != 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: invalid vdev \"%s\" of a disk",
                             disk->vdev);
    if (sim_devnodes_find(state, slot->domid, HV_DEVICE_DISK, disk->vdev,
                          &other))
        return has_already(slot->domid, "disk", disk->vdev, err);
    int rc = backend_domid(state, disk->backend, &back, err);
    if (rc)
        return rc;
    const struct detail details[] = { { "params", disk->target },
                                      { "dev", disk->vdev },
                                      { "mode", disk->readonly ? "r" : "w" },
                                      { NULL, NULL } };
    return add(state, slot->domid, back, "vbd", devid, details, err);
}

/* As libxl: the one after the last. */
static uint32_t next_devid(const struct sim_state *state, uint32_t domid,
                           const char *kind)
{
    uint32_t dir = notes_of(state, domid, kind), next = 0;

    for (uint32_t i = dir ? state->nodes[dir].first_child : 0; i;
         i = state->nodes[i].next) {
        uint32_t devid = (uint32_t)strtoul(sim_tree_name(state, i), NULL, 10);
        if (devid >= next)
            next = devid + 1;
    }
    return next;
}

int sim_devnodes_add_nic(struct sim_state *state, const struct sim_slot *slot,
                         const struct hv_nic *nic, struct vdc_error *err)
{
    struct sim_devnode other;
    uint32_t back;
    char mac[32];

    if (sim_devnodes_find(state, slot->domid, HV_DEVICE_NIC, nic->mac, &other))
        return has_already(slot->domid, "network", nic->mac, err);
    int rc = backend_domid(state, nic->backend, &back, err);
    if (rc)
        return rc;
    snprintf(mac, sizeof(mac), "%s", nic->mac);
    for (char *p = mac; *p; p++)
        if (*p >= 'A' && *p <= 'F')
            *p += 'a' - 'A';
    const struct detail details[] = {
        { "mac", mac },
        { "bridge", nic->bridge && *nic->bridge ? nic->bridge : "xenbr0" },
        { NULL, NULL }
    };
    return add(state, slot->domid, back, "vif",
               next_devid(state, slot->domid, "vif"), details, err);
}

int sim_devnodes_add_pci(struct sim_state *state, const struct sim_slot *slot,
                         const char *bdf, struct vdc_error *err)
{
    static const struct detail none[] = { { NULL, NULL } };
    uint32_t id = slot->domid, i;
    int rc = 0;

    if (!find_pci(state, bdf, &i))
        return vdc_error_set(err, VDC_E_NO_RESOURCE,
                             "PCI device %.32s is not assignable", bdf);
    if (state->pci_owner[i] == id)
        return has_already(id, "PCI device", bdf, err);
    if (state->pci_owner[i] != HV_DOMID_NONE)
        return vdc_error_set(err, VDC_E_NO_RESOURCE,
                             "PCI device %.32s is domain %u's", bdf,
                             state->pci_owner[i]);
    if (!notes_of(state, id, "pci"))
        rc = add(state, id, 0, "pci", 0, none, err);
    if (rc == 0)
        rc = sim_tree_writef(state, err, state->machine.pci[i],
                             "/local/domain/0/backend/pci/%u/0/dev-%u", id, i);
    if (rc == 0)
        SIM_SET(state, state->pci_owner[i], id);
    return rc;
}

/* ---- the life of a device ---- */

void sim_devnodes_serve(struct sim_state *state,
                        const struct sim_devnode *device)
{
    if (strcmp(read_under(state, device->back, "state"), "1") == 0)
        sim_tree_writef(state, NULL, "2", "%s/state", device->back);
}

static void connect_one(struct sim_state *state, struct sim_slot *slot,
                        const struct sim_devnode *device)
{
    if (strcmp(read_under(state, device->back, "state"), "2") != 0 ||
        strcmp(read_under(state, device->front, "state"), "1") != 0)
        return;
    SIM_SET(state, slot->next_port, slot->next_port + 1);
    sim_tree_writef(state, NULL, number(slot->next_port), "%s/event-channel",
                    device->front);
    sim_tree_writef(state, NULL, "4", "%s/state", device->front);
    sim_tree_writef(state, NULL, "4", "%s/state", device->back);
}

void sim_devnodes_connect(struct sim_state *state, struct sim_slot *slot)
{
    char path[64];

    if (!sim_guest_listens(slot))
        return;
    snprintf(path, sizeof(path), "/libxl/%u/device", slot->domid);
    uint32_t kind = sim_tree_find(state, path);
    kind = kind ? state->nodes[kind].first_child : 0;
    for (; kind; kind = state->nodes[kind].next) {
        uint32_t note = state->nodes[kind].first_child;
        for (; note; note = state->nodes[note].next) {
            struct sim_devnode device;
            read_note(state, slot->domid, sim_tree_name(state, kind), note,
                      &device);
            connect_one(state, slot, &device);
        }
    }
}

void sim_devnodes_close(struct sim_state *state,
                        const struct sim_devnode *device)
{
    if (device->kind == HV_DEVICE_PCI) { /* its backend may have others */
        sim_tree_writef(state, NULL, "5", "%s/state-%u", device->back,
                        device->pci);
        return;
    }
    sim_tree_writef(state, NULL, "0", "%s/online", device->back);
    sim_tree_writef(state, NULL, "5", "%s/state", device->back);
}

void sim_devnodes_keep(struct sim_state *state,
                       const struct sim_devnode *device)
{
    if (device->kind == HV_DEVICE_PCI ||
        strcmp(read_under(state, device->front, "state"), "4") != 0)
        return;
    sim_tree_writef(state, NULL, "1", "%s/online", device->back);
    sim_tree_writef(state, NULL, "4", "%s/state", device->back);
}

bool sim_devnodes_is_untouched(const struct sim_state *state,
                               const struct sim_devnode *device)
{
    return device->kind != HV_DEVICE_PCI &&
           strcmp(read_under(state, device->front, "state"), "1") == 0;
}

/* Its parent too, the folder of the kind, when it is the last there. */
static void remove_path(struct sim_state *state, const char *path)
{
    char parent[128];

    sim_tree_remove(state, path);
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return;
    *slash = '\0';
    uint32_t dir = sim_tree_find(state, parent);
    if (dir && state->nodes[dir].first_child == 0)
        sim_tree_remove(state, parent);
}

void sim_devnodes_remove(struct sim_state *state,
                         const struct sim_devnode *device)
{
    if (device->kind == HV_DEVICE_PCI) {
        uint32_t domid = state->pci_owner[device->pci];
        SIM_SET(state, state->pci_owner[device->pci], HV_DOMID_NONE);
        sim_tree_removef(state, "%s/dev-%u", device->back, device->pci);
        sim_tree_removef(state, "%s/state-%u", device->back, device->pci);
        for (uint32_t i = 0; i < SIM_PCI; i++)
            if (state->pci_owner[i] == domid)
                return;
    }
    remove_path(state, device->front);
    remove_path(state, device->back);
    remove_path(state, device->note);
}

void sim_devnodes_remove_backends(struct sim_state *state, uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "/libxl/%u/device", domid);
    uint32_t kind = sim_tree_find(state, path);
    kind = kind ? state->nodes[kind].first_child : 0;
    for (; kind; kind = state->nodes[kind].next) {
        uint32_t note = state->nodes[kind].first_child;
        for (; note; note = state->nodes[note].next) {
            struct sim_devnode device;
            read_note(state, domid, sim_tree_name(state, kind), note, &device);
            remove_path(state, device.back);
        }
    }
}

static void serve_all(struct sim_state *state, uint32_t domid,
                      const char *kind)
{
    uint32_t dir = notes_of(state, domid, kind);

    for (uint32_t note = dir ? state->nodes[dir].first_child : 0; note;
         note = state->nodes[note].next) {
        struct sim_devnode device;
        read_note(state, domid, kind, note, &device);
        sim_devnodes_serve(state, &device);
    }
}

int sim_devnodes_create(struct sim_state *state, const struct sim_slot *slot,
                        const struct hv_domain_config *config,
                        struct vdc_error *err)
{
    static const struct detail console[] = { { "protocol", "vt100" },
                                             { NULL, NULL } };
    int rc = add(state, slot->domid, 0, "console", 0, console, err);

    for (size_t i = 0; rc == 0 && i < config->n_disks; i++)
        rc = sim_devnodes_add_disk(state, slot, &config->disks[i], err);
    for (size_t i = 0; rc == 0 && i < config->n_nics; i++)
        rc = sim_devnodes_add_nic(state, slot, &config->nics[i], err);
    for (size_t i = 0; rc == 0 && i < config->n_pci; i++)
        rc = sim_devnodes_add_pci(state, slot, config->pci[i], err);
    if (rc)
        return rc;
    serve_all(state, slot->domid, "console");
    for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
        serve_all(state, slot->domid, kind_names[i]);
    return 0;
}

/* ---- lists ---- */

static struct hv_device describe(const struct sim_state *state,
                                 const struct sim_devnode *node,
                                 struct arena *arena)
{
    bool is_disk = node->kind == HV_DEVICE_DISK;

    return (struct hv_device){
        .kind = node->kind,
        .name = arena_strdup(
            arena, read_under(state, node->note, is_disk ? "dev" : "mac")),
        .devid = node->devid,
        .backend_domid = read_number(state, node->front, "backend-id"),
        .state =
            (enum hv_device_state)read_number(state, node->front, "state"),
        .target =
            arena_strdup(arena, read_under(state, node->note,
                                           is_disk ? "params" : "bridge")),
        .backend_path = arena_strdup(arena, node->back),
        .readonly =
            is_disk && strcmp(read_under(state, node->note, "mode"), "r") == 0,
        .event_channel = read_number(state, node->front, "event-channel"),
    };
}

static size_t list_kind(const struct sim_state *state, uint32_t domid,
                        enum hv_device_kind kind, struct arena *arena,
                        struct hv_device *devices)
{
    uint32_t dir = notes_of(state, domid, kind_names[kind]);
    size_t n = 0;

    for (uint32_t note = dir ? state->nodes[dir].first_child : 0; note;
         note = state->nodes[note].next) {
        struct sim_devnode node = { .kind = kind };
        if (devices) {
            read_note(state, domid, kind_names[kind], note, &node);
            devices[n] = describe(state, &node, arena);
        }
        n++;
    }
    return n;
}

static size_t list_pci(const struct sim_state *state, uint32_t domid,
                       struct arena *arena, struct hv_device *devices)
{
    struct sim_devnode node;
    size_t n = 0;

    for (uint32_t i = 0; i < state->machine.n_pci; i++) {
        const char *bdf = state->machine.pci[i];
        if (!sim_devnodes_find(state, domid, HV_DEVICE_PCI, bdf, &node))
            continue;
        devices[n] = describe(state, &node, arena);
        devices[n].name = arena_strdup(arena, bdf);
        devices[n].target = "";
        devices[n++].devid = 0;
    }
    return n;
}

static int by_devid(const void *a, const void *b)
{
    const struct hv_device *x = a, *y = b;

    return x->devid < y->devid ? -1 : x->devid > y->devid;
}

void sim_devnodes_list(const struct sim_state *state, uint32_t domid,
                       struct arena *arena, struct hv_device **ret,
                       size_t *ret_n)
{
    size_t n_disks = list_kind(state, domid, HV_DEVICE_DISK, arena, NULL);
    size_t n_nics = list_kind(state, domid, HV_DEVICE_NIC, arena, NULL);
    struct hv_device *devices =
        ARENA_ARRAY(arena, n_disks + n_nics + SIM_PCI, struct hv_device);
    size_t n = list_kind(state, domid, HV_DEVICE_DISK, arena, devices);

    n += list_kind(state, domid, HV_DEVICE_NIC, arena, devices + n);
    qsort(devices, n_disks, sizeof(*devices), by_devid);
    qsort(devices + n_disks, n_nics, sizeof(*devices), by_devid);
    *ret_n = n + list_pci(state, domid, arena, devices + n);
    *ret = devices;
}

uint32_t sim_devnodes_count_connected(const struct sim_state *state,
                                      uint32_t domid)
{
    char path[64];
    uint32_t n = 0;

    snprintf(path, sizeof(path), "/libxl/%u/device", domid);
    uint32_t kind = sim_tree_find(state, path);
    kind = kind ? state->nodes[kind].first_child : 0;
    for (; kind; kind = state->nodes[kind].next) {
        uint32_t note = state->nodes[kind].first_child;
        for (; note; note = state->nodes[note].next) {
            struct sim_devnode device;
            read_note(state, domid, sim_tree_name(state, kind), note, &device);
            n += strcmp(read_under(state, device.front, "state"), "4") == 0;
        }
    }
    return n;
}
