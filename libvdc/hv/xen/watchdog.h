/* The watchdog of dom0, by libxenctrl alone; see hv/watchdog.h. */
#ifndef VDC_HV_XEN_WATCHDOG_H
#define VDC_HV_XEN_WATCHDOG_H

#include "base/error.h"

struct hv_watchdog;

/* Errors: VDC_E_NO_XEN, VDC_E_DENIED, VDC_E_HYPERVISOR. */
int watchdog_xen_open(struct hv_watchdog **ret, struct vdc_error *err);

#endif
