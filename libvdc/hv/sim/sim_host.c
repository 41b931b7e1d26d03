/*
 * An open simulated host: boot, lock, effects, the queue of work.  What is
 * told to the owner is in sim_tell.c.
 */
#include "hv/sim/sim_host.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hv/sim/sim_console.h"
#include "hv/sim/sim_grant.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_store.h"
#include "hv/sim/sim_tell.h"
#include "hv/sim/sim_tree.h"
#include "hv/sim/sim_watchdog.h"

/* A change that another process could not tell (it was killed) is seen after
 * this time. */
#define POLL_MS 1000

static uint64_t machine_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t sim_host_now_ms(const struct sim *sim)
{
    const struct sim_state *state = sim->state;

    return state->clock_ms +
           (state->machine.clock == SIM_CLOCK_REAL ? machine_now_ms() : 0);
}

int sim_host_no_domain(uint32_t domid, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND, "there is no domain %u", domid);
}

/* ---- boot ---- */

static void boot(struct sim *sim)
{
    const struct sim_machine *machine = &sim->options.machine;
    struct sim_state *state = sim->state;

    sim_state_reset(state, machine);
    sim_tree_init(state);
    struct sim_slot *dom0 = sim_state_slot_new(state);
    dom0->life = SIM_LIFE_ALIVE;
    dom0->paused = 0;
    dom0->booted = 1;
    dom0->run_since_ms = sim_host_now_ms(sim);
    dom0->memory_kib = dom0->max_kib = dom0->target_kib = machine->dom0_kib;
    dom0->max_vcpus = machine->cpus < SIM_VCPUS ? machine->cpus : SIM_VCPUS;
    dom0->vcpus = dom0->asked_vcpus = dom0->max_vcpus;
    dom0->weight = 256;
    dom0->max_grant_frames = 64;
    dom0->ignores_shutdown = 1;
    state->free_kib -= machine->dom0_kib;
    sim_nodes_boot(state);
    sim_state_commit(state);
    atomic_store(&state->ready, 1);
}

/* As of a server of some years ago. */
static struct cpu_set usual_cpu(void)
{
    static const char *const names[] = {
        "intel",  "tsc",    "cx8",    "cmov",    "clflush",   "mmx",
        "fxsr",   "sse",    "sse2",   "sse3",    "pclmulqdq", "ssse3",
        "fma",    "cx16",   "pcid",   "sse4_1",  "sse4_2",    "movbe",
        "popcnt", "aes",    "xsave",  "avx",     "f16c",      "rdrand",
        "nx",     "rdtscp", "lm",     "lahf_lm", "syscall",   "abm",
        "bmi1",   "bmi2",   "avx2",   "erms",    "fsgsbase",  "invpcid",
        "rdseed", "adx",
    };
    struct cpu_set cpu = { { 0 } };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cpu_set_add_name(&cpu, names[i], NULL);
    return cpu;
}

static int check_machine(struct sim *sim, struct vdc_error *err)
{
    static const struct sim_machine defaults = {
        .memory_kib = 8 << 20,
        .dom0_kib = 1 << 20,
        .cpus = 8,
        .balloon_mib_s = 2048,
        .clock = SIM_CLOCK_REAL,
        .n_pci = 2,
        .pci = { "0000:03:00.0", "0000:03:00.1" },
    };
    struct sim_machine *asked = &sim->options.machine;
    bool is_new = sim->state->ready == 0;
    const struct sim_machine *has = is_new ? &defaults : &sim->state->machine;

    if (asked->memory_kib == 0)
        asked->memory_kib = has->memory_kib;
    if (asked->dom0_kib == 0)
        asked->dom0_kib = has->dom0_kib;
    if (asked->cpus == 0)
        asked->cpus = has->cpus;
    if (asked->balloon_mib_s == 0)
        asked->balloon_mib_s = has->balloon_mib_s;
    if (asked->clock == SIM_CLOCK_NOT_GIVEN)
        asked->clock = has->clock;
    if (cpu_set_is_empty(&asked->cpu))
        asked->cpu = is_new ? usual_cpu() : has->cpu;
    if (asked->n_pci == SIM_PCI_NOT_GIVEN) {
        asked->n_pci = has->n_pci;
        memcpy(asked->pci, has->pci, sizeof(asked->pci));
    }
    if (asked->dom0_kib > asked->memory_kib)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "dom0_memory is more than memory");
    if (is_new || memcmp(asked, has, sizeof(*asked)) == 0)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "%s is of a simulated host with another memory, "
                  "dom0_memory, cpus, cpu, balloon, pci or clock",
                  sim->options.state_path);
    vdc_error_hint(err, "leave these options out, or delete the file");
    return VDC_E_BAD_VALUE;
}

