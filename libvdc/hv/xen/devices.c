/*
 * Lists the devices of a domain: which there are, by libxl; their states, from
 * the frontend's nodes.  Those are written by the guest: they are taken for
 * what they are if they have the form, and for nothing if not.
 */
#include "hv/xen/devices.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xen/config_device.h"
#include "hv/xen/domain.h"
#include "hv/xen/self.h"
#include "hv/xen/store.h"

/* More ports than any domain has (Xen's FIFO event channels: 2^17). */
#define PORT_MAX (1u << 20)

/* A plain number up to max; 0 when it is missing or something else. */
static uint32_t read_number(struct hv_xen *self, const char *folder,
                            const char *node, uint32_t max)
{
    char path[256], text[16], *end;

    snprintf(path, sizeof(path), "%s/%s", folder, node);
    if (!store_read_short(self->store, path, text, sizeof(text)) ||
        !isdigit((unsigned char)text[0]))
        return 0;
    unsigned long number = strtoul(text, &end, 10);
    return *end || number > max ? 0 : (uint32_t)number;
}

static enum hv_device_state read_state(struct hv_xen *self,
                                       const char *frontend)
{
    return (enum hv_device_state)read_number(self, frontend, "state",
                                             HV_DEVICE_CLOSED);
}

/* The first that the frontend names: of the device, or of its first queue. */
static uint32_t read_port(struct hv_xen *self, const char *frontend)
{
    static const char *const nodes[] = { "event-channel", "event-channel-tx",
                                         "queue-0/event-channel",
                                         "queue-0/event-channel-tx" };
    uint32_t port = 0;

    for (size_t i = 0; port == 0 && i < sizeof(nodes) / sizeof(nodes[0]); i++)
        port = read_number(self, frontend, nodes[i], PORT_MAX);
    return port;
}

static void read_frontend(struct hv_xen *self, const char *frontend,
                          struct hv_device *ret)
{
    if (!frontend)
        return;
    ret->state = read_state(self, frontend);
    ret->event_channel = read_port(self, frontend);
}

/* false when it went away while it was looked at */
static bool describe_disk(struct hv_xen *self, uint32_t domid,
                          const libxl_device_disk *disk, struct arena *arena,
                          struct hv_device *ret)
{
    libxl_diskinfo info;

    libxl_diskinfo_init(&info);
    bool there =
        libxl_device_disk_getinfo(self->xl.ctx, domid, disk, &info) == 0;
    if (there) {
        ret->kind = HV_DEVICE_DISK;
        ret->name = arena_strdup(arena, disk->vdev);
        ret->devid = (uint32_t)info.devid;
        ret->backend_domid = info.backend_id;
        ret->target = arena_strdup(arena, disk->pdev_path);
        ret->backend_path = arena_strdup(arena, info.backend);
        ret->readonly = !disk->readwrite;
        read_frontend(self, info.frontend, ret);
    }
    libxl_diskinfo_dispose(&info);
    return there;
}

static bool describe_nic(struct hv_xen *self, uint32_t domid,
                         const libxl_device_nic *nic, struct arena *arena,
                         struct hv_device *ret)
{
    const uint8_t *mac = nic->mac;
    libxl_nicinfo info;

    libxl_nicinfo_init(&info);
    bool there =
        libxl_device_nic_getinfo(self->xl.ctx, domid, nic, &info) == 0;
    if (there) {
        ret->kind = HV_DEVICE_NIC;
        ret->name =
            arena_printf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
                         mac[1], mac[2], mac[3], mac[4], mac[5]);
        ret->devid = (uint32_t)nic->devid;
        ret->backend_domid = info.backend_id;
        ret->target = arena_strdup(arena, nic->bridge);
        ret->backend_path = arena_strdup(arena, info.backend);
        read_frontend(self, info.frontend, ret);
    }
    libxl_nicinfo_dispose(&info);
    return there;
}

const char *devices_bdf(const libxl_device_pci *pci, char *buf, size_t size)
{
    snprintf(buf, size, "%04x:%02x:%02x.%x", (unsigned)pci->domain & 0xffff,
             pci->bus, pci->dev, pci->func & 7u);
    return buf;
}

/* All PCI devices of a PV domain are behind one frontend, numbered 0. */
static void describe_pci(struct hv_xen *self, uint32_t domid,
                         const libxl_device_pci *pci, struct arena *arena,
                         struct hv_device *ret)
{
    char frontend[64], bdf[32];

