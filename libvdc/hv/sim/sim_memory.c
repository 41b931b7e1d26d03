/*
 * Memory of a simulated host and its domains, and what else Xen counts.
 */
#include "hv/sim/sim_memory.h"

#include "hv/sim/sim_devnodes.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_op.h"

/* libxl's LIBXL_MIN_DOM0_MEM. */
#define DOM0_MIN_KIB (128u * 1024)

/* What Linux has before it has booted (the store's and the console's event
 * channels), and then for each vCPU (timer, IPIs). */
#define PORTS_AT_FIRST 2u
#define PORTS_PER_VCPU 5u
/* Frames of its grant table likewise. */
#define FRAMES_AT_FIRST 1u
#define FRAMES_BOOTED 4u

int sim_memory_set_target(struct hv *hv, uint32_t domid, struct mem target,
                          struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc =
        sim_op_begin_sync(sim, SIM_CALL_set_memory_target, domid, &slot, err);

    if (rc)
        return rc;
    if (target.kib > slot->max_kib) {
        rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                           "libxl: memory_dynamic_max must be less than or "
                           "equal to memory_static_max");
    } else if (target.kib == 0 || (domid == 0 && target.kib < DOM0_MIN_KIB)) {
        rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                           "libxl: new target for domain %u is below the "
                           "minimum threshold",
                           domid);
    }
    if (rc) {
        sim_host_end(sim);
        return rc;
    }
    sim_host_effect_locked(sim, SIM_CALL_set_memory_target);
    SIM_SET(sim->state, slot->target_kib, target.kib);
    sim_nodes_set_target(sim->state, slot);
    sim_guest_new_target(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

int sim_memory_target(struct hv *hv, uint32_t domid, struct mem *ret,
                      struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_memory_target, domid, &slot, err);

    if (rc)
        return rc;
    *ret = MEM_KIB(slot->target_kib);
    sim_host_end(sim);
    return 0;
}

static int bad_max(uint32_t domid, struct mem max, const char *what,
                   uint64_t kib, struct vdc_error *err)
{
    char wanted[32], least[32];

    return vdc_error_set(
        err, VDC_E_BAD_VALUE,
        "domain %u cannot have %s as its most memory: %s is %s", domid,
        units_mem_format(max, wanted, sizeof(wanted)), what,
        units_mem_format(MEM_KIB(kib), least, sizeof(least)));
}

int sim_memory_set_max(struct hv *hv, uint32_t domid, struct mem max,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc =
        sim_op_begin_sync(sim, SIM_CALL_set_max_memory, domid, &slot, err);

    if (rc)
        return rc;
    if (max.kib < slot->memory_kib)
        rc = bad_max(domid, max, "what it has", slot->memory_kib, err);
    else if (max.kib < slot->target_kib)
        rc = bad_max(domid, max, "its target", slot->target_kib, err);
    else if (max.kib > MEM_MAX_KIB)
        rc = bad_max(domid, max, "the limit", MEM_MAX_KIB, err);
    if (rc) {
        sim_host_end(sim);
        return rc;
    }
    sim_host_effect_locked(sim, SIM_CALL_set_max_memory);
    SIM_SET(sim->state, slot->max_kib, max.kib);
    sim_nodes_set_max(sim->state, slot);
    sim_host_effect_end(sim);
    return 0;
}

int sim_memory_reserve(struct hv *hv, struct mem amount, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_reserve, err);

    if (rc)
        return rc;
    struct sim_state *state = sim->state;
    uint64_t all = state->free_kib + state->reserved_kib;
    if (amount.kib > all) {
        char wants[32], has[32];
        sim_host_end(sim);
        return vdc_error_set(err, VDC_E_NO_MEMORY,
                             "the host has %s free, and not %s to claim",
                             units_mem_format(MEM_KIB(all), has, sizeof(has)),
                             units_mem_format(amount, wants, sizeof(wants)));
    }
    sim_host_effect_locked(sim, SIM_CALL_reserve);
    SIM_SET(state, state->free_kib, all - amount.kib);
    SIM_SET(state, state->reserved_kib, amount.kib);
    SIM_SET(state, state->n_claims, state->n_claims + 1);
    sim->claim = state->n_claims;
    sim_host_effect_end(sim);
    return 0;
}

int sim_memory_usage(struct hv *hv, uint32_t domid, struct hv_usage *ret,
                     struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_usage, domid, &slot, err);

    if (rc)
        return rc;
    uint32_t n_devices = sim_devnodes_count_connected(sim->state, domid);
    *ret = (struct hv_usage){
        .event_channels = PORTS_AT_FIRST + n_devices +
                          (slot->booted ? PORTS_PER_VCPU * slot->vcpus : 0),
        .grant_frames = slot->booted ? FRAMES_BOOTED : FRAMES_AT_FIRST,
        .max_grant_frames = slot->max_grant_frames,
    };
    sim_host_end(sim);
    return 0;
}
