/* Shared pages and event channels, by libxengnttab and libxenevtchn. */
#ifndef VDC_HV_XEN_GRANT_H
#define VDC_HV_XEN_GRANT_H

#include "hv/hv.h"

struct event_base;
struct grants;
struct xentoollog_logger;

extern const struct hv_grant_ops grant_ops;

/* Opens nothing yet: the devices are opened when first used, so that a host
 * without them can run what does not need them. */
struct grants *grants_new(struct event_base *base,
                          struct xentoollog_logger *logger);
/*
 * Closes all ports, and the devices; pages that are still shared or mapped
 * stay so until the process ends.  NULL is allowed.
 */
void grants_destroy(struct grants *grants);

#endif
