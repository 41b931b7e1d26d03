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

/* A host of the data center. */
struct fence_host {
    const char *name;
    bool may; /* it has joined, and there is an address of its watchdogd */
    const struct wire_fence_report *report; /* that is new; NULL: none */
};

/* NULL: it is not a member. */
const struct wire_stored_fence_member *
fence_list_member(const struct wire_stored_fence *list, const char *name);

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

#endif
