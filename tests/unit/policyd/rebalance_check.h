/*
 * A random data center in which guests are moved, and a checker of moves that
 * works from the bare list of guests, with code of its own.
 */
#ifndef TESTS_REBALANCE_CHECK_H
#define TESTS_REBALANCE_CHECK_H

#include "policyd/placement/rebalance.h"
#include "tests/unit/policyd/placement_world.h"

#define CHECK_GUESTS_MAX 512

struct mover {
    struct world world;
    /* what each guest asked for, which the view does not know all of */
    struct placement_request requests[CHECK_GUESTS_MAX];
    int64_t guest_moved_ms[CHECK_GUESTS_MAX];
    int64_t host_changed_ms[CHECK_GUESTS_MAX];
};

void mover_init(struct mover *mover, uint64_t seed, uint32_t n_hosts);
/* Guests come (mostly where they may be), go, and hosts change. */
void mover_step(struct mover *mover);
void mover_fini(struct mover *mover);
/* A placement_moving that knows the requests; no cool-down. */
struct placement_moving mover_moving(struct mover *mover);

/* One move, in a view before it; "" when nothing is broken by it, otherwise
 * what. */
const char *check_move(const struct mover *mover,
                       const struct placement_view *view,
                       const struct placement_move *move);
/* All of one wave at once, while all of them are on both hosts. */
const char *check_wave(const struct mover *mover,
                       const struct placement_view *view,
                       const struct placement_move *moves, uint32_t n);
/* One of a wave, whichever of it have gone.  Where one went another may come,
 * so what is promised is held to what it was when the wave began. */
const char *check_one_of(const struct mover *mover,
                         const struct placement_view *start,
                         const struct placement_view *view,
                         const struct placement_move *move);
/* Some that go together, in a view before them: once all have gone. */
const char *check_together(const struct mover *mover,
                           const struct placement_view *view,
                           const struct placement_move *moves, uint32_t n);
/* Done in the view, move by move; the first thing that is broken, or "". */
const char *check_plan(const struct mover *mover, struct placement_view *view,
                       const struct placement_plan *plan);
void check_do(struct placement_view *view, const struct placement_move *move);
/* A host of 16 CPUs, and a guest of one vCPU that runs, in a data center of a
 * few; `group` 0: it is in none. */
uint32_t plain_host(struct placement_view *view, const char *name,
                    uint64_t gib);
uint32_t plain_guest(struct placement_view *view, uint32_t host, uint64_t gib,
                     uint32_t group);
/* The score by the text of balance.h, from scratch. */
double check_score(const struct placement_view *view);

#endif
