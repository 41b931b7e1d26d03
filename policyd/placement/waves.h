/*
 * Moves one after the other, and in waves of some at once: whether each can be
 * done when its turn comes, and what it brings.  Who goes has its room on
 * both hosts until its wave has ended, and what was kept for it is kept.
 */
#ifndef POLICYD_PLACEMENT_WAVES_H
#define POLICYD_PLACEMENT_WAVES_H

#include "policyd/placement/rebalance.h"

struct placement_waves {
    struct placement_view *sure;      /* after all moves so far */
    struct placement_balance balance; /* of that */
    struct placement_view *during;    /* the same, and who goes in this wave
                                         is where it was, too */
    struct placement_plan *plan;
    const struct placement_moving *moving;
    uint32_t parallel;
    uint32_t mib_per_s;
    bool pack;       /* hosts are to be emptied */
    uint32_t *twins; /* in `during`, of this wave's guests */
    uint32_t n_twins;
    uint32_t twins_max;
    bool has_ruled; /* a guest with rules is in this wave */
    uint32_t moves_max;
};

/* `plan` is emptied, and filled by what follows; all that is given must
 * outlive it. */
void placement_waves_init(struct placement_waves *waves,
                          const struct placement_view *view,
                          const struct placement_rebalance_options *options,
                          struct placement_plan *plan);
/* The same with a copy of the view that was made before, and is taken over. */
void placement_waves_init_with(
    struct placement_waves *waves, const struct placement_view *view,
    struct placement_view *copy,
    const struct placement_rebalance_options *options,
    struct placement_plan *plan);
void placement_waves_fini(struct placement_waves *waves);

/* The guest in this wave; false: it cannot be, now. */
bool placement_waves_take(struct placement_waves *waves, uint32_t guest,
                          uint32_t to);
/* The same without asking. */
void placement_waves_put(struct placement_waves *waves, uint32_t guest,
                         uint32_t to, uint32_t backup);
bool placement_waves_is_full(const struct placement_waves *waves);
void placement_waves_end_wave(struct placement_waves *waves);

/* What all the moves of a plan come to, done in `start`. */
void placement_waves_sum_up(const struct placement_view *start,
                            const struct placement_whole *wholes,
                            struct placement_plan *plan);

#endif
