/* The disks, networks and PCI devices of a domain's description, for libxl. */
#ifndef VDC_HV_XEN_CONFIG_DEVICE_H
#define VDC_HV_XEN_CONFIG_DEVICE_H

#include <stdbool.h>

#include "base/error.h"
#include "hv/hv.h"
#include "hv/xen/libxl_api.h"

/* These add to *ret, which the caller disposes of whatever the result.
 * Errors: VDC_E_BAD_VALUE. */
int config_map_disks(const struct hv_domain_config *config,
                     libxl_domain_config *ret, struct vdc_error *err);
int config_map_nics(const struct hv_domain_config *config,
                    libxl_domain_config *ret, struct vdc_error *err);
int config_map_pcis(const struct hv_domain_config *config,
                    libxl_domain_config *ret, struct vdc_error *err);

/* One device into *to, which is initialised already.
 *   devid  of the network in its domain, -1 for libxl to choose
 * Errors: VDC_E_BAD_VALUE. */
int config_map_disk(const struct hv_disk *from, libxl_device_disk *to,
                    struct vdc_error *err);
int config_map_nic(const struct hv_nic *from, int devid, libxl_device_nic *to,
                   struct vdc_error *err);
int config_map_pci(const char *bdf, libxl_device_pci *to,
                   struct vdc_error *err);

/* Exactly six pairs of hex digits with colons between; false when not. */
bool config_parse_mac(const char *text, libxl_mac *ret);

#endif
