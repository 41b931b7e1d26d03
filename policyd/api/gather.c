/*
 * Fetching the pages of a list one after the other, of one host or of all at
 * the same time; see gather.h.
 */
#include "policyd/api/gather.h"

#include <event2/event.h>
#include <stdlib.h>

#include "policyd/api/operations.h"
#include "wire/page.h"

/* A host that is connected answers at once, unless it hangs. */
#define PART_MS 5000
/* What is kept of one host until its first page comes. */
#define GATHERING_SIZE 640

struct gathering {
    struct service *service;
    struct wire_pages pages; /* its arena holds this */
    service_done_fn *done;
    void *arg;
    bool keep; /* the arena is for who asked, when it has succeeded */
};

static void gathered(void *arg, const void *answer,
                     const struct vdc_error *why);

static int ask(struct gathering *g, struct vdc_error *err)
{
    return service_ask(g->service, g->pages.message->number, g->pages.query,
                       gathered, NULL, g, NULL, err);
}

static void gathered(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct gathering *g = arg;
    struct vdc_error err = { 0 };
    int rc = 0;

    if (why) {
        err = *why;
        rc = why->code;
    }
    if (!rc)
        rc = wire_pages_add(&g->pages, answer, &err);
    if (!rc && g->pages.more)
        rc = ask(g, &err);
    if (!rc && g->pages.more)
        return;
    struct arena *arena = rc || !g->keep ? g->pages.arena : NULL;
    g->done(g->arg, rc ? NULL : g->pages.list, rc ? &err : NULL);
    arena_free(arena);
}

static int begin(struct service *service, enum wire_message_number number,
                 const void *query, bool keep, service_done_fn *done,
                 void *arg, struct arena **ret_arena, struct vdc_error *err)
{
    const struct wire_struct *s = wire_message_by_number(number)->body;
    /* all hosts may be asked at once */
    struct arena *arena = arena_new_sized(GATHERING_SIZE);
    struct gathering *g = ARENA_NEW(arena, struct gathering);
    void *copy = arena_alloc(arena, s->size);
    int rc = wire_struct_copy(s, query, arena, copy, err);

    g->service = service;
    g->done = done;
    g->arg = arg;
    g->keep = keep;
    if (!rc) {
        wire_pages_init(&g->pages, number, copy, arena);
        rc = ask(g, err);
    }
    if (rc)
        arena_free(arena);
    else if (ret_arena)
        *ret_arena = arena;
    return rc;
}

int gather(struct service *service, enum wire_message_number number,
           const void *query, service_done_fn *done, void *arg,
           struct vdc_error *err)
{
    return begin(service, number, query, false, done, arg, NULL, err);
}

static void all_partitions(struct wire_partition_query *ret)
{
    wire_init(&wire_struct_partition_query, ret);
    ret->foreign = true;
}

int gather_partitions(struct service *service, service_done_fn *done,
                      void *arg, struct vdc_error *err)
{
    struct wire_partition_query query;

    all_partitions(&query);
    return gather(service, WIRE_MSG_partition_list, &query, done, arg, err);
}

/* ---- of all hosts ---- */

struct all;

struct part {
    struct all *all;
    size_t index;
    struct arena *arena; /* of its list */
    bool waits;
};

struct all {
    struct arena *arena; /* holds this */
    struct part *parts;
    struct gather_part *found;
    size_t n, n_waiting;
    struct event *limit;
    gather_all_fn *fn; /* NULL: called */
    void *arg;
};

static void all_tell(struct all *all)
{
    gather_all_fn *fn = all->fn;

    all->fn = NULL;
    if (fn)
        fn(all->arg, all->found, all->n);
}

static void all_free(struct all *all)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->found[i].list)
            arena_free(all->parts[i].arena);
    event_free(all->limit);
    arena_free(all->arena);
}

static void part_done(void *arg, const void *answer,
                      const struct vdc_error *why)
{
    struct part *part = arg;
    struct all *all = part->all;
    struct gather_part *found = &all->found[part->index];

    part->waits = false;
    found->list = answer;
    if (why)
        found->why = *why;
    if (--all->n_waiting)
        return;
    all_tell(all);
    all_free(all);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct all *all = arg;

    for (size_t i = 0; i < all->n; i++)
        if (all->parts[i].waits)
            vdc_error_set(&all->found[i].why, VDC_E_TIMEOUT,
                          "host %s has not answered in %d s",
                          all->found[i].host, PART_MS / 1000);
    all_tell(all);
}

static struct all *all_new(struct operations *ops, gather_all_fn *fn,
                           void *arg)
{
    const struct timeval limit = { PART_MS / 1000, 0 };
    struct arena *arena = arena_new();
    struct all *all = ARENA_NEW(arena, struct all);
    size_t room = hosts_count(ops->hosts) + 1;

    all->arena = arena;
    all->parts = ARENA_ARRAY(arena, room, struct part);
    all->found = ARENA_ARRAY(arena, room, struct gather_part);
    all->fn = fn;
    all->arg = arg;
    all->limit = evtimer_new(ops->base, on_limit, all);
    evtimer_add(all->limit, &limit);
    return all;
}

void gather_all(struct operations *ops, enum wire_message_number number,
                const void *query,
                bool (*wanted)(void *arg, const struct host *host),
                gather_all_fn *fn, void *arg)
{
    struct all *all = all_new(ops, fn, arg);
    struct host *host;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host)) {
        if (wanted && !wanted(arg, host))
            continue;
        struct part *part = &all->parts[all->n];
        struct gather_part *found = &all->found[all->n];
        *part = (struct part){ .all = all, .index = all->n++ };
        found->host = arena_strdup(all->arena, host->name);
        part->waits = begin(host->service, number, query, true, part_done,
                            part, &part->arena, &found->why) == 0;
        all->n_waiting += part->waits;
    }
    if (all->n_waiting)
        return;
    all_tell(all);
    all_free(all);
}

void gather_all_partitions(struct operations *ops,
                           bool (*wanted)(void *arg, const struct host *host),
                           gather_all_fn *fn, void *arg)
{
    struct wire_partition_query query;

    all_partitions(&query);
    gather_all(ops, WIRE_MSG_partition_list, &query, wanted, fn, arg);
}

bool gather_none(const struct gather_part *parts, size_t n_parts,
                 struct vdc_error *err)
{
    for (size_t i = 0; i < n_parts; i++)
        if (parts[i].list)
            return false;
    if (n_parts)
        *err = parts[0].why;
    return n_parts > 0;
}
