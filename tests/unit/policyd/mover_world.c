/* Two hosts between which a guest is sent; see mover_world.h. */
#include "tests/unit/policyd/mover_world.h"

#include <stdlib.h>

/* ---- choices ---- */

static unsigned choices[32], bounds[32], n_choices, at_choice;

unsigned world_pick(unsigned n)
{
    if (at_choice == n_choices) {
        if (n_choices == 32)
            abort();
        choices[n_choices] = 0;
        bounds[n_choices++] = n;
    }
    return choices[at_choice++];
}

void world_first_path(void)
{
    n_choices = at_choice = 0;
}

bool world_next_path(void)
{
    while (n_choices && choices[n_choices - 1] + 1 == bounds[n_choices - 1])
        n_choices--;
    at_choice = 0;
    if (!n_choices)
        return false;
    choices[n_choices - 1]++;
    return true;
}

/* ---- hosts ---- */

enum world_broken world_broken;

static void undo_target(struct world *w)
{
    w->t = T_NONE;
    w->t_domain = w->t_runs = 0;
    w->t_key = KEY_NO;
}

static int expect(struct world *w)
{
    if (w->t_key == KEY_NO)
        return VDC_E_CONFLICT;
    if (w->t == T_NONE && world_pick(2))
        return VDC_E_NO_MEMORY;
    if (w->t == T_NONE)
        w->t = T_EXPECTED;
    return 0;
}

/* The target has it all.  Whether the source still has. */
static void prepare(struct world *w)
{
    w->t = T_PREPARED;
    w->t_domain = 1;
    w->t_runs = world_broken == RELEASES_EARLY;
}

static void commit(struct world *w)
{
    w->t = T_COMMITTED;
    w->t_runs = w->t_domain;
    w->t_key = KEY_YES;
}

static int leave(struct world *w)
{
    if (w->s_key != KEY_NONE && world_pick(2))
        return VDC_E_STORE; /* it cannot read what it answered */
    if (w->s_key == KEY_YES)
        return 0;
    if (w->s_key == KEY_CLOSED)
        return VDC_E_CONFLICT;
    if (w->s_key == KEY_NO)
        return VDC_E_HYPERVISOR;
    if (!w->s_row)
        return VDC_E_NOT_FOUND;
    w->s_key = KEY_NO;
    if (!w->s_runs || w->t != T_EXPECTED)
        return VDC_E_HYPERVISOR; /* nothing was touched */
    switch (world_pick(4)) {
    case 0: /* ended by either before the target has it all */
        undo_target(w);
        return VDC_E_HYPERVISOR;
    case 1: /* the source dies, or is cancelled, and does not pass */
        prepare(w);
        return VDC_E_CANCELLED;
    case 2: /* passed; the target does not hear of it */
        prepare(w);
        break;
    default:
        prepare(w);
        w->s_passed = 1;
        commit(w);
        break;
    }
    w->s_passed = 1;
    w->s_key = KEY_YES;
    w->s_runs = world_broken == RESUMES_RELEASED;
    w->s_row = 0;
    return 0;
}

int world_recall_leave(struct world *w)
{
    if (w->s_key != KEY_NONE && world_pick(2))
        return VDC_E_STORE;
    if (w->s_key == KEY_NONE)
        w->s_key = KEY_CLOSED;
    return w->s_key == KEY_YES  ? 0
           : w->s_key == KEY_NO ? VDC_E_HYPERVISOR
                                : VDC_E_NOT_FOUND;
}

static int release(struct world *w)
{
    if (w->t == T_COMMITTED && w->t_key == KEY_YES)
        return 0;
    if (w->t == T_PREPARED) {
        if (world_pick(2))
            return VDC_E_DISK_FULL; /* it cannot write that down now */
        if (w->t_domain) {
            commit(w);
            return 0;
        }
        undo_target(w);
        return VDC_E_HYPERVISOR;
    }
    if (w->t_key == KEY_NO)
        return VDC_E_HYPERVISOR;
    if (w->t != T_COMMITTED)
        undo_target(w);
    return VDC_E_NOT_FOUND;
}

