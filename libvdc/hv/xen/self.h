/* The implementation's own state: what its parts share. */
#ifndef VDC_HV_XEN_SELF_H
#define VDC_HV_XEN_SELF_H

#include <stdbool.h>
#include <sys/queue.h>

#include "hv/hv.h"
#include "hv/xen/xl.h"

struct work_pool;
struct store;
struct grants;
struct watches;
struct op;
struct create;
struct hotplug;
struct xc_interface_core;

struct hv_xen {
    struct hv hv; /* first */
    struct event_base *base;
    struct xl xl; /* lives in the event loop */
    char *broken; /* what libxl called a disaster; NULL while all is well */
    LIST_HEAD(, op) ops;           /* under way on xl (op.c) */
    LIST_HEAD(, create) creates;   /* under way in workers (create.c) */
    LIST_HEAD(, hotplug) hotplugs; /* devices that come or go (hotplug.c) */
    struct work_pool *pool;
    struct watches *watches;
    struct store *store;
    struct grants *grants;
    struct xc_interface_core *xch; /* libxenctrl, for what libxl does not do */
    uint32_t holder;               /* of reserved memory (reserve.c), or
                                      HV_DOMID_NONE */
    uint64_t claimed_pages;        /* by it */
};

static inline struct hv_xen *hv_xen_of(struct hv *hv)
{
    return (struct hv_xen *)hv;
}

/* Error when libxl has broken down; to be asked before each operation. */
static inline int hv_xen_check(const struct hv_xen *self,
                               struct vdc_error *err)
{
    if (!self->broken)
        return 0;
    int rc = vdc_error_set(err, VDC_E_HYPERVISOR, "libxl has failed: %s",
                           self->broken);
    vdc_error_hint(err, "restart the daemon; domains are not affected");
    return rc;
}

#endif
