/*
 * vCPUs of simulated domains.  Affinities are kept as numbers of sets of CPUs
 * that all vCPUs with the same share; 0 is the set of all.
 */
#include "hv/sim/sim_cpu.h"

#include <string.h>

#include "hv/cpulist.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_op.h"

#define DEFAULT_WEIGHT 256u
#define POOL "Pool-0"

/* ---- sets of CPUs ---- */

/* One node. */
static struct cpulist_host host_of(const struct sim_state *state)
{
    static const uint32_t nodes[SIM_CPUS];

    return (struct cpulist_host){ state->machine.cpus, nodes };
}

static void set_write(struct sim_cpuset *set, const bool *cpus, uint32_t n)
{
    memset(set, 0, sizeof(*set));
    for (uint32_t i = 0; i < n; i++) {
        if (cpus[i]) {
            set->bits[i / 64] |= UINT64_C(1) << i % 64;
            set->n_cpus++;
        }
    }
}

static void set_read(const struct sim_state *state, uint16_t number,
                     bool *cpus)
{
    const struct sim_cpuset *set = &state->cpusets[number];

    for (uint32_t i = 0; i < state->machine.cpus; i++)
        cpus[i] = number == 0 || (set->bits[i / 64] >> i % 64 & 1);
}

/* The number of this set, made when there is none; it has no user yet. */
static int set_find(struct sim_state *state, const bool *cpus, uint16_t *ret,
                    struct vdc_error *err)
{
    struct sim_cpuset wanted;
    uint32_t free_set = 0;

    set_write(&wanted, cpus, state->machine.cpus);
    if (wanted.n_cpus == state->machine.cpus) {
        *ret = 0;
        return 0;
    }
    for (uint32_t i = 1; i < state->n_cpusets; i++) {
        const struct sim_cpuset *set = &state->cpusets[i];
        if (set->n_users == 0) {
            free_set = i;
        } else if (memcmp(set->bits, wanted.bits, sizeof(set->bits)) == 0) {
            *ret = (uint16_t)i;
            return 0;
        }
    }
    if (free_set == 0) {
        free_set = state->n_cpusets;
        if (free_set == SIM_CPUSETS)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "the simulated host has no more than %u "
                                 "different affinities",
                                 SIM_CPUSETS - 1);
        SIM_SET(state, state->n_cpusets, free_set + 1);
    }
    SIM_SET(state, state->cpusets[free_set], wanted);
    *ret = (uint16_t)free_set;
    return 0;
}

static void set_use(struct sim_state *state, uint16_t *entry, uint16_t number)
{
    if (*entry != 0)
        SIM_SET(state, state->cpusets[*entry].n_users,
                state->cpusets[*entry].n_users - 1);
    if (number != 0)
        SIM_SET(state, state->cpusets[number].n_users,
                state->cpusets[number].n_users + 1);
    SIM_SET(state, *entry, number);
}

/* ---- affinities of a domain ---- */

static void clear_affinity(struct sim_state *state, struct sim_slot *slot)
{
    uint32_t i = sim_state_slot_index(state, slot);
    size_t size = slot->max_vcpus * sizeof(state->hard_sets[i][0]);

    sim_state_undo(state, state->hard_sets[i], size);
    memset(state->hard_sets[i], 0, size);
    sim_state_undo(state, state->soft_sets[i], size);
    memset(state->soft_sets[i], 0, size);
}

/* entries: hard_sets or soft_sets of a domain. */
static int apply_list(struct sim_state *state, const struct sim_slot *slot,
                      uint16_t *entries, int32_t vcpu, const char *list,
                      struct vdc_error *err)
{
    struct cpulist_host host = host_of(state);
    bool cpus[SIM_CPUS];
    uint16_t set;
    int rc = cpulist_parse(list, &host, cpus, err);

    for (uint32_t i = 0; rc == 0 && i < slot->max_vcpus; i++) {
        if (vcpu >= 0 && i != (uint32_t)vcpu)
            continue;
        rc = set_find(state, cpus, &set, err);
        if (rc == 0)
            set_use(state, &entries[i], set);
    }
    return rc;
}

