/*
 * Decisions that were made; see decision.h.
 */
#include "policyd/explain/decision.h"

#include <event2/event.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* A run of few hosts may have as many entries as if there were this many. */
#define RUN_MIN 64
/* So many are forgotten with one that comes. */
#define FORGET_AT_ONCE 16
/* A view of more hosts is written in parts of so many: a host is a matter of
 * microseconds. */
#define PARTS_MIN 1024
#define PART_HOSTS 96
/* Between parts, and looks whether any is to be written. */
#define PART_MS 5
#define LOOK_MS 2000

TAILQ_HEAD(decision_list, decision);

struct decisions {
    struct decision_list all;
    struct decision *second; /* begins the second run; NULL: there is one */
    size_t n;
    size_t most;
    uint64_t last_number;
    uint64_t version;   /* of the view at the last one; 0: a run begins */
    uint64_t run_hosts; /* that are in the entries of this run */
    bool gap;           /* what is loaded follows on nothing */
    void *newest[2];    /* tsearch(3) trees: by uuid, by name */
    struct decisions_keeper keeper;
    /* with which the next run begins, as far as it is written */
    struct placement_base base;
    char **parts;
    uint32_t n_parts;
    struct event *timer; /* NULL: nobody tends them */
    const struct placement_view *view;
};

static void drop_base(struct decisions *decisions)
{
    for (uint32_t i = 0; i < decisions->n_parts; i++)
        free(decisions->parts[i]);
    free(decisions->parts);
    decisions->parts = NULL;
    decisions->n_parts = 0;
    decisions->base = (struct placement_base){ 0 };
}

static bool is_part(const struct decision *d)
{
    return uuid_is_zero(&d->uuid);
}

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

/* ---- the last of each guest ---- */

enum { BY_UUID, BY_NAME, N_ORDERS };

