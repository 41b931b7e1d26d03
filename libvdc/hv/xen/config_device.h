/* The disks and networks of a domain's description, for libxl. */
#ifndef VDC_HV_XEN_CONFIG_DEVICE_H
#define VDC_HV_XEN_CONFIG_DEVICE_H

#include "base/error.h"
#include "hv/hv.h"
#include "hv/xen/libxl_api.h"

/* Both add to *ret, which the caller disposes of whatever the result.
 * Errors: VDC_E_BAD_VALUE. */
int config_map_disks(const struct hv_domain_config *config,
                     libxl_domain_config *ret, struct vdc_error *err);
int config_map_nics(const struct hv_domain_config *config,
                    libxl_domain_config *ret, struct vdc_error *err);

#endif
