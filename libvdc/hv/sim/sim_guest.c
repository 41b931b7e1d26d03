/*
 * What the guests of a simulated host do.
 */
#include "hv/sim/sim_guest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "hv/sim/sim_devnodes.h"

#define STEP_MS 50 /* between two steps of a balloon */
/* Linux's balloon, when the host has nothing to give: it tries again after 2,
 * 4 and 8 seconds, and then once an hour, or for another target. */
#define STUCK_MS 1000
#define STUCK_TRIES 4u
#define STUCK_LONG_MS 3600000
#define SLOW_MIB_S 16
#define VCPUS_MS 20         /* from being told of vCPUs to having followed */
#define CPU_NS_PER_MS 10000 /* a simulated guest uses 1 % of a CPU */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool read_seconds(const char *value, uint64_t *ret_ms)
{
    char *end;
    double seconds = strtod(value, &end);

    if (end == value || *end || !(seconds >= 0 && seconds < 1e9))
        return false;
    *ret_ms = (uint64_t)(seconds * 1000);
    return true;
}

static void read_balloon(struct sim_slot *slot, const char *value)
{
    static const char *const names[] = {
        [SIM_BALLOON_WILLING] = "willing",
        [SIM_BALLOON_SLOW] = "slow",
        [SIM_BALLOON_PARTLY] = "partly",
        [SIM_BALLOON_NONE] = "none",
    };

    for (int i = SIM_BALLOON_WILLING; i <= SIM_BALLOON_NONE; i++)
        if (strcmp(names[i], value) == 0)
            slot->balloon = i;
}

/* The guest's own text: what makes no sense is ignored, as a guest would. */
static void read_word(struct sim_slot *slot, const char *name,
                      const char *value)
{
    static const struct {
        const char *name;
        enum hv_shutdown_reason reason;
    } own[] = { { "vdc.crash", HV_SHUTDOWN_CRASH },
                { "vdc.poweroff", HV_SHUTDOWN_POWEROFF },
                { "vdc.reboot", HV_SHUTDOWN_REBOOT } };
    struct {
        const char *name;
        uint32_t *flag;
    } ignores[] = { { "sim.vcpus", &slot->ignores_vcpus },
                    { "sim.detach", &slot->ignores_detach },
                    { "sim.suspend", &slot->ignores_suspend } };
    char *end;

    for (size_t i = 0; i < sizeof(ignores) / sizeof(ignores[0]); i++)
        if (strcmp(ignores[i].name, name) == 0)
            *ignores[i].flag = strcmp(value, "ignore") == 0;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(own[i].name, name) == 0 &&
            read_seconds(value, &slot->own_after_ms))
            slot->own_reason = own[i].reason;
    if (strcmp(name, "sim.ignore_shutdown") == 0) {
        slot->ignores_shutdown = 1;
    } else if (strcmp(name, "sim.heed_shutdown") == 0) {
        slot->ignores_shutdown = 0;
    } else if (strcmp(name, "sim.shutdown_ms") == 0) {
        unsigned long ms = strtoul(value, &end, 10);
        if (end != value && !*end && ms <= UINT32_MAX)
            slot->shutdown_ms = (uint32_t)ms;
    } else if (strcmp(name, "sim.balloon") == 0) {
        read_balloon(slot, value);
    }
}

void sim_guest_read_cmdline(struct sim_slot *slot, const char *cmdline)
{
    char *copy = xstrdup(cmdline), *rest = copy, *word;

    while ((word = strsep(&rest, " \t\n"))) {
        char *equals = strchr(word, '=');
        if (equals)
            *equals = '\0';
        read_word(slot, word, equals ? equals + 1 : "");
    }
    free(copy);
}

static void set_due(struct sim_state *state, struct sim_slot *slot)
{
    uint64_t due_ms = SIM_NEVER;

    if (slot->life == SIM_LIFE_ALIVE && !slot->paused)
        due_ms = min_u64(min_u64(slot->own_due_ms, slot->asked_due_ms),
                         min_u64(slot->balloon_due_ms, slot->vcpus_due_ms));
    SIM_SET(state, state->due_ms[sim_state_slot_index(state, slot)], due_ms);
    if (due_ms < state->next_due_ms)
        SIM_SET(state, state->next_due_ms, due_ms);
}

