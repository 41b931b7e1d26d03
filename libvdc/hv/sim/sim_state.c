/*
 * The simulated host's memory: mapping, lock, undo log, domain slots.
 */
#include "hv/sim/sim_state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static const char state_magic[8] = "vdcsimst";

/* What comes before the bytes' next entry, so that the log is read from its
 * end. */
struct undo_entry {
    uint32_t offset;
    uint32_t size;
};

static size_t undo_padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static void read_machine_boot(char *buf, size_t size)
{
    buf[0] = '\0';
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!f)
        return;
    if (!fgets(buf, (int)size, f))
        buf[0] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    fclose(f);
}

static int other_version(const char *path, uint32_t version,
                         struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_STORE_NEWER,
                  "%s was made by another version of the simulator "
                  "(version %u, this is %u)",
                  path, version, SIM_STATE_VERSION);
    vdc_error_hint(err, "delete it: the simulated host begins anew");
    return VDC_E_STORE_NEWER;
}

static int check_header(const struct sim_state *state, const char *path,
                        struct vdc_error *err)
{
    if (memcmp(state->magic, state_magic, sizeof(state_magic)) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is not the state of a simulated host", path);
    if (state->version != SIM_STATE_VERSION ||
        state->size != sizeof(struct sim_state))
        return other_version(path, state->version, err);
    if (state->n_slots > SIM_SLOTS || state->n_nodes > SIM_NODES ||
        state->heap_units > SIM_HEAP_UNITS || state->undo_size > SIM_UNDO_SIZE)
        return vdc_error_set(err, VDC_E_STORE_CORRUPT, "%s is damaged", path);
    return 0;
}

/* A machine that was switched off takes its simulated host with it. */
static void check_machine_boot(struct sim_state *state)
{
    char boot[sizeof(state->machine_boot)];

    read_machine_boot(boot, sizeof(boot));
    if (strcmp(boot, state->machine_boot) != 0) {
        atomic_store(&state->ready, 0);
        memcpy(state->machine_boot, boot, sizeof(boot));
    }
}

/* A file that is not of our size. */
static int explain_size(struct sim_map *map, struct vdc_error *err)
{
    struct {
        char magic[8];
        uint32_t version;
    } head;
    ssize_t r = pread(map->fd, &head, sizeof(head), 0);

    if (r != sizeof(head) || memcmp(head.magic, state_magic, 8) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is not the state of a simulated host",
                             map->path);
    if (head.version != SIM_STATE_VERSION)
        return other_version(map->path, head.version, err);
    return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                         "%s is not of its right size", map->path);
}

