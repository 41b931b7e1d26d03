/*
 * Removes old records; see prune.h.
 *
 * Their ids begin with their time, so that those of a piece of time go
 * together without being read.  Which pieces have any is found by looking at
 * large ones, once after each start; what is in one goes in pieces of a
 * quarter of an hour, a few at once.
 */
#include "policyd/customers/prune.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

/* There was no policyd before; a multiple of RECORD_TIME_STEP. */
#define BEGIN_MS UINT64_C(1700000000000)
#define PIECE_MS UINT64_C(1000000) /* 16.7 min */
#define PIECES 8                   /* of a commit */
#define PAUSE_MS 50
#define REST_MS 60000
/* A clock that goes forward by so much between two looks may be wrong, and
 * what is removed does not come again: so long is waited for it to be set
 * right. */
#define LEAP_MS UINT64_C(86400000)

struct kind {
    struct prune *prune;
    enum store_record record;
    uint64_t keep_ms;
    uint64_t at_ms, next_ms; /* all before it is gone; and will be */
    bool found;              /* the large piece has some */
};

enum { AUDIT, USE, N_KINDS };

struct prune {
    struct book *book;
    struct kind kinds[N_KINDS];
    unsigned turn; /* whose it is */
    struct event *timer;
    struct kind *busy; /* that waits for the store */
    uint64_t offset_ms; /* of wall time to monotonic time, at the last look */
    uint64_t hold_ms;   /* monotonic; nothing is removed before */
};

static void in(struct prune *prune, uint64_t ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(prune->timer, &tv);
}

/* Whole pieces that are old enough. */
static uint64_t end_of(const struct kind *kind)
{
    uint64_t now = clock_wall().ms;

    if (!kind->keep_ms || now < kind->keep_ms)
        return 0;
    return (now - kind->keep_ms) / PIECE_MS * PIECE_MS;
}

static bool is_done(const struct kind *kind)
{
    return kind->at_ms >= end_of(kind);
}

bool prune_is_done(const struct prune *prune)
{
    return !prune->busy && is_done(&prune->kinds[AUDIT]) &&
           is_done(&prune->kinds[USE]);
}

/* What the store was asked for has come. */
static void go_on(struct prune *prune, uint64_t ms)
{
    prune->busy = NULL;
    in(prune, ms);
}

/* ---- looking ---- */

static void one(void *arg, const char *id, const void *body)
{
    struct kind *kind = arg;

    kind->found = true;
}

static void looked(void *arg, const struct vdc_error *why)
{
    struct kind *kind = arg;

    if (!why->code && !kind->found)
        kind->at_ms += RECORD_TIME_STEP;
    /* to find nothing costs next to nothing */
    go_on(kind->prune, why->code ? REST_MS : kind->found ? PAUSE_MS : 1);
}

static void look(struct kind *kind)
{
    struct arena *arena = arena_new();

    kind->prune->busy = kind;
    book_read(kind->prune->book, kind->record,
              record_time_prefix(kind->at_ms, arena), one, looked, kind);
    arena_free(arena);
}

/* ---- removing ---- */

static void removed(void *arg, const struct vdc_error *why)
{
    struct kind *kind = arg;

    if (why->code)
        log_debug("old records stay for now: %s", why->text);
    else
        kind->at_ms = kind->next_ms;
    if (kind->at_ms % RECORD_TIME_STEP == 0)
        kind->found = false;
    go_on(kind->prune, why->code ? REST_MS : PAUSE_MS);
}

/* Not beyond the end, nor the large piece. */
static void remove_some(struct kind *kind)
{
    const struct vdc_error none = { 0 };
    char texts[PIECES][16];
    const char *prefixes[PIECES];
    struct vdc_error err = { 0 };
    uint64_t end = end_of(kind), at = kind->at_ms;
    size_t n = 0;

    do {
        snprintf(texts[n], sizeof(texts[n]), "%08llu",
                 (unsigned long long)(at / PIECE_MS));
        prefixes[n] = texts[n];
        n++;
        at += PIECE_MS;
    } while (n < PIECES && at < end && at % RECORD_TIME_STEP);
    kind->next_ms = at;
    kind->prune->busy = kind;
    if (book_remove_times(kind->prune->book, kind->record, prefixes, n, &err))
        removed(kind, &err);
    else if (!book_wait(kind->prune->book, removed, kind))
        removed(kind, &none);
}

/* ---- the timer ---- */

static uint64_t offset(void)
{
    return clock_wall().ms - clock_mono().ms;
}

/* Whether the clock is to be believed. */
static bool is_certain(struct prune *prune)
{
    uint64_t now = clock_mono().ms, was = prune->offset_ms;

    prune->offset_ms = offset();
    if (prune->offset_ms > was && prune->offset_ms - was >= LEAP_MS) {
        prune->hold_ms = now + LEAP_MS;
        log_warning("the clock went forward by %llu days: no old records are "
                    "removed for a day",
                    (unsigned long long)((prune->offset_ms - was) / LEAP_MS));
    }
    return now >= prune->hold_ms;
}

static void step(struct prune *prune)
{
    struct kind *kind = &prune->kinds[prune->turn++ % N_KINDS];

    if (!is_certain(prune)) {
        in(prune, REST_MS);
        return;
    }
    if (is_done(kind))
        kind = &prune->kinds[prune->turn % N_KINDS];
    if (is_done(kind))
        in(prune, REST_MS);
    else if (!kind->found && kind->at_ms % RECORD_TIME_STEP == 0 &&
             kind->at_ms + RECORD_TIME_STEP <= end_of(kind))
        look(kind);
    else
        remove_some(kind);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    step(arg);
}

void prune_now(struct prune *prune)
{
    if (!prune->busy)
        in(prune, 0);
}

static void kind_init(struct prune *prune, unsigned i,
                      enum store_record record, uint64_t keep_ms)
{
    prune->kinds[i] = (struct kind){ .prune = prune,
                                     .record = record,
                                     .keep_ms = keep_ms,
                                     .at_ms = BEGIN_MS };
}

struct prune *prune_new(struct event_base *base, struct book *book,
                        const struct prune_keep *keep)
{
    if (!keep->audit_ms && !keep->usage_ms)
        return NULL;
    struct prune *prune = XNEW(struct prune);
    prune->book = book;
    prune->offset_ms = offset();
    kind_init(prune, AUDIT, STORE_AUDIT, keep->audit_ms);
    kind_init(prune, USE, STORE_USE, keep->usage_ms);
    prune->timer = evtimer_new(base, on_timer, prune);
    in(prune, REST_MS);
    return prune;
}

void prune_free(struct prune *prune)
{
    if (!prune)
        return;
    event_free(prune->timer);
    free(prune);
}
