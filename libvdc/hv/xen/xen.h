/* The implementation of the hypervisor interface on a Xen host, by libxl. */
#ifndef VDC_HV_XEN_XEN_H
#define VDC_HV_XEN_XEN_H

#include <stdbool.h>

#include "base/error.h"

struct event_base;
struct hv;

/*
 * Opens the Xen that this dom0 runs on; see hv_open for the contract.
 * Answers at once even when xenstored is not running.
 * beside: what another process has reserved is left alone.
 * Errors: VDC_E_NO_XEN, VDC_E_DENIED, VDC_E_HYPERVISOR.
 */
int hv_xen_open(struct event_base *base, bool beside, struct hv **ret,
                struct vdc_error *err);

#endif
