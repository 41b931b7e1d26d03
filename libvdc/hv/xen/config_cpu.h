/* vCPUs, their affinities and CPUID policy, for libxl. */
#ifndef VDC_HV_XEN_CONFIG_CPU_H
#define VDC_HV_XEN_CONFIG_CPU_H

#include "base/error.h"
#include "hv/cpulist.h"
#include "hv/hv.h"
#include "hv/xen/xl.h"

/* Adds to *ret, which the caller disposes of whatever the result.
 * Errors: VDC_E_BAD_VALUE, VDC_E_HYPERVISOR. */
int config_map_cpus(struct xl *xl, const struct hv_domain_config *config,
                    libxl_domain_build_info *ret, struct vdc_error *err);

/* The host's CPUs; ret->nodes is on the heap, the caller's.
 * Errors: VDC_E_HYPERVISOR. */
int config_host_cpus(struct xl *xl, struct cpulist_host *ret,
                     struct vdc_error *err);

/* One list of CPUs as a bitmap, which the caller disposes of whatever the
 * result.  Errors: as cpulist_parse. */
int config_map_cpulist(struct xl *xl, const struct cpulist_host *host,
                       const char *list, libxl_bitmap *ret,
                       struct vdc_error *err);

#endif
