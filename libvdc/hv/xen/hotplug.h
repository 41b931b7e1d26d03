/* Disks and networks of a domain that is there: attached and detached. */
#ifndef VDC_HV_XEN_HOTPLUG_H
#define VDC_HV_XEN_HOTPLUG_H

#include "hv/hv.h"

struct hv_xen;

/* As in struct hv_domain_ops. */
int hotplug_disk_attach(struct hv *hv, uint32_t domid,
                        const struct hv_disk *disk, hv_done_fn *done,
                        void *arg, struct vdc_error *err);
int hotplug_disk_detach(struct hv *hv, uint32_t domid, const char *vdev,
                        bool force, hv_done_fn *done, void *arg,
                        struct vdc_error *err);
int hotplug_nic_attach(struct hv *hv, uint32_t domid, const struct hv_nic *nic,
                       hv_done_fn *done, void *arg, struct vdc_error *err);
int hotplug_nic_detach(struct hv *hv, uint32_t domid, const char *mac,
                       bool force, hv_done_fn *done, void *arg,
                       struct vdc_error *err);

/* Forgets all that are under way: no `done` comes.  Before op_abandon_all. */
void hotplug_abandon_all(struct hv_xen *self);

#endif
