/*
 * The way from a guest's channeld to the host's: its control channel, made
 * anew whenever it ends.
 */
#ifndef CHANNELD_UPLINK_H
#define CHANNELD_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "chan/link.h"

struct event_base;
struct uplink;

struct uplink_ops {
    /* It is there; what was said before is lost. */
    void (*on_up)(void *arg);
    /* As packet_ops.on_packet. */
    void (*on_message)(void *arg, const uint8_t *data, size_t size, int *fds,
                       unsigned n_fds);
    /* It has ended; it is tried again by itself. */
    void (*on_down)(void *arg, const struct vdc_error *err);
};

/*
 * where: "xen", pages granted to dom0; "sim:DOMID:SOCKET", a connection to
 * the channeld of a simulated host.  Callbacks come from the loop.
 * Errors: VDC_E_BAD_CONFIG, VDC_E_UNSUPPORTED.
 */
int uplink_new(struct event_base *base, const char *where,
               const struct uplink_ops *ops, void *arg, struct uplink **ret,
               struct vdc_error *err);
void uplink_free(struct uplink *uplink); /* NULL allowed */

bool uplink_is_up(const struct uplink *uplink);
/* How memory goes to other domains. */
enum link_kind uplink_kind(const struct uplink *uplink);
/* The first message: who we are, in the way of this control channel. */
const char *uplink_program(const struct uplink *uplink);
/* Takes over the descriptors.  VDC_E_CLOSED when it is not up. */
int uplink_send(struct uplink *uplink, const void *data, size_t size,
                const int *fds, unsigned n_fds);

/* ---- the two kinds ---- */

struct uplink_kind_ops {
    int (*connect)(struct uplink *uplink, void **ret, struct vdc_error *err);
    void (*close)(void *state);
    int (*send)(void *state, const void *data, size_t size, const int *fds,
                unsigned n_fds);
};

struct uplink {
    struct event_base *base;
    const struct uplink_ops *ops;
    void *arg;
    const struct uplink_kind_ops *kind_ops;
    enum link_kind kind;
    char *socket;     /* sim */
    char program[32]; /* "domain 7", or "channeld" */
    void *state;      /* NULL: it is down */
    bool is_up;
    unsigned tries;
    struct event *again;
};

extern const struct uplink_kind_ops uplink_sim_ops;
extern const struct uplink_kind_ops uplink_grant_ops;

/* For the kinds: it works now; it has ended (closes the state). */
void uplink_up(struct uplink *uplink);
void uplink_down(struct uplink *uplink, const struct vdc_error *err);

#endif
