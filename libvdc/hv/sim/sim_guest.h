/*
 * What the guests of a simulated host do: by themselves, and when asked.
 *
 * A guest behaves as its kernel command line says:
 *   vdc.crash=S vdc.poweroff=S vdc.reboot=S   S seconds (may have decimals)
 *                          after its first start
 *   sim.ignore_shutdown    does not do what it is asked
 *   sim.shutdown_ms=N      takes so long to do it
 *   sim.balloon=none|partly|slow   never follows its memory target; gives
 *                          half of what it is asked for; follows at 16 MiB/s
 *   sim.vcpus=ignore       does not use or give back vCPUs when told to
 *   sim.detach=ignore      does not let devices go
 *   sim.suspend=ignore     does not suspend
 * A balloon that gets nothing because the host has nothing to give gives up
 * after some tries, as Linux's does: it wants another target then.
 * A word may take such a word back: sim.balloon=willing, sim.vcpus=follow,
 * sim.detach=willing, sim.suspend=willing, sim.heed_shutdown.
 * All functions need the state locked. Times are the host's.
 */
#ifndef VDC_HV_SIM_SIM_GUEST_H
#define VDC_HV_SIM_SIM_GUEST_H

#include "hv/sim/sim_state.h"

void sim_guest_read_cmdline(struct sim_slot *slot, const char *cmdline);
/* Changes what it does from now on; vdc.crash and the like count from now. */
void sim_guest_new_words(struct sim_state *state, struct sim_slot *slot,
                         const char *words, uint64_t now_ms);

void sim_guest_unpause(struct sim_state *state, struct sim_slot *slot,
                       uint64_t now_ms);
void sim_guest_pause(struct sim_state *state, struct sim_slot *slot,
                     uint64_t now_ms);
/* It has been asked through the store. */
void sim_guest_asked(struct sim_state *state, struct sim_slot *slot,
                     enum hv_shutdown_reason reason, uint64_t now_ms);
/* slot->target_kib was set. */
void sim_guest_new_target(struct sim_state *state, struct sim_slot *slot,
                          uint64_t now_ms);
/* slot->asked_vcpus was set. */
void sim_guest_new_vcpus(struct sim_state *state, struct sim_slot *slot,
                         uint64_t now_ms);
/* Whether it does now what it is asked through the store. */
bool sim_guest_listens(const struct sim_slot *slot);
/* It runs on after a suspend. */
void sim_guest_resume(struct sim_state *state, struct sim_slot *slot,
                      uint64_t now_ms);
/* It shuts down, now. */
void sim_guest_stop(struct sim_state *state, struct sim_slot *slot,
                    enum hv_shutdown_reason reason, uint64_t now_ms);
uint64_t sim_guest_cpu_ns(const struct sim_slot *slot, uint64_t now_ms);

/* Everything that was due until now, in the order of time. */
void sim_guest_run_due(struct sim_state *state, uint64_t now_ms);

#endif
