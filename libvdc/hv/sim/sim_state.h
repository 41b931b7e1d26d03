/*
 * The state of a simulated host: what Xen and xenstored would hold, in one
 * mapping of fixed layout, so that it outlives the daemon that opened it.
 *
 * With a file, several processes may have it open; each change is made under
 * a lock on the file (flock, which the kernel drops when a process dies) and
 * noted in an undo log inside the mapping, so that a process killed at any
 * instruction leaves nothing half-changed: whoever locks next rolls it back.
 *
 * Nothing in the mapping is a pointer.  The mapping is large and sparse: only
 * what is used takes memory or disk.
 */
#ifndef VDC_HV_SIM_SIM_STATE_H
#define VDC_HV_SIM_SIM_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/uuid.h"
#include "hv/hv.h"

/* Raised by every change of struct sim_state or of sim_calls.def. */
#define SIM_STATE_VERSION 6u

#define SIM_SLOTS 8192u   /* domains, dom0 included */
#define SIM_CPUS 4096u    /* of the host */
#define SIM_VCPUS 512u    /* of a domain */
#define SIM_CPUSETS 1024u /* different affinities at a time */
#define SIM_PCI 16u       /* assignable PCI devices */
#define SIM_BDF_SIZE 16u
#define SIM_PCI_NOT_GIVEN UINT32_MAX /* sim_machine.n_pci */
#define SIM_NODES (1u << 18)         /* nodes of the store */
#define SIM_BUCKETS (1u << 16)       /* of its hash, a power of two */
#define SIM_HEAP_UNIT 32u            /* bytes */
#define SIM_HEAP_UNITS (1u << 21)    /* of text of the store: 64 MiB */
#define SIM_HEAP_CLASSES 8u          /* blocks of 1, 2, 4, ... 128 units */
#define SIM_UNDO_SIZE (1u << 20)
#define SIM_LOG 1024u /* changes kept for those who watch */
#define SIM_LOG_PATH_SIZE 248u
#define SIM_NEVER UINT64_MAX

enum sim_call {
#define SIM_CALL(name, asynchronous) SIM_CALL_##name,
#include "hv/sim/sim_calls.def"
#undef SIM_CALL
    SIM_N_CALLS
};

/* Where the host's time comes from. */
enum sim_clock {
    SIM_CLOCK_NOT_GIVEN,
    SIM_CLOCK_REAL,    /* the machine's monotonic clock */
    SIM_CLOCK_STOPPED, /* moves by hv_sim_advance alone */
    SIM_CLOCK_JUMP     /* to what is due next, at once */
};

/* What a host is made with; kept, so that a later open may leave it out. */
struct sim_machine {
    uint64_t memory_kib;
    uint64_t dom0_kib;
    uint32_t cpus;
    uint32_t balloon_mib_s; /* how fast a willing guest follows its target */
    uint32_t clock;         /* enum sim_clock */
    struct cpu_set cpu;     /* what its CPUs can do; none: not given */
    uint32_t n_pci;         /* that may be given to guests, and their BDFs */
    char pci[SIM_PCI][SIM_BDF_SIZE];
};

enum sim_life {
    SIM_LIFE_NONE,     /* the slot is free */
    SIM_LIFE_BUILDING, /* create is not done */
    SIM_LIFE_ALIVE,    /* paused or not */
    SIM_LIFE_SHUTDOWN,
    SIM_LIFE_DYING /* destroy is not done */
};

enum sim_balloon {
    SIM_BALLOON_WILLING,
    SIM_BALLOON_SLOW,
    SIM_BALLOON_PARTLY, /* gives half of what is asked for */
    SIM_BALLOON_NONE
};

