/*
 * One connection to Xen through libxl: its context, what it said, and whether
 * it still works.
 *
 * The daemon has one that lives in the event loop, and each worker thread
 * (hv/xen/work.h) opens one of its own, which waits by itself.
 */
#ifndef VDC_HV_XEN_XL_H
#define VDC_HV_XEN_XL_H

#include "base/error.h"
#include "hv/xen/libxl_api.h"
#include "hv/xen/osevent.h"
#include "hv/xen/xtl.h"

struct event_base;

struct xl {
    libxl_ctx *ctx;
    struct osevent *osevent; /* NULL in a worker */
    struct xtl log;
};

/* base: the loop to live in, or NULL for a worker.  Must not be moved while
 * it is open.  Errors: VDC_E_HYPERVISOR. */
int xl_open(struct xl *xl, struct event_base *base, struct vdc_error *err);

/*
 * Closes it.  libxl does not allow a context to be freed while operations run
 * on it: when there are any, the context is taken out of the loop and left
 * behind, for the process to end with.
 */
void xl_close(struct xl *xl, bool operations_under_way);

/*
 * Makes an error of a libxl answer (rc != 0): what we tried, by format, and
 * what libxl said since `mark` about `domid` (HV_DOMID_NONE: about any).
 * Returns the VDC_E_ code.
 */
int xl_error(struct vdc_error *err, const struct xl *xl, int rc, uint64_t mark,
             uint32_t domid, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* VDC_E_NOT_FOUND with text when there is no such domain; *ret may be NULL,
 * else is initialised and filled (libxl_dominfo_dispose is the caller's). */
int xl_domain_info(struct xl *xl, uint32_t domid, libxl_dominfo *ret,
                   struct vdc_error *err);

#endif
