/*
 * What carries a channel: memory that two ends share, and a way to wake the
 * other.  Two kinds: a sealed memfd with two eventfds, for two processes of
 * one domain; granted pages with an event channel, for two domains (by the
 * kernel's /dev/xen/gntalloc, gntdev and evtchn, no library of Xen is needed).
 *
 * A link is made by one end (the giver), described to the other by a
 * link_offer that travels outside of it, and joined there.  Neither call
 * waits for the other end.  A link can also be rebuilt from descriptors that
 * another process made and handed over (link_export, link_import).
 */
#ifndef VDC_CHAN_LINK_H
#define VDC_CHAN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum link_kind {
    LINK_MEMORY, /* memfd, eventfds */
    LINK_GRANT   /* grant references, event channel */
};

#define LINK_PAGES_MAX 2049
#define LINK_FDS_MAX 4

/* What the other end needs to join.  For LINK_MEMORY the descriptors, for
 * LINK_GRANT domid, port and references. */
struct link_offer {
    enum link_kind kind;
    uint32_t n_pages;
    uint32_t domid; /* of the giver */
    uint32_t port;
    uint32_t *refs; /* n_pages; malloc'd */
    int fds[LINK_FDS_MAX]; /* -1: none */
    unsigned n_fds;
};
void link_offer_clear(struct link_offer *offer); /* closes, frees */

struct link {
    enum link_kind kind;
    void *memory; /* NULL once closed */
    size_t size;
    int wake_fd; /* readable: the other end has notified, or died */
    const struct link_ops *ops;
};

/*
 * Memory of n_pages zeroed pages for the domain `domid` (LINK_GRANT) or for
 * whoever gets the offer (LINK_MEMORY).  life_offset: of the byte that the
 * kernel is to clear when this end's mapping goes (LINK_GRANT).
 * Errors: VDC_E_UNSUPPORTED (no such devices here: not a Xen domain, or the
 * modules xen-gntalloc, xen-gntdev, xen-evtchn are not loaded), VDC_E_DENIED,
 * VDC_E_QUOTA (the kernel's limit of grants; the text names it and its
 * value), VDC_E_NO_MEMORY.
 */
int link_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
              size_t life_offset, struct link **ret, struct link_offer *offer,
              struct vdc_error *err);
/* The other end.  Takes over the offer's descriptors, also on failure.
 * VDC_E_PROTOCOL: the offer is not what it says (size, seals); VDC_E_CLOSED:
 * the giver is gone. */
int link_join(struct link_offer *offer, size_t life_offset,
              struct link **ret, struct vdc_error *err);

/* Wakes the other end; cheap when it is awake already is for the caller to
 * know (ring.h).  Never blocks.  A notification to an end that died is lost.
 */
void link_notify(struct link *link);
/* Takes what made wake_fd readable, so that it is not any more. */
void link_acknowledge(struct link *link);
/* The other end's process is known to be gone (LINK_MEMORY: its socket is
 * closed; LINK_GRANT: never true here, the life byte tells). */
bool link_other_gone(struct link *link);

/* The descriptors and numbers with which another process of this domain has
 * the same end.  The link is given up here without notice to the other end. */
struct link_state;
int link_export(struct link *link, struct link_state **ret,
                struct vdc_error *err);

void link_close(struct link *link); /* NULL allowed */

#endif