static int by_uuid(const void *a, const void *b)
{
    const struct decision *x = a, *y = b;

    return memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

static int by_name(const void *a, const void *b)
{
    const struct decision *x = a, *y = b;
    int order = strcmp(x->guest, y->guest);

    return order ? order : strcmp(x->customer, y->customer);
}

static int (*const orders[N_ORDERS])(const void *, const void *) = {
    [BY_UUID] = by_uuid, [BY_NAME] = by_name
};

/* It is the newest; the one before it is behind it. */
static void enter(struct decisions *decisions, struct decision *d)
{
    for (int i = 0; i < N_ORDERS && !is_part(d); i++) {
        struct decision **slot = tsearch(d, &decisions->newest[i], orders[i]);
        if (!slot)
            abort(); /* no memory: as everywhere */
        if (*slot == d)
            continue;
        d->older[i] = *slot;
        (*slot)->newer[i] = d;
        *slot = d;
    }
}

static void leave(struct decisions *decisions, struct decision *d)
{
    for (int i = 0; i < N_ORDERS && !is_part(d); i++) {
        if (d->older[i])
            d->older[i]->newer[i] = d->newer[i];
        if (d->newer[i]) {
            d->newer[i]->older[i] = d->older[i];
        } else if (d->older[i]) {
            struct decision **slot =
                tfind(d, &decisions->newest[i], orders[i]);
            *slot = d->older[i];
        } else {
            tdelete(d, &decisions->newest[i], orders[i]);
        }
    }
}

static void drop(struct decisions *decisions, struct decision *d)
{
    leave(decisions, d);
    TAILQ_REMOVE(&decisions->all, d, link);
    decisions->n -= !is_part(d);
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
    decisions->second = NULL;
    while (!TAILQ_EMPTY(&decisions->all))
        drop(decisions, TAILQ_FIRST(&decisions->all));
    drop_base(decisions);
    if (decisions->timer)
        event_free(decisions->timer);
    free(decisions);
}

/* A run begins with it: the second, unless there are more. */
static void note_run(struct decisions *decisions, struct decision *d)
{
    if (d->whole && !decisions->second && d != TAILQ_FIRST(&decisions->all))
        decisions->second = d;
}

/* The first run is gone. */
static void find_second(struct decisions *decisions)
{
    struct decision *d = TAILQ_NEXT(decisions->second, link);

    while (d && !d->whole)
        d = TAILQ_NEXT(d, link);
    decisions->second = d;
}

/* The last of the first run; NULL when there is but one run. */
static struct decision *end_of_first_run(struct decisions *decisions)
{
    if (decisions->second &&
        decisions->second == TAILQ_FIRST(&decisions->all))
        find_second(decisions);
    return decisions->second
               ? TAILQ_PREV(decisions->second, decision_list, link)
               : NULL;
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

static struct decision *append(struct decisions *decisions,
                               const struct vdc_uuid *uuid)
{
    struct decision *d = XNEW(struct decision);

    d->uuid = *uuid;
    TAILQ_INSERT_TAIL(&decisions->all, d, link);
    decisions->n += !is_part(d);
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
    struct decision *d = append(decisions, &from->uuid);
    d->number = from->number;
    d->customer = xstrdup(from->customer);
    d->guest = xstrdup(from->guest);
    d->host = xstrdup(from->host);
    d->time_ms = from->time_ms;
    d->whole = from->whole;
    d->text = xstrdup(from->text);
    note_run(decisions, d);
    enter(decisions, d);
}

static const char *host_text(const struct placement_view *view, uint32_t host)
{
    return host == PLACEMENT_NONE
               ? ""
               : placement_view_text(view,
                                     placement_view_host(view, host)->name);
}

/* ---- where a run begins ---- */

static uint64_t run_most(const struct placement_view *view)
{
    uint32_t n_hosts = placement_view_n_hosts(view);

    return n_hosts > RUN_MIN ? n_hosts : RUN_MIN;
}

/* Whether what was changed since then would be too much for one entry. */
static bool is_old(const struct placement_view *view, uint64_t version)
{
    return placement_view_version(view) - version >
               placement_view_n_hosts(view) / 8 ||
           !placement_view_knows(view, version);
}

/* The view has changed beyond that, or the run is nearly at its end. */
static bool wants_base(const struct decisions *decisions,
                       const struct placement_view *view)
{
    if (placement_view_n_hosts(view) <= PARTS_MIN)
        return false;
    return !decisions->version ||
           decisions->run_hosts >= run_most(view) / 4 * 3 ||
           is_old(view, decisions->version);
}

static bool is_base_whole(const struct decisions *decisions)
{
    return decisions->base.version &&
           decisions->base.n_written == decisions->base.n_hosts;
}

bool decisions_prepare(struct decisions *decisions,
                       const struct placement_view *view)
{
    uint32_t n;

    if (!wants_base(decisions, view)) {
        drop_base(decisions);
        return false;
    }
    if (decisions->base.version && is_old(view, decisions->base.version))
        drop_base(decisions);
    else if (is_base_whole(decisions))
        return false;
    n = decisions->n_parts++;
    decisions->parts = xrealloc(
        decisions->parts, decisions->n_parts * sizeof(*decisions->parts));
    decisions->parts[n] =
        placement_record_part(view, PART_HOSTS, &decisions->base);
    return !is_base_whole(decisions);
}

/* Its parts are entries. */
static void begin_run(struct decisions *decisions, uint64_t time_ms)
{
    static const struct vdc_uuid none;

    for (uint32_t i = 0; i < decisions->n_parts; i++) {
        struct decision *d = append(decisions, &none);
        d->number = ++decisions->last_number;
        d->customer = xstrdup("");
        d->guest = xstrdup("");
        d->host = xstrdup("");
        d->time_ms = time_ms;
        d->whole = i == 0;
        d->text = decisions->parts[i];
        decisions->parts[i] = NULL;
        note_run(decisions, d);
        if (decisions->keeper.put)
            decisions->keeper.put(decisions->keeper.arg, d);
    }
    decisions->version = decisions->base.version;
    decisions->run_hosts = 0;
    drop_base(decisions);
}

/* The version that the next one follows; 0: it is to be on the whole view.
 * When most of that is written, it is waited for. */
static uint64_t follow(struct decisions *decisions,
                       const struct placement_view *view, uint64_t time_ms)
{
    uint64_t most = run_most(view);

    decisions_prepare(decisions, view);
    if (is_base_whole(decisions) && wants_base(decisions, view))
        begin_run(decisions, time_ms);
    if (decisions->run_hosts < most ||
        (decisions->n_parts && decisions->run_hosts < 2 * most))
        return decisions->version;
    return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct decisions *decisions = arg;
    bool more = decisions_prepare(decisions, decisions->view);
    const struct timeval part = { 0, PART_MS * 1000 };
    const struct timeval look = { LOOK_MS / 1000, 0 };

    evtimer_add(decisions->timer, more ? &part : &look);
}

void decisions_tend(struct decisions *decisions, struct event_base *base,
                    const struct placement_view *view)
{
    const struct timeval part = { 0, PART_MS * 1000 };

    decisions->view = view;
    decisions->timer = evtimer_new(base, on_timer, decisions);
    evtimer_add(decisions->timer, &part);
}

/* ---- decisions ---- */

const struct decision *decisions_add(struct decisions *decisions,
                                     const struct placement_view *view,
                                     const struct placement_record *record,
                                     const char *customer, const char *guest,
                                     uint64_t time_ms)
{
    uint32_t n_hosts = placement_view_n_hosts(view), n_written;
    uint32_t winner = record->decision.winner.host;
    uint64_t since = follow(decisions, view, time_ms);
    struct decision *d = append(decisions, &record->request.uuid);

    d->text = placement_record_write(view, since, n_hosts / 2 + 1, record,
                                     &n_written, &d->whole);
    note_run(decisions, d);
    /* an entry without changes is not for nothing either */
    decisions->run_hosts = d->whole ? 0 : decisions->run_hosts + n_written + 1;
    decisions->version = placement_view_version(view);
    d->number = ++decisions->last_number;
    d->customer = xstrdup(customer);
    d->guest = xstrdup(guest);
    d->host = xstrdup(host_text(view, winner));
    d->time_ms = time_ms;
    enter(decisions, d);
    if (decisions->keeper.put)
        decisions->keeper.put(decisions->keeper.arg, d);
    forget_old(decisions);
    return d;
}

const struct decision *decisions_find(const struct decisions *decisions,
                                      const struct vdc_uuid *uuid)
{
    const struct decision key = { .uuid = *uuid };
    struct decision *const *found =
        tfind(&key, &decisions->newest[BY_UUID], by_uuid);

    return found ? *found : NULL;
}

const struct decision *decisions_find_name(const struct decisions *decisions,
                                           const char *customer,
                                           const char *guest)
{
    const struct decision key = { .customer = (char *)customer,
                                  .guest = (char *)guest };
    struct decision *const *found =
        tfind(&key, &decisions->newest[BY_NAME], by_name);

    return found ? *found : NULL;
}

static const struct decision *before(const struct decision *d)
{
    return TAILQ_PREV(d, decision_list, link);
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