static void watch_file(struct sim *sim)
{
    if (!sim->base || sim->map.fd < 0)
        return;
    sim->notice_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (sim->notice_fd < 0)
        return; /* the poll is left */
    inotify_add_watch(sim->notice_fd, sim->map.path,
                      IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
    sim->notice = event_new(sim->base, sim->notice_fd, EV_READ | EV_PERSIST,
                            sim_tell_on_notice, sim);
    event_add(sim->notice, NULL);
}

static void unwatch_file(struct sim *sim)
{
    if (sim->notice)
        event_free(sim->notice);
    if (sim->notice_fd >= 0)
        close(sim->notice_fd);
    sim->notice = NULL;
    sim->notice_fd = -1;
}

/* What we have claimed, or an earlier process of ours; a tool claims
 * nothing. */
static void drop_reservation(struct sim *sim)
{
    struct sim_state *state = sim->state;

    if (!sim->base || sim->options.beside || state->reserved_kib == 0)
        return;
    SIM_SET(state, state->free_kib, state->free_kib + state->reserved_kib);
    SIM_SET(state, state->reserved_kib, 0);
}

/* Maps the state and boots the host if it is off. */
static int attach(struct sim *sim, struct vdc_error *err)
{
    struct sim_map map;
    int rc = sim_state_map(&map, sim->options.state_path, err);

    if (rc)
        return rc;
    unwatch_file(sim);
    sim_state_unmap(&sim->map);
    sim->map = map;
    sim->state = map.state;
    sim_state_lock(&sim->map);
    rc = check_machine(sim, err);
    if (rc == 0 && sim->state->ready == 0) {
        if (sim->options.seed_given)
            memcpy(sim->state->random, &sim->options.seed,
                   sizeof(sim->options.seed));
        boot(sim);
    }
    if (rc == 0)
        drop_reservation(sim);
    sim_state_unlock(&sim->map);
    watch_file(sim);
    return rc;
}

void sim_host_remap_if_gone(struct sim *sim)
{
    if (sim_state_is_gone(&sim->map))
        attach(sim, NULL);
}

void sim_host_power_cut(struct sim *sim)
{
    assert(!sim->locked);
    sim_state_lock(&sim->map);
    boot(sim);
    sim_state_unlock(&sim->map);
    sim_host_wake(sim);
}

/* ---- begin and end ---- */

void sim_host_begin(struct sim *sim)
{
    assert(!sim->locked);
    sim_state_lock(&sim->map);
    sim->locked = true;
    sim->dies_after = false;
    if (sim->state->ready == 0) /* another process died in a power cut */
        boot(sim);
    uint64_t now_ms = sim_host_now_ms(sim);
    if (sim_watchdog_due_ms(sim->state) <= now_ms) {
        sim->state->stopped_boot_id = sim->state->boot_id;
        boot(sim);
    }
    sim_watchdog_die_if_stopped(sim);
    if (sim->state->next_due_ms <= now_ms)
        sim_guest_run_due(sim->state, now_ms);
}

void sim_host_end(struct sim *sim)
{
    assert(sim->locked);
    sim->locked = false;
    sim_state_unlock(&sim->map);
    sim_host_wake(sim);
}

void sim_host_abort(struct sim *sim)
{
    sim_state_roll_back(sim->state);
    sim_host_effect_end(sim);
}

/* A tool, which has no loop, must not disturb the daemons' counts. */
static enum sim_fault_kind count_call(struct sim *sim, enum sim_call call)
{
    return sim->base ? sim_fault_count_call(&sim->faults, sim->state, call)
                     : SIM_FAULT_NONE;
}

int sim_host_begin_call(struct sim *sim, enum sim_call call,
                        struct vdc_error *err)
{
    sim_host_begin(sim);
    if (count_call(sim, call) == SIM_FAULT_NONE)
        return 0;
    sim_host_end(sim);
    return vdc_error_set(err, VDC_E_HYPERVISOR, "simulated fault: %s fails",
                         sim_fault_call_name(call));
}

void sim_host_effect_locked(struct sim *sim, enum sim_call call)
{
    enum sim_fault_kind kind =
        sim->base ? sim_fault_count_effect(&sim->faults, sim->state, call)
                  : SIM_FAULT_NONE;

    if (kind == SIM_FAULT_CRASH_BEFORE)
        sim_fault_die();
    sim->dies_after = kind == SIM_FAULT_CRASH_AFTER;
}

void sim_host_effect_begin(struct sim *sim, enum sim_call call)
{
    sim_host_begin(sim);
    sim_host_effect_locked(sim, call);
}

void sim_host_effect_end(struct sim *sim)
{
    sim_host_end(sim);
    if (sim->dies_after)
        sim_fault_die();
}

/* ---- the queue ---- */

static void enqueue(struct sim *sim, struct sim_op *op)
{
    struct sim_op *after = sim->last;

    while (after && after->due_ms > op->due_ms)
        after = after->prev;
    op->prev = after;
    op->next = after ? after->next : sim->first;
    *(op->prev ? &op->prev->next : &sim->first) = op;
    *(op->next ? &op->next->prev : &sim->last) = op;
}

static void dequeue(struct sim *sim, struct sim_op *op)
{
    *(op->prev ? &op->prev->next : &sim->first) = op->next;
    *(op->next ? &op->next->prev : &sim->last) = op->prev;
    op->next = op->prev = NULL;
}

static void op_free(struct sim_op *op)
{
    if (op->ready)
        event_free(op->ready);
    arena_free(op->arena);
    free(op);
}

static uint64_t latency(struct sim *sim, uint32_t ms)
{
    uint64_t spread = (uint64_t)ms * sim->options.jitter / 100;

    if (spread == 0)
        return ms;
    return ms - spread + sim_state_random(sim->state) % (2 * spread + 1);
}

int sim_host_op_new(struct sim *sim, enum sim_call call, uint32_t domid,
                    uint32_t latency_ms, struct sim_op **ret,
                    struct vdc_error *err)
{
    sim_host_begin(sim);
    enum sim_fault_kind fault = count_call(sim, call);
    bool is_there =
        domid == HV_DOMID_NONE || sim_state_find(sim->state, domid) != NULL;
    uint64_t wait_ms = latency(sim, latency_ms);
    uint64_t now_ms = sim_host_now_ms(sim);
    sim_host_end(sim);
    if (fault == SIM_FAULT_REFUSE)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "simulated fault: %s is refused",
                             sim_fault_call_name(call));
    if (!is_there)
        return sim_host_no_domain(domid, err);
    struct sim_op *op = XNEW(struct sim_op);
    op->arena = arena_new();
    op->call = call;
    op->fault = fault;
    op->domid = domid;
    op->latency_ms = wait_ms;
    op->due_ms = now_ms + wait_ms;
    *ret = op;
    return 0;
}

