/*
 * How a guest's channeld and the host's find each other: one node of
 * xenstore, written by the guest, which nobody believes.
 */
#ifndef CHANNELD_RENDEZVOUS_H
#define CHANNELD_RENDEZVOUS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Below /local/domain/DOMID, or where the guest itself stands. */
#define RENDEZVOUS_NODE "data/vdc/channel"
#define RENDEZVOUS_RING 32768u /* bytes in each direction */
#define RENDEZVOUS_PAGES 17u   /* the rings, and a page before them */
#define RENDEZVOUS_VERSION 1

struct rendezvous {
    uint64_t id;   /* another each time, so that each is met once */
    uint32_t port; /* event channel */
    uint32_t refs[RENDEZVOUS_PAGES];
};

/* "1 ID PORT REF REF...": version, id in hex, the others decimal. */
const char *rendezvous_format(const struct rendezvous *rendezvous,
                              struct arena *arena);
/* Errors: VDC_E_PROTOCOL. */
int rendezvous_parse(const char *text, struct rendezvous *ret,
                     struct vdc_error *err);

#endif
