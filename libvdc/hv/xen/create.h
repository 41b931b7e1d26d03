/* Building a domain, anew or from where it was saved: libxl cannot do it
 * without blocking, so it runs in a worker. */
#ifndef VDC_HV_XEN_CREATE_H
#define VDC_HV_XEN_CREATE_H

#include "hv/hv.h"

struct hv_xen;

/* As in struct hv_domain_ops. */
int create_domain(struct hv *hv, const struct hv_domain_config *config,
                  hv_created_fn *done, void *arg, struct vdc_error *err);
int create_restore(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err);
int create_receive(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err);
int create_memory_needed(struct hv *hv, const struct hv_domain_config *config,
                         struct mem *ret, struct vdc_error *err);

/* Takes the creates that are under way off the list of self. */
void create_abandon_all(struct hv_xen *self);

#endif