/* A domain. Times are the host's milliseconds (see sim_host_now_ms). */
struct sim_slot {
    uint32_t domid;
    int32_t life;            /* enum sim_life */
    int32_t type;            /* enum hv_domain_type */
    int32_t shutdown_reason; /* enum hv_shutdown_reason */
    uint32_t paused;
    uint32_t vcpus, max_vcpus; /* online; it may have */
    uint32_t asked_vcpus;      /* it was told to use */
    uint32_t booted;           /* was unpaused once */
    uint32_t weight, cap;
    uint32_t has_affinity; /* its hard_sets and soft_sets are in use */
    uint32_t max_grant_frames;
    uint32_t next_port; /* of the event channels of its frontends */
    struct vdc_uuid uuid;
    uint64_t memory_kib;   /* has now */
    uint64_t max_kib;      /* may have */
    uint64_t overhead_kib; /* takes from the host besides */
    uint64_t target_kib;   /* what the balloon is asked for */
    uint64_t balloon_goal_kib;
    uint64_t balloon_last_ms; /* of the last step */
    uint64_t balloon_due_ms;
    uint32_t balloon_tries; /* in a row without getting anything */
    uint64_t cpu_ns;        /* used before run_since_ms */
    uint64_t run_since_ms;
    /* What the guest does by itself, from its command line. */
    int32_t balloon; /* enum sim_balloon */
    int32_t own_reason;
    uint64_t own_after_ms; /* after its first unpause; SIM_NEVER for never */
    uint64_t own_due_ms;
    uint32_t ignores_shutdown;
    uint32_t ignores_vcpus;
    uint32_t ignores_detach;
    uint32_t ignores_suspend;
    uint32_t shutdown_ms;
    int32_t asked_reason;
    uint64_t asked_due_ms;
    uint64_t vcpus_due_ms; /* when it does what asked_vcpus says */
};

/* CPUs that a vCPU may run on, shared by all that have the same. */
struct sim_cpuset {
    uint32_t n_users; /* 0: free */
    uint32_t n_cpus;
    uint64_t bits[SIM_CPUS / 64];
};

struct sim_node {
    uint32_t parent; /* 0 for the root and for free nodes */
    uint32_t first_child, last_child;
    uint32_t prev, next; /* of the same parent; next also of free nodes */
    uint32_t hash_next;
    uint32_t text; /* in units: name, 0, value, 0 */
    uint32_t owner_domid;
    uint32_t reader_domid;
    uint16_t name_len;
    uint16_t value_len;
    uint16_t text_class;
    uint16_t used;
};

struct sim_change {
    uint32_t removed; /* the node and all below it */
    uint32_t cut;     /* the path was too long: an ancestor's */
    char path[SIM_LOG_PATH_SIZE];
};

/* Besides those of enum hv_event_kind: it runs on after a suspend; it has
 * come to be. */
#define SIM_EVENT_RESUMED 100
#define SIM_EVENT_INTRODUCED 101

struct sim_event {
    int32_t kind; /* enum hv_event_kind, or the above */
    int32_t reason;
    uint32_t domid;
    struct vdc_uuid uuid;
};

struct sim_state {
    char magic[8];
    uint32_t version;
    uint32_t size;
    _Atomic uint32_t ready; /* 0: never set up, or killed while doing so */
    uint32_t undo_size;     /* not 0: a change is under way */
    char machine_boot[40];  /* of the machine that we run on */
    uint64_t clock_ms; /* added to the machine's clock, or the time itself */
    uint64_t boot_id;
    uint64_t stopped_boot_id; /* of the boot that a watchdog ended last */
    uint64_t watchdog_due_ms[2]; /* of its slots; 0: it is free */
    uint16_t random[3]; /* of nrand48 */
    struct sim_machine machine;

    uint64_t n_effects;
    uint64_t n_calls; /* all kinds; reset with the faults, as the next two */
    uint64_t calls[SIM_N_CALLS];
    uint64_t all_effects;
    uint64_t effects[SIM_N_CALLS];

    uint64_t free_kib;           /* that nobody has claimed */
    uint64_t reserved_kib;       /* claimed by our daemon, not taken */
    uint64_t n_claims;           /* made or changed since it booted first */
    uint32_t pci_owner[SIM_PCI]; /* a domid, HV_DOMID_NONE for none */
    uint32_t n_cpusets;          /* that were ever used */
    uint32_t next_domid;
    uint32_t n_slots; /* slots that were ever used */
    uint32_t free_slot_hint;
    uint64_t next_due_ms;