    snprintf(frontend, sizeof(frontend), "/local/domain/%u/device/pci/0",
             domid);
    ret->kind = HV_DEVICE_PCI;
    ret->name = arena_strdup(arena, devices_bdf(pci, bdf, sizeof(bdf)));
    ret->target = "";
    ret->backend_path =
        arena_printf(arena, "/local/domain/0/backend/pci/%u/0", domid);
    read_frontend(self, frontend, ret);
}

struct lists {
    libxl_device_disk *disks;
    libxl_device_nic *nics;
    libxl_device_pci *pcis;
    int n_disks, n_nics, n_pcis;
};

static void lists_get(struct hv_xen *self, uint32_t domid, struct lists *ret)
{
    memset(ret, 0, sizeof(*ret));
    /* NULL is "none" to libxl as well as "failed"; for a domain that is there
     * (the caller has looked) it is the former. */
    ret->disks = libxl_device_disk_list(self->xl.ctx, domid, &ret->n_disks);
    ret->nics = libxl_device_nic_list(self->xl.ctx, domid, &ret->n_nics);
    ret->pcis = libxl_device_pci_list(self->xl.ctx, domid, &ret->n_pcis);
    if (!ret->disks)
        ret->n_disks = 0;
    if (!ret->nics)
        ret->n_nics = 0;
    if (!ret->pcis)
        ret->n_pcis = 0;
}

static void lists_free(struct lists *lists)
{
    libxl_device_disk_list_free(lists->disks, lists->n_disks);
    libxl_device_nic_list_free(lists->nics, lists->n_nics);
    libxl_device_pci_list_free(lists->pcis, lists->n_pcis);
}

static int by_kind_and_devid(const void *a, const void *b)
{
    const struct hv_device *one = a, *other = b;

    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->devid != other->devid)
        return one->devid < other->devid ? -1 : 1;
    return strcmp(one->name, other->name);
}

int devices_list(struct hv *hv, uint32_t domid, struct arena *arena,
                 struct hv_device **ret, size_t *ret_n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct lists lists;
    size_t n = 0;
    int rc = domain_check(self, domid, err);

    if (rc)
        return rc;
    lists_get(self, domid, &lists);
    size_t room =
        (size_t)lists.n_disks + (size_t)lists.n_nics + (size_t)lists.n_pcis;
    struct hv_device *list = ARENA_ARRAY(arena, room, struct hv_device);
    for (int i = 0; i < lists.n_disks; i++)
        if (describe_disk(self, domid, &lists.disks[i], arena, &list[n]))
            n++;
    for (int i = 0; i < lists.n_nics; i++)
        if (describe_nic(self, domid, &lists.nics[i], arena, &list[n]))
            n++;
    for (int i = 0; i < lists.n_pcis; i++)
        describe_pci(self, domid, &lists.pcis[i], arena, &list[n++]);
    lists_free(&lists);
    qsort(list, n, sizeof(list[0]), by_kind_and_devid);
    *ret = list;
    *ret_n = n;
    return 0;
}

int devices_find_disk(struct hv_xen *self, uint32_t domid, const char *vdev,
                      libxl_device_disk *ret, struct vdc_error *err)
{
    bool found = false;
    int n = 0;
    libxl_device_disk *disks = libxl_device_disk_list(self->xl.ctx, domid, &n);

    for (int i = 0; disks && i < n && !found; i++) {
        if (!disks[i].vdev || strcmp(disks[i].vdev, vdev) != 0)
            continue;
        libxl_device_disk_init(ret);
        libxl_device_disk_copy(self->xl.ctx, ret, &disks[i]);
        found = true;
    }
    if (disks)
        libxl_device_disk_list_free(disks, n);
    if (found)
        return 0;
    return vdc_error_set(err, VDC_E_NOT_FOUND, "domain %u has no disk %s",
                         domid, vdev);
}

int devices_find_nic(struct hv_xen *self, uint32_t domid, const char *mac,
                     libxl_device_nic *ret, struct vdc_error *err)
{
    bool found = false;
    libxl_mac wanted;
    int n = 0;

    if (!config_parse_mac(mac, &wanted))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "\"%s\" is not a MAC address (00:16:3e:xx:xx:xx)",
                             mac);
    libxl_device_nic *nics = libxl_device_nic_list(self->xl.ctx, domid, &n);
    for (int i = 0; nics && i < n && !found; i++) {
        if (memcmp(nics[i].mac, wanted, sizeof(wanted)) != 0)
            continue;
        libxl_device_nic_init(ret);
        libxl_device_nic_copy(self->xl.ctx, ret, &nics[i]);
        found = true;
    }
    if (nics)
        libxl_device_nic_list_free(nics, n);
    if (found)
        return 0;
    return vdc_error_set(err, VDC_E_NOT_FOUND,
                         "domain %u has no network with the address %s", domid,
                         mac);
}
