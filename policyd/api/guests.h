/*
 * The service "policy": guests that ask for themselves over a channel.
 */
#ifndef POLICYD_API_GUESTS_H
#define POLICYD_API_GUESTS_H

#include "policyd/api/operations.h"

struct guests;

/* Offers it at this host's channeld, whenever that is there; NULL when the
 * settings say that no guest is served. */
struct guests *guests_new(struct event_base *base, const struct setup *setup,
                          struct operations *ops);
/* Ends all channels.  NULL allowed. */
void guests_free(struct guests *guests);

#endif
