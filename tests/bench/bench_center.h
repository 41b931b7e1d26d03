/*
 * A simulated data center whose guests come and go (bench_workload.h), of
 * hosts with 64 cores and 512 GiB, no overcommitment, in a placement_view.
 */
#ifndef TESTS_BENCH_CENTER_H
#define TESTS_BENCH_CENTER_H

#include "policyd/placement/index.h"
#include "policyd/placement/rebalance.h"
#include "tests/bench/bench_workload.h"

#define HOST_CORES 64
#define HOST_GIB 512
#define PACKED_HOSTS 500

struct departure {
    int64_t at_ms;
    uint32_t guest;
};

struct center;

/* A host for a guest that stays so long, or PLACEMENT_NONE. */
typedef uint32_t choose_fn(struct center *center,
                           const struct placement_request *request,
                           int64_t stay_ms);

struct center {
    choose_fn *choose; /* NULL: by the policy */
    uint64_t dice;
    int64_t until_ms[PACKED_HOSTS]; /* when the last of a host's goes */
    struct placement_names *names;
    struct placement_view *view;
    struct placement_index *index;
    struct placement_policy policy;
    struct departure *departures; /* a heap */
    uint32_t n_departures;
    uint32_t departures_max;
    uint64_t seed;
    int64_t now_ms;
    uint64_t cores; /* in use */
    uint64_t gib;
    uint32_t n_busy; /* hosts with guests */
    unsigned long n_come;
    unsigned long n_refused;
};

/* All hosts are empty. */
void center_init(struct center *center, uint32_t n_hosts,
                 const struct placement_policy *policy, uint64_t seed);
void center_fini(struct center *center);

/* What a guest of this type asks for now. */
void center_request(const struct center *center,
                    const struct workload_type *type,
                    struct placement_request *ret);
/* Into the view alone; the guest's index. */
uint32_t center_put(struct center *center,
                    const struct placement_request *request, uint32_t host);
/* What is in use, with a guest that was put there. */
void center_count(struct center *center, uint32_t guest, int sign);
/* It will leave then. */
void center_leave_at(struct center *center, uint32_t guest, int64_t at_ms);
/* When the first leaves; INT64_MAX: nobody is there. */
int64_t center_next_ms(const struct center *center);
/* The first leaves, and it is then. */
void center_leave(struct center *center);
/* One guest comes and stays for so long. */
void center_come(struct center *center, const struct workload_type *type,
                 int64_t stay_ms);
/* What a plan says is done, at once.  As in policyd, a guest that was moved
 * has come to its host now. */
void center_move(struct center *center, const struct placement_plan *plan);
/* As many guests as there are on average, each somewhere in its stay: those
 * that stay longer are more often seen. */
void center_settle(struct center *center, uint64_t cores);
/* How many come an hour, so that on average so many cores are in use. */
double center_rate(double cores);

#endif
