/*
 * Grants and event channels of a simulated host: memory (memfd) and eventfd
 * of this process.  Only dom0 runs programs here, so dom0 is the only domain
 * that can map what is shared: shares and offers must name domid 0 to be used
 * (for any other domain they are made, and nobody answers).
 */
#ifndef VDC_HV_SIM_SIM_GRANT_H
#define VDC_HV_SIM_SIM_GRANT_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

extern const struct hv_grant_ops sim_grant_ops;

void sim_grant_close_all(struct sim *sim);

#endif