static int prepare_file(struct sim_map *map, struct vdc_error *err)
{
    struct stat st;

    if (fstat(map->fd, &st) != 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "%s", map->path);
    if (!S_ISREG(st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_VALUE, "%s is not a plain file",
                             map->path);
    if (st.st_size == 0) {
        if (ftruncate(map->fd, sizeof(struct sim_state)) != 0)
            return vdc_error_errno(err, VDC_E_IO, errno, "%s", map->path);
    } else if ((size_t)st.st_size != sizeof(struct sim_state)) {
        return explain_size(map, err);
    }
    return 0;
}

static int map_file(struct sim_map *map, struct vdc_error *err)
{
    map->fd = open(map->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (map->fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "cannot open the simulated host's state %s",
                               map->path);
    while (flock(map->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return vdc_error_errno(err, VDC_E_IO, errno, "cannot lock %s",
                                   map->path);
    int rc = prepare_file(map, err);
    if (rc)
        return rc;
    map->state = mmap(NULL, sizeof(struct sim_state), PROT_READ | PROT_WRITE,
                      MAP_SHARED, map->fd, 0);
    if (map->state == MAP_FAILED) {
        map->state = NULL;
        return vdc_error_errno(err, VDC_E_IO, errno, "cannot map %s",
                               map->path);
    }
    return 0;
}

static void write_header(struct sim_state *state)
{
    state->version = SIM_STATE_VERSION;
    state->size = sizeof(struct sim_state);
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(state->magic, state_magic, sizeof(state_magic));
}

int sim_state_map(struct sim_map *map, const char *path, struct vdc_error *err)
{
    static const char zero[sizeof(state_magic)];
    int rc = 0;

    *map = (struct sim_map){ .fd = -1 };
    if (path) {
        map->path = xstrdup(path);
        rc = map_file(map, err);
        if (rc)
            goto out;
    } else {
        map->state =
            mmap(NULL, sizeof(struct sim_state), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (map->state == MAP_FAILED) {
            map->state = NULL;
            rc = vdc_error_errno(err, VDC_E_NOMEM, errno,
                                 "no memory for a simulated host");
            goto out;
        }
    }
    if (memcmp(map->state->magic, zero, sizeof(zero)) == 0)
        write_header(map->state);
    rc = check_header(map->state, path ? path : "the state", err);
    if (rc)
        goto out;
    if (path)
        check_machine_boot(map->state);
out:
    if (map->fd >= 0)
        flock(map->fd, LOCK_UN);
    if (rc)
        sim_state_unmap(map);
    return rc;
}

void sim_state_unmap(struct sim_map *map)
{
    if (map->state)
        munmap(map->state, sizeof(struct sim_state));
    if (map->fd >= 0)
        close(map->fd);
    free(map->path);
    *map = (struct sim_map){ .fd = -1 };
}

bool sim_state_is_gone(const struct sim_map *map)
{
    struct stat file, now;

    if (map->fd < 0)
        return false;
    if (fstat(map->fd, &file) != 0 || file.st_nlink == 0)
        return true;
    return stat(map->path, &now) != 0 || now.st_ino != file.st_ino ||
           now.st_dev != file.st_dev;
}

void sim_state_lock(struct sim_map *map)
{
    if (map->fd >= 0)
        while (flock(map->fd, LOCK_EX) != 0)
            assert(errno == EINTR);
    if (map->state->undo_size != 0)
        sim_state_roll_back(map->state);
}

void sim_state_unlock(struct sim_map *map)
{
    sim_state_commit(map->state);
    if (map->fd >= 0)
        flock(map->fd, LOCK_UN);
}

void sim_state_commit(struct sim_state *state)
{
    atomic_signal_fence(memory_order_seq_cst);
    state->undo_size = 0;
    atomic_signal_fence(memory_order_seq_cst);
}

void sim_state_roll_back(struct sim_state *state)
{
    while (state->undo_size != 0) {
        struct undo_entry entry;
        uint32_t end = state->undo_size;

        memcpy(&entry, state->undo + end - sizeof(entry), sizeof(entry));
        uint32_t start =
            end - (uint32_t)sizeof(entry) - (uint32_t)undo_padded(entry.size);
        memcpy((char *)state + entry.offset, state->undo + start, entry.size);
        atomic_signal_fence(memory_order_seq_cst);
        state->undo_size = start;
        atomic_signal_fence(memory_order_seq_cst);
    }
}

void sim_state_undo(struct sim_state *state, const void *p, size_t size)
{
    uint32_t start = state->undo_size;
    size_t padded = undo_padded(size);
    struct undo_entry entry = {
        .offset = (uint32_t)((const char *)p - (const char *)state),
        .size = (uint32_t)size,
    };

    assert(start + padded + sizeof(entry) <= SIM_UNDO_SIZE);
    memcpy(state->undo + start, p, size);
    memcpy(state->undo + start + padded, &entry, sizeof(entry));
    atomic_signal_fence(memory_order_seq_cst);
    state->undo_size = start + (uint32_t)(padded + sizeof(entry));
    atomic_signal_fence(memory_order_seq_cst);
}

bool sim_state_undo_is_half_full(const struct sim_state *state)
{
    return state->undo_size > SIM_UNDO_SIZE / 2;
}

void sim_state_reset(struct sim_state *state,
                     const struct sim_machine *machine)
{
    uint64_t last_boot_id = state->boot_id;

    atomic_store(&state->ready, 0);
    state->undo_size = 0;
    read_machine_boot(state->machine_boot, sizeof(state->machine_boot));
    do {
        if (getrandom(&state->boot_id, sizeof(state->boot_id), 0) < 0)
            abort();
    } while (state->boot_id == 0 || state->boot_id == last_boot_id);
    state->machine = *machine;
    state->next_domid = 1;
    state->n_slots = 0;
    state->free_slot_hint = 1;
    state->next_due_ms = SIM_NEVER;
    state->n_nodes = 0;
    state->free_node = 0;
    state->used_nodes = 0;
    state->heap_units = 0;
    memset(state->heap_free, 0, sizeof(state->heap_free));
    memset(state->slot_of, 0, sizeof(state->slot_of));
    memset(state->last_uuid, 0, sizeof(state->last_uuid));
    memset(state->buckets, 0, sizeof(state->buckets));
    state->n_cpusets = 1; /* the first stands for all CPUs */
    for (size_t i = 0; i < SIM_PCI; i++)
        state->pci_owner[i] = HV_DOMID_NONE;
    state->free_kib = machine->memory_kib;
    state->reserved_kib = 0;
    memset(state->watchdog_due_ms, 0, sizeof(state->watchdog_due_ms));
}

struct sim_slot *sim_state_find(struct sim_state *state, uint32_t domid)
{
    if (domid > HV_DOMID_MAX)
        return NULL;
    uint32_t i = domid == 0 ? 0 : state->slot_of[domid];
    if (i >= state->n_slots || (domid != 0 && i == 0))
        return NULL;
    struct sim_slot *slot = &state->slots[i];
    return slot->life != SIM_LIFE_NONE && slot->domid == domid ? slot : NULL;
}

uint32_t sim_state_slot_index(const struct sim_state *state,
                              const struct sim_slot *slot)
{
    return (uint32_t)(slot - state->slots);
}

/* The lowest free slot, so that the slots in use stay close together. */
static uint32_t find_free_slot(const struct sim_state *state)
{
    uint32_t i = state->n_slots == 0 ? 0 : state->free_slot_hint;

    while (i < state->n_slots && state->slots[i].life != SIM_LIFE_NONE)
        i++;
    return i;
}

static uint32_t take_domid(struct sim_state *state)
{
    uint32_t domid = state->next_domid;

    while (state->slot_of[domid] != 0)
        domid = domid == HV_DOMID_MAX ? 1 : domid + 1;
    SIM_SET(state, state->next_domid, domid == HV_DOMID_MAX ? 1 : domid + 1);
    return domid;
}

struct sim_slot *sim_state_slot_new(struct sim_state *state)
{
    uint32_t i = find_free_slot(state);

    if (i >= SIM_SLOTS)
        return NULL;
    uint32_t domid = i == 0 ? 0 : take_domid(state);
    struct sim_slot *slot = &state->slots[i];
    SIM_SET(state, *slot,
            ((struct sim_slot){ .domid = domid,
                                .life = SIM_LIFE_BUILDING,
                                .paused = 1,
                                .shutdown_reason = HV_SHUTDOWN_NONE,
                                .own_after_ms = SIM_NEVER,
                                .own_due_ms = SIM_NEVER,
                                .asked_due_ms = SIM_NEVER,
                                .vcpus_due_ms = SIM_NEVER,
                                .balloon_due_ms = SIM_NEVER }));
    SIM_SET(state, state->slot_of[domid], (uint16_t)i);
    SIM_SET(state, state->due_ms[i], SIM_NEVER);
    SIM_SET(state, state->free_slot_hint, i + 1);
    if (i == state->n_slots)
        SIM_SET(state, state->n_slots, i + 1);
    return slot;
}

void sim_state_slot_free(struct sim_state *state, struct sim_slot *slot)
{
    uint32_t i = sim_state_slot_index(state, slot);

    sim_state_event(state, HV_EVENT_DEATH, slot);
    SIM_SET(state, state->free_kib,
            state->free_kib + slot->memory_kib + slot->overhead_kib);
    for (size_t n = 0; n < SIM_PCI; n++)
        if (state->pci_owner[n] == slot->domid)
            SIM_SET(state, state->pci_owner[n], HV_DOMID_NONE);
    SIM_SET(state, state->last_uuid[slot->domid], slot->uuid);
    SIM_SET(state, state->slot_of[slot->domid], 0);
    SIM_SET(state, state->due_ms[i], SIM_NEVER);
    SIM_SET(state, slot->life, SIM_LIFE_NONE);
    if (i < state->free_slot_hint)
        SIM_SET(state, state->free_slot_hint, i);
}

void sim_state_event(struct sim_state *state, int kind,
                     const struct sim_slot *slot)
{
    struct sim_event *event = &state->events[state->event_seq % SIM_LOG];

    *event = (struct sim_event){ .kind = kind,
                                 .reason = slot->shutdown_reason,
                                 .domid = slot->domid,
                                 .uuid = slot->uuid };
    SIM_SET(state, state->event_seq, state->event_seq + 1);
}

uint32_t sim_state_random(struct sim_state *state)
{
    sim_state_undo(state, state->random, sizeof(state->random));
    return (uint32_t)nrand48(state->random);
}
