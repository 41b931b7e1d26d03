/*
 * What carries a channel: memory that two ends share, and a way to wake the
 * other.  Two kinds: a sealed memfd with a pair of sockets, for two processes
 * of one domain; granted pages with an event channel, for two domains (by the
 * kernel's /dev/xen/gntalloc, gntdev and evtchn, no library of Xen is needed).
 *
 * A link is made by one end (the giver), described to the other by a
 * link_offer that travels outside of it, and joined there.  Neither call
 * waits for the other end.
 *
 * Pages of a memfd are taken as they are touched first, and count as memory
 * of the process (its control group) that does.  When there is none to be had
 * the kernel does what it does for any memory: its OOM killer ends a process
 * of the group, or of the machine; under strict accounting
 * (vm.overcommit_memory=2) who touches the page gets SIGBUS.  Whoever must go
 * on then touches all pages at the start, before anything depends on it.
 * Granted pages are taken when they are granted.
 *
 * An end that no process has mapped is a link_end: two descriptors and two
 * numbers.  One process can make it and another map it; the first closes its
 * copies and the other end notices nothing.
 */
#ifndef VDC_CHAN_LINK_H
#define VDC_CHAN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum link_kind {
    LINK_MEMORY, /* memfd, socket pair */
    LINK_GRANT   /* grant references, event channel */
};

#define LINK_PAGE 4096u
#define LINK_PAGES_MAX 2049
#define LINK_FDS_MAX 4
#define LINK_FDS 2 /* of a link_end; of an offer of LINK_MEMORY */

/* What the other end needs to join.  For LINK_MEMORY the descriptors, for
 * LINK_GRANT domid, port and references. */
struct link_offer {
    enum link_kind kind;
    uint32_t n_pages;
    uint32_t domid;        /* of the giver; link_give leaves it to the caller,
                            * as no domain need know its own number */
    uint32_t port;         /* the giver's */
    uint32_t *refs;        /* n_pages; malloc'd */
    int fds[LINK_FDS_MAX]; /* memfd, socket; -1: none */
    unsigned n_fds;
};
void link_offer_clear(struct link_offer *offer); /* closes, frees */

/* One end, not mapped.  Also the form in which it goes from process to
 * process (of one domain), the descriptors beside. */
struct link_end {
    enum link_kind kind;
    uint32_t n_pages;
    uint32_t port;     /* LINK_GRANT: this domain's own port */
    int fds[LINK_FDS]; /* memory and wake: memfd, gntalloc or gntdev; socket
                        * or evtchn */
};
void link_end_clear(struct link_end *end); /* closes */

/*
 * Makes memory of n_pages (1 to LINK_PAGES_MAX) zeroed pages for the domain
 * `domid` (LINK_GRANT) or for whoever gets the offer (LINK_MEMORY).
 * life_offset: of the byte that the kernel is to clear when this end's mapping
 * goes (LINK_GRANT).  Both results are the caller's to clear.
 * Errors: VDC_E_BAD_VALUE (n_pages, life_offset), VDC_E_UNSUPPORTED (no such
 * devices here: not a Xen domain, or the modules xen-gntalloc, xen-gntdev,
 * xen-evtchn are not loaded), VDC_E_DENIED, VDC_E_QUOTA (the kernel's limit of
 * grants or of event channels; the text names it and its value),
 * VDC_E_NOMEM, VDC_E_IO.
 */
int link_give_end(enum link_kind kind, uint32_t domid, uint32_t n_pages,
                  size_t life_offset, struct link_end *ret,
                  struct link_offer *offer, struct vdc_error *err);
/* The other end of it.  Clears the offer, also on failure.
 * VDC_E_PROTOCOL: the offer is not what it says (size, seals, references);
 * VDC_E_CLOSED: the giver is gone; and those of link_give_end. */
int link_join_end(struct link_offer *offer, size_t life_offset,
                  struct link_end *ret, struct vdc_error *err);

/*
 * A copy of the LINK_PAGE bytes that the domain grants by `ref`, for layouts
 * whose first page says which the others are (vchan.h).  Errors are those of
 * link_join_end.
 */
int link_look(uint32_t domid, uint32_t ref, void *ret, struct vdc_error *err);

struct link {
    enum link_kind kind;
    void *memory;
    size_t size; /* bytes of it */
    int wake_fd; /* readable: the other end has notified, or died.  To be
                  * polled only; link_acknowledge reads it */
    int memory_fd;
    uint32_t port;
    bool other_gone;
};

/*
 * Maps an end.  Takes over its descriptors, also on failure.  An end of
 * granted memory is mapped once.  Checks again what came from another
 * process: VDC_E_PROTOCOL when the descriptors are not such memory (size,
 * seals), or the grants cannot be mapped.
 */
int link_import(struct link_end *end, struct link **ret,
                struct vdc_error *err);

/* link_give_end, link_join_end, and link_import in one. */
int link_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
              size_t life_offset, struct link **ret, struct link_offer *offer,
              struct vdc_error *err);
int link_join(struct link_offer *offer, size_t life_offset, struct link **ret,
              struct vdc_error *err);

/* Wakes the other end; whether it is awake already is for the caller to know
 * (ring.h).  Never blocks.  A notification to an end that died is lost. */
void link_notify(struct link *link);
/* Takes what made wake_fd readable, so that it is not any more.  After the
 * death of the other end (LINK_MEMORY) it stays readable. */
void link_acknowledge(struct link *link);
/* The other end's process is known to be gone, as of the last
 * link_acknowledge (LINK_MEMORY: its socket is closed; LINK_GRANT: never true
 * here, the life byte tells). */
bool link_other_gone(const struct link *link);

/* Unmaps and closes; the other end notices.  NULL allowed. */
void link_close(struct link *link);

#ifdef __cplusplus
}
#endif

#endif
