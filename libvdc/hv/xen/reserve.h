/*
 * Memory that is ours though nobody has it yet.
 *
 * Xen's claims (XENMEM_claim_pages) belong to a domain.  Ours belong to a
 * domain that is nothing else: it has no memory and never runs, only the claim
 * that it is the holder of.  It is made with the first amount and destroyed
 * with the last; `xl list` shows it as "xen-vdc-reserve", we do not.
 */
#ifndef VDC_HV_XEN_RESERVE_H
#define VDC_HV_XEN_RESERVE_H

#include "hv/hv.h"

struct hv_xen;

/* Gives back what an earlier process reserved: its holder is found by its
 * uuid.  Errors: VDC_E_HYPERVISOR. */
int reserve_open(struct hv_xen *self, struct vdc_error *err);
/* Gives back what is reserved. */
void reserve_close(struct hv_xen *self);

/* As in struct hv_domain_ops. */
int reserve_set(struct hv *hv, struct mem amount, struct vdc_error *err);

/* What is claimed now, by what Xen says. */
struct mem reserve_claimed(struct hv_xen *self);

/* Whether this domain is a holder. */
bool reserve_is_holder(const uint8_t uuid[16]);

#endif