    uint64_t change_seq; /* of the store */
    uint64_t event_seq;  /* of domains */

    uint32_t n_nodes;
    uint32_t free_node;
    uint32_t used_nodes;
    uint32_t heap_units;
    uint32_t heap_free[SIM_HEAP_CLASSES];

    uint64_t due_ms[SIM_SLOTS];
    struct sim_event events[SIM_LOG];
    struct sim_change changes[SIM_LOG];
    uint16_t slot_of[HV_DOMID_MAX + 1]; /* 0 for none but for dom0 */
    struct vdc_uuid last_uuid[HV_DOMID_MAX + 1];
    struct sim_slot slots[SIM_SLOTS];
    /* Entry 0 is not used: it stands for all CPUs. */
    struct sim_cpuset cpusets[SIM_CPUSETS];
    uint16_t hard_sets[SIM_SLOTS][SIM_VCPUS]; /* of each vCPU */
    uint16_t soft_sets[SIM_SLOTS][SIM_VCPUS];
    uint32_t buckets[SIM_BUCKETS];
    struct sim_node nodes[SIM_NODES];
    char undo[SIM_UNDO_SIZE];
    char heap[(size_t)SIM_HEAP_UNITS * SIM_HEAP_UNIT];
};

/* A mapping and the file behind it. */
struct sim_map {
    struct sim_state *state;
    char *path; /* NULL: anonymous memory */
    int fd;     /* -1: no file */
};

/*
 * Maps the file, made when it is not there; with path NULL anonymous memory.
 * The state is as it was, or not ready (see sim_state_reset).
 * Errors: VDC_E_BAD_VALUE when the file is something else, VDC_E_STORE_NEWER
 * when it is of another version, VDC_E_IO and those of vdc_error_errno.
 */
int sim_state_map(struct sim_map *map, const char *path,
                  struct vdc_error *err);
/* Half-made ones too. */
void sim_state_unmap(struct sim_map *map);
/* Whether the file was deleted or replaced since it was mapped. */
bool sim_state_is_gone(const struct sim_map *map);

/* Blocks for as long as another process is within a change (microseconds).
 * Rolls back what a process that died had begun. */
void sim_state_lock(struct sim_map *map);
/* Makes what was changed permanent. */
void sim_state_unlock(struct sim_map *map);
/* Takes back all changes since the lock or the last sim_state_commit. */
void sim_state_roll_back(struct sim_state *state);
void sim_state_commit(struct sim_state *state);

/*
 * Empties the host: no domain, no store, another boot id; counters of calls
 * and effects stay.  A process killed within leaves a state that is not
 * ready.  The caller then makes dom0 and the store's first nodes and sets
 * `ready`.
 */
void sim_state_reset(struct sim_state *state,
                     const struct sim_machine *machine);

/* To be called before `size` bytes at p, in the mapping, are changed. */
void sim_state_undo(struct sim_state *state, const void *p, size_t size);
/* Whether so much was changed that a commit is due where the state is in
 * order. */
bool sim_state_undo_is_half_full(const struct sim_state *state);

#define SIM_SET(state, lvalue, value)                       \
    do {                                                    \
        sim_state_undo((state), &(lvalue), sizeof(lvalue)); \
        (lvalue) = (value);                                 \
    } while (0)

/* The slot of a domain that Xen has, or NULL. */
struct sim_slot *sim_state_find(struct sim_state *state, uint32_t domid);
/* A free slot with the next domid, entered as SIM_LIFE_BUILDING; NULL when
 * there is none. */
struct sim_slot *sim_state_slot_new(struct sim_state *state);
/* Gives the memory and the PCI devices back and the slot; reports the death.
 * Its affinities are given back before (sim_cpu_release). */
void sim_state_slot_free(struct sim_state *state, struct sim_slot *slot);
uint32_t sim_state_slot_index(const struct sim_state *state,
                              const struct sim_slot *slot);
void sim_state_event(struct sim_state *state, int kind,
                     const struct sim_slot *slot);
/* The next of a row of numbers that the seed decides, 0 to 2^31 - 1. */
uint32_t sim_state_random(struct sim_state *state);

#endif
