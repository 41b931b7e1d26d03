/*
 * Channels that a channeld makes, for chan.c: asking for one, offering a
 * service, and what a channeld says of those there are.
 */
#ifndef VDC_CHAN_CHAN_ROUTE_H
#define VDC_CHAN_CHAN_ROUTE_H

#include "chan/chan.h"

/* How a channel came about, and its place at channeld. */
struct chan_route;
struct chan_offer;
struct port_counts;

struct chan_route_ops {
    /* It is there; once. The port is the callee's. */
    void (*on_port)(void *arg, struct port *port,
                    const struct chan_peer *peer);
    /* What has gone through it; after on_port. */
    void (*on_count)(void *arg, struct port_counts *ret);
    /* There is none, or channeld says that it is over. */
    void (*on_over)(void *arg, const struct vdc_error *err);
};

/* Asks for one: "SERVICE@PARTITION".  Errors: VDC_E_BAD_VALUE. */
int chan_route_connect(struct event_base *base, const char *where,
                       const char *broker, const struct chan_route_ops *ops,
                       void *arg, struct chan_route **ret,
                       struct vdc_error *err);
/* channeld is told that the channel is over; NULL allowed. */
void chan_route_free(struct chan_route *route);

/* Somebody has come.  The callee answers with chan_route_ops and arg, for
 * on_over, or with an error. */
struct chan_offer_ops {
    int (*on_check)(void *arg, const struct chan_peer *peer,
                    struct vdc_error *err);
    void (*on_port)(void *arg, struct port *port, const struct chan_peer *peer,
                    struct chan_route *route);
};

/* Errors: VDC_E_BAD_VALUE. */
int chan_offer_new(struct event_base *base, const char *service,
                   const char *broker, const struct chan_offer_ops *ops,
                   void *arg, struct chan_offer **ret, struct vdc_error *err);
/* Who a route that came by an offer speaks to. */
void chan_route_set(struct chan_route *route, const struct chan_route_ops *ops,
                    void *arg);
/* Its routes stay with whoever has them, and go on.  NULL allowed. */
void chan_offer_free(struct chan_offer *offer);

#endif
