/*
 * Whether a host is off for sure: a pure function of what policyd has heard
 * and of the time.  No I/O; doc/design/016 says why it is right.
 *
 * A host is when all of this has held for it, without a break, for its
 * watchdog time, FENCE_HEARD_MS and two beats:
 *
 *   1. neither its watchdogd nor its resourced answers policyd;
 *   2. its watchdog was armed, as policyd has on record;
 *   3. a majority of all members, itself counted as one, tell policyd now, and
 *      nobody who tells has heard it in FENCE_HEARD_MS.
 *
 * It pets its watchdog only while it hears a majority, and two majorities have
 * a member in common.
 */
#ifndef POLICYD_FENCE_DECIDE_H
#define POLICYD_FENCE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

enum fence_verdict {
    FENCE_ANSWERS,     /* itself, to policyd */
    FENCE_FEW,         /* there are too few members to fence anybody */
    FENCE_UNSETTLED,   /* who is a member is being changed */
    FENCE_UNARMED,     /* it has no watchdog: an operator must say it */
    FENCE_NO_MAJORITY, /* too few members tell */
    FENCE_HEARD,       /* another member hears it */
    FENCE_WAITING,     /* all holds, but not for long enough */
    FENCE_OFF,
};

/* A member, as policyd knows it now. */
struct fence_seen {
    bool answers;         /* one of its programs does */
    bool armed;           /* by the last that is on record */
    uint64_t watchdog_ms; /* then: at most */
    bool tells;           /* its report is new, and of this list */
};

struct fence_view {
    uint32_t n; /* members */
    const struct fence_seen *members;
    /* n x n: heard[i * n + j], whether i has heard j, by a report that is new,
     * of whichever list. */
    const bool *heard;
    bool settled;     /* nobody is being added or taken away */
    uint64_t now_ms;  /* monotonic */
    uint64_t beat_ms; /* the longest between two reports of anybody */
};

/* What is kept of a member between two calls; at first all zero. */
struct fence_count {
    bool counting;
    uint64_t since_ms; /* all has held since then */
    uint64_t last_ms;  /* of the last call */
};

/* So long all must hold. */
uint64_t fence_wait_ms(const struct fence_view *view, uint32_t member);
/* Of one member; is called at least every beat, as a longer pause is a
 * break. */
enum fence_verdict fence_judge(const struct fence_view *view, uint32_t member,
                               struct fence_count *count);
/* For a person: "another host hears it". */
const char *fence_verdict_text(enum fence_verdict verdict);

#endif
