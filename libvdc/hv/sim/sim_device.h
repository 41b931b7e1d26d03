/*
 * Devices of running domains of a simulated host: attach, detach, lists; as
 * in struct hv_domain_ops.
 */
#ifndef VDC_HV_SIM_SIM_DEVICE_H
#define VDC_HV_SIM_SIM_DEVICE_H

#include "hv/hv.h"

int sim_device_disk_attach(struct hv *hv, uint32_t domid,
                           const struct hv_disk *disk, hv_done_fn *done,
                           void *arg, struct vdc_error *err);
int sim_device_disk_detach(struct hv *hv, uint32_t domid, const char *vdev,
                           bool force, hv_done_fn *done, void *arg,
                           struct vdc_error *err);
int sim_device_nic_attach(struct hv *hv, uint32_t domid,
                          const struct hv_nic *nic, hv_done_fn *done,
                          void *arg, struct vdc_error *err);
int sim_device_nic_detach(struct hv *hv, uint32_t domid, const char *mac,
                          bool force, hv_done_fn *done, void *arg,
                          struct vdc_error *err);
int sim_device_pci_attach(struct hv *hv, uint32_t domid, const char *bdf,
                          hv_done_fn *done, void *arg, struct vdc_error *err);
int sim_device_pci_detach(struct hv *hv, uint32_t domid, const char *bdf,
                          bool force, hv_done_fn *done, void *arg,
                          struct vdc_error *err);
int sim_device_list(struct hv *hv, uint32_t domid, struct arena *arena,
                    struct hv_device **ret, size_t *ret_n,
                    struct vdc_error *err);
int sim_device_pci_assignable(struct hv *hv, struct arena *arena,
                              const char ***ret, size_t *ret_n,
                              struct vdc_error *err);

#endif
