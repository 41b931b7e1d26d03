/*
 * What the ends tell of their channels: those that they have from before, and
 * how much went through them.
 */
#ifndef CHANNELD_HELLO_H
#define CHANNELD_HELLO_H

#include "channeld/peer.h"

/*
 * A channel that both ends tell of is in the registry; one that a single end
 * tells of is half there, and counts for that end alone.  What cannot be is
 * answered by channel_close.
 */
void hello_take(struct peer *peer, const struct wire_channel_hello *hello);

#endif