static int abandon(struct world *w)
{
    if (w->t == T_COMMITTED && world_broken != ABANDONS_RELEASED)
        /* it knows the key, or it does not any more */
        return w->t_key == KEY_YES ? VDC_E_CONFLICT : 0;
    if (w->t == T_PREPARED && world_pick(2))
        return VDC_E_DISK_FULL;
    undo_target(w);
    return 0;
}

static int take_back(struct world *w, bool starts)
{
    if (starts && w->return_key == KEY_YES)
        return 0;
    if (starts && w->return_key != KEY_NONE)
        return VDC_E_CONFLICT;
    if (w->s_row)
        return VDC_E_EXISTS;
    if (world_pick(2)) {
        if (starts)
            w->return_key = KEY_NO;
        return VDC_E_NO_MEMORY;
    }
    w->s_row = 1;
    if (starts) {
        w->s_runs = 1;
        w->return_key = KEY_YES;
    }
    return 0;
}

int world_obey(struct world *w, enum wire_move_state state)
{
    w->orders |= (uint8_t)(state == WIRE_MOVE_PREPARING    ? 1
                           : state == WIRE_MOVE_LEAVING    ? 2
                           : state == WIRE_MOVE_ARRIVING   ? 4
                           : state == WIRE_MOVE_ABANDONING ? 8
                           : state == WIRE_MOVE_RETURNING  ? 16
                                                           : 0);
    if (state == WIRE_MOVE_PREPARING)
        return expect(w);
    if (state == WIRE_MOVE_LEAVING)
        return leave(w);
    if (state == WIRE_MOVE_ARRIVING)
        return release(w);
    if (state == WIRE_MOVE_ABANDONING)
        return abandon(w);
    return take_back(w, state == WIRE_MOVE_RETURNING);
}

/* ---- what happens by itself ---- */

/* One who does not know yet that another leads sends again what it sent. */
static void late_order(struct world *w)
{
    static const enum wire_move_state states[] = {
        WIRE_MOVE_PREPARING, WIRE_MOVE_LEAVING, WIRE_MOVE_ARRIVING,
        WIRE_MOVE_ABANDONING, WIRE_MOVE_RETURNING,
    };
    unsigned i = world_pick(5);

    if (w->orders & 1u << i)
        (void)world_obey(w, states[i]);
}

/* A machine loses its power; what its database defines it may start. */
static void power(struct world *w, bool source)
{
    if (source) {
        w->s_runs = w->s_row && world_pick(2);
    } else {
        if (w->t == T_EXPECTED)
            w->t = T_NONE;
        w->t_domain = 0;
        w->t_runs = w->t == T_COMMITTED && world_pick(2);
    }
}

static void disaster(struct world *w)
{
    w->disasters++;
    switch (world_pick(4)) {
    case 0:
        power(w, true);
        break;
    case 1:
        power(w, false);
        break;
    case 2:
        /* the source's database is lost; what runs in Xen goes on.  (Not of
         * one that was passed, which would be a domain that nobody ends.) */
        w->s_row = 0;
        w->s_emptied = 1;
        w->s_key = w->return_key = KEY_NONE;
        break;
    default: /* the target has forgotten what it answered */
        if (w->t_key == KEY_YES)
            w->t_key = KEY_NONE;
        break;
    }
}

void world_happens(struct world *w)
{
    switch (world_pick(w->disasters < DISASTERS_MAX ? 5 : 4)) {
    case 0:
        return;
    case 1: /* the target's resourced dies */
        if (w->t == T_EXPECTED)
            w->t = T_NONE;
        if (w->t == T_PREPARED && world_broken == FORGETS_PREPARED)
            undo_target(w);
        return;
    case 2:
        late_order(w);
        return;
    case 3:
        w->cancelled = 1;
        return;
    default:
        disaster(w);
        return;
    }
}
