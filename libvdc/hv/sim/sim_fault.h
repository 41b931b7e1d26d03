/*
 * Faults on demand: the k-th call of an operation fails or never answers, or
 * the process dies before or after the k-th change that it makes.
 *
 * A list of faults is "KIND:CALL:K", several separated by ';'.
 *   KIND  fail          the call answers VDC_E_HYPERVISOR (through `done`
 *                       where there is one); a create has got half-way then,
 *                       and leaves nothing
 *         refuse        the call itself returns VDC_E_HYPERVISOR
 *         hang          `done` never comes, nothing is changed
 *         hang-after    everything is changed, but `done` never comes
 *         crash-before  SIGKILL to this process before the k-th effect
 *         crash-after   and after it
 *   CALL  a name of sim_calls.def; "*" for any
 *   K     from 1; for the crashes it counts effects (changes of the host's
 *         state), for the others calls
 * The counters are in the host's state: they go on after a restart, so that
 * one fault happens once.
 */
#ifndef VDC_HV_SIM_SIM_FAULT_H
#define VDC_HV_SIM_SIM_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "hv/sim/sim_state.h"

enum sim_fault_kind {
    SIM_FAULT_NONE,
    SIM_FAULT_FAIL,
    SIM_FAULT_REFUSE,
    SIM_FAULT_HANG,
    SIM_FAULT_HANG_AFTER,
    SIM_FAULT_CRASH_BEFORE,
    SIM_FAULT_CRASH_AFTER
};

#define SIM_FAULTS_MAX 32u

struct sim_fault {
    enum sim_fault_kind kind;
    int call; /* enum sim_call, or -1 for any */
    uint64_t k;
};

struct sim_faults {
    size_t n;
    struct sim_fault list[SIM_FAULTS_MAX];
};

/* NULL or "" gives none.  Errors: VDC_E_BAD_VALUE; *ret is untouched. */
int sim_fault_parse(const char *spec, struct sim_faults *ret,
                    struct vdc_error *err);
const char *sim_fault_call_name(enum sim_call call);

/* Counts a call, and says what is to become of it: never a crash. The state
 * is locked. */
enum sim_fault_kind sim_fault_count_call(const struct sim_faults *faults,
                                         struct sim_state *state,
                                         enum sim_call call);
/* Counts an effect that is about to happen, and says whether to die. */
enum sim_fault_kind sim_fault_count_effect(const struct sim_faults *faults,
                                           struct sim_state *state,
                                           enum sim_call call);
/* Ends this process as kill -9 does. */
void sim_fault_die(void) __attribute__((noreturn));

#endif
