/*
 * The two kinds of links, for link.c, which chooses between them.
 */
#ifndef VDC_CHAN_LINK_IMPL_H
#define VDC_CHAN_LINK_IMPL_H

#include "chan/link.h"

/* Arguments and errors are those of the functions in link.h; ret and offer
 * come with all descriptors -1. */
int link_memory_give(uint32_t n_pages, struct link_end *ret,
                     struct link_offer *offer, struct vdc_error *err);
int link_memory_join(struct link_offer *offer, struct link_end *ret,
                     struct vdc_error *err);
/* Whether the descriptors are such memory. */
int link_memory_check(const struct link_end *end, struct vdc_error *err);
void link_memory_notify(struct link *link);
void link_memory_acknowledge(struct link *link);

int link_grant_give(uint32_t domid, uint32_t n_pages, size_t life_offset,
                    struct link_end *ret, struct link_offer *offer,
                    struct vdc_error *err);
int link_grant_join(struct link_offer *offer, size_t life_offset,
                    struct link_end *ret, struct vdc_error *err);
void link_grant_notify(struct link *link);
void link_grant_acknowledge(struct link *link);

#endif
