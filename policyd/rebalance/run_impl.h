/* What run*.c share. */
#ifndef POLICYD_REBALANCE_RUN_IMPL_H
#define POLICYD_REBALANCE_RUN_IMPL_H

#include "policyd/rebalance/run.h"

struct follower {
    LIST_ENTRY(follower) link;
    struct runs *runs;
    struct request *request; /* its arena holds this */
};

/* LEAVING stands for whatever it is while it is under way. */
struct run_move {
    struct wire_move_status status;
    unsigned tries;
    bool over; /* whatever came of it, it is not planned again */
};

struct run {
    struct wire_stored_run what;
    struct arena *arena;    /* of that and the moves */
    struct run_move *moves; /* waiting, under way and ended */
    uint32_t n_moves, moves_max;
    uint32_t wave;      /* under way, from 1 */
    uint32_t n_active;
    uint32_t n_done, n_failed;
    uint32_t n_plans;
    bool under_way;     /* false: it is over, and told of */
    bool stopping;
    uint64_t wait_until_ms; /* monotonic; for hosts, after a restart */
    bool again;         /* not all of the plan was done, or could be told */
    bool planning;      /* the hosts are asked what they have, or it is planned
                           what to do about it: */
    struct arena *plan_arena; /* NULL: that is not */
    int64_t after;      /* the score: planned; over: as it is */
};

struct runs {
    struct operations *ops;
    struct run *run; /* NULL: there was none */
    struct event *timer;
    LIST_HEAD(, follower) followers;
    bool stopped;
};

/* Moves that were not begun. */
uint32_t run_n_waiting(const struct run *run);
/* A move has come further. */
void run_tell_followers(const struct runs *runs,
                        const struct wire_move_status *move);
/* The run is over: answers, and forgets, one who waits for that. */
void run_answer(struct follower *follower);

#endif
