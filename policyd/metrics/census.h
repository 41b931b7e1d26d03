/*
 * How many of what there are: hosts and guests by state, and what hosts have;
 * for Prometheus and for dc_status.  Counted when asked for, from memory: a
 * walk over all assignments, which may be hundreds of thousands, so it is made
 * from the loop, host by host, with a turn of the loop after CENSUS_AT_ONCE.
 * What changes meanwhile is counted as it was or as it is; a guest that goes
 * to another host just then may be counted twice, or not.
 */
#ifndef POLICYD_METRICS_CENSUS_H
#define POLICYD_METRICS_CENSUS_H

#include "policyd/api/operations.h"
#include "policyd/hosts/hosts.h"

enum census_host {
    CENSUS_UP,
    CENSUS_DRAINING,
    CENSUS_MAINTENANCE,
    CENSUS_DOWN,    /* it does not answer, and is wanted up */
    CENSUS_DAMAGED, /* its database is */
    CENSUS_TWIN     /* another name of a host */
};
#define CENSUS_HOSTS (CENSUS_TWIN + 1)

enum census_guest {
    CENSUS_RUNNING,
    CENSUS_STOPPED,
    CENSUS_CREATING,
    CENSUS_DELETING,
    CENSUS_MOVING,
    CENSUS_KEPT,    /* it stands in a file, as its move failed */
    CENSUS_MISSING, /* its host does not know it */
    CENSUS_UNKNOWN  /* its host does not answer */
};
#define CENSUS_GUESTS (CENSUS_UNKNOWN + 1)

struct census {
    uint32_t hosts[CENSUS_HOSTS];
    uint32_t guests[CENSUS_GUESTS];
    /* of hosts that answer */
    struct mem total_memory;
    struct mem available_memory; /* for guests */
    uint64_t pcpus;
    uint64_t vcpus; /* of guests that run */
    uint64_t longest_us; /* CPU time of the longest piece of the walk */
};

/* A customer, and what its guests count for in quotas, those of its projects
 * not included. */
struct census_customer {
    const struct customer *customer;
    struct mem memory, disk;
    uint64_t vcpus, guests;
};

#define CENSUS_AT_ONCE 2000 /* guests */

struct census_run;
/* `customers`: by name; all are valid in the call alone.  `census` NULL:
 * policyd ends. */
typedef void census_fn(void *arg, const struct census *census,
                       const struct census_customer *customers, size_t n);
/* Calls `fn` once, from the loop, unless it is cancelled; `run` is gone
 * then. */
struct census_run *census_begin(struct operations *ops, census_fn *fn,
                                void *arg);
void census_cancel(struct census_run *run); /* NULL allowed */
/* Ends all of them. */
void census_stop(struct operations *ops);

enum census_host census_of_host(const struct host *host);
const char *census_host_word(enum census_host state);
const char *census_guest_word(enum census_guest state);

#endif
