/* The domain operations of a simulated host. */
#ifndef VDC_HV_SIM_SIM_DOMAIN_H
#define VDC_HV_SIM_SIM_DOMAIN_H

#include "hv/hv.h"

extern const struct hv_domain_ops sim_domain_ops;

#endif