/* Each list may be NULL; on failure the caller takes all back. */
static int apply(struct sim_state *state, struct sim_slot *slot, int32_t vcpu,
                 const char *hard, const char *soft, struct vdc_error *err)
{
    uint32_t i = sim_state_slot_index(state, slot);
    int rc = 0;

    if (!slot->has_affinity) {
        clear_affinity(state, slot);
        SIM_SET(state, slot->has_affinity, 1);
    }
    if (hard)
        rc = apply_list(state, slot, state->hard_sets[i], vcpu, hard, err);
    if (rc == 0 && soft)
        rc = apply_list(state, slot, state->soft_sets[i], vcpu, soft, err);
    return rc;
}

void sim_cpu_release(struct sim_state *state, struct sim_slot *slot)
{
    uint32_t s = sim_state_slot_index(state, slot);

    if (!slot->has_affinity)
        return;
    for (uint32_t i = 0; i < slot->max_vcpus; i++) {
        set_use(state, &state->hard_sets[s][i], 0);
        set_use(state, &state->soft_sets[s][i], 0);
    }
    SIM_SET(state, slot->has_affinity, 0);
}

/* One list for all vCPUs, or one for each. */
static const char *list_for(const char *const *lists, size_t n, uint32_t vcpu)
{
    if (n == 0)
        return NULL;
    return n == 1 ? lists[0] : vcpu < n ? lists[vcpu] : NULL;
}

int sim_cpu_create(struct sim_state *state, struct sim_slot *slot,
                   const struct hv_domain_config *config,
                   struct vdc_error *err)
{
    int rc = 0;

    if (config->cpupool && *config->cpupool &&
        strcmp(config->cpupool, POOL) != 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: illegal pool specified: %.64s",
                             config->cpupool);
    slot->weight = config->cpu_weight ? config->cpu_weight : DEFAULT_WEIGHT;
    slot->cap = config->cpu_cap;
    if (config->n_hard_affinity == 0 && config->n_soft_affinity == 0)
        return 0;
    for (uint32_t i = 0; rc == 0 && i < slot->max_vcpus; i++)
        rc = apply(state, slot, (int32_t)i,
                   list_for(config->hard_affinity, config->n_hard_affinity, i),
                   list_for(config->soft_affinity, config->n_soft_affinity, i),
                   err);
    return rc;
}

int sim_cpu_set_affinity(struct hv *hv, uint32_t domid, int32_t vcpu,
                         const char *hard, const char *soft,
                         struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_set_affinity, domid, &slot, err);

    if (rc)
        return rc;
    if (vcpu < -1 || vcpu >= (int32_t)slot->max_vcpus) {
        sim_host_end(sim);
        return vdc_error_set(err, VDC_E_BAD_VALUE, "domain %u has no vCPU %d",
                             domid, vcpu);
    }
    sim_host_effect_locked(sim, SIM_CALL_set_affinity);
    rc = apply(sim->state, slot, vcpu, hard, soft, err);
    if (rc)
        sim_host_abort(sim);
    else
        sim_host_effect_end(sim);
    return rc;
}

/* ---- what a domain's vCPUs do ---- */