void sim_host_op_start(struct sim *sim, struct sim_op *op)
{
    enqueue(sim, op);
    sim_host_wake(sim);
}

void sim_host_op_due(struct sim *sim, struct sim_op *op)
{
    dequeue(sim, op);
    op->due_ms = sim_host_now_ms(sim);
    sim_host_op_start(sim, op);
}

/* False when sim is gone. */
static bool complete(struct sim *sim, struct sim_op *op, int rc,
                     const struct vdc_error *err)
{
    hv_done_fn *done = op->done;
    hv_created_fn *created = op->created;
    void *arg = op->arg;
    uint32_t domid = rc ? HV_DOMID_NONE : op->domid;
    bool answers =
        op->fault != SIM_FAULT_HANG && op->fault != SIM_FAULT_HANG_AFTER;

    op_free(op);
    if (!answers)
        return true;
    sim_host_call_out(sim);
    if (created)
        created(arg, rc, err, domid);
    else
        done(arg, rc, err);
    return sim_host_called_out(sim);
}

static bool run_op(struct sim *sim, struct sim_op *op)
{
    struct vdc_error err = { 0 };
    int rc = 0;

    if (op->fault == SIM_FAULT_FAIL && !op->fails_halfway)
        rc = vdc_error_set(&err, VDC_E_HYPERVISOR, "simulated fault: %s fails",
                           sim_fault_call_name(op->call));
    else if (op->fault != SIM_FAULT_HANG)
        rc = op->run(sim, op, &err);
    if (rc == SIM_AGAIN) {
        enqueue(sim, op);
        return true;
    }
    return complete(sim, op, rc, &err);
}

bool sim_host_fail_all(struct sim *sim, const struct vdc_error *err)
{
    struct sim_op *op = sim->first;

    sim->first = sim->last = NULL; /* what is begun from now on is new */
    while (op) {
        struct sim_op *next = op->next;
        if (!complete(sim, op, err->code, err)) {
            for (; (op = next); op_free(op))
                next = op->next;
            return false;
        }
        op = next;
    }
    return true;
}

/* When something is due here, by the host's clock. */
static uint64_t next_due_ms(const struct sim *sim)
{
    uint64_t due_ms = sim_watchdog_due_ms(sim->state);

    if (sim->state->next_due_ms < due_ms)
        due_ms = sim->state->next_due_ms;
    if (sim->first && sim->first->due_ms < due_ms)
        due_ms = sim->first->due_ms;
    return due_ms;
}

