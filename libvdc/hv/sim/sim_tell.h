/*
 * What a simulated host tells its owner from the event loop: events of
 * domains, changes of the store, that it lost power.
 */
#ifndef VDC_HV_SIM_SIM_TELL_H
#define VDC_HV_SIM_SIM_TELL_H

#include <event2/util.h>

#include "hv/sim/sim_host.h"

/* From here on changes are told. */
void sim_tell_start(struct sim *sim);
/* Handlers of libevent; arg is the struct sim. */
void sim_tell_on_pump(evutil_socket_t fd, short what, void *arg);
void sim_tell_on_notice(evutil_socket_t fd, short what, void *arg);
/* If the host lost power since the last time: ends all work, reports the
 * death of each watched domain.  False when sim is gone. */
bool sim_tell_boot(struct sim *sim);
/* The domain is watched from now on; what happened before is told soon. */
void sim_tell_watch(struct sim *sim, uint32_t domid);

#endif
