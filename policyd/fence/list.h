/*
 * Who takes part in fencing: what follows from the record, and from what the
 * hosts' watchdogds say.  Pure; watch.c does it.
 *
 * At most one member is added or taken away at a time, and the next only when
 * majorities of the list before and of that after it go by the new one: so
 * each majority of one has a member in common with each of the other.  A list
 * of fewer than FENCE_MEMBERS_MIN needs none, as nobody is fenced by it.  It
 * waits, too, for members that answer and do not know of it yet, and for those
 * that policyd does not hear but another member does.
 *
 * What a watchdogd is told is on record before; what it says is on record
 * before anything is decided by it.
 */
#ifndef POLICYD_FENCE_LIST_H
#define POLICYD_FENCE_LIST_H

#include <stdbool.h>

#include "base/arena.h"
#include "wire/wire.h"

/* A host of the data center; several are in the order of their names. */
struct fence_host {
    const char *name;
    bool may; /* it has joined, and there is an address of its watchdogd */
    const struct wire_fence_report *report; /* that is new; NULL: none */
};

/* NULL: it is not a member. */
const struct wire_stored_fence_member *
fence_list_member(const struct wire_stored_fence *list, const char *name);

/* Which members there are, in the order of their names: indices; in the
 * arena. */
const uint32_t *fence_list_order(const struct wire_stored_fence *list,
                                 struct arena *arena);
/* Whom of the members (by index, of which `ret` has as many) this report says
 * to have been heard just now; those of whom it says nothing are. */
void fence_list_heard(const struct wire_stored_fence *list,
                      const uint32_t *order,
                      const struct wire_fence_report *report, bool *ret);

/* So many names have been compared in all, for tests: with 1,000 members, each
 * of which tells of 1,000, that is to be done each beat. */
extern uint64_t fence_list_n_compared;

/* Whether the last change has come to majorities of both lists: then it is
 * recorded as nobody's, and a majority of the list is enough. */
bool fence_list_is_settled(const struct wire_stored_fence *list,
                           const struct fence_host *hosts, uint32_t n_hosts);

/* What is to be on record next, in the arena; false: nothing else. */
bool fence_list_next(const struct wire_stored_fence *list,
                     const struct fence_host *hosts, uint32_t n_hosts,
                     struct arena *arena, struct wire_stored_fence *ret);

/* A host was connected to, which may have booted: until its watchdogd says
 * that it is armed nobody relies on that. */
bool fence_list_connected(const struct wire_stored_fence *list,
                          const char *name, struct arena *arena,
                          struct wire_stored_fence *ret);

/* A host that is to be removed from the data center. */
struct fence_going {
    const char *name;
    bool up;    /* its resourced answers */
    bool fresh; /* since so short a time that its watchdogd may not have told
                   policyd yet */
};

/*
 * Whether its watchdog may be armed, or may be at any moment by what it was
 * told: then it would stop the host later, when it is no member.  What is on
 * record as not armed alone says nothing: a host that was just connected to is
 * so until its watchdogd has spoken.  One that does not answer in any way, and
 * that no member hears, is off or as good as that: it is false.
 */
bool fence_list_would_stop(const struct wire_stored_fence *list,
                           const struct fence_going *going,
                           const struct fence_host *hosts, uint32_t n_hosts);

#endif
