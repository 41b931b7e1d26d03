/*
 * A data center that a test of placement makes by hand, host by host and
 * guest by guest; and a choice in it.
 */
#ifndef TESTS_PLACEMENT_BED_H
#define TESTS_PLACEMENT_BED_H

#include "policyd/placement/place.h"

struct placement_bed {
    struct placement_names *names;
    struct placement_view *view;
    struct placement_decision decision; /* of bed_choose */
    struct vdc_error error;             /* the same */
};

/* One at a time, until bed_end. */
extern struct placement_bed bed;

/* Nothing is done if it has begun. */
void bed_begin(void);
void bed_end(void);
/* Begins if need be: what is asked may be said before where. */
uint32_t bed_name(const char *text);

/* Of 8 CPUs, for bed_put. */
struct placement_host bed_host_of(const char *text, uint64_t memory_mib);
/* Both return the index of the host. */
uint32_t bed_put(const struct placement_host *host);
uint32_t bed_add_host(const char *text, uint64_t memory_mib);

/* Customer ann's guest, started, with one vCPU. */
struct placement_request bed_ask(uint64_t memory_mib);
/* It is there; returns its index. */
uint32_t bed_add_guest(uint32_t host, const struct placement_request *r);

int bed_choose(const struct placement_request *request, const char *policy);
/* The index of the host by spread, or -1. */
int bed_chosen(const struct placement_request *request);
/* That one constraint excludes `n` hosts, `n_only` of them alone. */
void bed_assert_excluded(enum placement_constraint constraint, uint32_t n,
                         uint32_t n_only);

#endif
