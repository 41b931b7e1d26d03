/* From our description of a domain to libxl's. */
#ifndef VDC_HV_XEN_CONFIG_H
#define VDC_HV_XEN_CONFIG_H

#include "base/error.h"
#include "hv/hv.h"
#include "hv/xen/xl.h"

/*
 * Fills *ret, which is initialised here and must be disposed of by the caller
 * on success; on failure it is disposed of already.  Everything is copied.
 * A PV domain with pvshim becomes a PVH domain with the shim, as libxl has it.
 * Errors: VDC_E_BAD_VALUE naming the value, VDC_E_UNSUPPORTED (HVM),
 * VDC_E_HYPERVISOR.
 */
int config_map(struct xl *xl, const struct hv_domain_config *config,
               libxl_domain_config *ret, struct vdc_error *err);

#endif
