/* The devices that a domain has. */
#ifndef VDC_HV_XEN_DEVICES_H
#define VDC_HV_XEN_DEVICES_H

#include "hv/hv.h"
#include "hv/xen/libxl_api.h"

struct hv_xen;

/* As in struct hv_domain_ops. */
int devices_list(struct hv *hv, uint32_t domid, struct arena *arena,
                 struct hv_device **ret, size_t *ret_n, struct vdc_error *err);

/*
 * One of them, as libxl knows it; initialised here, to be disposed of by the
 * caller on success.
 * Errors: VDC_E_NOT_FOUND; of a network also VDC_E_BAD_VALUE (no MAC).
 */
int devices_find_disk(struct hv_xen *self, uint32_t domid, const char *vdev,
                      libxl_device_disk *ret, struct vdc_error *err);
int devices_find_nic(struct hv_xen *self, uint32_t domid, const char *mac,
                     libxl_device_nic *ret, struct vdc_error *err);

/* "0000:03:00.0" into buf, of at least 16 bytes; returns it. */
const char *devices_bdf(const libxl_device_pci *pci, char *buf, size_t size);

#endif
