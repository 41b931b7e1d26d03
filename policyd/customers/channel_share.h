/*
 * How many channels a customer may have on one host, of its quota on all.
 * Pure.
 *
 * Each host's channeld holds a share by itself, without asking; so that all
 * together never have more than the quota, no share is given out that another
 * host has still.
 */
#ifndef POLICYD_CUSTOMERS_CHANNEL_SHARE_H
#define POLICYD_CUSTOMERS_CHANNEL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct channel_share {
    uint64_t used; /* channels there are */
    uint64_t held; /* share, or what is used if that is more */
    unsigned n_needing; /* hosts with guests or channels of the customer */
    unsigned n_wanting; /* that refused some since their share was told */
};

/*
 * The share of a host that has `own` (of one host), when the other hosts
 * together have `others`.  What nobody uses goes to the hosts that need some,
 * in equal parts; what cannot be divided, to one that wants it.
 */
uint64_t channel_share(uint64_t quota, const struct channel_share *others,
                       const struct channel_share *own);

#endif