int sim_cpu_set_vcpus(struct hv *hv, uint32_t domid, uint32_t n,
                      struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_set_vcpus, domid, &slot, err);

    if (rc)
        return rc;
    if (n == 0 || n > slot->max_vcpus) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "domain %u can use 1 to %u vCPUs, not %u", domid,
                           slot->max_vcpus, n);
        sim_host_end(sim);
        return rc;
    }
    sim_host_effect_locked(sim, SIM_CALL_set_vcpus);
    SIM_SET(sim->state, slot->asked_vcpus, n);
    sim_nodes_set_vcpus(sim->state, slot);
    sim_guest_new_vcpus(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

/* Guests are idle: a vCPU stays where it is put first. */
static uint32_t runs_on(const bool *cpus, uint32_t n_cpus, uint32_t first)
{
    for (uint32_t i = 0; i < n_cpus; i++)
        if (cpus[(first + i) % n_cpus])
            return (first + i) % n_cpus;
    return 0;
}

int sim_cpu_vcpus(struct hv *hv, uint32_t domid, struct arena *arena,
                  struct hv_vcpu **ret, size_t *ret_n, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    bool cpus[SIM_CPUS];
    int rc = sim_op_begin_sync(sim, SIM_CALL_vcpus, domid, &slot, err);

    if (rc)
        return rc;
    const struct sim_state *state = sim->state;
    struct cpulist_host host = host_of(state);
    uint32_t s = sim_state_slot_index(state, slot);
    uint64_t cpu_ns = sim_guest_cpu_ns(slot, sim_host_now_ms(sim));
    struct hv_vcpu *vcpus =
        ARENA_ARRAY(arena, slot->max_vcpus, struct hv_vcpu);
    for (uint32_t i = 0; i < slot->max_vcpus; i++) {
        uint16_t hard = slot->has_affinity ? state->hard_sets[s][i] : 0;
        uint16_t soft = slot->has_affinity ? state->soft_sets[s][i] : 0;
        set_read(state, soft, cpus);
        vcpus[i].cpus_soft = cpulist_format(cpus, &host, arena);
        set_read(state, hard, cpus);
        vcpus[i].cpus = cpulist_format(cpus, &host, arena);
        vcpus[i].number = i;
        vcpus[i].online = i < slot->vcpus;
        vcpus[i].cpu = runs_on(cpus, state->machine.cpus, domid + i);
        vcpus[i].time_ns = i == 0 ? cpu_ns : 0; /* one vCPU does the little
                                                   that there is to do */
    }
    sim_host_end(sim);
    *ret = vcpus;
    *ret_n = slot->max_vcpus;
    return 0;
}

/* ---- scheduler ---- */

int sim_cpu_set_sched(struct hv *hv, uint32_t domid,
                      const struct hv_sched *sched, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_set_sched, domid, &slot, err);

    if (rc)
        return rc;
    if (sched->weight < 1 || sched->weight > 65535)
        rc =
            vdc_error_set(err, VDC_E_BAD_VALUE,
                          "a CPU weight is 1 to 65535, not %u", sched->weight);
    else if (sched->cap > slot->max_vcpus * 100)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "a cap of %u per cent is more than the %u vCPUs of "
                           "domain %u can use",
                           sched->cap, slot->max_vcpus, domid);
    if (rc) {
        sim_host_end(sim);
        return rc;
    }
    sim_host_effect_locked(sim, SIM_CALL_set_sched);
    SIM_SET(sim->state, slot->weight, sched->weight);
    SIM_SET(sim->state, slot->cap, sched->cap);
    sim_host_effect_end(sim);
    return 0;
}

int sim_cpu_sched(struct hv *hv, uint32_t domid, struct hv_sched *ret,
                  struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_sched, domid, &slot, err);

    if (rc)
        return rc;
    *ret = (struct hv_sched){ slot->weight, slot->cap };
    sim_host_end(sim);
    return 0;
}

int sim_cpu_cpupools(struct hv *hv, struct arena *arena,
                     struct hv_cpupool **ret, size_t *ret_n,
                     struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_cpupools, err);

    if (rc)
        return rc;
    struct hv_cpupool *pool = ARENA_NEW(arena, struct hv_cpupool);
    *pool = (struct hv_cpupool){ .name = POOL,
                                 .scheduler = "credit2",
                                 .n_cpus = sim->state->machine.cpus };
    for (uint32_t i = 0; i < sim->state->n_slots; i++)
        pool->n_domains += sim->state->slots[i].life != SIM_LIFE_NONE;
    sim_host_end(sim);
    *ret = pool;
    *ret_n = 1;
    return 0;
}