uint64_t sim_guest_cpu_ns(const struct sim_slot *slot, uint64_t now_ms)
{
    bool runs = slot->life == SIM_LIFE_ALIVE && !slot->paused;

    return slot->cpu_ns +
           (runs ? (now_ms - slot->run_since_ms) * CPU_NS_PER_MS : 0);
}

void sim_guest_unpause(struct sim_state *state, struct sim_slot *slot,
                       uint64_t now_ms)
{
    if (!slot->paused)
        return;
    sim_state_undo(state, slot, sizeof(*slot));
    slot->paused = 0;
    slot->run_since_ms = now_ms;
    if (!slot->booted) {
        slot->booted = 1;
        slot->vcpus = slot->asked_vcpus;
        if (slot->own_after_ms != SIM_NEVER)
            slot->own_due_ms = now_ms + slot->own_after_ms;
    }
    slot->balloon_last_ms = now_ms;
    set_due(state, slot);
    sim_devnodes_connect(state, slot);
}

void sim_guest_pause(struct sim_state *state, struct sim_slot *slot,
                     uint64_t now_ms)
{
    if (slot->paused)
        return;
    sim_state_undo(state, slot, sizeof(*slot));
    slot->cpu_ns = sim_guest_cpu_ns(slot, now_ms);
    slot->paused = 1;
    set_due(state, slot);
}

void sim_guest_asked(struct sim_state *state, struct sim_slot *slot,
                     enum hv_shutdown_reason reason, uint64_t now_ms)
{
    if (slot->ignores_shutdown || slot->domid == 0 ||
        slot->asked_due_ms != SIM_NEVER)
        return;
    SIM_SET(state, slot->asked_reason, reason);
    SIM_SET(state, slot->asked_due_ms, now_ms + slot->shutdown_ms);
    set_due(state, slot);
}

void sim_guest_new_target(struct sim_state *state, struct sim_slot *slot,
                          uint64_t now_ms)
{
    uint64_t goal = slot->target_kib;

    if (slot->balloon == SIM_BALLOON_NONE)
        return;
    if (slot->balloon_tries >= STUCK_TRIES && goal == slot->balloon_goal_kib)
        return;
    if (slot->balloon == SIM_BALLOON_PARTLY && goal < slot->memory_kib)
        goal += (slot->memory_kib - goal) / 2;
    sim_state_undo(state, slot, sizeof(*slot));
    slot->balloon_goal_kib = goal;
    slot->balloon_tries = 0;
    slot->balloon_last_ms = now_ms;
    slot->balloon_due_ms =
        goal == slot->memory_kib ? SIM_NEVER : now_ms + STEP_MS;
    set_due(state, slot);
}

void sim_guest_new_vcpus(struct sim_state *state, struct sim_slot *slot,
                         uint64_t now_ms)
{
    if (slot->ignores_vcpus || !slot->booted)
        return; /* it looks when it boots */
    SIM_SET(state, slot->vcpus_due_ms, now_ms + VCPUS_MS);
    set_due(state, slot);
}

bool sim_guest_listens(const struct sim_slot *slot)
{
    return slot->life == SIM_LIFE_ALIVE && slot->booted && !slot->paused;
}

void sim_guest_resume(struct sim_state *state, struct sim_slot *slot,
                      uint64_t now_ms)
{
    sim_state_undo(state, slot, sizeof(*slot));
    slot->life = SIM_LIFE_ALIVE;
    slot->shutdown_reason = HV_SHUTDOWN_NONE;
    slot->run_since_ms = slot->balloon_last_ms = now_ms;
    set_due(state, slot);
    sim_state_event(state, SIM_EVENT_RESUMED, slot);
}

