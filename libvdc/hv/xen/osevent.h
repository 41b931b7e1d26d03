/*
 * libxl's descriptors and timeouts on libevent.
 *
 * libxl asks for them through hooks, at any time and from within any of its
 * functions; what happens to them is told to libxl from the event loop only,
 * never from within a hook.
 */
#ifndef VDC_HV_XEN_OSEVENT_H
#define VDC_HV_XEN_OSEVENT_H

#include "hv/xen/libxl_api.h"

struct event_base;
struct osevent;

/* Registers the hooks with ctx; may be done once for a ctx, before any other
 * use of it.  The result must outlive the ctx. */
struct osevent *osevent_new(struct event_base *base, libxl_ctx *ctx);

/*
 * Takes everything out of the loop and frees it.  The ctx must have been
 * freed before, or must never be used again.  NULL is allowed.
 */
void osevent_destroy(struct osevent *osevent);

#endif
