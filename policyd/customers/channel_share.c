/*
 * Divides a quota of channels among hosts; see channel_share.h.
 */
#include "policyd/customers/channel_share.h"

uint64_t channel_share(uint64_t quota, const struct channel_share *others,
                       const struct channel_share *own)
{
    uint64_t used = others->used + own->used;
    uint64_t rest = quota > used ? quota - used : 0;
    uint64_t most = quota > others->held ? quota - others->held : 0;
    unsigned n = others->n_needing + own->n_needing;
    uint64_t share = own->used;

    if (n == 0)
        share += rest;
    else if (own->n_needing)
        share += rest / n;
    if (own->n_needing && (own->n_wanting || !others->n_wanting))
        share += rest % n;
    return share < most ? share : most;
}