void sim_guest_new_words(struct sim_state *state, struct sim_slot *slot,
                         const char *words, uint64_t now_ms)
{
    sim_state_undo(state, slot, sizeof(*slot));
    uint64_t own_after_ms = slot->own_after_ms;
    slot->own_after_ms = SIM_NEVER;
    sim_guest_read_cmdline(slot, words);
    if (slot->own_after_ms == SIM_NEVER)
        slot->own_after_ms = own_after_ms;
    else if (slot->booted)
        slot->own_due_ms = now_ms + slot->own_after_ms;
    slot->balloon_due_ms = SIM_NEVER;
    slot->balloon_tries = 0;
    sim_guest_new_target(state, slot, now_ms);
    if (slot->vcpus != slot->asked_vcpus)
        sim_guest_new_vcpus(state, slot, now_ms);
    set_due(state, slot);
}

void sim_guest_stop(struct sim_state *state, struct sim_slot *slot,
                    enum hv_shutdown_reason reason, uint64_t now_ms)
{
    sim_state_undo(state, slot, sizeof(*slot));
    slot->cpu_ns = sim_guest_cpu_ns(slot, now_ms);
    slot->life = SIM_LIFE_SHUTDOWN;
    slot->shutdown_reason = reason;
    set_due(state, slot);
    sim_state_event(state, HV_EVENT_SHUTDOWN, slot);
}

static void balloon_step(struct sim_state *state, struct sim_slot *slot,
                         uint64_t now_ms)
{
    uint64_t mib_s = slot->balloon == SIM_BALLOON_SLOW
                         ? SLOW_MIB_S
                         : state->machine.balloon_mib_s;
    uint64_t step = mib_s * 1024 * (now_ms - slot->balloon_last_ms) / 1000;
    uint64_t goal = slot->balloon_goal_kib, wait_ms = STEP_MS;

    sim_state_undo(state, slot, sizeof(*slot));
    SIM_SET(state, state->free_kib, state->free_kib + slot->memory_kib);
    if (goal < slot->memory_kib) {
        slot->memory_kib -= min_u64(step, slot->memory_kib - goal);
    } else {
        uint64_t spare = state->free_kib - slot->memory_kib;
        slot->balloon_tries = spare == 0 ? slot->balloon_tries + 1 : 0;
        if (slot->balloon_tries >= STUCK_TRIES)
            wait_ms = STUCK_LONG_MS;
        else if (slot->balloon_tries > 0)
            wait_ms = (uint64_t)STUCK_MS << slot->balloon_tries;
        slot->memory_kib +=
            min_u64(spare, min_u64(step, goal - slot->memory_kib));
    }
    state->free_kib -= slot->memory_kib;
    slot->balloon_last_ms = now_ms;
    slot->balloon_due_ms =
        goal == slot->memory_kib ? SIM_NEVER : now_ms + wait_ms;
}

static void act(struct sim_state *state, struct sim_slot *slot,
                uint64_t now_ms)
{
    uint64_t due_ms = state->due_ms[sim_state_slot_index(state, slot)];

    assert(slot->life == SIM_LIFE_ALIVE && !slot->paused);
    if (slot->balloon_due_ms == due_ms) {
        balloon_step(state, slot, now_ms);
        set_due(state, slot);
    } else if (slot->vcpus_due_ms == due_ms) {
        sim_state_undo(state, slot, sizeof(*slot));
        slot->vcpus = slot->asked_vcpus;
        slot->vcpus_due_ms = SIM_NEVER;
        set_due(state, slot);
    } else {
        bool own = slot->own_due_ms == due_ms;
        sim_guest_stop(
            state, slot, own ? slot->own_reason : slot->asked_reason,
            due_ms > slot->run_since_ms ? due_ms : slot->run_since_ms);
    }
}

void sim_guest_run_due(struct sim_state *state, uint64_t now_ms)
{
    while (state->next_due_ms <= now_ms) {
        uint64_t first_ms = SIM_NEVER, second_ms = SIM_NEVER;
        uint32_t first = 0;
        for (uint32_t i = 0; i < state->n_slots; i++) {
            if (state->due_ms[i] < first_ms) {
                second_ms = first_ms;
                first_ms = state->due_ms[i];
                first = i;
            } else if (state->due_ms[i] < second_ms) {
                second_ms = state->due_ms[i];
            }
        }
        if (first_ms > now_ms) {
            SIM_SET(state, state->next_due_ms, first_ms);
            return;
        }
        SIM_SET(state, state->next_due_ms, second_ms);
        act(state, &state->slots[first], now_ms);
        sim_state_commit(state);
    }
}
