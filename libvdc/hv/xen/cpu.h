/* What the host's CPUs can do, as in struct hv_host_info. */
#ifndef VDC_HV_XEN_CPU_H
#define VDC_HV_XEN_CPU_H

#include "base/cpu.h"
#include "hv/xen/self.h"

/* What guests get of it when nothing else is asked; hw_cap is what libxl says
 * that there is, for a Xen that does not say more. */
struct cpu_set cpu_of_host(struct hv_xen *self, const uint32_t *hw_cap);

#endif
