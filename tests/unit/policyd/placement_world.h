/*
 * Random data centers for the tests of placement, small enough that every
 * constraint matters; and a checker that says of any host whether a guest may
 * be there, from the bare facts of the view, with code of its own.
 */
#ifndef TESTS_PLACEMENT_WORLD_H
#define TESTS_PLACEMENT_WORLD_H

#include "policyd/placement/request.h"
#include "policyd/placement/view.h"

#define WORLD_GROUPS 6

struct world {
    struct placement_names *names;
    struct placement_view *view;
    uint64_t seed;
    int64_t now_ms;
    uint32_t customers[4];
    uint32_t groups[WORLD_GROUPS];
    uint32_t tags[3];
    unsigned features[3]; /* numbers of cpu_features.def */
    uint32_t pools[2];
    uint32_t kinds[2];
    uint32_t domains[3];
    uint32_t n_named; /* hosts that ever were */
};

/* splitmix64: the same numbers everywhere. */
uint64_t world_random(uint64_t *seed);
/* Below n. */
uint32_t world_below(struct world *world, uint32_t n);

void world_init(struct world *world, uint64_t seed, uint32_t n_hosts);
void world_fini(struct world *world);

/* Some change: of a host, a guest, a rule, a promise; time goes on. */
void world_step(struct world *world);
void world_request(struct world *world, struct placement_request *ret);
/* The guest is there, wherever that is; `backup` may be PLACEMENT_NONE. */
uint32_t world_put(struct world *world,
                   const struct placement_request *request, uint32_t host,
                   uint32_t backup);

/* What guests have of a host, from the list of all guests. */
void world_use(const struct placement_view *view, uint32_t host,
               struct placement_use *ret);
/* Whether the guest may be there; *why is the constraint that says no. */
bool world_may(const struct placement_view *view,
               const struct placement_request *request, uint32_t host,
               const char **why);
/* The score by the terms' texts, in floating point; of a host that may be. */
double world_cost(const struct placement_view *view,
                  const struct placement_request *request,
                  const struct placement_policy *policy, uint32_t host);
/* Whether no host's death would leave a protected guest without room, or any
 * is without a backup. */
bool world_survives(const struct placement_view *view);
/* Whether everything that the view computed is as it is from scratch. */
bool world_is_right(const struct placement_view *view);

#endif
