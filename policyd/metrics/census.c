/*
 * Counts hosts and guests; see census.h.
 */
#include "policyd/metrics/census.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "policyd/store/table.h"

enum census_host census_of_host(const struct host *host)
{
    if (host->why.code == VDC_E_EXISTS)
        return CENSUS_TWIN;
    if (host->why.code == VDC_E_STORE_CORRUPT)
        return CENSUS_DAMAGED;
    if (host->record.state == WIRE_HOST_MAINTENANCE)
        return CENSUS_MAINTENANCE; /* it may go down */
    if (!host->up || host->why.code || !*host->report.name)
        return CENSUS_DOWN;
    return host->record.state == WIRE_HOST_DRAINING ? CENSUS_DRAINING
                                                    : CENSUS_UP;
}

const char *census_host_word(enum census_host state)
{
    switch (state) {
    case CENSUS_UP:
        return "up";
    case CENSUS_DRAINING:
        return "draining";
    case CENSUS_MAINTENANCE:
        return "maintenance";
    case CENSUS_DOWN:
        return "down";
    case CENSUS_DAMAGED:
        return "damaged";
    case CENSUS_TWIN:
        return "twin";
    }
    return "?";
}

const char *census_guest_word(enum census_guest state)
{
    switch (state) {
    case CENSUS_RUNNING:
        return "running";
    case CENSUS_STOPPED:
        return "stopped";
    case CENSUS_CREATING:
        return "creating";
    case CENSUS_DELETING:
        return "deleting";
    case CENSUS_MOVING:
        return "moving";
    case CENSUS_KEPT:
        return "kept";
    case CENSUS_MISSING:
        return "missing";
    case CENSUS_UNKNOWN:
        return "unknown";
    }
    return "?";
}

static enum census_guest state_of(const struct assignment *a, bool answers)
{
    if (a->state == ASSIGNMENT_CREATING)
        return CENSUS_CREATING;
    if (a->state == ASSIGNMENT_DELETING)
        return CENSUS_DELETING;
    if (a->move && a->move->state == WIRE_MOVE_KEPT && !a->runs)
        return CENSUS_KEPT;
    if (book_moves(a))
        return CENSUS_MOVING;
    if (!answers)
        return CENSUS_UNKNOWN;
    if (a->missing)
        return CENSUS_MISSING;
    return book_runs(a) ? CENSUS_RUNNING : CENSUS_STOPPED;
}

static bool does_answer(const struct host *host)
{
    return host && host->up && !host->why.code && *host->report.name;
}

static void take_host(const struct host *host, struct census *ret)
{
    ret->hosts[census_of_host(host)]++;
    if (!does_answer(host))
        return;
    ret->total_memory.kib += host->report.total_memory.kib;
    ret->available_memory.kib += host->report.available_memory.kib;
    ret->pcpus += host->report.pcpus;
    ret->vcpus += host->report.vcpus;
}

/* ---- a walk ---- */

struct census_run {
    LIST_ENTRY(census_run) link;
    struct operations *ops;
    struct event *turn;
    census_fn *fn;
    void *arg;
    struct census census;
    struct table by_customer;
    struct arena *arena; /* of the customers */
    char *last;          /* the host that was counted last; NULL: none yet */
};

static bool is_of(const void *item, const void *key)
{
    const struct census_customer *c = item;

    return c->customer == key;
}

/* It may be deleted before the end, and is only looked for then. */
static struct census_customer *of_customer(struct census_run *run,
                                           const struct customer *customer)
{
    uint32_t hash = table_hash(&customer, sizeof(customer), 0);
    struct census_customer *c =
        table_find(&run->by_customer, hash, is_of, customer);

    if (c)
        return c;
    c = ARENA_NEW(run->arena, struct census_customer);
    c->customer = customer;
    table_add(&run->by_customer, hash, c);
    return c;
}

static void count_guest(struct census_run *run, const struct assignment *a,
                        bool answers)
{
    struct census_customer *c = of_customer(run, a->customer);

    run->census.guests[state_of(a, answers)]++;
    c->memory.kib += a->counts.memory.kib;
    c->disk.kib += a->counts.disk.kib;
    c->vcpus += a->counts.vcpus;
    c->guests++;
}

static size_t count_there(struct census_run *run,
                          const struct book_host *there, bool answers)
{
    const struct assignment *a;

    TAILQ_FOREACH (a, &there->assignments, link_there)
        count_guest(run, a, answers);
    return there->n_assignments;
}

static const struct host *next_host(const struct census_run *run)
{
    const struct hosts *hosts = run->ops->hosts;
    const struct host *host =
        run->last ? hosts_find(hosts, run->last) : hosts_first(hosts);

    if (!run->last)
        return host;
    if (host)
        return hosts_next(host);
    /* it was removed meanwhile */
    host = hosts_first(hosts);
    while (host && strcmp(host->name, run->last) <= 0)
        host = hosts_next(host);
    return host;
}

/* Guests on hosts that are none of ours any more: policyd.conf has given its
 * own another name. */
static void count_others(struct census_run *run)
{
    const struct book *book = run->ops->book;

    for (const struct book_host *there = book_hosts(book); there;
         there = book_host_next(there))
        if (there->n_assignments && !hosts_find(run->ops->hosts, there->name))
            count_there(run, there, false);
}

static void finish(struct census_run *run)
{
    const struct customer_list *list = book_customers(run->ops->book);
    const struct customer *customer;
    struct census_customer *all;
    size_t n = 0;

    count_others(run);
    TAILQ_FOREACH (customer, list, link)
        n++;
    all = ARENA_ARRAY(run->arena, n + 1, struct census_customer);
    n = 0;
    TAILQ_FOREACH (customer, list, link)
        all[n++] = *of_customer(run, customer);
    run->fn(run->arg, &run->census, all, n);
    census_cancel(run);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval now = { 0, 0 };
    struct census_run *run = arg;
    const struct host *host = next_host(run), *last = NULL;
    uint64_t begun_us = metrics_cpu_us();
    size_t n = 0;

    for (; host && n < CENSUS_AT_ONCE; host = hosts_next(host)) {
        const struct book_host *there = book_host(run->ops->book, host->name);
        take_host(host, &run->census);
        n += 1 + (there ? count_there(run, there, does_answer(host)) : 0);
        last = host;
    }
    uint64_t took_us = metrics_cpu_us() - begun_us;
    if (took_us > run->census.longest_us)
        run->census.longest_us = took_us;
    if (!host) {
        finish(run);
        return;
    }
    free(run->last);
    run->last = xstrdup(last->name);
    event_add(run->turn, &now);
}

struct census_run *census_begin(struct operations *ops, census_fn *fn,
                                void *arg)
{
    static const struct timeval now = { 0, 0 };
    struct census_run *run = XNEW(struct census_run);

    run->ops = ops;
    run->fn = fn;
    run->arg = arg;
    run->arena = arena_new();
    LIST_INSERT_HEAD(&ops->censuses, run, link);
    run->turn = evtimer_new(ops->base, on_turn, run);
    if (!run->turn)
        abort(); /* out of memory */
    event_add(run->turn, &now);
    return run;
}

void census_cancel(struct census_run *run)
{
    if (!run)
        return;
    LIST_REMOVE(run, link);
    event_free(run->turn);
    table_fini(&run->by_customer);
    arena_free(run->arena);
    free(run->last);
    free(run);
}

void census_stop(struct operations *ops)
{
    struct census_run *run;

    while ((run = LIST_FIRST(&ops->censuses))) {
        run->fn(run->arg, NULL, NULL, 0);
        census_cancel(run);
    }
}
