/*
 * Decisions that were made; see decision.h.
 */
#include "policyd/decision.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* A run of few hosts may have as many entries as if there were this many. */
#define RUN_MIN 64
/* So many are forgotten with one that comes. */
#define FORGET_AT_ONCE 16

TAILQ_HEAD(decision_list, decision);

struct decisions {
    struct decision_list all;
    size_t n;
    size_t most;
    uint64_t last_number;
    uint64_t version;   /* of the view at the last one; 0: a run begins */
    uint64_t run_hosts; /* that are in the entries of this run */
    bool gap;           /* what is loaded follows on nothing */
    struct decisions_keeper keeper;
};

struct decisions *decisions_new(size_t most)
{
    struct decisions *decisions = XNEW(struct decisions);

    TAILQ_INIT(&decisions->all);
    decisions->most = most;
    decisions->gap = true;
    return decisions;
}

void decisions_set_most(struct decisions *decisions, size_t most)
{
    decisions->most = most;
}

void decisions_set_keeper(struct decisions *decisions,
                          const struct decisions_keeper *keeper)
{
    decisions->keeper = *keeper;
}

void decisions_break(struct decisions *decisions)
{
    decisions->version = 0;
}

static void drop(struct decisions *decisions, struct decision *d)
{
    TAILQ_REMOVE(&decisions->all, d, link);
    decisions->n--;
    free(d->customer);
    free(d->guest);
    free(d->host);
    free(d->text);
    free(d);
}

void decisions_free(struct decisions *decisions)
{
    if (!decisions)
        return;
    while (!TAILQ_EMPTY(&decisions->all))
        drop(decisions, TAILQ_FIRST(&decisions->all));
    free(decisions);
}

/* The last of the first run; NULL when there is but one run. */
static struct decision *end_of_first_run(const struct decisions *decisions)
{
    struct decision *d = TAILQ_FIRST(&decisions->all);

    for (; d; d = TAILQ_NEXT(d, link)) {
        const struct decision *next = TAILQ_NEXT(d, link);
        if (next && next->whole)
            return d;
    }
    return NULL;
}

static void forget_old(struct decisions *decisions)
{
    for (int i = 0; i < FORGET_AT_ONCE && decisions->n > decisions->most;
         i++) {
        struct decision *d = end_of_first_run(decisions);
        if (!d)
            return;
        if (decisions->keeper.drop)
            decisions->keeper.drop(decisions->keeper.arg, d);
        drop(decisions, d);
    }
}

static struct decision *append(struct decisions *decisions)
{
    struct decision *d = XNEW(struct decision);

    TAILQ_INSERT_TAIL(&decisions->all, d, link);
    decisions->n++;
    return d;
}

void decisions_load(struct decisions *decisions, const struct decision *from)
{
    if (from->number <= decisions->last_number)
        return;
    if (from->whole)
        decisions->gap = false;
    else if (from->number != decisions->last_number + 1)
        decisions->gap = true;
    decisions->last_number = from->number;
    if (decisions->gap)
        return;
    struct decision *d = append(decisions);
    d->number = from->number;
    d->uuid = from->uuid;
    d->customer = xstrdup(from->customer);
    d->guest = xstrdup(from->guest);
    d->host = xstrdup(from->host);
    d->time_ms = from->time_ms;
    d->whole = from->whole;
    d->text = xstrdup(from->text);
}

static const char *host_text(const struct placement_view *view, uint32_t host)
{
    return host == PLACEMENT_NONE
               ? ""
               : placement_view_text(view,
                                     placement_view_host(view, host)->name);
}

const struct decision *decisions_add(struct decisions *decisions,
                                     const struct placement_view *view,
                                     const struct placement_record *record,
                                     const char *customer, const char *guest,
                                     uint64_t time_ms)
{
    uint32_t n_hosts = placement_view_n_hosts(view), n_written;
    uint32_t winner = record->decision.winner.host;
    struct decision *d = append(decisions);
    bool full = decisions->run_hosts >=
                (n_hosts > RUN_MIN ? n_hosts : (uint64_t)RUN_MIN);

    d->text = placement_record_write(view, full ? 0 : decisions->version,
                                     n_hosts / 2 + 1, record, &n_written,
                                     &d->whole);
    /* an entry without changes is not for nothing either */
    decisions->run_hosts =
        d->whole ? 0 : decisions->run_hosts + n_written + 1;
    decisions->version = placement_view_version(view);
    d->number = ++decisions->last_number;
    d->uuid = record->request.uuid;
    d->customer = xstrdup(customer);
    d->guest = xstrdup(guest);
    d->host = xstrdup(host_text(view, winner));
    d->time_ms = time_ms;
    if (decisions->keeper.put)
        decisions->keeper.put(decisions->keeper.arg, d);
    forget_old(decisions);
    return d;
}

static const struct decision *last(const struct decisions *decisions)
{
    return TAILQ_LAST(&decisions->all, decision_list);
}

static const struct decision *before(const struct decision *d)
{
    return TAILQ_PREV(d, decision_list, link);
}

const struct decision *decisions_find(const struct decisions *decisions,
                                      const struct vdc_uuid *uuid)
{
    const struct decision *d = last(decisions);

    while (d && !uuid_equal(&d->uuid, uuid))
        d = before(d);
    return d;
}

const struct decision *
decisions_find_name(const struct decisions *decisions, const char *customer,
                    const char *guest)
{
    const struct decision *d = last(decisions);

    while (d && (strcmp(d->guest, guest) != 0 ||
                 strcmp(d->customer, customer) != 0))
        d = before(d);
    return d;
}

size_t decisions_count(const struct decisions *decisions)
{
    return decisions->n;
}

int decisions_replay(const struct decisions *decisions,
                     const struct decision *decision,
                     struct placement_replay **ret, struct vdc_error *err)
{
    struct placement_replay *replay = placement_replay_new();
    const struct decision *d = decision;
    int rc = 0;

    while (!d->whole && before(d))
        d = before(d);
    for (;; d = TAILQ_NEXT(d, link)) {
        rc = placement_replay_read(replay, d->text, strlen(d->text), err);
        if (rc || d == decision)
            break;
    }
    if (rc) {
        placement_replay_free(replay);
        vdc_error_prefix(err, "decision %llu", (unsigned long long)d->number);
        return VDC_E_STORE_CORRUPT;
    }
    *ret = replay;
    return 0;
}
