/*
 * One guest from one host to another: which may be moved at all, and whether
 * every hard constraint holds while it goes and afterwards.  While it goes it
 * has its room on both hosts.
 *
 * What a placement does not look at, because guests only come, is looked at
 * here: those that stay behind must not lose the last one that they are to be
 * with.
 */
#ifndef POLICYD_PLACEMENT_STEP_H
#define POLICYD_PLACEMENT_STEP_H

#include "policyd/placement/constraint.h"

/* What is known of guests and hosts beside the view. All may be 0. */
struct placement_moving {
    int64_t now_ms;
    /* Guests moved and hosts changed less than this ago are left alone. The
     * times are by index, for as many as there are; INT64_MIN: never. */
    int64_t cool_down_ms;
    const int64_t *guest_moved_ms;
    const int64_t *host_changed_ms;
    uint32_t n_guest_moved;
    uint32_t n_host_changed;
    /* Adds to a request what a guest in the view does not have: tags,
     * domain, a host that it is pinned to. */
    void (*complete)(void *arg, uint32_t guest,
                     struct placement_request *request);
    /* Whether a guest must stay for a reason of the caller's. */
    bool (*is_held)(void *arg, uint32_t guest);
    void *arg;
};

enum placement_stay {
    PLACEMENT_STAY_NOT,     /* it may go */
    PLACEMENT_STAY_DOWN,    /* its host is down */
    PLACEMENT_STAY_DEVICES, /* it runs, and has devices of its host */
    PLACEMENT_STAY_COOLING, /* it or its host was changed lately */
    PLACEMENT_STAY_HELD     /* moving->is_held */
};

enum placement_stay placement_step_stay(const struct placement_view *view,
                                        const struct placement_moving *moving,
                                        uint32_t guest);
/* "has devices of its host, and runs"; of PLACEMENT_STAY_NOT "". */
const char *placement_step_stay_text(enum placement_stay stay);
/* Whether guests may come to a host, as far as cool-down goes. */
bool placement_step_is_cool(const struct placement_moving *moving,
                            uint32_t host);

/* What the guest would ask for if it were placed anew.  One that runs asks for
 * CPUs of the maker of those that it is on: it cannot go on elsewhere. */
void placement_step_request(const struct placement_view *view,
                            const struct placement_moving *moving,
                            uint32_t guest, struct placement_request *ret);

/* What the CPUs of its next host must be. */
struct cpu_set placement_step_cpu(const struct placement_view *view,
                                  uint32_t guest);

/*
 * Whether the guest can go to a host; *ret_backup is its new backup, or
 * PLACEMENT_NONE when it needs none.  The view is used to try, and as before
 * afterwards, except for its version.
 */
bool placement_step_can(struct placement_view *view,
                        const struct placement_moving *moving, uint32_t guest,
                        uint32_t to, uint32_t *ret_backup);
/* Moves it, whether it can or not. */
void placement_step_do(struct placement_view *view, uint32_t guest,
                       uint32_t to, uint32_t backup, int64_t now_ms);

#endif
