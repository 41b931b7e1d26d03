/* PCI devices passed through to domains; each as in struct hv_domain_ops. */
#ifndef VDC_HV_XEN_PCI_H
#define VDC_HV_XEN_PCI_H

#include "hv/hv.h"

int pci_attach(struct hv *hv, uint32_t domid, const char *bdf,
               hv_done_fn *done, void *arg, struct vdc_error *err);
int pci_detach(struct hv *hv, uint32_t domid, const char *bdf, bool force,
               hv_done_fn *done, void *arg, struct vdc_error *err);
int pci_assignable(struct hv *hv, struct arena *arena, const char ***ret,
                   size_t *ret_n, struct vdc_error *err);

#endif
