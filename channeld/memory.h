/*
 * An end of a channel's memory on its way: what goes into a message, and the
 * descriptors beside it.
 */
#ifndef CHANNELD_MEMORY_H
#define CHANNELD_MEMORY_H

#include "chan/link.h"
#include "chan/packet.h"
#include "wire/wire.h"

struct memory {
    struct wire_channel_memory wire; /* refs are our own, on the heap */
    int fds[LINK_FDS_MAX];
    unsigned n_fds;
};

void memory_init(struct memory *memory);
void memory_clear(struct memory *memory); /* closes, frees */

/*
 * New memory of so many pages.  own: for the program of this domain that
 * makes the ring; other: for the other end, in domain `domid` (LINK_GRANT) or
 * for whoever gets it (LINK_MEMORY).  Errors: those of link_give.
 */
int memory_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
                struct memory *own, struct memory *other,
                struct vdc_error *err);
/* What a program of this domain needs to take the memory that `other` is
 * about; `other` is empty afterwards, also on failure.  Errors: those of
 * link_join. */
int memory_join(struct memory *other, uint32_t n_pages, struct memory *own,
                struct vdc_error *err);

/* What came with a message; takes the descriptors. VDC_E_PROTOCOL when there
 * are others than such memory has. */
int memory_take(const struct wire_channel_memory *wire, enum link_kind kind,
                uint32_t n_pages, int *fds, unsigned n_fds, struct memory *ret,
                struct vdc_error *err);

#endif
