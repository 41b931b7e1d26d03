/*
 * An open simulated host: the state, and what this process has going on it.
 *
 * Everything that waits is in one queue ordered by the host's time, driven by
 * one timer of libevent; nothing runs when nothing is due.
 */
#ifndef VDC_HV_SIM_SIM_HOST_H
#define VDC_HV_SIM_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "hv/hv.h"
#include "hv/sim/sim_fault.h"
#include "hv/sim/sim_state.h"

struct event;
struct sim;
struct sim_console;
struct sim_grants;
struct sim_stream;

/* How long the simulated host takes, and what it looks at; of this open. */
struct sim_options {
    struct sim_machine machine; /* 0 for what was not given */
    char *state_path;           /* NULL for none */
    uint32_t create_ms, destroy_ms, op_ms;
    uint32_t attach_ms, save_ms, send_ms;
    uint32_t shutdown_ms; /* a guest's, after it was asked */
    uint32_t detach_ms;   /* that a guest has to let a device go */
    uint32_t suspend_ms;  /* that it has to suspend */
    uint32_t jitter;      /* per cent, of the first six */
    uint32_t stream;      /* per cent of a guest's memory */
    uint32_t seed;
    bool seed_given;
    bool check_files; /* kernels, ramdisks and disks must be there */
    bool beside;      /* what another process has reserved is not ours */
};

/*
 * Work under way.  `run` does the step that is due and returns SIM_AGAIN when
 * another is (having set due_ms), or the code that the work ends with, with
 * err set if it is not 0.
 */
#define SIM_AGAIN 1
struct sim_op {
    struct sim_op *next, *prev;
    uint64_t due_ms;
    enum sim_call call;
    enum sim_fault_kind fault;
    uint32_t domid;
    int step;
    int value;           /* of the kind's own use */
    const char *text;    /* as well */
    int fd;              /* as well */
    uint64_t until_ms;   /* as well: when waiting ends */
    bool fails_halfway;  /* `run` itself does what SIM_FAULT_FAIL asks for */
    uint64_t latency_ms; /* of the whole */
    int (*run)(struct sim *sim, struct sim_op *op, struct vdc_error *err);
    hv_done_fn *done;
    hv_created_fn *created;
    void *arg;
    struct arena *arena; /* what it keeps */
    struct hv_domain_config config;
    struct sim_slot saved;     /* the guest that is restored */
    struct sim_stream *stream; /* it is sent or received by */
    struct event *ready;       /* what it waits for, besides the time */
    struct sim *sim;           /* of that */
};

/* What is known of a domid that is watched. */
enum { SIM_WATCHED = 1, SIM_SHUTDOWN_TOLD = 2 };

struct sim {
    struct hv hv; /* first */
    struct event_base *base;
    struct sim_options options;
    struct sim_map map;
    struct sim_state *state; /* map.state */
    struct sim_faults faults;
    bool locked;
    bool dies_after;      /* the effect that is under way */
    bool closed;          /* within a callback: freed when that returns */
    unsigned depth;       /* of callbacks */
    struct event *timer;  /* the queue, guests */
    struct event *pump;   /* changes to be told */
    struct event *notice; /* of other processes, by inotify */
    int notice_fd;
    bool pump_active;
    uint64_t armed_ms; /* when the timer comes, by the machine's clock */
    uint64_t boot_id;
    uint64_t told_event_seq;
    uint64_t told_change_seq;
    uint64_t touched_seq; /* the sum of both that other processes know */
    uint64_t claim;       /* our last, by state->n_claims */
    struct sim_op *first, *last;
    uint8_t watched[HV_DOMID_MAX + 1];
    struct vdc_uuid watched_uuid[HV_DOMID_MAX + 1];
    uint32_t *late; /* domids just watched: it may have happened already */
    size_t n_late;
    struct hv_store_watch *store_watches;
    bool watch_is_fresh; /* one that has not fired yet */
    struct sim_console *consoles;
    struct sim_grants *grants;
};

static inline struct sim *sim_host_of(struct hv *hv)
{
    return (struct sim *)hv;
}

/* Takes over the options, state_path included, also when it fails; base NULL
 * for a tool without a loop, for which nothing asynchronous ends. */
int sim_host_open(struct sim *sim, const struct sim_options *options,
                  struct event_base *base, struct vdc_error *err);
/* Frees what sim_host_open and later work made, half-made too; not sim itself.
 */
void sim_host_close(struct sim *sim);
/* Closes and frees sim, now or when the callback that we are in returns. */
void sim_host_free(struct sim *sim);

/* Milliseconds of the host's clock, which all processes share; it is the
 * machine's monotonic clock plus what hv_sim_advance added, or as the option
 * clock says. */
uint64_t sim_host_now_ms(const struct sim *sim);

/* Around each use of the state; guests do first what they are due to do.
 * sim_host_abort instead of sim_host_end takes the changes back. */
void sim_host_begin(struct sim *sim);
void sim_host_end(struct sim *sim);
void sim_host_abort(struct sim *sim);

/* sim_host_begin and counting a call of an operation that answers at return;
 * not begun when it fails by a fault. */
int sim_host_begin_call(struct sim *sim, enum sim_call call,
                        struct vdc_error *err);

/* Around a change that one of our operations makes. It counts as one effect,
 * before or after which the process may be told to die. */
void sim_host_effect_begin(struct sim *sim, enum sim_call call);
/* As when the state is locked already. */
void sim_host_effect_locked(struct sim *sim, enum sim_call call);
void sim_host_effect_end(struct sim *sim);

/*
 * Makes work, due after the latency; the caller fills in what is its own and
 * starts it.  Errors: VDC_E_NOT_FOUND when there is no such domain (unless
 * domid is HV_DOMID_NONE), VDC_E_HYPERVISOR by a fault.
 */
int sim_host_op_new(struct sim *sim, enum sim_call call, uint32_t domid,
                    uint32_t latency_ms, struct sim_op **ret,
                    struct vdc_error *err);
/* Puts it into the queue; it is freed when it has ended. */
void sim_host_op_start(struct sim *sim, struct sim_op *op);
/* What waits in the queue is due now. */
void sim_host_op_due(struct sim *sim, struct sim_op *op);

/* Switches the host off and on again. */
void sim_host_power_cut(struct sim *sim);
/* Sets the timer and wakes the pump, as the state demands. */
void sim_host_wake(struct sim *sim);
/* Ends all work under way with this error; false when sim is gone. */
bool sim_host_fail_all(struct sim *sim, const struct vdc_error *err);
/* A state file that was deleted is a host that lost power. */
void sim_host_remap_if_gone(struct sim *sim);
/* Tells other processes that the state changed. */
void sim_host_touch(struct sim *sim);
/* Before and after each call out of here. After the second sim may be gone:
 * it returns false then. */
void sim_host_call_out(struct sim *sim);
bool sim_host_called_out(struct sim *sim);

int sim_host_no_domain(uint32_t domid, struct vdc_error *err);

#endif