static void jump(struct sim *sim)
{
    uint64_t due_ms = next_due_ms(sim);

    if (due_ms != SIM_NEVER && due_ms > sim->state->clock_ms)
        sim->state->clock_ms = due_ms;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct sim *sim = arg;

    sim->armed_ms = SIM_NEVER;
    sim_host_remap_if_gone(sim);
    if (!sim_tell_boot(sim))
        return;
    if (sim->state->machine.clock == SIM_CLOCK_JUMP)
        jump(sim);
    sim_host_begin(sim); /* guests */
    sim_host_end(sim);
    uint64_t now_ms = sim_host_now_ms(sim);
    while (sim->first && sim->first->due_ms <= now_ms) {
        struct sim_op *op = sim->first;
        dequeue(sim, op);
        if (!run_op(sim, op))
            return;
    }
    sim_host_wake(sim);
}

/* How long the timer may wait. */
static uint64_t wait_ms(const struct sim *sim)
{
    uint64_t due_ms = next_due_ms(sim), now_ms = sim_host_now_ms(sim);
    uint64_t ms = SIM_NEVER;

    if (due_ms <= now_ms)
        return 0;
    switch ((enum sim_clock)sim->state->machine.clock) {
    case SIM_CLOCK_NOT_GIVEN:
    case SIM_CLOCK_STOPPED:
        break;
    case SIM_CLOCK_REAL:
        ms = due_ms == SIM_NEVER ? SIM_NEVER : due_ms - now_ms;
        break;
    case SIM_CLOCK_JUMP:
        ms = due_ms == SIM_NEVER ? SIM_NEVER : 0;
        break;
    }
    return sim->map.fd >= 0 && ms > POLL_MS ? POLL_MS : ms;
}

static bool has_to_tell(const struct sim *sim)
{
    const struct sim_state *state = sim->state;

    return state->event_seq != sim->told_event_seq ||
           state->change_seq != sim->told_change_seq || sim->n_late > 0 ||
           sim->watch_is_fresh || state->boot_id != sim->boot_id;
}

void sim_host_wake(struct sim *sim)
{
    if (!sim->base) {
        sim_host_touch(sim);
        return;
    }
    if (!sim->pump_active && has_to_tell(sim)) {
        sim->pump_active = true;
        event_active(sim->pump, EV_TIMEOUT, 0);
    }
    uint64_t ms = wait_ms(sim);
    if (ms == SIM_NEVER)
        return;
    uint64_t at_ms = machine_now_ms() + ms;
    /* A poll that is put off by each use would be no poll. */
    if (at_ms >= sim->armed_ms)
        return;
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };
    sim->armed_ms = at_ms;
    event_add(sim->timer, &tv);
}

void sim_host_touch(struct sim *sim)
{
    uint64_t seq = sim->state->event_seq + sim->state->change_seq;

    if (sim->map.fd < 0 || seq == sim->touched_seq)
        return;
    sim->touched_seq = seq;
    futimens(sim->map.fd, NULL);
}

/* ---- open and close ---- */

void sim_host_call_out(struct sim *sim)
{
    assert(!sim->locked);
    sim->depth++;
}

bool sim_host_called_out(struct sim *sim)
{
    sim->depth--;
    if (!sim->closed)
        return true;
    if (sim->depth == 0)
        sim_host_free(sim);
    return false;
}

int sim_host_open(struct sim *sim, const struct sim_options *options,
                  struct event_base *base, struct vdc_error *err)
{
    sim->options = *options;
    sim->base = base;
    sim->map.fd = -1;
    sim->notice_fd = -1;
    sim->armed_ms = SIM_NEVER;
    if (base) {
        sim->timer = event_new(base, -1, 0, on_timer, sim);
        sim->pump = event_new(base, -1, 0, sim_tell_on_pump, sim);
        if (!sim->timer || !sim->pump)
            return vdc_error_set(err, VDC_E_NOMEM, "no memory for events");
    }
    int rc = attach(sim, err);
    if (rc)
        return rc;
    sim_tell_start(sim);
    sim_host_wake(sim);
    return 0;
}

void sim_host_close(struct sim *sim)
{
    if (sim->state) {
        sim_state_lock(&sim->map);
        if (sim->claim && sim->claim == sim->state->n_claims)
            drop_reservation(sim);
        sim_state_unlock(&sim->map);
        sim_host_touch(sim);
    }
    while (sim->first) {
        struct sim_op *op = sim->first;
        dequeue(sim, op);
        op_free(op);
    }
    sim_store_close(sim);
    sim_console_close_all(sim);
    sim_grant_close_all(sim);
    unwatch_file(sim);
    if (sim->timer)
        event_free(sim->timer);
    if (sim->pump)
        event_free(sim->pump);
    sim_state_unmap(&sim->map);
    free(sim->options.state_path);
    free(sim->late);
}

void sim_host_free(struct sim *sim)
{
    sim->closed = true;
    if (sim->depth > 0)
        return;
    sim_host_close(sim);
    free(sim);
}
