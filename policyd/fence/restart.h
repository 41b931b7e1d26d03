/*
 * Protected guests of hosts that are off for sure (host_record.fenced_ms) are
 * started anew elsewhere: those with the highest restart_priority first, each
 * on its backup if that still has the room, or where placement chooses.  Who
 * finds no host is tried again, as long as its host is away.
 *
 * Each is a move (mover_restart), so it survives the death of policyd at any
 * point; which guests are left follows from the book alone.
 */
#ifndef POLICYD_FENCE_RESTART_H
#define POLICYD_FENCE_RESTART_H

#include "policyd/api/operations.h"

struct restarts;

/* After the hosts and moves; looks at once when the book has such hosts. */
struct restarts *restarts_new(struct operations *ops);
void restarts_stop(struct restarts *restarts); /* NULL allowed */
void restarts_free(struct restarts *restarts); /* NULL allowed */
/* A host was fenced, or room may have come. */
void restarts_soon(struct restarts *restarts);

/* What becomes of the guests that ran on this host, as far as is known now:
 * those that go first, first.  In the arena; nothing is done. */
void restarts_describe(struct operations *ops, const char *host,
                       struct arena *arena, struct wire_fence_plan *ret);

/* Of hosts that are fenced: how many are; protected guests that wait there;
 * and guests that were started elsewhere since policyd was started. */
struct restarts_counts {
    uint32_t n_hosts, n_waiting;
    uint64_t n_restarted, n_failed;
};
void restarts_count(const struct restarts *restarts,
                    struct restarts_counts *ret);

#endif
