/* Maps disks, networks and PCI devices to libxl's. */
#include "hv/xen/config_device.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Over what time libxl spreads a rate limit when nothing is said (xl's 50 ms,
 * as xl-network-configuration(5) has it). */
#define RATE_INTERVAL_US 50000

static char *given(const char *text)
{
    return text && *text ? xstrdup(text) : NULL;
}

int config_map_disk(const struct hv_disk *from, libxl_device_disk *to,
                    struct vdc_error *err)
{
    if (!from->vdev || !*from->vdev)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the disk '%s' has no virtual device name",
                             from->target);
    to->vdev = xstrdup(from->vdev);
    to->pdev_path = given(from->target);
    to->backend_domname = given(from->backend);
    to->script = given(from->script);
    const char *format = from->format && *from->format ? from->format : "raw";
    if (!to->pdev_path)
        format = "empty";
    if (libxl_disk_format_from_string(format, &to->format) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "disk %s: no such format: \"%s\"", from->vdev,
                             format);
    if (from->backendtype && *from->backendtype &&
        libxl_disk_backend_from_string(from->backendtype, &to->backend) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "disk %s: no such backend type: \"%s\"",
                             from->vdev, from->backendtype);
    to->readwrite = !from->readonly;
    to->is_cdrom = from->cdrom;
    to->removable = from->cdrom;
    to->direct_io_safe = from->direct_io_safe;
    libxl_defbool_set(&to->discard_enable, from->discard && !from->readonly);
    return 0;
}

int config_map_disks(const struct hv_domain_config *config,
                     libxl_domain_config *ret, struct vdc_error *err)
{
    if (config->n_disks == 0)
        return 0;
    if (config->n_disks > INT_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "too many disks");
    ret->disks = xzalloc(config->n_disks * sizeof(*ret->disks));
    for (size_t i = 0; i < config->n_disks; i++) {
        libxl_device_disk_init(&ret->disks[i]);
        ret->num_disks++;
        int rc = config_map_disk(&config->disks[i], &ret->disks[i], err);
        if (rc) {
            vdc_error_prefix(err, "domain '%s'", config->name);
            return rc;
        }
    }
    return 0;
}

bool config_parse_mac(const char *text, libxl_mac *ret)
{
    libxl_mac mac;

    for (size_t i = 0; i < sizeof(mac); i++) {
        unsigned byte;
        const char *p = text + i * 3;
        if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
            return false;
        if (p[2] != (i + 1 < sizeof(mac) ? ':' : '\0'))
            return false;
        if (sscanf(p, "%2x", &byte) != 1)
            return false;
        mac[i] = (uint8_t)byte;
    }
    memcpy(*ret, mac, sizeof(mac));
    return true;
}

static int map_rate(const struct hv_nic *from, libxl_device_nic *to,
                    struct vdc_error *err)
{
    if (from->rate_bytes == 0)
        return 0;
    uint32_t interval = from->rate_interval_us;
    if (interval == 0)
        interval = RATE_INTERVAL_US;
    if (from->rate_bytes > UINT64_MAX / interval)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "network %s: the rate is "
                             "too large",
                             from->mac);
    uint64_t bytes = from->rate_bytes * interval / 1000000;
    if (bytes == 0 || bytes > UINT32_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "network %s: %llu bytes a second over %u us is "
                             "outside of 1 byte to 4 GiB an interval",
                             from->mac, (unsigned long long)from->rate_bytes,
                             interval);
    to->rate_bytes_per_interval = bytes;
    to->rate_interval_usecs = interval;
    return 0;
}

int config_map_nic(const struct hv_nic *from, int devid, libxl_device_nic *to,
                   struct vdc_error *err)
{
    if (!from->mac || !config_parse_mac(from->mac, &to->mac))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "\"%s\" is not a MAC address (00:16:3e:xx:xx:xx)",
                             from->mac ? from->mac : "");
    to->devid = devid;
    to->nictype = LIBXL_NIC_TYPE_VIF;
    to->bridge = given(from->bridge);
    to->model = given(from->model);
    to->ip = given(from->ip);
    to->script = given(from->script);
    to->backend_domname = given(from->backend);
    to->ifname = given(from->vifname);
    to->gatewaydev = given(from->gatewaydev);
    if (from->mtu > UINT16_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "network %s: an MTU of %u is over %u", from->mac,
                             from->mtu, UINT16_MAX);
    if (from->mtu)
        to->mtu = (int)from->mtu;
    return map_rate(from, to, err);
}

int config_map_nics(const struct hv_domain_config *config,
                    libxl_domain_config *ret, struct vdc_error *err)
{
    if (config->n_nics == 0)
        return 0;
    if (config->n_nics > INT_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "too many networks");
    ret->nics = xzalloc(config->n_nics * sizeof(*ret->nics));
    for (size_t i = 0; i < config->n_nics; i++) {
        libxl_device_nic_init(&ret->nics[i]);
        ret->num_nics++;
        int rc = config_map_nic(&config->nics[i], (int)i, &ret->nics[i], err);
        if (rc) {
            vdc_error_prefix(err, "domain '%s'", config->name);
            return rc;
        }
    }
    return 0;
}

/* "0000:03:00.0", hexadecimal; the numbers' ranges are PCI's. */
int config_map_pci(const char *bdf, libxl_device_pci *to,
                   struct vdc_error *err)
{
    unsigned domain, bus, dev, func;
    int len = 0;

    if (sscanf(bdf, "%4x:%2x:%2x.%1x%n", &domain, &bus, &dev, &func, &len) !=
            4 ||
        strlen(bdf) != strlen("0000:00:00.0") || (size_t)len != strlen(bdf) ||
        dev > 0x1f || func > 7) {
        int rc =
            vdc_error_set(err, VDC_E_BAD_VALUE,
                          "\"%s\" is not the address of a PCI device", bdf);
        vdc_error_hint(err, "write it as lspci -D does: 0000:03:00.0");
        return rc;
    }
    to->domain = (int)domain;
    to->bus = (uint8_t)bus;
    to->dev = (uint8_t)dev;
    to->func = (uint8_t)func;
    return 0;
}

int config_map_pcis(const struct hv_domain_config *config,
                    libxl_domain_config *ret, struct vdc_error *err)
{
    if (config->n_pci == 0)
        return 0;
    if (config->n_pci > INT_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "too many PCI devices");
    ret->pcidevs = xzalloc(config->n_pci * sizeof(*ret->pcidevs));
    for (size_t i = 0; i < config->n_pci; i++) {
        libxl_device_pci_init(&ret->pcidevs[i]);
        ret->num_pcidevs++;
        int rc = config_map_pci(config->pci[i], &ret->pcidevs[i], err);
        if (rc) {
            vdc_error_prefix(err, "domain '%s'", config->name);
            return rc;
        }
    }
    return 0;
}
