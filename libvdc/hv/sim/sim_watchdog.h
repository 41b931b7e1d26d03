/* The watchdog of a simulated host; see hv/watchdog.h. */
#ifndef VDC_HV_SIM_SIM_WATCHDOG_H
#define VDC_HV_SIM_SIM_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct event_base;
struct hv_watchdog;
struct sim;
struct sim_state;

/* Opens the host besides whoever has it: nothing that is reserved is given
 * back.  Errors: those of hv_sim_open. */
int sim_watchdog_open(const char *options, struct event_base *base,
                      struct hv_watchdog **ret, struct vdc_error *err);

/* When the next slot runs out, by the host's clock; SIM_NEVER: none runs. */
uint64_t sim_watchdog_due_ms(const struct sim_state *state);
/* The host has stopped by its watchdog since this process looked last: a
 * daemon of that host does not outlive that, and is killed here.  The state
 * may be locked: the kernel unlocks it. */
void sim_watchdog_die_if_stopped(const struct sim *sim);

#endif
