/*
 * Rebalancing: which guests to move where, so that hosts are used evenly or as
 * few of them as can be; a plan, in an order in which every hard constraint
 * holds at every step.  A pure function of (view, options): no clock, no
 * random numbers, no I/O.
 *
 * A plan that was carried out is the end of it: of the view that it leads to
 * no other plan is made, unless it was cut short by `max_moves`, or guests
 * that were left alone because of cool-down no longer are.
 */
#ifndef POLICYD_PLACEMENT_REBALANCE_H
#define POLICYD_PLACEMENT_REBALANCE_H

#include "policyd/placement/balance.h"
#include "policyd/placement/step.h"

enum placement_goal {
    PLACEMENT_GOAL_EVEN, /* the score of balance.h */
    PLACEMENT_GOAL_PACK  /* empty hosts */
};

struct placement_rebalance_options {
    enum placement_goal goal;
    struct placement_moving moving;
    const struct placement_whole *wholes; /* by host, or NULL */
    double min_gain;    /* what each step of the search must lower the score
                           by; a little is always asked for */
    uint32_t max_moves; /* 0: any number */
    uint32_t parallel;  /* moves at a time; 0 is 1 */
    uint32_t mib_per_s; /* how fast one move copies memory; 0: unknown */
};

/* Why a guest is moved. */
enum placement_move_why {
    PLACEMENT_MOVE_EVEN,  /* its host has more than the other */
    PLACEMENT_MOVE_LEAVE, /* its host is not up */
    PLACEMENT_MOVE_RULE,  /* a rule of groups is kept better */
    PLACEMENT_MOVE_ROOM,  /* it alone makes nothing better: it makes room, or
                             changes its place with another */
    PLACEMENT_MOVE_EMPTY  /* its host becomes empty */
};

/* A host as it was just before a move. */
struct placement_load {
    uint32_t n_guests;
    uint32_t free_percent; /* of its memory */
};

struct placement_move {
    uint32_t guest;
    uint32_t from;
    uint32_t to;
    uint32_t backup; /* its new one, or PLACEMENT_NONE */
    uint32_t wave;   /* from 0; those of one may be done at once */
    enum placement_move_why why;
    struct placement_load load_from;
    struct placement_load load_to;
    double gain; /* by which the score falls; of one that makes room it may be
                    negative */
    struct mem memory; /* to be copied */
    uint64_t time_ms;  /* by mib_per_s, or 0 */
};

struct placement_plan {
    struct placement_move *moves; /* in their order */
    uint32_t n_moves;
    uint32_t n_waves;
    double before; /* scores */
    double after;
    uint32_t used_before; /* hosts with guests */
    uint32_t used_after;
    struct mem memory;
    uint64_t time_ms; /* of all waves, one after the other */
};

/* Errors: VDC_E_BAD_VALUE (a negative min_gain or cool-down). The plan may be
 * empty. */
int placement_rebalance(const struct placement_view *view,
                        const struct placement_rebalance_options *options,
                        struct placement_plan *ret, struct vdc_error *err);
void placement_plan_fini(struct placement_plan *plan);

/*
 * The same in short steps, for who has other things to do: of 10,000 hosts it
 * takes long.  It begins with a copy of the view, and the plan is of that.
 * `options` is copied; what it points to must outlive it.  Errors: those of
 * placement_rebalance.
 */
struct placement_rebalancing;
int placement_rebalancing_new(
    const struct placement_view *view,
    const struct placement_rebalance_options *options,
    struct placement_rebalancing **ret, struct vdc_error *err);
/* True: that was all, and the plan is there. */
bool placement_rebalancing_step(struct placement_rebalancing *rebalancing);
const struct placement_plan *
placement_rebalancing_plan(const struct placement_rebalancing *rebalancing);
/* The copy. */
const struct placement_view *
placement_rebalancing_view(const struct placement_rebalancing *rebalancing);
/* At any time.  NULL allowed. */
void placement_rebalancing_free(struct placement_rebalancing *rebalancing);

#define PLACEMENT_MOVE_REASON_MAX 255

/* In a sentence. Returns buf (at least PLACEMENT_MOVE_REASON_MAX + 1). */
const char *placement_move_reason(const struct placement_view *view,
                                  const struct placement_move *move, char *buf,
                                  size_t size);

#endif
