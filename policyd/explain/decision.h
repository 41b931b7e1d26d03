/*
 * The decisions that were made: kept as text, from which each can be made
 * again (placement/record.h).
 *
 * They come in runs: a decision on the whole view, and those after it on what
 * was changed since.  A run ends when the changes in it have become as many as
 * there are hosts; so a decision costs, on the average, what was changed since
 * the one before, twice.  Where there are many hosts the whole view is written
 * in parts before it is wanted, each an entry without a decision, and a run
 * begins with them: so no decision takes long.  When there are more than are
 * to be kept, the oldest run goes, from its end on and a few at a time, so
 * that what is left of it can still be read.
 */
#ifndef POLICYD_EXPLAIN_DECISION_H
#define POLICYD_EXPLAIN_DECISION_H

#include <sys/queue.h>

#include "policyd/placement/replay.h"

struct decision {
    TAILQ_ENTRY(decision) link; /* the oldest first */
    uint64_t number;            /* from 1 on; one more each */
    struct vdc_uuid uuid;       /* of the guest; zero: a part of a view */
    char *customer;
    char *guest; /* its name then */
    char *host;  /* "": no host could take it */
    uint64_t time_ms;
    bool whole; /* begins a run */
    char *text;
    /* of decision.c: of the same guest by its uuid, and by its name */
    struct decision *older[2], *newer[2];
};

struct decisions;

struct event_base;

struct decisions *decisions_new(size_t most);
void decisions_free(struct decisions *decisions); /* NULL allowed */
void decisions_set_most(struct decisions *decisions, size_t most);

/* Who keeps them beyond this process: told of each that is new, and each that
 * is forgotten. */
struct decisions_keeper {
    void (*put)(void *arg, const struct decision *decision);
    void (*drop)(void *arg, const struct decision *decision);
    void *arg;
};
void decisions_set_keeper(struct decisions *decisions,
                          const struct decisions_keeper *keeper);
/* What was kept, in the order of numbers; copied.  One that cannot be read
 * because others before it are missing is left out. */
void decisions_load(struct decisions *decisions,
                    const struct decision *decision);
/* What was put last may not have been kept: the next begins a run. */
void decisions_break(struct decisions *decisions);

/* One that was just made on this version of the view, which is the same view
 * in all calls. */
const struct decision *decisions_add(struct decisions *decisions,
                                     const struct placement_view *view,
                                     const struct placement_record *record,
                                     const char *customer, const char *guest,
                                     uint64_t time_ms);

/* Writes a part of the view if a run is to begin soon.  False: nothing more is
 * to be written now.  Every decision does the same. */
bool decisions_prepare(struct decisions *decisions,
                       const struct placement_view *view);
/* Does it from the loop, too, until they are freed. */
void decisions_tend(struct decisions *decisions, struct event_base *base,
                    const struct placement_view *view);

/* The last about a guest; NULL: there is none, or none any more. */
const struct decision *decisions_find(const struct decisions *decisions,
                                      const struct vdc_uuid *uuid);
/* The last about any guest that had this name, also one that was refused. */
const struct decision *
decisions_find_name(const struct decisions *decisions, const char *customer,
                    const char *guest);
size_t decisions_count(const struct decisions *decisions);

/* Reads it, after those before it in its run; for the caller to free.
 * Errors: VDC_E_STORE_CORRUPT. */
int decisions_replay(const struct decisions *decisions,
                     const struct decision *decision,
                     struct placement_replay **ret, struct vdc_error *err);

#endif
