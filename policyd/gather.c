/*
 * Fetching the pages of a list one after the other; see gather.h.
 */
#include "policyd/gather.h"

#include "wire/page.h"

struct gathering {
    struct service *service;
    struct wire_pages pages; /* its arena holds this */
    service_done_fn *done;
    void *arg;
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
    g->done(g->arg, rc ? NULL : g->pages.list, rc ? &err : NULL);
    arena_free(g->pages.arena);
}

int gather(struct service *service, enum wire_message_number number,
           const void *query, service_done_fn *done, void *arg,
           struct vdc_error *err)
{
    const struct wire_struct *s = wire_message_by_number(number)->body;
    struct arena *arena = arena_new();
    struct gathering *g = ARENA_NEW(arena, struct gathering);
    void *copy = arena_alloc(arena, s->size);
    int rc = wire_struct_copy(s, query, arena, copy, err);

    g->service = service;
    g->done = done;
    g->arg = arg;
    if (!rc) {
        wire_pages_init(&g->pages, number, copy, arena);
        rc = ask(g, err);
    }
    if (rc)
        arena_free(arena);
    return rc;
}

int gather_partitions(struct service *service, service_done_fn *done,
                      void *arg, struct vdc_error *err)
{
    struct wire_partition_query query;

    wire_init(&wire_struct_partition_query, &query);
    query.foreign = true;
    return gather(service, WIRE_MSG_partition_list, &query, done, arg, err);
}
