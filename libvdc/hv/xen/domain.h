/* The table of domain operations. */
#ifndef VDC_HV_XEN_DOMAIN_H
#define VDC_HV_XEN_DOMAIN_H

#include "hv/hv.h"

extern const struct hv_domain_ops domain_ops;

#endif
