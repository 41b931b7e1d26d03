/*
 * What the steps for disks, network interfaces and PCI devices have in common:
 * how a device is taken from a domain, and what makes Xen be as it was before
 * a device came or went.  Which kind of device it is follows from the kind of
 * operation; its name is op->request.device, where nothing else is said.
 */
#ifndef RESOURCED_STEP_DEVICE_H
#define RESOURCED_STEP_DEVICE_H

#include "resourced/step_change.h"

/* plan and apply of a detach.  A guest that does not let go is said so. */
bool step_device_detach_plan(const struct operation *op, char *buf,
                             size_t size);
int step_device_detach_apply(struct operation *op, struct vdc_error *err);
/*
 * undo of a detach: what was taken is attached again, if it is not there.
 * name: what the domain had before the transaction, NULL for nothing.
 * attach: begins to attach that, and ends with step_device_attached_again;
 * answers as functions of hv do.
 */
int step_device_detach_undo(struct operation *op, const char *name,
                            int (*attach)(struct operation *op, uint32_t domid,
                                          struct vdc_error *err),
                            struct vdc_error *err);
/* hv_done_fn for that: what is there needs none. */
void step_device_attached_again(void *arg, int rc,
                                const struct vdc_error *err);

/*
 * undo of an attach: the new device goes, with force, as nobody was told that
 * it is there.  When its name was another's before (detached earlier in this
 * transaction), that one may be there still, if nothing was applied; targets
 * tell them apart.  old_target: NULL when the name was nobody's.
 */
int step_device_attach_undo(struct operation *op, const char *name,
                            const char *target, const char *old_target,
                            struct vdc_error *err);

#endif
